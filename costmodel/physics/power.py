"""Power of a package in each phase, before leakage answers to temperature.

A phase is a point of the workload (prefill, decode): its power is the energy of all operators of a
step over the time of the step, plus what is drawn whether or not work is done: clock tree, idle
memory, and the static share of the links.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Die, Pool
from costmodel.hardware.technology import Technology
from costmodel.physics.area import DieArea, compute_index, hosting
from costmodel.physics.clock import logic_energy_scale
from costmodel.physics.energy import BITS, Energy, nearest_memory
from costmodel.timing.mapped import Mapped

STATIC_PARTS = ("clock", "memory_idle", "link_idle", "management")
CORE_PARTS = ("mac", "idle_array", "control", "vector", "l1")
"""Parts that heat the cores rather than the whole die."""
SHORTEST_STEP = 1e-12
"""Keeps the power of an empty phase finite [s]."""


@dataclass(frozen=True)
class Power:
    """Power of a package in each phase, without leakage.

    P phases, Q parts, D kinds of die and T memory tiers in the order of the package.
    """

    parts: tuple[str, ...]
    values: Tensor  # whole package, by part [*batch,P,Q] [W]
    dies: Tensor  # one die of each kind [*batch,P,D] [W]
    cores: Tensor  # the part of `dies` that the cores draw [*batch,P,D] [W]
    stacks: Tensor  # one device of each memory tier [*batch,P,T] [W]
    leakage: Tensor  # one die of each kind at the reference temperature [*batch,D] [W]
    counts: Tensor  # dies of each kind [*batch,D] [count]

    @property
    def dynamic(self) -> Tensor:
        """Power of the package without leakage ``[*batch,P]`` [W]."""
        return self.values.sum(-1)


def clocked_area(technology: Technology, die: Die, area: DieArea) -> Tensor:
    """Area whose clock tree toggles ``[*batch]`` [m2].

    Logic in full, memories by their periphery. The clock of the arrays is part of the energy of
    their operations and interfaces bring their own.
    """
    used = _enabled(die)
    logic = (area.vector + area.control) * used + area.interconnect
    logic = logic + area.memory_controller + area.other
    return logic + technology.constant("clock_tree_sram_factor") * (area.l1 * used + area.l2)


def clock_power(technology: Technology, die: Die, area: DieArea, clock: Tensor) -> Tensor:
    """Power of the clock tree of one die when nothing is gated ``[*batch]`` [W]."""
    energy = technology.constant("clock_tree_energy") * logic_energy_scale(technology, die)
    return energy * clocked_area(technology, die, area) * clock


def core_activity(technology: Technology, mapped: Mapped, step_time: Tensor) -> Tensor:
    """Share of the clock tree that toggles in each phase ``[*batch,P]`` [1].

    Cores gate their clock while they wait; the rest of the tree runs on.
    """
    array = mapped.time[..., mapped.components.index("array")]
    vector = mapped.time[..., mapped.components.index("vector")]
    busy = (mapped.count * torch.maximum(array, vector)).sum(-1)
    share = (busy / step_time.clamp_min(SHORTEST_STEP)).clamp_max(1.0)
    idle = technology.constant("clock_gating_idle").unsqueeze(-1)
    return idle + (1.0 - idle) * share


def leakage_power(technology: Technology, die: Die, area: DieArea) -> Tensor:
    r"""Leakage of one die at the reference temperature ``[*batch]`` [W].

    Notes
    -----
    :math:`J_{logic} A e^{k_V (V - V_{nom})}` on logic and interfaces, the leakage of a bit times
    the bits on the SRAM rail. Spare cores are switched off.
    """
    used = _enabled(die)
    logic = (area.mac + area.vector + area.control) * used + area.interconnect
    logic = logic + area.memory_phy + area.memory_controller + area.link_phy
    logic = logic + area.die_to_die + area.other
    nominal = technology.at("node", "voltage_nominal", die.node)
    slope = technology.constant("leakage_voltage_slope")
    bits = (die.cores_enabled.double() * die.l1_bytes + die.l2_bytes) * BITS
    return technology.at("node", "leakage_logic", die.node) * logic * torch.exp(
        slope * (die.voltage_logic - nominal)
    ) + technology.at("node", "leakage_sram", die.node) * bits * torch.exp(
        slope * (die.voltage_sram - nominal)
    )


def link_idle_power(technology: Technology, pool: Pool) -> Tensor:
    """Power of all links without traffic, both directions' lanes ``[*batch]`` [W]."""
    total = torch.zeros((), dtype=torch.float64)
    for tier in pool.package.network:
        idle = technology.at("link", "idle_fraction", tier.kind)
        energy = technology.at("link", "energy", tier.kind)
        bandwidth = tier.links.double() * tier.link_bandwidth
        total = total + idle * energy * BITS * bandwidth
    return total


