"""Tiles inside blocks against a walk of every tile."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.timing.mapping import ORDERS, Mapping
from costmodel.timing.nested import Inner, bypassed_traffic, nested_traffic, nested_trips
from costmodel.timing.traffic import traffic
from tests.oracles.nested_compare import nested_difference
from tests.oracles.tile_walk import spans
from tests.oracles.wave_compare import product_of, scalar


def test_words_equal_the_walk():
    """All orders outside with all orders inside, edges inside edges."""
    assert nested_difference(288, seed=61) == 0.0


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.integers(1, 80), st.integers(1, 40))
def test_trips_count_the_tiles_of_every_block(extent, block, tile):
    right = sum(len(spans(part, tile)) for part in spans(extent, block))
    assert nested_trips(scalar(extent), scalar(block), scalar(tile)) == right


def test_what_is_not_kept_comes_from_memory_for_every_tile():
    product = product_of({"m": 96, "n": 80, "k": 64})
    one = scalar(1)
    mapping = Mapping(one, one, one, scalar(32), scalar(40), scalar(16),
                      scalar(ORDERS.index("mnk")), scalar(0))  # fmt: skip
    inner = Inner(scalar(8), scalar(8), scalar(16), scalar(ORDERS.index("nmk")))
    near, far = nested_traffic(product, mapping, inner), traffic(product, mapping)
    mixed = bypassed_traffic(product, mapping, inner, (True, False, True))
    assert (mixed.a, mixed.b) == (far.a, near.b)
    assert mixed.partial_write == far.partial_write
    assert near.a >= far.a
    assert near.b >= far.b


def test_a_tile_as_large_as_the_block_moves_what_the_block_does():
    product = product_of({"m": 90, "n": 70, "k": 50})
    one = scalar(1)
    for order in range(6):
        mapping = Mapping(one, one, one, scalar(32), scalar(40), scalar(16), scalar(order),
                          scalar(0))  # fmt: skip
        inner = Inner(scalar(32), scalar(40), scalar(16), scalar(0))
        assert vars(nested_traffic(product, mapping, inner)) == vars(traffic(product, mapping))
