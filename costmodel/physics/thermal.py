r"""Temperature of dies and memory stacks, with leakage that grows with temperature.

Heat flows straight up: each die and each stack has its own way to the coolant, whose resistance
per area belongs to the way of cooling. On a die, the fixed point of

.. math:: T = T_{in} + R'' \left(P + P_{leak} e^{k (T - T_0)}\right) / A

is solved; in :math:`u = k (T - a)`, with :math:`a` the temperature without leakage, it reads
:math:`u = c\, e^u`. It has a solution up to :math:`c = 1/e`; beyond, leakage runs away. There the
temperature goes on along the tangent, so that it stays finite and still shows the way back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Pool
from costmodel.hardware.technology import Technology
from costmodel.physics.area import DieArea, hosting
from costmodel.physics.power import Power, current_density

RUNAWAY = 1.0 / math.e
"""Largest c for which u = c exp(u) has a solution: the tangent at u = 1."""
LAST_SOLVED = 0.99 * RUNAWAY
"""From here on the tangent is followed: the slope at 1/e itself is infinite."""
ITERATIONS = 12
"""Newton steps from below; they converge without overshoot. 12 are enough at `LAST_SOLVED`."""
STEEPEST = 30.0
"""Widths from the refresh step at which it is complete to twelve digits."""


@dataclass(frozen=True)
class Thermal:
    """Temperatures and power with leakage. P phases, D kinds of die."""

    junction: Tensor  # hottest spot of any die in each phase [*batch,P] [K]
    memory: Tensor  # hottest memory stack in each phase [*batch,P] [K]
    dies: Tensor  # mean temperature of each kind of die [*batch,P,D] [K]
    leakage: Tensor  # whole package [*batch,P] [W]
    power: Tensor  # whole package, leakage included [*batch,P] [W]
    current_density: Tensor  # largest of any die [*batch,P] [A/m2]
    junction_peak: Tensor  # hottest phase [*batch] [K]
    memory_peak: Tensor  # hottest phase [*batch] [K]
    power_peak: Tensor  # hottest phase [*batch] [W]
    current_density_peak: Tensor  # [*batch] [A/m2]
    junction_average: Tensor  # at the power averaged over the phases [*batch] [K]
    memory_average: Tensor  # [*batch] [K]
    power_average: Tensor  # [*batch] [W]
    peak_phase: Tensor  # number of the phase with the largest power, int64 [*batch]
    runaway: Tensor  # leakage has no fixed point in some phase, bool [*batch]
    runaway_margin: Tensor  # e c - 1 of the worst die, > 0 is runaway [*batch] [1]


def leakage_rise(drive: Tensor) -> Tensor:
    """Solve ``u = c exp(u)`` for the smaller root.

    Parameters
    ----------
    drive : Tensor, any shape
        c, non-negative [1].

    Returns
    -------
    Tensor
        u, increasing and differentiable; the tangent of the solution above `LAST_SOLVED` [1].

    Notes
    -----
    The steps run without gradient; one more step at the solution carries the gradient of the
    implicit function, :math:`du/dc = e^u / (1 - u)`.
    """
    inside = drive.clamp_max(LAST_SOLVED)
    with torch.no_grad():
        root = torch.zeros_like(inside)
        for _ in range(ITERATIONS):
            grown = inside * torch.exp(root)
            root = root - (root - grown) / (1.0 - grown)
    grown = torch.exp(root)
    slope = grown / (1.0 - inside.detach() * grown)
    solved = root - (root - inside * grown) / (1.0 - inside.detach() * grown)
    return solved + slope * (drive - inside)


def solve(
    technology: Technology,
    pool: Pool,
    power: Power,
    areas: tuple[DieArea, ...],
    shares: Tensor | None = None,
) -> Thermal:
    """Temperatures of a package in each phase and on average.

    Parameters
    ----------
    technology : Technology
    pool : Pool
        Leaves ``[*batch]``.
    power : Power
        Of the same package.
    areas : tuple of DieArea
        In the order of ``pool.package.dies``.
    shares : Tensor [*batch,P], optional
        Share of the time spent in each phase; equal shares without it [1].

    Returns
    -------
    Thermal
    """
    phases = power.values.shape[-2]
    if shares is None:
        shares = torch.full((phases,), 1.0 / phases, dtype=torch.float64)
    # One more phase: the time average, for what reacts slower than the phases alternate.
    dies, cores = _with_average(power.dies, shares), _with_average(power.cores, shares)
    stacks = _with_average(power.stacks, shares)
    total = _with_average(power.dynamic.unsqueeze(-1), shares).squeeze(-1)
    mean, leakage, drive = _die_temperatures(technology, pool, dies, power, areas)
    present = (power.counts > 0).double().unsqueeze(-2)
    spot = mean + _hot_spot(technology, pool, dies, cores, areas)
    inlet = technology.at("cooling", "inlet_temperature", pool.package.cooling).unsqueeze(-1)
    junction = torch.where(present > 0, spot, inlet.unsqueeze(-1)).amax(-1)
    hottest_die = torch.where(present > 0, mean, inlet.unsqueeze(-1)).amax(-1)
    memory = _memory_temperature(technology, pool, stacks, hottest_die, inlet)
    leaked = (leakage * power.counts.unsqueeze(-2)).sum(-1)
    package = total + leaked
    current = current_density(pool, dies + leakage, areas)
    margin = torch.where(present > 0, drive, torch.zeros_like(drive)).amax((-1, -2)) / RUNAWAY - 1.0
    return Thermal(
        junction=junction[..., :-1],
        memory=memory[..., :-1],
        dies=mean[..., :-1, :],
        leakage=leaked[..., :-1],
        power=package[..., :-1],
        current_density=current[..., :-1],
        junction_peak=junction[..., :-1].amax(-1),
        memory_peak=memory[..., :-1].amax(-1),
        power_peak=package[..., :-1].amax(-1),
        current_density_peak=current[..., :-1].amax(-1),
        junction_average=junction[..., -1],
        memory_average=memory[..., -1],
        # Energy is the sum over phases: each leaks at its own temperature.
        power_average=_average(package[..., :-1], shares),
        peak_phase=package[..., :-1].argmax(-1),
        runaway=margin > 0,
        runaway_margin=margin,
    )


def refresh_loss(technology: Technology, pool: Pool, temperature: Tensor) -> Tensor:
    """Share of memory bandwidth lost to more frequent refresh in hot stacks.

    Parameters
    ----------
    technology : Technology
    pool : Pool
    temperature : Tensor [*batch]
        Of the hottest stack [K].

    Returns
    -------
    Tensor [*batch]
        A smooth step at the refresh temperature of the nearest tier, from 0 to its loss [1].
    """
    loss = torch.zeros_like(temperature)
    width = technology.constant("refresh_width")
    taken = torch.zeros((), dtype=torch.float64)
    for tier in pool.package.memory:
        present = (tier.stacks > 0).double()
        limit = technology.at("memory", "refresh_temperature", tier.kind)
        over = ((limit - temperature) / width).clamp(-STEEPEST, STEEPEST)
        step = technology.at("memory", "refresh_loss", tier.kind) / (1.0 + torch.exp(over))
        loss = loss + present * (1.0 - taken) * step
        taken = torch.maximum(taken, present)
    return loss


def _average(values: Tensor, shares: Tensor) -> Tensor:
    """Mean over phases (last dimension) with weights that need not add up to one."""
    weights = shares / shares.sum(-1, keepdim=True).clamp_min(1e-300)
    return (values * weights).sum(-1)


def _with_average(values: Tensor, shares: Tensor) -> Tensor:
    """Append the time average as one more phase ``[*batch,P+1,X]``."""
    mean = _average(values.transpose(-1, -2).contiguous(), shares.unsqueeze(-2))
    return torch.cat([values, mean.unsqueeze(-2)], -2)


def _paths(
    technology: Technology, pool: Pool, areas: tuple[DieArea, ...], counts: Tensor
) -> tuple[Tensor, Tensor]:
    """Area through which the heat of one die of each kind leaves, and whether dies are stacked.

    Compute dies bonded onto io dies share one way up: the larger of both footprints.
    """
    own = torch.stack(torch.broadcast_tensors(*(area.total for area in areas)), -1)
    own = own.clamp_min(1e-12)
    bonded = technology.at("package", "stacked_dies", pool.package.kind)
    stacked = bonded * hosting(pool.package).split
    roles = torch.tensor([die.role == "io" for die in pool.package.dies], dtype=torch.float64)
    together = torch.maximum((own * counts * roles).sum(-1), (own * counts * (1.0 - roles)).sum(-1))
    return torch.where(stacked.unsqueeze(-1) > 0, together.unsqueeze(-1), own), stacked.unsqueeze(
        -1
    )


def _die_temperatures(
    technology: Technology,
    pool: Pool,
    dies: Tensor,
    power: Power,
    areas: tuple[DieArea, ...],
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean temperature, leakage of one die, and drive c of each kind of die [*batch,P,D]."""
    cooling = pool.package.cooling
    inlet = technology.at("cooling", "inlet_temperature", cooling).unsqueeze(-1).unsqueeze(-1)
    spread = technology.at("cooling", "resistance_area", cooling).unsqueeze(-1)
    path, stacked = _paths(technology, pool, areas, power.counts)
    resistance = (spread / path).unsqueeze(-2)
    slope = technology.constant("leakage_temperature_slope").unsqueeze(-1).unsqueeze(-1)
    reference = technology.constant("leakage_reference_temperature").unsqueeze(-1).unsqueeze(-1)
    counts = power.counts.unsqueeze(-2)
    # A die alone, or all bonded dies on their common way.
    flow = torch.where(stacked.unsqueeze(-2) > 0, (dies * counts).sum(-1, keepdim=True), dies)
    reference_leakage = power.leakage.unsqueeze(-2)
    common = (reference_leakage * counts).sum(-1, keepdim=True)
    leak = torch.where(stacked.unsqueeze(-2) > 0, common, reference_leakage)
    base = inlet + resistance * flow
    hottest = technology.constant("runaway_temperature").unsqueeze(-1).unsqueeze(-1)
    exponent = slope * (torch.minimum(base, hottest) - reference)
    drive = slope * resistance * leak * torch.exp(exponent)
    rise = leakage_rise(drive) / slope
    # What leaks is what the extra rise carries, so that heat and power agree beyond runaway too.
    leaked = torch.where(
        stacked.unsqueeze(-2) > 0,
        rise / resistance * reference_leakage / common.clamp_min(1e-300),
        rise / resistance,
    )
    return base + rise, leaked, drive


