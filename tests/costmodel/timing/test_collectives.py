"""Collectives: identities, bounds, torus sides, measured all-reduces."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costmodel.timing.collectives import Fabric, collective_time, torus_sides

BYTES = st.floats(1e3, 1e9)


def number(value: float) -> torch.Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


def network(group: float = 8.0, reduce: float = 0.0, half: float = 0.0) -> Fabric:
    values = (group, 100e9, reduce, 100e9, 1.0, 0.0, half)
    return Fabric(*(number(value) for value in values))


def time(kind: str, size: float, net: Fabric, start: float = 0.0) -> float:
    wire = number(size).reshape(1, 1)
    return collective_time(kind, wire, net, number(start))[0].item()


@given(BYTES, st.sampled_from([2.0, 4.0, 8.0, 64.0]))
def test_all_reduce_is_reduce_scatter_and_all_gather(size, group):
    """Without start-up costs both halves move (n-1)/n of the vector."""
    net = network(group)
    whole = time("all_reduce", size, net)
    half = time("all_gather", size / group, net)
    assert whole == pytest.approx(2.0 * half, rel=1e-12)


@given(BYTES, st.floats(0.0, 1e7), st.sampled_from([2.0, 8.0]))
def test_bandwidth_bound_is_never_beaten_without_reduction_in_the_network(size, half, group):
    bound = 2.0 * (group - 1.0) / group * size / 100e9
    assert time("all_reduce", size, network(group, half=half)) >= bound * (1 - 1e-12)


@given(BYTES)
def test_reduction_in_the_network_reaches_at_most_its_wire(size):
    found = time("all_reduce", size, network(reduce=100e9))
    assert found == pytest.approx(size / 100e9, rel=1e-12)


def test_nothing_to_send_costs_nothing():
    for kind in ("all_reduce", "all_gather", "point_to_point"):
        assert time(kind, 0.0, network(), start=1e-6) == 0.0


@pytest.mark.parametrize(
    ("packages", "dimensions", "sides"),
    [(16, 2, (4, 4, 1)), (8, 2, (4, 2, 1)), (16, 3, (4, 2, 2)), (64, 3, (4, 4, 4)),
     (2, 3, (2, 1, 1)), (1, 2, (1, 1, 1))],
)  # fmt: skip
def test_torus_sides_are_the_most_cubic(packages, dimensions, sides):
    found = torus_sides(number(packages), number(dimensions), 3)
    assert tuple(int(side) for side in found) == sides
