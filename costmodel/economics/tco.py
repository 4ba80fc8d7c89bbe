"""What it costs to own and run a package: server, network, building, electricity.

All amounts are per package; shared equipment is split evenly among the packages that share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.economics.breakdown import side_by_side
from costmodel.economics.cost import Price
from costmodel.economics.fabric import Fabric, fabric
from costmodel.hardware.system import Pool
from costmodel.hardware.technology import Technology
from costmodel.numerics.units import YEAR

CAPEX_PARTS = (
    "package", "nre", "board", "regulators", "power_supplies", "host", "nic", "switches", "cables",
    "optics", "cooling", "rack", "spares",
)  # fmt: skip
HOURLY_PARTS = ("capital", "maintenance", "building", "electricity")
POWER_PARTS = (
    "package", "regulators", "host", "nic", "switches", "optics", "cooling", "power_supplies",
)  # fmt: skip
HOUR = 3600.0
"""[s]"""


@dataclass(frozen=True)
class Tco:
    """Total cost of ownership of one package."""

    capex_values: Tensor  # [*batch,K] in the order of `CAPEX_PARTS` [USD]
    capex: Tensor  # [*batch] their sum, what is bought and replaced [USD]
    hourly_values: Tensor  # [*batch,H] in the order of `HOURLY_PARTS` [USD/h]
    usd_per_hour: Tensor  # [*batch] their sum, for every hour of the calendar [USD/h]
    usd_per_package_second: Tensor  # [*batch] for every second of load served [USD/s]
    power_values: Tensor  # [*batch,Q] at the wall under load, order of `POWER_PARTS` [W]
    wall_power: Tensor  # [*batch] their sum [W]
    wall_power_peak: Tensor  # [*batch] in the most power-hungry phase [W]
    rack_power: Tensor  # [*batch] peak, of a full rack [W]
    packages_per_rack: Tensor  # [*batch] [count]

    capex_parts: tuple[str, ...] = CAPEX_PARTS
    hourly_parts: tuple[str, ...] = HOURLY_PARTS
    power_parts: tuple[str, ...] = POWER_PARTS


def total_cost(
    technology: Technology,
    pool: Pool,
    price: Price,
    power_average: Tensor,
    power_peak: Tensor,
) -> Tco:
    r"""Cost of owning and running one package of a pool.

    Parameters
    ----------
    technology : Technology
    pool : Pool
        Leaves ``[*batch]``.
    price : Price
        Paid for a package, and its share of one-time cost [USD].
    power_average : Tensor [*batch]
        Of a package under load, mean over the time of its phases [W].
    power_peak : Tensor [*batch]
        Of a package in its most power-hungry phase: sizes supplies, cooling and building [W].

    Returns
    -------
    Tco

    Notes
    -----
    .. math::
        \dot C = C_{server}\,CRF + maintenance + building + \bar P(u)\,PUE\,c_{el}, \quad
        \bar P(u) = P\,(u + (1-u)\,\iota)

    ``usd_per_hour`` is :math:`\dot C`. A second of served load costs :math:`\dot C / (u\,a)`:
    load u and availability a divide once, here, and nowhere else.
    Monotone: up in price, both powers, links, their bandwidth and domain; down in voltage.
    """
    network = fabric(technology, pool.package)
    draw = wall_power(technology, pool, network, power_average)
    peak = wall_power(technology, pool, network, power_peak).sum(-1)
    wall = draw.sum(-1)
    # What a rack must hold: a scale-up domain wired in copper, or at least one server. Whether
    # its power is allowed is a limit on `rack_power`.
    room = technology.at("cooling", "packages_per_rack", pool.package.cooling)
    domain = technology.constant("packages_per_server")
    for tier in pool.package.network[:1]:
        wired = torch.where(tier.links > 0, tier.domain, torch.ones_like(tier.domain))
        domain = torch.maximum(domain, wired.double())
    packages = torch.minimum(domain, room)
    # Servers without a common domain fill the rack up to its power; its price is shared by all.
    filled = torch.maximum(packages, technology.constant("rack_power_limit") / peak)
    shared = torch.minimum(filled, room)
    capex = _capex(technology, pool, price, network, power_peak, peak, shared)
    hourly = _hourly(technology, pool, capex.sum(-1), wall, peak)
    usd_per_hour = hourly.sum(-1)
    served = technology.constant("utilisation") * technology.constant("availability")
    return Tco(
        capex_values=capex,
        capex=capex.sum(-1),
        hourly_values=hourly,
        usd_per_hour=usd_per_hour,
        usd_per_package_second=usd_per_hour / (HOUR * served),
        power_values=draw,
        wall_power=wall,
        wall_power_peak=peak,
        rack_power=peak * packages,
        packages_per_rack=packages,
    )


def wall_power(
    technology: Technology, pool: Pool, network: Fabric, package_power: Tensor
) -> Tensor:
    """Power that one package draws at the wall, by part.

    Parameters
    ----------
    technology : Technology
    pool : Pool
    network : Fabric
    package_power : Tensor [*batch]
        [W].

    Returns
    -------
    Tensor
        ``[*batch,Q]`` in the order of `POWER_PARTS`; losses of regulators and supplies and the
        power of fans or pumps are parts of their own [W].
    """
    regulators = package_power * (1.0 / technology.constant("regulator_efficiency") - 1.0)
    host = technology.constant("host_power")
    nic = technology.constant("nic_per_package") * technology.constant(
        "nic_power"
    ) + technology.constant("scale_out_power")
    equipment = (
        package_power + regulators + host + nic + network.switch_power + network.optics_power
    )
    fans = equipment * technology.at("cooling", "power_overhead", pool.package.cooling)
    supplies = (equipment + fans) * (1.0 / technology.constant("power_supply_efficiency") - 1.0)
    return side_by_side(
        package_power,
        regulators,
        host,
        nic,
        network.switch_power,
        network.optics_power,
        fans,
        supplies,
    )


def capital_recovery(rate: Tensor, life: Tensor) -> Tensor:
    r"""Yearly payment that repays a loan of 1 over its life [1/year].

    .. math:: CRF = r / (1 - (1 + r)^{-n})

    Parameters
    ----------
    rate : Tensor
        Interest, above zero [1/year].
    life : Tensor
        [year].
    """
    return rate / -torch.expm1(-life * torch.log1p(rate))


def _capex(
    technology: Technology,
    pool: Pool,
    price: Price,
    network: Fabric,
    power_peak: Tensor,
    wall_peak: Tensor,
    packages: Tensor,
) -> Tensor:
    """What is bought for one package ``[*batch,K]`` in the order of `CAPEX_PARTS` [USD]."""
    current = power_peak / _voltage(pool)
    nic = technology.constant("nic_per_package") * technology.constant(
        "nic_price"
    ) + technology.constant("scale_out_price")
    cooling = technology.at("cooling", "cost_per_power", pool.package.cooling)
    bought = (
        price.package,
        price.nre_share,
        technology.constant("board_price"),
        technology.constant("regulator_price") * current,
        technology.constant("power_supply_price") * wall_peak,
        technology.constant("host_price"),
        nic,
        network.switch_price,
        network.cable_price,
        network.optics_price,
        cooling * power_peak,
        technology.constant("rack_price") / packages,
    )
    # A spare is a package on its board: no share of the design, no server around it.
    spare = technology.constant("spare_fraction") * (bought[0] + bought[2] + bought[3])
    return side_by_side(*bought, spare)


def _hourly(
    technology: Technology, pool: Pool, capex: Tensor, wall: Tensor, wall_peak: Tensor
) -> Tensor:
    """Cost of an hour of the calendar ``[*batch,H]`` in the order of `HOURLY_PARTS` [USD/h]."""
    rate = technology.constant("interest_rate") * YEAR
    life = technology.constant("server_life") / YEAR
    building_life = technology.constant("datacentre_life") / YEAR
    hours = YEAR / HOUR
    capital = capex * capital_recovery(rate, life) / hours
    maintenance = capex * technology.constant("maintenance_rate") * HOUR
    site = technology.constant("datacentre_price") * wall_peak
    building = site * capital_recovery(rate, building_life) / hours
    load = technology.constant("utilisation")
    idle = technology.constant("idle_power_fraction")
    mean_power = wall * (load + (1.0 - load) * idle)
    pue = technology.at("cooling", "pue", pool.package.cooling)
    electricity = mean_power * pue * technology.constant("electricity_price") * HOUR
    return side_by_side(capital, maintenance, building, electricity)


def _voltage(pool: Pool) -> Tensor:
    """Supply of the first kind of compute die, which draws most of the current [V]."""
    for die in pool.package.dies:
        if die.role == "compute":
            return die.voltage_logic
    return pool.package.dies[0].voltage_logic
