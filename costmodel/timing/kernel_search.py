# mypy: disable-error-code="no-any-return"
"""The best mapping of every product: estimates of many, exact scores of few, steps to the last bit.

1. `kernel_shapes`: ways to share the cores out, ruled out by lower bounds or estimated.
2. Neighbours of the best in one number (tiles, blocks, pieces), and other depths of their blocks.
3. For the few that remain, the cheapest order and held operands, and the exact seconds.
4. `kernel_polish`: from the best, exact steps until none is better.

A row of `kernel.FIELDS` describes a product on its machine; an answer is a mapping, its seconds
last.
"""

from __future__ import annotations

import numpy as np

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import (
    CORES,
    HEIGHT,
    L1,
    PREFETCH,
    RATE,
    SPACE,
    WIDTH,
    K,
    M,
    N,
    l1_bytes,
    seconds,
)
from costmodel.timing.kernel_blocks import NEVER, WAYS, pass_staying, pass_streaming
from costmodel.timing.kernel_early import try_unequal
from costmodel.timing.kernel_estimate import (
    BLOCK_COLUMNS,
    BLOCK_ROWS,
    COLUMNS,
    DEPTH,
    IMPOSSIBLE,
    LINES,
    PIECES,
    ROWS,
    TIME,
    estimate,
)
from costmodel.timing.kernel_kept import FILLED, insert, keep_best, settle
from costmodel.timing.kernel_polish import polish
from costmodel.timing.kernel_shapes import DOWN, search_shapes

ANSWER = 9
"""Numbers of an answer: eight of the mapping and its seconds."""

SHAPES, FINALISTS, POLISHED = 12, 6, 1
"""Mappings that are kept by their estimate, scored exactly, and improved step by step."""

NEAR = 1.03
"""Neighbours are looked at of mappings that seem at most this much slower than the best."""

CLOSE = 1.02
"""A mapping is improved step by step where it is at most this much slower than the best."""

NEIGHBOURS = 13
"""Of a shape."""

TRIPS = np.array(
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128],
    dtype=np.float64,
)
"""Blocks along the depth."""


@compiled
def _neighbour(row: np.ndarray, shape: np.ndarray, move: int, table: np.ndarray, at: int) -> bool:
    """Write the shape with one number changed; False where there is none."""
    m1, m2, n1 = shape[ROWS], shape[BLOCK_ROWS], shape[COLUMNS]
    n2, pieces = shape[BLOCK_COLUMNS], shape[PIECES]
    cores, rows, columns = row[CORES], row[M], row[N]
    down, across = np.ceil(m2 / m1), np.ceil(n2 / n1)
    trips_m, trips_n = np.ceil(rows / m2), np.ceil(columns / n2)
    waves = np.ceil(down * across * pieces / cores)
    step = 1.0 if move % 2 == 0 else -1.0
    if move < 2:
        pieces += step
    elif move < 4:
        trips_n += step
        if trips_n < 1.0:
            return False
        n2 = np.ceil(columns / trips_n)
        n1 = np.ceil(n2 / across)
    elif move < 6:
        across += step
        if across < 1.0:
            return False
        n1 = np.ceil(n2 / across)
        pieces = np.floor(waves * cores / (down * across))
    elif move < 8:
        down += step
        if down < 1.0:
            return False
        m1 = np.ceil(m2 / down)
        pieces = np.floor(waves * cores / (np.ceil(m2 / m1) * across))
    elif move < 10:
        down += step
        if down < 1.0:
            return False
        m1 = np.ceil(m2 / down)
        across = np.floor(waves * cores / (np.ceil(m2 / m1) * pieces))
        if across < 1.0:
            return False
        trips_n = np.ceil(columns / (across * n1))
        n2 = np.ceil(columns / trips_n)
        n1 = np.ceil(n2 / across)
    elif move == 12:
        pieces = np.ceil(0.5 * pieces)
    else:
        trips_m += step
        if trips_m < 1.0:
            return False
        m2 = np.ceil(rows / trips_m)
        m1 = np.ceil(m2 / np.ceil(m2 / m1))
    pieces = min(pieces, np.ceil(row[K] / (row[HEIGHT] * np.ceil(row[RATE]))))
    if pieces < 1.0 or l1_bytes(row, m1, n1) > row[L1]:
        return False
    table[ROWS, at], table[BLOCK_ROWS, at], table[COLUMNS, at] = m1, m2, n1
    table[BLOCK_COLUMNS, at], table[PIECES, at] = n2, pieces
    return True


@compiled
def _neighbours(
    row: np.ndarray,
    single: np.ndarray,
    table: np.ndarray,
    room: np.ndarray,
    waiting: np.ndarray,
    kept: np.ndarray,
    best: float,
) -> float:
    """Weigh the neighbours of the best shapes; the least estimate."""
    around = kept.copy()
    limit, count = best * NEAR, 0
    for j in range(around.shape[1]):
        if around[TIME, j] > limit:
            continue
        for move in range(NEIGHBOURS):
            if _neighbour(row, around[:, j], move, table, count):
                count += 1
                if count == FILLED:
                    best = keep_best(single, table, count, room, waiting, kept, best)
                    count = 0
    best = keep_best(single, table, count, room, waiting, kept, best)
    return settle(single, room, waiting, kept, best)


