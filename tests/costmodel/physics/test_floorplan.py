from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costmodel.hardware.system import Package
from costmodel.physics.area import DieArea, package_areas
from costmodel.physics.floorplan import Floorplan, plan
from tests.costmodel.physics.machines import (
    TECHNOLOGY,
    compute_die,
    io_die,
    memory,
    network,
    number,
    package,
)

MM = 1e-3


def lay(whole: Package, square_mm: float | None = None, relax: float = 0.0) -> Floorplan:
    """Lay out, optionally with the total area of every die set."""
    areas = package_areas(TECHNOLOGY, whole)
    if square_mm is not None:
        areas = tuple(
            dataclasses.replace(item, total=number(square_mm * 1e-6).expand_as(item.total))
            for item in areas
        )
    return plan(TECHNOLOGY, whole, areas, relax)


def stacks(count: float, kind: str = "hbm4_12h") -> tuple:
    return (memory(kind, count),)


@given(st.floats(50.0, 850.0), st.integers(0, 12))
def test_sides_enclose_the_area_and_keep_the_rule(square_mm: float, count: int) -> None:
    found = lay(package(tiers=stacks(count)), square_mm)
    width, height = float(found.width) / MM, float(found.height) / MM
    assert width * height == pytest.approx(square_mm)
    assert height >= width * (1 - 1e-12)
    assert height <= max(33.0, square_mm**0.5) * (1 + 1e-12)
    assert height / width <= 2.0 * (1 + 1e-9)


def test_one_reticle_die_seats_three_stacks_on_a_long_side() -> None:
    # Pitch 12.5 mm, 3 mm of overhang at each end: 3 stacks need 31.5 of 33 mm, 4 need 44.
    six = lay(package(tiers=stacks(6)), 800.0)
    assert six.stacks_per_side == 3
    assert six.edge_violation <= 0
    assert float(six.height) / MM == pytest.approx(3 * 12.5 - 6.0)
    assert lay(package(tiers=stacks(7)), 800.0).edge_violation > 0
    assert lay(package(tiers=stacks(8)), 800.0).edge_violation > 0


def test_two_dies_seat_eight_stacks() -> None:
    # A pair of large dies: two stacks on each long side of each die, as B200 has them.
    pair = package((compute_die(count=2),), stacks(8, "hbm3e_12h"), kind="bridge_interposer_5p5")
    found = lay(pair, 780.0)
    assert found.stacks_per_side == 2
    assert found.edge_violation <= 0
    twelve = package((compute_die(count=2),), stacks(12, "hbm3e_12h"))
    # Three on each long side would need 33 mm of each die: 36 mm less 3 of overhang.
    assert lay(twelve, 780.0).edge_violation <= 0
    assert lay(twelve, 500.0).edge_violation > 0


def test_a_small_die_cannot_seat_many_stacks() -> None:
    # 200 mm2 can be 20 mm long: 2 stacks on a side need 19 mm, 3 need 31.5.
    assert lay(package(tiers=stacks(4)), 200.0).edge_violation <= 0
    assert lay(package(tiers=stacks(6)), 200.0).edge_violation > 0


def test_links_use_only_the_edge_that_is_left() -> None:
    # 6 stacks cover both long sides (31.5 of 31.5 mm); 50 links of two lanes of 0.373 mm need
    # 37.3 mm, two short sides of 25.4 mm give 50.8; 80 links need 59.7.
    fits = lay(package(tiers=stacks(6), networks=(network(links=50),)), 800.0)
    assert fits.edge_violation <= 0
    full = lay(package(tiers=stacks(6), networks=(network(links=80),)), 800.0)
    assert full.edge_violation > 0
    free = lay(package(tiers=stacks(0), networks=(network(links=80),)), 800.0)
    assert free.edge_violation <= 0


