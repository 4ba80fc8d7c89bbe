"""The front: every design drawn, infeasible ones greyed, best designs and rivals marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from plotly import graph_objects

from search.display import scale_of
from search.report.content import Best, Cloud, Flags, Measure, Rival
from search.report.plots.frames import Frame, near, whole
from search.report.plots.style import BLACK, BLUE, GREY, SKY, VERMILION, axis_title, blank_figure


def plot_pareto(
    cloud: Cloud,
    across: Measure,
    upward: Measure,
    best: Sequence[Best] = (),
    rivals: Sequence[Rival] = (),
    close_up: bool = False,
) -> graph_objects.Figure:
    """Two measures of every design.

    Parameters
    ----------
    cloud : Cloud
        Designs; its columns hold both measures.
    across, upward : Measure
        Measures on the two axes.
    best : sequence of Best
        Designs put forward, marked by a star and their letter.
    rivals : sequence of Rival
        Machines marked by a square: filled under the optimal mapping, open as shipped.
    close_up : bool
        Whether the axes end around the front; rivals beyond are then outside.

    Returns
    -------
    plotly.graph_objects.Figure
        Each trace says in its ``meta`` which rows of which table it draws.
    """
    figure = blank_figure(470)
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
            name=name,
            meta={"table": "designs", "rows": order.tolist(), "line": name == "Pareto front"},
        )
    _mark_rivals(figure, rivals, across, upward, named=not close_up)
    _mark_best(figure, best, across, upward, named=close_up)
    frames: list[Frame] = [
        near(measure, cloud, best) if close_up else whole(measure, cloud, best, rivals)
        for measure in (across, upward)
    ]
    figure.update_layout(showlegend=not close_up)
    figure.update_xaxes(title=axis_title(across), **frames[0].layout)
    figure.update_yaxes(title=axis_title(upward), **frames[1].layout)
    return figure


def _mark_best(
    figure: graph_objects.Figure,
    best: Sequence[Best],
    across: Measure,
    upward: Measure,
    named: bool,
) -> None:
    rows = [
        row
        for row, item in enumerate(best)
        if across.name in item.metrics and upward.name in item.metrics
    ]
    if not rows:
        return
    shown = [best[row] for row in rows]
    figure.add_scatter(
        x=[scale_of(across.unit).apply(item.metrics[across.name]) for item in shown],
        y=[scale_of(upward.unit).apply(item.metrics[upward.name]) for item in shown],
        mode="markers+text" if named else "markers",
        marker={"symbol": "star", "size": 15, "color": VERMILION, "line": {"width": 1}},
        text=[f"<b>{item.mark}</b>" for item in shown],
        textposition=[("top right", "bottom right", "top left")[row % 3] for row in rows],
        textfont={"size": 15},
        hovertext=[f"{item.mark}, {item.label}: {item.key}" for item in shown],
        hoverinfo="x+y+text",
        name="marked: " + ", ".join(item.mark for item in shown),
        meta={"table": "best", "rows": rows},
    )


def _mark_rivals(
    figure: graph_objects.Figure,
    rivals: Sequence[Rival],
    across: Measure,
    upward: Measure,
    named: bool,
) -> None:
    for mapping in dict.fromkeys(rival.mapping for rival in rivals):
        rows = [
            row
            for row, rival in enumerate(rivals)
            if rival.mapping == mapping and not rival.ours and _finite(rival, across, upward)
        ]
        if not rows:
            continue
        shown = [rivals[row] for row in rows]
        filled = mapping == "optimal"
        figure.add_scatter(
            x=[scale_of(across.unit).apply(rival.metrics[across.name]) for rival in shown],
            y=[scale_of(upward.unit).apply(rival.metrics[upward.name]) for rival in shown],
            mode="markers+text" if filled and named else "markers",
            marker={
                "symbol": "square" if filled else "square-open",
                "size": 10,
                "color": BLACK,
            },
            text=_once([rival.name + (" *" if rival.broken else "") for rival in shown]),
            textposition="middle right",
            textfont={"size": 12},
            hovertext=[_describe(rival) for rival in shown],
            hoverinfo="x+y+text",
            name="rivals, best mapping" if filled else "rivals, as shipped",
            meta={"table": "rivals", "rows": rows, "ink": True, "named": filled and named},
        )


def _once(names: Sequence[str]) -> list[str]:
    """Each name where it appears first: a machine may have a line for every objective."""
    return [name if name not in names[:place] else "" for place, name in enumerate(names)]


def _finite(rival: Rival, *measures: Measure) -> bool:
    return all(np.isfinite(rival.metrics.get(measure.name, np.nan)) for measure in measures)


def _describe(rival: Rival) -> str:
    missed = f"<br>misses {', '.join(rival.broken)}" if rival.broken else ""
    return f"{rival.title}<br>{rival.plan}{missed}"
