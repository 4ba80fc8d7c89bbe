"""Area of a die from its parts, and the length of die edge its interfaces need.

Cores hold arrays, vector lanes, control and a scratchpad; around them lie shared SRAM, the
interconnect that feeds the cores, and interfaces. Interfaces (memory, links) sit on the io dies of
a package that has any, else on its compute dies, in equal shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Die, Package
from costmodel.hardware.technology import Technology
from costmodel.numerics.relax import power
from costmodel.physics.clock import at_reference

PARTS = (
    "mac", "vector", "control", "l1", "l2", "interconnect",
    "memory_phy", "memory_controller", "link_phy", "die_to_die", "other",
)  # fmt: skip
FORMATS = {"bf16": "rate_bf16", "int8": "rate_int8", "fp8": "rate_fp8", "fp4": "rate_fp4"}
"""Rows of table ``format`` and the field of a die that says how fast it runs them."""
SMALLEST_BANK = 64.0
"""Keeps the area of an absent memory at zero with a finite slope [byte]."""


@dataclass(frozen=True)
class DieArea:
    """Parts of one die ``[*batch]``; the first eleven add up to `total` [m2]."""

    mac: Tensor
    vector: Tensor
    control: Tensor
    l1: Tensor
    l2: Tensor
    interconnect: Tensor
    memory_phy: Tensor
    memory_controller: Tensor
    link_phy: Tensor
    die_to_die: Tensor
    other: Tensor
    total: Tensor
    core: Tensor  # one built core: arrays, lanes, control, scratchpad [m2]
    uncore: Tensor  # all that no spare core can replace [m2]
    edge_memory: Tensor  # edge that memory PHYs take, one row deep [m]
    edge_links: Tensor  # edge that link PHYs take [m]
    edge_die_to_die: Tensor  # [m]
    die_to_die_bandwidth: Tensor  # to the other dies, per direction [byte/s]

    @property
    def parts(self) -> Tensor:
        """The parts in the order of `PARTS` ``[*batch,A]`` [m2]."""
        return torch.stack(torch.broadcast_tensors(*(getattr(self, name) for name in PARTS)), -1)


@dataclass(frozen=True)
class Hosting:
    """How many dies there are, and which of them carry the interfaces."""

    compute: Tensor  # [count]
    io: Tensor  # [count]

    @property
    def split(self) -> Tensor:
        """1 where io dies carry the interfaces, else 0."""
        return (self.io > 0).double()

    def share(self, role: str) -> Tensor:
        """Share of the package's interfaces on one die of a role ``[*batch]`` [1]."""
        if role == "io":
            return self.split / self.io.clamp_min(1.0)
        return (1.0 - self.split) / self.compute.clamp_min(1.0)


def hosting(package: Package) -> Hosting:
    """Count the dies of a package by role; a kind with count 0 is absent."""
    zero = torch.zeros((), dtype=torch.float64)
    compute, io = zero, zero
    for die in package.dies:
        if die.role == "io":
            io = io + die.count.double()
        else:
            compute = compute + die.count.double()
    return Hosting(compute=compute, io=io)


def peak_memory_bandwidth(technology: Technology, package: Package) -> Tensor:
    """Pin bandwidth of every memory tier together ``[*batch]`` [byte/s]."""
    total = torch.zeros((), dtype=torch.float64)
    for tier in package.memory:
        rate = technology.at("memory", "bandwidth", tier.kind)
        total = total + tier.stacks.double() * rate * tier.rate_fraction
    return total


def die_to_die_bandwidth(technology: Technology, package: Package, role: str) -> Tensor:
    r"""Bandwidth of one die to the other dies of its package, per direction ``[*batch]``.

    Notes
    -----
    Addresses are interleaved over all memory, so of the bandwidth :math:`B` the share
    :math:`(d-1)/d` is remote and one of :math:`d` dies takes in :math:`B (d-1)/d^2`. With io
    dies, each compute die takes all of its share :math:`B/d` from them, and the io dies pass the
    remote share among themselves. A headroom keeps the interface from being the bottleneck.
    """
    hosts = hosting(package)
    bandwidth = peak_memory_bandwidth(technology, package)
    headroom = technology.constant("die_to_die_headroom")
    count = (hosts.io if role == "io" else hosts.compute).clamp_min(1.0)
    remote = (count - 1.0) / (count * count)
    # Both ends of the links between compute and io dies.
    local = hosts.split / count
    between = remote if role == "io" else remote * (1.0 - hosts.split)
    return bandwidth * headroom * (between + local)


