"""A study's design as the records of a report: knobs, margins, bars, floorplan, evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from costmodel.evaluate import evaluate_pool
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from costmodel.limits import Limits
from costmodel.metrics import METRICS, Metrics
from search.breakdown import bars_of
from search.display import number
from search.grounds import Grounds, grounds_of
from search.pricing import CostModel
from search.report.blocks import package_blocks
from search.report.content import Best, Block, Evidence, Knob, Margin
from search.results import Design
from search.space import Space, Variable

LIMITED = {"package_power": "package_power_peak", "memory_capacity": "memory_used"}
"""Metric that a limit of another name is about."""
FEW_LEVELS = 6


@dataclass(frozen=True)
class Examined:
    """One design, evaluated again with everything that the model says of it."""

    best: Best
    designs: Designs
    grounds: Grounds


def examine(model: CostModel, design: Design, mark: str, label: str) -> Examined:
    """Evaluate one design with its breakdowns, floorplan and elasticities.

    Parameters
    ----------
    model : CostModel
    design : Design
    mark, label : str
        A letter, and what it was picked for.
    """
    x = torch.tensor(design.x, dtype=torch.float64)
    designs = model.decoder.decode(x)
    with torch.no_grad():
        metrics = model.evaluate(designs)
    grounds = grounds_of(model, designs, metrics)
    best = Best(
        mark=mark,
        label=label,
        key=f"evaluation {design.number}",
        summary=summarise(design.variables),
        metrics=design.metrics,
        knobs=knobs(model.decoder.space, design),
        margins=margins(model.limits, metrics, designs, model.technology),
        bars=bars_of(metrics),
        blocks=_blocks(model, designs),
        evidence=Evidence(grounds.assumed, grounds.extrapolation),
    )
    return Examined(best, designs, grounds)


def _blocks(model: CostModel, designs: Designs) -> tuple[Block, ...]:
    with torch.no_grad():
        pool = designs.pools[0]
        result = evaluate_pool(pool, model.workload, model.technology, model.tables)
    return package_blocks(model.technology, pool.package, result.areas, result.floorplan)


def knobs(space: Space, design: Design) -> tuple[Knob, ...]:
    """Every variable that could have been another, and whether it stands at an end."""
    return tuple(
        Knob(variable.name, _shown(value), _range(variable), bound(variable, x))
        for variable, value, x in zip(
            space.variables, design.variables.values(), design.x, strict=True
        )
        if not variable.fixed
    )


def bound(variable: Variable, x: float) -> str:
    """``lowest`` or ``highest`` when an ordered variable is at an end of its range."""
    if not variable.ordered:
        return ""
    return {variable.lower: "lowest", variable.upper: "highest"}.get(x, "")


def _shown(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _range(variable: Variable) -> str:
    if not variable.size:
        return f"{number(variable.low)} to {number(variable.high)}"
    levels = [_shown(level) for level in variable.levels]
    if len(levels) <= FEW_LEVELS or not variable.ordered:
        return ", ".join(levels)
    return f"{levels[0]} to {levels[-1]}, {len(levels)} values"


def margins(
    limits: Limits, metrics: Metrics, designs: Designs, technology: Technology
) -> tuple[Margin, ...]:
    """Every limit and rule of one design of batch ``()``, with its value where it has one."""
    found = []
    for name, violation in zip(metrics.violation_names, metrics.violations.tolist(), strict=True):
        metric = LIMITED.get(name, name)
        spec = METRICS.get(metric)
        limit = getattr(limits, name, None)
        if isinstance(limit, Mapping):
            row = int(designs.pools[0].package.cooling)
            limit = limit.get(technology.names("cooling")[row])
        if spec is None or limit is None:
            found.append(Margin(name, name.replace("_", " "), violation))
        else:
            value = float(metrics[metric])
            found.append(Margin(name, spec.title, violation, float(limit), value, spec.unit))
    return tuple(found)


def summarise(variables: Mapping[str, object]) -> str:
    """A design in words, as far as it has the usual variables."""
    words = []
    for names, phrase in _PHRASES:
        if all(name in variables for name in names):
            shown = {name: _shown(variables[name]).replace("_", " ") for name in names}
            many = {name: "" if shown[name] == "1" else "s" for name in names}
            words.append(phrase.format(**shown, many=many))
    if not words:
        return ", ".join(f"{name} {_shown(value)}" for name, value in variables.items())
    return ", ".join(words)


_PHRASES = (
    (("compute_dies",), "{compute_dies} compute die{many[compute_dies]}"),
    (("node", "voltage_V"), "{node} at {voltage_V} V"),
    (("cores_built",), "{cores_built} cores a die"),
    (("arrays_per_core", "array"),
     "{arrays_per_core} array{many[arrays_per_core]} of {array} x {array} a core"),
    (("l1_MiB",), "{l1_MiB} MiB a core"),
    (("l2_MiB",), "{l2_MiB} MiB shared on a die"),
    (("stacks", "memory"), "{stacks} stack{many[stacks]} of {memory}"),
    (("links", "topology", "domain"), "{links} links ({topology}, domain of {domain})"),
    (("cooling",), "{cooling}"),
    (("tensor_parallel", "batch"), "tensor parallel over {tensor_parallel} at batch {batch}"),
)  # fmt: skip
