# mypy: disable-error-code="no-any-return"
"""A lower bound of every block of a GEMM: what it moves, and cores that are always busy.

Blocks come from the lattice; for each the cheapest way to move it that fits is known
(`kernel_blocks`). What cannot beat a mapping that is known already is never looked at again.
"""

from __future__ import annotations

import numpy as np

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import (
    ARRAY_SECOND,
    CORES,
    HEIGHT,
    HIDDEN,
    PREFETCH,
    READ_A,
    READ_B,
    WEIGHT_STATIONARY,
    WIDTH,
    WRITE,
    K,
    M,
    N,
)
from costmodel.timing.kernel_blocks import NEVER, pass_staying, pass_streaming

SLACK = 1e-9
"""Quotients of whole numbers are this far from the next one at most."""


@compiled
def cells_of(
    row: np.ndarray, sizes_n: np.ndarray, sizes_k: np.ndarray, most: float, cells: np.ndarray
) -> int:
    """Pairs of columns and depth of a block by the number of blocks they make, fewest first.

    Written to rows of `cells`: columns, depth, blocks, number of the pair. Returns how many.
    """
    depths = len(sizes_k)
    trips_k = np.ceil(row[K] / sizes_k)
    if most >= NEVER:
        for j in range(len(sizes_n)):
            for q in range(depths):
                at = j * depths + q
                cells[0, at], cells[1, at], cells[3, at] = sizes_n[j], sizes_k[q], at
                cells[2, at] = np.ceil(row[N] / sizes_n[j]) * trips_k[q]
        return len(sizes_n) * depths
    starts = np.zeros(int(most) + 2, np.int64)
    for n in sizes_n:
        trips_n = np.ceil(row[N] / n)
        for q in range(depths):
            if trips_n * trips_k[q] > most:
                break
            starts[int(trips_n * trips_k[q]) + 1] += 1
    for number in range(1, len(starts)):
        starts[number] += starts[number - 1]
    for j in range(len(sizes_n)):
        trips_n = np.ceil(row[N] / sizes_n[j])
        for q in range(depths):
            number = trips_n * trips_k[q]
            if number > most:
                break
            at = starts[int(number)]
            starts[int(number)] += 1
            cells[0, at], cells[1, at], cells[2, at] = sizes_n[j], sizes_k[q], number
            cells[3, at] = j * depths + q
    return starts[int(most)]


@compiled
def _bound(
    row: np.ndarray,
    m: float,
    trips_m: float,
    cells: np.ndarray,
    count: int,
    quickest: float,
    unit: float,
    low: np.ndarray,
) -> None:
    """Lower bound of the seconds of blocks, what they move aside: first read, cores, the rest."""
    second_a, second_b, early = m * row[READ_A], row[READ_B], row[PREFETCH]
    for q in range(count):
        weights = cells[0, q] * cells[1, q] * second_b
        first = cells[1, q] * second_a + weights
        number = trips_m * cells[2, q]
        share = max(quickest / number, unit)
        low[0, q] = first - early * weights + share
        low[1, q] = (number - 1.0) * share
        low[2, q] = first


@compiled
def all_blocks(
    row: np.ndarray,
    sizes_m: np.ndarray,
    cells: np.ndarray,
    pairs: int,
    most: float,
    largest_m: float,
    largest_n: float,
    quickest: float,
    blocks: np.ndarray,
    room: np.ndarray,
) -> int:
    """Every block, what it moves and how, and a lower bound of its seconds; their number.

    Columns of `blocks`: bound, seconds moved, way, code of the block.
    """
    height, hidden = row[HEIGHT], row[HIDDEN]
    # No tile is quicker than one fold, filled and drained.
    if row[WEIGHT_STATIONARY] > 0.5:
        fill = 2.0 * height + row[WIDTH] - 2.0
        unit = (hidden * (height + fill) + (1.0 - hidden) * fill) * row[ARRAY_SECOND]
    else:
        unit = (height + row[WIDTH] - 2.0) * row[ARRAY_SECOND]
    least_moved = row[M] * row[K] * row[READ_A] + row[K] * row[N] * row[READ_B]
    final = row[M] * row[N] * row[WRITE]
    half = float(len(sizes_m) * pairs)
    low, moved, way = room[0:3], room[3], room[4]
    spare, cores = room[5:9], row[CORES]
    count = pairs
    at = 0
    for i in range(len(sizes_m)):
        m = sizes_m[i]
        trips_m = np.ceil(row[M] / m)
        while count > 0 and trips_m * cells[2, count - 1] > most:
            count -= 1
        if count == 0 or at + 2 * count > blocks.shape[1]:
            break
        pass_staying(row, m, cells[0], cells[1], count, moved, way)
        _bound(row, m, trips_m, cells, count, quickest, unit, low)
        down = np.ceil(m / largest_m)
        left = 0
        for q in range(count):
            fits = down * np.ceil(cells[0, q] / largest_n) <= cores or cells[1, q] >= row[K]
            if fits and moved[q] < NEVER:
                blocks[0, at] = low[0, q] + max(moved[q] + final - low[2, q], low[1, q])
                blocks[1, at], blocks[2, at] = moved[q], way[q]
                blocks[3, at] = i * pairs + q
                at += 1
            # Sums that stay are as good where they have room and nothing is read twice.
            if not fits or moved[q] > least_moved * (1.0 + SLACK):
                spare[0, left], spare[1, left] = cells[0, q], cells[1, q]
                spare[2, left], spare[3, left] = cells[2, q], q
                left += 1
        if left > 0:
            pass_streaming(row, m, spare[0], spare[1], left, moved, way)
            _bound(row, m, trips_m, spare, left, quickest, unit, low)
            for q in range(left):
                if moved[q] < NEVER:
                    blocks[0, at] = low[0, q] + max(moved[q] + final - low[2, q], low[1, q])
                    blocks[1, at], blocks[2, at] = moved[q], way[q]
                    blocks[3, at] = half + i * pairs + spare[3, q]
                    at += 1
    return at


@compiled
def select(
    row: np.ndarray,
    sizes_m: np.ndarray,
    cells: np.ndarray,
    pairs: int,
    blocks: np.ndarray,
    found: int,
    limit: float,
    most: int,
    work: np.ndarray,
) -> int:
    """Collect the blocks whose lower bound is below `limit`; their number."""
    half = len(sizes_m) * pairs
    final = row[M] * row[N] * row[WRITE]
    left = 0
    for i in range(found):
        if blocks[0, i] >= limit or left >= most:
            continue
        code = int(blocks[3, i])
        cell = code % half
        m, n, k = sizes_m[cell // pairs], cells[0, cell % pairs], cells[1, cell % pairs]
        weights = k * n * row[READ_B]
        first = m * k * row[READ_A] + weights
        work[0, left], work[1, left], work[2, left] = m, n, k
        work[3, left] = np.ceil(row[K] / k)
        work[4, left] = 1.0 if code >= half else 0.0
        work[5, left] = np.ceil(row[M] / m) * cells[2, cell % pairs]
        work[6, left] = max(blocks[1, i] + final - first, 0.0)
        work[7, left] = first - row[PREFETCH] * weights
        work[8, left], work[9, left] = blocks[2, i], blocks[0, i]
        work[10, left], work[11, left] = NEVER, -1.0
        left += 1
    return left
