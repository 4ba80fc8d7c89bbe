# mypy: disable-error-code="no-any-return"
"""Neighbours of a mapping, scored exactly: what estimates of equal blocks leave on the table.

A dimension need not be cut in equal blocks. Large first blocks and a small last one may win a few
per cent where there are few of them: what is read first and worked on last hides behind nothing.
So may one tile or piece more or less.
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
    READ_A,
    READ_B,
    ROOM,
    WIDTH,
    K,
    M,
    N,
    block_time,
    l1_bytes,
    l2_bytes,
    seconds,
    stays,
)

LASTS = np.array([0.0, -1.0, 0.5, 0.25, 0.125])
"""The last block in equal ones; 0 all are equal, below 0 in units: a tile, a height a piece."""

FEW_BLOCKS, ROUNDS = 12.0, 4
"""Blocks at most where unequal ones are tried; steps at most."""

CUTS = 15
"""Ways to cut one dimension: one block less, as many, one more, and each of `LASTS`."""

MOVES = 3 * CUTS + 10
"""Neighbours of a mapping."""


@compiled
def _cut(whole: float, size: float, unit: float, way: int, few: bool) -> float:
    """Another size of the blocks of a dimension; 0 where there is none."""
    trips = np.ceil(whole / size) + (way // len(LASTS)) - 1.0
    kind = way % len(LASTS)
    last = LASTS[kind]
    if trips < 1.0 or (kind > 0 and trips < 2.0) or (kind > 1 and not few):
        return 0.0
    even = np.ceil(whole / trips)
    if kind == 0:
        return even
    left = last * even if last > 0.0 else min(unit, even)
    return max(np.ceil((whole - left) / (trips - 1.0)), even)


@compiled
def _neighbour(row: np.ndarray, now: np.ndarray, move: int, near: np.ndarray, few: bool) -> bool:
    """Write the neighbour of a mapping along one of the moves; False where there is none."""
    near[:8] = now[:8]
    m1, n1, pieces, m2, n2, k2 = now[0], now[1], now[2], now[3], now[4], now[5]
    cores, height, width = row[CORES], row[HEIGHT], row[WIDTH]
    down, across = np.ceil(m2 / m1), np.ceil(n2 / n1)
    waves = np.ceil(down * across * pieces / cores)
    step = height * np.ceil(row[RATE])
    refit = False
    if move < CUTS:
        near[5] = _cut(row[K], k2, pieces * step, move, few)
        if near[5] == 0.0 or near[5] == k2:
            return False
    elif move < 2 * CUTS:
        if not few and (move - CUTS) % len(LASTS) > 0:
            return False
        near[4] = _cut(row[N], n2, n1, move - CUTS, few)
        if near[4] == 0.0 or near[4] == n2:
            return False
        near[1] = np.ceil(near[4] / np.ceil(near[4] / n1))
        refit = np.ceil(near[4] / near[1]) != across
    elif move < 3 * CUTS:
        near[3] = _cut(row[M], m2, m1, move - 2 * CUTS, few) if few else 0.0
        if near[3] == 0.0 or near[3] == m2:
            return False
        near[0] = np.ceil(near[3] / np.ceil(near[3] / m1))
        refit = np.ceil(near[3] / near[0]) != down
    else:
        way = move - 3 * CUTS
        more = 1.0 if way % 2 == 0 else -1.0
        if way < 2:  # a piece more, a piece less
            near[2] = pieces + more
        elif way < 4:  # tiles more or less across, of whole arrays
            if across + more < 1.0:
                return False
            near[1] = min(np.ceil(n2 / (across + more) / width) * width, n2)
            refit = True
        elif way < 6:  # tiles more or less down
            if down + more < 1.0:
                return False
            near[0] = np.ceil(m2 / (down + more))
            refit = True
        elif way < 8:  # as many columns as fill the cores
            wide = np.floor((waves - (way - 6.0)) * cores / (down * pieces))
            if wide < 1.0:
                return False
            near[4] = min(wide * n1, row[N])
        else:  # tiles twice or half as wide, with the pieces and the depth that suit
            near[1] = min(np.ceil(n1 * (2.0 if way == 8 else 0.5) / 8.0) * 8.0, n2)
            tiles = down * np.ceil(n2 / near[1])
            near[2] = np.floor(np.ceil(tiles / cores) * cores / tiles)
            near[2] = min(max(near[2], 1.0), np.ceil(k2 / step))
            trips = np.ceil(row[K] / k2)
            last = near[2] * step * (np.ceil(k2 / (near[2] * step)) - 1.0)
            if trips > 1.0 and last > 0.0:
                near[5] = np.ceil((row[K] - last) / (trips - 1.0) / step) * step
    if refit:
        tiles = np.ceil(near[3] / near[0]) * np.ceil(near[4] / near[1])
        near[2] = np.floor(np.ceil(tiles / cores) * cores / tiles)
        if waves > np.ceil(tiles / cores):
            near[2] = np.floor(waves * cores / tiles)
    near[5] = min(max(near[5], 1.0), row[K])
    near[2] = min(max(near[2], 1.0), np.ceil(near[5] / step))
    near[1] = min(near[1], near[4])
    return True


@compiled
def polish(row: np.ndarray, answer: np.ndarray, near: np.ndarray, space: np.ndarray) -> None:
    """Move to better neighbours until there is none, or for so many rounds.

    `answer` is a mapping and its seconds; `near` room for another.
    """
    for _ in range(ROUNDS):
        better = False
        blocks = np.ceil(row[M] / answer[3]) * np.ceil(row[N] / answer[4])
        few = row[PREFETCH] > 0.0 and blocks * np.ceil(row[K] / answer[5]) <= FEW_BLOCKS
        for move in range(MOVES):
            if not few and move < 3 * CUTS and move % len(LASTS) > 1:
                continue
            if not _neighbour(row, answer, move, near, few):
                continue
            order, hold = int(near[6]), int(near[7])
            stay = stays(row, near[0], near[1], near[2], near[3], near[4], order)
            # Full blocks alone: most neighbours are ruled out by them.
            full = np.floor(row[M] / near[3]) * np.floor(row[N] / near[4])
            full *= np.floor(row[K] / near[5])
            first = near[5] * (near[3] * row[READ_A] + near[4] * row[READ_B])
            first -= row[PREFETCH] * near[5] * near[4] * row[READ_B]
            if first >= answer[8]:
                continue
            cores = block_time(row, near[3], near[4], near[5], near[0], near[1], near[2],
                               np.ceil(row[K] / near[5]), stay)  # fmt: skip
            if full * cores + first >= answer[8]:
                continue
            if l1_bytes(row, near[0], near[1]) > row[L1]:
                continue
            if l2_bytes(row, near[3], near[4], near[5], order, hold, stay) > row[ROOM]:
                continue
            time = seconds(row, near[0], near[1], near[2], near[3], near[4], near[5], order,
                           hold, space)  # fmt: skip
            if time < answer[8]:
                answer[:8] = near[:8]
                answer[8] = time
                better = True
        if not better:
            return
