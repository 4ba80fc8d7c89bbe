r"""A time that no pipeline of blocks undercuts, whatever blocks, tiles and pieces are chosen.

For a block size the pipeline takes the first read and then, step by step, the overlap of memory
and cores. By Minkowski's inequality the sum of overlaps is at least the overlap of the sums:

.. math:: t \ge read_1 + SM_p\left(memory - read_1, \; cores\right)

with the least traffic of any loop order that fits, and a floor for the cores that knows only how
large a tile may be.

Blocks are met by how often they cut a dimension. All sizes that cut D into T blocks lie between
ceil(D/T) and ceil(D/(T-1)) - 1: their trips are the same, the smallest of them needs the least
room and first read, the largest gives tiles the most. Few T are taken one by one, many in ranges,
so that the least over all ranges is a bound over every whole size of block.
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

Row = NDArray[np.float64]

NEVER = 1e300
"""Longer than any time: nothing fits."""

SINGLE = 12.0
"""Up to so many trips are taken one by one [count]."""

STRIDE = 1.2
"""Largest over least trips of a range beyond."""

SMALLEST_ROWS = 8.0
"""Rows of the smallest block [count]."""

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
def trip_ranges(whole: float) -> Row:
    """Ranges of trips that together hold every way to cut a dimension ``[3,R]``.

    First row: least trips of the range; then the smallest and the largest block in it.
    """
    most = np.ceil(whole)
    ranges = np.empty((3, 128))
    count, first = 0, 1.0
    while first <= most and count < 128:
        last = first if first < SINGLE else min(np.floor(first * STRIDE), most)
        if count == 127:
            last = most
        ranges[0, count] = first
        ranges[1, count] = np.ceil(whole / last)
        ranges[2, count] = whole if first <= 1.0 else np.ceil(whole / (first - 1.0)) - 1.0
        # Two numbers of trips may be out of reach of whole sizes.
        if ranges[2, count] >= ranges[1, count]:
            count += 1
        first = last + 1.0
    return ranges[:, :count]


@compiled
def least_traffic(
    row: Row, trips: tuple[float, float, float], m: float, n: float, k: float
) -> float:
    """Least seconds of memory over all loop orders and held operands of a block that fit.

    An operand moves again in every trip of the loop that it does not depend on, if a loop that it
    depends on runs inside; holding its panel in the shared SRAM saves that. `gemm.l2_need` and
    `traffic` state the same rules for one mapping.
    """
    whole_m, whole_n, whole_k = row[M], row[N], row[K]
    trips_m, trips_n, trips_k = trips
    m, n, k = min(m, whole_m), min(n, whole_n), min(k, whole_k)
    width, wide = row[BYTES], row[SUM_BYTES]
    room = max(row[ROOM], smallest_need(row)) * (1.0 + ROUNDING)
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
            if need > room:
                continue
            time = once_a * (trips_n if repeat_a and not a else 1.0)
            time += once_b * (trips_m if repeat_b and not b else 1.0)
            time += final + (again_c if repeat_c and not c else 0.0)
            best = min(best, time)
    return best


@compiled
def smallest_need(row: Row) -> float:
    """Bytes of the smallest block, which is taken where nothing fits."""
    m, n = min(row[M], SMALLEST_ROWS), min(row[N], row[WIDTH])
    k = min(row[K], row[HEIGHT])
    return float(row[BYTES] * (2.0 * m * k + 2.0 * k * n + m * n))


@compiled
def least_pipeline(row: Row) -> float:
    """Least bound over all blocks that fit; `NEVER` when none does."""
    ranges_m, ranges_n = trip_ranges(row[M]), trip_ranges(row[N])
    ranges_k = trip_ranges(row[K])
    side, longest = largest_tile(row)
    # No block is quicker than one tile of a single product.
    unit = tile_cycles(row, 1.0, 1.0, 1.0) * row[ARRAY_SECOND]
    once = row[M] * row[K] * row[READ_A] + row[K] * row[N] * row[READ_B]
    once += row[M] * row[N] * row[WRITE]
    late = 1.0 - row[PREFETCH]
    best = NEVER
    for i in range(ranges_m.shape[1]):
        trips_m, m, largest_m = ranges_m[0, i], ranges_m[1, i], ranges_m[2, i]
        for j in range(ranges_n.shape[1]):
            trips_n, n, largest_n = ranges_n[0, j], ranges_n[1, j], ranges_n[2, j]
            trips = trips_m * trips_n
            if trips * unit >= best:
                break
            cores = core_floor(row, largest_m, largest_n, side, longest)
            if cores >= best:
                break
            for q in range(ranges_k.shape[1]):
                trips_k, k, largest_k = ranges_k[0, q], ranges_k[1, q], ranges_k[2, q]
                if trips * trips_k * unit >= best:
                    break
                busy = max(cores, trips * trips_k * unit)
                weights = min(k, row[K]) * min(n, row[N]) * row[READ_B]
                first = min(m, row[M]) * min(k, row[K]) * row[READ_A]
                start = first + late * weights
                # What is prefetched is taken off: then more of it may be better.
                if row[PREFETCH] > 0.0:
                    weights = min(largest_k, row[K]) * min(largest_n, row[N]) * row[READ_B]
                first += weights
                # Without any operand moving twice: most blocks are out at once.
                if start + overlap(max(once - first, 0.0), busy, row[EXPONENT]) >= best:
                    continue
                moved = least_traffic(row, (trips_m, trips_n, trips_k), m, n, k)
                if moved < NEVER:
                    rest = max(moved - first, 0.0)
                    best = min(best, start + overlap(rest, busy, row[EXPONENT]))
    return best


@compiled
def least_pipelines(rows: Row, answers: Row) -> None:
    """Bounds of rows ``[n,len(FIELDS)]`` into ``[n]`` [s]; `NEVER` when no block fits."""
    for i in range(len(rows)):
        answers[i] = least_pipeline(rows[i])
