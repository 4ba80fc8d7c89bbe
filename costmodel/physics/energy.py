"""Dynamic energy of mapped operators, part by part, from the bytes and operations of `Mapped`.

Nothing here recomputes traffic: the bytes that took time are the bytes that take energy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import MemoryTier, NetworkTier, Pool
from costmodel.hardware.technology import Technology
from costmodel.physics.area import (
    DieArea,
    compute_index,
    die_to_die_column,
    extra_modes,
    hosting,
    sram_bank,
)
from costmodel.physics.clock import (
    logic_energy_scale,
    sram_energy_scale,
    wire_energy_scale,
)
from costmodel.timing.mapped import Mapped
from costmodel.timing.resources import compute_die, format_rate

PARTS = (
    "mac", "idle_array", "control", "vector", "l1", "l2", "wire",
    "die_to_die", "memory_controller", "memory_phy", "memory_stack", "link",
)  # fmt: skip
HEATS = (
    "compute", "compute", "compute", "compute", "compute", "compute", "compute",
    "interface", "interface", "interface", "stack", "interface",
)  # fmt: skip
"""What a part heats: the compute dies, the dies that carry the interfaces, or the stacks."""
BITS = 8.0
"""Bits of a byte."""
SMALLEST_AREA = 1e-12
"""Keeps the slope of a square root finite for an absent die [m2]."""


@dataclass(frozen=True)
class Energy:
    """Dynamic energy of one execution of each operator, whole package."""

    parts: tuple[str, ...]
    heats: tuple[str, ...]  # "compute", "interface" or "stack" for each part
    values: Tensor  # [*batch,P,O,E] [J]

    @property
    def total(self) -> Tensor:
        """Energy of one execution ``[*batch,P,O]`` [J]."""
        return self.values.sum(-1)


def over_operators(value: Tensor) -> Tensor:
    """Give a design's value ``[*batch]`` the dimensions of points and operators."""
    return value.unsqueeze(-1).unsqueeze(-1)


def nearest_memory(package_memory: tuple[MemoryTier, ...]) -> tuple[Tensor, ...]:
    """1 for the nearest memory tier that is present, else 0, one ``[*batch]`` for each tier."""
    return _nearest([tier.stacks for tier in package_memory])


def nearest_network(package_network: tuple[NetworkTier, ...]) -> tuple[Tensor, ...]:
    """1 for the nearest network tier that is present, else 0, one ``[*batch]`` for each tier."""
    return _nearest([tier.links for tier in package_network])


def _nearest(counts: list[Tensor]) -> tuple[Tensor, ...]:
    taken = torch.zeros((), dtype=torch.float64)
    chosen = []
    for count in counts:
        present = (count > 0).double()
        chosen.append(present * (1.0 - taken))
        taken = torch.maximum(taken, present)
    return tuple(chosen)


def sram_energy_per_bit(technology: Technology, bank: Tensor) -> Tensor:
    r"""Energy of a bit read or written in a bank, on N7 at 0.75 V ``[*batch]`` [J/bit].

    Notes
    -----
    :math:`e = a + b \sqrt{C_{bank}}`; the way from the bank to its user is wire, counted apart.
    """
    slope = technology.constant("sram_energy_slope")
    # The fit is stated per square root of a kibibyte.
    return technology.constant("sram_energy_base") + slope * torch.sqrt(
        bank.clamp_min(1.0) / 1024.0
    )


def _array_energy(technology: Technology, pool: Pool, mapped: Mapped) -> tuple[Tensor, Tensor]:
    """Energy of busy and of idle processing elements [*batch,P,O] [J]."""
    die = compute_die(pool)
    row = pool.deployment.format
    scale = logic_energy_scale(technology, die)
    modes = 1.0 + extra_modes(technology, die, "mode_energy")
    multiply = technology.at("format", "mac_energy", row) * modes * scale
    idle = multiply * technology.constant("idle_lane_energy")
    slots = (
        die.count.double()
        * die.cores_enabled.double()
        * die.arrays_per_core.double()
        * die.array_rows.double()
        * die.array_columns.double()
        * format_rate(technology, die, row)
    )
    unused = (mapped.array_cycles * over_operators(slots) - mapped.macs).clamp_min(0.0)
    return mapped.macs * over_operators(multiply), unused * over_operators(idle)


