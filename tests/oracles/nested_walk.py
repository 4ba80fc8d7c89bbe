"""Tiles inside blocks, one after another: what the buffer of a core must fetch and give back."""

from __future__ import annotations

from itertools import product

from tests.oracles.tile_walk import Case, Moved, spans

Range = tuple[int, int]  # start and extent


def ranges(start: int, extent: int, step: int) -> list[Range]:
    """Pieces of a range as (start, extent)."""
    pieces = []
    for size in spans(extent, step):
        pieces.append((start, size))
        start += size
    return pieces


def all_tiles(case: Case, tile: dict[str, int], order: str) -> list[dict[str, Range]]:
    """Every tile in the order in which the core meets it."""
    blocks = {d: ranges(0, case.size[d], case.block[d]) for d in "mnk"}
    tiles = []
    for block in product(*(blocks[d] for d in case.order)):
        inside = dict(zip(case.order, block, strict=True))
        pieces = {d: ranges(inside[d][0], inside[d][1], tile[d]) for d in "mnk"}
        for place in product(*(pieces[d] for d in order)):
            tiles.append(dict(zip(order, place, strict=True)))
    return tiles


def nested_words(case: Case, tile: dict[str, int], order: str) -> Moved:
    """Words of a buffer that has one tile of each operand and forgets it for the next."""
    moved = Moved()
    tiles = all_tiles(case, tile, order)
    begun: set[tuple[Range, Range]] = set()
    for number, now in enumerate(tiles):
        before = tiles[number - 1] if number > 0 else None
        m, n, k = (now[d][1] for d in "mnk")
        if before is None or (before["m"], before["k"]) != (now["m"], now["k"]):
            moved.a += m * k
        if before is None or (before["k"], before["n"]) != (now["k"], now["n"]):
            moved.b += k * n
        output = (now["m"], now["n"])
        arrives = before is None or (before["m"], before["n"]) != output
        if arrives and output in begun:  # its sums went out before and come back
            moved.partial_read += m * n
            moved.partial_write += m * n
        if arrives and output not in begun:
            moved.output += m * n
        begun.add(output)
    return moved
