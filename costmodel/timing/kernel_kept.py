# mypy: disable-error-code="no-any-return"
"""The best few of many mappings by their estimates, at several depths of a block each."""

from __future__ import annotations

import numpy as np

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import PREFETCH
from costmodel.timing.kernel_estimate import (
    DEPTH,
    EARLY_RULES,
    IMPOSSIBLE,
    LINES,
    RULES,
    TIME,
    bound,
    choose_depths,
    estimate,
)

FILLED = 128
"""Mappings that are estimated at a time."""

HOPEFUL = np.float32(1.25)
"""Other depths are tried for shapes that seem at most this much slower than the best."""


@compiled
def keep_best(
    row: np.ndarray, table: np.ndarray, count: int, room: np.ndarray, kept: np.ndarray, best: float
) -> float:
    """Estimate mappings at several depths each; keep those that seem best ``[LINES,kept]``."""
    if count == 0:
        return best
    bound(row, table, count)
    left, limit = 0, np.float32(best)
    for i in range(count):
        if table[TIME, i] < limit:
            for line in range(DEPTH):
                table[line, left] = table[line, i]
            left += 1
    count = left
    choose_depths(row, 0, table, count)
    estimate(row, table, count)
    limit = np.float32(best)
    for i in range(count):
        limit = min(limit, table[TIME, i])
    limit = limit * HOPEFUL if limit < IMPOSSIBLE else IMPOSSIBLE
    left = 0
    for i in range(count):
        if table[TIME, i] <= limit:
            for line in range(LINES):
                table[line, left] = table[line, i]
            left += 1
    for line in range(DEPTH):
        room[line, :left] = table[line, :left]
    for rule in range(1, EARLY_RULES if row[PREFETCH] > 0.0 else RULES):
        choose_depths(row, rule, room, left)
        estimate(row, room, left)
        for i in range(left):
            better = room[TIME, i] < table[TIME, i]
            table[DEPTH, i] = room[DEPTH, i] if better else table[DEPTH, i]
            table[TIME, i] = room[TIME, i] if better else table[TIME, i]
    return insert(table, left, kept, best)


@compiled
def insert(table: np.ndarray, count: int, kept: np.ndarray, best: float) -> float:
    """Put mappings among the best known, each once; the least estimate."""
    most = kept.shape[1]
    worst = 0
    for j in range(most):
        if kept[TIME, j] > kept[TIME, worst]:
            worst = j
    for i in range(count):
        time = table[TIME, i]
        if time >= kept[TIME, worst]:
            continue
        known = False
        for j in range(most):
            known = known or kept[TIME, j] == time
        if known:
            continue
        for line in range(LINES):
            kept[line, worst] = table[line, i]
        for j in range(most):
            if kept[TIME, j] > kept[TIME, worst]:
                worst = j
        best = min(best, time)
    return best
