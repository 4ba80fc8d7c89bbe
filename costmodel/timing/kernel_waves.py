# mypy: disable-error-code="no-any-return"
"""Blocks that fill the cores in one wave: every core has one tile, sums stay while the depth runs.

The rows of a product are cut into tiles first; then the cores that are left, over rows and pieces
of the depth, say how many tiles stand side by side, and the scratchpad how wide they may be. Few
ways of sharing the cores out are left, and most of the best mappings are among them.
"""

from __future__ import annotations

import numpy as np

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import (
    ARRAY_SECOND,
    ARRAYS,
    BYTES,
    CORES,
    HEIGHT,
    HIDDEN,
    L1,
    PORT_SECOND,
    PREFETCH,
    RATE,
    READ_A,
    READ_B,
    ROOM,
    SUM_BYTES,
    VECTOR_SECOND,
    WEIGHT_STATIONARY,
    WIDTH,
    WRITE,
    K,
    M,
    N,
    seconds,
    tile_cycles,
)
from costmodel.timing.kernel_blocks import NEVER, WAYS, pass_staying

DOWN = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64], dtype=np.float64)
"""Tiles down a product."""

ROW_TRIPS = np.array([1, 2, 3, 4, 5, 6, 7, 8, 12, 16], dtype=np.float64)
"""Blocks along the rows."""

PIECES = np.array(
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64, 128], dtype=np.float64
)
"""Cores that share the depth of a tile."""

DEPTH_TRIPS = np.array(
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128],
    dtype=np.float64,
)
"""Blocks along the depth."""

FEWEST, WIDER = 3, 3
"""Numbers of blocks along the columns: the fewest that fit and more, then doublings of them."""

LEAST_ROWS, SMALL, LEAST_COLUMNS = 8.0, 64.0, 8.0
"""Rows of a tile at least, in products of more rows than SMALL; its columns at least [count]."""

SHAPES, FOUND = 12, 8
"""Shapes of a block whose depth is looked for; mappings that are scored exactly."""

ENOUGH = 1.01
"""Close enough to what no mapping undercuts to look no further for shapes."""

WHOLE, MOST_WAVES, MOST_ACROSS = 4, 4, 32
"""Mappings kept of a product in one block; its waves and its tiles across at most."""

PROMISING = 1.15
"""Shapes that seem this much slower than the best are left out."""


@compiled
def _overlap(first: float, second: float) -> float:
    """Two activities that overlap almost perfectly, without roots: only to tell mappings apart."""
    large = max(first, second) + 1e-300
    share = min(first, second) / large
    share *= share
    share *= share
    return large * (1.0 + 0.125 * share * share)


@compiled
def _on_cores(
    row: np.ndarray,
    m1: float,
    n1: float,
    pieces: float,
    outputs: float,
    depth: float,
    passes: float,
) -> float:
    """About the seconds of a block of one wave."""
    share = np.ceil(depth / pieces)
    width = (row[SUM_BYTES] if pieces > 1.0 else row[BYTES]) / passes
    array = tile_cycles(row, m1, n1, share) * row[ARRAY_SECOND]
    port = ((m1 + n1) * share * row[BYTES] + m1 * n1 * width) * row[PORT_SECOND]
    busy = _overlap(array, port)
    if pieces > 1.0:
        busy = max(busy, pieces * outputs * row[VECTOR_SECOND] / passes)
    return busy


@compiled
def _depth_that_fits(row: np.ndarray, m2: float, n2: float, unit: float) -> float:
    """Depth of a block with two copies in the shared SRAM, cut into equal whole units."""
    room = row[ROOM] / row[BYTES] - m2 * n2
    depth = np.floor(room / (2.0 * (m2 + n2)) / unit) * unit
    depth = max(min(depth, row[K]), min(unit, row[K]))
    trips = np.ceil(row[K] / depth)
    return min(np.ceil(row[K] / trips / unit) * unit, row[K])


