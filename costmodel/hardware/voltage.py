"""The voltage-frequency law of a node, and its parameter solved from two foundry claims.

A foundry states a new node twice against an old one: the same speed at less energy
(`energy_iso_speed`), or more speed at the same power (`speed_iso_power`). They are two points of
one curve, not gains that add up. With the old node at speed 1 and energy 1:

* at the nominal voltage the speed is ``sf`` and, power being equal, the energy ``1/sf``;
* at speed 1 the energy is ``sE``; energy going with voltage squared, that is at
  ``V_iso = V_nominal * sqrt(sE * sf)``.

The alpha-power law ``f(V) = (V - Vth)^alpha / V`` through both points fixes ``Vth``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from costmodel.numerics.relax import power

DERIVED_COLUMN = "threshold_voltage"
SAME_POINT = 1e-9
"""Below this relative distance both claims are one point and fix no threshold voltage [1]."""


def threshold_voltage(
    nominal: Tensor, energy: Tensor, speed: Tensor, exponent: Tensor, default: Tensor
) -> Tensor:
    """Threshold voltage that puts both foundry claims on one alpha-power curve.

    Parameters
    ----------
    nominal : Tensor [..., rows]
        Nominal supply [V].
    energy, speed : Tensor [..., rows]
        Energy at equal speed, speed at equal power, both relative to the anchor node [1].
    exponent : Tensor, broadcastable
        Velocity-saturation exponent alpha [1].
    default : Tensor, broadcastable
        For the anchor node itself, where both points are one [V].

    Returns
    -------
    Tensor [..., rows]
        ``(V_nom - r V_iso) / (1 - r)`` with ``r = (sf V_nom / V_iso)^(1/alpha)`` [V].
    """
    iso = nominal * torch.sqrt(energy * speed)
    ratio = power(speed * nominal / iso, 1.0 / exponent)
    apart = (ratio - 1.0).abs() > SAME_POINT
    safe = torch.where(apart, 1.0 - ratio, torch.ones_like(ratio))
    solved = (nominal - ratio * iso) / safe
    # Sampled claims may contradict each other; the law needs 0 <= Vth < both voltages.
    bounded = torch.minimum(solved.clamp_min(0.0), 0.95 * torch.minimum(iso, nominal))
    return torch.where(apart, bounded, default.expand_as(ratio))


def relative_speed(voltage: Tensor, threshold: Tensor, exponent: Tensor) -> Tensor:
    """Speed of the alpha-power law, ``(V - Vth)^alpha / V``, zero below threshold.

    Parameters
    ----------
    voltage, threshold : Tensor [*batch]
        [V].
    exponent : Tensor, broadcastable
        Alpha [1].

    Returns
    -------
    Tensor [*batch]
        Increasing in the voltage; only ratios have a meaning.
    """
    drive = (voltage - threshold).clamp_min(1e-9)
    return power(drive, exponent) / voltage
