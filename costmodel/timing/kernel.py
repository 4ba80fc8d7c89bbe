# mypy: disable-error-code="no-any-return"
"""The time of one GEMM under one mapping, in scalars: the compiled twin of `gemm_time`.

A search over mappings calls it hundreds of times a GEMM. It proposes; what is stored is scored by
`costmodel.timing.gemm`, and a test holds the two together.

A row of `FIELDS` describes a GEMM on a machine: everything that does not depend on the mapping.
"""

from __future__ import annotations

import math

import numpy as np

from costmodel.timing.compiled import compiled

LARGEST_EXPONENT = 1e18
"""An overlap exponent beyond this is a maximum to the last bit."""

NEGLIGIBLE = -37.0
"""exp of this adds nothing to one in float64."""

FIELDS = (
    "M", "N", "K", "cores", "height", "width", "rate", "arrays", "weight_stationary",
    "input_stationary", "instruction_depth", "hidden", "array_second", "port_second",
    "vector_second", "element_bytes", "accumulator_bytes", "l1", "room", "read_a", "read_b",
    "read_partial", "write", "write_partial", "exponent", "prefetch", "step", "multicast",
)  # fmt: skip
"""Columns of a row: counts, seconds per cycle, byte, operation and element, bytes."""

(
    M, N, K, CORES, HEIGHT, WIDTH, RATE, ARRAYS, WEIGHT_STATIONARY, INPUT_STATIONARY,
    INSTRUCTION, HIDDEN, ARRAY_SECOND, PORT_SECOND, VECTOR_SECOND, BYTES, SUM_BYTES, L1, ROOM,
    READ_A, READ_B, READ_PARTIAL, WRITE, WRITE_PARTIAL, EXPONENT, PREFETCH, STEP, MULTICAST,
) = range(len(FIELDS))  # fmt: skip

STREAMED, SERIAL, DUPLEX, SINGLE = range(4)

LOOPS = np.array([(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0), (2, 1, 0)], dtype=np.int64)
"""Dimension (0 m, 1 n, 2 k) at each position of each order of `mapping.ORDERS`."""

PLACES = np.argsort(LOOPS, axis=1)
"""Position (0 outermost) of each dimension in each order."""

SPACE = 29
"""Numbers that `seconds` works on."""


@compiled
def overlap(first: float, second: float, exponent: float) -> float:
    """(x^p + y^p)^(1/p), see `relax.overlap`."""
    large = max(first, second)
    if large <= 0.0:
        return 0.0
    if exponent >= LARGEST_EXPONENT:
        return large
    share = min(first, second) / large
    if share <= 1e-30:
        return large
    if exponent == 8.0:
        share *= share
        share *= share
        share *= share
        return large * math.sqrt(math.sqrt(math.sqrt(1.0 + share)))
    power = exponent * math.log(share)
    if power < NEGLIGIBLE:
        return large
    return large * math.exp(math.log1p(math.exp(power)) / exponent)


@compiled
def tile_cycles(row: np.ndarray, rows: float, columns: float, depth: float) -> float:
    """Cycles of one tile on one core; twin of `arrays.tile_cycles`."""
    height, width, rate, arrays = row[HEIGHT], row[WIDTH], row[RATE], row[ARRAYS]
    hidden = row[HIDDEN]
    across = np.ceil(columns / width)
    if row[WEIGHT_STATIONARY] > 0.5:
        folds = np.ceil(np.ceil(depth / (height * rate)) * across / arrays)
        fill = 2.0 * height + width - 2.0
        return folds * (hidden * max(rows, height) + (1.0 - hidden) * (rows + fill)) + hidden * fill
    folds = np.ceil(np.ceil(rows / height) * across / arrays)
    fill = height + width - 2.0
    return folds * (np.ceil(depth / rate) + (1.0 - hidden) * fill) + hidden * fill


@compiled
def block_time(
    row: np.ndarray, m: float, n: float, k: float,
    m1: float, n1: float, pieces: float, passes: float, resident: bool,
) -> float:  # fmt: skip
    """Seconds of one block on the cores; twin of `cores.core_time`."""
    tall, broad = min(m1, m), min(n1, n)
    depth = np.ceil(k / pieces)
    tiles = np.ceil(m / m1) * np.ceil(n / n1) * pieces
    waves = np.ceil(tiles / row[CORES])
    array = waves * tile_cycles(row, tall, broad, depth) * row[ARRAY_SECOND]
    if resident or passes == 1.0:
        per_output = (row[SUM_BYTES] if pieces > 1.0 else row[BYTES]) / passes
    else:
        per_output = 2.0 * row[SUM_BYTES]
    moved = waves * ((tall + broad) * depth * row[BYTES] + tall * broad * per_output)
    port = moved * row[PORT_SECOND]
    busy = overlap(array, port, row[EXPONENT])
    if pieces > 1.0:
        operations = pieces * m * n / (passes if resident else 1.0)
        busy = overlap(busy, operations * row[VECTOR_SECOND], row[EXPONENT])
    return busy


