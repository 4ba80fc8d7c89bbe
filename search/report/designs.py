"""A study's design as the records of a report: knobs, margins, bars, floorplan, sensitivities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from costmodel.evaluate import evaluate_pool
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from costmodel.limits import Limits
from costmodel.metrics import METRICS, Metrics
from search.breakdown import bars_of
from search.display import number
from search.evidence import Influence
from search.grounds import Grounds, grounds_of
from search.pricing import CostModel
from search.reach import FEATURE_UNITS, features, known_features
from search.report.blocks import package_blocks
from search.report.content import Best, Drawing, Evidence, Knob, Lever, Margin, Measure, Reach
from search.report.notches import notches
from search.report.relief import LIMITED
from search.results import Design
from search.space import Space, Variable
from search.variables import split_name

FEW_LEVELS = 6
MOST_LEVERS, MOST_STEEP = 12, 4
"""Numbers shown for each objective: by their effect over their range, by their slope."""


@dataclass(frozen=True)
class Examined:
    """One design, evaluated again with everything that the model says of it."""

    best: Best
    designs: Designs
    metrics: Metrics
    grounds: Grounds


def examine(
    model: CostModel, design: Design, mark: str, label: str, objectives: Sequence[Measure]
) -> Examined:
    """Evaluate one design with its breakdowns, floorplan, sensitivities and elasticities.

    Parameters
    ----------
    model : CostModel
    design : Design
    mark, label : str
        A letter, and what it was picked for.
    objectives : sequence of Measure
        What sensitivities are about.
    """
    x = torch.tensor(design.x, dtype=torch.float64)
    designs = model.decoder.decode(x)
    with torch.no_grad():
        metrics = model.evaluate(designs)
    goals = tuple(measure.name for measure in objectives)
    grounds = grounds_of(model, designs, metrics, also=goals)
    best = Best(
        mark=mark,
        label=label,
        key=f"evaluation {design.number}",
        summary=summarise(design.variables, titles(model.technology, design.variables)),
        metrics=design.metrics,
        knobs=knobs(model.decoder.space, design, titles(model.technology, design.variables)),
        margins=margins(model.limits, metrics, designs, model.technology),
        bars=bars_of(metrics),
        drawings=drawings(model, designs, mark),
        evidence=Evidence(
            grounds.assumed, grounds.extrapolation, reach(model, designs, metrics, grounds)
        ),
        notches=notches(model, x, goals),
        levers={name: levers(grounds.influences[name]) for name in goals},
    )
    return Examined(best, designs, metrics, grounds)


def drawings(model: CostModel, designs: Designs, title: str) -> tuple[Drawing, ...]:
    """The packages of a system from above, one for each pool."""
    found = []
    for pool in designs.pools:
        with torch.no_grad():
            result = evaluate_pool(pool, model.workload, model.technology, model.tables)
        blocks = package_blocks(model.technology, pool.package, result.areas, result.floorplan)
        name = title if len(designs.pools) == 1 else f"{title}, {pool.role} pool"
        found.append(Drawing(name, blocks))
    return tuple(found)


def reach(
    model: CostModel, designs: Designs, metrics: Metrics, grounds: Grounds
) -> tuple[Reach, ...]:
    """What lies outside the known chips, beside what they span, the farthest first."""
    values = features(designs, metrics, model.technology)
    known = known_features(model.workload)
    found = []
    for name in grounds.outside:
        span = [chip[name] for chip in known if chip[name] > 0.0]
        spec = METRICS.get(name)
        title, unit = (spec.title, spec.unit) if spec else (name, FEATURE_UNITS[name])
        found.append(Reach(title, values[name], min(span), max(span), unit))
    return tuple(found)


def levers(influences: Sequence[Influence]) -> tuple[Lever, ...]:
    """The numbers that move a metric most over their ranges, and those with the largest slopes."""
    widest = sorted(influences, key=lambda item: -item.swing)[:MOST_LEVERS]
    steepest = [item for item in influences[:MOST_STEEP] if item not in widest]
    return tuple(_lever(item) for item in (*widest, *steepest))


def _lever(influence: Influence) -> Lever:
    value = influence.value
    bounds = value.range_si if value.si else None
    low, high = bounds or (value.si, value.si)
    return Lever(
        name=influence.name,
        value=f"{number(value.value)} {value.unit}".removesuffix(" 1"),
        range="" if value.range is None else " to ".join(number(end) for end in value.range),
        kind=value.kind,
        elasticity=influence.elasticity,
        low=influence.elasticity * (low / value.si - 1.0) if bounds else 0.0,
        high=influence.elasticity * (high / value.si - 1.0) if bounds else 0.0,
    )


def titles(technology: Technology, variables: Mapping[str, object]) -> dict[str, str]:
    """Full names of the choices that are rows of technology tables, by variable."""
    found = {}
    for name, value in variables.items():
        table = technology.tables.get(split_name(name)[1].table)
        if table is not None:
            found[name] = table.titles[table.rows.index(str(value))]
    return found


def knobs(space: Space, design: Design, named: Mapping[str, str]) -> tuple[Knob, ...]:
    """Every variable that could have been another, and whether it stands at an end."""
    return tuple(
        Knob(
            variable.name,
            _shown(value),
            _range(variable),
            bound(variable, x),
            named.get(variable.name, ""),
        )
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


def summarise(variables: Mapping[str, object], named: Mapping[str, str]) -> str:
    """A design in a line of words, as far as it has the usual variables.

    Parameters
    ----------
    variables : mapping
    named : mapping of str to str
        Full names of choices, from `titles`.
    """
    words = []
    for names, phrase in _PHRASES:
        if all(name in variables for name in names):
            shown = {name: _shown(variables[name]).replace("_", " ") for name in names}
            for name in ("node", "memory"):
                if name in named and name in names:
                    first, _, rest = named[name].partition(", ")
                    shown[name] = f"{first} ({rest})" if rest else first
            many = {name: "" if shown[name] == "1" else "s" for name in names}
            words.append(phrase.format(**shown, many=many))
    if not words:
        return ", ".join(f"{name} {_shown(value)}" for name, value in variables.items())
    return ", ".join(words)


_PHRASES = (
    (("compute_dies", "node", "voltage_V"),
     "{compute_dies} compute die{many[compute_dies]} in {node} at {voltage_V} V"),
    (("cores_built", "arrays_per_core", "array"),
     "each with {cores_built} cores of {arrays_per_core} array{many[arrays_per_core]} "
     "of {array} × {array}"),
    (("stacks", "memory"), "{stacks} stack{many[stacks]} of {memory}"),
    (("cooling",), "cooled by {cooling}"),
    (("tensor_parallel", "batch"),
     "{tensor_parallel} package{many[tensor_parallel]} to a model at batch {batch}"),
)  # fmt: skip
