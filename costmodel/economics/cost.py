"""What a package costs to make, what its design costs once, and what a buyer pays."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.economics.breakdown import side_by_side
from costmodel.economics.wafers import dies_per_wafer
from costmodel.economics.yields import clustered, die_yield
from costmodel.hardware.system import Die, Package, Pool
from costmodel.hardware.technology import Technology
from costmodel.physics.area import DieArea
from costmodel.physics.floorplan import Floorplan

PARTS = (
    "dies", "memory", "interposer", "substrate", "assembly", "margin", "test", "yield_loss",
)  # fmt: skip
ONE_TIME_PARTS = ("masks", "design", "package", "software")


@dataclass(frozen=True)
class Cost:
    """Cost of one package, and the one-time cost of its design. D kinds of die."""

    values: Tensor  # [*batch,K] in the order of `PARTS` [USD]
    manufacturing: Tensor  # [*batch] their sum [USD]
    one_time_values: Tensor  # [*batch,N] in the order of `ONE_TIME_PARTS` [USD]
    nre: Tensor  # [*batch] their sum [USD]
    die_yield: Tensor  # [*batch,D] dies that can be sold [1]
    dies_per_wafer: Tensor  # [*batch,D] [count]
    die_cost: Tensor  # [*batch,D] one good die, tested [USD]
    assembly_yield: Tensor  # [*batch] packages that work of those assembled [1]

    parts: tuple[str, ...] = PARTS
    one_time_parts: tuple[str, ...] = ONE_TIME_PARTS


@dataclass(frozen=True)
class Price:
    """What the owner pays for a package ``[*batch]`` [USD]."""

    package: Tensor  # market price where there is one, else manufacturing cost
    nre_share: Tensor  # one-time cost over the volume; 0 at a market price
    paid: Tensor  # both


@dataclass(frozen=True)
class _DieCost:
    """One kind of die ``[*batch]``; of absent dies only `count` has a meaning."""

    count: Tensor  # [count]
    per_wafer: Tensor  # [count]
    good: Tensor  # yield [1]
    known_good: Tensor  # share of dies that pass wafer test and do work [1]
    raw: Tensor  # wafer over good dies [USD]
    test: Tensor  # of one good die [USD]


def package_cost(
    technology: Technology, pool: Pool, areas: tuple[DieArea, ...], floorplan: Floorplan
) -> Cost:
    r"""Cost of making one package, chip-last.

    Parameters
    ----------
    technology : Technology
    pool : Pool
        Leaves ``[*batch]``.
    areas : tuple of DieArea
        One for every kind of die, in the order of ``pool.package.dies`` [m2].
    floorplan : Floorplan
        Sides of the dies [m], interposer and substrate area [m2].

    Returns
    -------
    Cost
        Parts ``[*batch,K]``, their sum, and the one-time cost, which is not part of the sum.

    Notes
    -----
    .. math::
        C = (C_{dies} + C_{memory} + m\,C_{package} + C_{test}) / Y, \quad
        Y = y_{bond}^{n} \prod_d \kappa_d

    :math:`C_{package}` is interposer over its yield, substrate, and assembly of n dies and stacks;
    the margin m is what the assembler charges over it. A bad joint, or a bad die that wafer test
    let through (:math:`1 - \kappa`), loses everything attached: part ``yield_loss``.
    Nothing here is rounded, so that the value is one and the same with and without relaxation.
    Monotone: up in areas, counts of dies and stacks, cores enabled and every price; down in yields.
    """
    package = pool.package
    dies = [
        _die_cost(technology, die, area, floorplan.width[..., kind], floorplan.height[..., kind])
        for kind, (die, area) in enumerate(zip(package.dies, areas, strict=True))
    ]
    zero = torch.zeros((), dtype=torch.float64)
    silicon, test, log_known_good, chips = zero, zero, zero, zero
    for die in dies:
        silicon = silicon + die.count * die.raw
        test = test + die.count * die.test
        log_known_good = log_known_good + die.count * torch.log(die.known_good)
        chips = chips + die.count
    memory, stacks = _memory(technology, package)
    chips = chips + stacks

    def column(name: str) -> Tensor:
        return technology.at("package", name, package.kind)

    interposer_yield = clustered(
        floorplan.interposer_area * column("interposer_defect_density"),
        technology.constant("yield_clustering"),
    )
    interposer = column("interposer_cost_per_area") * floorplan.interposer_area / interposer_yield
    substrate = column("substrate_cost_per_area") * floorplan.substrate_area
    assembly = column("base_cost") + column("cost_per_die") * chips
    margin = (column("margin") - 1.0) * (interposer + substrate + assembly)
    test = test + technology.constant("final_test_cost")
    attached = silicon + memory + interposer + substrate + assembly + margin + test
    assembly_yield = torch.exp(chips * torch.log(column("bond_yield")) + log_known_good)
    loss = attached * (1.0 / assembly_yield - 1.0)
    values = side_by_side(silicon, memory, interposer, substrate, assembly, margin, test, loss)
    one_time = one_time_cost(technology, package)
    return Cost(
        values=values,
        manufacturing=values.sum(-1),
        one_time_values=one_time,
        nre=one_time.sum(-1),
        die_yield=side_by_side(*(die.good for die in dies)),
        dies_per_wafer=side_by_side(*(die.per_wafer for die in dies)),
        die_cost=side_by_side(*(die.raw + die.test for die in dies)),
        assembly_yield=assembly_yield,
    )


def one_time_cost(technology: Technology, package: Package) -> Tensor:
    """Cost of designing a package, whatever number of them is made.

    Parameters
    ----------
    technology : Technology
    package : Package
        Each kind of die with a count above zero is one design with its own mask set.

    Returns
    -------
    Tensor
        ``[*batch,N]`` in the order of `ONE_TIME_PARTS` [USD].
    """
    masks = torch.zeros((), dtype=torch.float64)
    design = torch.zeros((), dtype=torch.float64)
    for die in package.dies:
        present = (die.count > 0).double()
        effort = present
        if die.role == "io":
            effort = present * technology.constant("io_die_design_fraction")
        masks = masks + present * technology.at("node", "mask_set_cost", die.node)
        design = design + effort * technology.at("node", "design_cost", die.node)
    return side_by_side(
        masks,
        design,
        technology.constant("package_design_cost"),
        technology.constant("software_cost"),
    )


def unit_price(pool: Pool, cost: Cost, volume: float | Tensor) -> Price:
    """What a package costs its owner.

    Parameters
    ----------
    pool : Pool
        ``price`` above zero is a market price, which stands for all of the maker's costs; zero
        means our own chip, at manufacturing cost without a vendor's margin [USD].
    cost : Cost
    volume : float or Tensor [*batch]
        Packages over which the one-time cost is spread [count].
    """
    bought = pool.price > 0
    package = torch.where(bought, pool.price, cost.manufacturing)
    share = torch.where(bought, torch.zeros_like(cost.nre), cost.nre / volume)
    return Price(package=package, nre_share=share, paid=package + share)


def _die_cost(
    technology: Technology, die: Die, area: DieArea, width: Tensor, height: Tensor
) -> _DieCost:
    present = die.count > 0
    # An absent die has no sides; a square of 1 m2 keeps values and slopes finite behind count 0.
    one = torch.ones((), dtype=torch.float64)
    per_wafer = dies_per_wafer(
        technology, torch.where(present, width, one), torch.where(present, height, one)
    )
    good = die_yield(technology, die, area).good
    escaped = (1.0 - technology.constant("known_good_coverage")) * (1.0 - good)
    raw = technology.at("node", "wafer_price", die.node) / (per_wafer * good)
    return _DieCost(
        count=die.count.double(),
        per_wafer=per_wafer,
        good=good,
        known_good=good / (good + escaped),
        raw=raw,
        test=technology.constant("die_test_fraction") * raw,
    )


def _memory(technology: Technology, package: Package) -> tuple[Tensor, Tensor]:
    """Price of all memory devices [USD] and the number of them that the package carries."""
    price = torch.zeros((), dtype=torch.float64)
    stacks = torch.zeros((), dtype=torch.float64)
    for tier in package.memory:
        count = tier.stacks.double()
        capacity = technology.at("memory", "capacity", tier.kind)
        price = price + count * capacity * technology.at("memory", "price_per_byte", tier.kind)
        stacks = stacks + count * technology.at("memory", "stacked", tier.kind)
    return price, stacks
