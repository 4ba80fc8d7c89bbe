"""The front: every design drawn, infeasible ones greyed, best designs and rivals marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from plotly import graph_objects

from search.display import scale_of
from search.report.content import Array, Best, Cloud, Flags, Measure, Rival
from search.report.plots.style import BLACK, BLUE, GREY, SKY, VERMILION, axis_title, blank_figure


def plot_pareto(
    cloud: Cloud,
    across: Measure,
    upward: Measure,
    best: Sequence[Best] = (),
    rivals: Sequence[Rival] = (),
) -> graph_objects.Figure:
    """Two measures of every design.

    Parameters
    ----------
    cloud : Cloud
        Designs; its columns hold both measures.
    across, upward : Measure
        Measures on the two axes.
    best : sequence of Best
        Designs put forward, marked by a star and their label.
    rivals : sequence of Rival
        Machines marked by a square: filled under the optimal mapping, open as shipped.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    figure = blank_figure(520)
    groups: tuple[tuple[str, Flags, str, int, float], ...] = (
        ("misses a limit", ~cloud.feasible, GREY, 5, 0.45),
        ("feasible", cloud.feasible & ~cloud.front, SKY, 6, 0.8),
        ("Pareto front", cloud.front, BLUE, 9, 1.0),
    )
    scales = scale_of(across.unit), scale_of(upward.unit)
    for name, members, colour, size, opacity in groups:
        order = np.flatnonzero(members & np.isfinite(cloud.columns[across.name]))
        order = order[np.argsort(cloud.columns[across.name][order], kind="stable")]
        if not order.size:
            continue
        figure.add_scatter(
            x=scales[0].apply(cloud.columns[across.name][order]),
            y=scales[1].apply(cloud.columns[upward.name][order]),
            mode="lines+markers" if name == "Pareto front" else "markers",
            line={"width": 1, "shape": "hv", "dash": "dot"},
            marker={"color": colour, "size": size, "opacity": opacity},
            text=[cloud.keys[index] for index in order],
            hovertemplate="%{x:.4g}, %{y:.4g}<br>%{text}<extra>" + name + "</extra>",
            name=f"{name} ({order.size})",
        )
    _mark_best(figure, best, across, upward)
    _mark_rivals(figure, rivals, across, upward)
    for measure, scale, update in zip(
        (across, upward), scales, (figure.update_xaxes, figure.update_yaxes), strict=True
    ):
        feasible = cloud.columns[measure.name][cloud.feasible]
        seen = feasible if feasible.size else cloud.columns[measure.name]
        metrics = [item.metrics for item in best] + [rival.metrics for rival in rivals]
        marked = (named.get(measure.name, np.nan) for named in metrics)
        update(title=axis_title(measure), type="log", range=_frame(seen, marked, scale.factor))
    return figure


def _mark_best(
    figure: graph_objects.Figure, best: Sequence[Best], across: Measure, upward: Measure
) -> None:
    shown = [item for item in best if across.name in item.metrics and upward.name in item.metrics]
    if not shown:
        return
    figure.add_scatter(
        x=[scale_of(across.unit).apply(item.metrics[across.name]) for item in shown],
        y=[scale_of(upward.unit).apply(item.metrics[upward.name]) for item in shown],
        mode="markers+text",
        marker={"symbol": "star", "size": 15, "color": VERMILION, "line": {"width": 1}},
        text=[item.mark for item in shown],
        textposition="top right",
        hovertext=[f"{item.label}: {item.key}" for item in shown],
        hoverinfo="x+y+text",
        name="put forward",
    )


def _mark_rivals(
    figure: graph_objects.Figure, rivals: Sequence[Rival], across: Measure, upward: Measure
) -> None:
    for mapping in dict.fromkeys(rival.mapping for rival in rivals):
        shown = [
            rival
            for rival in rivals
            if rival.mapping == mapping and not rival.ours and _finite(rival, across, upward)
        ]
        if not shown:
            continue
        filled = mapping == "optimal"
        figure.add_scatter(
            x=[scale_of(across.unit).apply(rival.metrics[across.name]) for rival in shown],
            y=[scale_of(upward.unit).apply(rival.metrics[upward.name]) for rival in shown],
            mode="markers+text" if filled else "markers",
            marker={"symbol": "square" if filled else "square-open", "size": 10, "color": BLACK},
            text=[rival.name + (" *" if rival.broken else "") for rival in shown],
            textposition="middle right",
            textfont={"size": 11},
            hovertext=[_describe(rival) for rival in shown],
            hoverinfo="x+y+text",
            name=f"rivals, mapping {mapping} (* misses a limit)",
        )


def _frame(values: Array, others: Iterable[float], factor: float) -> list[float]:
    """Range of a logarithmic axis that holds what matters, with a margin."""
    points = np.concatenate([values, np.fromiter(others, dtype=float)]) * factor
    points = points[np.isfinite(points) & (points > 0)]
    if not points.size:
        return [0.0, 1.0]
    low, high = np.log10(points.min()), np.log10(points.max())
    margin = 0.08 * max(high - low, 0.1)
    return [low - margin, high + margin]


def _finite(rival: Rival, *measures: Measure) -> bool:
    return all(np.isfinite(rival.metrics.get(measure.name, np.nan)) for measure in measures)


def _describe(rival: Rival) -> str:
    missed = f"<br>misses {', '.join(rival.broken)}" if rival.broken else ""
    return f"{rival.title}<br>{rival.plan}{missed}"
