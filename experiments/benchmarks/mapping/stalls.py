r"""ZigZag's semantics: the array's cycles, stalls of memory ports, first loads and the last store.

With double-buffered blocks and one memory port

.. math:: t = T + SS + \max(r_I, r_W + w) + r_O + d

where :math:`r` is the time of one block of an operand at the port, :math:`w` that of one fold of
weights, :math:`d` the drain of the array, and the stalls are

.. math:: SS = \sum_{i: r_i > p_i} (r_i - p_i)(c_i - 1)
   + \max\left(0, \sum_{i: r_i \le p_i} (r_i - p_i)(c_i - 1) + \sum_i p_i (c_i - 1) - T\right)

over what the port moves: blocks of the operands, each :math:`c` times with period :math:`p = T/c`.
Partial sums that return are 4 bytes wide both ways. The first loads of both operands are taken to
happen at once although they share the port, and no operand's first block counts as a stall.

References
----------
Mei et al., A uniform latency model for DNN accelerators with diverse architectures and dataflows,
DATE 2022; read in zigzag/cost_model/cost_model.py of version 3.9.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.timing.mapping import ORDERS
from experiments.benchmarks.mapping.candidates import Candidates
from experiments.benchmarks.mapping.machine import Machine
from experiments.benchmarks.mapping.points import Points

HALF = 0.5
"""An SRAM is double-buffered while what is being replaced fills at most half of it."""


TOGETHER = 16
"""Hardware points weighed at once: their candidates fit the cache."""


@dataclass(frozen=True)
class Movement:
    """Blocks of one operand through the memory port ``[...]``."""

    times: Tensor  # [count]
    bytes: Tensor  # of one [byte]


@dataclass(frozen=True)
class Terms:
    """Cycles that add up to the latency ``[...]``."""

    array: Tensor
    stalls: Tensor
    first_loads: Tensor
    last_store: Tensor
    drain: Tensor

    @property
    def total(self) -> Tensor:
        """Latency [cycle]."""
        return self.array + self.stalls + self.first_loads + self.last_store + self.drain


def latency(
    cycles: Tensor,
    inputs: Movement,
    weights: Movement,
    outputs: Movement,
    spilled: Tensor,
    per_cycle: Tensor,
    machine: Machine,
) -> Terms:
    """Terms of the latency.

    Parameters
    ----------
    cycles : Tensor
        Of the array [cycle].
    inputs, weights, outputs : Movement
    spilled : Tensor
        1 where partial sums leave the SRAM and return.
    per_cycle : Tensor
        Of the memory [byte/cycle].
    machine : Machine
        For the fold of weights and the drain of the array.
    """
    moves = (
        (inputs, torch.ones_like(spilled)),
        (weights, torch.ones_like(spilled)),
        (outputs, torch.ones_like(spilled)),
        (outputs, spilled),
    )
    stalled = slack = windows = torch.zeros_like(spilled)
    for move, there in moves:
        period = cycles / move.times
        again = there * (move.times - 1.0)
        over = (torch.ceil(move.bytes / per_cycle) - period) * again
        stalled = stalled + over.clamp_min(0.0)
        slack = slack + over.clamp_max(0.0)
        windows = windows + period * again
    fold = machine.rows * machine.columns * machine.element
    feed = max(machine.rows * machine.element, machine.columns * machine.accumulator)
    return Terms(
        array=cycles,
        stalls=stalled + (slack + windows - cycles).clamp_min(0.0),
        first_loads=torch.maximum(
            torch.ceil(inputs.bytes / per_cycle),
            torch.ceil(weights.bytes / per_cycle) + fold / feed,
        ),
        last_store=torch.ceil(outputs.bytes / per_cycle),
        drain=torch.full_like(cycles, machine.rows + machine.columns - 2.0),
    )


@dataclass(frozen=True)
class Prepared:
    """What does not depend on the hardware point ``[C]``."""

    cycles: Tensor
    inputs: Movement
    weights: Movement
    outputs: Movement
    spilled: Tensor
    need: Tensor  # smallest SRAM that takes the mapping double-buffered [byte]

    @property
    def moved(self) -> Tensor:
        """Bytes between memory and SRAM ``[C]``."""
        return moved(self.inputs, self.weights, self.outputs, self.spilled)


def prepare(candidates: Candidates, machine: Machine) -> Prepared:
    """Counts, sizes and needs of candidates whose blocks divide the dimensions.

    The need is infinite where an operand is loaded once only, as ZigZag hides such a load by
    another rule, and where rows are too few to hide the next fold's weights.
    """
    c, element = candidates, float(machine.element)
    words, block = c.words, c.block
    spilled = (words.partial_write > 0.0).double()
    width = spilled * machine.accumulator + (1.0 - spilled) * element
    folds = {"n": block["n"] / machine.columns, "k": block["k"] / machine.rows}
    last = _innermost(c)
    # What is replaced last in a block decides whether it must be kept twice: the depth runs
    # outermost in a block, then columns, then rows.
    ones = torch.ones_like(spilled)
    chunk_a = torch.where(last == 1, ones, folds["k"])
    chunk_b = torch.where(last == 0, ones, folds["k"] * folds["n"])
    whole = (folds["k"] == 1.0) & (last != 2)
    chunk_c = torch.where(whole, c.tile("c"), ones)
    live = (
        c.tile("a") * element / chunk_a
        + c.tile("b") * element / chunk_b
        + c.tile("c") * width / chunk_c
    )
    fits = element * (c.tile("a") + c.tile("b")) + machine.accumulator * c.tile("c")
    counts = {
        "a": words.a / c.tile("a"),
        "b": words.b / c.tile("b"),
        "c": (words.partial_write + words.output) / c.tile("c"),
    }
    short = block["m"] < machine.rows
    left_out = short | (counts["a"] == 1.0) | (counts["b"] == 1.0) | (counts["c"] == 1.0)
    need = torch.maximum(fits, live / HALF)
    cycles = c.product.rows * c.product.columns * c.product.depth
    return Prepared(
        cycles=cycles / (machine.rows * machine.columns),
        inputs=Movement(counts["a"], element * c.tile("a")),
        weights=Movement(counts["b"], element * c.tile("b")),
        outputs=Movement(counts["c"], width * c.tile("c")),
        spilled=spilled,
        need=torch.where(left_out, torch.inf, need),
    )


def moved(inputs: Movement, weights: Movement, outputs: Movement, spilled: Tensor) -> Tensor:
    """Bytes between memory and SRAM; a spilled sum returns every time it left but the first."""
    back = spilled * outputs.bytes * (outputs.times - 1.0)
    return sum((move.times * move.bytes for move in (inputs, weights, outputs)), back)


def terms(table: Prepared, per_cycle: Tensor, machine: Machine) -> Terms:
    """Terms of prepared candidates at a memory speed, broadcast ``[...,C]``."""
    return latency(
        table.cycles + 0.0 * per_cycle,
        table.inputs,
        table.weights,
        table.outputs,
        table.spilled,
        per_cycle,
        machine,
    )


def best(table: Prepared, points: Points, machine: Machine) -> tuple[Tensor, Tensor]:
    """Least latency of every hardware point [s] and the candidate that has it ``[B]``."""
    parts = []
    for some in points.split(TOGETHER):
        found = terms(table, some.bytes_per_cycle, machine).total
        parts.append(torch.where(table.need <= some.room, found, torch.inf).min(-1))
    cycles = torch.cat([part.values for part in parts])
    return cycles / points.clock, torch.cat([part.indices for part in parts])


def _innermost(c: Candidates) -> Tensor:
    """Innermost loop over blocks that runs more than once: 0 m, 1 n, 2 k, 3 none ``[C]``."""
    place = torch.full_like(c.mapping.order, 3.0)
    for position in range(3):
        for number, order in enumerate(ORDERS):
            dim = order[position]
            runs = (c.mapping.order == number) & (c.trips[dim] > 1.0)
            place = torch.where(runs, float("mnk".index(dim)), place)
    return place
