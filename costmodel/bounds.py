"""Lower bounds on time and energy of a step, for whole boxes of designs at once.

A box is a pair of pools whose leaves hold the least and the largest value of each. No second model:
a bound is the model's own code at the corner that the declarations below name, with the mapper's
choice replaced by the least over all mappings. Choices (rows of tables, sizes of arrays, anything
that changes the shape of the work) are single values of a box; a box of several is several boxes
(`costmodel.numerics.interval.least_of_choices`).

    time:    every operator on the fastest machine of the box
    energy:  the fewest bytes and operations that any machine of the box needs,
             each at the price of the thriftiest machine of the box
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Pool
from costmodel.hardware.technology import Technology
from costmodel.numerics.interval import BoundError, Box, Monotone, under
from costmodel.physics.area import package_areas
from costmodel.physics.clock import package_clocks
from costmodel.physics.energy import operator_energy
from costmodel.timing.attention import AttentionShape
from costmodel.timing.bounds import (
    Counts,
    attention_counts,
    gemm_counts,
    gemm_floor,
    gemm_least,
    in_waves,
)
from costmodel.timing.mapped import Mapped
from costmodel.timing.mapping import Product
from costmodel.timing.pipeline import map_operators
from costmodel.timing.resources import (
    Resources,
    compute_die,
    format_rate,
    package_resources,
)
from costmodel.timing.tables import Tables
from costmodel.workload.operators import Operators, Workload

TIME = Monotone(
    "the time of a step",
    falls={
        "cores_enabled": "cores, lanes and ports of the package are counts times it",
        "count": "cores, lanes and shared SRAM of the package are counts times it",
        "arrays_per_core": "the folds of a tile are dealt to the arrays of a core",
        "vector_lanes": "vector work is operations over lanes",
        "l1_bytes": "only says which core tiles fit",
        "l2_bytes": "says which blocks fit and how much of the activations spills",
        "voltage_logic": "the clock rises with it, and every time on the die is cycles over clock",
        "voltage_sram": "the clock is the lesser of two functions that rise in one rail each",
        "clock_scale": "a factor of the clock",
        "stacks": "bandwidth is a factor times it; presence of a tier is a single value of a box",
        "rate_fraction": "a factor of the bandwidth",
        "links": "the bandwidth of a collective is a factor times it",
        "link_bandwidth": "a factor of the bandwidth of a collective",
    },
    unread={
        "cores_built": "spare cores do no work",
        "package.kind": "a package moves no byte faster",
        "package.cooling": "heat only takes memory bandwidth away; bounds take none away",
        "price": "money",
    },
)
"""Refresh of hot memory is left out: it takes bandwidth away, so a bound without it holds."""

PRICE = Monotone(
    "the energy of a byte or an operation",
    rises={
        "voltage_logic": "energies of logic and wires go with its square",
        "voltage_sram": "energies of bits in SRAM go with its square",
        "l1_bytes": "a larger bank takes more for each bit, a larger core longer wires",
        "l2_bytes": "a larger bank takes more for each bit, a larger die longer wires",
        "cores_built": "a larger die has longer wires",
        "cores_enabled": "more arrays stand idle",
        "arrays_per_core": "more arrays stand idle and a larger core has longer wires",
        "vector_lanes": "a larger core has longer wires",
        "stacks": "more interface area, longer wires",
        "rate_fraction": "more die-to-die bandwidth, longer wires",
        "links": "more interface area, longer wires",
        "link_bandwidth": "more interface area, longer wires",
    },
    unread={
        "clock_scale": "energies are for each operation",
        "cooling": "dynamic energy knows no temperature",
        "topology": "energies are for each bit sent",
        "domain": "energies are for each bit sent",
        "price": "money",
    },
)
"""Not in `count`: more dies share the interfaces, so that each is smaller."""


@dataclass(frozen=True)
class StepBounds:
    """Lower bounds on a step of one pipeline stage, for every box; P points, O operators."""

    points: tuple[str, ...]
    phases: tuple[str, ...]
    operators: tuple[str, ...]
    latency: Tensor  # of one execution [*boxes,P,O] [s]
    energy: Tensor  # dynamic, of one execution, whole package [*boxes,P,O] [J]
    count: Tensor  # executions in a step [*boxes,P,O]

    @property
    def step(self) -> Tensor:
        """Time of a step ``[*boxes,P]`` [s]."""
        return under((self.count * self.latency).sum(-1))

    @property
    def joules(self) -> Tensor:
        """Dynamic energy of a step ``[*boxes,P]`` [J]."""
        return under((self.count * self.energy).sum(-1))


def bound_steps(
    box: Box[Pool],
    workload: Workload,
    technology: Technology,
    tables: Tables,
    *,
    lattice: bool = True,
    time: Monotone = TIME,
    price: Monotone = PRICE,
) -> StepBounds:
    """Lower bounds on the time and the dynamic energy of a step.

    Parameters
    ----------
    box : Box of Pool
        Leaves ``[*boxes]``. Wide only in leaves that `TIME` and `PRICE` say something about.
    workload : Workload
    technology : Technology
    tables : Tables
        The lattice of mappings.
    lattice : bool
        True takes the best of all mappings of the lattice: for a box of one design the optimum
        itself. False takes the compulsory work, quicker and looser.
    time, price : Monotone
        What is claimed; replaced only to see a wrong claim caught.

    Raises
    ------
    BoundError
        When the box is wide in a leaf that nothing is declared about.
    """
    check_presence(box)
    fast = time.least(box)
    clocks = package_clocks(technology, fast.package)
    clock = clocks[fast.package.dies.index(compute_die(fast))]
    resources = package_resources(technology, fast, clock, torch.zeros_like(clock))
    width = technology.at("format", "bytes", fast.deployment.format)
    operators = workload.operators(fast.deployment, width, fast.role)
    mapped = map_operators(operators, fast, resources, technology, tables)
    gemm = _gemm_time(operators, fast, resources, mapped, lattice)
    latency = torch.cat([gemm, mapped.latency[..., gemm.shape[-1] :]], -1)

    thrifty = price.least(box)
    fewest = _fewest(operators, resources, technology, (fast, thrifty), mapped)
    areas = package_areas(technology, thrifty.package)
    energy = operator_energy(technology, thrifty, fewest, areas)
    return StepBounds(
        points=mapped.points,
        phases=mapped.phases,
        operators=mapped.operators,
        latency=latency,
        energy=energy.total,
        count=mapped.count,
    )


def check_presence(box: Box[Pool]) -> None:
    """Refuse a box in which a part is both absent and present: absence is a choice.

    Raises
    ------
    BoundError
    """
    low, high = box.low.package, box.high.package
    kinds = (
        ("a memory tier", low.memory, high.memory, "stacks"),
        ("links", low.network, high.network, "links"),
        ("shared SRAM", low.dies, high.dies, "l2_bytes"),
    )
    for what, first, last, leaf in kinds:
        for one, other in zip(first, last, strict=True):
            if bool(((getattr(one, leaf) > 0) != (getattr(other, leaf) > 0)).any()):
                raise BoundError(
                    f"a box holds packages with and without {what}",
                    next_step="bound those without it apart",
                )


def _products(operators: Operators, mapped: Mapped) -> Product:
    """GEMMs of every box."""
    return Product(*_taken(operators, mapped, "gemm", ("rows", "columns", "depth")))


def _taken(
    operators: Operators, mapped: Mapped, kind: str, fields: tuple[str, ...]
) -> tuple[Tensor, ...]:
    """Leaves of the operators of one kind, with the full shape of the boxes."""
    where, lead = operators.index(kind), mapped.count.shape[:-1]
    return tuple(
        getattr(operators, name)[..., where].expand(*lead, where.stop - where.start).contiguous()
        for name in fields
    )


def _gemm_time(
    operators: Operators,
    pool: Pool,
    resources: Resources,
    mapped: Mapped,
    lattice: bool,
) -> Tensor:
    """Least time of every GEMM, with its launch ``[*boxes,P,G]`` [s]."""
    r, product = resources, _products(operators, mapped)
    floor = gemm_floor(product, r)
    if lattice:
        floor = torch.where(in_waves(r), floor, gemm_least(product, r))
    # A mapping that the design states is one mapping: its time falls as every mapping's does.
    stated = (pool.deployment.tile_rows > 0).unsqueeze(-1).unsqueeze(-1)
    own = mapped.latency[..., operators.index("gemm")] - r.launch
    return torch.where(stated & ~in_waves(r), own, floor) + r.launch


def _fewest(
    operators: Operators,
    resources: Resources,
    technology: Technology,
    corners: tuple[Pool, Pool],
    mapped: Mapped,
) -> Mapped:
    """The operators with the fewest bytes and operations of any schedule at the best corner.

    Arrays are counted by the slots they clock, busy or idle, on the whole package: more cores do
    not lower that product. It is put into cycles of the second corner, which energy is asked of.
    """
    pool, thrifty = corners
    gemm = gemm_counts(_products(operators, mapped), resources)
    names = tuple(field.name for field in dataclasses.fields(AttentionShape))
    shape = AttentionShape(*_taken(operators, mapped, "attention", names))
    attention = attention_counts(shape, resources)
    number = operators.index("attention").stop
    bytes_ = torch.cat(
        [
            _level_bytes(gemm, cache=False),
            _level_bytes(attention, cache=True),
            mapped.bytes[..., number:, :, :],
        ],
        -3,
    )
    operations = torch.cat(
        [
            gemm.vector_operations,
            attention.vector_operations,
            mapped.vector_operations[..., number:],
        ],
        -1,
    )
    cycles = torch.zeros_like(mapped.array_cycles)
    slots = array_slots(technology, thrifty).unsqueeze(-1).unsqueeze(-1)
    clocked = torch.cat([gemm.slot_cycles, attention.slot_cycles], -1)
    cycles[..., :number] = clocked / slots.clamp_min(1e-300)
    return dataclasses.replace(
        mapped,
        bytes=bytes_,
        vector_operations=operations,
        array_cycles=cycles,
        network_bytes=_fewest_sent(operators, technology, pool, mapped),
    )


def array_slots(technology: Technology, pool: Pool) -> Tensor:
    """Multiply-accumulates of all arrays of a package in a cycle ``[*boxes]`` [count]."""
    die = compute_die(pool)
    cores = die.count.double() * die.cores_enabled.double() * die.arrays_per_core.double()
    elements = die.array_rows.double() * die.array_columns.double()
    return cores * elements * format_rate(technology, die, pool.deployment.format)


def _fewest_sent(
    operators: Operators, technology: Technology, pool: Pool, mapped: Mapped
) -> Tensor:
    """Bytes a package sends ``[*boxes,P,O]``: a switch that adds takes each byte once."""
    adds = torch.zeros((), dtype=torch.float64)
    for tier in pool.package.network[:1]:
        adds = technology.at("topology", "in_network_reduction", tier.topology)
    where = operators.index("all_reduce")
    wire = operators.wire[..., where].expand_as(mapped.network_bytes[..., where])
    sent = mapped.network_bytes.clone()
    either = torch.minimum(sent[..., where], wire)
    adds = adds.unsqueeze(-1).unsqueeze(-1)
    sent[..., where] = torch.where(adds > 0, either, sent[..., where])
    return sent


def _level_bytes(counts: Counts, cache: bool) -> Tensor:
    """Bytes ``[*boxes,P,G,L,T]`` in the order of `Mapped`: activation, weight, cache, output."""
    levels = []
    for level in (counts.l1_bytes, counts.l2_bytes, counts.memory_bytes):
        first, second, third = torch.broadcast_tensors(*level)
        nothing = torch.zeros_like(first)
        middle = (nothing, second) if cache else (second, nothing)
        levels.append(torch.stack([first, *middle, third], -1))
    return torch.stack(levels, -2)