def _buffer_energy(
    technology: Technology, pool: Pool, mapped: Mapped, area: DieArea
) -> tuple[Tensor, Tensor, Tensor]:
    """Energy of scratchpads, shared SRAM and the wires to both [*batch,P,O] [J]."""
    die = compute_die(pool)
    scale = sram_energy_scale(technology, die)
    per_metre = technology.constant("wire_energy") * wire_energy_scale(technology, die)
    # Mean way across a block: half its side each way.
    way = technology.constant("wire_distance_factor")
    core_way = way * torch.sqrt(area.core.clamp_min(SMALLEST_AREA))
    die_way = way * torch.sqrt(area.total.clamp_min(SMALLEST_AREA))
    l1 = sram_energy_per_bit(
        technology, sram_bank(die.l1_bytes, technology.constant("sram_bank_l1"))
    )
    l2 = sram_energy_per_bit(
        technology, sram_bank(die.l2_bytes, technology.constant("sram_bank_l2"))
    )
    present = (die.l2_bytes > 0).double()
    bits = [mapped.bytes[..., level, :].sum(-1) * BITS for level in range(2)]
    # The shared SRAM is sliced: what memory fills or drains stays beside its controller, and only
    # what goes to or comes from the cores crosses the die.
    memory = mapped.bytes[..., mapped.levels.index("memory"), :].sum(-1) * BITS
    crossing = (bits[1] - memory).clamp_min(0.0)
    return (
        bits[0] * over_operators(l1 * scale),
        bits[1] * over_operators(l2 * scale * present),
        bits[0] * over_operators(core_way * per_metre)
        + crossing * over_operators(die_way * per_metre),
    )


def _memory_energy(
    technology: Technology, pool: Pool, mapped: Mapped
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Energy of die-to-die links, memory path, PHY and stacks [*batch,P,O] [J]."""
    package = pool.package
    die = compute_die(pool)
    zero = torch.zeros((), dtype=torch.float64)
    phy, stack, controller = zero, zero, zero
    scale = logic_energy_scale(technology, die)
    path = technology.at("machine", "memory_path_energy", die.machine)
    for tier, gate in zip(package.memory, nearest_memory(package.memory), strict=True):
        phy = phy + gate * technology.at("memory", "energy_phy", tier.kind)
        stack = stack + gate * technology.at("memory", "energy_stack", tier.kind)
        own = technology.at("memory", "energy_controller", tier.kind)
        controller = controller + gate * scale * (own + path)
    hosts = hosting(package)
    count = torch.where(hosts.io > 0, hosts.io, hosts.compute).clamp_min(1.0)
    # The share that is stored behind another die, and with io dies the way up to the cores.
    crossings = (count - 1.0) / count + hosts.split
    between = crossings * die_to_die_column(technology, package, "energy")
    bits = mapped.bytes[..., mapped.levels.index("memory"), :].sum(-1) * BITS
    return (
        bits * over_operators(between),
        bits * over_operators(controller),
        bits * over_operators(phy),
        bits * over_operators(stack),
    )


def _link_energy(technology: Technology, pool: Pool, mapped: Mapped) -> Tensor:
    """Energy of links that depends on traffic [*batch,P,O] [J]; the rest is idle power."""
    network = pool.package.network
    per_bit = torch.zeros((), dtype=torch.float64)
    for tier, gate in zip(network, nearest_network(network), strict=True):
        active = 1.0 - technology.at("link", "idle_fraction", tier.kind)
        per_bit = per_bit + gate * active * technology.at("link", "energy", tier.kind)
    return mapped.network_bytes * BITS * over_operators(per_bit)


def operator_energy(
    technology: Technology, pool: Pool, mapped: Mapped, areas: tuple[DieArea, ...]
) -> Energy:
    """Dynamic energy of one execution of every operator.

    Parameters
    ----------
    technology : Technology
    pool : Pool
        Leaves ``[*batch]``.
    mapped : Mapped
        Operations and bytes ``[*batch,P,O,...]``.
    areas : tuple of DieArea
        In the order of ``pool.package.dies``; lengths of wires follow from them.

    Returns
    -------
    Energy
        Values ``[*batch,P,O,E]`` [J]. Linear in every count of `mapped`.

    Notes
    -----
    ``control`` is what instructions, operand collection, tags and crossbars of a machine class add
    to the energy of multiplying and moving data on the die: ``energy_control_factor - 1`` times
    it, for multipliers, SRAM and wires alike. ``memory_controller`` holds the controller and the
    path of the class between it and the shared SRAM.
    """
    die = compute_die(pool)
    area = areas[compute_index(pool.package)]
    mac, idle = _array_energy(technology, pool, mapped)
    l1, l2, wire = _buffer_energy(technology, pool, mapped, area)
    between, controller, phy, stack = _memory_energy(technology, pool, mapped)
    link = _link_energy(technology, pool, mapped)
    factor = technology.at("machine", "energy_control_factor", die.machine)
    control = (mac + l1 + l2 + wire) * over_operators(factor - 1.0)
    per_operation = technology.at("machine", "vector_energy", die.machine)
    vector = mapped.vector_operations * over_operators(
        per_operation * logic_energy_scale(technology, die)
    )
    parts = (
        mac, idle, control, vector, l1, l2, wire, between, controller, phy, stack, link,
    )  # fmt: skip
    return Energy(
        parts=PARTS,
        heats=HEATS,
        values=torch.stack(torch.broadcast_tensors(*parts), -1),
    )
