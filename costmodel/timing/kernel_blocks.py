# mypy: disable-error-code="no-any-return"
"""The cheapest way to move every block of a GEMM through the shared SRAM.

A block m x n x k may be passed through in six loop orders with any operands held, but most of
these never pay. What is left is one list of `WAYS`: each needs some SRAM and repeats some traffic,
and for every block the one that moves least among those that fit is kept.
"""

from __future__ import annotations

import numpy as np

from costmodel.timing.compiled import compiled
from costmodel.timing.kernel import (  # fmt: skip
    BYTES,
    READ_A,
    READ_B,
    READ_PARTIAL,
    ROOM,
    SUM_BYTES,
    WRITE_PARTIAL,
    K,
    M,
    N,
)

NEVER = 1e300

A, B, C = 1, 2, 4
MNK, NMK, MKN, KMN, NKM, KNM = range(6)
WAYS = np.array(
    [
        (MNK, 0), (NMK, 0), (MNK, A), (NMK, B), (MNK, B), (NMK, A), (MNK, A + B), (NMK, A + B),
        (MKN, 0), (NKM, 0), (KMN, 0), (KNM, 0), (MKN, C), (NKM, C), (KMN, C), (KNM, C),
        (MKN, B + C), (NKM, A + C), (KMN, B + C), (KNM, A + C),
    ],
    dtype=np.int64,
)  # fmt: skip
"""Order and held operands; the first eight run the depth innermost."""


@compiled
def _cheaper(
    time: float, code: float, need: float, room: float, other: float, other_code: float
) -> tuple[float, float]:
    """The other way where it fits and moves less."""
    better = (need <= room) & (other < time)
    return (other if better else time), (other_code if better else code)


@compiled
def pass_staying(
    row: np.ndarray,
    m: float,
    columns: np.ndarray,
    depths: np.ndarray,
    count: int,
    moved: np.ndarray,
    way: np.ndarray,
) -> None:
    """Seconds of the traffic of `count` blocks of m rows, and the way that moves it.

    For partial sums that stay in the cores while the depth runs. Final outputs, moved once
    whatever happens, are left out.
    """
    whole_m, whole_n, whole_k = row[M], row[N], row[K]
    width, room = row[BYTES], row[ROOM]
    once_a = whole_m * whole_k * row[READ_A]
    once_b = whole_k * whole_n * row[READ_B]
    trips_m = np.ceil(whole_m / m)
    more_m, times_b = trips_m > 1.0, once_b * trips_m
    all_a, all_b = whole_m * whole_k * width, whole_k * whole_n * width
    for q in range(count):
        n, k = columns[q], depths[q]
        trips_n, trips_k = np.ceil(whole_n / n), np.ceil(whole_k / k)
        more_n, more_k = trips_n > 1.0, trips_k > 1.0
        times_a, out = once_a * trips_n, m * n * width
        one_a, one_b = m * k * width, k * n * width
        fixed_a, fixed_b = not (more_m | more_k), not (more_n | more_k)
        plain_a = one_a if fixed_a else 2.0 * one_a
        plain_b = one_b if fixed_b else 2.0 * one_b
        plain = plain_a + plain_b
        panel_a, panel_b = m * whole_k * width, whole_k * n * width
        a_mnk = times_a if more_k else once_a
        b_mnk = times_b if more_n | more_k else once_b
        a_nmk = times_a if more_m | more_k else once_a
        b_nmk = times_b if more_k else once_b
        held_a = panel_a + one_a if not fixed_a else one_a
        held_b = panel_b + one_b if not fixed_b else one_b
        every_a = all_a + one_a if not fixed_a else one_a
        every_b = all_b + one_b if not fixed_b else one_b
        time, code = _cheaper(NEVER, 0.0, plain + out, room, a_mnk + b_mnk, 0.0)
        time, code = _cheaper(time, code, plain + out, room, a_nmk + b_nmk, 1.0)
        time, code = _cheaper(time, code, held_a + plain_b + out, room, once_a + b_mnk, 2.0)
        time, code = _cheaper(time, code, plain_a + held_b + out, room, a_nmk + once_b, 3.0)
        time, code = _cheaper(time, code, plain_a + every_b + out, room, a_mnk + once_b, 4.0)
        time, code = _cheaper(time, code, every_a + plain_b + out, room, once_a + b_nmk, 5.0)
        time, code = _cheaper(time, code, held_a + every_b + out, room, once_a + once_b, 6.0)
        time, code = _cheaper(time, code, every_a + held_b + out, room, once_a + once_b, 7.0)
        moved[q], way[q] = time, code


