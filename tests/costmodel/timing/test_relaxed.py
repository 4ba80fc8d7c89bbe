"""Relaxed times: exact where nothing is rounded, below the exact ones elsewhere, and sloped."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.timing.arrays import tile_cycles
from costmodel.timing.gemm import gemm_work
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.resources import Resources
from tests.costmodel.timing.machines import machine

WIDTHS = (0.1, 0.3, 1.0)


def scalar(value: float) -> torch.Tensor:
    return torch.tensor([[float(value)]], dtype=torch.float64)


def busy(product: Product, r: Resources, mapping: Mapping, relax: float) -> torch.Tensor:
    return gemm_work(product, r, mapping, relax)[0].busy


@given(
    st.tuples(*(st.integers(1, 4) for _ in range(3))),
    st.tuples(*(st.integers(1, 3) for _ in range(3))),
    st.integers(0, 5),
    st.sampled_from(WIDTHS),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_same_value_where_every_count_is_whole(trips, tiles, order, relax, stationary):
    """Blocks, tiles, folds and waves that divide evenly: equal to the last bit."""
    r = machine(
        rows=16, columns=16, weight_stationary=float(stationary), cores=1.0, hidden_fill=0.5,
        arrays=1.0,
    )  # fmt: skip
    m1, n1, k = 32.0, 48.0, 64.0
    block = m1 * tiles[0], n1 * tiles[1], k * tiles[2]
    product = Product(*(scalar(size * trip) for size, trip in zip(block, trips, strict=True)))
    mapping = Mapping(
        rows=scalar(m1),
        columns=scalar(n1),
        pieces=scalar(1),
        block_rows=scalar(block[0]),
        block_columns=scalar(block[1]),
        block_depth=scalar(block[2]),
        order=scalar(order),
        hold=scalar(0),
    )
    assert torch.equal(busy(product, r, mapping, 0.0), busy(product, r, mapping, relax))


@pytest.mark.parametrize("relax", WIDTHS)
def test_never_above_the_exact_time_for_one_mapping(relax):
    """Ramps lie below ceilings, and time rises in every count."""
    generator = torch.Generator().manual_seed(1)

    def whole(low: int, high: int) -> torch.Tensor:
        return torch.randint(low, high, (4000, 1, 1), generator=generator).double()

    base = {key: leaf.expand(4000, 1, 1) for key, leaf in vars(machine()).items()}
    r = Resources(**base | {"cores": whole(1, 40), "arrays": whole(1, 4)})
    product = Product(whole(1, 600), whole(1, 600), whole(1, 600))
    size = [torch.minimum(whole(1, 128), item) for item in (product.rows, product.columns)]
    mapping = Mapping(
        rows=size[0],
        columns=size[1],
        pieces=torch.ones_like(size[0]),
        block_rows=torch.minimum(size[0] * whole(1, 4), product.rows),
        block_columns=torch.minimum(size[1] * whole(1, 4), product.columns),
        block_depth=product.depth,
        order=torch.zeros_like(size[0]),
        hold=torch.zeros_like(size[0]),
    )
    exact, smooth = busy(product, r, mapping, 0.0), busy(product, r, mapping, relax)
    assert (smooth <= exact * (1 + 1e-9)).all()
    assert (smooth > 0).all()


@pytest.mark.parametrize("leaf", ["cores", "clock", "memory_bandwidth", "lanes", "port_width"])
def test_slopes_of_one_mapping_equal_finite_differences(leaf):
    """Away from kinks the relaxed time is smooth: autograd against central differences."""
    r = machine(cores=23.7, weight_stationary=1.0, prefetch=0.5, write_turnaround=0.05)
    product = Product(scalar(500), scalar(777), scalar(1000))
    mapping = Mapping(*(scalar(value) for value in (64, 64, 2, 256, 384, 512, 2, 1)))
    old = getattr(r, leaf).clone().requires_grad_(True)
    time = busy(product, dataclasses.replace(r, **{leaf: old}), mapping, 1.0)
    (slope,) = torch.autograd.grad(time.sum(), old)
    step = 1e-5
    up, down = (
        busy(product, dataclasses.replace(r, **{leaf: old.detach() * f}), mapping, 1.0)
        for f in (1 + step, 1 - step)
    )
    # As shares of the time, so that a lane that hardly matters is not judged by its rounding.
    elasticity = slope * old.detach() / time.detach()
    found = (up - down) / (2 * step * time.detach())
    assert torch.allclose(elasticity, found, rtol=1e-5, atol=1e-9)
    assert slope.item() < 0


@pytest.mark.parametrize("stationary", [0.0, 1.0])
def test_cycles_rise_with_the_slope_of_the_work(stationary):
    """With full relaxation the cycles of a tile have a positive slope in its depth."""
    depth = scalar(777).requires_grad_(True)
    r = machine(weight_stationary=stationary)
    (slope,) = torch.autograd.grad(tile_cycles(r, scalar(64), scalar(64), depth, 1.0).sum(), depth)
    assert slope.item() > 0
