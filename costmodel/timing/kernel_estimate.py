# mypy: disable-error-code="no-any-return"
"""About the seconds of many mappings at once: single precision, no roots, no branches.

A look-up weighs hundreds of mappings; this tells the few worth an exact score. It knows one loop
order (the depth innermost) and steps of four kinds: a block among others of its depth, the one
before the last of a depth, the last of a depth, and the very last. Loops are written so that a
compiler turns them into vector code.
"""

from __future__ import annotations

import numpy as np

from costmodel.timing.compiled import compiled_finite
from costmodel.timing.kernel import (
    ARRAY_SECOND,
    ARRAYS,
    BYTES,
    CORES,
    EXPONENT,
    HEIGHT,
    HIDDEN,
    PORT_SECOND,
    PREFETCH,
    RATE,
    READ_A,
    READ_B,
    READ_PARTIAL,
    ROOM,
    SUM_BYTES,
    VECTOR_SECOND,
    WEIGHT_STATIONARY,
    WIDTH,
    WRITE,
    WRITE_PARTIAL,
    K,
    M,
    N,
)

ROWS, BLOCK_ROWS, COLUMNS, BLOCK_COLUMNS, PIECES, DEPTH, TIME = range(7)
"""Lines of a table of mappings in single precision."""

LINES = 7

RULES, EARLY_RULES = 5, 6
"""Ways to choose the depth of a block, and where first weights are loaded early."""

LANES = 16
"""Mappings that one vector instruction may hold: loops run over whole vectors, lest the last few
mappings are done one by one."""

IMPOSSIBLE = np.float32(1e30)
"""Seconds of a mapping that does not fit."""

LEAST_DEPTH = np.float32(16.0)
"""No block is chosen less deep than this, unless the product is [count]."""

_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_OFTEN = np.float32(2.5)
_PART, _MORE = np.float32(0.6), np.float32(1.1)
_LARGE = np.float32(0.75)
_HALF, _NEARLY, _TINY = np.float32(0.5), np.float32(0.9), np.float32(1e-30)
_BELOW = np.float32(1.0 - 4e-7)
_FULL = np.float32(1.0 + 1e-6)


@compiled_finite
def _blend(
    first: np.float32,
    second: np.float32,
    four: np.float32,
    eight: np.float32,
    twenty: np.float32,
    linear: np.float32,
    square: np.float32,
) -> np.float32:
    """`overlap` to about 0.1 %, without roots."""
    large = max(first, second)
    share = min(first, second) / (large + _TINY)
    two = share * share
    to_four = two * two
    to_eight = to_four * to_four
    power = four * to_four + eight * to_eight + twenty * (to_eight * to_eight * to_four)
    return large * (_ONE + power * (linear + square * power))


