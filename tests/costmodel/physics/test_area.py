from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costmodel.hardware.catalog import load_chip
from costmodel.hardware.system import Package, replace_at
from costmodel.physics.area import (
    PARTS,
    DieArea,
    die_area,
    die_to_die_bandwidth,
    package_areas,
    sram_area,
    sram_bank,
)
from tests.costmodel.physics.machines import (
    TECHNOLOGY,
    compute_die,
    io_die,
    memory,
    network,
    number,
    package,
)

MM2 = 1e-6


def area(whole: Package, index: int = 0) -> DieArea:
    return die_area(TECHNOLOGY, whole, whole.dies[index])


def test_parts_add_up() -> None:
    found = area(package())
    torch.testing.assert_close(found.parts.sum(-1), found.total)
    torch.testing.assert_close(found.uncore + 64 * found.core, found.total)
    assert (found.parts >= 0).all()
    assert len(PARTS) == found.parts.shape[-1]


@pytest.mark.parametrize(
    "path",
    [
        "dies.0.array_rows", "dies.0.arrays_per_core", "dies.0.cores_built",
        "dies.0.vector_lanes", "dies.0.l1_bytes", "dies.0.l2_bytes", "dies.0.rate_fp8",
        "memory.0.stacks", "network.0.links", "network.0.link_bandwidth",
    ],
)  # fmt: skip
def test_more_of_anything_is_larger(path: str) -> None:
    whole = package()
    leaf: object = whole
    for step in path.split("."):
        leaf = leaf[int(step)] if step.isdigit() else getattr(leaf, step)  # type: ignore[index]
    assert isinstance(leaf, torch.Tensor)
    more = replace_at(whole, path, leaf * 1.5)
    assert area(more).total > area(whole).total


def test_spare_cores_take_area_but_enabling_them_does_not() -> None:
    built = package((compute_die(cores_enabled=32),))
    assert area(built).total == area(package()).total


def test_a_wider_format_costs_no_more_than_the_arrays_it_shares() -> None:
    # fp8 at twice the rate fits in the bf16 element: only the mode overhead is added.
    plain = area(package((compute_die(rate_int8=0, rate_fp8=0),))).mac
    both = area(package((compute_die(rate_int8=0, rate_fp8=2),))).mac
    widest = max(2 * 430.0, 850.0) / 850.0
    assert float(both / plain) == pytest.approx(widest * 1.08, rel=1e-12)


def test_logic_shrinks_with_density_and_interfaces_do_not() -> None:
    old, new = area(package((compute_die("n7"),))), area(package((compute_die("n2"),)))
    ratio = (
        TECHNOLOGY.entry("node", "n2", "logic_density").si
        / TECHNOLOGY.entry("node", "n7", "logic_density").si
    )
    assert float(old.mac / new.mac) == pytest.approx(ratio)
    assert old.memory_phy == new.memory_phy
    assert float(old.l2 / new.l2) == pytest.approx(0.027 / 0.0175)


@given(st.floats(1e3, 1e9))
def test_sram_is_never_denser_than_its_cells(capacity: float) -> None:
    size = number(capacity)
    found = sram_area(TECHNOLOGY, size, number(2.7e-14), number(1.0), sram_bank(size, number(2e6)))
    assert found > 8.0 * size * 2.7e-14


def test_macro_efficiency_follows_the_published_points() -> None:
    # Compilation of macros: about 0.31 at 4 KiB, 0.60 at 64 KiB, 0.67 at 256 KiB.
    for kibibytes, efficiency in ((4, 0.31), (64, 0.60), (256, 0.67)):
        size = number(kibibytes * 1024.0)
        found = sram_area(TECHNOLOGY, size, number(1.0), number(1.0), size)
        assert float(8.0 * size / found) == pytest.approx(efficiency, abs=0.01)


def test_a_chip_without_memory_or_links_has_no_interfaces() -> None:
    found = area(package(tiers=(), networks=(), kind="organic"))
    for name in ("memory_phy", "memory_controller", "link_phy", "die_to_die"):
        assert getattr(found, name) == 0.0
    for tiers in ((), (memory("none", 0),), (memory("hbm4_12h", 0),)):
        assert area(package(tiers=tiers)).total == area(package(tiers=())).total