@compiled
def _shapes(row: np.ndarray, shapes: np.ndarray, scores: np.ndarray, space: np.ndarray) -> None:
    """Keep the shapes of a block (m1, n1, pieces, m2, n2) that promise most."""
    cores, height, width = row[CORES], row[HEIGHT], row[WIDTH]
    rows, columns, depth = row[M], row[N], row[K]
    step = height * np.ceil(row[RATE])
    line, thin, moved, way = space[0], space[1], space[2], space[3]
    products = rows * columns * depth
    ideal = products / (cores * height * width * row[RATE] * row[ARRAYS]) * row[ARRAY_SECOND]
    stream = products / cores * row[BYTES] * row[PORT_SECOND]
    inverse_width, inverse_columns = 1.0 / width, 1.0 / columns
    streams = 2.0 * max(height, 64.0) * row[BYTES]
    written = rows * columns * row[WRITE]
    compulsory = rows * depth * row[READ_A] + depth * columns * row[READ_B] + written
    enough = max(ideal, compulsory) * ENOUGH
    least_rows = LEAST_ROWS if rows > SMALL else 1.0
    scores[:] = NEVER
    worst, best, limit = 0, NEVER, NEVER
    for down in DOWN:
        if (down > 1.0 and rows / down < least_rows) or best <= enough:
            break
        m1 = np.ceil(rows / down)
        tiles = np.ceil(rows / m1)
        widest = np.floor((row[L1] - streams * m1) / (streams + row[SUM_BYTES] * m1))
        if widest < min(LEAST_COLUMNS, columns):
            continue
        widest = min(widest, columns)
        if row[WEIGHT_STATIONARY] > 0.5:
            loss = max(m1, height * row[HIDDEN]) / m1
        else:
            loss = np.ceil(m1 / height) * height / m1
        inverse_m1 = 1.0 / m1
        port = stream * (inverse_m1 + 1.0 / widest)
        if max(ideal * loss, port) >= limit:
            continue
        before = 0.0
        for trips in ROW_TRIPS:
            if trips > tiles or best <= enough:
                break
            beside = np.ceil(tiles / trips)
            if beside > cores or beside == before:
                continue
            before = beside
            m2 = beside * m1
            passes_m = np.ceil(rows / m2)
            for pieces in PIECES:
                if beside * pieces > cores or best <= enough:
                    break
                if pieces > 1.0 and pieces * step > depth + step - 1.0:
                    break
                unit = pieces * step
                across = np.floor(cores / (beside * pieces))
                # All cores busy, but for those that no tile is left for.
                idle = cores / (beside * pieces)
                if max(ideal * loss, port) * idle / across >= limit:
                    continue
                fewest, last = np.ceil(columns / (across * widest)), 0.0
                for option in range(2 * (FEWEST + WIDER)):
                    number = option // 2
                    passes = fewest + number
                    if number >= FEWEST:
                        passes = fewest * float(1 << (number - FEWEST + 1))
                        size = 2.0 * (m2 + 2.0 * columns / passes) * unit * row[BYTES]
                        if (
                            passes * across * 2.0 * LEAST_COLUMNS > columns
                            or size < 0.25 * row[ROOM]
                        ):
                            continue
                    n1 = np.ceil(columns / (passes * across))
                    if option % 2 == 1:
                        n1 = np.ceil(n1 / width) * width
                    if n1 > widest:
                        continue
                    if n1 == last:
                        continue
                    last = n1
                    filled = np.ceil(n1 * inverse_width) * width / n1
                    least = max(ideal * loss * filled, stream * (inverse_m1 + 1.0 / n1))
                    if least * idle * passes * n1 * inverse_columns >= limit:
                        continue
                    wide = np.ceil(columns / n1)
                    passes = np.ceil(wide / across)
                    n2 = min(np.ceil(wide / passes) * n1, columns)
                    deep = _depth_that_fits(row, m2, n2, unit)
                    passes_k = np.ceil(depth / deep)
                    busy = _on_cores(row, m1, n1, pieces, m2 * n2, deep, passes_k)
                    busy *= passes_m * passes * passes_k
                    if busy >= limit:
                        continue
                    line[0], thin[0] = n2, min(depth, unit)
                    pass_staying(row, m2, line, thin, 1, moved, way)
                    if moved[0] >= NEVER:
                        continue
                    first = m2 * row[READ_A] + n2 * row[READ_B] * (1.0 - row[PREFETCH])
                    score = _overlap(busy, moved[0] + written) + thin[0] * first
                    if score < limit:
                        scores[worst] = score
                        shape = shapes[worst]
                        shape[0], shape[1], shape[2], shape[3], shape[4] = m1, n1, pieces, m2, n2
                        best = min(best, score)
                        worst = int(np.argmax(scores))
                        limit = min(scores[worst], best * PROMISING)


