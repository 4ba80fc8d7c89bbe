from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costmodel.hardware.system import Pool
from costmodel.physics.area import package_areas
from costmodel.physics.energy import HEATS, PARTS, Energy, operator_energy, sram_energy_per_bit
from costmodel.timing.mapped import Mapped
from tests.costmodel.physics.machines import (
    TECHNOLOGY,
    compute_die,
    io_die,
    mapped,
    memory,
    number,
    package,
    pool,
)


def energy(system: Pool | None = None, work: Mapped | None = None) -> Energy:
    system = system or pool()
    areas = package_areas(TECHNOLOGY, system.package)
    return operator_energy(TECHNOLOGY, system, work or mapped(), areas)


def part(found: Energy, name: str) -> torch.Tensor:
    return found.values[..., found.parts.index(name)]


def scaled(work: Mapped, factor: float) -> Mapped:
    """Every count of an execution times a factor."""
    return dataclasses.replace(
        work,
        **{
            name: getattr(work, name) * factor
            for name in ("bytes", "macs", "array_cycles", "vector_operations", "network_bytes")
        },
    )


def test_every_part_says_what_it_heats() -> None:
    found = energy()
    assert len(PARTS) == len(HEATS) == found.values.shape[-1]
    assert set(found.heats) == {"compute", "interface", "stack"}
    assert found.values.shape == (2, 3, len(PARTS))
    assert (found.values >= 0).all()
    torch.testing.assert_close(found.total, found.values.sum(-1))


@given(st.floats(0.1, 10.0))
def test_twice_the_work_takes_twice_the_energy(factor: float) -> None:
    torch.testing.assert_close(
        energy(work=scaled(mapped(), factor)).values, factor * energy().values
    )


def test_merging_two_executions_changes_nothing() -> None:
    one, two = mapped(), mapped(scale=1.3)
    both = dataclasses.replace(
        one,
        **{
            name: getattr(one, name) + getattr(two, name)
            for name in ("bytes", "macs", "array_cycles", "vector_operations", "network_bytes")
        },
    )
    torch.testing.assert_close(
        energy(work=both).values, energy(work=one).values + energy(work=two).values
    )


def test_energy_counts_the_bytes_of_the_mapping() -> None:
    # 6 stacks of HBM3E: 3.6 pJ/bit in the stack and 0.5 in the PHY, on exactly these bytes.
    work = mapped()
    bits = 8.0 * work.bytes[..., 2, :].sum(-1)
    found = energy(work=work)
    torch.testing.assert_close(part(found, "memory_stack"), bits * 3.6e-12)
    torch.testing.assert_close(part(found, "memory_phy"), bits * 0.5e-12)
    for level, name in ((0, "l1"), (1, "l2")):
        ratio = part(found, name) / work.bytes[..., level, :].sum(-1)
        torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio))
    # A byte more at any level, of any operand, costs more.
    for level in range(3):
        for operand in range(4):
            more = work.bytes.clone()
            more[..., level, operand] += 1e6
            changed = energy(work=dataclasses.replace(work, bytes=more))
            assert (changed.total > found.total).all()


def test_no_work_no_energy() -> None:
    assert (energy(work=scaled(mapped(), 0.0)).values == 0).all()


def test_multiplications_cost_what_the_format_says() -> None:
    # One fp8 multiply-accumulate on N7 at 0.75 V is 0.22 pJ, and 10 % more for each further format
    # beyond the first: three are supported.
    die = compute_die("n7", voltage_logic=0.75, voltage_sram=0.75)
    work = mapped()
    found = part(energy(pool(package((die,)))), "mac") / work.macs
    torch.testing.assert_close(found, torch.full_like(found, 0.22e-12 * 1.2))
    ratio = part(energy(pool(package((die,)), "bf16")), "mac") / part(
        energy(pool(package((die,)), "fp8")), "mac"
    )
    torch.testing.assert_close(ratio, torch.full_like(ratio, 0.55 / 0.22))


def test_idle_elements_burn_a_share_and_full_arrays_none() -> None:
    work = mapped()
    # 60 cores of 128 x 128 elements at two fp8 operations a cycle.
    slots = 60 * 128 * 128 * 2
    full = dataclasses.replace(work, array_cycles=work.macs / slots)
    torch.testing.assert_close(
        part(energy(work=full), "idle_array"), torch.zeros_like(work.macs), atol=1e-12, rtol=0
    )
    half = dataclasses.replace(work, array_cycles=2.0 * work.macs / slots)
    found = energy(work=half)
    torch.testing.assert_close(part(found, "idle_array"), 0.10 * part(found, "mac"))


