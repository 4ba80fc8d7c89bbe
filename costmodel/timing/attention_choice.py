"""Choose how fused attention is cut and dealt to cores: the compiled search over `attention_units`.

It proposes; what is stored is scored by `costmodel.timing.attention`, and a test holds the two
together. What may be chosen does not depend on cores, buffers or bandwidths, and every choice gets
faster with each of them, so more of them never makes the best one slower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from costmodel.timing.compiled import compiled

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]

QUERY_ROWS = (16, 32, 64, 128, 256)
CONTEXT_TILES = (64, 128, 256, 512)
TILES = tuple((rows, tokens) for rows in QUERY_ROWS for tokens in CONTEXT_TILES)
"""Query rows and context tokens of a score tile [count]; the smallest first."""

PIECES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Pieces that the tiles of a block may be cut into."""

FACTS = ("blocks", "tiles", "own_tokens", "tokens", "last_tokens", "shared_walk", "distinct")
BLOCKS, TOTAL, OWN, TOKENS, LAST, SHARED, DISTINCT = range(len(FACTS))
"""For one group and tile: blocks; tiles of all blocks; tokens that all blocks read; tokens that any
reads; tokens of the last tile; whether blocks walk the same tiles from the first on (no window);
whether no smaller query tile gives the same blocks."""

LANES = 5
"""Array, vector, exponential, port and memory [count]."""

FIELDS = (
    "groups", "cores", "room", "exponent", "per_token", "fixed", "cycle", "fill", "score_vector",
    "row_vector", "score_exponential", "token_port", "unit_vector", "unit_port", "part_vector",
    "part_exponential", "part_port",
)  # fmt: skip
"""What is known of an operator before anything is chosen: pairs of sequence and KV head; cores;
tokens that the shared SRAM holds; exponent of overlap; seconds of memory for a token of keys and
values, and for queries and outputs; then `attention_lanes.Costs`."""

(
    GROUPS, CORES, ROOM, EXPONENT, PER_TOKEN, FIXED, CYCLE, FILL, SCORE_VECTOR, ROW_VECTOR,
    SCORE_EXPONENTIAL, TOKEN_PORT, UNIT_VECTOR, UNIT_PORT, PART_VECTOR, PART_EXPONENTIAL,
    PART_PORT,
) = range(len(FIELDS))  # fmt: skip

ALL = 0.0
"""All groups run together."""

CUTS = np.array(PIECES, dtype=np.float64)
WIDTHS = np.array([tokens for _, tokens in TILES], dtype=np.float64)
SMALLEST = 1e-300

LARGEST_EXPONENT = 1e18
"""An overlap exponent beyond this is a maximum to the last bit."""

NEGLIGIBLE = -37.0
"""exp of this adds nothing to one in float64."""

HIGHEST_POWER = 64.0
"""Exponents beyond this are left to the longest part [1]."""


@compiled
def overlapped(parts: Reals, exponent: float) -> float:
    """Imperfect overlap of five times, as `relax.overlap` [s]."""
    largest = SMALLEST
    for lane in range(parts.shape[0]):
        largest = max(largest, parts[lane])
    if exponent >= LARGEST_EXPONENT:
        return largest
    total = 0.0
    for lane in range(parts.shape[0]):
        if parts[lane] > 0.0:
            power = exponent * np.log(parts[lane] / largest)
            if power > NEGLIGIBLE:
                total += np.exp(power)
    return float(largest * np.exp(np.log(total) / exponent))


@compiled
def longest_core(counts: Reals, runs: Reals, first: int, last: int, groups: float, cores: float):  # type: ignore[no-untyped-def]
    """Tiles of the busiest core when units are dealt in turn, longest first [count].

    Units that reach tile l number ``groups * count``, and every P-th of them is the first core's.
    """
    tiles = 0.0
    for step in range(first, last):
        tiles += runs[step] * np.ceil(groups * counts[step] / cores)
    return tiles


@compiled
def walks(count: float, groups: float, cores: float) -> float:
    """Waves in which any of `count` blocks runs, summed over `groups` groups [count].

    Blocks of one rank of all groups stand side by side, ranks one after another. Block `rank` of
    group g runs in wave ``floor((rank * groups + g) / cores)``.
    """
    if groups >= cores:
        return groups * count
    total = groups
    for sign, place in ((1.0, count * groups), (-1.0, (count - 1.0) * groups)):
        whole = np.floor(place / cores)
        total += sign * (cores * whole * (whole - 1.0) / 2.0 + whole * (place - cores * whole))
    return total


