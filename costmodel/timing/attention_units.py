"""Units of work of fused attention, counted tile by tile.

A *block* is a set of query rows that a core holds while it walks over the context in tiles; a tile
with any visible score is computed whole. A block may be cut into *pieces* of its tiles for several
cores. What a schedule needs of thousands of units is only how many of them are at least so long:
that table is enumerated here once for each shape, over every tile and split that may be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from costmodel.timing.attention_choice import (
    CONTEXT_TILES,
    FACTS,
    PIECES,
    QUERY_ROWS,
    TILES,
    Integers,
    Reals,
)

__all__ = ["QUERY_ROWS", "Lengths", "Units", "block_tiles", "gather_steps", "join", "unit_lengths",
           "units_of", "visible_tiles"]  # fmt: skip


@dataclass(frozen=True)
class Lengths:
    """Units of one shape and one cut, as steps: `counts` units run through `runs` more tiles.

    Units number ``counts[0]``; the longest has ``sum(runs)`` tiles.
    """

    counts: Integers
    runs: Integers


@dataclass(frozen=True)
class Units:
    """All cuts of one shape: `TILES` x `PIECES`, as rows of flat arrays."""

    facts: NDArray[np.float64]  # [X,F]
    start: Integers  # [X,S] first step of each cut
    steps: Integers  # [X,S] steps of each cut, 0 = not offered
    counts: NDArray[np.float64]  # [N]
    runs: NDArray[np.float64]  # [N]


def visible_tiles(
    queries: int, context: int, window: int, shared: int, rows: int, tokens: int
) -> tuple[Integers, Integers]:
    """First and one past the last tile that each block of query tokens sees.

    Parameters
    ----------
    queries, context : int
        New tokens, and all tokens up to the last of them [token].
    window : int
        Tokens a query sees, itself included; 0 = all before it [token].
    shared : int
        Query heads that share a key head [count].
    rows, tokens : int
        The tile [count].

    Returns
    -------
    tuple of Integers [blocks of tokens]

    Examples
    --------
    Three blocks of two tokens after four cached ones, tiles of four tokens:

    >>> first, last = visible_tiles(6, 10, 0, 8, 16, 4)
    >>> [int(value) for value in last - first]
    [2, 2, 3]
    """
    cached = context - queries
    block = max(1, rows // shared)
    start = np.arange(0, queries, block, dtype=np.int64)
    last = -(-(cached + np.minimum(start + block, queries)) // tokens)
    first = np.zeros_like(last)
    if window > 0:
        first = np.maximum(cached + start - window + 1, 0) // tokens
    return first, last


def unit_lengths(tiles: Integers, pieces: int) -> Lengths:
    """Lengths of the units when each block of `tiles` tiles is cut into near-equal pieces.

    Notes
    -----
    Cut into s pieces, a block of n tiles has ``clip(n - (l-1) s, 0, s)`` pieces of l tiles or more;
    over all blocks that is the sum of E over the tiles (l-1) s + 1 to l s, where E counts the
    blocks of at least so many tiles.

    >>> lengths = unit_lengths(np.array([2, 2, 3]), 1)  # three units reach tile 2, one tile 3
    >>> lengths.counts.tolist(), lengths.runs.tolist()
    ([3, 1], [2, 1])
    """
    longest = int(tiles.max())
    # Blocks with at least m tiles, m = 1 to the longest.
    reach = np.cumsum(np.bincount(tiles, minlength=longest + 1)[::-1])[::-1][1:]
    levels = np.add.reduceat(reach, np.arange(0, longest, pieces))
    ends = np.flatnonzero(np.append(np.diff(levels) != 0, True))
    return Lengths(levels[ends], np.diff(np.append(-1, ends)))


def block_tiles(
    queries: int, context: int, window: int, shared: int, rows: int, tokens: int
) -> tuple[Integers, NDArray[np.float64]]:
    """Tiles of every block of one group, and the `FACTS` about them but the last."""
    first, last = visible_tiles(queries, context, window, shared, rows, tokens)
    beside = -(-shared // rows)  # blocks side by side when heads outnumber rows
    tiles = np.repeat(last - first, beside)
    read = np.minimum(last * tokens, context) - first * tokens
    facts = (
        len(tiles),
        tiles.sum(),
        beside * read.sum(),
        context - first[0] * tokens,
        context - (last[-1] - 1) * tokens,
        first[-1] == 0,
    )
    return tiles, np.array(facts, dtype=np.float64)


@lru_cache(maxsize=1024)
def units_of(queries: int, context: int, window: int, shared: int) -> Units:
    """Every cut of one shape."""
    facts = np.zeros((len(TILES), len(FACTS)))
    start = np.zeros((len(TILES), len(PIECES)), dtype=np.int64)
    steps = np.zeros_like(start)
    counts: list[Integers] = []
    runs: list[Integers] = []
    filled = 0
    for index, (rows, tokens) in enumerate(TILES):
        tiles, known = block_tiles(queries, context, window, shared, rows, tokens)
        smaller = 0 if index < len(CONTEXT_TILES) else QUERY_ROWS[index // len(CONTEXT_TILES) - 1]
        facts[index] = (*known, smaller < shared * queries)
        for column, pieces in enumerate(PIECES):
            if column and PIECES[column - 1] >= tiles.max():
                break
            lengths = unit_lengths(tiles, pieces)
            start[index, column], steps[index, column] = filled, len(lengths.counts)
            filled += len(lengths.counts)
            counts.append(lengths.counts)
            runs.append(lengths.runs)
    return Units(
        facts,
        start,
        steps,
        np.concatenate(counts).astype(np.float64),
        np.concatenate(runs).astype(np.float64),
    )


@lru_cache(maxsize=256)
def join(shapes: tuple[tuple[int, int, int, int], ...]) -> Units:
    """The cuts of several shapes, stacked along a first dimension of `facts` and `start`."""
    each = [units_of(*shape) for shape in shapes]
    offsets = np.cumsum([0, *(len(units.counts) for units in each)])
    return Units(
        np.stack([units.facts for units in each]),
        np.stack([units.start + offset for units, offset in zip(each, offsets, strict=False)]),
        np.stack([units.steps for units in each]),
        np.concatenate([units.counts for units in each]),
        np.concatenate([units.runs for units in each]),
    )


def gather_steps(
    units: Units, index: Integers, tile: Integers, cut: Integers
) -> tuple[Reals, Reals]:
    """Steps of the chosen cut ``[n,W]``, counts and runs, zero beyond its last."""
    first, number = units.start[index, tile, cut], units.steps[index, tile, cut]
    offset = np.arange(number.max())
    inside = offset < number[:, None]
    place = np.where(inside, first[:, None] + offset, 0)
    return np.where(inside, units.counts[place], 0.0), np.where(inside, units.runs[place], 0.0)
