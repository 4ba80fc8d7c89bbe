# mypy: disable-error-code="no-any-return"
"""The best mapping of one GEMM on one machine, looked up in its candidates.

0. Blocks that fill the cores in one wave give mappings to beat (`kernel_waves`).
1. A lower bound of every block that fits the shared SRAM: traffic, and cores always busy.
2. The most promising core tile gives every combination an estimate; what cannot beat the best of
   them is dropped.
3. The other tiles, in turn, improve the estimates of what is left.
4. The few best are scored exactly, as the model does.
"""

from __future__ import annotations

import numpy as np

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import (
    ARRAY_SECOND,
    ARRAYS,
    BYTES,
    CORES,
    EXPONENT,
    HEIGHT,
    HIDDEN,
    L1,
    PORT_SECOND,
    RATE,
    SPACE,
    SUM_BYTES,
    VECTOR_SECOND,
    WEIGHT_STATIONARY,
    WIDTH,
    K,
    M,
    N,
    l1_bytes,
    seconds,
    tile_cycles,
)
from costmodel.timing.kernel_blocks import NEVER, WAYS
from costmodel.timing.kernel_bounds import SLACK, all_blocks, cells_of, select
from costmodel.timing.kernel_polish import polish
from costmodel.timing.kernel_waves import FOUND, WHOLE, wave_mappings, whole_mappings
from costmodel.timing.lattice import (
    DOUBLING,
    LEAST_ROWS,
    MOST_BLOCKS,
    ROW_STEP,
    STEP,
    TRIPS,
    cut,
    cut_twice,
    tile_columns,
    tile_rows,
)

ANSWER = 9
"""Numbers of an answer: eight of the mapping and its seconds."""

BLOCK_COLUMNS, WORK_COLUMNS = 17, 13
"""Columns about a block, and with the best way to work on it."""

SEEDS, SEED_TILES, SEED_RANGE = 96, 3, 1.1
"""Blocks and tiles tried first: those whose lower bound is within a tenth of the least."""

TILES, FINALISTS = 24, 8
"""Core tiles that are tried, and mappings that are scored exactly."""

ENOUGH = 1.001
"""Close enough to the lower bound of all blocks."""

FAIR, PATIENCE = 5, 3.0
"""From how many tiles on blocks that lag are left behind: by more than this over the tiles."""

ROUNDS, POLISHED = 4, 4
THINNER = 0.7

ROOM_FOR_BLOCKS = 60000
"""More than a lattice has."""

ROOM_FOR_DEPTHS = 64
"""More than a block has depths to choose from."""


@compiled
def _blend(first: float, second: float, bits: np.ndarray, linear: float, square: float) -> float:
    """`overlap` for a whole exponent below 32, to about 0.1 %, without roots."""
    large = max(first, second)
    share = min(first, second) / (large + 1e-300)
    two = share * share
    four = two * two
    eight = four * four
    power = (
        (bits[0] * share + bits[1])
        * (bits[2] * two + bits[3])
        * (bits[4] * four + bits[5])
        * (bits[6] * eight + bits[7])
        * (bits[8] * eight * eight + bits[9])
    )
    return large * (1.0 + power * (linear + square * power))


