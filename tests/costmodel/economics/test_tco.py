"""Ownership: sums, published wall power, utilisation once, units of money."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from costmodel.economics.cost import package_cost, unit_price
from costmodel.economics.tco import Tco, capital_recovery, total_cost
from costmodel.hardware.technology import Technology
from tests.costmodel.economics.packages import build, number
from tests.costmodel.economics.slopes import worst_slope_error
from tests.costmodel.economics.test_cost import B200


def own(
    technology: Technology,
    average: float | Tensor = 600.0,
    peak: float | Tensor = 700.0,
    volume: float = 1e5,
    **options: float | str | Tensor,
) -> Tco:
    pool, areas, floorplan = build(technology, **options)  # type: ignore[arg-type]
    price = unit_price(pool, package_cost(technology, pool, areas, floorplan), volume)
    return total_cost(technology, pool, price, number(average), number(peak))


def test_parts_add_up(technology: Technology) -> None:
    found = own(technology)
    for values, parts, total in (
        (found.capex_values, found.capex_parts, found.capex),
        (found.hourly_values, found.hourly_parts, found.usd_per_hour),
        (found.power_values, found.power_parts, found.wall_power),
    ):
        assert len(parts) == values.shape[-1]
        assert float(total) == pytest.approx(sum(values.tolist()), rel=1e-12)
        assert (values >= 0).all()


def test_published_wall_power(technology: Technology) -> None:
    # DGX H100: 10.2 kW for 8 packages of 700 W in air.
    air = own(technology, average=700.0, peak=700.0)
    assert float(air.wall_power) == pytest.approx(10200.0 / 8.0, rel=0.10)
    # NVL72: 120 kW for 72 packages of 1,200 W with cold plates.
    liquid = own(technology, average=1200.0, peak=1200.0, **B200)
    assert float(liquid.wall_power) == pytest.approx(120000.0 / 72.0, rel=0.10)
    assert float(liquid.rack_power) == pytest.approx(120000.0, rel=0.10)
    # One server of eight, the domain of the hand-built air-cooled package.
    assert float(air.packages_per_rack) == 8.0


def test_published_server_parts(technology: Technology) -> None:
    # SemiAnalysis 2023: a DGX H100 costs about 79 kUSD to build, 5,875 USD a package of it for
    # the module and its share of the switched baseboard.
    found = own(technology, peak=700.0)
    parts = dict(zip(found.capex_parts, found.capex_values.tolist(), strict=True))
    module = parts["package"] + parts["board"] + parts["regulators"] + parts["switches"]
    assert module == pytest.approx(5875.0, rel=0.30)
    bought = float(found.capex) - parts["nre"] - parts["rack"] - parts["spares"]
    assert 8.0 * bought == pytest.approx(79000.0, rel=0.25)


def test_rented_hour_of_an_h100(technology: Technology) -> None:
    # At a market price of 28,000 USD an owner's hour lies between 1.3 and 2.2 USD.
    found = own(technology, price=28000.0)
    assert 1.3 < float(found.usd_per_hour) < 2.2


def test_utilisation_divides_once(technology: Technology) -> None:
    found = own(technology)
    constant = {
        name: float(technology.constant(name))
        for name in (
            "interest_rate", "server_life", "datacentre_life", "maintenance_rate",
            "datacentre_price", "utilisation", "availability", "idle_power_fraction",
            "electricity_price",
        )
    }  # fmt: skip
    year = 8760.0 * 3600.0
    rate, load = constant["interest_rate"] * year, constant["utilisation"]
    servers = rate / (1.0 - (1.0 + rate) ** -(constant["server_life"] / year))
    building = rate / (1.0 - (1.0 + rate) ** -(constant["datacentre_life"] / year))
    wall = float(found.wall_power)
    power = wall * (load + (1.0 - load) * constant["idle_power_fraction"])
    hour = (
        float(found.capex) * (servers + constant["maintenance_rate"] * year)
        + constant["datacentre_price"] * float(found.wall_power_peak) * building
    ) / 8760.0 + power * 1.20 * constant["electricity_price"] * 3600.0
    assert float(found.usd_per_hour) == pytest.approx(hour, rel=1e-12)
    per_second = hour / 3600.0 / (load * constant["availability"])
    assert float(found.usd_per_package_second) == pytest.approx(per_second, rel=1e-12)


def test_more_load_costs_more_an_hour_and_less_a_second(technology: Technology) -> None:
    busy = technology.replace("constant", "utilisation", "value", 0.95)
    here, there = own(technology), own(busy)
    assert there.usd_per_hour > here.usd_per_hour
    assert there.usd_per_package_second < here.usd_per_package_second


def test_capital_recovery_repays_a_loan() -> None:
    # 8 % over 4 years: the balance of a loan of 1 ends at zero.
    payment = float(capital_recovery(number(0.08), number(4.0)))
    balance = 1.0
    for _ in range(4):
        balance = balance * 1.08 - payment
    assert balance == pytest.approx(0.0, abs=1e-12)
    assert float(capital_recovery(number(1e-9), number(4.0))) == pytest.approx(0.25, rel=1e-6)


def test_money_scales(technology: Technology, dearer: Technology) -> None:
    here, there = own(technology), own(dearer)
    torch.testing.assert_close(there.hourly_values, 3.0 * here.hourly_values, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(there.capex_values, 3.0 * here.capex_values, rtol=1e-12, atol=0.0)
    assert torch.equal(there.power_values, here.power_values)


def test_volume_kills_the_design_share(technology: Technology) -> None:
    found = own(technology, volume=float("inf"))
    assert float(found.capex_values[found.capex_parts.index("nre")]) == 0.0
    assert found.capex < own(technology).capex


def test_switches_cost_money_and_power_that_a_torus_does_not(technology: Technology) -> None:
    switch = own(technology, topology="switch", domain=64.0)
    torus = own(technology, topology="torus_3d", domain=64.0)
    assert switch.capex > torus.capex
    assert switch.wall_power > torus.wall_power
    assert switch.usd_per_hour > torus.usd_per_hour


def test_lower_voltage_needs_more_regulators(technology: Technology) -> None:
    low, high = own(technology, voltage=0.6), own(technology, voltage=0.9)
    index = low.capex_parts.index("regulators")
    assert float(low.capex_values[index] / high.capex_values[index]) == pytest.approx(1.5)


def test_slopes(technology: Technology) -> None:
    point = {
        "average": 610.0,
        "peak": 720.0,
        "voltage": 0.71,
        "links": 18.0,
        "link_bandwidth": 5e10,
        "die_area": 600.0,
        "stacks": 6.2,
        "enabled": 135.0,
    }
    for topology, domain in (("switch", 64.0), ("torus_3d", 512.0)):

        def second(topology: str = topology, domain: float = domain, **x: Tensor) -> Tensor:
            return own(technology, topology=topology, domain=domain, **x).usd_per_package_second

        assert worst_slope_error(second, point) < 1e-6


def test_value_does_not_depend_on_the_batch(technology: Technology) -> None:
    random = torch.Generator().manual_seed(6)
    columns = {
        name: low + (high - low) * torch.rand(300, dtype=torch.float64, generator=random)
        for name, low, high in (
            ("average", 200.0, 900.0),
            ("peak", 900.0, 1600.0),
            ("voltage", 0.55, 0.9),
            ("links", 4.0, 36.0),
            ("domain", 2.0, 900.0),
        )
    }

    def values(take: slice | int) -> Tensor:
        found = own(technology, **{name: column[take] for name, column in columns.items()})
        return torch.cat([found.capex_values, found.hourly_values, found.power_values], -1)

    whole = values(slice(0, 300))
    assert torch.equal(whole, torch.cat([values(slice(i, i + 7)) for i in range(0, 300, 7)]))
    assert torch.equal(whole, torch.stack([values(i) for i in range(300)]))


def test_sampled_technology(technology: Technology) -> None:
    sampled = technology.sample(4, seed=2)
    found = own(sampled, peak=number([700.0, 900.0, 1100.0]))
    assert found.usd_per_hour.shape == (4, 3)
    assert bool(torch.isfinite(found.usd_per_package_second).all())
