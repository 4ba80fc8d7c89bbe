"""Boxes, corners and what is refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from costmodel.numerics.interval import (
    BoundError,
    Box,
    Interval,
    Monotone,
    least_of_choices,
    under,
)


@dataclass(frozen=True)
class Part:
    speed: Tensor
    size: Tensor


@dataclass(frozen=True)
class Whole:
    name: str
    parts: tuple[Part, ...]
    weight: Tensor


def whole(speed: float, size: float, weight: float, name: str = "w") -> Whole:
    number = [torch.tensor([value], dtype=torch.float64) for value in (speed, size, weight)]
    return Whole(name, (Part(number[0], number[1]),), number[2])


CLAIM = Monotone("time", falls={"speed": "divisor"}, rises={"parts.0.size": "factor"})


def test_each_leaf_comes_from_the_end_that_its_declaration_names():
    box = Box(whole(1, 2, 3), whole(4, 5, 3))
    best = CLAIM.least(box)
    assert (best.parts[0].speed, best.parts[0].size, best.weight) == (4.0, 2.0, 3.0)
    worst = CLAIM.greatest(box)
    assert (worst.parts[0].speed, worst.parts[0].size) == (1.0, 5.0)
    assert box.wide() == ("parts.0.speed", "parts.0.size")


def test_a_leaf_that_nothing_is_claimed_about_must_be_a_single_value():
    with pytest.raises(BoundError, match=r"not declared monotone in weight.*enumerate"):
        CLAIM.least(Box(whole(1, 2, 3), whole(4, 5, 6)))
    free = Monotone("time", falls={"speed": ""}, rises={"size": ""}, unread={"weight": "unused"})
    assert free.least(Box(whole(1, 2, 3), whole(4, 5, 6))).weight == 3.0


def test_one_leaf_of_a_batch_that_differs_makes_the_box_wide():
    low, high = torch.tensor([1.0, 1.0]), torch.tensor([1.0, 2.0])
    assert Box(Part(low, low), Part(low, high)).wide() == ("size",)


def test_the_end_of_a_path_counts_and_not_the_middle_of_a_name():
    claim = Monotone("time", falls={"size": "", "memory.kind": ""})
    assert claim.direction("package.memory.kind") == -1
    assert claim.direction("package.kind") is None
    assert claim.direction("oversize") is None


def test_contradictions_are_refused():
    with pytest.raises(BoundError, match="two declarations about a"):
        Monotone("f", falls={"a": ""}, rises={"a": ""})
    with pytest.raises(BoundError, match="differs between the ends"):
        list(Box(whole(1, 2, 3), whole(1, 2, 3, name="other")).leaves())
    part = whole(1, 2, 3).parts[0]
    with pytest.raises(BoundError, match="lists of 1 and 2 parts"):
        list(Box((part,), (part, part)).leaves())


def test_intervals_and_choices():
    pair = Interval(torch.tensor(1.0), torch.tensor(2.0))
    joined = pair.hull(Interval(torch.tensor(0.0), torch.tensor(1.5)))
    assert (joined.low, joined.high) == (0.0, 2.0)
    bounds = torch.tensor([[3.0, 1.0], [2.0, 4.0], [5.0, 5.0]])
    found = least_of_choices(bounds, torch.tensor([0, 0, 1]), 2)
    assert torch.equal(found, torch.tensor([[2.0, 1.0], [5.0, 5.0]]))
    assert under(torch.tensor(1.0, dtype=torch.float64)) < 1.0
    assert under(torch.tensor(0.0)) == 0.0