def test_abutting_dies_lose_a_side_each() -> None:
    # The same die with a neighbour has one short side for links instead of two.
    one = lay(package(tiers=stacks(3)), 600.0)
    two = lay(package((compute_die(count=2),), stacks(6)), 600.0)
    supply_one, supply_two = one.edge_supply[..., 0, 2], two.edge_supply[..., 0, 2]
    assert supply_two < supply_one
    assert float(two.edge_supply[..., 0, 1]) == pytest.approx(float(two.width[..., 0]))
    assert one.edge_supply[..., 0, 1] == 0.0


def test_reticle() -> None:
    assert lay(package(tiers=()), 858.0).reticle_violation <= 0
    assert lay(package(tiers=()), 870.0).reticle_violation > 0
    # 26 mm is the limit of the shorter side: 700 mm2 is not square.
    wide = lay(package(tiers=()), 700.0)
    assert float(wide.width) / MM == pytest.approx(26.0)
    assert wide.reticle_violation <= 0


def test_interposer_holds_dies_and_stacks() -> None:
    found = lay(package(tiers=stacks(8, "hbm3_8h")), 800.0)
    assert float(found.interposer_area) * 1e6 == pytest.approx(1.1 * (800.0 + 8 * 121.0))
    assert float(found.interposer_violation) == pytest.approx(
        1.1 * (800.0 + 8 * 121.0) / 2739.0 - 1.0
    )
    assert lay(package((compute_die(count=3),), stacks(6)), 800.0).interposer_violation > 0


def test_stacks_need_an_interposer_and_board_memory_does_not() -> None:
    assert lay(package(tiers=stacks(4), kind="organic")).interposer_violation > 0
    board = lay(package(tiers=(memory("lpddr5x_x64", 8),), kind="organic"))
    assert board.interposer_violation <= 0
    assert board.interposer_area == 0.0
    assert lay(package(tiers=(), kind="organic")).interposer_violation <= 0


def test_bonded_dies_take_no_room_beside_the_io_dies() -> None:
    dies = (compute_die(count=8), io_die(count=4))
    beside = lay(package(dies, stacks(8)), 150.0)
    bonded = lay(package(dies, stacks(8), kind="stacked_interposer_3p3"), 150.0)
    freed = beside.interposer_area - bonded.interposer_area
    assert float(freed) * 1e6 == pytest.approx(1.1 * 8 * 150.0)
    # Four io dies in two columns: two stacks on the outer side of each.
    assert bonded.stacks_per_side.tolist() == [0.0, 2.0]


def test_an_absent_kind_of_die_violates_nothing() -> None:
    alone = lay(package(tiers=stacks(4)), 400.0)
    with_absent = lay(package((compute_die(), io_die(count=0)), stacks(4)), 400.0)
    for name in ("edge_violation", "reticle_violation", "interposer_area"):
        torch.testing.assert_close(getattr(with_absent, name), getattr(alone, name))


@pytest.mark.parametrize("name", ["a100", "h100", "h200", "mi300x"])
def test_known_packages_can_be_built(name: str) -> None:
    from costmodel.hardware.catalog import load_chip

    whole = load_chip(name, TECHNOLOGY).designs.pools[0].package
    found = plan(TECHNOLOGY, whole, package_areas(TECHNOLOGY, whole))
    assert found.edge_violation <= 0
    assert found.reticle_violation <= 0
    assert found.interposer_violation <= 0


def test_relaxed_stacks_are_fractions() -> None:
    five = package(tiers=stacks(5))
    assert lay(five, 800.0).stacks_per_side == 3
    assert lay(five, 800.0, relax=1.0).stacks_per_side == 2.5


def test_the_record_of_areas_is_not_changed() -> None:
    areas = package_areas(TECHNOLOGY, package())
    before = [getattr(areas[0], field.name).clone() for field in dataclasses.fields(DieArea)]
    plan(TECHNOLOGY, package(), areas)
    after = [getattr(areas[0], field.name) for field in dataclasses.fields(DieArea)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
