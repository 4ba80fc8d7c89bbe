"""Collectives between packages: bytes on the wire, latency, message efficiency.

Time of a message of V bytes that crosses a bandwidth B:

    t = alpha + (V + sqrt(V s_half)) / B

The square root is the measured loss of small and medium messages: on eight H100s a linear
``V / (V + s_half)`` misses the range from 0.5 to 500 MB by a factor of two, this form holds it
within about 15 % (`experiments/validation/fit_software.py` prints the fit).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import NetworkTier, Pool
from costmodel.hardware.technology import Technology
from costmodel.numerics import relax as relaxed


@dataclass(frozen=True)
class Fabric:
    """What a group of `group` packages sees of the network, leaves ``[*batch]``."""

    group: Tensor  # packages in the group [count]
    bandwidth: Tensor  # achieved by a package in ring-like schedules, one direction [byte/s]
    reduce_bandwidth: Tensor  # achieved when the switch adds, 0 = it does not [byte/s]
    hop_bandwidth: Tensor  # to one neighbour [byte/s]
    steps: Tensor  # serial hops of a reduce-scatter [count]
    latency: Tensor  # of a hop, with software [s]
    half_size: Tensor  # s_half [byte]


def torus_sides(packages: Tensor, dimensions: Tensor, count: int) -> list[Tensor]:
    """Sides of the most cubic torus of a power-of-two number of packages.

    Parameters
    ----------
    packages : Tensor [*batch]
        Power of two [count].
    dimensions : Tensor [*batch]
        Dimensions in use, at most `count`.
    count : int
        Number of sides to return; unused ones are 1.
    """
    exponent = torch.round(torch.log2(packages.clamp_min(1.0)))
    sides = []
    for axis in range(count):
        share = torch.floor((exponent + dimensions - 1.0 - axis) / dimensions.clamp_min(1.0))
        share = torch.where(axis < dimensions, share.clamp_min(0.0), torch.zeros_like(share))
        sides.append(torch.exp2(share))
    return sides


def fabric(technology: Technology, pool: Pool, group: Tensor) -> Fabric:
    """Bandwidth and latency that a group of packages gets from the first network tier.

    A torus gives a group only the dimensions that it spans; both directions of a dimension count
    only when its ring closes and is longer than two (otherwise there is one link, or a line whose
    inner links carry both halves of the ring).
    """
    tier = _first(pool)
    software = pool.software
    total = tier.links.double() * tier.link_bandwidth
    dimensions = technology.at("topology", "dimensions", tier.topology)
    is_torus = (dimensions > 0).double()
    size = group.double()
    sides = torus_sides(size, dimensions.clamp_min(1.0), 3)
    whole = torus_sides(tier.domain.double(), dimensions.clamp_min(1.0), 3)
    per_direction = total / (2.0 * dimensions.clamp_min(1.0))
    lanes = torch.zeros_like(size)
    steps = torch.zeros_like(size)
    for side, full in zip(sides, whole, strict=True):
        spans = (side > 1).double()
        closes = spans * (side > 2).double() * (side >= full).double()
        lanes = lanes + spans * (1.0 + closes)
        steps = steps + (side - 1.0)
    torus = per_direction * lanes.clamp_min(1.0)
    efficiency = technology.at("software", "network_efficiency", software)
    adds = technology.at("topology", "in_network_reduction", tier.topology)
    reduces = technology.at("software", "reduction_efficiency", software)
    latency = technology.at("link", "latency", tier.kind)
    latency = latency + technology.at("topology", "hop_latency", tier.topology)
    return Fabric(
        group=size,
        bandwidth=(is_torus * torus + (1.0 - is_torus) * total) * efficiency,
        reduce_bandwidth=adds * total * reduces,
        hop_bandwidth=(is_torus * per_direction + (1.0 - is_torus) * total) * efficiency,
        steps=is_torus * steps + (1.0 - is_torus) * torch.ones_like(steps),
        latency=latency,
        half_size=technology.at("software", "collective_half_size", software),
    )


def collective_time(
    kind: str, wire: Tensor, net: Fabric, start: Tensor, relax: float = 0.0
) -> tuple[Tensor, Tensor]:
    r"""Time of a collective and the bytes each package sends.

    Parameters
    ----------
    kind : str
        ``all_reduce`` (`wire` = size of the vector), ``all_gather`` (`wire` = size of a
        package's piece) or ``point_to_point``.
    wire : Tensor [*batch,P,N]
        Bytes; zero means that nothing is sent and costs no time [byte].
    net : Fabric
        Leaves ``[*batch]``.
    start : Tensor [*batch]
        Software time to start a collective [s].
    relax : float
        Above 0 the better of two all-reduce schedules is a smooth minimum.

    Returns
    -------
    time, sent : Tensor [*batch,P,N]
        [s], [byte].

    Notes
    -----
    Ring, torus and switch: :math:`2 (n-1)/n \, V/B`; a switch that adds on the way:
    :math:`V/B'`, which no schedule without it can reach. Never below either bound.
    """

    def unit(value: Tensor) -> Tensor:
        return value.unsqueeze(-1).unsqueeze(-1)

    size = unit(net.group)
    active = (wire > 0).double()
    shares = (size - 1.0) / size
    half = unit(net.half_size)
    safe = wire.clamp_min(1.0)
    root = torch.sqrt(safe * half)
    alpha = unit(start)
    hop = unit(net.latency)
    if kind == "all_gather":
        sent = wire * (size - 1.0)
        time = alpha + hop * unit(net.steps) + (sent + shares * root) / unit(net.bandwidth)
        return active * time, active * sent
    if kind == "point_to_point":
        time = alpha + hop + (wire + root) / unit(net.hop_bandwidth)
        return active * time, active * wire
    rounds = 2.0 * shares
    ring = alpha + 2.0 * hop * unit(net.steps) + rounds * (wire + root) / unit(net.bandwidth)
    adds = (unit(net.reduce_bandwidth) > 0).double()
    switch = alpha + hop + (wire + root) / unit(net.reduce_bandwidth).clamp_min(1.0)
    switch = adds * switch + (1.0 - adds) * ring
    if relax > 0:
        both = torch.stack(torch.broadcast_tensors(1.0 / ring, 1.0 / switch), -1)
        time = 1.0 / relaxed.overlap(both, torch.full_like(both[..., 0], 32.0))
    else:
        time = torch.minimum(ring, switch)
    in_switch = (switch < ring).double().detach()
    sent = wire * (in_switch + (1.0 - in_switch) * rounds)
    return active * time, active * sent


def _first(pool: Pool) -> NetworkTier:
    """The nearest network tier, or none of it."""
    if pool.package.network:
        return pool.package.network[0]
    zero = torch.zeros((), dtype=torch.int64)
    nothing = torch.zeros((), dtype=torch.float64)
    return NetworkTier(zero, zero, zero, nothing, torch.ones((), dtype=torch.int64))
