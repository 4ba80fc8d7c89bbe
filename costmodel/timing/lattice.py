# mypy: disable-error-code="no-any-return"
"""Which sizes of blocks and tiles are weighed for a GEMM: they depend on its shape alone.

More cores, SRAM or bandwidth never change the set, they only let more of it fit or run faster.
Blocks of a dimension are as equal as the array's edge allows, for many numbers of them.
"""

from __future__ import annotations

import numpy as np

from costmodel.timing.compiled import compiled

LATTICE_VERSION = 3

TRIPS = np.array(
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128],
    dtype=np.float64,
)
"""Blocks along a dimension."""

DOUBLING = np.exp2(np.arange(20.0))
"""Blocks along a dimension where no larger block fits the shared SRAM."""

TILE_CUTS = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 64], dtype=np.float64)
"""Core tiles down a product."""

TILE_WIDTHS = np.array(
    [
        0.0625,
        0.125,
        0.1875,
        0.25,
        0.375,
        0.5,
        0.625,
        0.75,
        0.875,
        1,
        1.5,
        2,
        2.5,
        3,
        3.5,
        4,
        5,
        6,
        7,
        8,
        10,
        12,
        16,
        32,
    ],
    dtype=np.float64,
)
"""Columns of a core tile in widths of the array."""

STEP = 64.0
"""Columns and depths of blocks are multiples of this or of a smaller array's edge [count]."""

ROW_STEP = 8.0
"""Rows of blocks and tiles are multiples of this or the whole dimension [count]."""

LEAST_ROWS = 32.0
"""No block is cut to fewer rows than this, where larger ones fit [count]."""

LARGEST_TILE = 1024.0
"""Rows of a core tile at most [count]."""

MOST_BLOCKS = 256.0
"""A GEMM is cut into at most so many blocks, where they fit."""


@compiled
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


@compiled
def cut_twice(whole: float, trips: np.ndarray, fine: float, coarse: float) -> np.ndarray:
    """Sizes in fine steps and in coarse ones, largest first."""
    one, two = cut(whole, trips, fine, 1.0), cut(whole, trips, coarse, 1.0)
    if fine >= coarse:
        return one
    sizes = np.empty(len(one) + len(two))
    count = i = j = 0
    while i < len(one) or j < len(two):
        first = one[i] if i < len(one) else -1.0
        second = two[j] if j < len(two) else -1.0
        sizes[count] = max(first, second)
        i += first == sizes[count]
        j += second == sizes[count]
        count += 1
    return sizes[:count]


@compiled
def tile_rows(rows: float) -> np.ndarray:
    """Rows of core tiles, largest first."""
    sizes = cut(rows, TILE_CUTS, ROW_STEP, 1.0)
    first = 0
    while first < len(sizes) - 1 and sizes[first] > LARGEST_TILE:
        first += 1
    return sizes[first:]


@compiled
def tile_columns(columns: float, width: float) -> np.ndarray:
    """Columns of core tiles, smallest first."""
    sizes = np.empty(len(TILE_WIDTHS))
    count = 0
    for number in TILE_WIDTHS:
        sizes[count] = min(width * number, columns)
        count += 1
        if width * number >= columns:
            break
    return sizes[:count]
