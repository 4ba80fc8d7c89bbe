"""Vector operators: laws of lanes and bytes."""

from __future__ import annotations

import pytest
import torch

from costmodel.timing.vector import vector_work
from tests.costmodel.timing.machines import machine


def leaf(value: float) -> torch.Tensor:
    return torch.tensor([[[float(value)]]], dtype=torch.float64)


def work(exponentials: float = 0.0, on_chip: bool = False, **changes: float):
    sizes = (1e6, exponentials, 4e6, 2e6, 1e5)
    return vector_work(*map(leaf, sizes), machine(**changes), on_chip)


def test_by_hand():
    r = machine()
    found = work()
    rate = float(r.lanes * r.clock)
    assert float(found.vector_time) == pytest.approx(1e6 / rate, rel=1e-12)
    assert float(found.memory_time) == pytest.approx(6.1e6 / 1e12, rel=1e-12)
    assert float(found.port_time) == pytest.approx(6.1e6 / (24 * 64 * 1e9), rel=1e-12)


def test_exponentials_run_beside_or_after():
    beside, after = (work(1e6, exponential_unit=unit) for unit in (1.0, 0.0))
    cost = float(machine().exponential_cost)
    plain = float(work().vector_time)
    assert float(beside.exponential_time) == pytest.approx(cost * plain, rel=1e-12)
    assert cost * plain <= float(beside.vector_time) < float(after.vector_time)
    assert float(after.vector_time) == pytest.approx((1 + cost) * plain, rel=1e-12)
    assert torch.equal(beside.vector_operations, after.vector_operations)


def test_activations_stay_but_the_cache_does_not():
    kept = work(on_chip=True, l2=2.0**26)
    assert float(kept.memory_bytes[0]) == float(kept.memory_bytes[2]) == 0.0
    assert float(kept.memory_bytes[1]) == 1e5


def test_writes_pay_for_turning_the_bus_round():
    still, turning = work(), work(write_turnaround=0.1)
    more = float(turning.memory_time / still.memory_time) - 1.0
    assert more == pytest.approx(0.1 * 2.1 / 6.1, rel=1e-9)
