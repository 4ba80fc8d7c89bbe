"""Sides of the dies, what fits along them, and the area of the interposer under them.

Dies of the kind that carries interfaces stand in one column (one or two dies) or in two. Memory
stacks line the two outer long sides of the column, one row deep; die-to-die links take the sides
where dies abut; links off the package take what is left.

The rule for the aspect: a die is square unless its memory stacks need a longer side or the field
of the reticle a narrower die; it is never longer than the reticle, nor twice as long as wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Die, Package
from costmodel.hardware.technology import Technology
from costmodel.numerics import relax as relaxed
from costmodel.physics.area import DieArea, hosting

EDGES = ("memory", "die_to_die", "links")
SMALLEST_EDGE = 1e-3
"""Normalises a demand for edge where there is none at all [m]."""
ROUNDING = 1e-9
"""A side that the rule sets to the reticle's own fits, whatever its last digit [1]."""
SMALLEST_INTERPOSER = 1e-4
"""Normalises a demand for interposer where there is none at all [m2]."""


@dataclass(frozen=True)
class Floorplan:
    """Geometry of a package. D kinds of die in the order of ``package.dies``."""

    width: Tensor  # short side of a die [*batch,D] [m]
    height: Tensor  # long side, where memory stacks stand [*batch,D] [m]
    stacks_per_side: Tensor  # memory stacks facing one long side [*batch,D] [count]
    edge_demand: Tensor  # [*batch,D,3] in the order of `EDGES` [m]
    edge_supply: Tensor  # [*batch,D,3] [m]
    edge_violation: Tensor  # worst of all kinds and edges, <= 0 fits [*batch] [1]
    reticle_violation: Tensor  # worst side against the field of the reticle [*batch] [1]
    interposer_area: Tensor  # [*batch] [m2]
    interposer_violation: Tensor  # against the largest of the package kind [*batch] [1]
    substrate_area: Tensor  # [*batch] [m2]


@dataclass(frozen=True)
class _Row:
    """How the dies of one kind stand: sides of one die that face outward or a neighbour."""

    rows: Tensor  # dies along an outer long side of the column [count]
    outer_long: Tensor  # outward long sides of a die, mean [count]
    outer_short: Tensor  # outward short sides of a die, mean [count]


def _standing(count: Tensor) -> _Row:
    columns = torch.where(count > 2.0, 2.0, 1.0).to(torch.float64)
    dies = count.clamp_min(1.0)
    return _Row(
        rows=(dies / columns).clamp_min(1.0),
        outer_long=2.0 / columns,
        outer_short=2.0 * columns / torch.maximum(dies, columns),
    )


def _long_side(technology: Technology, area: Tensor, needed: Tensor) -> Tensor:
    """Long side of a die by the rule of the module [m]."""
    height = technology.constant("reticle_height")
    width = technology.constant("reticle_width")
    square = torch.sqrt(area)
    wanted = torch.maximum(torch.maximum(square, area / width), needed)
    aspect = torch.sqrt(technology.constant("die_aspect_max"))
    longest = torch.minimum(square * aspect, height)
    return torch.minimum(wanted, torch.maximum(longest, square))


