"""What is shipped, by name: chips, models, scenarios, samplers, technology, metrics, limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from costmodel.errors import ConfigError, nearest
from costmodel.hardware.system_reading import Fact
from costmodel.numerics.units import from_si
from search.display import number

MOST_NAMES = 30
"""Longer tables are listed by their length."""


@dataclass(frozen=True)
class Listing:
    """A table of names and what is said of them."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def record(self) -> dict[str, Any]:
        """The same as a list of mappings."""
        return {self.title: [dict(zip(self.headings, row, strict=True)) for row in self.rows]}


def listing(subject: str, table: str | None = None) -> Listing:
    """What there is of one kind.

    Parameters
    ----------
    subject : str
        One of `SUBJECTS`.
    table : str, optional
        A table of the technology, for its values one by one.

    Raises
    ------
    ConfigError
        Unknown subject or table, with the nearest one.

    Examples
    --------
    >>> dict((name, title) for name, title in listing("scenarios").rows)["interactive"]
    'Interactive users, 2,048 new tokens after 5,888 cached ones, 512 generated'
    """
    if subject not in SUBJECTS:
        raise ConfigError(
            f"nothing to list under {subject!r}",
            expected="one of " + ", ".join(SUBJECTS),
            suggestions=nearest(subject, SUBJECTS),
        )
    if table is not None:
        if subject != "technology":
            raise ConfigError(f"{subject} has no tables", next_step=f"scoville list {subject}")
        return _technology_table(table)
    return SUBJECTS[subject]()


def _chips() -> Listing:
    from costmodel.hardware.catalog import list_chips, load_chip
    from costmodel.hardware.loading import load_technology

    technology = load_technology()
    rows = []
    for name in list_chips():
        chip = load_chip(name, technology)
        words = [_fact(chip.facts.get(key)) for key in ("die_area", "tdp", "memory_bandwidth")]
        node = technology.names("node")[int(chip.designs.pools[0].package.dies[0].node)]
        rows.append((name, chip.title, node, *words))
    headings = ("name", "title", "node", "die area", "power", "memory bandwidth")
    return Listing("chips", headings, tuple(rows))


def _fact(fact: Fact | None) -> str:
    """A published value in its unit, marked when it is a bound or an estimate."""
    if fact is None:
        return "–"
    mark = {"bound": "at most ", "estimate": "about "}.get(fact.certainty, "")
    return f"{mark}{number(from_si(fact.value, fact.unit))} {fact.unit}"


def _models() -> Listing:
    from costmodel.workload.loading import list_models, load_model

    rows = []
    for name in list_models():
        model = load_model(name)
        shape = f"{model.layers} layers, {model.heads} heads, {model.kv_heads} KV heads"
        rows.append((name, f"{model.parameters / 1e9:.1f} billion", shape))
    return Listing("models", ("name", "parameters", "shape"), tuple(rows))


def _scenarios() -> Listing:
    from costmodel.workload.loading import list_scenarios, load_scenario

    rows = tuple((name, load_scenario(name).title) for name in list_scenarios())
    return Listing("scenarios", ("name", "title"), rows)


def _samplers() -> Listing:
    from search.samplers import SAMPLERS

    rows = tuple(
        (
            name,
            sampler.title,
            sampler.honours_limits or f"no: {sampler.refuses_limits}",
            sampler.several_objectives or f"no: {sampler.refuses_several}",
        )
        for name, sampler in SAMPLERS.items()
    )
    return Listing("samplers", ("name", "title", "limits", "several objectives"), rows)


def _technology() -> Listing:
    from costmodel.hardware.loading import load_technology

    technology = load_technology()
    rows = []
    for name, table in technology.tables.items():
        many = len(table.rows) > MOST_NAMES
        rows.append(
            (name, table.title, f"{len(table.rows)} values" if many else ", ".join(table.rows))
        )
    return Listing("technology", ("table", "title", "rows"), tuple(rows))


def _technology_table(name: str) -> Listing:
    from costmodel.hardware.loading import load_technology

    technology = load_technology()
    technology.table(name)
    rows = []
    for table, row, column, value in technology.entries():
        if table != name:
            continue
        bounds = "" if value.range is None else " to ".join(number(end) for end in value.range)
        shown = f"{number(value.value)} {value.unit}".removesuffix(" 1")
        place = f"{value.file}:{value.line}"
        rows.append((row, column, shown, bounds, value.kind, ", ".join(value.source), place))
    headings = ("row", "column", "value", "range", "kind", "source", "stated in")
    return Listing(f"technology {name}", headings, tuple(rows))


def _metrics() -> Listing:
    from costmodel.metrics import METRICS

    rows = tuple(
        (name, spec.unit, spec.direction, spec.title, spec.definition)
        for name, spec in METRICS.items()
    )
    return Listing("metrics", ("name", "unit", "better", "title", "definition"), rows)


def _limits() -> Listing:
    from search.experiment import LimitsFile

    rows = tuple(
        (key, field.description or "largest value allowed")
        for key, field in LimitsFile.model_fields.items()
    )
    return Listing("limits", ("key under limits:", "meaning"), rows)


SUBJECTS: dict[str, Callable[[], Listing]] = {
    "chips": _chips,
    "models": _models,
    "scenarios": _scenarios,
    "samplers": _samplers,
    "technology": _technology,
    "metrics": _metrics,
    "limits": _limits,
}
