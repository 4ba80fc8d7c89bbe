"""How a batch of any size is cut into pieces of two fixed widths.

Every tensor operation then sees one of two shapes, whatever the size of the batch, and the last
piece is padded: the values of a design do not depend on the batch that it came in. The wide piece
spends its time in arithmetic, the narrow one is quick for a few designs.
"""

from __future__ import annotations

from dataclasses import dataclass

NARROW, WIDE = 64, 512
"""Widths of a piece [design]."""

FEW = 3 * NARROW
"""Up to so many designs, narrow pieces are quicker than a padded wide one."""


@dataclass(frozen=True)
class Piece:
    """Designs ``start`` to ``start + count``, padded to ``width``."""

    start: int
    count: int
    width: int


def pieces(total: int) -> list[Piece]:
    """Pieces of a batch, in order; only the last one may need padding.

    >>> [(piece.start, piece.count, piece.width) for piece in pieces(600)]
    [(0, 512, 512), (512, 64, 64), (576, 24, 64)]
    >>> [(piece.start, piece.count, piece.width) for piece in pieces(300)]
    [(0, 300, 512)]
    """
    found: list[Piece] = []
    start = 0
    while start < total:
        left = total - start
        width = NARROW if left <= FEW else WIDE
        found.append(Piece(start, min(left, width), width))
        start += width
    return found