def _hot_spot(
    technology: Technology,
    pool: Pool,
    dies: Tensor,
    cores: Tensor,
    areas: tuple[DieArea, ...],
) -> Tensor:
    """Rise of the cores over the mean of their die [*batch,P,D] [K]."""
    local = technology.constant("hot_spot_resistance_area").unsqueeze(-1).unsqueeze(-1)
    busy, whole = [], []
    for die, area in zip(pool.package.dies, areas, strict=True):
        busy.append((area.core * die.cores_enabled.double()).clamp_min(1e-12))
        whole.append(area.total.clamp_min(1e-12))
    core_area = torch.stack(torch.broadcast_tensors(*busy), -1).unsqueeze(-2)
    die_area = torch.stack(torch.broadcast_tensors(*whole), -1).unsqueeze(-2)
    return local * (cores / core_area - dies / die_area).clamp_min(0.0)


def _memory_temperature(
    technology: Technology, pool: Pool, stacks: Tensor, die: Tensor, inlet: Tensor
) -> Tensor:
    """Hottest memory stack of any tier ``[*batch,P]``, the inlet without memory [K].

    A stack beside the die takes a share of the die's rise at its base; one on the board does not.
    """
    spread = technology.at("cooling", "resistance_area", pool.package.cooling)
    coupling = technology.constant("memory_lateral_coupling")
    hottest = inlet.expand(die.shape)
    for index, tier in enumerate(pool.package.memory):
        footprint = technology.at("memory", "width", tier.kind) * technology.at(
            "memory", "height", tier.kind
        )
        safe = torch.where(footprint > 0, footprint, torch.ones_like(footprint))
        own = technology.at("memory", "thermal_resistance", tier.kind)
        resistance = (own + spread / safe).unsqueeze(-1)
        beside = (coupling * technology.at("memory", "stacked", tier.kind)).unsqueeze(-1)
        rise = resistance * stacks[..., index] + beside * (die - inlet)
        present = (tier.stacks > 0).double().unsqueeze(-1)
        hottest = torch.maximum(hottest, inlet + present * rise)
    return hottest
