"""One package in plain numbers, SI: all that the exporters know of a design.

The energies are not written a second time: the cost model's own `operator_energy` prices single
operations and single bits, which is exact because it is linear in every count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Designs, Pool
from costmodel.hardware.technology import Technology
from costmodel.physics.area import DieArea, compute_index, package_areas
from costmodel.physics.clock import package_clocks
from costmodel.physics.energy import nearest_network, operator_energy
from costmodel.timing.mapped import COMPONENTS, OPERANDS, Mapped
from costmodel.timing.resources import (
    compute_die,
    format_rate,
    memory_bandwidth,
    memory_capacity,
    package_resources,
)

BYTE = 8.0
"""Bits of a byte."""


@dataclass(frozen=True)
class Network:
    """The nearest tier of links."""

    kind: str
    topology: str
    links: int  # of a package
    bandwidth: float  # of one link, one direction [byte/s]
    domain: int  # packages that reach each other
    latency: float  # of one step of a collective [s]


@dataclass(frozen=True)
class Energies:
    """What single events cost, control and wires included [J].

    Two bits of the shared SRAM differ: a bit that cores read crosses the die, a bit that memory
    fills does not. A bit of memory pays the stack, the PHY, the controller and the die-to-die way.
    """

    mac: float
    idle_slot: float
    vector: float
    l1_bit: float
    l2_bit_core: float
    l2_bit_fill: float
    memory_bit: float


@dataclass(frozen=True)
class Datasheet:
    """One pool's package, as the peers need it."""

    role: str
    node: str
    machine: str
    format: str
    voltage: float  # logic [V]
    voltage_sram: float  # [V]
    clock: float  # at these voltages [Hz]
    weight_stationary: bool
    compute_dies: int
    io_dies: int
    cores: int  # enabled, all compute dies
    arrays: int  # of a core
    rows: int  # processing elements along the reduction side
    columns: int  # along the output side
    rate: float  # multiply-accumulates of an element and cycle at the format
    lanes: int  # vector lanes of a core
    l1: float  # of a core [byte]
    l2: float  # of the package [byte]
    port: float  # shared SRAM to a core [byte/cycle]
    element: float  # weights, activations [byte]
    accumulator: float  # partial sums [byte]
    memory: str  # nearest tier; empty without one
    memory_stacks: int
    memory_peak: float  # [byte/s]
    memory_efficiency: float  # sustained over peak, device and software
    memory_capacity: float  # [byte]
    memory_tiers: tuple[str, ...]  # all that are present
    array_efficiency: float  # software: achieved over mapped
    network: Network | None
    tensor_parallel: int
    energies: Energies
    area_mac: float  # one processing element with its registers [m2]
    area_l1: float  # one core's scratchpad [m2]
    area_l2: float  # shared SRAM of the package [m2]
    hidden_fill: float  # share of fill and drain hidden [1]

    @property
    def effective_rows(self) -> int:
        """Rows of an array with one multiply-accumulate an element and cycle, of equal rate."""
        return max(1, round(self.rows * self.rate))

    @property
    def macs_per_cycle(self) -> float:
        """Multiply-accumulates of the package a cycle [MAC/cycle]."""
        return self.cores * self.arrays * self.rows * self.columns * self.rate

    @property
    def peak(self) -> float:
        """Operations a second at the format, two for a multiply-accumulate [op/s]."""
        return 2.0 * self.macs_per_cycle * self.clock

    @property
    def memory_bandwidth(self) -> float:
        """Sustained bandwidth of the nearest memory [byte/s]."""
        return self.memory_peak * self.memory_efficiency


def datasheets(designs: Designs, technology: Technology) -> tuple[Datasheet, ...]:
    """The sheet of every pool of one design of batch ``()``."""
    with torch.no_grad():
        return tuple(_datasheet(pool, technology) for pool in designs.pools)


