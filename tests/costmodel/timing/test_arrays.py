"""Array cycles against the published closed forms and a cycle walk."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.timing.arrays import tile_cycles
from tests.costmodel.timing.machines import machine
from tests.oracles.array_compare import flags, misses
from tests.oracles.systolic_walk import DATAFLOWS

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


@pytest.mark.parametrize(
    ("m", "n", "k", "edge", "last_cycle"),
    [(64, 16, 4096, 128, 4349), (76, 128, 8, 16, 1519), (25, 128, 16, 32, 311),
     (256, 128, 256, 64, 3055)],
)  # fmt: skip
def test_published_cycles(m, n, k, edge, last_cycle):
    """Output-stationary runs of SCALE-Sim in the tables that LLMCompass ships."""
    array = {"rows": edge, "columns": edge, "arrays": 1.0}
    found = cycles(m, n, k, **array, weight_stationary=0.0, hidden_fill=0.0)
    assert found - 1 == last_cycle  # they number cycles from zero


def test_cycles_equal_walks_that_multiply_matrices():
    """Three dataflows register by register, tensor instructions, folds without a gap."""
    assert set(misses(60, seed=41).values()) == {0}


def test_input_stationary_is_the_transposed_product():
    for m, n, k in ((5, 300, 70), (64, 1, 33)):
        turned = cycles(m, n, k, weight_stationary=0.0, input_stationary=1.0)
        assert turned == cycles(n, m, k, weight_stationary=1.0)


def test_tensor_unit_rounds_depth_up_to_whole_instructions():
    """A 16 x 8 x 16 instruction at one multiply-accumulate a cycle takes 16 cycles."""
    unit = {"rows": 16, "columns": 8, "arrays": 1, "weight_stationary": 0.0}
    assert cycles(16, 8, 16, **unit, instruction_depth=16.0, hidden_fill=0.0) == 32
    assert cycles(16, 8, 17, **unit, instruction_depth=16.0, hidden_fill=1.0) == 48
    assert cycles(17, 8, 16, **unit, instruction_depth=16.0, hidden_fill=1.0) == 48


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, SIZES, st.sampled_from([1.0, 2.0, 4.0]))
def test_utilisation_never_exceeds_one(m, n, k, rate):
    for dataflow in DATAFLOWS:
        found = cycles(m, n, k, rate=rate, **flags(dataflow))
        assert m * n * k <= found * 32 * 32 * 2 * rate
    unit = cycles(m, n, k, rate=rate, weight_stationary=0.0, instruction_depth=16.0)
    assert m * n * k <= unit * 32 * 32 * 2 * rate


def test_relaxed_cycles_lie_below_exact_ones_and_meet_them():
    resources = machine()
    exact = tile_cycles(resources, scalar(100), scalar(100), scalar(100))
    half = tile_cycles(resources, scalar(100), scalar(100), scalar(100), relax=0.3)
    loose = tile_cycles(resources, scalar(100), scalar(100), scalar(100), relax=1.0)
    whole = tile_cycles(resources, scalar(64), scalar(64), scalar(64), relax=1.0)
    assert loose <= half <= exact
    assert whole == tile_cycles(resources, scalar(64), scalar(64), scalar(64))
