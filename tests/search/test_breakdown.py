"""Bars keep their totals, and name the pool when there are several."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from costmodel.evaluate import evaluate
from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import Designs
from costmodel.timing.tables import build_tables
from costmodel.workload.loading import load_workload
from search.breakdown import bars_of


@pytest.fixture(scope="module")
def two_pools() -> Designs:
    (pool,) = load_chip("h100").designs.pools
    return Designs(tuple(dataclasses.replace(pool, role=role) for role in ("prefill", "decode")))


def test_two_pools_are_told_apart(two_pools: Designs) -> None:
    workload = load_workload("llama-3.1-70b", "interactive")
    with torch.no_grad():
        metrics = evaluate(two_pools, workload, load_technology(), build_tables())
    bars = bars_of(metrics)
    assert "prefill time chat/prefill" in bars
    assert "decode time chat/decode" in bars
    assert "decode time chat/prefill" not in bars
    assert bars["prefill time chat/prefill"].values.sum() == pytest.approx(float(metrics["ttft"]))
    assert bars["decode time chat/decode"].values.sum() == pytest.approx(float(metrics["tpot"]))


def test_operators_come_largest_first_and_small_ones_together() -> None:
    workload = load_workload("llama-3.1-70b", "interactive")
    with torch.no_grad():
        metrics = evaluate(load_chip("h100").designs, workload, load_technology(), build_tables())
    bars = bars_of(metrics)["time chat/decode"]
    totals = bars.values.sum(1)
    shown = totals[:-1] if bars.bars[-1] == "rest" else totals
    assert list(shown) == sorted(shown, reverse=True)
    assert (shown > 1e-3 * totals.sum()).all()
