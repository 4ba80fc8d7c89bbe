"""Fused attention walked in plain Python: every score, every unit, every wave.

Nothing here knows a closed form: which tiles a block of queries needs is found by looking at each
pair of query and key, how long the cores take by dealing units out one by one, what memory
delivers by listing, wave by wave, which tiles somebody holds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One attention operator, one tile, one way to cut and deal it."""

    groups: int
    shared: int
    queries: int
    context: int
    window: int
    rows: int
    tokens: int
    pieces: int
    together: int
    cores: int
    held: int  # tokens of keys and values that the shared SRAM holds


@dataclass(frozen=True)
class Walk:
    """Totals of a walk."""

    tiles: int  # of the busiest core
    units: int  # of the busiest core
    partials: int  # pieces of all groups
    all_tiles: int  # of one group, each block's
    read: int  # tokens fetched from memory, all groups
    pairs: int  # visible scores of one group, all its query heads


def visible(case: Case, query: int, key: int) -> bool:
    """Whether a new token sees a token; both are counted from the first."""
    place = case.context - case.queries + query
    return key <= place and (case.window == 0 or key > place - case.window)


def blocks_of(case: Case) -> list[list[int]]:
    """Tiles that each block of a group computes: those with any visible score."""
    tokens_in_block = max(1, case.rows // case.shared)
    beside = -(-case.shared // case.rows)
    blocks = []
    for start in range(0, case.queries, tokens_in_block):
        members = range(start, min(start + tokens_in_block, case.queries))
        tiles = [
            tile
            for tile in range(-(-case.context // case.tokens))
            if any(
                visible(case, query, key)
                for query in members
                for key in range(
                    tile * case.tokens, min((tile + 1) * case.tokens, case.context)
                )
            )
        ]  # fmt: skip
        blocks += [tiles] * beside
    return blocks


def cut_up(tiles: list[int], pieces: int) -> list[list[int]]:
    """The tiles of a block in near-equal pieces, none of them empty."""
    count = min(pieces, len(tiles))
    whole, more = divmod(len(tiles), count)
    cuts, at = [], 0
    for piece in range(count):
        size = whole + (piece < more)
        cuts.append(tiles[at : at + size])
        at += size
    return cuts


def walk(case: Case) -> Walk:
    """Deal the units of all rounds to the cores and add everything up."""
    blocks = blocks_of(case)
    pieces = [piece for block in blocks for piece in cut_up(block, case.pieces)]
    tiles = units = read = 0
    left = case.groups
    while left > 0:
        together = min(case.together, left)
        dealt = sorted(
            ((group, piece) for piece in pieces for group in range(together)),
            key=lambda unit: -len(unit[1]),
        )
        cores: list[list[int]] = [[] for _ in range(case.cores)]
        for number, (_, piece) in enumerate(dealt):
            cores[number % case.cores].append(len(piece))
        tiles += max(sum(core) for core in cores)
        units += max(len(core) for core in cores)
        read += fetched(case, blocks, dealt, together)
        left -= together
    return Walk(
        tiles=tiles,
        units=units,
        partials=case.groups * len(pieces) if case.pieces > 1 else 0,
        all_tiles=sum(len(block) for block in blocks),
        read=read,
        pairs=case.shared
        * sum(
            visible(case, query, key)
            for query in range(case.queries)
            for key in range(case.context)
        ),
    )


def fetched(
    case: Case, blocks: list[list[int]], dealt: list[tuple[int, list[int]]], together: int
) -> int:
    """Tokens that memory delivers for one round of groups.

    Kept: each group's tokens once. Streamed: each wave once what its blocks walk over together,
    which takes two tiles for every group, whole blocks (or all pieces in one wave), and blocks
    that start at the same tile. Otherwise each block for itself.
    """

    def size(tile: int) -> int:
        return min((tile + 1) * case.tokens, case.context) - tile * case.tokens

    needed = {tile for block in blocks for tile in block}
    once = together * sum(size(tile) for tile in needed)
    if once <= case.held:
        return once
    alone = together * sum(size(tile) for block in blocks for tile in block)
    aligned = all(block[0] == 0 for block in blocks)
    if not aligned or 2 * case.tokens * together > case.held:
        return alone
    if case.pieces > 1 and len(dealt) > case.cores:
        return alone
    total = 0
    for start in range(0, len(dealt), case.cores):
        wave = dealt[start : start + case.cores]
        total += sum(size(tile) for _, tile in {(group, t) for group, piece in wave for t in piece})
    return total


def attention_cases(count: int, seed: int = 0) -> list[Case]:
    """Random cases: prompts, chunks after a cache, single queries, windows, shared heads, cuts."""
    generator = random.Random(seed)
    cases = []
    for _ in range(count):
        queries = generator.choice((1, 1, 2, 5, 17, 40, 64, 100))
        cached = generator.choice((0, 0, 1, 16, 37, 100, 150))
        groups = generator.choice((1, 2, 3, 5, 8, 13))
        tokens = generator.choice((4, 8, 16, 32))
        whole = (queries + cached) * generator.choice((1, 2, 3))
        cases.append(
            Case(
                groups=groups,
                shared=generator.choice((1, 1, 2, 4, 7, 8, 24)),
                queries=queries,
                context=queries + cached,
                window=generator.choice((0, 0, 0, 1, 9, 32, 90)),
                rows=generator.choice((4, 8, 16, 32)),
                tokens=tokens,
                pieces=generator.choice((1, 1, 1, 2, 3, 5, 16)),
                together=generator.choice((groups, groups, 1, 2, 4)),
                cores=generator.choice((1, 2, 3, 7, 16, 60)),
                held=generator.choice((0, 2 * tokens, 8 * tokens * groups, whole, groups * whole)),
            )
        )
    return cases
