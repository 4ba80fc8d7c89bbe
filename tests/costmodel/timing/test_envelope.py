"""Envelopes and range minima against plain minima over every box."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.timing.envelope import RangeMinimum, envelope


def every_box(shape):
    """First and last entry of every box of a table."""
    spans = [[(low, high) for low in range(size) for high in range(low, size)] for size in shape]
    for box in itertools.product(*spans):
        yield [low for low, _ in box], [high for _, high in box]


def least(table, low, high):
    return table[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))].min()


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.integers(0, 2**31),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_exact_and_sound_on_every_box_of_any_table(shape, seed, few_values):
    generator = np.random.default_rng(seed)
    # Ties, infinities and negative entries must not matter.
    table = (
        generator.integers(-3, 4, shape).astype(float) if few_values else generator.random(shape)
    )
    table.flat[generator.integers(table.size)] = np.inf
    tensor = torch.from_numpy(table)
    boxes = list(every_box(shape))
    low = torch.tensor([box[0] for box in boxes])
    high = torch.tensor([box[1] for box in boxes])
    exact = np.array([least(table, *box) for box in boxes])
    found = RangeMinimum.build(tensor)(low, high).numpy()
    assert np.array_equal(found, exact)
    lower = envelope(tensor)[tuple(high.T)].numpy()
    assert (lower <= exact).all()
    # Boxes that start at the first entry, and every box of a falling table: no gap.
    from_first = (low == 0).all(-1).numpy()
    assert np.array_equal(lower[from_first], exact[from_first])
    falling = envelope(tensor)
    assert torch.equal(falling[tuple(high.T)], RangeMinimum.build(falling)(low, high))


def test_cumulative_minima_commute():
    table = torch.rand(4, 5, 3, generator=torch.Generator().manual_seed(1))
    orders = [envelope(table, order) for order in itertools.permutations(range(3))]
    assert all(torch.equal(orders[0], other) for other in orders)


def test_an_axis_left_out_is_not_mixed():
    table = torch.tensor([[3.0, 1.0], [2.0, 5.0]])
    assert torch.equal(envelope(table, [0]), torch.tensor([[3.0, 1.0], [2.0, 1.0]]))


def test_batches_of_boxes_keep_their_shape():
    table = torch.rand(7, 9, generator=torch.Generator().manual_seed(2))
    low = torch.zeros(2, 3, 2, dtype=torch.int64)
    high = low + torch.tensor([6, 8])
    assert torch.equal(RangeMinimum.build(table)(low, high), table.min().expand(2, 3))