@given(st.floats(0.5, 0.88))
def test_voltage_costs_energy(voltage: float) -> None:
    def at(value: float) -> Energy:
        die = compute_die(voltage_logic=value, voltage_sram=max(value, 0.6))
        return energy(pool(package((die,))))

    low, high = at(voltage), at(voltage + 0.02)
    for name in ("mac", "idle_array", "control", "vector", "l1", "l2", "wire"):
        assert (part(high, name) >= part(low, name)).all()
    # What is beside the die does not see its voltage.
    for name in ("memory_stack", "memory_phy", "link"):
        torch.testing.assert_close(part(high, name), part(low, name))


def test_sram_energy_follows_the_published_table() -> None:
    # Jouppi 2021, 7 nm, 64-bit accesses: 8 KB 7.5, 32 KB 8.5, 1 MB 14 pJ.
    for kibibytes, picojoules in ((8, 7.5), (32, 8.5), (1024, 14.0)):
        found = sram_energy_per_bit(TECHNOLOGY, number(1024.0 * kibibytes))
        assert float(64 * found) == pytest.approx(picojoules * 1e-12, rel=0.06)


def test_wires_grow_with_the_die() -> None:
    work = mapped()
    small = energy(pool(package((compute_die(),))), work)
    large = energy(pool(package((compute_die(l2_bytes=2.0**28),))), work)
    assert (part(large, "wire") > part(small, "wire")).all()


def test_a_chip_without_memory_spends_nothing_on_it() -> None:
    for tiers in ((), (memory("hbm4_12h", 0),)):
        found = energy(pool(package(tiers=tiers, kind="organic")))
        for name in ("memory_stack", "memory_phy", "memory_controller"):
            assert (part(found, name) == 0).all()
        assert torch.isfinite(found.values).all()


def test_traffic_goes_to_the_nearest_tier_that_is_present() -> None:
    def stack(*tiers: object) -> torch.Tensor:
        return part(energy(pool(package(tiers=tiers))), "memory_stack")  # type: ignore[arg-type]

    near, far = memory("hbm4_12h", 4), memory("lpddr5x_x64", 8)
    torch.testing.assert_close(stack(near, far), stack(near))
    torch.testing.assert_close(stack(memory("hbm4_12h", 0), far), stack(far))


def test_remote_memory_crosses_between_dies() -> None:
    assert (part(energy(), "die_to_die") == 0).all()
    bits = 8.0 * mapped().bytes[..., 2, :].sum(-1)
    two = part(energy(pool(package((compute_die(count=2),)))), "die_to_die")
    torch.testing.assert_close(two, bits * 0.5 * 0.3e-12)
    # Through io dies everything crosses once, and half of it once more between the two.
    split = part(energy(pool(package((compute_die(count=2), io_die(count=2))))), "die_to_die")
    torch.testing.assert_close(split, bits * 1.5 * 0.3e-12)


def test_simt_machines_pay_for_control() -> None:
    systolic = energy(pool(package((compute_die(machine="systolic"),))))
    simt = energy(pool(package((compute_die(machine="simt"),))))
    assert (part(simt, "control") > part(systolic, "control")).all()
    assert (part(simt, "memory_controller") > part(systolic, "memory_controller")).all()
    torch.testing.assert_close(part(simt, "mac"), part(systolic, "mac"))


def test_streaming_through_a_gpu_costs_what_was_measured() -> None:
    # Antepara et al., SC'25: a bit from beyond L2 takes 13.1 pJ on A100, all parts together.
    import dataclasses as records

    from costmodel.hardware.catalog import load_chip

    system = load_chip("a100", TECHNOLOGY).designs.pools[0]
    system = records.replace(
        system,
        deployment=records.replace(
            system.deployment, format=torch.tensor(TECHNOLOGY.row("format", "bf16"))
        ),
    )
    work = scaled(mapped(), 0.0)
    stream = torch.zeros_like(work.bytes)
    stream[..., 2, 1] = 1e9
    found = energy(system, records.replace(work, bytes=stream))
    per_bit = float(found.total[0, 0] / 8e9)
    assert per_bit == pytest.approx(13.1e-12, rel=0.10)
