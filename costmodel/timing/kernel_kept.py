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
    row: np.ndarray,
    table: np.ndarray,
    count: int,
    room: np.ndarray,
    waiting: np.ndarray,
    kept: np.ndarray,
    best: float,
) -> float:
    """Estimate mappings ``[LINES,FILLED]`` at one depth; the hopeful ones wait for `settle`.

    They wait in `room` ``[2,LINES,FILLED]``, `waiting` [1] of them. Returns the least estimate.
    """
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
    for i in range(count):
        best = min(best, table[TIME, i])
    limit = np.float32(best) * HOPEFUL if best < IMPOSSIBLE else IMPOSSIBLE
    at = waiting[0]
    for i in range(count):
        if table[TIME, i] <= limit:
            if at == FILLED:
                waiting[0] = at
                best = settle(row, room, waiting, kept, best)
                at = 0
            for line in range(LINES):
                room[0, line, at] = table[line, i]
            at += 1
    waiting[0] = at
    return best


@compiled
def settle(
    row: np.ndarray, room: np.ndarray, waiting: np.ndarray, kept: np.ndarray, best: float
) -> float:
    """Try other depths of the mappings that wait; keep those that seem best ``[LINES,kept]``."""
    limit = np.float32(best) * HOPEFUL if best < IMPOSSIBLE else IMPOSSIBLE
    mine, trial = room[0], room[1]
    left = 0
    for i in range(waiting[0]):
        if mine[TIME, i] <= limit:
            for line in range(LINES):
                mine[line, left] = mine[line, i]
            left += 1
    waiting[0] = 0
    for line in range(DEPTH):
        trial[line, :left] = mine[line, :left]
    for rule in range(1, EARLY_RULES if row[PREFETCH] > 0.0 else RULES):
        choose_depths(row, rule, trial, left)
        estimate(row, trial, left)
        for i in range(left):
            better = trial[TIME, i] < mine[TIME, i]
            mine[DEPTH, i] = trial[DEPTH, i] if better else mine[DEPTH, i]
            mine[TIME, i] = trial[TIME, i] if better else mine[TIME, i]
    return insert(mine, left, kept, best)


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
