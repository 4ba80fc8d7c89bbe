"""Bounds on whole designs: below every design of a box, refused where nothing is declared."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from costmodel.bounds import PRICE, TIME, bound_steps, check_presence
from costmodel.hardware.catalog import list_chips, load_chip
from costmodel.hardware.system import replace_at
from costmodel.numerics.interval import SLACK, BoundError, Box
from costmodel.physics.area import package_areas
from costmodel.physics.energy import operator_energy
from experiments.benchmarks.adversary import Arena, attack, margin
from experiments.benchmarks.boxes import FIGURES, SpaceBoxes, declared
from experiments.benchmarks.steps import map_pool
from search.reading import load
from search.resolve import resolve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def quickstart():
    return resolve(load(ROOT / "experiments" / "quickstart.yaml"))


@pytest.fixture(scope="module")
def honest(quickstart):
    return SpaceBoxes.of(quickstart.model, quickstart.problem.space)


def sizes(boxes):
    return tuple(variable.size for variable in boxes.space.variables)


def inside(boxes, count, points, seed):
    """Random boxes of few members and designs in them: first, last [B,V], designs [B,N,V]."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.tensor(sizes(boxes))
    ends = (torch.rand(2, count, len(size), generator=generator) * size).long()
    wide = torch.rand(count, len(size), generator=generator) < 0.5
    low, high = ends.amin(0), ends.amax(0)
    # One listed variable at most is wide, so that a box has a few members.
    listed = torch.tensor([name not in boxes.ranges for name in boxes.space.names])
    one = torch.rand(count, len(size), generator=generator) * listed
    wide &= ~listed | (one == one.amax(-1, keepdim=True))
    high = torch.where(wide, high, low)
    share = torch.rand(count, points, len(size), generator=generator)
    x = low.unsqueeze(1) + (share * (high - low + 1).unsqueeze(1)).long()
    return low, high, x


def worst(boxes, count, points, seed):
    low, high, x = inside(boxes, count, points, seed)
    bound = boxes.bound(low, high)
    value = torch.cat([boxes.value(part) for part in x.flatten(0, 1).split(512)])
    return margin(bound.unsqueeze(1), value.reshape(count, points, -1))


def test_no_design_undercuts_the_bound_of_its_box(honest):
    assert worst(honest, 60, 8, 1).max() <= SLACK


@pytest.mark.slow
def test_no_design_of_many_undercuts_the_bound_of_its_box(honest):
    """A thousand boxes, a hundred designs in each."""
    for seed in range(20):
        assert worst(honest, 50, 100, 100 + seed).max() <= SLACK


def test_the_bound_of_one_design_is_close_to_its_value(honest):
    _, _, x = inside(honest, 64, 1, 2)
    x = x[:, 0]
    ratio = honest.bound(x, x) / honest.value(x)
    assert (ratio <= 1.0 + SLACK).all()
    times = ratio[:, [FIGURES.index("ttft"), FIGURES.index("tpot")]]
    assert times.median() > 0.93
    assert ratio.min() > 0.3


def test_a_larger_box_has_no_higher_bound(honest):
    low, high, _ = inside(honest, 32, 1, 3)
    middle = (low + high) // 2
    assert (honest.bound(low, high) <= honest.bound(low, middle) * (1 + SLACK)).all()
    assert (honest.bound(low, high) <= honest.bound(middle, high) * (1 + SLACK)).all()


def test_the_compulsory_work_is_the_looser_bound(quickstart, honest):
    loose = SpaceBoxes.of(quickstart.model, quickstart.problem.space, lattice=False)
    low, high, _ = inside(honest, 32, 1, 4)
    assert (loose.bound(low, high) <= honest.bound(low, high) * (1 + SLACK)).all()


@pytest.mark.parametrize(
    ("leaf", "what"),
    [
        ("array_rows", "an array twice as tall is never slower"),
        ("topology", "a later topology is never slower"),
    ],
)
def test_the_adversary_finds_a_planted_error(quickstart, leaf, what):
    leaves = ("array_rows", "array_columns") if leaf == "array_rows" else (leaf,)
    price = PRICE
    if leaf == "array_rows":
        price = dataclasses.replace(PRICE, rises={**PRICE.rises, **dict.fromkeys(leaves, what)})
    wrong = SpaceBoxes.of(
        quickstart.model,
        quickstart.problem.space,
        time=dataclasses.replace(TIME, falls={**TIME.falls, **dict.fromkeys(leaves, what)}),
        price=price,
    )
    arena = Arena(sizes(wrong), wrong.value, wrong.bound, wrong.members, 12)
    found = attack(arena, starts=48, seed=3, seconds=60, steps=24)
    assert found.violations(SLACK) > 0
    # What it reports is a box, a design inside it and a bound above the design's value.
    low, high, x = (item[found.worst].unsqueeze(0) for item in (found.low, found.high, found.x))
    assert ((low <= x) & (x <= high)).all()
    assert margin(wrong.bound(low, high), wrong.value(x)) == found.margin[found.worst]


def test_the_adversary_finds_nothing_in_honest_bounds(honest):
    arena = Arena(sizes(honest), honest.value, honest.bound, honest.members, 12)
    assert attack(arena, starts=48, seed=3, seconds=60, steps=16).violations(SLACK) == 0


def test_what_is_enumerated(quickstart):
    ranges = declared(quickstart.problem.space)
    assert {"l1_MiB", "l2_MiB", "stacks", "cores_built", "voltage_V", "links"} <= ranges
    assert not {"array", "node", "memory", "topology", "batch", "tensor_parallel"} & ranges


def test_a_box_over_a_choice_is_refused(quickstart):
    model = quickstart.model
    pool = model.decoder.template.pools[0]
    other = replace_at(pool, "package.memory.0.kind", pool.package.memory[0].kind + 1)
    with pytest.raises(BoundError, match=r"time of a step.*package.memory.0.kind"):
        bound_steps(Box(pool, other), model.workload, model.technology, model.tables)
    absent = replace_at(pool, "package.memory.0.stacks", torch.zeros_like(other.price))
    with pytest.raises(BoundError, match="with and without a memory tier"):
        check_presence(Box(absent, pool))


@pytest.mark.parametrize("name", list_chips())
def test_a_known_chip_does_not_undercut_its_bound(quickstart, name):
    """Machines that hardware schedules, machines without memory, engines as shipped."""
    model = quickstart.model
    for pool in load_chip(name).designs.pools:
        bound = bound_steps(Box.point(pool), model.workload, model.technology, model.tables)
        found = map_pool(model, pool)
        joules = operator_energy(
            model.technology, pool, found, package_areas(model.technology, pool.package)
        )
        assert (bound.step <= found.step * (1 + SLACK)).all()
        assert (bound.step > 0.2 * found.step).all()
        assert (bound.energy <= joules.total * (1 + SLACK)).all()
