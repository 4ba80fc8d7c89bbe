"""Grouped matrix products walked tile by tile in plain Python."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Walk:
    """Totals of a walk."""

    waves: int  # tiles of the busiest core
    rows: int  # over all groups
    row_tiles: int


def walk(
    members: list[int], columns: int, height: int, width: int, pieces: int, cores: int
) -> Walk:
    """Deal the tiles of every group to the cores in turn."""
    dealt = [0] * cores
    number = row_tiles = 0
    for rows in members:
        top = 0
        while top < rows:
            row_tiles += 1
            left = 0
            while left < columns:
                for _ in range(pieces):
                    dealt[number % cores] += 1
                    number += 1
                left += width
            top += height
    return Walk(waves=max(dealt), rows=sum(members), row_tiles=row_tiles)
