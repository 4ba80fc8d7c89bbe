"""Machines beside each other: the same workload, mapping mode and money, each deployed at its best.

A machine's hardware is fixed; how many packages share a model and how large the batch is are its
owner's choice. So every machine, ours included, gets the plan of a common grid that is best for
it: a bought one under the limits of the service (latency and memory), ours under all its limits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.evaluate import evaluate
from costmodel.hardware.catalog import load_chip
from costmodel.hardware.export import at_index
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from costmodel.limits import Limits
from costmodel.metrics import Metrics
from costmodel.timing.resources import memory_capacity
from costmodel.timing.tables import Tables, build_tables
from costmodel.workload.operators import Workload
from search.evaluation import (
    MAPPINGS,
    MONEY,
    Machine,
    deploy,
    describe_plan,
    machine_of,
    supported_format,
    with_mapping,
    with_price,
)
from search.report.content import Measure, Rival

TENSOR_PARALLEL = (1, 2, 4, 8, 16)
BATCHES = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
SERVICE = (
    "ttft", "tpot", "memory_capacity", "format_support", "tensor_parallel_domain",
    "layers_per_stage", "tile_fits",
)  # fmt: skip
"""Limits that a bought machine has to meet too; ours has to meet all."""
PAID = ("unit_price", "tco_per_hour", "cost_per_mtoken")
"""Metrics that depend on the price paid."""


@dataclass(frozen=True)
class Contest:
    """What all machines have in common."""

    workload: Workload
    technology: Technology
    limits: Limits
    objectives: tuple[Measure, ...]
    format: str  # of our designs; a rival runs it, or the narrowest that it can
    mappings: tuple[str, ...] = MAPPINGS
    money: tuple[str, ...] = MONEY


@dataclass(frozen=True)
class Entrant:
    """A line of the comparison, and the machine deployed as the line says."""

    line: Rival
    designs: Designs


def compare(
    contest: Contest, names: Sequence[str], ours: Sequence[Machine] = ()
) -> tuple[Rival, ...]:
    """The lines of `enter`."""
    return tuple(entrant.line for entrant in enter(contest, names, ours))


def enter(
    contest: Contest, names: Sequence[str], ours: Sequence[Machine] = ()
) -> tuple[Entrant, ...]:
    """Evaluate machines in every mapping mode and money.

    Parameters
    ----------
    contest : Contest
    names : sequence of str
        Known chips, or paths to system files.
    ours : sequence of Machine
        Designs of ours, marked as such.

    Returns
    -------
    tuple of Entrant
        Grouped by mapping mode and money; a machine whose best plan differs by objective has a
        line for each.
    """
    tables = build_tables()
    machines = [(machine, True) for machine in ours]
    for name in names:
        chip = load_chip(name, contest.technology)
        machines.append((machine_of(chip), False))
    return tuple(
        entrant
        for mapping in contest.mappings
        for money in contest.money
        for machine, own in machines
        for entrant in _lines(contest, tables, machine, own, mapping, money)
    )


def _lines(
    contest: Contest, tables: Tables, machine: Machine, own: bool, mapping: str, money: str
) -> Iterator[Entrant]:
    """One machine under one mapping mode and money: its best plan for each objective."""
    technology = contest.technology
    width = supported_format(machine.designs, technology, contest.format)
    notes = [] if width == contest.format else [f"runs {width}: no {contest.format}"]
    designs = with_mapping(machine.designs, technology, mapping)
    unknown = money == "market" and not own and not machine.priced
    if money == "manufacturing" or own:
        designs = with_price(designs, 0.0)
    elif unknown:
        notes.append("no market price known")
    grid = plans(designs, technology, contest.workload, width)
    limits = contest.limits if own else service_limits(contest.limits)
    names = None if own else SERVICE
    with torch.no_grad():
        metrics = evaluate(grid, contest.workload, technology, tables, limits=limits)
    for index in dict.fromkeys(best_plans(metrics, contest.objectives, names)):
        values = {name: float(value[index]) for name, value in metrics.values.items()}
        if unknown:
            values |= dict.fromkeys(PAID, math.nan)
        deployed = at_index(grid, index)
        line = Rival(
            name=machine.name,
            title=machine.title,
            mapping=mapping,
            money=money,
            metrics=values,
            plan=describe_plan(deployed, technology),
            broken=broken(metrics, index, names),
            ours=own,
            note="; ".join([*notes, *_throttles(machine, values)]),
        )
        yield Entrant(line, deployed)


def service_limits(limits: Limits) -> Limits:
    """The limits that do not depend on whose machine it is."""
    return Limits(memory_capacity=limits.memory_capacity, ttft=limits.ttft, tpot=limits.tpot)


def _throttles(machine: Machine, metrics: Mapping[str, float]) -> list[str]:
    """What is said of a plan whose modelled power is above what the machine is sold for."""
    power, stated = metrics["package_power_peak"], machine.stated_power
    if stated is None or power <= stated:
        return []
    return [f"modelled at {power:.0f} W, sold at {stated:.0f} W: it would slow down"]


def plans(designs: Designs, technology: Technology, workload: Workload, width: str) -> Designs:
    """The grid of plans of one machine and the plan it came with, as a batch ``[B]``.

    Stages of a pipeline are added only as far as the memory of a domain is too small: to the
    divisors of the number of layers around the least that fits.
    """
    domains = [int(tier.domain) for pool in designs.pools for tier in pool.package.network[:1]]
    sizes = [size for size in TENSOR_PARALLEL if size <= max(1, *domains)]
    held = workload.model.parameters * float(
        technology.at("format", "bytes", torch.tensor(technology.row("format", width)))
    )
    capacity = min(_capacity(technology, designs, index) for index in range(len(designs.pools)))
    rows = [
        (tensor, pipeline, batch)
        for tensor in sizes
        for pipeline in _stages(workload.model.layers, held / (capacity * tensor))
        for batch in BATCHES
    ]
    own = designs.pools[0].deployment
    rows.append((int(own.tensor_parallel), int(own.pipeline_parallel), int(own.batch)))
    columns = torch.tensor(rows, dtype=torch.int64).T
    plan: dict[str, str | int | Tensor | None] = {
        "format": width,
        "tensor_parallel": columns[0].contiguous(),
        "pipeline_parallel": columns[1].contiguous(),
        "batch": columns[2].contiguous(),
    }
    return deploy(designs, technology, plan)


def _capacity(technology: Technology, designs: Designs, index: int) -> float:
    """Memory of one package: its tiers, or its on-die SRAM when it has none [byte]."""
    return max(1.0, float(memory_capacity(technology, designs.pools[index])))


def _stages(layers: int, least: float) -> list[int]:
    """Divisors of the number of layers to try: one, or the first three that hold the weights."""
    divisors = [number for number in range(1, layers + 1) if layers % number == 0]
    enough = [number for number in divisors if number >= least]
    if not enough:
        return [layers]
    return enough[:1] if enough[0] == 1 else enough[:3]


def best_plans(
    metrics: Metrics, objectives: Sequence[Measure], names: Sequence[str] | None
) -> list[int]:
    """The best plan for each objective: feasible if one is, else the least infeasible."""
    excess = _excess(metrics, names)
    least = excess.amin()
    chosen = []
    for measure in objectives:
        value = metrics[measure.name].reshape(-1)
        value = -value if measure.direction == "maximize" else value
        chosen.append(int(torch.where(excess <= least, value, math.inf).argmin()))
    return chosen


def broken(metrics: Metrics, index: int, names: Sequence[str] | None) -> tuple[str, ...]:
    """Limits that a plan misses; all of them, or those named."""
    row = metrics.violations[index].tolist()
    return tuple(
        name
        for name, value in zip(metrics.violation_names, row, strict=True)
        if (names is None or name in names) and value > 0.0
    )


def _excess(metrics: Metrics, names: Sequence[str] | None) -> Tensor:
    """Sum of what a plan misses ``[B]``, 0 when it meets all limits in question."""
    columns = [
        index
        for index, name in enumerate(metrics.violation_names)
        if names is None or name in names
    ]
    return metrics.violations[..., columns].clamp(0.0, 1e30).sum(-1)
