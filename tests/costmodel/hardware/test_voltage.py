"""The voltage-frequency law goes through both foundry claims, and only upwards."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costmodel.hardware.loading import load_technology
from costmodel.hardware.voltage import relative_speed, threshold_voltage

TECHNOLOGY = load_technology()
NODES = TECHNOLOGY.names("node")


def column(name: str, node: str) -> torch.Tensor:
    return TECHNOLOGY.at("node", name, torch.tensor(TECHNOLOGY.row("node", node)))


def speed(node: str, voltage: torch.Tensor) -> torch.Tensor:
    exponent = TECHNOLOGY.constant("velocity_saturation_exponent")
    return relative_speed(voltage, column("threshold_voltage", node), exponent)


@pytest.mark.parametrize("node", NODES)
def test_both_claims_lie_on_the_curve(node: str) -> None:
    # At V_nominal the speed is sf; at V_iso = V_nominal sqrt(sE sf) it is 1, energy there being
    # (1/sf)(V_iso/V_nominal)^2 = sE.
    nominal, energy = column("voltage_nominal", node), column("energy_iso_speed", node)
    gain = column("speed_iso_power", node)
    iso = nominal * torch.sqrt(energy * gain)
    assert float(speed(node, nominal) / speed(node, iso)) == pytest.approx(float(gain), rel=1e-9)
    assert float((iso / nominal) ** 2 / gain) == pytest.approx(float(energy), rel=1e-12)


def test_anchor_node_takes_the_default_threshold() -> None:
    assert float(column("threshold_voltage", "n7")) == 0.30


@pytest.mark.parametrize("node", NODES)
def test_threshold_is_physical(node: str) -> None:
    # Published range of threshold voltages: 0.2 to 0.45 V.
    assert 0.2 <= float(column("threshold_voltage", node)) <= 0.45


@pytest.mark.parametrize("node", NODES)
def test_speed_increases_over_the_range(node: str) -> None:
    low, high = column("voltage_min", node), column("voltage_max", node)
    voltages = low + (high - low) * torch.linspace(0, 1, 101, dtype=torch.float64)
    assert bool((speed(node, voltages).diff() > 0).all())
    assert bool(low < column("voltage_nominal", node))
    assert bool(column("voltage_nominal", node) < high)


@given(
    energy=st.floats(0.2, 3.0),
    gain=st.floats(0.6, 2.0),
    nominal=st.floats(0.6, 0.9),
)
def test_threshold_of_any_claims_keeps_the_law_defined(
    energy: float, gain: float, nominal: float
) -> None:
    one = torch.ones((), dtype=torch.float64)
    threshold = threshold_voltage(nominal * one, energy * one, gain * one, 1.3 * one, 0.30 * one)
    iso = nominal * (energy * gain) ** 0.5
    assert 0.0 <= float(threshold) <= max(0.30, min(iso, nominal))


def test_speed_has_a_finite_slope_below_threshold() -> None:
    voltage = torch.tensor([0.1, 0.3, 0.7], dtype=torch.float64, requires_grad=True)
    threshold = torch.tensor(0.3, dtype=torch.float64)
    total = relative_speed(voltage, threshold, torch.tensor(1.3, dtype=torch.float64)).sum()
    total.backward()
    assert voltage.grad is not None
    assert bool(torch.isfinite(voltage.grad).all())
