"""A whole GEMM in closed form against a walk of its blocks, tiles and folds."""

from __future__ import annotations

from tests.oracles.gemm_compare import largest_error


def test_time_equals_the_walk():
    """Random machines (all dataflows), orders, holds, splits and prefetches."""
    assert largest_error(240, seed=71) <= 1e-12
