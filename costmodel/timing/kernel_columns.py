# mypy: disable-error-code="no-any-return"
"""Ways to cut the columns and the depth of a product, its rows already cut into tiles and blocks.

The cores that are left, over the pieces of the depth, say how many tiles stand side by side; then
every number of blocks along the columns gives one width. So tiles fill the cores by construction,
and columns are shared out evenly. Blocks of several waves are weighed where their whole depth fits
the shared SRAM, or where cores are few.
"""

from __future__ import annotations

import math

import numpy as np

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import (
    ARRAY_SECOND,
    BYTES,
    CORES,
    HEIGHT,
    HIDDEN,
    PORT_SECOND,
    PREFETCH,
    RATE,
    READ_A,
    READ_B,
    ROOM,
    VECTOR_SECOND,
    WEIGHT_STATIONARY,
    WIDTH,
    WRITE,
    K,
    M,
    N,
)
from costmodel.timing.kernel_estimate import BLOCK_COLUMNS, BLOCK_ROWS, COLUMNS, PIECES, ROWS
from costmodel.timing.kernel_kept import FILLED, keep_best

PIECES_OF_DEPTH = np.array(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64,
     96, 128, 192, 256], dtype=np.float64,
)  # fmt: skip
"""Cores that share the depth of a tile."""

WAVES = np.array([2, 3, 4, 5, 6, 8, 12, 16, 32], dtype=np.float64)
"""Tiles that a core works on in turn, in a block of several waves."""

FEW_WAVES, FEW_CORES = 5.0, 16.0
"""More waves than this are weighed only where cores are at most so many."""

WIDTHS = np.array([64, 32, 16, 12, 10, 8, 7, 6, 5, 4, 3, 2.5, 2, 1.5, 1.25, 1, 0.875, 0.75, 0.5])
"""Columns of a tile that numbers of blocks aim at, in widths of the array."""

PER_WIDTH = (1.0 - 1e-12) / WIDTHS

FEW_TRIPS = 3
"""Blocks along the columns at most, of tiles as wide as suits the array."""

FEWEST = 4
"""Numbers of blocks along the columns from the fewest on, whatever width they give."""

LEVELS = 3
"""Depths of one, two and four heights a piece, that blocks as wide as fit are weighed for."""

ROUND = 1e-9
"""Quotients of whole numbers are further than this from the next one [1]."""

LEAST_COLUMNS = 8.0
"""Columns of a tile at least [count]."""


@compiled
def lower_bound(
    array: float, port: float, filling: float, blocks: float, memory: float, head: float
) -> float:
    """Seconds that hardly any mapping of these blocks undercuts.

    `array` and `port` seconds keep the cores busy, whatever the depth of a block; t blocks of the
    depth cost `filling` each and have a first read of `head` / t. So either the first read and
    the cores take their time, or memory and the last block do.
    """
    fill = filling * blocks + 1e-30
    trips = max(max(math.sqrt(head / fill), (port - array) / fill), 1.0)
    least = head / trips + max(port, array + fill * trips)
    if max(array, port) < 1.1 * memory:
        trips = max((memory * 1.1 - array) / fill, 1.0)
        last = max(port / (blocks * trips), array / (blocks * trips) + filling)
        least = max(least, min(memory + last, 1.1 * memory))
    return least