def test_absent_parts_have_finite_slopes() -> None:
    leaves = [number(0.0).requires_grad_() for _ in range(4)]
    whole = package(
        (compute_die(l2_bytes=leaves[0], vector_lanes=leaves[1]),),
        (memory(stacks=leaves[2]),),
        (network(links=leaves[3]),),
    )
    slopes = torch.autograd.grad(area(whole).total, leaves)
    assert all(torch.isfinite(slope) for slope in slopes)
    assert all(slope > 0 for slope in slopes)


def test_io_dies_carry_the_interfaces_when_there_are_any() -> None:
    whole = package((compute_die(count=2), io_die(count=2)))
    compute, io = package_areas(TECHNOLOGY, whole)
    assert compute.memory_phy == 0.0
    assert compute.edge_links == 0.0
    alone = area(package())
    assert float(2 * io.memory_phy) == pytest.approx(float(alone.memory_phy))
    assert float(2 * io.edge_links) == pytest.approx(float(alone.edge_links))
    # A kind of die with count 0 is absent.
    absent = package((compute_die(), io_die(count=0)))
    assert area(absent).total == alone.total


def test_die_to_die_bandwidth_carries_the_remote_share() -> None:
    # Two dies, 6 stacks of HBM3E 12-high: each takes in a quarter of the bandwidth, times 2 of
    # headroom. One die needs nothing.
    bandwidth = 6 * TECHNOLOGY.entry("memory", "hbm3e_12h", "bandwidth").si
    two = package((compute_die(count=2),))
    assert float(die_to_die_bandwidth(TECHNOLOGY, two, "compute")) == pytest.approx(bandwidth / 2)
    assert die_to_die_bandwidth(TECHNOLOGY, package(), "compute") == 0.0
    # With io dies a compute die takes all of its share from them.
    split = package((compute_die(count=4), io_die(count=2)))
    assert float(die_to_die_bandwidth(TECHNOLOGY, split, "compute")) == pytest.approx(
        2 * bandwidth / 4
    )


def test_two_dies_share_the_interfaces() -> None:
    one, two = area(package()), area(package((compute_die(count=2),)))
    for name in ("memory_phy", "link_phy", "edge_memory", "edge_links"):
        assert float(2 * getattr(two, name)) == pytest.approx(float(getattr(one, name)))


def published(name: str) -> tuple[DieArea, float]:
    chip = load_chip(name, TECHNOLOGY)
    whole = chip.designs.pools[0].package
    return area(whole), chip.facts["die_area"].value


@pytest.mark.parametrize("name", ["a100", "h100", "h200", "mi300x", "mtia-v1", "maia-100"])
def test_dies_of_published_area(name: str) -> None:
    found, known = published(name)
    assert float(found.total / known) == pytest.approx(1.0, abs=0.25)


def test_parts_of_the_a100() -> None:
    # Annotated die photograph (LLMCompass): cores 476, L2 119, memory PHY 58 and controller 32
    # (six sites, five in use), crossbar 76, NVLink PHY 21 mm2.
    found, _ = published("a100")
    cores = found.mac + found.vector + found.control + found.l1
    assert float(cores / MM2) == pytest.approx(476, rel=0.20)
    assert float(found.l2 / MM2) == pytest.approx(119, rel=0.10)
    assert float(found.memory_phy / MM2) == pytest.approx(58 * 5 / 6, rel=0.10)
    assert float(found.memory_controller / MM2) == pytest.approx(32 * 5 / 6, rel=0.15)


def test_tpu_v4_stays_below_its_bound() -> None:
    found, bound = published("tpu-v4")
    assert found.total < bound


def test_dataclass_fields_are_all_tensors() -> None:
    found = area(package())
    assert all(
        isinstance(getattr(found, field.name), torch.Tensor) for field in dataclasses.fields(found)
    )
