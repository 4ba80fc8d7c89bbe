"""The answer of a study in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from search.display import number, percent, quantity, words
from search.infeasible import Diagnosis
from search.report.content import Best, Measure, Point, Progress, Relief, Rival
from search.report.glossary import RULES

SETTLED = 0.001
"""A search stands still while its best values gain less than this share."""
MOST_NAMED = 3
NOTICED = 0.0005
"""Changes smaller than this share do not count."""
KNEE = "the knee of the front"


def headline(
    status: Mapping[str, Any],
    objectives: Sequence[Measure],
    best: Sequence[Best],
    rivals: Sequence[Rival],
    diagnosis: Diagnosis | None,
    progress: Progress | None = None,
    reliefs: Sequence[Relief] = (),
) -> tuple[Point, ...]:
    """What was found and why, how it compares, what binds, what to distrust; or why nothing was.

    Parameters
    ----------
    status : mapping
        Of the study.
    objectives : sequence of Measure
    best : sequence of Best
        Designs put forward, or the one that misses the limits by least.
    rivals : sequence of Rival
        Machines beside them, ours marked.
    diagnosis : Diagnosis or None
        Why nothing is feasible.
    progress : Progress, optional
        How the search converged.
    reliefs : sequence of Relief
        What limits cost, the most costly first.
    """
    if not best:
        return (Point("Answer", "None yet: nothing was evaluated."),)
    if diagnosis is not None:
        return (
            Point("Answer", f"No design meets every limit. {status['evaluations']:,} were tried."),
            Point("Why", _sentence("; ".join(diagnosis.lines()[1:] or diagnosis.lines()))),
            Point("Nearest", f"{best[0].mark} misses by least: {best[0].summary}."),
            Point("Distrust", distrust(best[0])),
        )
    points = [
        Point("Answer", _answer(best[0], objectives)),
        Point("Why", _why(best, objectives)),
        Point("Rivals", " ".join(comparisons(objectives, best[0], rivals))),
        Point("Limits", _limits(best[0], objectives, reliefs)),
        Point("Distrust", distrust(best[0])),
        Point("Search", f"{_search(status, progress)} {_unfinished(best[0], objectives)}".strip()),
    ]
    return tuple(point for point in points if point.text)


def closest(measure: Measure, rivals: Sequence[Rival], money: str) -> Rival | None:
    """The best machine that one can buy and that meets the service's limits, mapped at its best."""
    group = [
        rival
        for rival in rivals
        if not rival.ours
        and (rival.money, rival.mapping) == (money, "optimal")
        and not rival.broken
        and math.isfinite(rival.metrics[measure.name])
    ]
    sign = -1.0 if measure.direction == "maximize" else 1.0
    return min(group, key=lambda rival: sign * rival.metrics[measure.name], default=None)


def times_better(measure: Measure, ours: float, theirs: float) -> float:
    """How many times better ours is, above 1 when it is."""
    return ours / theirs if measure.direction == "maximize" else theirs / ours


def _answer(best: Best, objectives: Sequence[Measure]) -> str:
    values = ", ".join(
        f"{_lower(item.title)} {quantity(best.metrics[item.name], item.unit)}"
        for item in objectives
    )
    return f"Look first at design {best.mark}: {best.summary}. {values[:1].upper()}{values[1:]}."


def _why(best: Sequence[Best], objectives: Sequence[Measure]) -> str:
    """What the other designs put forward give and take against the first one."""
    lead = best[0]
    if len(objectives) == 1:
        item = objectives[0]
        word = "higher" if item.direction == "maximize" else "lower"
        return f"No design that was evaluated has a {word} {_lower(item.title)}."
    if len(best) == 1:
        return f"{lead.mark} is best in every objective at once."
    sentences = [
        f"{lead.mark} is {KNEE}: moving on from it along the front, each objective costs more of "
        "the others than it gains."
    ]
    for other in best[1:]:
        changes = [_change(item, lead, other) for item in objectives]
        sentences.append(f"{other.mark} ({other.label}) has {_list(changes)}.")
    return " ".join(sentences)


def _change(measure: Measure, lead: Best, other: Best) -> str:
    ratio = other.metrics[measure.name] / lead.metrics[measure.name] - 1.0
    title = _lower(measure.title)
    if abs(ratio) < 5e-4:
        return f"the same {title}"
    return f"{percent(abs(ratio))} {'higher' if ratio > 0 else 'lower'} {title}"