def die_to_die_column(technology: Technology, package: Package, column: str) -> Tensor:
    """A column of table ``link`` at the die-to-die link that a package allows ``[*batch]``.

    Fine bumps on an interposer carry the advanced link, an organic substrate the standard one.
    """
    fine = technology.at("package", "interposer_area_max", package.kind) > 0
    advanced = technology.at("link", column, torch.tensor(technology.row("link", "ucie_a")))
    standard = technology.at("link", column, torch.tensor(technology.row("link", "ucie_s")))
    return torch.where(fine, advanced, standard)


def sram_bank(capacity: Tensor, largest: Tensor) -> Tensor:
    """Bank of a memory: its capacity when small, `largest` when big, smooth between [byte]."""
    return capacity * largest / (capacity + largest)


def sram_area(
    technology: Technology, capacity: Tensor, cell: Tensor, product_factor: Tensor, bank: Tensor
) -> Tensor:
    r"""Area of a banked memory ``[*batch]`` [m2].

    Notes
    -----
    .. math:: A = \frac{8 C a_{cell}}{\eta(C_{bank})\, \eta_{product}}, \qquad
              \eta(c) = \eta_\infty \frac{c^p}{c^p + c_0^p}
    """
    exponent = technology.constant("sram_macro_exponent")
    size = power(bank.clamp_min(SMALLEST_BANK), exponent)
    half = power(technology.constant("sram_macro_half_capacity"), exponent)
    efficiency = technology.constant("sram_macro_efficiency") * size / (size + half)
    return 8.0 * capacity * cell / (efficiency * product_factor)


def shrink(technology: Technology, die: Die) -> Tensor:
    """Logic area relative to N7 ``[*batch]`` [1]."""
    density = technology.at("node", "logic_density", die.node)
    return at_reference(technology, "logic_density") / density


def _format_column(technology: Technology, column: str) -> list[Tensor]:
    """A column of table ``format`` at the rows of `FORMATS`."""
    return [
        technology.at("format", column, torch.tensor(technology.row("format", name)))
        for name in FORMATS
    ]


def extra_modes(technology: Technology, die: Die, column: str) -> Tensor:
    """What the formats beyond the first add to area or energy of the arrays ``[*batch]`` [1].

    Parameters
    ----------
    column : str
        ``"mode_area"`` or ``"mode_energy"`` of table ``format``.
    """
    supported = torch.stack(
        torch.broadcast_tensors(
            *((getattr(die, field) > 0).double() for field in FORMATS.values())
        ),
        -1,
    )
    added = torch.stack(torch.broadcast_tensors(*_format_column(technology, column)), -1)
    count = supported.sum(-1)
    return (supported * added).sum(-1) * (count - 1.0).clamp_min(0.0) / count.clamp_min(1.0)


def processing_element_area(technology: Technology, die: Die) -> Tensor:
    """Area of one processing element on N7: its largest format plus the extra modes [m2]."""
    areas = [
        getattr(die, field).double() * area
        for field, area in zip(
            FORMATS.values(), _format_column(technology, "mac_area"), strict=True
        )
    ]
    largest = torch.stack(torch.broadcast_tensors(*areas), -1).amax(-1)
    return largest * (1.0 + extra_modes(technology, die, "mode_area"))


def _other_area(technology: Technology, role: str, share: Tensor) -> Tensor:
    """Area that no model explains: management once a package, seal and pads on every die [m2].

    Parameters
    ----------
    share : Tensor [*batch]
        Share of the package's interfaces on the die; management goes the same way.
    """
    first = technology.constant("die_other_area")
    further = technology.constant("die_other_area_io")
    area = share * first + (1.0 - share) * further
    return area + technology.constant("io_die_fabric_area") if role == "io" else area


