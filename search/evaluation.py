"""One machine on one workload, and how it is deployed, mapped and paid for.

A rival and one of our designs go through the same functions: the same workload, the same mapping
mode (the best mapping found, or what its software achieves as shipped) and the same money (what
it costs to make and to design, or what its buyer pays).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from costmodel.errors import ConfigError, nearest
from costmodel.evaluate import evaluate
from costmodel.hardware.catalog import Chip, load_chip, load_system
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import Designs, Pool
from costmodel.hardware.technology import Technology
from costmodel.limits import Limits
from costmodel.metrics import METRICS, Metrics
from costmodel.timing.resources import compute_die, format_rate
from costmodel.timing.tables import build_tables
from costmodel.workload.loading import load_workload
from search.breakdown import bars_of
from search.executors.local import single_threaded
from search.mappings import OperatorMapping, mappings_of
from search.report.content import Bars
from search.resolve import with_mapping_mode

MAPPINGS = ("optimal", "library")
MONEY = ("manufacturing", "market")
FORMATS = ("fp8", "int8", "bf16")
"""In this order a machine takes the narrowest format that it supports."""


@dataclass(frozen=True, repr=False)
class Machine:
    """A chip that one can buy, or a system of ours; `designs` have batch ``()``."""

    name: str
    title: str
    designs: Designs
    notes: tuple[str, ...] = ()
    stated_power: float | None = None  # what it is sold for [W]

    @property
    def priced(self) -> bool:
        """Whether a market price is stated."""
        return all(bool(pool.price > 0) for pool in self.designs.pools)

    def __repr__(self) -> str:
        return f"Machine({self.name!r}, {self.title!r})"


@dataclass(frozen=True, repr=False)
class Answer:
    """What is said of a machine; metrics and breakdowns in SI."""

    machine: str
    workload: str
    plan: str
    mapping: str
    money: str
    metrics: dict[str, float]
    violations: dict[str, float]
    bars: dict[str, Bars]
    mappings: tuple[OperatorMapping, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        from search.notebook import answer_page

        return answer_page(self).text()

    def _repr_html_(self) -> str:
        from search.notebook import answer_page

        return answer_page(self).html()

    def record(self) -> dict[str, Any]:
        """The same as plain containers; every breakdown as bar -> part -> value."""
        return {
            "machine": self.machine,
            "workload": self.workload,
            "deployment": self.plan,
            "mapping": self.mapping,
            "money": self.money,
            "metrics": self.metrics,
            "units": {name: METRICS[name].unit for name in self.metrics},
            "violations": self.violations,
            "breakdowns": {
                name: {
                    "unit": bars.unit,
                    "values": {
                        bar: dict(zip(bars.parts, row, strict=True))
                        for bar, row in zip(bars.bars, bars.values.tolist(), strict=True)
                    },
                }
                for name, bars in self.bars.items()
            },
            "mappings": [item.record() for item in self.mappings],
            "notes": list(self.notes),
        }


def load_machine(
    chip: str | None, design: str | Path | None = None, technology: Technology | None = None
) -> Machine:
    """A known chip by name, or a system file such as ``best/knee.yaml``.

    Raises
    ------
    ScovilleError
        Neither or both given, an unknown chip (with the nearest name), a wrong file.

    Examples
    --------
    >>> h100 = load_machine("h100")
    >>> h100.stated_power, h100.priced
    (700.0, True)
    """
    if (chip is None) == (design is None):
        raise ConfigError("one machine is needed", expected="either --chip NAME or --design FILE")
    found = load_chip(chip, technology) if chip else load_system(str(design), technology)
    return machine_of(found)


def machine_of(chip: Chip) -> Machine:
    """A chip of the catalogue as a machine to evaluate."""
    fact = chip.facts.get("tdp")
    power = fact.value if fact is not None else None
    return Machine(chip.name, chip.title, chip.designs, chip.notes, power)


def answer(
    machine: Machine,
    model: str | Path,
    scenario: str | Path | dict[str, Any],
    *,
    mapping: str | None = None,
    money: str = "manufacturing",
    limits: Limits | None = None,
    technology: Technology | None = None,
    **plan: int | str | None,
) -> Answer:
    """Evaluate a machine and say where time, energy, area and money go.

    Parameters
    ----------
    machine : Machine
    model, scenario : str or Path
        Shipped names or paths.
    mapping : str, optional
        ``optimal`` or ``library``; by default the machine's own software record.
    money : str
        ``manufacturing`` or ``market``.
    limits : Limits, optional
        Checked beside the machine's validity.
    technology : Technology, optional
        The shipped one by default.
    **plan
        Changes of the deployment: fields of `Deployment`, the format by name.

    Examples
    --------
    >>> machine = load_machine("h100")
    >>> alone = answer(machine, "llama-3.1-8b", "interactive", format="bf16", tensor_parallel=1)
    >>> shared = answer(machine, "llama-3.1-8b", "interactive", format="bf16", tensor_parallel=8)
    >>> shared.metrics["tpot"] < alone.metrics["tpot"]
    True
    >>> alone.metrics["tpot"] > 2 * 7.5e9 / 3.35e12  # 7.5 billion weights are read at every step
    True
    """
    technology = technology or load_technology()
    workload = load_workload(model, scenario)
    designs = deploy(machine.designs, technology, plan)
    runs = supported_formats(designs, technology)
    for pool in designs.pools:
        width = technology.names("format")[int(pool.deployment.format)]
        if width not in runs:
            raise ConfigError(
                f"{machine.name} does not run {width}",
                expected="one of " + ", ".join(runs),
                next_step=f"add --format {supported_format(designs, technology)}",
            )
    notes = list(machine.notes)
    if mapping is not None:
        designs = with_mapping(designs, technology, mapping)
    if money == "manufacturing":
        designs = with_price(designs, 0.0)
    elif not machine.priced:
        notes.append("no market price is stated: the cost of making and designing it is used")
    with torch.no_grad(), single_threaded():
        tables = build_tables()
        metrics = evaluate(designs, workload, technology, tables, limits=limits)
        mappings = mappings_of(designs, workload, technology, tables)
    return Answer(
        machine=f"{machine.name} ({machine.title})",
        workload=f"{workload.model.name}: {workload.scenario.title}",
        plan=describe_plan(designs, technology),
        mapping=mapping or describe_software(designs, technology),
        money=money,
        metrics={name: float(value) for name, value in metrics.values.items()},
        violations=violations_of(metrics),
        bars=bars_of(metrics),
        mappings=mappings,
        notes=tuple(notes),
    )


def violations_of(metrics: Metrics) -> dict[str, float]:
    """Violations of one design by name."""
    return dict(zip(metrics.violation_names, metrics.violations.tolist(), strict=True))


def deploy(
    designs: Designs, technology: Technology, plan: Mapping[str, int | str | Tensor | None]
) -> Designs:
    """The same machines with another deployment; None leaves a field as it is.

    Raises
    ------
    ScovilleError
        An unknown format or field, or a number below one.
    """
    changes: dict[str, Tensor] = {}
    for name, value in plan.items():
        if value is None:
            continue
        if name == "format" and isinstance(value, str):
            changes[name] = torch.tensor(technology.row("format", value))
        elif isinstance(value, Tensor):
            changes[name] = value
        elif isinstance(value, int) and value >= 1:
            changes[name] = torch.tensor(value)
        else:
            raise ConfigError(f"found {value!r}", expected="a whole number from 1", key=name)
    pools = tuple(
        dataclasses.replace(pool, deployment=dataclasses.replace(pool.deployment, **changes))
        for pool in designs.pools
    )
    return Designs(pools)


def with_mapping(designs: Designs, technology: Technology, mapping: str) -> Designs:
    """The same machines with the software record of a mapping mode."""
    if mapping not in MAPPINGS:
        raise ConfigError(
            f"mapping mode {mapping!r} is unknown",
            expected=" or ".join(MAPPINGS),
            suggestions=nearest(mapping, MAPPINGS),
        )
    return with_mapping_mode(designs, technology, mapping)


def with_price(designs: Designs, price: float) -> Designs:
    """The same machines at a price; 0 stands for what they cost to make and to design."""
    pools = (
        dataclasses.replace(pool, price=torch.full_like(pool.price, price))
        for pool in designs.pools
    )
    return Designs(tuple(pools))


def supported_formats(designs: Designs, technology: Technology) -> tuple[str, ...]:
    """Formats that the compute dies of every pool run, in the order of the table."""
    return tuple(
        name
        for row, name in enumerate(technology.names("format"))
        if all(
            bool((format_rate(technology, compute_die(pool), torch.tensor(row)) > 0).all())
            for pool in designs.pools
        )
    )


def supported_format(designs: Designs, technology: Technology, preferred: str = "") -> str:
    """The preferred format if the machine runs it, else the first of `FORMATS` that it runs.

    Raises
    ------
    ConfigError
        When there is none.
    """
    runs = supported_formats(designs, technology)
    for name in (preferred, *FORMATS):
        if name in runs:
            return name
    raise ConfigError("no format that the machine runs", expected="one of " + ", ".join(FORMATS))


def describe_plan(designs: Designs, technology: Technology) -> str:
    """The deployment of one design in words."""
    parts = []
    for pool in designs.pools:
        plan = pool.deployment
        words = [f"TP {int(plan.tensor_parallel)}"]
        if int(plan.pipeline_parallel) > 1:
            words.append(f"PP {int(plan.pipeline_parallel)}")
        words.append(f"batch {int(plan.batch)}")
        words.append(technology.names("format")[int(plan.format)])
        prefix = f"{pool.role}: " if len(designs.pools) > 1 else ""
        parts.append(prefix + ", ".join(words))
    return "; ".join(parts)


def describe_software(designs: Designs, technology: Technology) -> str:
    """Names of the software records in use."""
    return ", ".join(dict.fromkeys(_software(pool, technology) for pool in designs.pools))


def _software(pool: Pool, technology: Technology) -> str:
    return technology.names("software")[int(pool.software.reshape(-1)[0])]