@compiled
def step_time(read: float, compute: float, write: float, exponent: float, step: float) -> float:
    """Seconds of one step of the pipeline; twin of `class_sum.combine`."""
    if step == STREAMED:
        return overlap(read + write, compute, exponent)
    if step == SERIAL:
        return overlap(read, compute, exponent) + write
    if step == DUPLEX:
        return overlap(overlap(read, write, exponent), compute, exponent)
    return read + compute + write


@compiled
def stays(row: np.ndarray, m1: float, n1: float, pieces: float, m2: float, n2: float,
          order: int) -> bool:  # fmt: skip
    """Whether partial sums stay in the cores while the depth runs."""
    tiles = np.ceil(m2 / m1) * np.ceil(n2 / n1) * pieces
    return order < 2 and tiles <= row[CORES]


@compiled
def l1_bytes(row: np.ndarray, m1: float, n1: float) -> float:
    """Twin of `gemm.l1_need`."""
    tall, broad = min(m1, row[M]), min(n1, row[N])
    step = max(row[HEIGHT], 64.0)
    return 2.0 * step * (tall + broad) * row[BYTES] + tall * broad * row[SUM_BYTES]


@compiled
def l2_bytes(row: np.ndarray, m2: float, n2: float, k2: float, order: int, hold: int,
             resident: bool) -> float:  # fmt: skip
    """Twin of `gemm.l2_need`."""
    place_m, place_n, place_k = PLACES[order, 0], PLACES[order, 1], PLACES[order, 2]
    whole_m, whole_n, whole_k = row[M], row[N], row[K]
    m, n, k = min(m2, whole_m), min(n2, whole_n), min(k2, whole_k)
    tm, tn, tk = np.ceil(whole_m / m2), np.ceil(whole_n / n2), np.ceil(whole_k / k2)
    total = 0.0
    one = m * k
    if tm == 1 and tk == 1:
        total += one * row[BYTES]
    elif hold & 1:
        panel = (whole_m if place_m > place_n else m) * (whole_k if place_k > place_n else k)
        total += (panel + one) * row[BYTES]
    else:
        total += 2.0 * one * row[BYTES]
    one = k * n
    if tk == 1 and tn == 1:
        total += one * row[BYTES]
    elif hold & 2:
        panel = (whole_k if place_k > place_m else k) * (whole_n if place_n > place_m else n)
        total += (panel + one) * row[BYTES]
    else:
        total += 2.0 * one * row[BYTES]
    one = m * n
    if hold & 4:
        panel = (whole_m if place_m > place_k else m) * (whole_n if place_n > place_k else n)
        total += panel * row[SUM_BYTES] + one * row[BYTES]
    elif tk > 1 and not resident:
        total += one * row[SUM_BYTES]
    else:
        total += one * row[BYTES]
    return total


@compiled
def seconds(row: np.ndarray, m1: float, n1: float, pieces: float, m2: float, n2: float,
            k2: float, order: int, hold: int, space: np.ndarray) -> float:  # fmt: skip
    """Seconds from the first byte to the last; twin of `gemm.gemm_time`.

    `space` is room for `SPACE` numbers, so that a search allocates nothing.
    """
    resident = stays(row, m1, n1, pieces, m2, n2, order)
    trips, full, edge, compute = space[0:3], space[3:6], space[6:9], space[9:17]
    trips[0] = max(np.ceil(row[M] / m2), 1.0)
    trips[1] = max(np.ceil(row[N] / n2), 1.0)
    trips[2] = max(np.ceil(row[K] / k2), 1.0)
    full[0], full[1], full[2] = min(row[M], m2), min(row[N], n2), min(row[K], k2)
    edge[0] = row[M] - (trips[0] - 1.0) * m2
    edge[1] = row[N] - (trips[1] - 1.0) * n2
    edge[2] = row[K] - (trips[2] - 1.0) * k2
    # A dimension whose last block is as large as the others needs no class of its own.
    alike_m, alike_n, alike_k = edge[0] == full[0], edge[1] == full[1], edge[2] == full[2]
    for index in range(7, -1, -1):
        em, en, ek = (index >> 2) & 1, (index >> 1) & 1, index & 1
        if em == 0 and (alike_m or trips[0] == 1.0):
            compute[index] = compute[index | 4]
        elif en == 0 and (alike_n or trips[1] == 1.0):
            compute[index] = compute[index | 2]
        elif ek == 0 and (alike_k or trips[2] == 1.0):
            compute[index] = compute[index | 1]
        else:
            compute[index] = block_time(
                row,
                edge[0] if em else full[0],
                edge[1] if en else full[1],
                edge[2] if ek else full[2],
                m1, n1, pieces, trips[2], resident,
            )  # fmt: skip
    return pipeline_seconds(row, order, hold, space)