@compiled_finite
def bound(row: np.ndarray, table: np.ndarray, count: int) -> None:
    """Write seconds that hardly any depth undercuts to `TIME`: see `kernel_columns.lower_bound`."""
    cores, height, width, rate = row[CORES], row[HEIGHT], row[WIDTH], row[RATE]
    hidden, b = row[HIDDEN], row[BYTES]
    rows, columns, depth = row[M], row[N], row[K]
    array_second, port_second = row[ARRAY_SECOND], row[PORT_SECOND]
    read_a, read_b, early = row[READ_A], row[READ_B], row[PREFETCH]
    weights = row[WEIGHT_STATIONARY] > _HALF
    step = height * np.ceil(rate)
    finer = np.ceil(rate) / rate
    heights = np.ceil(depth / step)
    fill = (_TWO * height + width - _TWO) if weights else (height + width - _TWO)
    ramp = hidden * fill * array_second
    share = _ONE / row[ARRAYS]
    per_width, per_height, per_core = _BELOW / width, _BELOW / height, _BELOW / cores
    to_port = depth * b * port_second
    moved = rows * depth * read_a + depth * columns * read_b + rows * columns * row[WRITE]
    for i in range(min(-(-count // LANES) * LANES, table.shape[1])):
        m1, m2, n1 = table[ROWS, i], table[BLOCK_ROWS, i], table[COLUMNS, i]
        n2, pieces = table[BLOCK_COLUMNS, i], table[PIECES, i]
        down, trips_m = np.ceil(m2 / m1), np.ceil(rows / m2)
        across, trips_n = np.ceil(n2 / n1), np.ceil(columns / n2)
        wide = np.ceil(n1 * per_width)
        waves = np.ceil(down * across * pieces * per_core)
        each = hidden * max(m1, height) + (_ONE - hidden) * (m1 + fill)
        folds = np.ceil(np.ceil(m1 * per_height) * wide * share)
        heights_of_one = np.ceil(heights / pieces) * wide * share * finer
        one = heights_of_one * each if weights else folds * depth / (pieces * rate)
        # The last blocks may be smaller.
        blocks = (rows / m2) * (columns / n2)
        array = one * array_second * blocks * waves
        port = (m1 + n1) * to_port / pieces * blocks * waves
        filling = ramp * blocks * waves + _TINY
        head = (m2 * read_a + n2 * read_b * (_ONE - early)) * depth
        trips = max(max(np.sqrt(head / filling), (port - array) / filling), _ONE)
        least = head / trips + max(port, array + filling * trips)
        memory = moved - early * n2 * depth * read_b
        trips = max((_MORE * memory - array) / filling, _ONE)
        per_block = _ONE / (trips_m * trips_n)
        last = max(port / trips, array / trips + filling) * per_block
        hidden_least = min(memory + last, _MORE * memory)
        beside = max(array, port) < _MORE * memory
        table[TIME, i] = max(least, hidden_least) if beside else least


@compiled_finite
def choose_depths(row: np.ndarray, rule: int, table: np.ndarray, count: int) -> None:
    """Write a depth of the block to `DEPTH` of every mapping.

    Deep blocks fill the arrays once, but their first read hides behind nothing; how many blocks
    suit follows from the two, or from what compute can hide behind memory. Rule 0 takes that many,
    in whole heights that keep all arrays of a core busy; rule 1 in whole heights; rule 2 takes the
    fewest blocks that fit; rule 3 more of them; rule 4 fewer, in pairs of heights; rule 5, where
    first weights are loaded early, one large block and a small one.
    """
    cores, height, width, rate = row[CORES], row[HEIGHT], row[WIDTH], row[RATE]
    arrays, hidden, b, s = row[ARRAYS], row[HIDDEN], row[BYTES], row[SUM_BYTES]
    rows, columns, depth, room = row[M], row[N], row[K], row[ROOM]
    array_second, port_second = row[ARRAY_SECOND], row[PORT_SECOND]
    read_a, read_b, late = row[READ_A], row[READ_B], _ONE - row[PREFETCH]
    weights = row[WEIGHT_STATIONARY] > _HALF
    step = height * np.ceil(rate)
    finer = np.ceil(rate) / rate
    heights = np.ceil(depth / step)
    fill = (_TWO * height + width - _TWO) if weights else (height + width - _TWO)
    lost, ramp = (_ONE - hidden) * fill, hidden * fill
    share = _ONE / arrays
    moved = rows * depth * read_a + depth * columns * read_b + rows * columns * row[WRITE]
    rounded, fewest, often, deeper = rule == 0, rule == 2, rule == 3, rule == 4
    large = rule == 5
    grain = min(step if weights else LEAST_DEPTH, depth)
    for i in range(min(-(-count // LANES) * LANES, table.shape[1])):
        m1, m2, n1 = table[ROWS, i], table[BLOCK_ROWS, i], table[COLUMNS, i]
        n2, pieces = table[BLOCK_COLUMNS, i], table[PIECES, i]
        down, trips_m = np.ceil(m2 / m1), np.ceil(rows / m2)
        across, trips_n = np.ceil(n2 / n1), np.ceil(columns / n2)
        wide = np.ceil(n1 / width)
        waves = np.ceil(down * across * pieces / cores)
        outputs = m2 * n2
        copies_m = _ONE if trips_m == _ONE else _TWO
        copies_n = _ONE if trips_n == _ONE else _TWO
        left = room * _FULL - outputs * b
        whole = depth * (m2 * copies_m + n2 * copies_n) * b <= left
        left = left - (outputs * (s - b) if waves > _ONE else _ZERO)
        fits = max(np.floor(left / (_TWO * (m2 + n2) * b)), _ONE)
        least = _ONE if whole else np.ceil(depth / fits)
        # Seconds of the arrays for a height of depth, of the ports, and of filling.
        each = hidden * max(m1, height) + (_ONE - hidden) * (m1 + fill)
        folds = np.ceil(np.ceil(m1 / height) * wide * share)
        by_array = wide * share * finer * each if weights else folds * height * finer
        filling = ramp if weights else ramp + folds * lost
        blocks = trips_m * trips_n * waves
        by_array = by_array * array_second * blocks
        by_port = (m1 + n1) * (depth / heights) * b * port_second * blocks
        filling = filling * array_second * blocks + _TINY
        piece = np.ceil(heights / pieces)
        busy = piece * max(by_array, by_port)
        first = (m2 * read_a + n2 * read_b * late) * depth
        by_head = max(np.sqrt(first / filling), piece * (by_port - by_array) / filling)
        by_last = np.sqrt(busy / (trips_m * trips_n) / filling)
        memory = moved - row[PREFETCH] * n2 * depth * read_b
        by_last = max(by_last, _HALF * (memory - busy) / filling)
        trips = by_head if busy + filling * least > memory * _NEARLY else by_last
        trips = max(_ONE if whole and waves > _ONE else trips, least)
        trips = _OFTEN * trips if often else (_PART * trips if deeper else trips)
        trips = max(trips, least)
        unit = pieces * step if weights else pieces * grain
        load = wide * share
        period = _ONE if np.ceil(load) == load else arrays
        period = _TWO if np.ceil(_TWO * load) == _TWO * load and period > _ONE else period
        period = (_TWO if deeper else period) if weights else _ONE
        period = period if rounded or deeper or often else _ONE
        single = max(np.ceil(depth / (trips * unit)), _ONE)
        many = np.ceil(single / period) * period
        many = max(np.floor(single / period) * period, _ONE) if often else many
        free = whole and many * unit >= depth
        lower = max(np.floor(fits / (unit * period)), _ONE) * period
        many = many if free or many * unit <= fits else lower
        many = many if free or many * unit <= fits else single
        number = np.ceil(depth / (many * unit))
        even = np.ceil(depth / (number * unit))
        many = min(many, max(np.ceil(even / period) * period, _ONE))
        # As shallow as a block of so many heights may be, the last one as deep.
        number = np.ceil(depth / (many * unit))
        last = np.ceil((depth - (number - _ONE) * many * unit) / unit)
        size = (depth - last * unit) / max(number - _ONE, _ONE)
        size = np.ceil(max(size, depth / number))
        size = np.ceil(depth / least) if fewest else size
        size = max(np.floor((depth - _ONE) / unit) * unit, depth * _LARGE) if large else size
        table[DEPTH, i] = min(min(size, depth if free or (fewest and whole) else fits), depth)


@compiled_finite
def estimate(row: np.ndarray, table: np.ndarray, count: int) -> None:
    """Write about the seconds of every mapping to `TIME`; `IMPOSSIBLE` where it does not fit."""
    cores, height, width, rate = row[CORES], row[HEIGHT], row[WIDTH], row[RATE]
    arrays, hidden, b, s = row[ARRAYS], row[HIDDEN], row[BYTES], row[SUM_BYTES]
    rows, columns, depth, room = row[M], row[N], row[K], row[ROOM] * _FULL
    array_second, port_second, vector_second = (
        row[ARRAY_SECOND], row[PORT_SECOND], row[VECTOR_SECOND],
    )  # fmt: skip
    read_a, read_b, written, early = row[READ_A], row[READ_B], row[WRITE], row[PREFETCH]
    sums = rows * columns * (row[READ_PARTIAL] + row[WRITE_PARTIAL])
    weights = row[WEIGHT_STATIONARY] > _HALF
    exponent = row[EXPONENT]
    linear = _ONE / exponent
    square = np.exp2(linear) - _ONE - linear
    four = _ONE if exponent < np.float32(6.0) else _ZERO
    twenty = _ONE if exponent > np.float32(14.0) else _ZERO
    eight = _ONE - four - twenty
    step = height * rate
    fill = (_TWO * height + width - _TWO) if weights else (height + width - _TWO)
    lost, ramp = (_ONE - hidden) * fill, hidden * fill
    share = _ONE / arrays
    per_width, per_height, per_step = _BELOW / width, _BELOW / height, _BELOW / step
    per_core, per_rate = _BELOW / cores, _ONE / rate
    once_a, once_b = rows * depth * read_a, depth * columns * read_b
    least = min(LEAST_DEPTH, depth)
    for i in range(min(-(-count // LANES) * LANES, table.shape[1])):
        m1, m2, n1 = table[ROWS, i], table[BLOCK_ROWS, i], table[COLUMNS, i]
        n2, pieces, k2 = table[BLOCK_COLUMNS, i], table[PIECES, i], table[DEPTH, i]
        down, trips_m = np.ceil(m2 / m1), np.ceil(rows / m2)
        per_n1, per_k2, per_piece = _BELOW / n1, _ONE / k2, _BELOW / pieces
        across, trips_n = np.ceil(n2 * per_n1), np.ceil(columns / n2)
        trips_k = np.ceil(depth * per_k2 * _BELOW)
        last_k = depth - (trips_k - _ONE) * k2
        waves = np.ceil(down * across * pieces * per_core)
        last_n = columns - (trips_n - _ONE) * n2
        edge = np.ceil(last_n * per_n1)
        more_m, more_n, more_k = trips_m > _ONE, trips_n > _ONE, trips_k > _ONE
        # A block on the cores, and the last one of its depth.
        stays = not (waves > _ONE and more_k)
        split = pieces > _ONE
        wide = np.ceil(n1 * per_width)
        each = hidden * max(m1, height) + (_ONE - hidden) * (m1 + fill)
        folds = np.ceil(np.ceil(m1 * per_height) * wide * share)
        deep, deep_last = np.ceil(k2 * per_piece), np.ceil(last_k * per_piece)
        array = np.ceil(np.ceil(deep * per_step) * wide * share) * each if weights else (
            folds * (deep * per_rate + lost)
        )  # fmt: skip
        array_last = np.ceil(np.ceil(deep_last * per_step) * wide * share) * each if weights else (
            folds * (deep_last * per_rate + lost)
        )  # fmt: skip
        per_trip = _ONE / trips_k if stays else _ONE
        per_output = (s if split else b) * per_trip if stays else _TWO * s
        out, sides = m1 * n1 * per_output, (m1 + n1) * b
        add = pieces * m2 * n2 * vector_second * per_trip
        add = add if split else _ZERO
        busy = waves * _blend((array + ramp) * array_second, (sides * deep + out) * port_second,
                              four, eight, twenty, linear, square)  # fmt: skip
        end = waves * _blend((array_last + ramp) * array_second,
                             (sides * deep_last + out) * port_second,
                             four, eight, twenty, linear, square)  # fmt: skip
        busy, end = max(busy, add), max(end, add)
        # The cheapest way through the shared SRAM that has room.
        one_a, one_b = m2 * k2 * b, n2 * k2 * b
        copy_a = _TWO * one_a if more_m or more_k else one_a
        copy_b = _TWO * one_b if more_n or more_k else one_b
        need = m2 * n2 * (b if stays else s)
        again_a, again_b = once_a * trips_n, once_b * trips_m
        inner_a = again_a if more_k else once_a
        inner_b = again_b if more_n or more_k else once_b
        outer_a = again_a if more_m or more_k else once_a
        outer_b = again_b if more_k else once_b
        moved = min(inner_a + inner_b, outer_a + outer_b)
        held_a = once_a + inner_b if m2 * depth * b + one_a + copy_b + need <= room else IMPOSSIBLE
        held_b = outer_a + once_b if n2 * depth * b + one_b + copy_a + need <= room else IMPOSSIBLE
        moved = min(moved, min(held_a, held_b))
        all_sums = rows * columns * s + copy_a + copy_b + m2 * n2 * b <= room
        back = once_a + once_b + (_ZERO if all_sums else sums * (trips_k - _ONE))
        moved = moved if stays else min(moved, back)
        # Steps: reads of the next block beside the work on this one.
        first = m2 * k2 * read_a + n2 * k2 * read_b
        # Fewer waves of the last rows and columns, or one smaller tile.
        per_wave, per_fold = _ONE / waves, _ONE / folds
        on_array, on_port = (array + ramp) * array_second, sides * deep * port_second
        per_tile = _ONE / max(on_array, on_port)
        per_side = on_port * per_tile / (m1 + n1)
        narrow = np.ceil(np.ceil(m1 * per_height) * np.ceil(last_n * per_width) * share)
        narrow = np.ceil(last_n * per_width) / wide if weights else narrow * per_fold
        narrow = max(narrow * on_array * per_tile, (m1 + last_n) * per_side)
        part_n = np.ceil(down * edge * pieces * per_core) * per_wave
        part_n *= narrow if edge <= _ONE else _ONE
        last_m = rows - (trips_m - _ONE) * m2
        beside = np.ceil(last_m / m1)
        low = (hidden * max(last_m, height) + (_ONE - hidden) * (last_m + fill)) / each
        low = low if weights else np.ceil(np.ceil(last_m * per_height) * wide * share) * per_fold
        part_m = np.ceil(beside * across * pieces * per_core) * per_wave
        low = max(low * on_array * per_tile, (last_m + n1) * per_side)
        part_m *= low if beside <= _ONE else _ONE
        blocks = trips_m * trips_n
        size_m, size_n = last_m / m2, last_n / n2
        reading = moved * k2 * m2 * n2 / (rows * columns * depth)
        leaving = m2 * n2 * written
        # Steps within the depth of a block, from one block to the next, to the last one.
        within = (trips_m - _ONE + max(part_m, size_m)) * (trips_n - _ONE + max(part_n, size_n))
        turn = _blend(reading + leaving, end, four, eight, twenty, linear, square)
        to_last = reading * size_m * size_n
        to_last = _blend(to_last + leaving, end, four, eight, twenty, linear, square)
        time = first - early * n2 * k2 * read_b + max(end * part_m * part_n, leaving)
        time += within * (
            max(trips_k - _TWO, _ZERO) * _blend(reading, busy, four, eight, twenty, linear, square)
            + min(trips_k - _ONE, _ONE)
            * _blend(reading * last_k * per_k2, busy, four, eight, twenty, linear, square)
        )
        turns = (trips_m - _ONE + part_m) * (trips_n - _ONE + part_n) - part_m * part_n - _ONE
        time += max(turns, _ZERO) * turn + min(blocks - _ONE, _ONE) * to_last
        fits = need + copy_a + copy_b <= room and k2 >= least
        table[TIME, i] = time if fits else IMPOSSIBLE
