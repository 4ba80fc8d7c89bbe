"""Package cost: sums, limits, units of money, and published costs of two packages."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from costmodel.economics.cost import Cost, package_cost, unit_price
from costmodel.economics.tco import total_cost
from costmodel.hardware.technology import Technology
from tests.costmodel.economics.packages import build, number
from tests.costmodel.economics.slopes import worst_slope_error

B200 = {
    "die_area": 800.0,
    "dies": 2.0,
    "memory": "hbm3e_8h",
    "stacks": 8.0,
    "interposer": 2900.0,
    "substrate": 5000.0,
    "package": "bridge_interposer_5p5",
    "cooling": "cold_plate",
    "link_bandwidth": 50e9,
    "domain": 72.0,
}


def part(cost: Cost, *names: str) -> float:
    return sum(float(cost.values[..., cost.parts.index(name)]) for name in names)


def test_parts_add_up(technology: Technology) -> None:
    cost = package_cost(technology, *build(technology))
    assert float(cost.manufacturing) == pytest.approx(sum(cost.values.tolist()), rel=1e-12)
    assert float(cost.nre) == pytest.approx(sum(cost.one_time_values.tolist()), rel=1e-12)
    assert len(cost.parts) == cost.values.shape[-1]
    assert len(cost.one_time_parts) == cost.one_time_values.shape[-1]
    assert (cost.values > 0).all()


def test_published_packages(technology: Technology) -> None:
    # Silicon Analysts and Epoch AI: 750 USD (H100, CoWoS-S) and 1,100 USD (B200, CoWoS-L).
    packaging = ("interposer", "substrate", "assembly", "margin")
    h100 = package_cost(technology, *build(technology))
    b200 = package_cost(technology, *build(technology, **B200))
    assert part(h100, *packaging) == pytest.approx(750.0, rel=0.10)
    assert part(b200, *packaging) == pytest.approx(1100.0, rel=0.10)


def test_published_logic_and_memory(technology: Technology) -> None:
    # H100: 300 USD of logic; B200: 720 to 1,200 USD for two dies, some of it early yield.
    h100 = package_cost(technology, *build(technology))
    b200 = package_cost(technology, *build(technology, **B200))
    assert part(h100, "dies") == pytest.approx(300.0, rel=0.15)
    assert part(b200, "dies") == pytest.approx(900.0, rel=0.35)
    # 5 x 16 GB at 13 USD/GB, 8 x 24 GB at 11 USD/GB.
    assert part(h100, "memory") == pytest.approx(1040.0, rel=1e-9)
    assert part(b200, "memory") == pytest.approx(2112.0, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "memory", "memory_price", "published", "power"),
    [
        ({}, "hbm3_8h", 1350.0 / 80e9, 3320.0, 700.0),
        (B200, "hbm3e_8h", 2900.0 / 192e9, 6400.0, 1000.0),
    ],
)
def test_published_cost_of_goods(
    technology: Technology,
    options: dict[str, float | str],
    memory: str,
    memory_price: float,
    published: float,
    power: float,
) -> None:
    # The estimates count the module: package, its board and its regulators. At the memory price
    # that they state 15 %; at today's lower price 30 %. Both of ours are low: the estimates book
    # 1,000 USD of early yield loss on a B200 where a mature line loses a quarter of that.
    then = technology.replace("memory", memory, "price_per_byte", memory_price)
    for prices, tolerance in ((then, 0.15), (technology, 0.30)):
        pool, areas, floorplan = build(prices, **options)  # type: ignore[arg-type]
        cost = package_cost(prices, pool, areas, floorplan)
        price = unit_price(pool, cost, 1e5)
        owned = total_cost(prices, pool, price, number(power), number(power))
        parts = dict(zip(owned.capex_parts, owned.capex_values.tolist(), strict=True))
        module = float(cost.manufacturing) + parts["board"] + parts["regulators"]
        assert module == pytest.approx(published, rel=tolerance)


def test_money_scales(technology: Technology, dearer: Technology) -> None:
    here = package_cost(technology, *build(technology))
    there = package_cost(dearer, *build(dearer))
    torch.testing.assert_close(there.values, 3.0 * here.values, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(
        there.one_time_values, 3.0 * here.one_time_values, rtol=1e-12, atol=0.0
    )
    assert torch.equal(there.die_yield, here.die_yield)


def test_volume_buries_one_time_cost(technology: Technology) -> None:
    pool, areas, floorplan = build(technology)
    cost = package_cost(technology, pool, areas, floorplan)
    shares = [float(unit_price(pool, cost, volume).nre_share) for volume in (1e4, 1e5, 1e12)]
    assert shares[0] == pytest.approx(10.0 * shares[1])
    assert shares[2] == pytest.approx(0.0, abs=1e-2)
    price = unit_price(pool, cost, float("inf"))
    assert float(price.paid) == float(cost.manufacturing)


def test_market_price_replaces_all_costs(technology: Technology) -> None:
    pool, areas, floorplan = build(technology, price=28000.0)
    cost = package_cost(technology, pool, areas, floorplan)
    price = unit_price(pool, cost, 1e5)
    assert float(price.paid) == 28000.0
    assert float(price.nre_share) == 0.0
    own = unit_price(dataclasses.replace(pool, price=number(0.0)), cost, 1e5)
    assert float(own.paid) == pytest.approx(float(cost.manufacturing + cost.nre / 1e5))


def test_without_defects_only_joints_are_lost(technology: Technology) -> None:
    clean = technology.replace("node", "n4p", "defect_density", 0.0)
    cost = package_cost(clean, *build(clean))
    assert float(cost.die_yield) == 1.0
    # One die and five stacks at 0.995 each.
    assert float(cost.assembly_yield) == pytest.approx(0.995**6, rel=1e-12)
    assert part(cost, "dies") == pytest.approx(17000.0 / float(cost.dies_per_wafer), rel=1e-12)


def test_bad_dies_take_the_package_with_them(technology: Technology) -> None:
    blind = technology.replace("constant", "known_good_coverage", "value", 0.90)
    sharp = technology.replace("constant", "known_good_coverage", "value", 1.0)
    losses = [
        part(package_cost(tech, *build(tech)), "yield_loss") for tech in (sharp, technology, blind)
    ]
    assert losses == sorted(losses)
    assert float(package_cost(sharp, *build(sharp)).assembly_yield) == pytest.approx(0.995**6)


def test_small_dies_with_spares_win_on_a_poor_process(technology: Technology) -> None:
    # Two dies of 400 mm2 against one of 800 mm2: cheaper silicon, dearer the more defects.
    gains = []
    for density in (800.0, 3700.0):
        tech = technology.replace("node", "sf2", "defect_density", density)
        one = package_cost(tech, *build(tech, node="sf2", die_area=800.0, dies=1.0))
        two = package_cost(
            tech, *build(tech, node="sf2", die_area=400.0, dies=2.0, cores=72.0, enabled=66.0)
        )
        gains.append(part(one, "dies") / part(two, "dies"))
    assert 1.0 < gains[0] < gains[1]


def test_absent_dies_and_stacks_cost_nothing(technology: Technology) -> None:
    pool, areas, floorplan = build(technology, stacks=0.0)
    package = pool.package
    ghost = dataclasses.replace(package.dies[0], role="io", count=number(0.0))
    both = dataclasses.replace(
        pool, package=dataclasses.replace(package, dies=(package.dies[0], ghost))
    )
    alone = package_cost(technology, pool, areas, floorplan)
    wide = dataclasses.replace(
        floorplan,
        width=torch.cat([floorplan.width, torch.zeros(1, dtype=torch.float64)]),
        height=torch.cat([floorplan.height, torch.zeros(1, dtype=torch.float64)]),
    )
    together = package_cost(technology, both, (areas[0], areas[0]), wide)
    torch.testing.assert_close(together.values, alone.values, rtol=1e-12, atol=0.0)
    assert float(together.nre) == float(alone.nre)
    assert part(alone, "memory") == 0.0


def test_every_design_of_a_die_is_paid_once(technology: Technology) -> None:
    one = package_cost(technology, *build(technology, dies=1.0))
    four = package_cost(technology, *build(technology, dies=4.0))
    assert float(one.nre) == float(four.nre)
    # Mask set 18.5, design 308, package 15, software 100 million USD.
    assert float(one.nre) == pytest.approx(441.5e6, rel=1e-9)


def manufacturing(technology: Technology, **options: Tensor | str) -> Tensor:
    cost = package_cost(technology, *build(technology, **options))  # type: ignore[arg-type]
    return cost.manufacturing


def test_slopes(technology: Technology) -> None:
    point = {
        "die_area": 640.0,
        "core_share": 0.6,
        "cores": 96.0,
        "enabled": 94.2,
        "dies": 2.0,
        "stacks": 7.3,
        "interposer": 2600.0,
        "substrate": 5000.0,
    }
    assert worst_slope_error(lambda **x: manufacturing(technology, **x), point) < 1e-6


def test_value_does_not_depend_on_the_batch(technology: Technology) -> None:
    random = torch.Generator().manual_seed(5)

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(300, dtype=torch.float64, generator=random)

    cores = torch.floor(draw(16.0, 128.0))
    columns = {
        "die_area": draw(60.0, 850.0),
        "cores": cores,
        "enabled": torch.ceil(0.9 * cores),
        "stacks": torch.floor(draw(0.0, 12.0)),
        "interposer": draw(500.0, 4000.0),
        "substrate": draw(1000.0, 9000.0),
    }

    def values(take: slice | int) -> Tensor:
        picked = {name: column[take] for name, column in columns.items()}
        return package_cost(technology, *build(technology, **picked)).values

    whole = values(slice(0, 300))
    assert torch.equal(whole, torch.cat([values(slice(i, i + 7)) for i in range(0, 300, 7)]))
    assert torch.equal(whole, torch.stack([values(i) for i in range(300)]))
    square = {name: column[:20].reshape(4, 5) for name, column in columns.items()}
    assert torch.equal(
        package_cost(technology, *build(technology, **square)).values,
        whole[:20].reshape(4, 5, -1),
    )


def test_sampled_technology(technology: Technology) -> None:
    sampled = technology.sample(4, seed=2)
    cost = package_cost(sampled, *build(sampled, die_area=number([200.0, 500.0, 800.0])))
    assert cost.manufacturing.shape == (4, 3)
    assert cost.values.shape == (4, 3, len(cost.parts))
    assert bool(torch.isfinite(cost.values).all())
