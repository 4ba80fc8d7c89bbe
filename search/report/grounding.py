"""Assumed numbers behind the designs put forward, and where every number comes from."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.hardware.technology import Technology
from costmodel.metrics import METRICS
from search.display import number
from search.evidence import Influence
from search.report.content import Assumption, Source
from search.report.designs import Examined

SOFT = ("assumed", "estimated")
MOST_ASSUMPTIONS = 60


def assumed(examined: Sequence[Examined]) -> tuple[Assumption, ...]:
    """Assumed and estimated numbers behind the designs, those that move a metric most first."""
    strongest: dict[str, tuple[float, str, Influence]] = {}
    for item in examined:
        for metric, influences in item.grounds.influences.items():
            for influence in influences:
                if influence.value.kind not in SOFT:
                    continue
                weight = max(influence.swing, abs(influence.elasticity))
                if weight > strongest.get(influence.name, (0.0,))[0]:
                    strongest[influence.name] = (weight, metric, influence)
    ordered = sorted(strongest.values(), key=lambda entry: -entry[0])[:MOST_ASSUMPTIONS]
    return tuple(_assumption(metric, influence) for _, metric, influence in ordered)


def _assumption(metric: str, influence: Influence) -> Assumption:
    value = influence.value
    bounds = "" if value.range is None else " to ".join(number(end) for end in value.range)
    effect = f"1 % of it moves {METRICS[metric].title.lower()} by {influence.elasticity:+.2f} %"
    return Assumption(
        name=influence.name,
        value=f"{number(value.value)} {value.unit}".removesuffix(" 1"),
        range=bounds,
        kind=value.kind,
        source=", ".join(value.source),
        note="; ".join(part for part in (effect, value.note) if part),
    )


def sources(technology: Technology, examined: Sequence[Examined]) -> tuple[Source, ...]:
    """Sources of every number that moves a metric of a design put forward."""
    used = {
        key
        for item in examined
        for influences in item.grounds.influences.values()
        for influence in influences
        for key in influence.value.source
    }
    return tuple(
        Source(
            source.key,
            " ".join(part for part in (source.title, source.note) if part),
            source.url if source.url.startswith("http") else "",
        )
        for source in technology.citations(iter(sorted(used)))
    )
