# mypy: disable-error-code="no-any-return"
"""Neighbours of a mapping, scored exactly: what a lattice of equal blocks leaves on the table.

A dimension need not be cut in equal blocks. A depth of whole array heights for every piece, or a
block that just fills the cores or the shared SRAM, may win a few per cent; so may one tile, piece
or block more or less.
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

MOVES = 22
"""Neighbours of a mapping."""


@compiled
def _neighbour(row: np.ndarray, now: np.ndarray, move: int, near: np.ndarray) -> bool:
    """Write the neighbour of a mapping along one of the moves; False where there is none."""
    near[:8] = now[:8]
    height, width = np.ceil(row[HEIGHT]), np.ceil(row[WIDTH])
    m1, n1, pieces, m2, n2, k2 = now[0], now[1], now[2], now[3], now[4], now[5]
    down, across = np.ceil(m2 / m1), np.ceil(n2 / n1)
    step = height * np.ceil(row[RATE])
    if move < 2:  # whole array heights for every piece
        heights = np.ceil(k2 / (pieces * step))
        near[5] = pieces * step * (heights - move)
    elif move < 4:  # whole array heights for every piece of the last block alone
        heights = np.ceil(k2 / (pieces * step))
        trips = np.ceil(row[K] / k2)
        last = pieces * step * (heights + 1.0 - move)
        if trips < 2.0 or last < 1.0:
            return False
        near[5] = np.ceil((row[K] - last) / (trips - 1.0) / step) * step
    elif move < 8:  # another number of equal depths
        near[5] = np.ceil(row[K] / (np.ceil(row[K] / k2) + (1.0, -1.0, 2.0, 0.0)[move - 4]))
    elif move < 10:  # a piece more, a piece less
        near[2] = pieces + (1.0 if move == 8 else -1.0)
    elif move < 12:  # another number of equal widths
        trips = np.ceil(row[N] / n2) + (1.0 if move == 10 else -1.0)
        if trips < 1.0:
            return False
        near[4] = min(np.ceil(np.ceil(row[N] / trips) / width) * width, row[N])
        near[1] = min(np.ceil(near[4] / np.ceil(near[4] / n1) / width) * width, near[4])
    elif move < 14:  # tiles more or less across, pieces to fill the cores
        across += 1.0 if move == 12 else -1.0
        if across < 1.0:
            return False
        near[1] = min(np.ceil(n2 / across / width) * width, n2)
        across = np.ceil(n2 / near[1])
        near[2] = np.floor(np.ceil(down * across / row[CORES]) * row[CORES] / (down * across))
    elif move < 16:  # tiles more or less down
        down += 1.0 if move == 14 else -1.0
        if down < 1.0:
            return False
        near[0] = np.ceil(m2 / down)
        near[2] = np.floor(np.ceil(down * across / row[CORES]) * row[CORES] / (down * across))
    elif move < 18:  # as many columns as fill the cores
        waves = np.ceil(down * across * pieces / row[CORES]) + (0.0 if move == 16 else -1.0)
        wide = np.floor(waves * row[CORES] / (down * pieces))
        if wide < 1.0:
            return False
        near[4] = min(wide * n1, row[N])
    elif move < 20:  # another number of equal heights
        trips = np.ceil(row[M] / m2) + (1.0 if move == 18 else -1.0)
        if trips < 1.0:
            return False
        near[3] = np.ceil(row[M] / trips)
        near[0] = np.ceil(near[3] / np.ceil(near[3] / m1))
    else:  # tiles twice or half as wide, with the pieces and the depth that suit
        near[1] = min(np.ceil(n1 * (2.0 if move == 20 else 0.5) / 8.0) * 8.0, n2)
        tiles = down * np.ceil(n2 / near[1])
        near[2] = np.floor(np.ceil(tiles / row[CORES]) * row[CORES] / tiles)
        near[2] = min(max(near[2], 1.0), np.ceil(k2 / step))
        trips = np.ceil(row[K] / k2)
        last = near[2] * step * (np.ceil(k2 / (near[2] * step)) - 1.0)
        if trips > 1.0 and last > 0.0:
            near[5] = np.ceil((row[K] - last) / (trips - 1.0) / step) * step
    near[5] = min(max(near[5], 1.0), row[K])
    near[2] = min(max(near[2], 1.0), np.ceil(near[5] / step))
    near[1] = min(near[1], near[4])
    for item in range(6):
        if near[item] != now[item]:
            return True
    return False


@compiled
def polish(
    row: np.ndarray, answer: np.ndarray, near: np.ndarray, space: np.ndarray, rounds: int
) -> None:
    """Move to better neighbours until there is none, or for so many rounds."""
    for _ in range(rounds):
        better = False
        for move in range(MOVES):
            if not _neighbour(row, answer, move, near):
                continue
            if near[0] != answer[0] or near[1] != answer[1]:
                if l1_bytes(row, near[0], near[1]) > row[L1]:
                    continue
            order, hold = int(near[6]), int(near[7])
            stay = stays(row, near[0], near[1], near[2], near[3], near[4], order)
            if l2_bytes(row, near[3], near[4], near[5], order, hold, stay) > row[ROOM]:
                continue
            # Full blocks alone: most neighbours are ruled out by them.
            full = np.floor(row[M] / near[3]) * np.floor(row[N] / near[4])
            full *= np.floor(row[K] / near[5])
            cores = block_time(row, near[3], near[4], near[5], near[0], near[1], near[2],
                               np.ceil(row[K] / near[5]), stay)  # fmt: skip
            first = near[5] * (near[3] * row[READ_A] + near[4] * row[READ_B])
            first -= row[PREFETCH] * near[5] * near[4] * row[READ_B]
            if full * cores + first >= answer[8]:
                continue
            time = seconds(row, near[0], near[1], near[2], near[3], near[4], near[5], order,
                           hold, space)  # fmt: skip
            if time < answer[8]:
                answer[:8] = near[:8]
                answer[8] = time
                better = True
        if not better:
            return
