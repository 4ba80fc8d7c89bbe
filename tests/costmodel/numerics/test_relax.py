"""Bounds and slopes of the relaxed functions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costmodel.numerics import relax

POSITIVE = st.floats(1e-6, 1e6)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@given(st.integers(1, 512), st.integers(1, 512), st.floats(0.01, 1.0))
def test_ramp_ceiling_lies_between_identity_and_ceiling(a, b, width):
    exact = -(-a // b)
    found = relax.ceil_divide(number(a), number(b), width).item()
    assert a / b - 1e-12 <= found <= exact + 1e-12
    assert relax.ceil_divide(number(a), number(b)).item() == exact
    fraction = a / b - a // b
    if fraction >= width or a % b == 0:
        assert found == pytest.approx(exact, abs=1e-9)


@given(st.lists(POSITIVE, min_size=1, max_size=6), st.floats(1.0, 60.0))
def test_overlap_lies_between_maximum_and_bound(parts, exponent):
    values = torch.tensor(parts, dtype=torch.float64)
    found = relax.overlap(values, number(exponent)).item()
    largest = max(parts)
    assert largest * (1 - 1e-9) <= found
    assert found <= largest * len(parts) ** (1 / exponent) * (1 + 1e-9)
    assert found <= sum(parts) * (1 + 1e-9)


@given(st.lists(POSITIVE, min_size=2, max_size=4), st.floats(0.01, 100.0))
def test_overlap_is_homogeneous(parts, scale):
    values = torch.tensor(parts, dtype=torch.float64)
    exponent = number(6.0)
    assert relax.overlap(values * scale, exponent).item() == pytest.approx(
        scale * relax.overlap(values, exponent).item(), rel=1e-9
    )


def test_overlap_gradient_is_finite_beside_a_zero_part():
    parts = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64, requires_grad=True)
    relax.overlap(parts, number(6.0)).backward()
    assert torch.isfinite(parts.grad).all()


def test_power_equals_the_operator_and_does_not_depend_on_the_batch():
    base = torch.rand(1000, dtype=torch.float64) + 0.1
    whole = relax.power(base, 0.61)
    assert torch.allclose(whole, base**0.61, rtol=1e-13)
    padded = torch.cat([base[:7], base[6:7].expand(57)])
    assert torch.equal(relax.power(padded, 0.61)[:7], whole[:7])
