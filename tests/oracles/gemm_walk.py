"""A whole GEMM on a compiled machine, walked: blocks, tiles dealt to cores, folds dealt to arrays.

Every block is timed from its own extents; nothing is shared between blocks that look alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import cycle, product

from tests.oracles.tile_walk import Case, Costs, Step, overlap, seconds, spans

Machine = dict[str, float]


@dataclass(frozen=True)
class Tiling:
    """What the cores do with a block."""

    rows: int
    columns: int
    pieces: int


def deal(items: int, hands: int) -> int:
    """Deal items in turn; the most that anyone holds."""
    held = [0] * hands
    for _, hand in zip(range(items), cycle(range(hands)), strict=False):
        held[hand] += 1
    return max(held)


def array_cycles(machine: Machine, rows: int, columns: int, depth: int) -> float:
    """Cycles of a core for one tile: part of the fills is hidden, the rest is paid each time."""
    height, width = int(machine["rows"]), int(machine["columns"])
    rate, arrays, hidden = int(machine["rate"]), int(machine["arrays"]), machine["hidden_fill"]
    deep = int(machine["instruction_depth"])
    if machine["weight_stationary"] or machine["input_stationary"]:
        stream, kept = (rows, columns) if machine["weight_stationary"] else (columns, rows)
        folds = deal(len(spans(depth, height * rate)) * len(spans(kept, width)), arrays)
        fill = height + (height - 1) + (width - 1)
        together = folds * max(stream, height) + fill
        apart = folds * (stream + fill)
    else:
        folds = deal(len(spans(rows, height)) * len(spans(columns, width)), arrays)
        step = max(deep, rate)
        beats = len(spans(depth, step)) * step // rate
        fill = step // rate if deep else height - 1 + width - 1
        together = folds * beats + fill
        apart = folds * (beats + fill)
    return hidden * together + (1.0 - hidden) * apart


def block_seconds(machine: Machine, case: Case, tiling: Tiling, extent: dict[str, int]) -> float:
    """Seconds of one block on the cores."""
    cores, width = int(machine["cores"]), machine["element_bytes"]
    sums = machine["accumulator_bytes"]
    m, n, k = (extent[d] for d in "mnk")
    tiles = list(product(spans(m, tiling.rows), spans(n, tiling.columns), range(tiling.pieces)))
    waves = deal(len(tiles), cores)
    rows, columns = max(tile[0] for tile in tiles), max(tile[1] for tile in tiles)
    depth = math.ceil(k / tiling.pieces)
    passes = len(spans(case.size["k"], case.block["k"]))
    whole_block = (
        len(spans(case.block["m"], tiling.rows))
        * len(spans(case.block["n"], tiling.columns))
        * tiling.pieces
    )
    resident = case.order[2] == "k" and whole_block <= cores
    out = sums if tiling.pieces > 1 else width
    if resident:
        out /= passes
    elif passes > 1:
        out = 2.0 * sums
    port = 0.0
    for _ in range(waves):
        port += (rows + columns) * depth * width + rows * columns * out
    adds = float(tiling.pieces * m * n) if tiling.pieces > 1 else 0.0
    if resident:
        adds /= passes
    clock = machine["clock"]
    cycles = sum(array_cycles(machine, rows, columns, depth) for _ in range(waves))
    return overlap(
        [
            cycles / (clock * machine["array_efficiency"]),
            port / (machine["port_width"] * clock),
            adds / (machine["lanes"] * clock * machine["vector_efficiency"]),
        ],
        machine["overlap"],
    )


def gemm_seconds(
    machine: Machine, case: Case, tiling: Tiling, on_chip: bool, share: float
) -> float:
    """Seconds of a GEMM, launch aside; `share` of the shared SRAM is for its blocks."""
    width, sums = machine["element_bytes"], machine["accumulator_bytes"]
    m, n, k = (case.size[d] for d in "mnk")

    def burst(run: int) -> float:
        """Bytes moved for an element of a row of `run` elements: whole bursts only."""
        return math.ceil(run * width / machine["burst"]) * machine["burst"] / run

    def missing(elements: int) -> float:
        """Share of an activation that has no room in the shared SRAM."""
        size, room = elements * width, share * machine["l2"]
        return max(0.0, size - room) / size if on_chip else 1.0

    read = machine["has_memory"] / machine["memory_bandwidth"]
    written = read * (1.0 + machine["write_turnaround"])

    def compute(step: Step) -> float:
        return block_seconds(machine, case, tiling, step.extent)

    costs = Costs(
        read_a=missing(m * k) * burst(k) * read,
        read_b=burst(n) * read,
        read_partial=sums * read,
        write=missing(m * n) * burst(n) * written,
        write_partial=sums * written,
        compute=compute,
    )
    first = min(case.block["k"], k) * min(case.block["n"], n)
    early = machine["prefetch"] * first * costs.read_b
    return seconds(case, costs, machine["overlap"], "streamed").total - early
