"""Sizes of blocks that tools are compared on: about equal, in whole steps, many numbers of them."""

from __future__ import annotations

import numpy as np

TRIPS = np.array(
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128],
    dtype=np.float64,
)
"""Blocks along a dimension."""

ROW_STEP = 8.0
"""Rows of blocks and tiles are multiples of this or the whole dimension [count]."""

LEAST_ROWS = 32.0
"""No block is cut to fewer rows than this, where larger ones fit [count]."""


def cut(whole: float, trips: np.ndarray, step: float, least: float) -> np.ndarray:
    """Sizes that cut `whole` into about equal blocks of whole steps, largest first.

    >>> cut(100.0, np.array([1.0, 2.0, 3.0, 4.0]), 32.0, 1.0)
    array([100.,  64.,  32.])
    """
    sizes = np.empty(len(trips))
    sizes[0] = whole
    count = 1
    for number in trips:
        size = np.ceil(np.ceil(whole / number) / step) * step
        if size < sizes[count - 1] and size >= least:
            sizes[count] = size
            count += 1
    return sizes[:count]
