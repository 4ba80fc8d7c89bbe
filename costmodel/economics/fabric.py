"""Switches, cables and optics of a package's network tiers: their price and power.

The rules:

* A tier costs nothing where its domain is one package or its bandwidth is zero.
* Every link of a switched tier ends in a switch port. A domain beyond the ports of one switch
  takes a second level (three ports a link in place of one), then a third (five).
* Links of a tier without switches run from package to package: two packages share a cable.
* A domain on one board needs no cables; up to ``copper_domain`` packages, links are passive
  copper. Beyond it, links that leave the reach of copper are optical at both ends: all links of a
  switched tier; of a torus, the share that crosses the surface of a cube of ``copper_domain``
  packages; of a full connection, the share of partners outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import NetworkTier, Package
from costmodel.hardware.technology import Technology
from costmodel.numerics.relax import power


@dataclass(frozen=True)
class Fabric:
    """Share of one package in its networks, beyond its own interfaces ``[*batch]``."""

    switch_price: Tensor  # [USD]
    cable_price: Tensor  # [USD]
    optics_price: Tensor  # [USD]
    switch_power: Tensor  # at full rate [W]
    optics_power: Tensor  # always on [W]


def fabric(technology: Technology, package: Package) -> Fabric:
    """Price and power of all network tiers, by the rules of the module.

    Parameters
    ----------
    technology : Technology
    package : Package
        Leaves ``[*batch]``; tiers with links [count] of a bandwidth per direction [byte/s].

    Returns
    -------
    Fabric
        ``[*batch]`` [USD] and [W], for one package.
    """
    zero = torch.zeros((), dtype=torch.float64)
    total = Fabric(zero, zero, zero, zero, zero)
    for tier in package.network:
        added = _tier(technology, tier)
        total = Fabric(
            switch_price=total.switch_price + added.switch_price,
            cable_price=total.cable_price + added.cable_price,
            optics_price=total.optics_price + added.optics_price,
            switch_power=total.switch_power + added.switch_power,
            optics_power=total.optics_power + added.optics_power,
        )
    return total


def _tier(technology: Technology, tier: NetworkTier) -> Fabric:
    domain = tier.domain.double()
    switched = technology.at("topology", "switched", tier.topology)
    bandwidth = tier.links.double() * tier.link_bandwidth * (domain > 1.0).double()
    levels = _levels(technology, domain)
    ports = switched * (2.0 * levels - 1.0)
    # Ends of cables per link of a package: both ends of a cable to a switch and of those between
    # levels; of a cable between two packages, one end each.
    ends = switched * 2.0 * levels + (1.0 - switched)
    reach = technology.constant("copper_domain")
    optical = _leaving(technology, tier, domain, reach) * (domain > reach).double()
    on_board = (domain <= technology.constant("packages_per_server")).double()
    copper = (1.0 - optical) * (1.0 - on_board)
    switching = bandwidth * ports
    lit = bandwidth * ends * optical
    return Fabric(
        switch_price=switching * technology.constant("switch_price"),
        cable_price=bandwidth * (ends / 2.0) * copper * technology.constant("cable_price"),
        optics_price=lit * technology.constant("optics_price"),
        switch_power=switching * 8.0 * technology.constant("switch_energy"),
        optics_power=lit * 8.0 * technology.constant("optics_energy"),
    )


def _levels(technology: Technology, domain: Tensor) -> Tensor:
    """Levels of switches that join a domain without blocking [count]."""
    ports = technology.constant("switch_ports")
    second = (domain > ports).double()
    third = (domain > ports * ports / 2.0).double()
    return 1.0 + second + third


def _leaving(technology: Technology, tier: NetworkTier, domain: Tensor, reach: Tensor) -> Tensor:
    """Share of a package's links that leave the reach of copper, if its domain does [1]."""
    switched = technology.at("topology", "switched", tier.topology)
    dimensions = technology.at("topology", "dimensions", tier.topology)
    torus = power(reach, -1.0 / dimensions.clamp_min(1.0))
    full = 1.0 - (reach - 1.0) / (domain - 1.0).clamp_min(1.0)
    direct = torch.where(dimensions > 0, torus, full.clamp_min(0.0))
    return torch.where(switched > 0, torch.ones_like(direct), direct)
