"""Limits that a user sets, and their signed, normalised violations.

A limit is a named constraint: ``violation <= 0`` is feasible, ``(x - limit) / limit`` for a
maximum. Temperatures are normalised by the rise over the coolant, because a kelvin near the
limit costs the same whatever zero the scale has. Overflow is ``+inf``, never NaN.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.technology import Technology


@dataclass(frozen=True)
class Limits:
    """Largest allowed values in SI units; None leaves a limit unset.

    ``package_power`` may differ by way of cooling: a mapping from a row of table `cooling`.

    >>> limits = Limits(package_power={"air": 1000.0, "cold_plate": 1600.0}, tpot=0.012)
    >>> limits.without("tpot").ignored
    ('tpot',)
    """

    package_power: float | Mapping[str, float] | None = None  # peak phase [W]
    rack_power: float | None = None  # [W]
    junction_temperature: float | None = None  # [K]
    memory_temperature: float | None = None  # [K]
    die_area: float | None = None  # [m2]
    memory_capacity: float = 1.0  # share of the capacity in use [1]
    current_density: float | None = None  # [A/m2]
    ttft: float | None = None  # [s]
    tpot: float | None = None  # [s]
    unit_cost: float | None = None  # [USD]
    ignored: tuple[str, ...] = ()  # violations that are not counted, validity included

    def without(self, name: str) -> Limits:
        """The same limits with one removed, be it a limit or a rule of validity."""
        return dataclasses.replace(self, ignored=(*self.ignored, name))


LIMIT_NAMES = tuple(field.name for field in dataclasses.fields(Limits) if field.name != "ignored")


def package_power_limit(limits: Limits, technology: Technology, cooling: Tensor) -> Tensor | None:
    """The power limit of each design by its cooling ``[*batch]`` [W]."""
    if limits.package_power is None:
        return None
    if not isinstance(limits.package_power, Mapping):
        return torch.full_like(cooling, limits.package_power, dtype=torch.float64)
    total = torch.full_like(cooling, torch.inf, dtype=torch.float64)
    for name, value in limits.package_power.items():
        row = technology.row("cooling", name)
        total = torch.where(cooling == row, torch.full_like(total, value), total)
    return total


def violation(value: Tensor, limit: float | Tensor) -> Tensor:
    """``(value - limit) / limit``, NaN turned into +inf.

    >>> violation(torch.tensor([75.0, 100.0, 150.0]), 100.0)
    tensor([-0.2500,  0.0000,  0.5000])
    """
    return finite_or_infinite((value - limit) / limit)


def temperature_violation(value: Tensor, limit: float, inlet: Tensor) -> Tensor:
    """Excess over the limit, in units of the allowed rise over the coolant.

    >>> temperature_violation(torch.tensor(378.15), 368.15, torch.tensor(318.15))  # 10 K of 50 K
    tensor(0.2000)
    """
    return finite_or_infinite((value - limit) / (limit - inlet).clamp_min(1.0))


def finite_or_infinite(value: Tensor) -> Tensor:
    """NaN stands for an overflow: report it as an infinite violation."""
    return torch.where(torch.isnan(value), torch.full_like(value, torch.inf), value)