def _enabled(die: Die) -> Tensor:
    """Enabled share of the built cores [1]."""
    return die.cores_enabled.double() / die.cores_built.double().clamp_min(1.0)


def _stack(values: list[Tensor]) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*values), -1)


def package_power(
    technology: Technology,
    pool: Pool,
    mapped: Mapped,
    energy: Energy,
    areas: tuple[DieArea, ...],
    clocks: tuple[Tensor, ...],
    step_time: Tensor,
) -> Power:
    """Power of one package in each phase.

    Parameters
    ----------
    technology : Technology
    pool : Pool
        Leaves ``[*batch]``.
    mapped : Mapped
        Gives ``count [*batch,P,O]``, executions in a step.
    energy : Energy
        Energy of one execution ``[*batch,P,O,E]``.
    areas : tuple of DieArea
    clocks : tuple of Tensor [*batch]
        Both in the order of ``pool.package.dies``.
    step_time : Tensor [*batch,P]
        Time in which a package does the work of one step [s].

    Returns
    -------
    Power
        By part, by kind of die and by memory tier; leakage at the reference temperature.
    """
    package = pool.package
    # Sums run over a contiguous last dimension, so that they are the same for every batch.
    executed = (energy.values * mapped.count.unsqueeze(-1)).transpose(-1, -2).contiguous()
    dynamic = executed.sum(-1) / step_time.clamp_min(SHORTEST_STEP).unsqueeze(-1)
    activity = core_activity(technology, mapped, step_time)
    trees = [
        clock_power(technology, die, area, clock).unsqueeze(-1) * activity
        for die, area, clock in zip(package.dies, areas, clocks, strict=True)
    ]
    counts = _stack([die.count.double() for die in package.dies])
    clock = (_stack(trees) * counts.unsqueeze(-2)).sum(-1)
    idle_each = [technology.at("memory", "idle_power", tier.kind) for tier in package.memory]
    stacks = [tier.stacks.double() for tier in package.memory]
    memory_idle = torch.zeros((), dtype=torch.float64)
    for each, number in zip(idle_each, stacks, strict=True):
        memory_idle = memory_idle + each * number
    link_idle = link_idle_power(technology, pool)
    management = technology.constant("device_idle_power")
    static = _stack(
        [clock, *(value.unsqueeze(-1) for value in (memory_idle, link_idle, management))]
    )
    lead = torch.broadcast_shapes(dynamic.shape[:-1], static.shape[:-1])
    values = torch.cat([part.expand(*lead, part.shape[-1]) for part in (dynamic, static)], -1)

    def heat(place: str, names: tuple[str, ...] | None = None) -> Tensor:
        chosen = [
            dynamic[..., index]
            for index, name in enumerate(energy.parts)
            if energy.heats[index] == place and (names is None or name in names)
        ]
        return _stack(chosen).sum(-1)

    compute, interface, stack = heat("compute"), heat("interface"), heat("stack")
    interface = interface + (link_idle + management).unsqueeze(-1)
    cores = heat("compute", CORE_PARTS)
    hosts = hosting(package)
    main = compute_index(package)
    on_dies, on_cores = [], []
    for index, die in enumerate(package.dies):
        share = hosts.share(die.role).unsqueeze(-1)
        power = interface * share + trees[index]
        each = 1.0 / die.count.double().clamp_min(1.0).unsqueeze(-1)
        own = torch.zeros_like(compute)
        if index == main:
            power = power + compute * each
            own = cores * each
        on_dies.append(power)
        on_cores.append(own)
    on_stacks = []
    for gate, each, number in zip(nearest_memory(package.memory), idle_each, stacks, strict=True):
        moved = stack * (gate / number.clamp_min(1.0)).unsqueeze(-1)
        on_stacks.append(moved + each.unsqueeze(-1))
    leakage = [
        leakage_power(technology, die, area) for die, area in zip(package.dies, areas, strict=True)
    ]
    return Power(
        parts=energy.parts + STATIC_PARTS,
        values=values,
        dies=_stack(on_dies),
        cores=_stack(on_cores),
        stacks=_stack(on_stacks) if on_stacks else dynamic[..., :0],
        leakage=_stack(leakage),
        counts=counts,
    )


def current_density(pool: Pool, die_power: Tensor, areas: tuple[DieArea, ...]) -> Tensor:
    """Largest supply current per area of any die ``[*batch,P]`` [A/m2].

    Parameters
    ----------
    pool : Pool
    die_power : Tensor [*batch,P,D]
        Power of one die of each kind, leakage included [W].
    areas : tuple of DieArea
    """
    dies = pool.package.dies
    supply = _stack(
        [
            area.total.clamp_min(1e-12) * die.voltage_logic
            for die, area in zip(dies, areas, strict=True)
        ]
    )
    present = _stack([(die.count > 0).double() for die in dies])
    return (die_power * (present / supply).unsqueeze(-2)).amax(-1)
