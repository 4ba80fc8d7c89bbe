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
    PORT_SECOND,
    PREFETCH,
    RATE,
    READ_A,
    READ_B,
    SUM_BYTES,
    WEIGHT_STATIONARY,
    WIDTH,
    WRITE,
    K,
    M,
    N,
    compiled,
    overlap,
    tile_cycles,
)
from costmodel.timing.kernel_blocks import NEVER, pass_staying, pass_streaming
from costmodel.timing.lattice import DOUBLING, LEAST_ROWS, MOST_BLOCKS, ROW_STEP, TRIPS, cut

Row = NDArray[np.float64]


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
def least_of_blocks(row: Row, sizes_m: Row, sizes_n: Row, sizes_k: Row, most: float) -> float:
    """Least bound over all blocks of these sizes that fit; `NEVER` when none does."""
    depths = len(sizes_k)
    stay, stream, way = np.empty(depths), np.empty(depths), np.empty(depths)
    side, longest = largest_tile(row)
    # No block is quicker than one tile of a single product.
    unit = tile_cycles(row, 1.0, 1.0, 1.0) * row[ARRAY_SECOND]
    final = row[M] * row[N] * row[WRITE]
    best = NEVER
    for m in sizes_m:
        trips_m = np.ceil(row[M] / m)
        for n in sizes_n:
            trips = trips_m * np.ceil(row[N] / n)
            count = 0
            while count < depths and trips * np.ceil(row[K] / sizes_k[count]) <= most:
                count += 1
            if count == 0:
                break
            pass_staying(row, m, n, sizes_k, count, stay, way)
            pass_streaming(row, m, n, sizes_k, count, stream, way)
            cores = core_floor(row, m, n, side, longest)
            for q in range(count):
                moved = min(stay[q], stream[q])
                if moved >= NEVER:
                    continue
                k = min(sizes_k[q], row[K])
                weights = k * min(n, row[N]) * row[READ_B]
                first = min(m, row[M]) * k * row[READ_A] + weights
                rest = max(moved + final - first, 0.0)
                number = trips * np.ceil(row[K] / sizes_k[q])
                time = first - row[PREFETCH] * weights
                time += overlap(rest, max(cores, number * unit), row[EXPONENT])
                best = min(best, time)
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
            answers[i] = min(
                answers[i],
                least_of_blocks(
                    row,
                    cut(m, trips, ROW_STEP, 1.0 if deep else LEAST_ROWS),
                    cut(n, trips, width, 1.0),
                    cut(k, trips, height, 1.0),
                    NEVER if deep else MOST_BLOCKS,
                ),
            )