@compiled
def _try_tile(
    row: np.ndarray,
    m1: float,
    n1: float,
    code: float,
    count: int,
    m2: np.ndarray,
    n2: np.ndarray,
    k2: np.ndarray,
    passes: np.ndarray,
    streams: np.ndarray,
    block: np.ndarray,
    how: np.ndarray,
    bits: np.ndarray,
    linear: float,
    square: float,
) -> None:
    """Let one core tile work on every block; keep the time where it is the quickest so far.

    Two ways to cut the depth: not at all, and so that the tiles just fill the waves they need.
    """
    cores, inverse = row[CORES], 1.0 / row[CORES]
    height, width, rate, arrays = row[HEIGHT], row[WIDTH], row[RATE], row[ARRAYS]
    hidden, weights = row[HIDDEN], row[WEIGHT_STATIONARY] > 0.5
    deep, wide = 1.0 / (height * rate), 1.0 / width
    fill = 2.0 * height + width - 2.0 if weights else height + width - 2.0
    array_second, port_second, vector_second = (
        row[ARRAY_SECOND], row[PORT_SECOND], row[VECTOR_SECOND],
    )  # fmt: skip
    width_bytes, sum_bytes = row[BYTES], row[SUM_BYTES]
    inverse_m, inverse_n, inverse_arrays = 1.0 / m1, 1.0 / n1, 1.0 / arrays
    lost, ramp = (1.0 - hidden) * fill, hidden * fill
    inverse_rate = 1.0 / rate
    for i in range(count):
        down = np.ceil(m2[i] * inverse_m - SLACK)
        across = np.ceil(n2[i] * inverse_n - SLACK)
        tall = np.ceil(m2[i] / down - SLACK)
        broad = min(np.ceil(n2[i] / across * (1.0 / ROW_STEP) - SLACK) * ROW_STEP, n2[i])
        columns = np.ceil(broad * wide - SLACK)
        tiles = down * across
        waves = np.ceil(tiles * inverse - SLACK)
        heights = np.ceil(k2[i] * deep - SLACK)
        cut = min(max(np.floor(waves * cores / tiles + SLACK), 1.0), heights)
        depth = np.ceil(k2[i] / cut - SLACK)
        folds, folds_cut = heights, np.ceil(depth * deep - SLACK)
        each, each_cut = hidden * max(tall, height) + (1.0 - hidden) * tall + lost, 0.0
        if weights:
            folds = np.ceil(heights * columns * inverse_arrays - SLACK)
            folds_cut = np.ceil(folds_cut * columns * inverse_arrays - SLACK)
            each_cut = each
        else:
            folds = np.ceil(np.ceil(tall / height - SLACK) * columns * inverse_arrays - SLACK)
            folds_cut = folds
            each = k2[i] * inverse_rate + lost
            each_cut = depth * inverse_rate + lost
        sides, area = (tall + broad) * width_bytes, tall * broad
        stay = streams[i] == 0.0
        share = 1.0 / passes[i]
        out = area * (width_bytes * share if stay else 2.0 * sum_bytes)
        out_cut = area * (sum_bytes * share if stay else 2.0 * sum_bytes)
        add = cut * m2[i] * n2[i] * vector_second
        add = add * share if stay else add
        whole = _blend((folds * each + ramp) * array_second,
                       (sides * k2[i] + out) * port_second, bits, linear, square)  # fmt: skip
        split = _blend((folds_cut * each_cut + ramp) * array_second,
                       (sides * depth + out_cut) * port_second, bits, linear, square)  # fmt: skip
        whole = waves * whole
        split = max(np.ceil(tiles * cut * inverse - SLACK) * split, add)
        split = split if cut > 1.0 else NEVER
        time = min(whole, split)
        # Sums that stay need a core for every tile, unless the depth runs only once.
        time = NEVER if stay & (passes[i] > 1.0) & (waves > 1.0) else time
        before = block[i]
        block[i] = min(time, before)
        how[i] = (code + 1.0 if split < whole else code) if time < before else how[i]


@compiled
def _estimate(
    count: int,
    head: np.ndarray,
    memory: np.ndarray,
    blocks: np.ndarray,
    block: np.ndarray,
    time: np.ndarray,
    bits: np.ndarray,
    linear: float,
    square: float,
) -> float:
    """Seconds of every combination, as if all its blocks were alike; the least of them."""
    best = NEVER
    for i in range(count):
        rest = (blocks[i] - 1.0) * block[i]
        time[i] = head[i] + block[i] + _blend(memory[i], rest, bits, linear, square)
        best = min(best, time[i])
    return best