@compiled
def _depths(
    row: np.ndarray,
    single: np.ndarray,
    table: np.ndarray,
    kept: np.ndarray,
    final: np.ndarray,
    best: float,
) -> float:
    """Weigh other depths of the blocks of the best shapes, kept in `final`; the least estimate."""
    final[TIME, :] = IMPOSSIBLE
    best = insert(kept, kept.shape[1], final, best)
    step, depth = row[HEIGHT] * np.ceil(row[RATE]), row[K]
    limit, count = best * NEAR, 0
    for j in range(kept.shape[1]):
        if kept[TIME, j] > limit:
            continue
        unit = kept[PIECES, j] * step
        before = 0.0
        if row[PREFETCH] > 0.0:
            for eighths in range(4, 8):
                if count == FILLED:
                    estimate(single, table, count)
                    best = insert(table, count, final, best)
                    count = 0
                for line in range(DEPTH):
                    table[line, count] = kept[line, j]
                table[DEPTH, count] = np.ceil(depth * eighths / 8.0)
                count += 1
        for trips in TRIPS:
            size = np.ceil(np.ceil(depth / unit) / trips) * unit
            if size == before:
                break
            before = size
            for other in range(2):
                if count == FILLED:
                    estimate(single, table, count)
                    best = insert(table, count, final, best)
                    count = 0
                for line in range(DEPTH):
                    table[line, count] = kept[line, j]
                table[DEPTH, count] = min(size if other == 0 else np.ceil(depth / trips), depth)
                count += 1
    estimate(single, table, count)
    return insert(table, count, final, best)


@compiled
def _score(row: np.ndarray, shape: np.ndarray, one: np.ndarray, work: np.ndarray,
           space: np.ndarray) -> None:  # fmt: skip
    """Write the mapping of a shape, with the order and held operands that move least."""
    m1, m2, n1 = shape[ROWS], shape[BLOCK_ROWS], shape[COLUMNS]
    n2, pieces, k2 = shape[BLOCK_COLUMNS], shape[PIECES], shape[DEPTH]
    columns, depths, moved, way = work[0], work[1], work[2], work[3]
    columns[0], depths[0] = n2, k2
    tiles = np.ceil(m2 / m1) * np.ceil(n2 / n1) * pieces
    if tiles <= row[CORES] or k2 >= row[K]:
        pass_staying(row, m2, columns, depths, 1, moved, way)
    else:
        pass_streaming(row, m2, columns, depths, 1, moved, way)
    one[8] = NEVER
    if moved[0] >= NEVER:
        return
    one[0], one[1], one[2], one[3], one[4], one[5] = m1, n1, pieces, m2, n2, k2
    one[6], one[7] = WAYS[int(way[0]), 0], WAYS[int(way[0]), 1]
    one[8] = seconds(row, m1, n1, pieces, m2, n2, k2, int(one[6]), int(one[7]), space)


@compiled
def look_up(
    row: np.ndarray,
    answer: np.ndarray,
    table: np.ndarray,
    room: np.ndarray,
    waiting: np.ndarray,
    kept: np.ndarray,
    final: np.ndarray,
    cuts: np.ndarray,
    work: np.ndarray,
    space: np.ndarray,
) -> bool:
    """Write the best mapping of a row to `answer`; False when no block fits."""
    single = row.astype(np.float32)
    best = search_shapes(row, single, table, room, waiting, kept, cuts)
    answer[8] = NEVER
    if best >= IMPOSSIBLE:
        return False
    best = _neighbours(row, single, table, room, waiting, kept, best)
    best = _depths(row, single, table, kept, final, best)
    exact = np.full(FINALISTS, NEVER)
    mappings = np.empty((FINALISTS, ANSWER))
    for f in range(FINALISTS):
        j = int(np.argmin(final[TIME]))
        if final[TIME, j] >= IMPOSSIBLE:
            break
        final[TIME, j] = IMPOSSIBLE
        _score(row, final[:, j], mappings[f], work, space)
        exact[f] = mappings[f, 8]
    for _ in range(POLISHED):
        f = int(np.argmin(exact))
        if exact[f] >= NEVER or exact[f] > answer[8] * CLOSE:
            break
        exact[f] = NEVER
        polish(row, mappings[f], work[4], space)
        if mappings[f, 8] < answer[8]:
            answer[:] = mappings[f]
    if row[PREFETCH] > 0.0 and answer[8] < NEVER:
        try_unequal(row, answer, space)
        polish(row, answer, work[4], space)
    return answer[8] < NEVER


@compiled
def look_up_rows(rows: np.ndarray, answers: np.ndarray) -> None:
    """The best mapping of every row ``[n,len(FIELDS)]``, written to ``[n,ANSWER]``."""
    space = np.empty(SPACE)
    table = np.empty((LINES, FILLED), np.float32)
    room = np.empty((2, LINES, FILLED), np.float32)
    waiting = np.zeros(1, np.int64)
    kept = np.empty((LINES, SHAPES), np.float32)
    final = np.empty((LINES, FINALISTS), np.float32)
    cuts = np.empty((4, 2 * len(DOWN)))
    work = np.empty((5, ANSWER))
    for i in range(len(rows)):
        row, answer = rows[i], answers[i]
        if look_up(row, answer, table, room, waiting, kept, final, cuts, work, space):
            continue
        # Nothing fits: the smallest blocks there are; what is missing shows in the limits.
        answer[0] = answer[3] = min(row[M], 8.0)
        answer[1] = answer[4] = min(row[N], row[WIDTH])
        answer[2], answer[5] = 1.0, min(row[K], row[HEIGHT])
        answer[6], answer[7], answer[8] = 0.0, 0.0, NEVER
