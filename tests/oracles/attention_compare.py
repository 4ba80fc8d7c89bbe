"""Counts of fused attention in closed form and by the walk, on the same random cases."""

from __future__ import annotations

import numpy as np

from costmodel.timing.attention_choice import longest_core, tokens_read
from costmodel.timing.attention_units import block_tiles, unit_lengths
from tests.oracles.attention import Case, attention_cases, walk

FIGURES = ("tiles", "units", "partials", "all_tiles", "read")


def counted(case: Case) -> dict[str, float]:
    """What the walk adds up, by the closed forms."""
    tiles, facts = block_tiles(
        case.queries, case.context, case.window, case.shared, case.rows, case.tokens
    )
    whole, cut = unit_lengths(tiles, 1), unit_lengths(tiles, case.pieces)
    counts = np.concatenate([whole.counts, cut.counts]).astype(float)
    runs = np.concatenate([whole.runs, cut.runs]).astype(float)
    plain, number = len(whole.counts), float(cut.counts[0])
    longest = units = read = 0.0
    together = min(case.together, case.groups)
    rounds, rest = divmod(case.groups, together)
    for times, side in ((rounds, together), (1, rest)):
        longest += times * longest_core(counts, runs, plain, len(counts), side, case.cores)
        units += times * float(np.ceil(side * number / case.cores))
        read += times * tokens_read(
            np.append(facts, 1.0)[None], 0, counts, runs, 0, plain, number, float(case.pieces),
            float(case.tokens), float(side), float(case.cores), float(case.held),
        )  # fmt: skip
    return {
        "tiles": longest,
        "units": units,
        "partials": case.groups * number if case.pieces > 1 else 0.0,
        "all_tiles": float(tiles.sum()),
        "read": read,
    }


def attention_misses(count: int, seed: int) -> dict[str, int]:
    """Cases in which a count differs from the walk, by figure."""
    wrong = dict.fromkeys(FIGURES, 0)
    for case in attention_cases(count, seed):
        right, found = walk(case), counted(case)
        for figure in FIGURES:
            wrong[figure] += found[figure] != getattr(right, figure)
    return wrong
