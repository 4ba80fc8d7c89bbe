"""LLMCompass's semantics: reading overlaps with the array, writing waits, blocks are held twice.

The class-sum with ``step="serial"``: for each block the longer of reading it and computing the one
before, then the write of sums that are done. An array is 99 % used for long tiles, 98 % for
shorter ones, else as in SCALE-Sim's output-stationary walk. All sums are as wide as operands.

References
----------
Zhang et al., LLMCompass, ISCA 2024; read in software_model/matmul.py of commit 2e015fd.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.timing.class_sum import class_sum
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.traffic import blocks
from experiments.benchmarks.mapping.candidates import Candidates
from experiments.benchmarks.mapping.machine import Machine
from experiments.benchmarks.mapping.points import Points

LONG, SHORT = 128.0, 64.0
"""Folds' streams, in heights of the array, from which on use is a constant."""
USE_LONG, USE_SHORT = 0.99, 0.98
BUFFERS = 2.0
EDGES = 3.0
"""Cycles of its outer level, which moves the whole product as one tile at no cost: a read of each
operand and a write, rounded up to a cycle each."""
TOGETHER = 16
"""Hardware points weighed at once: their candidates fit the cache."""
SMALL = 16
"""Candidates that are summed exactly at first; more where a bound does not rule the rest out."""


@dataclass(frozen=True)
class Prepared:
    """What does not depend on the hardware point ``[C]``."""

    candidates: Candidates
    compute: Tensor  # of a block by its edges [C,8] [cycle]
    reads: Tensor  # [byte]
    writes: Tensor  # [byte]
    head: Tensor  # first read [byte]
    cycles: Tensor  # of all blocks [cycle]
    need: Tensor  # [byte]


def array_cycles(machine: Machine, rows: Tensor, columns: Tensor, depth: Tensor) -> Tensor:
    """Cycles of one tile.

    A tile lower or narrower than the array is taken to use its share of it *over* 98 %, so it
    runs faster than the multipliers could: their rule, kept.
    """
    height, width = float(machine.rows), float(machine.columns)
    long, work = max(height, width), rows * columns * depth / (height * width)
    folds = torch.ceil(rows / height) * torch.ceil(columns / width)
    walk = folds * (depth + height + width - 2.0) - 1.0
    low, narrow = rows < height, columns < width
    use_rows = torch.where(low, rows / height, torch.ones_like(rows))
    use_columns = torch.where(narrow, columns / width, torch.ones_like(columns))
    share = use_rows * use_columns
    stream = work / share / long
    whole = ~low & ~narrow
    found = torch.where(
        whole & (stream >= LONG),
        torch.ceil(work / USE_LONG),
        torch.where(
            stream >= SHORT,
            torch.ceil(work / torch.where(whole, USE_SHORT, share / USE_SHORT)),
            walk,
        ),
    )
    return torch.where(work > 0.0, found, 0.0)


def prepare(candidates: Candidates, machine: Machine) -> Prepared:
    """Cycles of the blocks and bytes of the mappings."""
    c, element = candidates, float(machine.element)
    cut = blocks(c.product, c.mapping)
    sizes = [
        torch.stack([(cut.edge if index & bit else cut.full)[d] for index in range(8)], -1)
        for d, bit in enumerate((4, 2, 1))
    ]
    compute = array_cycles(machine, *sizes)
    often = [
        torch.stack(
            [(torch.ones_like(cut.trips) if index & bit else cut.trips - 1.0)[d]
             for index in range(8)], -1
        )
        for d, bit in enumerate((4, 2, 1))
    ]  # fmt: skip
    words = c.words
    full = {dim: cut.full[d] for d, dim in enumerate("mnk")}
    return Prepared(
        candidates=c,
        compute=compute,
        reads=element * (words.a + words.b + words.partial_read),
        writes=element * (words.partial_write + words.output),
        head=element * full["k"] * (full["m"] + full["n"]),
        cycles=(compute * often[0] * often[1] * often[2]).sum(-1),
        need=BUFFERS * element * (c.tile("a") + c.tile("b") + c.tile("c")),
    )


def cycles(table: Prepared, number: Tensor, per_cycle: Tensor, machine: Machine) -> Tensor:
    """Exact cycles of candidates ``number [B,S]`` at memory speeds ``per_cycle [B,1]``."""
    chosen = table.candidates.pick(number)
    each = machine.element / per_cycle
    return class_sum(
        Product(**vars(chosen.product)),
        Mapping(**vars(chosen.mapping)),
        each, each, each, each, each,
        table.compute[number],
        torch.full_like(each, torch.inf),
        step="serial",
    ).total  # fmt: skip


def best(table: Prepared, points: Points, machine: Machine) -> tuple[Tensor, Tensor]:
    """Least latency of every hardware point [s] and the candidate that has it ``[B]``.

    No sum is below its head, its writes and the longer of the array's cycles and the other reads;
    candidates are summed exactly in the order of that bound until it rules out the rest.
    """
    parts = [_best(table, some, machine) for some in points.split(TOGETHER)]
    found = torch.cat([part[0] for part in parts])
    return found / points.clock, torch.cat([part[1] for part in parts])


def _best(table: Prepared, points: Points, machine: Machine) -> tuple[Tensor, Tensor]:
    """Cycles and candidate of some points ``[B]``."""
    speed, room = points.bytes_per_cycle, points.room
    rest = torch.maximum((table.reads - table.head) / speed, table.cycles)
    bound = (table.head + table.writes) / speed + rest
    bound = torch.where(table.need <= room, bound, torch.inf)
    count, size = bound.shape
    least = torch.full((count,), torch.inf, dtype=torch.float64)
    chosen = torch.zeros(count, dtype=torch.long)
    pending, width = torch.arange(count), min(SMALL, size)
    while pending.numel():
        here = bound[pending]
        if width < size:
            lowest = torch.topk(here, width + 1, largest=False)
            number, unseen = lowest.indices[:, :width], lowest.values[:, width]
        else:
            number = torch.arange(size).expand(pending.numel(), size)
            unseen = torch.full((pending.numel(),), torch.inf, dtype=torch.float64)
        exact = cycles(table, number, speed[pending], machine)
        exact = torch.where(here.gather(-1, number) < torch.inf, exact, torch.inf)
        least[pending], place = exact.min(-1)
        chosen[pending] = number.gather(-1, place.unsqueeze(-1)).squeeze(-1)
        pending = pending[least[pending] > unseen]
        width = min(4 * width, size)
    return least, chosen