def comparisons(objectives: Sequence[Measure], best: Best, rivals: Sequence[Rival]) -> list[str]:
    """The first design put forward against the closest rival, for each kind of money."""
    measure = objectives[0]
    sentences = []
    for money in dict.fromkeys(rival.money for rival in rivals):
        rival = closest(measure, rivals, money)
        if rival is None:
            continue
        price = "At what it costs to make" if money == "manufacturing" else "At market prices"
        value = quantity(rival.metrics[measure.name], measure.unit)
        factors = [_against(item, best, rival) for item in objectives if item.name in rival.metrics]
        note = f" ({rival.note})" if rival.note else ""
        sentences.append(
            f"{price}, the closest that one can buy is {rival.title} with {value}{note}: "
            f"{best.mark} is {_list(factors)}."
        )
    if rivals and not sentences:
        return ["No machine that one can buy meets the limits of the service."]
    if sentences:
        sentences.append("Both sides have the best mapping that the model finds.")
    return sentences


def _against(measure: Measure, best: Best, rival: Rival) -> str:
    ratio = times_better(measure, best.metrics[measure.name], rival.metrics[measure.name])
    better = ratio >= 1.0
    factor = number(ratio if better else 1.0 / ratio, 2)
    return f"{factor} times {'better' if better else 'worse'} in {_lower(measure.title)}"


def _limits(best: Best, objectives: Sequence[Measure], reliefs: Sequence[Relief]) -> str:
    binding = [
        f"{item.title.lower()} ({RULES[item.name]})"
        if item.limit is None and item.name in RULES
        else item.title.lower()
        for item in best.margins
        if item.state == "binds"
    ]
    if not binding:
        near = max(best.margins, key=lambda item: item.violation)
        return f"None binds at {best.mark}; the nearest is {near.title.lower()}."
    verb = "binds" if len(binding) == 1 else "bind"
    named = _list(binding)
    text = f"{named[:1].upper()}{named[1:]} {verb} at {best.mark}."
    if reliefs and max(reliefs[0].gains.values()) > 0.0:
        first = reliefs[0]
        gains = [
            f"{percent(first.gains[item.name])} in {_lower(item.title)}"
            for item in objectives
            if first.gains[item.name] > 0.0
        ]
        text += (
            f" If {first.title.lower()} gave {_rounded(first.share)}, the best would improve by at "
            f"least {_list(gains)}."
        )
    return text


def distrust(best: Best) -> str:
    """What a reader should doubt about a design, the largest doubts first."""
    sentences = []
    evidence = best.evidence
    if evidence is not None:
        shares = [
            f"{_rounded(share)} of what moves its {name}"
            for name, share in evidence.assumed.items()
        ]
        sentences.append(f"Assumed numbers are {_list(shares)}.")
        if evidence.outside:
            far = [
                f"{_lower(item.title)} (by a factor of {number(item.times, 2)})"
                for item in evidence.outside[:MOST_NAMED]
            ]
            sentences.append(
                f"{best.mark} goes beyond every chip that the model was checked on: {_list(far)}."
            )
    ends = [words(knob.name) for knob in best.knobs if knob.bound]
    if ends:
        sentences.append(
            f"At an end of the searched range, so that the range may have decided: {_list(ends)}."
        )
    return " ".join(sentences)


def _search(status: Mapping[str, Any], progress: Progress | None) -> str:
    evaluated, feasible = status["evaluations"], status["feasible"]
    text = f"{evaluated:,} designs were evaluated; {feasible:,} meet every limit."
    if progress is None or not progress.evaluations.size:
        return text
    still = settled(progress)
    if still > 0.25:
        return f"{text} The last {_rounded(still)} of them did not improve the best values."
    return f"{text} It was still finding better ones near the end: give it a larger budget."


def better_turns(best: Best, objectives: Sequence[Measure]) -> list[str]:
    """Single changes of a design that miss no limit and are better in every objective."""
    signs = {item.name: -1.0 if item.direction == "maximize" else 1.0 for item in objectives}
    return [
        f"{words(notch.name)} {words(turn.value)}"
        for notch in best.notches
        for turn in notch.turns
        if not turn.broken
        and all(sign * turn.changes[name] < -NOTICED for name, sign in signs.items())
    ]


def _unfinished(best: Best, objectives: Sequence[Measure]) -> str:
    better = better_turns(best, objectives)
    if not better:
        return ""
    shown = _list(better[:MOST_NAMED])
    return (
        f"{best.mark} is not the end of the road: a single change makes it better in "
        f"{'every objective' if len(objectives) > 1 else 'its objective'} ({shown})."
    )


def settled(progress: Progress) -> float:
    """Share of the evaluations at the end in which no objective's best gained noticeably."""
    total = progress.evaluations[-1]
    latest = 0.0
    for values in progress.best.values():
        last = values[-1]
        far = ~(abs(values - last) <= SETTLED * abs(last))
        if far.any():
            latest = max(latest, float(progress.evaluations[far.nonzero()[0][-1]]))
    return 1.0 - latest / total if total else 0.0


def _rounded(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _list(items: Sequence[str]) -> str:
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
