"""Operation counts are whole, ranged and used."""

from __future__ import annotations

import pytest
import torch

from costmodel.hardware.system import Deployment
from costmodel.workload import load_workload
from costmodel.workload.operations import COSTS


@pytest.mark.parametrize("name", COSTS)
def test_counts_lie_in_their_range_and_say_what_they_count(name):
    cost = COSTS[name]
    low, high = cost.range
    assert low <= cost.operations <= high
    assert cost.operations == int(cost.operations)
    assert cost.note


def test_narrow_outputs_are_quantised():
    """Norm, rotary and gate write what a product reads; 8-bit formats scale it first."""
    workload = load_workload("llama-3.1-8b", "interactive")
    plan = Deployment(*(torch.tensor(value) for value in (0, 1, 1, 1, 1, 1)))
    wide, narrow = (
        workload.operators(plan, torch.tensor(width).double(), "prefill") for width in (2.0, 1.0)
    )
    tokens = workload.scenario.requests[0].new_tokens
    at = wide.names.index("norm")
    more = (narrow.operations - wide.operations)[..., at]
    assert float(more) == COSTS["quantise"].operations * tokens * workload.model.hidden
    assert float(narrow.exponentials.sum()) == float(wide.exponentials.sum())
