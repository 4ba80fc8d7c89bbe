"""Elasticities, the share that rests on assumptions, and reach beyond the known chips."""

from __future__ import annotations

import pytest
import torch

from costmodel.hardware.technology import CONSTANT, Table, Technology, Value
from search.evidence import assumed_share, elasticities, extrapolation


def technology() -> Technology:
    """Two constants: `a` published, `b` assumed within a factor of two either way."""
    values = {"a": ("published", None), "b": ("assumed", (2.0, 8.0)), "unused": ("assumed", None)}
    entries = {
        (name, "value"): Value(4.0, "1", 4.0, bounds, bounds, kind, ("x",))
        for name, (kind, bounds) in values.items()
    }
    columns = {"value": torch.full((3,), 4.0, dtype=torch.float64)}
    names = tuple(values)
    numbers = {name: index for index, name in enumerate(names)}
    table = Table("Single values", names, names, numbers, columns, {}, entries)
    return Technology({CONSTANT: table}, {})


def cubic(live: Technology) -> dict[str, torch.Tensor]:
    """A metric a^2 b: elasticity 2 to `a`, 1 to `b`."""
    return {"metric": live.constant("a") ** 2 * live.constant("b")}


def test_elasticity_is_the_exponent() -> None:
    found = elasticities(cubic, technology(), ["metric"])["metric"]
    assert {item.row: item.elasticity for item in found} == pytest.approx({"a": 2.0, "b": 1.0})
    assert found[0].row == "a"


def test_a_third_of_the_influence_is_assumed() -> None:
    found = elasticities(cubic, technology(), ["metric"])["metric"]
    assert assumed_share(found) == pytest.approx(1 / 3)
    assert assumed_share(()) == 0.0


def test_swing_counts_the_range() -> None:
    found = {i.row: i for i in elasticities(cubic, technology(), ["metric"])["metric"]}
    assert found["a"].swing == 0.0
    assert found["b"].swing == pytest.approx((8.0 - 2.0) / 4.0)


def test_the_technology_given_is_left_alone() -> None:
    given = technology()
    elasticities(cubic, given, ["metric"])
    assert not given.constant("a").requires_grad


def test_extrapolation_counts_doublings_outside_the_known_range() -> None:
    known = [{"area": 1.0, "power": 10.0, "links": 0.0}, {"area": 2.0, "power": 40.0, "links": 4.0}]
    assert extrapolation({"area": 1.5, "power": 10.0, "links": 4.0}, known) == {}
    outside = extrapolation({"area": 8.0, "power": 5.0, "links": 4.0}, known)
    assert outside == pytest.approx({"area": 2.0, "power": 1.0})
    assert list(outside) == ["area", "power"]
