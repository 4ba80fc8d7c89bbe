"""Tiles on cores, wave by wave: sets of elements, and the longest tile of each wave."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from tests.oracles.tile_walk import spans

Tile = dict[str, range]


def deal(size: dict[str, int], tile: dict[str, int], order: str) -> list[Tile]:
    """Tiles of a block in order, the last loop fastest, as ranges of rows, columns and depth."""
    cuts: dict[str, list[range]] = {}
    for d in "mnk":
        start, cuts[d] = 0, []
        for extent in spans(size[d], tile[d]):
            cuts[d].append(range(start, start + extent))
            start += extent
    return [dict(zip(order, parts, strict=True)) for parts in product(*(cuts[d] for d in order))]


def elements(tiles: list[Tile], operand: str) -> set[tuple[int, int]]:
    """Elements of an operand that tiles touch: ``"mk"`` for A, ``"kn"`` for B, ``"mn"`` for C."""
    return {pair for tile in tiles for pair in product(tile[operand[0]], tile[operand[1]])}


def flat(tiles: list[Tile], cores: int) -> list[list[Tile]]:
    """Waves of consecutive tiles."""
    return [tiles[start : start + cores] for start in range(0, len(tiles), cores)]


def grid(size: dict[str, int], tile: dict[str, int], cores: dict[str, int]) -> list[list[Tile]]:
    """Waves of a grid of cores: super-tiles one after another, each dealt to the whole grid."""
    waves = []
    steps = [range(0, size[d], tile[d] * cores[d]) for d in "mnk"]
    for corner in product(*steps):
        wave = []
        for place in product(*(range(cores[d]) for d in "mnk")):
            starts = [c + p * tile[d] for c, p, d in zip(corner, place, "mnk", strict=True)]
            if all(start < size[d] for start, d in zip(starts, "mnk", strict=True)):
                wave.append(
                    {
                        d: range(start, min(start + tile[d], size[d]))
                        for start, d in zip(starts, "mnk", strict=True)
                    }
                )
        waves.append(wave)
    return waves


def longest(waves: list[list[Tile]], cycles: Callable[[int, int, int], float]) -> float:
    """Cycles when every wave waits for its slowest core."""
    return sum(max(cycles(*(len(tile[d]) for d in "mnk")) for tile in wave) for wave in waves)
