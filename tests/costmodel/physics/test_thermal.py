from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lambertw

from costmodel.hardware.system import Package
from costmodel.physics.area import package_areas
from costmodel.physics.power import Power
from costmodel.physics.thermal import RUNAWAY, Thermal, leakage_rise, refresh_loss, solve
from tests.costmodel.physics.machines import (
    TECHNOLOGY,
    compute_die,
    io_die,
    memory,
    number,
    package,
    pool,
)
from tests.costmodel.physics.test_power import power

PACKAGE = package()


def heated(
    watts: list[float],
    leakage: float = 0.0,
    whole: Package = PACKAGE,
    stacks: float = 20.0,
    shares: torch.Tensor | None = None,
    cores: float = 0.0,
) -> Thermal:
    """One die at given watts in each phase, spread over the die unless `cores` says otherwise."""
    phases = number(torch.tensor(watts, dtype=torch.float64))
    tiers = len(whole.memory)
    given_power = Power(
        parts=("all",),
        values=phases.unsqueeze(-1),
        dies=phases.unsqueeze(-1),
        cores=(phases * cores).unsqueeze(-1),
        stacks=torch.full((len(watts), tiers), stacks, dtype=torch.float64),
        leakage=torch.tensor([leakage], dtype=torch.float64),
        counts=torch.ones(1, dtype=torch.float64),
    )
    areas = package_areas(TECHNOLOGY, whole)
    return solve(TECHNOLOGY, pool(whole), given_power, areas, shares)


def resistance(whole: Package = PACKAGE, resistance_area: float = 45e-6) -> float:
    return resistance_area / float(package_areas(TECHNOLOGY, whole)[0].total)


INLET = 313.15  # cold plate, 40 C


@given(st.floats(0.0, 0.36))
def test_the_rise_is_the_lambert_function(drive: float) -> None:
    # u = c e^u, smaller root: u = -W(-c).
    assert float(leakage_rise(number(drive))) == pytest.approx(
        float(-lambertw(-drive).real), rel=1e-9, abs=1e-12
    )


@given(st.floats(0.0, 10.0))
def test_the_rise_is_finite_and_increasing(drive: float) -> None:
    low, high = leakage_rise(number(drive)), leakage_rise(number(drive + 0.01))
    assert torch.isfinite(low)
    assert high > low


@given(st.floats(1e-6, 0.36))
def test_the_slope_is_that_of_the_implicit_function(drive: float) -> None:
    point = number(drive).requires_grad_()
    (slope,) = torch.autograd.grad(leakage_rise(point), point)
    rise = float(-lambertw(-drive).real)
    assert float(slope) == pytest.approx(math.exp(rise) / (1 - rise), rel=1e-6)


def test_without_leakage_it_is_a_resistor() -> None:
    # One-dimensional slab: T = T_in + R'' P / A.
    found = heated([300.0, 100.0])
    expected = [INLET + resistance() * watts for watts in (300.0, 100.0)]
    assert found.junction.tolist() == pytest.approx(expected)
    assert found.leakage.tolist() == [0.0, 0.0]
    assert float(found.junction_peak) == pytest.approx(expected[0])
    assert int(found.peak_phase) == 0


@given(st.floats(50.0, 900.0), st.floats(0.0, 60.0))
def test_the_temperature_is_a_fixed_point(watts: float, leakage: float) -> None:
    found = heated([watts], leakage)
    if bool(found.runaway):
        return
    junction = float(found.dies[0, 0])
    leaked = leakage * math.exp(0.02 * (junction - (85 + 273.15)))
    assert float(found.leakage[0]) == pytest.approx(leaked, rel=1e-9)
    assert junction == pytest.approx(INLET + resistance() * (watts + leaked), rel=1e-12)
    assert float(found.power[0]) == pytest.approx(watts + leaked)


def test_hotter_leaks_more() -> None:
    found = heated([100.0, 400.0, 800.0], 30.0)
    assert (found.leakage.diff() > 0).all()


def test_leakage_runs_away_and_says_so() -> None:
    cool = heated([300.0], 30.0)
    assert not bool(cool.runaway)
    assert cool.runaway_margin < 0
    hot = heated([300.0, 3000.0], 600.0)
    assert bool(hot.runaway)
    assert hot.runaway_margin > 0
    assert torch.isfinite(hot.junction).all()
    # It is at least where the tangent touches: 1/k = 50 K over the die without leakage.
    assert float(hot.junction[1]) > INLET + resistance() * 3000.0 + 45.0
    # The flag turns where c passes 1/e.
    base = math.exp(0.02 * (INLET + resistance() * 300.0 - 358.15))
    critical = RUNAWAY / (0.02 * resistance() * base)
    assert not bool(heated([300.0], 0.999 * critical).runaway)
    assert bool(heated([300.0], 1.001 * critical).runaway)


def test_temperature_is_continuous_through_runaway() -> None:
    base = math.exp(0.02 * (INLET + resistance() * 300.0 - 358.15))
    critical = RUNAWAY / (0.02 * resistance() * base)
    around = [
        float(heated([300.0], critical * (1 + step)).junction)
        for step in torch.linspace(-0.03, 0.03, 61).tolist()
    ]
    steps = torch.tensor(around).diff()
    assert (steps > 0).all()
    assert steps.max() < 2.0


