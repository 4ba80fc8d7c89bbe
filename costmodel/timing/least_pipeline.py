r"""A time that no pipeline of blocks undercuts, whatever tiles and pieces work on the blocks.

For a block size the pipeline takes the first read and then, step by step, the overlap of memory
and cores. By Minkowski's inequality the sum of overlaps is at least the overlap of the sums:

.. math:: t \ge read_1 + SM_p\left(memory - read_1, \; cores\right)

with the least traffic of any loop order that fits, and a floor for the cores that knows only how
large a tile may be. The least over all blocks of the lattice is a bound for every choice that a
search over mappings can make, and needs none of it: sizes of blocks do not depend on the machine's
cores, SRAM or bandwidth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import (
    ARRAY_SECOND,
    ARRAYS,
    BYTES,
    CORES,
    EXPONENT,
    HEIGHT,
    HIDDEN,
    INSTRUCTION,
    L1,
    PLACES,
    PORT_SECOND,
    PREFETCH,
    RATE,
    READ_A,
    READ_B,
    READ_PARTIAL,
    ROOM,
    SUM_BYTES,
    WEIGHT_STATIONARY,
    WIDTH,
    WRITE,
    WRITE_PARTIAL,
    K,
    M,
    N,
    overlap,
    tile_cycles,
)
from costmodel.timing.lattice import DOUBLING, LEAST_ROWS, MOST_BLOCKS, ROW_STEP, TRIPS, cut

Row = NDArray[np.float64]

NEVER = 1e300
"""Longer than any time: nothing fits."""

ROUNDING = 1e-9
"""What just fits counts as fitting, however its bytes were added up."""


@compiled
def largest_tile(row: Row) -> tuple[float, float]:
    """Side of the largest square tile that fits L1, and its longest possible side.

    A tile of m x n outputs needs s (m + n) + a m n bytes, with streams of s bytes for each row and
    column and accumulators of a bytes; see `bounds.operands_per_mac`.
    """
    stream = 2.0 * max(row[HEIGHT], 64.0) * row[BYTES]
    sums = row[SUM_BYTES]
    smallest = stream * (min(row[HEIGHT], row[M]) + min(row[WIDTH], row[N]))
    smallest += sums * min(row[HEIGHT], row[M]) * min(row[WIDTH], row[N])
    room = max(row[L1], smallest)
    return (np.sqrt(stream * stream + sums * room) - stream) / sums, room / stream


@compiled
def core_floor(row: Row, m: float, n: float, side: float, longest: float) -> float:
    """Least seconds of the cores over all blocks of m rows and n columns.

    Twin of the array and port floors of `bounds.gemm_floor`, with tiles no larger than a block.
    """
    tall, broad = min(m, longest), min(n, longest)
    macs = row[M] * row[N] * row[K]
    slots = 1.0
    if row[WEIGHT_STATIONARY] > 0.5 and row[INSTRUCTION] <= 0.0:
        fill = 2.0 * row[HEIGHT] + row[WIDTH] - 2.0
        fold = row[HIDDEN] * max(tall, row[HEIGHT]) + (1.0 - row[HIDDEN]) * (tall + fill)
        slots = fold / max(tall, 1.0)
    speed = row[HEIGHT] * row[WIDTH] * row[RATE] * row[ARRAYS] * row[CORES]
    array = macs * slots / speed * row[ARRAY_SECOND]
    operands = max(2.0 / side, 1.0 / tall + 1.0 / broad) * macs * row[BYTES]
    outputs = row[M] * row[N] * min(row[BYTES], 2.0 * row[SUM_BYTES])
    port = (operands + outputs) / row[CORES] * row[PORT_SECOND]
    return float(overlap(array, port, row[EXPONENT]))


@compiled
def least_traffic(row: Row, m: float, n: float, k: float) -> float:
    """Least seconds of memory over all loop orders and held operands of a block that fit.

    An operand moves again in every trip of the loop that it does not depend on, if a loop that it
    depends on runs inside; holding its panel in the shared SRAM saves that. `gemm.l2_need` and
    `traffic` state the same rules for one mapping.
    """
    whole_m, whole_n, whole_k = row[M], row[N], row[K]
    trips_m, trips_n = np.ceil(whole_m / m), np.ceil(whole_n / n)
    trips_k = np.ceil(whole_k / k)
    m, n, k = min(m, whole_m), min(n, whole_n), min(k, whole_k)
    width, wide, room = row[BYTES], row[SUM_BYTES], row[ROOM]
    once_a, once_b = whole_m * whole_k * row[READ_A], whole_k * whole_n * row[READ_B]
    final = whole_m * whole_n * row[WRITE]
    again_c = whole_m * whole_n * (row[READ_PARTIAL] + row[WRITE_PARTIAL]) * (trips_k - 1.0)
    more_m, more_n, more_k = trips_m > 1.0, trips_n > 1.0, trips_k > 1.0
    copies_a = 2.0 if more_m or more_k else 1.0
    copies_b = 2.0 if more_n or more_k else 1.0
    best = NEVER
    for order in range(6):
        at_m, at_n, at_k = PLACES[order, 0], PLACES[order, 1], PLACES[order, 2]
        repeat_a = more_n and ((at_m > at_n and more_m) or (at_k > at_n and more_k))
        repeat_b = more_m and ((at_n > at_m and more_n) or (at_k > at_m and more_k))
        repeat_c = more_k and ((at_m > at_k and more_m) or (at_n > at_k and more_n))
        plain_a, plain_b = width * copies_a * m * k, width * copies_b * k * n
        # Under a depth that runs innermost sums may stay in the cores.
        plain_c = m * n * (wide if more_k and at_k < 2 else width)
        panel_a = (whole_m if at_m > at_n else m) * (whole_k if at_k > at_n else k)
        panel_b = (whole_n if at_n > at_m else n) * (whole_k if at_k > at_m else k)
        panel_c = (whole_m if at_m > at_k else m) * (whole_n if at_n > at_k else n)
        for hold in range(8):
            a, b, c = hold & 1 > 0, hold & 2 > 0, hold & 4 > 0
            if (a and not repeat_a) or (b and not repeat_b) or (c and not repeat_c):
                continue
            need = width * (panel_a + m * k) if a else plain_a
            need += width * (panel_b + k * n) if b else plain_b
            need += wide * panel_c + width * m * n if c else plain_c
            if need > room * (1.0 + ROUNDING):
                continue
            time = once_a * (trips_n if repeat_a and not a else 1.0)
            time += once_b * (trips_m if repeat_b and not b else 1.0)
            time += final + (again_c if repeat_c and not c else 0.0)
            best = min(best, time)
    return best


@compiled
def least_of_blocks(
    row: Row, sizes_m: Row, sizes_n: Row, sizes_k: Row, most: float, best: float
) -> float:
    """Least bound over all blocks of these sizes that fit, or `best` when none is below it."""
    side, longest = largest_tile(row)
    # No block is quicker than one tile of a single product.
    unit = tile_cycles(row, 1.0, 1.0, 1.0) * row[ARRAY_SECOND]
    once = row[M] * row[K] * row[READ_A] + row[K] * row[N] * row[READ_B]
    once += row[M] * row[N] * row[WRITE]
    for m in sizes_m:
        for n in sizes_n:
            trips = np.ceil(row[M] / m) * np.ceil(row[N] / n)
            if trips > most:
                break
            cores = core_floor(row, m, n, side, longest)
            for k in sizes_k:
                number = trips * np.ceil(row[K] / k)
                if number > most:
                    break
                weights = min(k, row[K]) * min(n, row[N]) * row[READ_B]
                first = min(m, row[M]) * min(k, row[K]) * row[READ_A] + weights
                start = first - row[PREFETCH] * weights
                busy = max(cores, number * unit)
                # Without any operand moving twice: most blocks are out at once.
                if start + overlap(max(once - first, 0.0), busy, row[EXPONENT]) >= best:
                    continue
                moved = least_traffic(row, m, n, k)
                if moved < NEVER:
                    rest = max(moved - first, 0.0)
                    best = min(best, start + overlap(rest, busy, row[EXPONENT]))
    return best


@compiled
def least_pipelines(rows: Row, answers: Row) -> None:
    """Bounds of rows ``[n,len(FIELDS)]`` into ``[n]`` [s]; `NEVER` when no block fits."""
    for i in range(len(rows)):
        row = rows[i]
        m, n, k = np.ceil(row[M]), np.ceil(row[N]), np.ceil(row[K])
        height, width = np.ceil(row[HEIGHT]), np.ceil(row[WIDTH])
        answers[i] = NEVER
        # A machine of the box may need the small blocks where this one does not: both count.
        for deep in range(2):
            trips = DOUBLING if deep else TRIPS
            answers[i] = least_of_blocks(
                row,
                cut(m, trips, ROW_STEP, 1.0 if deep else LEAST_ROWS),
                cut(n, trips, width, 1.0),
                cut(k, trips, height, 1.0),
                NEVER if deep else MOST_BLOCKS,
                answers[i],
            )
