"""Array cycles against the published closed forms and a cycle walk."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.timing.arrays import tile_cycles
from tests.costmodel.timing.machines import machine

SIZES = st.integers(1, 300)


def scalar(value: float) -> torch.Tensor:
    return torch.tensor([[float(value)]], dtype=torch.float64)


def cycles(m: int, n: int, k: int, **changes: float) -> float:
    return tile_cycles(machine(**changes), scalar(m), scalar(n), scalar(k)).item()


@settings(max_examples=100, deadline=None)
@given(SIZES, SIZES, SIZES, st.sampled_from([8, 16, 32]), st.sampled_from([8, 32]))
def test_unhidden_fill_equals_scale_sim(m, n, k, rows, columns):
    """SCALE-Sim: WS (2R+C+M-2) ceil(K/R) ceil(N/C), OS (K+R+C-2) ceil(M/R) ceil(N/C)."""
    base = {"rows": rows, "columns": columns, "arrays": 1.0, "hidden_fill": 0.0}
    weight = (2 * rows + columns + m - 2) * math.ceil(k / rows) * math.ceil(n / columns)
    output = (k + rows + columns - 2) * math.ceil(m / rows) * math.ceil(n / columns)
    assert cycles(m, n, k, **base, weight_stationary=1.0) == weight
    assert cycles(m, n, k, **base, weight_stationary=0.0) == output


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, SIZES, st.integers(1, 4), st.sampled_from([0.0, 1.0]))
def test_double_buffered_folds_equal_a_walk(m, n, k, arrays, stationary):
    """Folds dealt to arrays one by one; a fold waits for its weights, fill is paid once."""
    rows = columns = 16
    busy = [0.0] * arrays
    if stationary:
        folds = [max(m, rows)] * (math.ceil(k / rows) * math.ceil(n / columns))
        fill = 2 * rows + columns - 2
    else:
        folds = [k] * (math.ceil(m / rows) * math.ceil(n / columns))
        fill = rows + columns - 2
    for number, cost in enumerate(folds):
        busy[number % arrays] += cost
    found = cycles(m, n, k, rows=rows, columns=columns, arrays=arrays, weight_stationary=stationary)
    assert found == max(busy) + fill


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, SIZES, st.sampled_from([1.0, 2.0, 4.0]))
def test_utilisation_never_exceeds_one(m, n, k, rate):
    for stationary in (0.0, 1.0):
        found = cycles(m, n, k, rate=rate, weight_stationary=stationary)
        assert m * n * k <= found * 32 * 32 * 2 * rate


def test_relaxed_cycles_lie_below_exact_ones_and_meet_them():
    resources = machine()
    exact = tile_cycles(resources, scalar(100), scalar(100), scalar(100))
    half = tile_cycles(resources, scalar(100), scalar(100), scalar(100), relax=0.3)
    loose = tile_cycles(resources, scalar(100), scalar(100), scalar(100), relax=1.0)
    whole = tile_cycles(resources, scalar(64), scalar(64), scalar(64), relax=1.0)
    assert loose <= half <= exact
    assert whole == tile_cycles(resources, scalar(64), scalar(64), scalar(64))
