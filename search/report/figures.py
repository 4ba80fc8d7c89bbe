"""The figures of a page: what is drawn, and what each says to somebody who cannot see it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from plotly import graph_objects

from search.report.content import Bars, Measure, ReportData, Rival
from search.report.plots import (
    plot_bars,
    plot_convergence,
    plot_matrix,
    plot_pareto,
    plot_roofline,
    plot_tornado,
)

SECOND_AXIS = ("package_power_peak", "unit_cost", "ttft")
"""Against which a single objective is drawn."""


@dataclass(frozen=True)
class Figure:
    """A figure of the page: an identity, its JSON and a text in its place."""

    name: str
    text: str  # for readers who cannot see it
    json: Markup
    height: int


@dataclass(frozen=True)
class Stack:
    """A figure of stacked bars with its numbers."""

    figure: Figure
    bars: Bars


@dataclass(frozen=True)
class Figures:
    """All figures of a report; a part without figures is empty."""

    front: tuple[Figure, ...]
    matrix: tuple[Figure, ...]
    convergence: dict[str, Figure]  # by axis
    beside: tuple[Stack, ...]
    own: dict[str, tuple[Stack, ...]]  # by mark of a design
    roofline: tuple[Figure, ...]
    tornados: tuple[tuple[Measure, Figure], ...]


def figures_of(data: ReportData) -> Figures:
    """Draw everything that the records allow."""
    convergence = {}
    if data.progress is not None:
        convergence = {
            "evaluations": _figure(
                plot_convergence(data.progress, data.objectives, "evaluations"),
                "convergence-evaluations",
                "Best feasible values and hypervolume against designs evaluated",
            ),
            "seconds": _figure(
                plot_convergence(data.progress, data.objectives, "seconds"),
                "convergence-seconds",
                "Best feasible values and hypervolume against seconds",
            ),
        }
    roofline: tuple[Figure, ...] = ()
    if data.beside is not None and data.beside.roofline.roofs:
        text = "Roofline: rate against arithmetic intensity of the operators; numbers below"
        roofline = (_figure(plot_roofline(data.beside.roofline), "roofline-plot", text),)
    return Figures(
        front=_front(data),
        matrix=_matrix(data),
        convergence=convergence,
        beside=_stacks(data.beside.bars, "beside") if data.beside else (),
        own={best.mark: _stacks(best.bars, f"own-{best.mark}") for best in data.best},
        roofline=roofline,
        tornados=_tornados(data),
    )


def marked_rivals(data: ReportData) -> list[Rival]:
    """Rivals that the front shows: at market prices where there are any, ours left out."""
    others = [rival for rival in data.rivals if not rival.ours]
    return [rival for rival in others if rival.money == "market"] or others


def front_axes(data: ReportData) -> tuple[Measure, Measure]:
    """The two measures that the front shows at first."""
    first = data.objectives[0]
    if len(data.objectives) > 1:
        return first, data.objectives[1]
    others = [name for name in SECOND_AXIS if name in data.measures and name != first.name]
    return first, data.measures[others[0]] if others else first


def _front(data: ReportData) -> tuple[Figure, ...]:
    if not len(data.cloud):
        return ()
    across, upward = front_axes(data)
    if upward.name not in data.cloud.columns:
        return ()
    rivals = marked_rivals(data)
    text = f"{upward.title} against {across.title} of {len(data.cloud)} designs"
    drawn = [
        _figure(
            plot_pareto(data.cloud, across, upward, data.best, rivals),
            "front-whole",
            f"{text}, with the machines that one can buy",
        )
    ]
    if data.found:
        drawn.append(
            _figure(
                plot_pareto(data.cloud, across, upward, data.best, rivals, close_up=True),
                "front-near",
                f"{text}, around the designs put forward",
            )
        )
    return tuple(drawn)


def _matrix(data: ReportData) -> tuple[Figure, ...]:
    if len(data.objectives) < 3 or not data.found:
        return ()
    figure = plot_matrix(data.cloud, data.objectives, data.best)
    return (_figure(figure, "matrix", "Every pair of objectives of the feasible designs"),)


def _tornados(data: ReportData) -> tuple[tuple[Measure, Figure], ...]:
    if not data.best:
        return ()
    levers = data.best[0].levers
    return tuple(
        (
            objective,
            _figure(
                plot_tornado(levers[objective.name], objective),
                f"tornado-{objective.name}",
                f"What {objective.title} does over the range of each number; numbers below",
            ),
        )
        for objective in data.objectives
        if any(item.swing > 0.0 for item in levers.get(objective.name, ()))
    )


def _stacks(bars: dict[str, Bars], prefix: str) -> tuple[Stack, ...]:
    return tuple(
        Stack(_figure(plot_bars(item), f"{prefix}-{name}", f"{item.title}; numbers below"), item)
        for name, item in bars.items()
    )


def _figure(figure: graph_objects.Figure, name: str, text: str) -> Figure:
    identity = "".join(letter if letter.isalnum() else "-" for letter in name)
    # In a script element only "<" could end it or open a comment.
    content = figure.to_json().replace("<", "\\u003c")
    return Figure(identity, text, Markup(content), int(figure.layout.height))
