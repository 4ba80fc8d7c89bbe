"""Every pair of objectives at once: a triangle of scatter plots."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from plotly import graph_objects
from plotly.subplots import make_subplots

from search.display import scale_of
from search.report.content import Best, Cloud, Flags, Measure
from search.report.plots.frames import near
from search.report.plots.style import BLUE, SKY, TEMPLATE, VERMILION

PANEL = 190
"""Height of one panel [pixel]."""
MOST_POINTS = 300
TITLE_WIDTH = 22
"""Letters in a line of an axis' title: the axes are short."""


def plot_matrix(
    cloud: Cloud, objectives: Sequence[Measure], best: Sequence[Best] = ()
) -> graph_objects.Figure:
    """Pairs of objectives of the feasible designs near the front.

    Parameters
    ----------
    cloud : Cloud
        Designs; its columns hold the objectives.
    objectives : sequence of Measure
        Three or more.
    best : sequence of Best
        Designs put forward, marked by a star.

    Returns
    -------
    plotly.graph_objects.Figure
        Row ``i``, column ``j < i``: objective ``i`` against objective ``j``.
    """
    size = len(objectives) - 1
    figure = make_subplots(
        rows=size, cols=size, shared_xaxes=True, shared_yaxes=True,
        horizontal_spacing=0.03, vertical_spacing=0.03,
        specs=[[{} if column <= row else None for column in range(size)] for row in range(size)],
    )  # fmt: skip
    groups = (
        ("feasible", cloud.feasible & ~cloud.front, SKY, 4),
        ("Pareto front", cloud.front, BLUE, 6),
    )
    for row in range(size):
        for column in range(row + 1):
            pair = objectives[column], objectives[row + 1]
            place = {"row": row + 1, "col": column + 1}
            for name, members, colour, width in groups:
                _add(figure, cloud, members, pair, name, colour, width, place)
            figure.add_scatter(
                x=[scale_of(pair[0].unit).apply(item.metrics[pair[0].name]) for item in best],
                y=[scale_of(pair[1].unit).apply(item.metrics[pair[1].name]) for item in best],
                mode="markers",
                marker={"symbol": "star", "size": 12, "color": VERMILION, "line": {"width": 1}},
                hovertext=[f"{item.mark}, {item.label}" for item in best],
                hoverinfo="x+y+text",
                name="put forward",
                legendgroup="put forward",
                showlegend=row == column == 0,
                **place,
            )
            figure.update_xaxes(near(pair[0], cloud, best).layout, **place)
            figure.update_yaxes(near(pair[1], cloud, best).layout, **place)
    for number, measure in enumerate(objectives):
        title = "<br>".join(wrap(f"{measure.title}{scale_of(measure.unit).suffix}", TITLE_WIDTH))
        if number < size:
            figure.update_xaxes(title=title, row=size, col=number + 1)
        if number:
            figure.update_yaxes(title=title, row=number, col=1)
    figure.update_layout(
        template=TEMPLATE,
        height=110 + PANEL * size,
        margin={"l": 90, "r": 16, "t": 40, "b": 80},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0},
    )
    return figure


def _add(
    figure: graph_objects.Figure,
    cloud: Cloud,
    members: Flags,
    pair: tuple[Measure, Measure],
    name: str,
    colour: str,
    width: int,
    place: dict[str, int],
) -> None:
    rows = np.flatnonzero(members)
    if len(rows) > MOST_POINTS:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_POINTS).astype(int)]
    across, upward = pair
    figure.add_scatter(
        x=scale_of(across.unit).apply(cloud.columns[across.name][rows]),
        y=scale_of(upward.unit).apply(cloud.columns[upward.name][rows]),
        mode="markers",
        marker={"color": colour, "size": width, "opacity": 0.8},
        text=[cloud.keys[row] for row in rows],
        hovertemplate="%{x:.4g}, %{y:.4g}<br>%{text}<extra>" + name + "</extra>",
        name=name,
        legendgroup=name,
        showlegend=place == {"row": 1, "col": 1},
        **place,
    )