def _stack_columns(
    technology: Technology, package: Package, standing: _Row, relax: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Stacks facing one long side of a die, their length [m] and their PHYs' length [m]."""
    zero = torch.zeros((), dtype=torch.float64)
    stacks, pitch, phy = zero, zero, zero
    for tier in package.memory:
        side = relaxed.ceil_divide(tier.stacks.double(), 2.0 * standing.rows, relax)
        stacks = stacks + side
        beside = technology.at("memory", "stacked", tier.kind)
        pitch = pitch + side * beside * technology.at("memory", "stack_pitch", tier.kind)
        phy = phy + side * technology.at("memory", "phy_edge", tier.kind)
    return stacks, pitch, phy


def _edges(
    technology: Technology,
    package: Package,
    die: Die,
    area: DieArea,
    relax: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Width, height, stacks a side, demand ``[*batch,3]`` and supply ``[*batch,3]`` of one die."""
    hosts = hosting(package)
    carries = hosts.split if die.role == "io" else 1.0 - hosts.split
    count = hosts.io if die.role == "io" else hosts.compute
    standing = _standing(count)
    stacks, pitch, phy = _stack_columns(technology, package, standing, relax)
    stacks, pitch, phy = stacks * carries, pitch * carries, phy * carries
    margin = 2.0 * technology.constant("die_edge_margin")
    overhang = 2.0 * technology.constant("memory_overhang") / standing.rows
    used = (stacks > 0).double()
    needed = torch.maximum(pitch - overhang, phy + margin * used).clamp_min(0.0)
    height = _long_side(technology, area.total, needed)
    width = area.total / height
    # A stack blocks the side it faces; beyond the die's end (overhang) it blocks nothing.
    covered = torch.minimum(torch.maximum(pitch, phy), height)
    long_left = standing.outer_long * (height - covered)
    short_left = standing.outer_short * width
    inner = (2.0 - standing.outer_long) * height + (2.0 - standing.outer_short) * width
    # Where io dies carry the interfaces, compute dies have all their sides for the way to them.
    inner = torch.where(carries > 0, inner, 2.0 * (height + width))
    demand = (needed, area.edge_die_to_die, area.edge_links)
    supply = (height, inner, long_left + short_left)
    return (
        width,
        height,
        stacks,
        torch.stack(torch.broadcast_tensors(*demand), -1),
        torch.stack(torch.broadcast_tensors(*supply), -1),
    )


def _silicon(
    technology: Technology, package: Package, areas: tuple[DieArea, ...]
) -> tuple[Tensor, Tensor]:
    """Area of the dies side by side and of the memory stacks beside them [m2]."""
    stacked = technology.at("package", "stacked_dies", package.kind) * hosting(package).split
    dies = torch.zeros((), dtype=torch.float64)
    for die, area in zip(package.dies, areas, strict=True):
        # Compute dies bonded onto io dies take no room beside them.
        beside = 1.0 if die.role == "io" else 1.0 - stacked
        dies = dies + beside * die.count.double() * area.total
    stacks = torch.zeros((), dtype=torch.float64)
    for tier in package.memory:
        footprint = technology.at("memory", "width", tier.kind) * technology.at(
            "memory", "height", tier.kind
        )
        beside = technology.at("memory", "stacked", tier.kind)
        stacks = stacks + tier.stacks.double() * beside * footprint
    return dies, stacks


def plan(
    technology: Technology,
    package: Package,
    areas: tuple[DieArea, ...],
    relax: float = 0.0,
) -> Floorplan:
    """Lay a package out.

    Parameters
    ----------
    technology : Technology
    package : Package
        Leaves ``[*batch]``.
    areas : tuple of DieArea
        One for every kind of die, in the order of ``package.dies``.
    relax : float
        0 for whole stacks on a side.

    Returns
    -------
    Floorplan
        Sides, demand and supply of edge for each interface and kind of die, and violations
        ``(x - limit) / limit``: `edge_violation` (memory on the long sides, die-to-die on
        abutting sides, links on free sides), `reticle_violation`, `interposer_violation`.
    """
    laid = [
        _edges(technology, package, die, area, relax)
        for die, area in zip(package.dies, areas, strict=True)
    ]

    def gather(index: int) -> Tensor:
        return torch.stack(torch.broadcast_tensors(*(item[index] for item in laid)), -1)

    width, height, stacks = gather(0), gather(1), gather(2)
    demand = torch.stack(torch.broadcast_tensors(*(item[3] for item in laid)), -2)
    supply = torch.stack(torch.broadcast_tensors(*(item[4] for item in laid)), -2)
    excess = (demand - supply) / supply.clamp_min(SMALLEST_EDGE)
    present = _present(package, excess[..., 0])
    # An absent kind of die violates nothing.
    excess = torch.where(present.unsqueeze(-1) > 0, excess, -torch.ones_like(excess))
    sides = torch.maximum(
        width / technology.constant("reticle_width").unsqueeze(-1),
        height / technology.constant("reticle_height").unsqueeze(-1),
    )
    sides = torch.where(present > 0, sides, torch.zeros_like(sides))
    dies, beside = _silicon(technology, package, areas)
    largest = technology.at("package", "interposer_area_max", package.kind)
    margin = technology.at("package", "interposer_margin", package.kind)
    offered = (largest > 0).double()
    interposer = offered * margin * (dies + beside)
    # Without an interposer, stacks that need one are the excess.
    asked = interposer + (1.0 - offered) * beside
    # Without one the substrate carries the dies themselves.
    carried = interposer + (1.0 - offered) * dies
    substrate = technology.at("package", "substrate_area_factor", package.kind)
    return Floorplan(
        width=width,
        height=height,
        stacks_per_side=stacks,
        edge_demand=demand,
        edge_supply=supply,
        edge_violation=excess.amax((-1, -2)),
        reticle_violation=sides.amax(-1) - (1.0 + ROUNDING),
        interposer_area=interposer,
        interposer_violation=(asked - largest) / largest.clamp_min(SMALLEST_INTERPOSER),
        substrate_area=carried * substrate,
    )


def _present(package: Package, like: Tensor) -> Tensor:
    """1 for the kinds of die with a count above zero, in the shape of `like` ``[*batch,D]``."""
    counts = torch.stack(torch.broadcast_tensors(*(die.count for die in package.dies)), -1)
    return (counts > 0).double().expand_as(like)