@compiled
def weigh_columns(
    exact: np.ndarray,
    row: np.ndarray,
    table: np.ndarray,
    room: np.ndarray,
    waiting: np.ndarray,
    kept: np.ndarray,
    count: int,
    best: float,
    m1: float,
    m2: float,
    widest: float,
    array: float,
) -> tuple[int, float]:
    """Weigh all ways to cut the columns and the depth; mappings in `table`, least estimate.

    `array` seconds keep a core's arrays busy with one column of one tile of `m1` rows.
    """
    cores, width = exact[CORES], exact[WIDTH]
    rows, columns, depth, b = exact[M], exact[N], exact[K], exact[BYTES]
    step = exact[HEIGHT] * np.ceil(exact[RATE])
    heights = np.ceil(depth / step)
    fill = 2.0 * exact[HEIGHT] + width - 2.0
    stationary = exact[WEIGHT_STATIONARY] > 0.5
    if not stationary:
        fill -= exact[HEIGHT]
    filling = exact[HIDDEN] * fill * exact[ARRAY_SECOND]
    elements = exact[ROOM] / b
    early = exact[PREFETCH] * depth * exact[READ_B]
    memory = rows * depth * exact[READ_A] + columns * depth * exact[READ_B]
    memory += rows * columns * exact[WRITE]
    head_a, head_b = depth * exact[READ_A], depth * exact[READ_B] - early
    unit_port = depth * b * exact[PORT_SECOND]
    port = unit_port * (m1 / widest + 1.0)
    inverse_width = 1.0 / width
    beside, trips_m, parts_m = np.ceil(m2 / m1), np.ceil(rows / m2), rows / m2
    free = cores / beside
    # Columns of a block that may keep its whole depth in the shared SRAM.
    copies = m2 if trips_m == 1.0 else 2.0 * m2
    most_whole = np.floor((elements - copies * depth) / (2.0 * depth + m2))
    all_whole = copies * depth + columns * (depth + m2) <= elements
    # Vector lanes add up every piece of every output.
    sums = rows * columns * exact[VECTOR_SECOND]
    before = 0.0
    for way in range(len(PIECES_OF_DEPTH) + len(WAVES)):
        most_pieces = max(min(np.floor(best / sums), heights), 1.0)
        waves, pieces = 1.0, 1.0
        if way < len(PIECES_OF_DEPTH):
            pieces = PIECES_OF_DEPTH[way]
            if pieces > free + ROUND or (pieces > heights and pieces > 1.0):
                continue
            across = np.floor(free / pieces + ROUND)
        else:
            waves = WAVES[way - len(PIECES_OF_DEPTH)]
            if cores > FEW_CORES and (waves > FEW_WAVES or most_whole < 1.0):
                break
            across = np.floor(waves * free + ROUND)
            if across < 1.0:
                continue
        if across == before:
            continue
        before = across
        if waves == 1.0:
            pieces = min(np.floor(free / across + ROUND), most_pieces)
        each_block = parts_m * waves / pieces
        # Whole heights for every piece, whole arrays for every tile.
        deep = np.ceil(heights / pieces) * pieces / heights if stationary else 1.0
        array_width = array * width * each_block * deep
        port_one = unit_port * each_block
        aim = columns / across * inverse_width
        least_array, least_port = array_width * np.ceil(aim), port * columns / across * each_block
        if max(least_array, least_port) >= best:
            continue
        fewest = np.ceil(columns / (across * widest))
        if lower_bound(least_array, least_port, filling * waves, trips_m * fewest,
                       memory - early * columns / fewest,
                       m2 * head_a + columns / fewest * head_b) >= best:  # fmt: skip
            continue
        inverse_across = (1.0 - 1e-12) / across
        before_trips = 0.0
        option = -1
        while option < FEWEST + len(WIDTHS) + LEVELS:
            option += 1
            if option < FEWEST:
                trips_n = fewest + option
            elif option < FEWEST + len(WIDTHS):
                trips_n = np.ceil(aim * PER_WIDTH[option - FEWEST])
                if trips_n <= before_trips:
                    continue
            else:
                level = option - FEWEST - len(WIDTHS)
                size = pieces * step * (1 << level)
                most = most_whole
                if level < LEVELS:
                    if size > depth:
                        continue
                    most = np.floor((elements - 2.0 * m2 * size) / (2.0 * size + m2))
                if most < 1.0:
                    continue
                trips_n = np.ceil(columns / most)
                if trips_n <= fewest + FEWEST:
                    continue
            before_trips = trips_n
            if max(array_width, port_one * m1) * trips_n >= best:
                option = max(option, FEWEST + len(WIDTHS) - 1)
                continue
            n2 = np.ceil(columns / trips_n)
            if waves > 1.0:
                if trips_n > 1.0 and FEWEST <= option < FEWEST + len(WIDTHS):
                    n2 = across * np.floor(WIDTHS[option - FEWEST] * width)
                elif trips_n > 1.0:
                    n2 = across * np.floor(n2 * inverse_across)
                whole = all_whole if trips_n == 1.0 else n2 <= most_whole
                if n2 < 1.0 or not (whole or cores <= FEW_CORES):
                    continue
            n1 = np.ceil(n2 * inverse_across)
            if n1 < LEAST_COLUMNS:
                n1 = min(LEAST_COLUMNS, n2)
            if n1 > widest:
                continue
            wide = np.ceil(n1 * inverse_width)
            if max(array_width * wide, port_one * (m1 + n1)) * columns >= best * n2:
                continue
            table[ROWS, count], table[BLOCK_ROWS, count] = m1, m2
            table[COLUMNS, count], table[BLOCK_COLUMNS, count] = n1, n2
            table[PIECES, count] = pieces
            count += 1
            if count == FILLED:
                best = keep_best(row, table, count, room, waiting, kept, best)
                count = 0
    if trips_m > 1.0 and cores > FEW_CORES:
        return count, best
    # Few blocks along the columns, of tiles as wide as suits the array.
    for number in range(1, FEW_TRIPS + 1):
        n2 = np.ceil(columns / number)
        trips_n = np.ceil(columns / n2)
        if trips_n < number:
            break
        whole = all_whole if trips_n == 1.0 else n2 <= most_whole
        most_pieces = max(min(np.floor(best / sums), heights), 1.0)
        before = 0.0
        for option in range(len(WIDTHS)):
            across = np.ceil(n2 / min(WIDTHS[option] * width, widest))
            if across == before:
                continue
            before = across
            if across > FEW_WAVES * free and cores > FEW_CORES:
                break
            n1 = np.ceil(n2 / across)
            block = n2
            whole_arrays = np.ceil(n1 * inverse_width) * width
            if across == 1.0 and trips_n > 1.0 and width < n1 and whole_arrays <= widest:
                block = n1 = whole_arrays
            wide = np.ceil(n1 * inverse_width)
            least = max(array * width * wide, unit_port * (m1 + n1)) * parts_m * columns / block
            if least * across >= best * free:
                if array * width * across * parts_m * trips_n >= best * free:
                    break
                continue
            for order in range(len(WAVES) + 1):
                waves = 1.0 if order == 0 else WAVES[order - 1]
                if waves > 1.0 and cores > FEW_CORES and (waves > FEW_WAVES or not whole):
                    break
                pieces = min(np.floor(waves * free / across + ROUND), most_pieces)
                if pieces < 1.0 or across * pieces <= free * (waves - 1.0) + ROUND:
                    continue
                if least * waves >= best * pieces:
                    continue
                table[ROWS, count], table[BLOCK_ROWS, count] = m1, m2
                table[COLUMNS, count], table[BLOCK_COLUMNS, count] = n1, block
                table[PIECES, count] = pieces
                count += 1
                if count == FILLED:
                    best = keep_best(row, table, count, room, waiting, kept, best)
                    count = 0
    return count, best
