from __future__ import annotations

import dataclasses

import pytest
import torch

from costmodel.hardware.system import Pool
from costmodel.physics.area import package_areas
from costmodel.physics.clock import package_clocks
from costmodel.physics.energy import operator_energy
from costmodel.physics.power import (
    Power,
    clock_power,
    current_density,
    leakage_power,
    link_idle_power,
    package_power,
)
from costmodel.timing.mapped import Mapped
from tests.costmodel.physics.machines import (
    TECHNOLOGY,
    compute_die,
    io_die,
    mapped,
    memory,
    network,
    package,
    pool,
)

STEP = torch.tensor([0.03, 0.03], dtype=torch.float64)


def power(system: Pool | None = None, work: Mapped | None = None, step: object = STEP) -> Power:
    system, work = system or pool(), work or mapped()
    areas = package_areas(TECHNOLOGY, system.package)
    energy = operator_energy(TECHNOLOGY, system, work, areas)
    clocks = package_clocks(TECHNOLOGY, system.package)
    return package_power(TECHNOLOGY, system, work, energy, areas, clocks, step)  # type: ignore[arg-type]


def part(found: Power, name: str) -> torch.Tensor:
    return found.values[..., found.parts.index(name)]


def test_power_is_energy_over_time() -> None:
    system, work = pool(), mapped()
    areas = package_areas(TECHNOLOGY, system.package)
    energy = operator_energy(TECHNOLOGY, system, work, areas)
    found = power()
    expected = (energy.values * work.count.unsqueeze(-1)).sum(-2) / 0.03
    torch.testing.assert_close(found.values[..., : len(energy.parts)], expected)


def test_all_heat_goes_somewhere() -> None:
    for whole in (
        package(),
        package((compute_die(count=2),)),
        package((compute_die(count=4), io_die(count=2))),
        package(tiers=(memory("hbm4_12h", 4), memory("lpddr5x_x64", 8))),
        package(tiers=(), kind="organic"),
    ):
        found = power(pool(whole))
        dies = (found.dies * found.counts).sum(-1)
        stacks = torch.zeros_like(dies)
        for index, tier in enumerate(whole.memory):
            stacks = stacks + found.stacks[..., index] * tier.stacks
        torch.testing.assert_close(dies + stacks, found.dynamic)
        assert (found.cores <= found.dies).all()


def test_interfaces_heat_the_io_dies() -> None:
    split = power(pool(package((compute_die(count=2), io_die(count=2)))))
    alone = power()
    assert (split.dies[..., 1] > 0).all()
    assert (2 * split.dies[..., 0] < alone.dies[..., 0]).all()


def test_static_power_does_not_wait_for_work() -> None:
    idle = dataclasses.replace(
        mapped(),
        **{
            name: torch.zeros_like(getattr(mapped(), name))
            for name in (
                "bytes", "macs", "array_cycles", "vector_operations", "network_bytes", "time"
            )
        },
    )  # fmt: skip
    found = power(work=idle)
    # 6 stacks at 3.5 W; 36 lanes of 25 GB/s at 4.5 pJ/bit, of which the idle share.
    torch.testing.assert_close(part(found, "memory_idle"), torch.full_like(STEP, 6 * 3.5))
    share = TECHNOLOGY.entry("link", "serdes_224g", "idle_fraction").si
    torch.testing.assert_close(
        part(found, "link_idle"), torch.full_like(STEP, 18 * 50e9 * 8 * 4.5e-12 * share)
    )
    gated = TECHNOLOGY.entry("constant", "clock_gating_idle").si
    torch.testing.assert_close(
        part(found, "clock") / gated,
        clock_power(
            TECHNOLOGY,
            pool().package.dies[0],
            package_areas(TECHNOLOGY, pool().package)[0],
            package_clocks(TECHNOLOGY, pool().package)[0],
        ).expand_as(STEP),
    )


def test_a_link_at_full_rate_costs_what_its_data_sheet_says() -> None:
    # idle share + traffic share = energy per bit x bits.
    bandwidth = 18 * 50e9
    work = dataclasses.replace(
        mapped(),
        count=torch.ones(2, 3, dtype=torch.float64),
        network_bytes=torch.full((2, 3), bandwidth / 3, dtype=torch.float64),
    )
    found = power(work=work, step=torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(
        part(found, "link") + part(found, "link_idle"),
        torch.full((2,), bandwidth * 8 * 4.5e-12, dtype=torch.float64),
    )
    assert link_idle_power(TECHNOLOGY, pool(package(networks=(network(links=0),)))) == 0.0


def test_leakage_grows_with_area_and_voltage_and_spares_the_spares() -> None:
    def leak(**changes: float) -> float:
        whole = package((compute_die(**changes),))
        area = package_areas(TECHNOLOGY, whole)[0]
        return float(leakage_power(TECHNOLOGY, whole.dies[0], area))

    assert leak(cores_built=80, cores_enabled=60) == pytest.approx(leak(), rel=0.05)
    assert leak(cores_enabled=64) > leak(cores_enabled=60) > leak(cores_enabled=30)
    assert leak(l2_bytes=2.0**28) > leak()
    # Both rails 0.1 V higher: e^(3 x 0.1).
    assert leak(voltage_logic=0.8, voltage_sram=0.8) / leak() == pytest.approx(1.349859, rel=1e-6)


def test_current_is_power_over_voltage() -> None:
    system = pool()
    areas = package_areas(TECHNOLOGY, system.package)
    watts = torch.full((2, 1), 400.0, dtype=torch.float64)
    found = current_density(system, watts, areas)
    torch.testing.assert_close(found, (400.0 / 0.70 / areas[0].total).expand(2))


def test_gradients_reach_an_empty_phase() -> None:
    step = torch.tensor([0.03, 0.0], dtype=torch.float64, requires_grad=True)
    found = power(step=step)
    assert torch.isfinite(found.values).all()
