# mypy: disable-error-code="no-any-return"
"""Unequal blocks, where the first weights are loaded before the operator begins.

What is loaded early costs nothing, so a large first block and small last ones may win several
per cent. Only then is this grid of sizes in eighths worth its time.
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

WAYS = np.array([(0, 0), (0, 2), (2, 0), (2, 2), (2, 4), (4, 0)], dtype=np.int64)
"""Orders and held operands."""

EIGHTHS = 8
SMALLEST, SMALLEST_ROWS, SLOTS = 2, 4, 4
"""The smallest blocks in eighths of the product; tiles beside each other that are tried."""

MOST_TRIPS = 256.0
"""Products cut into more blocks than this have little to gain."""


@compiled
def _part(whole: float, eighths: int, edge: float) -> float:
    """So many eighths of a dimension, in whole arrays where it has several."""
    size = np.ceil(whole * eighths / EIGHTHS)
    if eighths == EIGHTHS or size < edge:
        return size
    return max(np.round(size / edge), 1.0) * edge


@compiled
def try_unequal(row: np.ndarray, answer: np.ndarray, space: np.ndarray) -> None:
    """Replace a mapping by one of a large first block, where that is quicker."""
    blocks = np.ceil(row[M] / answer[3]) * np.ceil(row[N] / answer[4])
    if blocks * np.ceil(row[K] / answer[5]) > MOST_TRIPS:
        return
    tall, broad = answer[0], answer[1]
    cores, step = row[CORES], row[HEIGHT] * np.ceil(row[RATE])
    for parts_m in range(EIGHTHS, SMALLEST_ROWS - 1, -1):
        m2 = _part(row[M], parts_m, row[HEIGHT])
        for parts_n in range(EIGHTHS, SMALLEST - 1, -1):
            n2 = _part(row[N], parts_n, row[WIDTH])
            for slot in range(SLOTS):
                m1 = np.ceil(m2 / np.ceil(m2 / tall))
                across = np.ceil(n2 / broad)
                if slot == 1:
                    across = 1.0
                elif slot == 2:
                    across = max(np.floor(cores / np.ceil(m2 / m1)), 1.0)
                n1 = np.ceil(n2 / across)
                if slot == 3:
                    n1 = min(np.ceil(n1 / row[WIDTH]) * row[WIDTH], n2)
                if l1_bytes(row, m1, n1) > row[L1]:
                    continue
                tiles = np.ceil(m2 / m1) * np.ceil(n2 / n1)
                for more in range(2 * (EIGHTHS - SMALLEST + 1)):
                    k2 = _part(row[K], EIGHTHS - more // 2, row[HEIGHT])
                    fitting = np.floor((np.ceil(tiles / cores) + more % 2) * cores / tiles)
                    pieces = min(max(fitting, 1.0), np.ceil(k2 / step))
                    first = k2 * (m2 * row[READ_A] + n2 * row[READ_B] * (1.0 - row[PREFETCH]))
                    if first >= answer[8]:
                        continue
                    for way in range(len(WAYS)):
                        order, hold = WAYS[way, 0], WAYS[way, 1]
                        stay = stays(row, m1, n1, pieces, m2, n2, order)
                        busy = block_time(row, m2, n2, k2, m1, n1, pieces,
                                          np.ceil(row[K] / k2), stay)  # fmt: skip
                        if first + busy >= answer[8]:
                            continue
                        if l2_bytes(row, m2, n2, k2, order, hold, stay) > row[ROOM]:
                            continue
                        time = seconds(row, m1, n1, pieces, m2, n2, k2, order, hold, space)
                        if time < answer[8]:
                            answer[0], answer[1], answer[2] = m1, n1, pieces
                            answer[3], answer[4], answer[5] = m2, n2, k2
                            answer[6], answer[7], answer[8] = order, hold, time
