"""Laws of the space: canonical designs are fixed points, keys and columns tell designs apart."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search.space import Space, Variable, keys
from search.variables import KNOBS, canonical_rules
from tests.search import toy


def draws(space: Space, count: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    unit = torch.rand(count, len(space.free), generator=random, dtype=torch.float64)
    return space.from_unit(unit)


def test_unit_cube_reaches_every_level_and_stays_in_bounds():
    space = toy.space()
    x = draws(space, 4000)
    low, high = space.bounds()
    assert ((x >= low) & (x <= high)).all()
    for column, variable in enumerate(space.variables):
        if variable.size:
            assert set(x[:, column].tolist()) == set(map(float, range(variable.size)))


@given(st.lists(st.floats(-50, 200), min_size=6, max_size=6))
def test_canonical_is_idempotent_and_valid(row):
    space = toy.space()
    once = space.canonical(torch.tensor([row], dtype=torch.float64))
    low, high = space.bounds()
    assert torch.equal(space.canonical(once), once)
    assert ((once >= low) & (once <= high)).all()


def test_values_on_levels_are_the_levels_bit_for_bit():
    space = toy.space()
    x = draws(space, 500)
    values = space.values(x)
    for row, value in zip(x.tolist(), values.tolist(), strict=True):
        for variable, coordinate, number in zip(space.variables, row, value, strict=True):
            expected = variable.numbers[round(coordinate)] if variable.size else coordinate
            assert number == expected


def test_values_between_levels_are_geometric_means():
    space = toy.space()
    x = draws(space, 1)
    column = space.names.index("cache")
    x[0, column] = 1.5  # half way between 2 and 4
    assert space.values(x)[0, column] == pytest.approx(8**0.5)


def test_logarithms_of_values_go_there_and_back():
    space = toy.space()
    x = draws(space, 300)
    for column in space.relaxable:
        if space.variables[column].size:
            shift = torch.rand(300, generator=torch.Generator().manual_seed(1)).double()
            x[:, column] = (x[:, column] - shift).clamp_min(0)
    back = space.from_log_values(x, space.log_values(x))
    assert torch.allclose(back, x, atol=1e-9)


def test_columns_go_there_and_back_exactly():
    space = toy.space()
    x = draws(space, 300).numpy()
    back, inside = space.encode(space.columns(x))
    assert inside.all()
    assert np.array_equal(back, x)


def test_designs_outside_the_space_are_recognised():
    space = toy.space()
    columns = space.columns(draws(space, 3).numpy())
    columns["units"] = columns["units"] + 1
    assert not space.encode(columns)[1].any()


def test_equal_designs_have_equal_keys_and_others_do_not():
    x = np.unique(draws(toy.space(), 5000).numpy(), axis=0)
    assert np.array_equal(keys(x), keys(x.copy()))
    assert len(np.unique(keys(x))) == len(x)
    assert keys(np.array([[0.0, 1.0]])) == keys(np.array([[-0.0, 1.0]]))


def test_neighbours_differ_in_one_variable():
    space = toy.space()
    x = draws(space, 1)[0]
    moved = space.neighbours(x)
    assert len(moved) > 5
    assert ((moved != x).sum(-1) == 1).all()


def level(name: str, *values: float, ordered: bool = True) -> Variable:
    return Variable(name, values, tuple(map(float, values)), values[0], values[-1], ordered=ordered)


def test_what_is_switched_off_has_one_canonical_value():
    variables = (level("memory", 1, 2, 3, ordered=False), level("stacks", 0, 4))
    space = Space(variables, canonical_rules(("memory", "stacks")))
    x = space.canonical(torch.tensor([[2.0, 0.0], [1.0, 0.0], [2.0, 1.0]], dtype=torch.float64))
    assert x.tolist() == [[0.0, 0.0], [0.0, 0.0], [2.0, 1.0]]


def test_fractions_that_enable_the_same_cores_are_one_design():
    built = level("cores_built", 16, 100)
    listed = level("enabled_fraction", 0.9, 0.93, 0.95, 1.0)
    space = Space((built, listed), canonical_rules(("cores_built", "enabled_fraction")))
    x = torch.cartesian_prod(torch.arange(2.0), torch.arange(4.0)).double()
    # Of 16 cores 14, 14, 15 and 16 are enabled; of 100 every fraction enables another number.
    expected = [[0, 0], [0, 0], [0, 2], [0, 3], [1, 0], [1, 1], [1, 2], [1, 3]]
    assert space.canonical(x).tolist() == expected
    ranged = Variable("enabled_fraction", (), (), 0.85, 1.0)
    space = Space((built, ranged), space.rules)
    same = space.canonical(torch.tensor([[0, 0.91], [0, 0.92], [0, 0.94]], dtype=torch.float64))
    assert same[0, 1] == same[1, 1] == 14 / 16
    assert same[2, 1] == 15 / 16


def test_knobs_have_different_names_and_say_what_they_are():
    assert len({knob.name for knob in KNOBS}) == len(KNOBS)
    assert all(knob.title and knob.targets for knob in KNOBS)
    assert all(bool(knob.table) == (knob.kind == "choice") for knob in KNOBS)
