"""Words moved against an enumeration of every block, and the laws of reuse."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.timing.mapping import ORDERS, Mapping, Product
from costmodel.timing.traffic import blocks, traffic
from tests.oracles.tile_compare import tile_cases, traffic_error
from tests.oracles.tile_walk import spans


def test_words_equal_the_enumeration():
    assert traffic_error(tile_cases(960, seed=32)) == 0.0


def test_the_enumeration_notices_a_wrong_order():
    """A planted error: rows and columns exchanged in the order that the closed form is told."""
    cases = tile_cases(96, seed=34)
    exchanged = torch.tensor([1.0, 0.0, 4.0, 5.0, 2.0, 3.0])
    wrong = exchanged[cases.mapping.order.long()].double()
    planted = replace(cases, mapping=replace(cases.mapping, order=wrong))
    assert traffic_error(planted) > 0.0


def test_every_element_moves_at_least_once_and_holding_makes_it_once():
    cases = tile_cases(480, seed=33)
    p = cases.product
    found = traffic(p, cases.mapping)
    m, n, k = p.rows, p.columns, p.depth
    assert (found.a >= m * k).all()
    assert (found.b >= k * n).all()
    assert torch.equal(found.output, m * n)
    all_held = Mapping(**(vars(cases.mapping) | {"hold": torch.full_like(m, 7.0)}))
    once = traffic(p, all_held)
    assert torch.equal(once.a, m * k)
    assert torch.equal(once.b, k * n)
    assert not once.partial_read.any()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 500), st.integers(1, 200))
def test_blocks_cover_a_dimension(size, block):
    one = torch.ones((), dtype=torch.float64)
    found = blocks(
        Product(size * one, one, one), Mapping(one, one, one, block * one, one, one, one, one)
    )
    cuts = spans(size, block)
    assert found.trips[0] == len(cuts)
    assert found.full[0] == cuts[0]
    assert found.edge[0] == cuts[-1]


@settings(max_examples=100, deadline=None)
@given(st.floats(1.0, 500.0), st.integers(1, 200), st.sampled_from([0.1, 0.5, 1.0]))
def test_relaxed_blocks_still_add_up_to_the_dimension(size, block, relax):
    one = torch.ones((), dtype=torch.float64)
    mapping = Mapping(one, one, one, block * one, one, one, one, one)
    found = blocks(Product(size * one, one, one), mapping, relax)
    exact = blocks(Product(size * one, one, one), mapping)
    covered = (found.trips[0] - 1.0) * found.full[0] + found.edge[0]
    assert covered.item() == pytest.approx(size)
    assert 0.0 <= found.edge[0] <= found.full[0] * (1 + 1e-12)
    assert found.trips[0] <= exact.trips[0]


@pytest.mark.parametrize(
    ("order", "a", "b", "partial"),
    [("mnk", 4, 2, 0), ("nmk", 4, 2, 0), ("mkn", 1, 2, 7), ("kmn", 1, 2, 7), ("nkm", 4, 1, 7),
     ("knm", 4, 1, 7)],
)  # fmt: skip
def test_refetch_by_order(order, a, b, partial):
    """Two blocks along m, four along n, eight along k: what the innermost loop leaves alone."""
    one = torch.ones((), dtype=torch.float64)
    index = ORDERS.index(order) * one
    found = traffic(
        Product(64 * one, 64 * one, 64 * one),
        Mapping(one, one, one, 32 * one, 16 * one, 8 * one, index, 0 * one),
    )
    assert found.a == 64 * 64 * a
    assert found.b == 64 * 64 * b
    assert found.partial_read == found.partial_write == 64 * 64 * partial