def test_hot_cores_stand_out_of_the_mean() -> None:
    even, uneven = heated([400.0], cores=0.0), heated([400.0], cores=0.9)
    areas = package_areas(TECHNOLOGY, PACKAGE)[0]
    excess = 0.9 * 400.0 / (60 * areas.core) - 400.0 / areas.total
    assert float(uneven.junction - even.junction) == pytest.approx(float(12e-6 * excess))
    torch.testing.assert_close(uneven.dies, even.dies)


def test_memory_stands_on_its_own_resistance() -> None:
    # 40 W in a 12-high HBM4 stack on a cold plate: 45 K mm2/W over 132 mm2 and its own layers,
    # about 27 K over the coolant, and a tenth of the die's rise.
    whole = package(tiers=(memory("hbm4_12h", 6),))
    own = TECHNOLOGY.entry("memory", "hbm4_12h", "thermal_resistance").si
    found = heated([0.0], 0.0, whole, 40.0)
    assert float(found.memory[0]) == pytest.approx(INLET + 40.0 * (own + 45 / 132.0))
    assert 20.0 < float(found.memory[0]) - INLET < 32.0
    warm = heated([500.0], 0.0, whole, 40.0)
    assert float(warm.memory[0] - found.memory[0]) == pytest.approx(
        0.10 * 500.0 * resistance(whole)
    )


def test_without_memory_its_temperature_is_the_coolants() -> None:
    for tiers in ((), (memory("hbm4_12h", 0),)):
        found = heated([300.0], 10.0, package(tiers=tiers))
        assert float(found.memory[0]) == pytest.approx(INLET)


def test_the_average_lies_between_the_phases() -> None:
    shares = torch.tensor([0.25, 0.75], dtype=torch.float64)
    found = heated([600.0, 200.0], 20.0, shares=shares)
    assert found.junction[1] < found.junction_average < found.junction[0]
    expected = 0.25 * found.power[0] + 0.75 * found.power[1]
    torch.testing.assert_close(found.power_average, expected)
    torch.testing.assert_close(found.power_peak, found.power[0])
    # Weights need not add up to one.
    torch.testing.assert_close(
        heated([600.0, 200.0], 20.0, shares=4.0 * shares).power_average, found.power_average
    )


def test_better_cooling_is_cooler() -> None:
    air, plate = heated([300.0], 20.0, package(cooling="air")), heated([300.0], 20.0)
    assert air.junction > plate.junction


def test_bonded_dies_share_one_way_up() -> None:
    dies = (compute_die(count=4), io_die(count=2))
    whole = package(dies, kind="stacked_interposer_3p3")
    beside, bonded = package(dies), whole
    areas = package_areas(TECHNOLOGY, whole)
    found = {}
    for name, item in (("beside", beside), ("bonded", bonded)):
        given_power = Power(
            parts=("all",),
            values=torch.tensor([[440.0]], dtype=torch.float64),
            dies=torch.tensor([[100.0, 20.0]], dtype=torch.float64),
            cores=torch.zeros(1, 2, dtype=torch.float64),
            stacks=torch.full((1, 1), 20.0, dtype=torch.float64),
            leakage=torch.tensor([5.0, 3.0], dtype=torch.float64),
            counts=torch.tensor([4.0, 2.0], dtype=torch.float64),
        )
        found[name] = solve(TECHNOLOGY, pool(item), given_power, areas)
    together = max(4 * float(areas[0].total), 2 * float(areas[1].total))
    mean = float(found["bonded"].dies[0, 0])
    assert mean == pytest.approx(float(found["bonded"].dies[0, 1]))
    leaked = float(found["bonded"].leakage[0])
    assert leaked == pytest.approx(26.0 * math.exp(0.02 * (mean - 358.15)))
    assert mean == pytest.approx(INLET + 45e-6 / together * (440.0 + leaked))
    assert float(found["beside"].dies[0, 0]) != pytest.approx(float(found["beside"].dies[0, 1]))


def test_refresh_costs_bandwidth_above_85_degrees() -> None:
    system = pool()
    celsius = torch.tensor([25.0, 80.0, 85.0, 90.0, 100.0], dtype=torch.float64)
    loss = refresh_loss(TECHNOLOGY, system, celsius + 273.15)
    full = TECHNOLOGY.entry("memory", "hbm3e_12h", "refresh_loss").si
    assert float(loss[0]) < 1e-9
    assert float(loss[2]) == pytest.approx(full / 2)
    assert float(loss[4]) == pytest.approx(full, rel=1e-3)
    assert (loss.diff() > 0).all()
    assert refresh_loss(TECHNOLOGY, pool(package(tiers=())), celsius[0] + 273.15) == 0.0


def test_the_whole_chain_warms_up() -> None:
    system = pool()
    areas = package_areas(TECHNOLOGY, system.package)
    low = solve(TECHNOLOGY, system, power(system), areas)
    fast = dataclasses.replace(
        system.package.dies[0], voltage_logic=number(0.8), voltage_sram=number(0.8)
    )
    hotter = pool(dataclasses.replace(system.package, dies=(fast,)))
    high = solve(TECHNOLOGY, hotter, power(hotter), areas)
    assert (high.junction > low.junction).all()
    assert (high.power > low.power).all()
