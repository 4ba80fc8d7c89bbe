"""The answer of a study in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from search.display import number, quantity
from search.infeasible import Diagnosis
from search.report.content import Best, Measure, Rival


def headline(
    status: Mapping[str, Any],
    objectives: Sequence[Measure],
    best: Sequence[Best],
    rivals: Sequence[Rival],
    diagnosis: Diagnosis | None,
) -> tuple[str, ...]:
    """Sentences: what was found, how it compares, what binds; or why nothing was found.

    Parameters
    ----------
    status : mapping
        Of the study.
    objectives : sequence of Measure
    best : sequence of Best
        Designs put forward; empty when nothing is feasible.
    rivals : sequence of Rival
        Machines beside them, ours marked.
    diagnosis : Diagnosis or None
        Why nothing is feasible.
    """
    evaluated, feasible = status["evaluations"], status["feasible"]
    searched = f"{evaluated:,} designs were evaluated; {feasible:,} meet every limit."
    if not best:
        reasons = diagnosis.lines() if diagnosis else ["nothing was evaluated"]
        return (f"No design meets every limit. {evaluated:,} were evaluated.", *reasons)
    sentences = []
    for measure in objectives:
        winner = _winner(best, measure)
        word = "Highest" if measure.direction == "maximize" else "Lowest"
        value = quantity(winner.metrics[measure.name], measure.unit)
        sentences.append(
            f"{word} {_lower(measure.title)}: {value}, by {winner.mark}: {winner.summary}."
        )
    sentences += _comparisons(objectives[0], rivals)
    binding = [item.title.lower() for item in best[0].margins if item.state == "binds"]
    if binding:
        sentences.append(f"What binds at {best[0].mark} ({best[0].label}): {', '.join(binding)}.")
    return (*sentences, searched)


def _winner(best: Sequence[Best], measure: Measure) -> Best:
    sign = -1.0 if measure.direction == "maximize" else 1.0
    return min(best, key=lambda item: sign * item.metrics[measure.name])


def _comparisons(measure: Measure, rivals: Sequence[Rival]) -> list[str]:
    """Ours over the best rival, under the best mapping of both, for each kind of money."""
    sentences = []
    for money in dict.fromkeys(rival.money for rival in rivals):
        group = [
            rival
            for rival in rivals
            if (rival.money, rival.mapping) == (money, "optimal")
            and not rival.broken
            and math.isfinite(rival.metrics[measure.name])
        ]
        ours = [r.metrics[measure.name] for r in group if r.ours]
        theirs = sorted(
            (r for r in group if not r.ours),
            key=lambda r: r.metrics[measure.name],
            reverse=measure.direction == "maximize",
        )
        if not ours or not theirs:
            continue
        own = max(ours) if measure.direction == "maximize" else min(ours)
        rival = theirs[0]
        value = rival.metrics[measure.name]
        ratio = own / value if measure.direction == "maximize" else value / own
        price = "what it costs to make" if money == "manufacturing" else "its market price"
        relation = f"{number(ratio, 2)} times ours" if ratio >= 1 else "better than ours"
        sentences.append(
            f"Of the machines that one can buy and that meet the service's limits, {rival.title} "
            f"comes closest: {quantity(value, measure.unit)} at {price} ({relation}), both with "
            "the best mapping found."
        )
    if rivals and not sentences:
        sentences.append("No machine that one can buy meets the limits of the service.")
    return sentences


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