def _datasheet(pool: Pool, technology: Technology) -> Datasheet:
    package, die = pool.package, compute_die(pool)
    index = compute_index(package)
    clock = package_clocks(technology, package)[index]
    areas = package_areas(technology, package)
    resources = package_resources(technology, pool, clock, torch.zeros_like(clock))
    peak = float(memory_bandwidth(technology, pool, torch.zeros_like(clock)))
    present = [tier for tier in package.memory if float(tier.stacks) > 0]
    tiers = tuple(_name(technology, "memory", tier.kind) for tier in present)
    area, cores = areas[index], int(die.cores_built)
    elements = cores * float(die.arrays_per_core * die.array_rows * die.array_columns)
    return Datasheet(
        role=pool.role,
        node=_name(technology, "node", die.node),
        machine=_name(technology, "machine", die.machine),
        format=_name(technology, "format", pool.deployment.format),
        voltage=float(die.voltage_logic),
        voltage_sram=float(die.voltage_sram),
        clock=float(clock),
        weight_stationary=bool(resources.weight_stationary > 0.5),
        compute_dies=int(die.count),
        io_dies=sum(int(other.count) for other in package.dies if other.role != "compute"),
        cores=int(resources.cores),
        arrays=int(die.arrays_per_core),
        rows=int(die.array_rows),
        columns=int(die.array_columns),
        rate=float(resources.rate),
        lanes=int(die.vector_lanes),
        l1=float(die.l1_bytes),
        l2=float(resources.l2),
        port=float(resources.port_width),
        element=float(resources.element_bytes),
        accumulator=float(resources.accumulator_bytes),
        memory=tiers[0] if tiers else "",
        memory_stacks=int(present[0].stacks) if present else 0,
        memory_peak=peak,
        memory_efficiency=float(resources.memory_bandwidth) / peak if peak else 0.0,
        memory_capacity=float(memory_capacity(technology, pool)),
        memory_tiers=tiers,
        array_efficiency=float(resources.array_efficiency),
        network=_network(pool, technology),
        tensor_parallel=int(pool.deployment.tensor_parallel),
        energies=_energies(pool, technology, areas, float(resources.cores)),
        area_mac=float(area.mac) / elements,
        area_l1=float(area.l1) / cores,
        area_l2=float(area.l2) * float(die.count),
        hidden_fill=float(resources.hidden_fill),
    )


def _name(technology: Technology, table: str, row: Tensor) -> str:
    return technology.names(table)[int(row)]


def _network(pool: Pool, technology: Technology) -> Network | None:
    network = pool.package.network
    for tier, gate in zip(network, nearest_network(network), strict=True):
        if bool(gate > 0):
            start = technology.at("software", "collective_latency", pool.software)
            return Network(
                kind=_name(technology, "link", tier.kind),
                topology=_name(technology, "topology", tier.topology),
                links=int(tier.links),
                bandwidth=float(tier.link_bandwidth),
                domain=int(tier.domain),
                latency=float(technology.at("link", "latency", tier.kind) + start),
            )
    return None


_EVENTS = ("mac", "idle_slot", "vector", "l1_bit", "l2_bit_core", "l2_bit_fill", "memory_bit")
_MEMORY_PARTS = ("die_to_die", "memory_controller", "memory_phy", "memory_stack")


def _energies(
    pool: Pool, technology: Technology, areas: Sequence[DieArea], cores: float
) -> Energies:
    """Prices of one event each, from one call with an operator an event."""
    die, count = compute_die(pool), len(_EVENTS)
    rate = format_rate(technology, die, pool.deployment.format)
    slots = cores * float(die.arrays_per_core * die.array_rows * die.array_columns * rate)

    def one(*events: str) -> Tensor:
        return torch.tensor([[float(event in events) for event in _EVENTS]]).double()

    levels = torch.stack(
        [one("l1_bit"), one("l2_bit_core", "l2_bit_fill"), one("l2_bit_fill", "memory_bit")], -1
    )
    nothing = torch.zeros(*levels.shape, len(OPERANDS) - 1).double()
    zero = torch.zeros(1, count).double()
    events = Mapped(
        operators=_EVENTS,
        kinds=("gemm",) * count,
        points=("event",),
        phases=("prefill",),
        count=zero + 1.0,
        latency=zero,
        time=torch.zeros(1, count, len(COMPONENTS)).double(),
        bytes=torch.cat([levels.unsqueeze(-1) / BYTE, nothing], -1),
        macs=one("mac"),
        array_cycles=one("mac", "idle_slot") / slots if slots else zero,
        vector_operations=one("vector"),
        network_bytes=zero,
        tile={},
        tile_fits=torch.zeros(()).double(),
        mappings=0,
    )
    energy = operator_energy(technology, pool, events, tuple(areas))
    beyond = torch.tensor([part in _MEMORY_PARTS for part in energy.parts])
    on_die = (energy.values * ~beyond).sum(-1)[0]
    memory = (energy.values * beyond).sum(-1)[0]
    price = dict(zip(_EVENTS, on_die.tolist(), strict=True))
    return Energies(**{**price, "memory_bit": float(memory[_EVENTS.index("memory_bit")])})
