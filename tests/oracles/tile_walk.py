"""A GEMM block by block: what is fetched, what is written, and when.

Nothing here is clever. The walk visits every block in order, remembers what the shared SRAM holds,
and adds up seconds and words one event at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

HOLD_A, HOLD_B, HOLD_C = 1, 2, 4


@dataclass(frozen=True)
class Case:
    """A GEMM [M,K] x [K,N] cut into blocks m2 x n2 x k2 that follow one another in an order."""

    size: dict[str, int]  # M, N, K by letter
    block: dict[str, int]  # m2, n2, k2 by letter
    order: str  # outermost loop first, e.g. "mnk"
    hold: int = 0  # sum of HOLD bits


@dataclass
class Moved:
    """Words that crossed."""

    a: int = 0
    b: int = 0
    partial_read: int = 0
    partial_write: int = 0
    output: int = 0


@dataclass
class Step:
    """One block: its extents and what it makes move."""

    extent: dict[str, int]
    edge: tuple[bool, bool, bool]
    moved: Moved = field(default_factory=Moved)


def spans(size: int, block: int) -> list[int]:
    """Extents of the blocks along one dimension.

    >>> spans(10, 4)
    [4, 4, 2]
    """
    return [min(block, size - start) for start in range(0, size, block)]


def walk_blocks(case: Case) -> list[Step]:
    """Every block in order with the words it reads before and writes after it is computed."""
    cuts = {d: spans(case.size[d], case.block[d]) for d in "mnk"}
    indices = [
        dict(zip(case.order, position, strict=True))
        for position in product(*(range(len(cuts[d])) for d in case.order))
    ]
    seen_a: set[tuple[int, int]] = set()
    seen_b: set[tuple[int, int]] = set()
    steps = []
    for number, index in enumerate(indices):
        before = indices[number - 1] if number > 0 else None
        after = indices[number + 1] if number + 1 < len(indices) else None
        extent = {d: cuts[d][index[d]] for d in "mnk"}
        ends = {d: index[d] == len(cuts[d]) - 1 for d in "mnk"}
        step = Step(extent, (ends["m"], ends["n"], ends["k"]))
        block_a = (index["m"], index["k"])
        block_b = (index["k"], index["n"])
        block_c = (index["m"], index["n"])
        # A block of A that the SRAM has is not read; a held one is never forgotten.
        has_a = before is not None and (before["m"], before["k"]) == block_a
        if case.hold & HOLD_A:
            has_a = block_a in seen_a
        if not has_a:
            step.moved.a = extent["m"] * extent["k"]
        has_b = before is not None and (before["k"], before["n"]) == block_b
        if case.hold & HOLD_B:
            has_b = block_b in seen_b
        if not has_b:
            step.moved.b = extent["k"] * extent["n"]
        seen_a.add(block_a)
        seen_b.add(block_b)
        outputs = extent["m"] * extent["n"]
        first, last = index["k"] == 0, index["k"] == len(cuts["k"]) - 1
        if case.hold & HOLD_C:
            if last:
                step.moved.output = outputs
        else:
            here = before is not None and (before["m"], before["n"]) == block_c
            if not here and not first:
                step.moved.partial_read = outputs
            leaves = after is None or (after["m"], after["n"]) != block_c
            if leaves and last:
                step.moved.output = outputs
            if leaves and not last:
                step.moved.partial_write = outputs
        steps.append(step)
    return steps


def words(case: Case) -> Moved:
    """All words of the walk."""
    total = Moved()
    for step in walk_blocks(case):
        total.a += step.moved.a
        total.b += step.moved.b
        total.partial_read += step.moved.partial_read
        total.partial_write += step.moved.partial_write
        total.output += step.moved.output
    return total


@dataclass(frozen=True)
class Costs:
    """Seconds of an element moved, and of a block computed."""

    read_a: float
    read_b: float
    read_partial: float
    write: float
    write_partial: float
    compute: Callable[[Step], float]


def overlap(parts: list[float], exponent: float) -> float:
    """Seconds of activities that overlap imperfectly."""
    largest = max(parts)
    if largest == 0.0 or math.isinf(exponent):
        return largest
    total = sum(math.pow(part / largest, exponent) for part in parts)
    return largest * math.pow(total, 1.0 / exponent)


@dataclass(frozen=True)
class Seconds:
    """What the walk took."""

    total: float
    head: float
    tail: float
    memory: float
    compute: float


def seconds(case: Case, costs: Costs, exponent: float, kind: str) -> Seconds:
    """Walk the blocks: the next block is read while this one is computed."""
    steps = walk_blocks(case)

    def reading(step: Step) -> float:
        return (
            step.moved.a * costs.read_a
            + step.moved.b * costs.read_b
            + step.moved.partial_read * costs.read_partial
        )

    def writing(step: Step) -> float:
        return step.moved.output * costs.write + step.moved.partial_write * costs.write_partial

    head = reading(steps[0])
    parts, memory, compute = [head], [head], []
    spent = 0.0
    for number, step in enumerate(steps):
        read = reading(steps[number + 1]) if number + 1 < len(steps) else 0.0
        write = writing(step)
        busy = costs.compute(step)
        if kind == "streamed":
            spent = overlap([read + write, busy], exponent)
        elif kind == "serial":
            spent = overlap([read, busy], exponent) + write
        elif kind == "duplex":
            spent = overlap([read, busy, write], exponent)
        elif kind == "single":
            spent = read + busy + write
        else:
            raise ValueError(kind)
        parts.append(spent)
        memory += [read, write]
        compute.append(busy)
    return Seconds(math.fsum(parts), head, spent, math.fsum(memory), math.fsum(compute))
