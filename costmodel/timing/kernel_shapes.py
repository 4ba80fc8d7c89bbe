# mypy: disable-error-code="no-any-return"
"""Which blocks and tiles are weighed for a product: the ways to share cores out among them.

A block of m2 rows and n2 columns lies on the cores as down x across tiles, `pieces` cores to a
tile. Rows are cut here, into any number of tiles and blocks, the most promising first; columns and
depth in `kernel_columns`. A bound says which ways are not even worth an estimate.
"""

from __future__ import annotations

import math

import numpy as np

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import (
    ARRAY_SECOND,
    ARRAYS,
    BYTES,
    CORES,
    HEIGHT,
    HIDDEN,
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
)
from costmodel.timing.kernel_columns import LEAST_COLUMNS, WAVES, lower_bound, weigh_columns
from costmodel.timing.kernel_estimate import IMPOSSIBLE, TIME
from costmodel.timing.kernel_kept import FILLED, keep_best, settle


def _growing(dense: int, growth: float, most: float) -> np.ndarray:
    """Whole numbers: each up to `dense`, then growing by a factor."""
    numbers = [float(number) for number in range(1, dense + 1)]
    while numbers[-1] < most:
        numbers.append(float(math.ceil(numbers[-1] * growth)))
    return np.array(numbers)


DOWN = _growing(24, 1.1, 30.0)
DOWN = np.concatenate([DOWN, [32.0, 36.0, 40.0, 48.0, 64.0], 64.0 * np.exp2(np.arange(1.0, 14.0))])
"""Tiles down a product."""

PASSES = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 64], dtype=np.float64)
PASSES = np.concatenate([PASSES, 64.0 * np.exp2(np.arange(1.0, 14.0))])
"""Blocks along the rows."""

LEAST_ROWS, SMALL = 8.0, 128.0
"""Rows of a tile at least, in products of more rows than SMALL [count]."""

PROMISE = 0.95
"""Several blocks along the rows must promise to be quicker than one by this much."""


@compiled
def search_shapes(
    exact: np.ndarray,
    row: np.ndarray,
    table: np.ndarray,
    room: np.ndarray,
    waiting: np.ndarray,
    kept: np.ndarray,
    cuts: np.ndarray,
) -> float:
    """Weigh shapes of blocks and tiles; the least estimate [s].

    Parameters
    ----------
    exact, row : numpy.ndarray
        The product on its machine ``[len(FIELDS)]``, in double and in single precision.
    table, room, waiting : numpy.ndarray
        Room for mappings ``[LINES,FILLED]``, for those that wait ``[2,LINES,FILLED]``, and how many
        they are ``[1]``.
    kept : numpy.ndarray
        The best mappings, written ``[LINES,any]``.
    cuts : numpy.ndarray
        Room for ways to cut the rows ``[4,2 len(DOWN)]``.
    """
    cores, height, width = exact[CORES], exact[HEIGHT], exact[WIDTH]
    rows, columns, depth, b = exact[M], exact[N], exact[K], exact[BYTES]
    hidden, second = exact[HIDDEN], exact[ARRAY_SECOND]
    weights = exact[WEIGHT_STATIONARY] > 0.5
    heights = np.ceil(depth / (height * np.ceil(exact[RATE])))
    streams = 2.0 * max(height, 64.0) * b
    fill = 2.0 * height + width - 2.0 if weights else height + width - 2.0
    filling = hidden * fill * second
    early = exact[PREFETCH] * depth * exact[READ_B]
    memory = rows * depth * exact[READ_A] + columns * (depth * exact[READ_B] - early)
    memory += rows * columns * exact[WRITE]
    head = columns * (depth * exact[READ_B] - early)
    unit_port = depth * b * exact[PORT_SECOND]
    least_rows = LEAST_ROWS if rows > SMALL else 1.0
    kept[TIME, :] = IMPOSSIBLE
    waiting[0] = 0
    tiles, widths, arrays, bounds = cuts[0], cuts[1], cuts[2], cuts[3]
    ways, last = 0, 0.0
    for cut in range(len(DOWN) if weights else 2 * len(DOWN)):
        m1 = np.ceil(rows / DOWN[cut % len(DOWN)])
        if cut >= len(DOWN):
            # Outputs that stay fill whole arrays: the last tile may be smaller.
            even = m1
            m1 = min(np.ceil(m1 / height) * height, rows)
            if m1 == even:
                continue
        if m1 == last or m1 < min(least_rows, rows):
            continue
        last = m1
        widest = np.floor((exact[L1] - streams * m1) / (streams + exact[SUM_BYTES] * m1))
        widest = min(widest, columns)
        if widest < min(LEAST_COLUMNS, columns):
            continue
        if weights:
            each = hidden * max(m1, height) + (1.0 - hidden) * (m1 + fill)
            each *= heights * np.ceil(exact[RATE]) / exact[RATE]
        else:
            each = np.ceil(m1 / height) * depth / exact[RATE]
        array = each * second / (exact[ARRAYS] * width)
        share = rows / m1 * columns / cores
        tiles[ways], widths[ways], arrays[ways] = m1, widest, array
        bounds[ways] = lower_bound(
            array * share, unit_port * (m1 / widest + 1.0) * share, filling, 1.0, memory, head
        )
        ways += 1
    best, count = float(IMPOSSIBLE), 0
    # All rows in one block; the most promising tiles first.
    left = bounds[:ways].copy()
    while ways > 0:
        way = int(np.argmin(left))
        if left[way] >= best or left[way] >= IMPOSSIBLE:
            break
        left[way] = IMPOSSIBLE
        m1 = tiles[way]
        if np.ceil(rows / m1) > WAVES[-1] * cores:
            continue
        count, best = weigh_columns(exact, row, table, room, waiting, kept, count, best, m1, rows,
                                     widths[way], arrays[way])  # fmt: skip
        if best >= IMPOSSIBLE or count > FILLED // 4:
            best = keep_best(row, table, count, room, waiting, kept, best)
            count = 0
    best = keep_best(row, table, count, room, waiting, kept, best)
    best = settle(row, room, waiting, kept, best)
    count = 0
    # Several blocks along the rows.
    for way in range(ways):
        m1 = tiles[way]
        down, before = np.ceil(rows / m1), 0.0
        for trips_m in PASSES:
            if bounds[way] >= best * PROMISE or trips_m > down:
                break
            beside = np.ceil(down / trips_m)
            if beside == before or beside == down or beside > WAVES[-1] * cores:
                continue
            before = beside
            m2 = beside * m1
            share = rows / m2 * columns * beside / cores
            port = unit_port * (m1 / widths[way] + 1.0)
            if lower_bound(arrays[way] * share, port * share, filling, np.ceil(rows / m2), memory,
                           m2 * depth * exact[READ_A] + head) >= best * PROMISE:  # fmt: skip
                continue
            count, best = weigh_columns(exact, row, table, room, waiting, kept, count, best, m1, m2,
                                         widths[way], arrays[way])  # fmt: skip
    best = keep_best(row, table, count, room, waiting, kept, best)
    return settle(row, room, waiting, kept, best)