def die_area(technology: Technology, package: Package, die: Die) -> DieArea:
    """Area of one die of a package and the edge its interfaces need.

    Parameters
    ----------
    technology : Technology
    package : Package
        Says which interfaces there are and how many dies share them. Leaves ``[*batch]``.
    die : Die
        One of ``package.dies``.

    Returns
    -------
    DieArea
        Leaves ``[*batch]``. Non-decreasing in every count and size.
    """
    scale = shrink(technology, die)
    # Blocks of a core do not tile it; every part takes its share of what stays empty.
    packing = technology.constant("core_packing")
    placed = scale / packing
    machine = die.machine
    cores = die.cores_built.double()
    elements = die.array_rows.double() * die.array_columns.double() * die.arrays_per_core.double()
    mac = elements * processing_element_area(technology, die) * placed
    bits = 8.0 * technology.at("machine", "register_bytes_per_lane", machine)
    lane = technology.at("machine", "vector_lane_area", machine)
    lane = lane + bits * technology.constant("register_area")
    vector = die.vector_lanes.double() * lane * placed
    control = technology.at("machine", "control_area", machine) * placed
    l1 = sram_area(
        technology,
        die.l1_bytes,
        technology.at("node", "sram_cell_hc", die.node),
        technology.at("machine", "product_sram_factor_l1", machine),
        sram_bank(die.l1_bytes, technology.constant("sram_bank_l1")),
    )
    l1 = l1 / packing
    core = mac + vector + control + l1
    l2 = sram_area(
        technology,
        die.l2_bytes,
        technology.at("node", "sram_cell_hd", die.node),
        technology.at("machine", "product_sram_factor_l2", machine),
        sram_bank(die.l2_bytes, technology.constant("sram_bank_l2")),
    )
    interconnect = cores * core * technology.constant("interconnect_area_fraction")
    share = hosting(package).share(die.role)
    memory_phy, controller, edge_memory = _memory_interface(technology, package)
    link_phy, link_controller, edge_links = _link_interface(technology, package)
    between = die_to_die_bandwidth(technology, package, die.role)
    lanes = between / die_to_die_column(technology, package, "bandwidth_per_lane")
    die_to_die = lanes * die_to_die_column(technology, package, "area_per_lane")
    die_to_die = die_to_die + lanes * scale * die_to_die_column(
        technology, package, "controller_area"
    )
    edge_between = lanes * die_to_die_column(technology, package, "edge_per_lane")
    parts = (
        cores * mac,
        cores * vector,
        cores * control,
        cores * l1,
        l2,
        interconnect,
        memory_phy * share,
        controller * share * scale,
        (link_phy + link_controller * scale) * share,
        die_to_die,
        _other_area(technology, die.role, share),
    )
    total = torch.stack(torch.broadcast_tensors(*parts), -1).sum(-1)
    return DieArea(
        *parts,
        total=total,
        core=core,
        uncore=total - cores * core,
        edge_memory=edge_memory * share,
        edge_links=edge_links * share,
        edge_die_to_die=edge_between,
        die_to_die_bandwidth=between,
    )


def compute_index(package: Package) -> int:
    """Position of the (one) kind of compute die in ``package.dies``."""
    return next(index for index, die in enumerate(package.dies) if die.role == "compute")


def package_areas(technology: Technology, package: Package) -> tuple[DieArea, ...]:
    """`die_area` of every kind of die, in the order of ``package.dies``."""
    return tuple(die_area(technology, package, die) for die in package.dies)


def _memory_interface(technology: Technology, package: Package) -> tuple[Tensor, Tensor, Tensor]:
    """PHY area, controller area on N7 [m2] and PHY edge [m] of all memory of a package."""
    zero = torch.zeros((), dtype=torch.float64)
    phy, controller, edge = zero, zero, zero
    for tier in package.memory:
        stacks = tier.stacks.double()
        phy = phy + stacks * technology.at("memory", "phy_area", tier.kind)
        controller = controller + stacks * technology.at("memory", "controller_area", tier.kind)
        edge = edge + stacks * technology.at("memory", "phy_edge", tier.kind)
    return phy, controller, edge


def _link_interface(technology: Technology, package: Package) -> tuple[Tensor, Tensor, Tensor]:
    """PHY area, controller area on N7 [m2] and edge [m] of all links of a package."""
    zero = torch.zeros((), dtype=torch.float64)
    phy, controller, edge = zero, zero, zero
    for tier in package.network:
        rate = technology.at("link", "bandwidth_per_lane", tier.kind)
        safe = torch.where(rate > 0, rate, torch.ones_like(rate))
        lanes = (rate > 0).double() * tier.links.double() * tier.link_bandwidth / safe
        phy = phy + lanes * technology.at("link", "area_per_lane", tier.kind)
        controller = controller + lanes * technology.at("link", "controller_area", tier.kind)
        edge = edge + lanes * technology.at("link", "edge_per_lane", tier.kind)
    return phy, controller, edge / technology.constant("serdes_rows")