@compiled
def wave_mappings(
    row: np.ndarray, found: np.ndarray, exact: np.ndarray, space: np.ndarray, room: np.ndarray
) -> None:
    """Write the most promising mappings ``[FOUND,9]`` and their seconds ``[FOUND]``."""
    shapes, scores = np.empty((SHAPES, 5)), np.empty(SHAPES)
    _shapes(row, shapes, scores, room)
    rows, columns, depth = row[M], row[N], row[K]
    step = row[HEIGHT] * np.ceil(row[RATE])
    line, depths, moved, way = room[0], room[1], room[2], room[3]
    written = rows * columns * row[WRITE]
    lowest = np.min(scores) * PROMISING
    exact[:] = NEVER
    worst = 0
    for f in range(SHAPES):
        if scores[f] >= NEVER or scores[f] > lowest:
            continue
        m1, n1, pieces = shapes[f, 0], shapes[f, 1], shapes[f, 2]
        m2, n2 = shapes[f, 3], shapes[f, 4]
        unit = pieces * step
        count = 0
        for trips in DEPTH_TRIPS:
            size = np.ceil(depth / trips)
            if trips > 1.0:
                size = min(np.ceil(size / unit) * unit, depth)
            if count == 0 or size < depths[count - 1]:
                depths[count], line[count] = size, n2
                count += 1
            if size <= unit:
                break
        pass_staying(row, m2, line, depths, count, moved, way)
        passes = np.ceil(rows / m2) * np.ceil(columns / n2)
        for i in range(count):
            if moved[i] >= NEVER:
                continue
            size = depths[i]
            trips = np.ceil(depth / size)
            weights = n2 * size * row[READ_B]
            first = m2 * size * row[READ_A] + weights
            busy = _on_cores(row, m1, n1, pieces, m2 * n2, size, trips)
            rest = max(moved[i] + written - first, 0.0)
            score = first - row[PREFETCH] * weights + busy
            score += _overlap((passes * trips - 1.0) * busy, rest)
            if score < exact[worst]:
                exact[worst] = score
                one = found[worst]
                one[0], one[1], one[2] = m1, n1, pieces
                one[3], one[4], one[5] = m2, n2, size
                one[6], one[7] = WAYS[int(way[i]), 0], WAYS[int(way[i]), 1]
                worst = int(np.argmax(exact))
    for f in range(FOUND):
        if exact[f] < NEVER:
            one = found[f]
            exact[f] = seconds(
                row, one[0], one[1], one[2], one[3], one[4], one[5],
                int(one[6]), int(one[7]), space,
            )  # fmt: skip
            one[8] = exact[f]


@compiled
def whole_mappings(
    row: np.ndarray, found: np.ndarray, exact: np.ndarray, space: np.ndarray
) -> None:
    """Write mappings ``[WHOLE,9]`` of a product that is one block, and their seconds."""
    rows, columns, depth, cores = row[M], row[N], row[K], row[CORES]
    exact[:] = NEVER
    need = (rows + columns) * depth + rows * columns
    if need * row[BYTES] > row[ROOM]:
        return
    heights = np.ceil(depth / (row[HEIGHT] * np.ceil(row[RATE])))
    least_rows = LEAST_ROWS if rows > SMALL else 1.0
    step = 2.0 * max(row[HEIGHT], 64.0) * row[BYTES]
    worst = 0
    for down in DOWN:
        if down > 1.0 and rows / down < least_rows:
            break
        m1 = np.ceil(rows / down)
        for across in range(1, MOST_ACROSS + 1):
            n1 = np.ceil(columns / across)
            if step * (m1 + n1) + m1 * n1 * row[SUM_BYTES] > row[L1]:
                continue
            if across > 1 and n1 < LEAST_COLUMNS:
                break
            tiles = np.ceil(rows / m1) * np.ceil(columns / n1)
            before = 0.0
            for waves in range(1, MOST_WAVES + 1):
                pieces = min(max(np.floor(waves * cores / tiles), 1.0), heights)
                if pieces == before:
                    continue
                before = pieces
                score = np.ceil(tiles * pieces / cores)
                score *= _on_cores(row, m1, n1, pieces, 0.0, depth, 1.0)
                if pieces > 1.0:
                    score = max(score, pieces * rows * columns * row[VECTOR_SECOND])
                if score < exact[worst]:
                    exact[worst] = score
                    one = found[worst]
                    one[0], one[1], one[2] = m1, n1, pieces
                    worst = int(np.argmax(exact))
    for f in range(WHOLE):
        if exact[f] < NEVER:
            one = found[f]
            one[3], one[4], one[5], one[6], one[7] = rows, columns, depth, 0.0, 0.0
            exact[f] = seconds(row, one[0], one[1], one[2], rows, columns, depth, 0, 0, space)
            one[8] = exact[f]