@compiled
def tokens_read(  # type: ignore[no-untyped-def]
    facts: Reals, tile: int, counts: Reals, runs: Reals, plain: int, steps: int, units: float,
    pieces: float, width: float, groups: float, cores: float, room: float,
):  # fmt: skip
    """Tokens of keys and values fetched from memory by `groups` groups that run together.

    Parameters
    ----------
    facts : [X,F]
        Of the shape, see `attention_units.FACTS`; `tile` says which row.
    counts, runs : [N]
        Steps of all cuts; those of the uncut blocks start at `plain` and number `steps`.
    units, pieces : float
        Units of one group, and the cut they come from [count].
    width : float
        Tokens of a tile [token].
    groups, cores, room : float
        The last is what the shared SRAM holds [token].
    """
    if groups <= 0.0:
        return 0.0
    if groups * facts[tile, TOKENS] <= room:
        return groups * facts[tile, TOKENS]
    if facts[tile, SHARED] < 1.0 or 2.0 * width * groups > room:
        return groups * facts[tile, OWN]
    if pieces > 1.0:
        return groups * (facts[tile, TOKENS] if groups * units <= cores else facts[tile, OWN])
    total = 0.0
    for step in range(plain, plain + steps):
        total += width * runs[step] * walks(counts[step], groups, cores)
    return total - (width - facts[tile, LAST]) * walks(counts[plain + steps - 1], groups, cores)


@compiled
def no_better(parts: Reals, best: float, whole: int) -> bool:
    """Whether `overlapped` is found to be no less than `best`, without logarithms.

    Below one a whole power is no larger than a lesser real one, so a sum of powers of
    ``part / best`` with the exponent rounded up (`whole`, 0 = too large) that reaches one says so.
    """
    total = 0.0
    for lane in range(parts.shape[0]):
        ratio = parts[lane] / best
        if ratio >= 1.0:
            return True
        if whole > 0:
            raised, square, left = 1.0, ratio, whole
            while left > 0:
                if left % 2 == 1:
                    raised *= square
                square *= square
                left //= 2
            total += raised
    return total >= 1.0


@compiled
def spend(  # type: ignore[no-untyped-def]
    parts, row, block, tokens, cycles, tiles, units, partials, read,
):  # fmt: skip
    """Seconds of each lane for stated tiles and units of the busiest core, into `parts`.

    Twin of the lanes in `attention.scheduled_work`; `row` holds `FIELDS`.
    """
    scored = block * tokens * tiles
    parts[0] = (cycles * tiles + row[FILL] * units) * row[CYCLE]
    parts[1] = scored * row[SCORE_VECTOR] + block * (
        row[ROW_VECTOR] * tiles + row[UNIT_VECTOR] * units + row[PART_VECTOR] * partials
    )
    parts[2] = scored * row[SCORE_EXPONENTIAL] + block * row[PART_EXPONENTIAL] * partials
    parts[3] = tokens * row[TOKEN_PORT] * tiles + block * (
        row[UNIT_PORT] * units + row[PART_PORT] * partials
    )
    parts[4] = row[FIXED] + row[PER_TOKEN] * read


@compiled
def _best(  # type: ignore[no-untyped-def]
    facts, start, steps, counts, runs, row, blocks, cycles, fits, chosen, parts, bounds,
):  # fmt: skip
    """The choice of least time for one operator of one design, into `chosen`.

    Every bound is what is left when work is dealt evenly and nothing is read twice.
    """
    groups, cores, room, exponent = row[GROUPS], row[CORES], row[ROOM], row[EXPONENT]
    whole = int(np.ceil(exponent)) if exponent <= HIGHEST_POWER else 0
    even = groups / cores
    any_fits = False
    for tile in range(facts.shape[0]):
        any_fits = any_fits or fits[tile] > 0.0
    for tile in range(facts.shape[0]):
        bounds[tile] = np.inf
        if facts[tile, DISTINCT] > 0.0 and (fits[tile] > 0.0 or (tile == 0 and not any_fits)):
            spend(
                parts, row, blocks[tile], WIDTHS[tile], cycles[tile], facts[tile, TOTAL] * even,
                facts[tile, BLOCKS] * even, 0.0, groups * facts[tile, TOKENS],
            )  # fmt: skip
            bounds[tile] = parts.max()
    best = np.inf
    for _ in range(facts.shape[0]):
        tile = int(np.argmin(bounds))
        if bounds[tile] >= best:
            break
        bounds[tile] = np.inf
        block, width, of_tile = blocks[tile], WIDTHS[tile], cycles[tile]
        plain, number = start[tile, 0], steps[tile, 0]
        once = groups * facts[tile, TOKENS]
        for column in range(CUTS.shape[0]):
            if steps[tile, column] == 0:
                break
            pieces = CUTS[column]
            first = start[tile, column]
            last = first + steps[tile, column]
            units = counts[first]
            partials = units * groups if pieces > 1.0 else 0.0
            # More pieces never lower the bound.
            spend(
                parts, row, block, width, of_tile, facts[tile, TOTAL] * even, units * even,
                partials, once,
            )  # fmt: skip
            if no_better(parts, best, whole):
                break
            together = groups
            while True:
                rounds = np.floor(groups / together)
                rest = groups - rounds * together
                length = rounds * longest_core(counts, runs, first, last, together, cores)
                waves = rounds * np.ceil(together * units / cores)
                read = rounds * tokens_read(
                    facts, tile, counts, runs, plain, number, units, pieces, width, together,
                    cores, room,
                )  # fmt: skip
                if rest > 0.0:
                    length += longest_core(counts, runs, first, last, rest, cores)
                    waves += np.ceil(rest * units / cores)
                    read += tokens_read(
                        facts, tile, counts, runs, plain, number, units, pieces, width, rest,
                        cores, room,
                    )  # fmt: skip
                spend(parts, row, block, width, of_tile, length, waves, partials, read)
                if not no_better(parts, best, whole):
                    time = overlapped(parts, exponent)
                    if time < best:
                        best = time
                        chosen[0], chosen[1] = tile, column
                        chosen[2] = ALL if together == groups else together
                # Fewer groups at a time only help to read less; units then never go faster.
                if together <= 1.0 or read <= once:
                    break
                together = 2.0 ** np.ceil(np.log2(together) - 1.0)