@compiled
def _promising_tiles(
    row: np.ndarray, tile_m: np.ndarray, tile_n: np.ndarray, chosen: np.ndarray, bound: np.ndarray
) -> tuple[int, float]:
    """The quickest tiles if all cores were busy: of all, of the smaller ones, and so on.

    Returns how many there are, and the seconds of the quickest.
    """
    count, most = len(tile_m) * len(tile_n), len(chosen)
    across = len(tile_n)
    promise, area = np.empty(count), np.empty(count)
    square = l1_bytes(row, min(row[M], row[HEIGHT]), row[WIDTH]) <= row[L1]
    smallest, least, quickest = 0, NEVER, NEVER
    for g in range(count):
        m1, n1 = tile_m[g // across], tile_n[g % across]
        area[g] = m1 * n1
        # Tiles narrower than half an array are for an L1 that holds no square one.
        narrow = square and n1 < 0.5 * row[WIDTH]
        need = l1_bytes(row, m1, n1)
        if need < least:
            smallest, least = g, need
        array = tile_cycles(row, m1, n1, row[K]) * row[ARRAY_SECOND]
        port = (m1 + n1) * row[K] * row[BYTES] * row[PORT_SECOND]
        tiles = np.ceil(row[M] / m1) * np.ceil(row[N] / n1)
        promise[g] = (
            tiles * max(array, port) / row[CORES] if need <= row[L1] and not narrow else NEVER
        )
        quickest = min(quickest, promise[g])
    if quickest >= NEVER:
        promise[smallest] = quickest = 0.0
    found, room = 0, NEVER
    while found < most:
        pick, lowest = -1, NEVER
        for g in range(count):
            if area[g] < room and promise[g] < lowest:
                pick, lowest = g, promise[g]
        if pick < 0:
            if room == NEVER:
                break
            room = NEVER
            continue
        chosen[found], bound[found] = pick, promise[pick]
        room = area[pick] * THINNER
        promise[pick] = NEVER
        found += 1
    return found, quickest


@compiled
def look_up(
    row: np.ndarray,
    deep: bool,
    answer: np.ndarray,
    space: np.ndarray,
    everything: np.ndarray,
    work: np.ndarray,
    thin: np.ndarray,
) -> bool:
    """Write the best mapping of a row to `answer`; False when no block fits."""
    height, width = np.ceil(row[HEIGHT]), np.ceil(row[WIDTH])
    trips = DOUBLING if deep else TRIPS
    sizes_m = cut(row[M], trips, ROW_STEP, 1.0 if deep else LEAST_ROWS)
    sizes_n = cut(row[N], trips, min(width, STEP), 1.0)
    sizes_k = cut_twice(row[K], trips, min(height, STEP), height)
    tile_m, tile_n = tile_rows(row[M]), tile_columns(row[N], width)
    cores = row[CORES]
    whole = int(min(max(np.round(row[EXPONENT]), 1.0), 31.0))
    bits = np.empty(10)
    for bit in range(5):
        bits[2 * bit] = float((whole >> bit) & 1)
        bits[2 * bit + 1] = 1.0 - bits[2 * bit]
    linear = 1.0 / whole
    square = 2.0**linear - 1.0 - linear

    chosen, bound = np.empty(TILES, np.int64), np.empty(TILES)
    tiles, quickest = _promising_tiles(row, tile_m, tile_n, chosen, bound)
    largest_m = largest_n = 1.0
    for place in range(tiles):
        largest_m = max(largest_m, tile_m[chosen[place] // len(tile_n)])
        largest_n = max(largest_n, tile_n[chosen[place] % len(tile_n)])
    others = FINALISTS + FOUND
    exact = np.full(others + WHOLE, NEVER)
    mappings = np.full((others + WHOLE, ANSWER), NEVER)
    wave_mappings(row, mappings[FINALISTS:others], exact[FINALISTS:others], space, thin)
    whole_mappings(row, mappings[others:], exact[others:], space)
    mark = np.min(exact)
    most = NEVER if deep else MOST_BLOCKS
    cells = everything[4:8]
    pairs = cells_of(row, sizes_n, sizes_k, most, cells)
    found = all_blocks(row, sizes_m, cells, pairs, most, largest_m, largest_n, quickest,
                        everything[0:4], everything[8:17])  # fmt: skip
    promising = NEVER
    for i in range(found):
        promising = min(promising, everything[0, i])
    if promising >= NEVER and mark >= NEVER:
        return False
    m2, n2, k2, passes, streams = work[0], work[1], work[2], work[3], work[4]
    blocks, memory, head, lower = work[5], work[6], work[7], work[9]
    block, how, time = work[10], work[11], work[12]
    across = len(tile_n)

    # A few blocks tell what there is to beat.
    left = select(row, sizes_m, cells, pairs, everything, found,
                   promising * SEED_RANGE, SEEDS, work)  # fmt: skip
    for place in range(min(tiles, SEED_TILES)):
        g = chosen[place]
        _try_tile(row, tile_m[g // across], tile_n[g % across], 2.0 * g, left, m2, n2, k2,
                  passes, streams, block, how, bits, linear, square)  # fmt: skip
    best = _estimate(left, head, memory, blocks, block, time, bits, linear, square)

    saved, near = np.full(WORK_COLUMNS, NEVER), np.empty(ANSWER)
    for i in range(left):
        if time[i] <= best:
            saved[:] = work[:, i]
            break
    best = min(best, mark)

    # All that may beat it, tile after tile.
    left = select(row, sizes_m, cells, pairs, everything, found,
                   best, work.shape[1] - 1, work)  # fmt: skip
    tried = 0
    for place in range(tiles):
        g = chosen[place]
        if bound[place] >= best:
            continue
        _try_tile(row, tile_m[g // across], tile_n[g % across], 2.0 * g, left, m2, n2, k2,
                  passes, streams, block, how, bits, linear, square)  # fmt: skip
        tried += 1
        if tried % 2 == 1:
            now = _estimate(left, head, memory, blocks, block, time, bits, linear, square)
            best = min(best, now)
            if best <= promising * ENOUGH:
                break
            # The more tiles were tried, the less another one helps a block that lags behind.
            patience = best * (1.0 + PATIENCE / tried) if tried >= FAIR else np.inf
            kept = 0
            for i in range(left):
                if lower[i] < best and time[i] <= patience:
                    for column in range(WORK_COLUMNS):
                        work[column, kept] = work[column, i]
                    kept += 1
            left = kept
    _estimate(left, head, memory, blocks, block, time, bits, linear, square)

    # The one that set the mark may not have been tried again.
    if saved[12] < NEVER:
        work[:, left] = saved
        left += 1

    # The best few, exactly.
    final = np.full(FINALISTS, -1)
    score = np.full(FINALISTS, NEVER)
    worst = 0
    for i in range(left):
        if time[i] < score[worst]:
            score[worst], final[worst] = time[i], i
            for f in range(FINALISTS):
                if score[f] > score[worst]:
                    worst = f
    answer[8] = NEVER
    for f in range(FINALISTS):
        i = final[f]
        if i < 0:
            continue
        g, split = int(how[i]) // 2, int(how[i]) % 2
        m, n, k = m2[i], n2[i], k2[i]
        down = np.ceil(m / tile_m[g // across])
        wide = np.ceil(n / tile_n[g % across])
        pieces = 1.0
        if split == 1:
            pieces = np.floor(np.ceil(down * wide / cores) * cores / (down * wide) + SLACK)
            pieces = min(max(pieces, 1.0), np.ceil(k / (row[HEIGHT] * row[RATE])))
        mapping = mappings[f]
        mapping[0] = np.ceil(m / down)
        mapping[1] = min(np.ceil(n / wide / ROW_STEP) * ROW_STEP, n)
        mapping[2], mapping[3], mapping[4], mapping[5] = pieces, m, n, k
        order, hold = WAYS[int(work[8, i]), 0], WAYS[int(work[8, i]), 1]
        mapping[6], mapping[7] = order, hold
        mapping[8] = seconds(row, mapping[0], mapping[1], pieces, m, n, k, order, hold, space)
        exact[f] = mapping[8]
    for _ in range(POLISHED):
        f = int(np.argmin(exact))
        if exact[f] > answer[8] * 1.03:
            break
        exact[f] = NEVER
        if mappings[f, 8] < NEVER:
            polish(row, mappings[f], near, space, ROUNDS)
            if mappings[f, 8] < answer[8]:
                answer[:] = mappings[f]
    return answer[8] < NEVER


@compiled
def look_up_rows(rows: np.ndarray, answers: np.ndarray) -> None:
    """The best mapping of every row ``[n,len(FIELDS)]``, written to ``[n,ANSWER]``."""
    space = np.empty(SPACE)
    everything = np.empty((BLOCK_COLUMNS, ROOM_FOR_BLOCKS))
    work = np.empty((WORK_COLUMNS, ROOM_FOR_BLOCKS))
    thin = np.empty((4, ROOM_FOR_DEPTHS))
    for i in range(len(rows)):
        row, answer = rows[i], answers[i]
        if look_up(row, False, answer, space, everything, work, thin):
            continue
        if look_up(row, True, answer, space, everything, work, thin):
            continue
        # Nothing fits: the smallest blocks there are; what is missing shows in the limits.
        answer[0] = answer[3] = min(row[M], ROW_STEP)
        answer[1] = answer[4] = min(row[N], row[WIDTH])
        answer[2], answer[5] = 1.0, min(row[K], row[HEIGHT])
        answer[6], answer[7], answer[8] = 0.0, 0.0, NEVER