@compiled
def pass_streaming(
    row: np.ndarray,
    m: float,
    columns: np.ndarray,
    depths: np.ndarray,
    count: int,
    moved: np.ndarray,
    way: np.ndarray,
) -> None:
    """The same for partial sums that pass through the shared SRAM, or through memory."""
    whole_m, whole_n, whole_k = row[M], row[N], row[K]
    width, wide, room = row[BYTES], row[SUM_BYTES], row[ROOM]
    once_a = whole_m * whole_k * row[READ_A]
    once_b = whole_k * whole_n * row[READ_B]
    sums = whole_m * whole_n * (row[READ_PARTIAL] + row[WRITE_PARTIAL])
    trips_m = np.ceil(whole_m / m)
    more_m, times_b = trips_m > 1.0, once_b * trips_m
    all_a, all_b = whole_m * whole_k * width, whole_k * whole_n * width
    row_c, all_c = m * whole_n * wide, whole_m * whole_n * wide
    for q in range(count):
        n, k = columns[q], depths[q]
        trips_n, trips_k = np.ceil(whole_n / n), np.ceil(whole_k / k)
        more_n, more_k = trips_n > 1.0, trips_k > 1.0
        times_a, out = once_a * trips_n, m * n * width
        out_wide, column_c = m * n * wide, whole_m * n * wide
        one_a, one_b = m * k * width, k * n * width
        fixed_a, fixed_b = not (more_m | more_k), not (more_n | more_k)
        plain_a = one_a if fixed_a else 2.0 * one_a
        plain_b = one_b if fixed_b else 2.0 * one_b
        plain = plain_a + plain_b
        panel_a, panel_b = m * whole_k * width, whole_k * n * width
        a_mnk = times_a if more_k else once_a
        b_mnk = times_b if more_n | more_k else once_b
        a_nmk = times_a if more_m | more_k else once_a
        b_nmk = times_b if more_k else once_b
        held_a = panel_a + one_a if not fixed_a else one_a
        held_b = panel_b + one_b if not fixed_b else one_b
        every_a = all_a + one_a if not fixed_a else one_a
        every_b = all_b + one_b if not fixed_b else one_b
        narrow = room - (out_wide - out)
        time, code = _cheaper(NEVER, 0.0, plain + out, narrow, a_mnk + b_mnk, 0.0)
        time, code = _cheaper(time, code, plain + out, narrow, a_nmk + b_nmk, 1.0)
        time, code = _cheaper(time, code, held_a + plain_b + out, narrow, once_a + b_mnk, 2.0)
        time, code = _cheaper(time, code, plain_a + held_b + out, narrow, a_nmk + once_b, 3.0)
        time, code = _cheaper(time, code, plain_a + every_b + out, narrow, a_mnk + once_b, 4.0)
        time, code = _cheaper(time, code, every_a + plain_b + out, narrow, once_a + b_nmk, 5.0)
        time, code = _cheaper(time, code, held_a + every_b + out, narrow, once_a + once_b, 6.0)
        time, code = _cheaper(time, code, every_a + held_b + out, narrow, once_a + once_b, 7.0)
        again = sums * (trips_k - 1.0)
        need = plain + out_wide
        c_n, c_m = (again if more_n else 0.0), (again if more_m else 0.0)
        c_any = again if more_m | more_n else 0.0
        b_kmn = times_b if more_n else once_b
        a_knm = times_a if more_m else once_a
        time, code = _cheaper(time, code, need, room, once_a + times_b + c_n, 8.0)
        time, code = _cheaper(time, code, need, room, times_a + once_b + c_m, 9.0)
        time, code = _cheaper(time, code, need, room, once_a + b_kmn + c_any, 10.0)
        time, code = _cheaper(time, code, need, room, a_knm + once_b + c_any, 11.0)
        need = plain + out
        time, code = _cheaper(time, code, need + row_c, room, once_a + times_b, 12.0)
        time, code = _cheaper(time, code, need + column_c, room, times_a + once_b, 13.0)
        time, code = _cheaper(time, code, need + all_c, room, once_a + b_kmn, 14.0)
        time, code = _cheaper(time, code, need + all_c, room, a_knm + once_b, 15.0)
        need = plain_a + every_b + row_c + out
        time, code = _cheaper(time, code, need, room, once_a + once_b, 16.0)
        need = every_a + plain_b + column_c + out
        time, code = _cheaper(time, code, need, room, once_a + once_b, 17.0)
        band_b = (k * whole_n * width + one_b) if not fixed_b else one_b
        band_a = (whole_m * k * width + one_a) if not fixed_a else one_a
        need = plain_a + band_b + all_c + out
        time, code = _cheaper(time, code, need, room, once_a + once_b, 18.0)
        need = band_a + plain_b + all_c + out
        time, code = _cheaper(time, code, need, room, once_a + once_b, 19.0)
        moved[q] = time if more_k else NEVER
        way[q] = code