@compiled
def choose(  # type: ignore[no-untyped-def]
    facts, start, steps, counts, runs, index, rows, blocks, cycles, fits,
):  # fmt: skip
    """Tile, cut and groups that run together of every operator ``[n,3]``.

    Parameters
    ----------
    facts, start, steps : [K,X,F], [K,X,S], [K,X,S]
        Cuts of K shapes.
    counts, runs : [N]
        Their steps.
    index : [n]
        Shape of each operator.
    rows : [n,C]
        `FIELDS` of each operator.
    blocks, cycles, fits : [n,X]
        Query rows of a block, array cycles of a score tile, 1 where the tile fits a core.
    """
    chosen = np.zeros((index.shape[0], 3))
    parts, bounds = np.zeros(LANES), np.zeros(facts.shape[1])
    for number in range(index.shape[0]):
        shape = index[number]
        _best(
            facts[shape], start[shape], steps[shape], counts, runs, rows[number], blocks[number],
            cycles[number], fits[number], chosen[number], parts, bounds,
        )  # fmt: skip
    return chosen


@compiled
def count(  # type: ignore[no-untyped-def]
    facts, start, steps, counts, runs, index, tile, cut, together, groups, cores, room,
):  # fmt: skip
    """Whole numbers of given choices ``[n,4]``; arguments as those of `choose`.

    Tiles and units of the busiest core, units of one group, and the tokens of keys and values that
    all groups read.
    """
    numbers = np.zeros((index.shape[0], 4))
    for row in range(index.shape[0]):
        shape, at = index[row], tile[row]
        first = start[shape, at, cut[row]]
        last = first + steps[shape, at, cut[row]]
        units = counts[first]
        side = together[row] if together[row] != ALL else groups[row]
        rounds = np.floor(groups[row] / side)
        rest = groups[row] - rounds * side
        for times, side_by_side in ((rounds, side), (1.0, rest)):
            if side_by_side <= 0.0:
                continue
            numbers[row, 0] += times * longest_core(
                counts, runs, first, last, side_by_side, cores[row]
            )
            numbers[row, 1] += times * np.ceil(side_by_side * units / cores[row])
            numbers[row, 3] += times * tokens_read(
                facts[shape], at, counts, runs, start[shape, at, 0], steps[shape, at, 0], units,
                CUTS[cut[row]], WIDTHS[at], side_by_side, cores[row], room[row],
            )  # fmt: skip
        numbers[row, 2] = units
    return numbers


@compiled
def distinct_rows(values: Reals):  # type: ignore[no-untyped-def]
    """Distinct rows of a short table ``[n,4]``, and which one each row is; few are expected."""
    index = np.zeros(values.shape[0], dtype=np.int64)
    found = np.zeros(values.shape[0], dtype=np.int64)
    number = 0
    for row in range(values.shape[0]):
        at = -1
        for known in range(number):
            same = True
            for column in range(values.shape[1]):
                if values[found[known], column] != values[row, column]:
                    same = False
                    break
            if same:
                at = known
                break
        if at < 0:
            found[number] = row
            at = number
            number += 1
        index[row] = at
    return index, found[:number]
