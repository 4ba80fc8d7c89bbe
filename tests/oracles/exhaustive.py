# mypy: disable-error-code="no-any-return"
"""The best mapping of a GEMM by enumeration, with nothing left out but what a bound rules out.

Sizes of blocks: every divisor of a dimension and every multiple of the array's edge. Orders: all
six. Held operands: all eight. Core tiles: the same sizes again. Pieces of a depth: all numbers up
to one piece for each array height, or core. Nothing is shared with the search of the mapper; the
score of one mapping is (`kernel.seconds`, which tests hold to `gemm.gemm_time`).

A combination is passed over only where a lower bound shows that it cannot win. Steps of a pipeline
are norms of (memory, cores), so by the triangle inequality the norm of the sums is no larger than
the sum of the norms:

    t >= head + |(memory between head and last write, cores before the last block)| + last block.
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
    L1,
    PLACES,
    PORT_SECOND,
    PREFETCH,
    RATE,
    READ_A,
    READ_B,
    READ_PARTIAL,
    ROOM,
    SPACE,
    WIDTH,
    WRITE,
    WRITE_PARTIAL,
    K,
    M,
    N,
    block_time,
    l1_bytes,
    l2_bytes,
    overlap,
    seconds,
    tile_cycles,
)

SAFE = 1.0 - 1e-12
"""Round-off of a bound."""


def sizes(whole: int, edge: int) -> np.ndarray:
    """Divisors of a dimension and multiples of the array's edge, largest first.

    >>> sizes(12, 5)
    array([12., 10.,  6.,  5.,  4.,  3.,  2.,  1.])
    """
    divisors = {d for d in range(1, whole + 1) if whole % d == 0}
    return np.array(sorted(divisors | set(range(edge, whole, edge)), reverse=True), dtype=float)


def best_by_enumeration(row: np.ndarray, known: float) -> tuple[float, np.ndarray]:
    """Seconds and mapping of the best; `known` seconds are known to be reachable.

    The mapping is zero where nothing is better than `known`.
    """
    height, width = int(row[HEIGHT]), int(row[WIDTH])
    rows, columns = sizes(int(row[M]), height), sizes(int(row[N]), width)
    depths = sizes(int(row[K]), height)
    found = np.zeros(8)
    return _enumerate(row, rows, columns, depths, known, found), found


@compiled
def _moved(
    row: np.ndarray, trips_m: float, trips_n: float, trips_k: float, order: int, hold: int
) -> float:
    """Seconds of all traffic."""
    m, n, k = PLACES[order, 0], PLACES[order, 1], PLACES[order, 2]
    a = trips_n if not hold & 1 and ((m > n and trips_m > 1) or (k > n and trips_k > 1)) else 1.0
    b = trips_m if not hold & 2 and ((n > m and trips_n > 1) or (k > m and trips_k > 1)) else 1.0
    c = trips_k if not hold & 4 and ((m > k and trips_m > 1) or (n > k and trips_n > 1)) else 1.0
    return (
        row[M] * row[K] * a * row[READ_A] + row[K] * row[N] * b * row[READ_B]
        + row[M] * row[N] * (row[WRITE] + (c - 1.0) * (row[READ_PARTIAL] + row[WRITE_PARTIAL]))
    )  # fmt: skip


@compiled
def _tile_least(row: np.ndarray, m1: float, n1: float, depth: float) -> float:
    """Seconds of a tile that writes nothing: no more than any tile of this size takes."""
    array = tile_cycles(row, m1, n1, depth) * row[ARRAY_SECOND]
    port = (m1 + n1) * depth * row[BYTES] * row[PORT_SECOND]
    return overlap(array, port, row[EXPONENT])


@compiled
def _enumerate(
    row: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    depths: np.ndarray,
    best: float,
    found: np.ndarray,
) -> float:
    p = row[EXPONENT]
    space = np.empty(SPACE)
    # Tiles that fit, and for each the core seconds of one element of the output and the depth, if
    # the depth were walked at once and all cores always busy.
    count = 0
    tiles = np.empty((len(rows) * len(columns), 2))
    best_rate = 1e300
    for m1 in rows:
        for n1 in columns:
            if l1_bytes(row, m1, n1) <= row[L1]:
                tiles[count, 0], tiles[count, 1] = m1, n1
                count += 1
                # Fill is paid once a tile at least: no tile of this size does with less for each
                # element, however deep.
                rate = _tile_least(row, m1, n1, row[K]) / (m1 * n1 * row[K])
                rate = min(rate, _slope(row, m1, n1) / (m1 * n1))
                best_rate = min(best_rate, rate)
    ways = np.empty((48, 2), np.int64)
    traffic = np.empty(48)
    floor = row[M] * row[N] * row[K] * best_rate / row[CORES] * SAFE
    for m2 in rows:
        trips_m = np.ceil(row[M] / m2)
        edge_m = row[M] - (trips_m - 1.0) * m2
        for n2 in columns:
            trips_n = np.ceil(row[N] / n2)
            edge_n = row[N] - (trips_n - 1.0) * n2
            last_write = row[WRITE] * edge_m * edge_n
            for k2 in depths:
                trips_k = np.ceil(row[K] / k2)
                edge_k = row[K] - (trips_k - 1.0) * k2
                weights = row[READ_B] * k2 * n2
                head = row[READ_A] * m2 * k2 + weights
                start = head - row[PREFETCH] * weights
                last = edge_m * edge_n * edge_k * best_rate / row[CORES] * SAFE
                if start + floor >= best:
                    continue
                left = 0
                for order in range(6):
                    for hold in range(8):
                        if l2_bytes(row, m2, n2, k2, order, hold, order < 2) > row[ROOM]:
                            continue
                        memory = _moved(row, trips_m, trips_n, trips_k, order, hold)
                        middle = max(memory - head - last_write, 0.0)
                        low = start + overlap(middle, floor - last, p) + max(last, last_write)
                        if low * SAFE < best:
                            ways[left, 0], ways[left, 1], traffic[left] = order, hold, middle
                            left += 1
                if left == 0:
                    continue
                least = 1e300
                for w in range(left):
                    least = min(least, traffic[w])
                blocks = trips_m * trips_n * trips_k
                full = (trips_m - (edge_m < m2)) * (trips_n - (edge_n < n2))
                full *= trips_k - (edge_k < k2)
                even = full == blocks
                most = max(1.0, min(row[CORES], np.ceil(k2 / (row[HEIGHT] * row[RATE]))))
                for t in range(count):
                    m1, n1 = tiles[t, 0], tiles[t, 1]
                    if (m1 > m2 and t > 0 and m1 > rows[-1]) or (n1 > n2 and n1 > columns[-1]):
                        continue
                    number = np.ceil(m2 / m1) * np.ceil(n2 / n1)
                    tall, broad = min(m1, m2), min(n1, n2)
                    each = min(_tile_least(row, tall, broad, k2), _slope(row, tall, broad) * k2)
                    low = _low(start, least, last_write, floor, last,
                               number * each / row[CORES] * SAFE, full, even, p)  # fmt: skip
                    if low >= best:
                        continue
                    for split in range(1, int(most) + 1):
                        pieces = float(split)
                        for innermost in range(2):
                            stay = innermost == 1 and number * pieces <= row[CORES]
                            cores = -1.0
                            for w in range(left):
                                order, hold = ways[w, 0], ways[w, 1]
                                if (order < 2) != (innermost == 1):
                                    continue
                                if cores < 0.0:
                                    cores = block_time(row, m2, n2, k2, m1, n1, pieces,
                                                       trips_k, stay) * SAFE  # fmt: skip
                                if _low(start, traffic[w], last_write, floor, last, cores, full,
                                        even, p) >= best:  # fmt: skip
                                    continue
                                if l2_bytes(row, m2, n2, k2, order, hold, stay) > row[ROOM]:
                                    continue
                                time = seconds(row, m1, n1, pieces, m2, n2, k2, order, hold,
                                               space)  # fmt: skip
                                if time < best:
                                    best = time
                                    found[0], found[1], found[2] = m1, n1, pieces
                                    found[3], found[4], found[5] = m2, n2, k2
                                    found[6], found[7] = order, hold
    return best


@compiled
def _slope(row: np.ndarray, m1: float, n1: float) -> float:
    """Seconds that one more element of depth costs a tile at least, rounding and fill left out."""
    deep = 1.0 / (row[HEIGHT] * row[RATE])
    one = tile_cycles(row, m1, n1, row[HEIGHT] * row[RATE] * row[ARRAYS] * 64.0)
    two = tile_cycles(row, m1, n1, row[HEIGHT] * row[RATE] * row[ARRAYS] * 128.0)
    array = (two - one) * deep / (row[ARRAYS] * 64.0) * row[ARRAY_SECOND]
    port = (m1 + n1) * row[BYTES] * row[PORT_SECOND]
    return overlap(array, port, row[EXPONENT])


@compiled
def _low(
    start: float,
    middle: float,
    last_write: float,
    floor: float,
    last: float,
    cores: float,
    full: float,
    even: bool,
    p: float,
) -> float:
    """Lower bound of the seconds when every full block takes `cores`."""
    if even:
        before = max((full - 1.0) * cores, floor - max(last, cores))
        return (start + overlap(middle, max(before, 0.0), p) + max(cores, last_write)) * SAFE
    before = max(full * cores, floor - last)
    return (start + overlap(middle, before, p) + max(last, last_write)) * SAFE