@compiled
def pipeline_seconds(row: np.ndarray, order: int, hold: int, space: np.ndarray) -> float:
    """Sum over kinds of step; twin of `class_sum.class_sum`.

    A kind of step is told by the loop that advances, the places of the loops outside it (first,
    inner, last) and whether it arrives at its last block.
    """
    trips, full, edge, compute = space[0:3], space[3:6], space[6:9], space[9:17]
    first, again, early, late = space[17:20], space[20:23], space[23:26], space[26:29]
    exponent, step = row[EXPONENT], row[STEP]
    # What an operand costs on the first and on later passes of the loop that reuses it.
    first[0], again[0] = row[READ_B], 0.0 if hold & 2 else row[READ_B]
    first[1], again[1] = row[READ_A], 0.0 if hold & 1 else row[READ_A]
    first[2], again[2] = 0.0, 0.0 if hold & 4 else row[READ_PARTIAL]
    early[0], early[1], early[2] = 0.0, 0.0, 0.0 if hold & 4 else row[WRITE_PARTIAL]
    late[0], late[1], late[2] = 0.0, 0.0, row[WRITE]
    a, b, c = LOOPS[order, 0], LOOPS[order, 1], LOOPS[order, 2]
    bit_a, bit_b, bit_c = 4 >> a, 4 >> b, 4 >> c
    ta, tb, tc = trips[a], trips[b], trips[c]
    weights = row[READ_B] * full[2] * full[1]
    total = row[READ_A] * full[0] * full[2] + weights - row[PREFETCH] * weights
    total += step_time(0.0, compute[7], row[WRITE] * edge[0] * edge[1], exponent, step)
    for sa in range(3):
        count_a = 1.0
        if sa == 0:
            count_a = 1.0 if ta > 1.0 else 0.0
        elif sa == 1:
            count_a = max(ta - 2.0, 0.0)
        if count_a == 0.0:
            continue
        last_a = sa == 2
        size_a = edge[a] if last_a else full[a]
        read_a = first[a] if (sa == 0 or (last_a and ta == 1.0)) else again[a]
        write_a = late[a] if last_a else early[a]
        class_a = bit_a if last_a else 0
        if tc > 1.0:
            for sb in range(3):
                count = count_a
                if sb == 0:
                    count = count_a if tb > 1.0 else 0.0
                elif sb == 1:
                    count = count_a * max(tb - 2.0, 0.0)
                if count == 0.0:
                    continue
                last_b = sb == 2
                size_b = edge[b] if last_b else full[b]
                read_b = first[b] if (sb == 0 or (last_b and tb == 1.0)) else again[b]
                write_b = late[b] if last_b else early[b]
                reading = read_a * size_b + size_a * read_b
                writing = (write_a * size_b + size_a * write_b) * full[c]
                busy = compute[class_a | (bit_b if last_b else 0)]
                if tc > 2.0:
                    total += count * (tc - 2.0) * step_time(
                        reading * full[c], busy, writing, exponent, step
                    )  # fmt: skip
                total += count * step_time(reading * edge[c], busy, writing, exponent, step)
        if tb > 1.0:
            moved = 1.0 if tc > 1.0 else 0.0
            busy = compute[class_a | bit_c]
            writing = write_a * full[b] * edge[c] + size_a * (
                early[b] * moved * edge[c] + late[c] * full[b]
            )
            back = size_a * again[b] * moved * full[c]
            rate = read_a * full[c] + size_a * first[c]
            if tb > 2.0:
                total += count_a * (tb - 2.0) * step_time(
                    rate * full[b] + back, busy, writing, exponent, step
                )  # fmt: skip
            total += count_a * step_time(rate * edge[b] + back, busy, writing, exponent, step)
    if ta > 1.0:
        moved = 1.0 if tb > 1.0 or tc > 1.0 else 0.0
        busy = compute[bit_b | bit_c]
        writing = early[a] * moved * edge[b] * edge[c] + full[a] * (
            late[b] * edge[c] + late[c] * edge[b]
        )
        back = again[a] * moved * full[b] * full[c]
        rate = first[b] * full[c] + first[c] * full[b]
        if ta > 2.0:
            total += (ta - 2.0) * step_time(back + full[a] * rate, busy, writing, exponent, step)
        total += step_time(back + edge[a] * rate, busy, writing, exponent, step)
    return total
