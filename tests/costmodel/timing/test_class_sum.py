"""The class-sum against a walk of every block, and the laws that any schedule obeys."""

from __future__ import annotations

import pytest
import torch

from costmodel.errors import ConfigError
from costmodel.timing.class_sum import STEPS, ClassSum, class_sum, combine, overlap_pair
from costmodel.timing.mapping import Mapping, Product
from tests.oracles.tile_compare import TileCases, class_sum_error, tile_cases

CASES = 480  # every order with every hold ten times
ROUND_OFF = 1e-12


@pytest.fixture(scope="module")
def cases() -> TileCases:
    return tile_cases(CASES, seed=31)


def run(cases: TileCases, step: str = "streamed", relax: float = 0.0) -> ClassSum:
    return class_sum(
        cases.product, cases.mapping, *cases.costs, cases.compute, cases.exponent, step, relax
    )


@pytest.mark.parametrize("step", STEPS)
def test_equals_the_walk(cases, step):
    errors = class_sum_error(cases, step)
    assert max(errors.values()) <= ROUND_OFF, errors


@pytest.mark.parametrize("step", STEPS)
def test_lies_between_the_slower_side_and_both_in_turn(cases, step):
    """Overlap cannot beat the busier of memory and cores, nor lose to no overlap at all."""
    found = run(cases, step)
    slack = 1.0 + 1e-12
    if step != "duplex":  # there reads and writes overlap each other
        assert (found.total * slack >= found.memory).all()
    assert (found.total * slack >= found.compute).all()
    assert (found.total <= (found.memory + found.compute) * slack).all()
    assert (found.total * slack >= found.head + found.tail).all()


def test_one_block_is_read_then_computed():
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    product = Product(5 * one, 6 * one, 7 * one)
    mapping = Mapping(one, one, one, 8 * one, 8 * one, 8 * one, 3 * one, 0 * one)
    compute = torch.full((1, 1, 1, 8), 100.0, dtype=torch.float64)
    found = class_sum(
        product, mapping, one, 2 * one, 50 * one, 3 * one, 70 * one, compute, one * torch.inf,
        "serial",
    )  # fmt: skip
    assert found.head.item() == 5 * 7 + 2 * 6 * 7
    assert found.tail.item() == 100 + 3 * 5 * 6
    assert found.total.item() == found.head.item() + found.tail.item()


def test_two_blocks_by_hand():
    """Blocks along k only, perfect overlap: 24 read, then 30 of computing hide 12 of reading."""
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    product = Product(2 * one, 2 * one, 9 * one)
    mapping = Mapping(one, one, one, 2 * one, 2 * one, 6 * one, 0 * one, 0 * one)
    compute = torch.full((1, 1, 1, 8), 30.0, dtype=torch.float64)
    compute[..., 7] = 15.0  # edges in every dimension, as m and n have one block
    compute[..., 6] = 30.0
    found = class_sum(
        product, mapping, one, one, one, one, one, compute, one * torch.inf, "streamed"
    )
    assert found.total.item() == 24 + max(30, 12) + max(15, 4)


def test_leaves_broadcast_and_a_value_does_not_depend_on_its_batch(cases):
    whole = run(cases)
    few = slice(100, 103)
    part = class_sum(
        Product(*(value[few] for value in vars(cases.product).values())),
        Mapping(*(value[few] for value in vars(cases.mapping).values())),
        *(cost[few] for cost in cases.costs),
        cases.compute[few],
        cases.exponent[few],
    )
    for name in vars(part):
        assert torch.equal(getattr(part, name), getattr(whole, name)[few])
    machines = torch.linspace(1e-11, 1e-9, 4, dtype=torch.float64).reshape(4, 1, 1)
    three = Product(*(value[few].reshape(1, 1, 3) for value in vars(cases.product).values()))
    blocks = Mapping(*(value[few].reshape(1, 1, 3) for value in vars(cases.mapping).values()))
    compute = cases.compute[few].reshape(1, 1, 3, 8)
    found = class_sum(three, blocks, *[machines] * 5, compute, 6e10 * machines)
    assert all(value.shape == (4, 1, 3) for value in vars(found).values())


def test_infinite_exponents_are_maxima():
    first = torch.tensor([0.0, 1.0, 1.0, 2.0], dtype=torch.float64)
    second = torch.tensor([0.0, 1.0, 1.0 - 1e-15, 5.0], dtype=torch.float64)
    infinite = torch.full_like(first, torch.inf)
    assert torch.allclose(
        overlap_pair(first, second, infinite), torch.maximum(first, second), rtol=0, atol=1e-299
    )


def test_unknown_steps_are_refused():
    one = torch.ones(())
    with pytest.raises(ConfigError, match="simplex"):
        combine(one, one, one, one, "simplex")


def _dimensions(relax: float, sizes: torch.Tensor) -> torch.Tensor:
    one = torch.ones((), dtype=torch.float64)
    mapping = Mapping(one, one, one, 32 * one, 48 * one, 20 * one, 5 * one, 0 * one)
    compute = torch.linspace(5e-7, 1e-7, 8, dtype=torch.float64)
    return class_sum(
        Product(*sizes), mapping, 1e-10 * one, 2e-10 * one, 3e-10 * one, 2e-10 * one, 4e-10 * one,
        compute, 6.0 * one, relax=relax,
    ).total  # fmt: skip


@pytest.mark.parametrize("relax", [0.2, 1.0])
def test_relaxed_slopes_are_those_of_finite_differences(relax):
    sizes = torch.tensor([101.0, 110.5, 63.0], dtype=torch.float64, requires_grad=True)
    total = _dimensions(relax, sizes)
    (slope,) = torch.autograd.grad(total, sizes)
    for index in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[index] = 1e-4
        up, down = (_dimensions(relax, sizes.detach() + sign * step) for sign in (1, -1))
        assert abs((up - down) / 2e-4 - slope[index]) <= 1e-6 * abs(slope[index])


def test_relaxed_values_meet_exact_ones_at_whole_trip_counts():
    sizes = torch.tensor([96.0, 144.0, 60.0], dtype=torch.float64)
    assert _dimensions(0.0, sizes) == _dimensions(0.3, sizes) == _dimensions(1.0, sizes)


def test_slopes_are_finite_where_a_side_is_free(cases):
    leaves = [cost.clone().requires_grad_() for cost in cases.costs]
    compute = cases.compute.clone().requires_grad_()
    total = class_sum(
        cases.product, cases.mapping, *leaves, compute, cases.exponent, relax=0.5
    ).total
    for slope in torch.autograd.grad(total.sum(), [*leaves, compute]):
        assert torch.isfinite(slope).all()
