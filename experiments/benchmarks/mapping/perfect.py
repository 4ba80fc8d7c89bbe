r"""AccelForge's semantics: everything overlaps, nothing fills, one copy of a block is enough.

.. math:: t = \max\left(\frac{cycles}{f}, \frac{b \, (X_A + X_B + X_C)}{BW}\right)

with :math:`X` the words between memory and SRAM (`costmodel.timing.traffic`). Partial sums are as
wide as operands. A mapping fits when one block, or the panel of an operand that stays, of each
operand fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from experiments.benchmarks.mapping.candidates import Candidates
from experiments.benchmarks.mapping.machine import Gemm, Machine
from experiments.benchmarks.mapping.points import Points

LOOP = re.compile(r"for (\w) in \[0\.\.(\d+)\)")
STORED = re.compile(r"SharedSRAM reuses (.*)")
"""Loops and storage as AccelForge prints the nodes of a mapping."""


@dataclass(frozen=True)
class Frontier:
    """The mappings of least traffic for every SRAM, smallest need first ``[F]``."""

    need: Tensor  # [byte]
    moved: Tensor  # bytes between memory and SRAM, falling [byte]
    number: Tensor  # of the candidate


def frontier(candidates: Candidates, element: int) -> Frontier:
    """Reduce all candidates to those that no other beats in both need and traffic."""
    need = element * sum(candidates.stored(operand) for operand in "abc")
    assert isinstance(need, Tensor)
    moved = element * candidates.moved
    # Stable sorts, traffic first: of equal needs the least traffic leads.
    by_moved = torch.argsort(moved, stable=True)
    order = by_moved[torch.argsort(need[by_moved], stable=True)]
    least = torch.cummin(moved[order], 0).values
    before = torch.cat([torch.full((1,), torch.inf, dtype=torch.float64), least[:-1]])
    kept = order[moved[order] < before]
    return Frontier(need[kept], moved[kept], kept)


def array_cycles(gemm: Gemm, machine: Machine) -> float:
    """Cycles of a full array: no fill, no drain, whole folds."""
    folds = -(-gemm.depth // machine.rows) * -(-gemm.columns // machine.columns)
    return float(folds * gemm.rows)


def best(table: Frontier, cycles: float, points: Points) -> tuple[Tensor, Tensor]:
    """Least latency of every hardware point and the candidate that has it ``[B]``.

    Parameters
    ----------
    table : Frontier
    cycles : float
        Of the array [cycle].
    points : Points
    """
    place = torch.searchsorted(table.need, points.sram, right=True) - 1
    found = torch.clamp(place, min=0)
    seconds = torch.maximum(cycles / points.clock, table.moved[found] / points.bandwidth)
    return torch.where(place >= 0, seconds, torch.inf), table.number[found]


def loops_moved(gemm: Gemm, nodes: list[str]) -> tuple[float, float]:
    """Words that memory reads and writes under a nest of AccelForge ``(read, written)``.

    An operand moves once for every pass of the loops outside its storage that it has nothing to
    do with, those inside its innermost own loop left out; sums return on every pass but the first.
    """
    sizes = {"A": gemm.rows * gemm.depth, "W": gemm.depth * gemm.columns,
             "C": gemm.rows * gemm.columns}  # fmt: skip
    own = {"A": "mk", "W": "kn", "C": "mn"}
    outside: list[tuple[str, int]] = []
    passes: dict[str, int] = {}
    for node in nodes:
        if loop := LOOP.match(node):
            outside.append((loop[1], int(loop[2])))
        elif stored := STORED.match(node):
            for tensor in stored[1].split(", "):
                last = max((i for i, (dim, _) in enumerate(outside) if dim in own[tensor]),
                           default=-1)  # fmt: skip
                passes[tensor] = prod(
                    trips for dim, trips in outside[: last + 1] if dim not in own[tensor]
                )
    read = sum(sizes[name] * passes[name] for name in "AW") + sizes["C"] * (passes["C"] - 1)
    return float(read), float(sizes["C"] * passes["C"])
