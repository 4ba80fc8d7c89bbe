"""Network cost: the stated rules, one by one, on numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from costmodel.economics.fabric import Fabric, fabric
from costmodel.hardware.technology import Technology
from tests.costmodel.economics.packages import build, number

# 18 links of 50 GB/s per direction: 900 GB/s.
SWITCH = 900.0 * 4.0
CABLE = 900.0 * 0.6
OPTICS = 900.0 * 5.6


def network(technology: Technology, topology: str, domain: float, **options: float) -> Fabric:
    pool, _, _ = build(
        technology,
        topology=topology,
        domain=domain,
        **{"link_bandwidth": 50e9, "links": 18.0} | options,
    )
    return fabric(technology, pool.package)


def test_switch_on_a_board_pays_ports_only(technology: Technology) -> None:
    found = network(technology, "switch", 8.0)
    assert float(found.switch_price) == pytest.approx(SWITCH)
    # 900 GB/s at 10 pJ/bit.
    assert float(found.switch_power) == pytest.approx(72.0)
    assert float(found.cable_price) == 0.0
    assert float(found.optics_price) == 0.0
    assert float(found.optics_power) == 0.0


def test_switch_in_a_rack_adds_a_cable_a_link(technology: Technology) -> None:
    found = network(technology, "switch_reduce", 64.0)
    assert float(found.switch_price) == pytest.approx(SWITCH)
    assert float(found.cable_price) == pytest.approx(CABLE)
    assert float(found.optics_price) == 0.0


def test_torus_pays_half_a_cable_a_link(technology: Technology) -> None:
    for topology in ("torus_2d", "torus_3d"):
        found = network(technology, topology, 64.0)
        assert float(found.switch_price) == 0.0
        assert float(found.switch_power) == 0.0
        assert float(found.cable_price) == pytest.approx(CABLE / 2.0)
        assert float(found.optics_price) == 0.0


def test_a_large_switched_domain_takes_two_levels_and_optics(technology: Technology) -> None:
    found = network(technology, "switch", 512.0)
    assert float(found.switch_price) == pytest.approx(3.0 * SWITCH)
    assert float(found.cable_price) == 0.0
    # Four ends a link: package, leaf, leaf, spine; 17 pJ/bit each.
    assert float(found.optics_price) == pytest.approx(4.0 * OPTICS)
    assert float(found.optics_power) == pytest.approx(4.0 * 900e9 * 8.0 * 17e-12)
    third = network(technology, "switch", 4096.0)
    assert float(third.switch_price) == pytest.approx(5.0 * SWITCH)


def test_a_large_torus_pays_optics_on_the_surface_of_its_cubes(technology: Technology) -> None:
    reach = technology.replace("constant", "copper_domain", "value", 64.0)
    # As TPU v4: cubes of 4 x 4 x 4 packages, 96 of 384 link ends on a surface.
    found = network(reach, "torus_3d", 4096.0)
    assert float(found.optics_price) == pytest.approx(OPTICS / 4.0)
    assert float(found.cable_price) == pytest.approx(0.75 * CABLE / 2.0)
    flat = network(reach, "torus_2d", 4096.0)
    assert float(flat.optics_price) == pytest.approx(OPTICS / 8.0)


def test_full_connection_pays_optics_to_partners_outside(technology: Technology) -> None:
    found = network(technology, "fully_connected", 143.0)
    assert float(found.optics_price) == pytest.approx(OPTICS / 2.0)


@pytest.mark.parametrize("options", [{"links": 0.0}, {"link_bandwidth": 0.0}])
def test_no_bandwidth_no_cost(technology: Technology, options: dict[str, float]) -> None:
    found = network(technology, "switch", 512.0, **options)
    assert float(found.switch_price + found.cable_price + found.optics_price) == 0.0


def test_a_package_alone_needs_no_network(technology: Technology) -> None:
    found = network(technology, "switch", 1.0)
    assert float(found.switch_price + found.switch_power) == 0.0


def test_proportional_to_bandwidth(technology: Technology) -> None:
    links = torch.tensor([1.0, 2.0, 8.0, 36.0], dtype=torch.float64)
    pool, _, _ = build(technology, topology="torus_3d", domain=512.0, links=links)
    found = fabric(technology, pool.package)
    torch.testing.assert_close(found.optics_price / links, found.optics_price[:1].expand(4))


def test_larger_domains_never_cost_less(technology: Technology) -> None:
    domains = number([2.0, 8.0, 9.0, 64.0, 72.0, 73.0, 512.0, 4096.0, 20000.0])
    for topology in ("switch", "torus_2d", "torus_3d", "fully_connected"):
        pool, _, _ = build(technology, topology=topology, domain=domains)
        found = fabric(technology, pool.package)
        total = found.switch_price + found.cable_price + found.optics_price
        assert bool((total.diff() >= 0).all())
