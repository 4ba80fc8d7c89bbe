"""Parallel coordinates: each line a feasible design, through its variables and its objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly import graph_objects

from search.display import number, scale_of, words
from search.report.content import Array, Cloud, Measure
from search.report.plots.style import blank_figure

MOST_LINES = 1000
FEW_VALUES = 5


def plot_coordinates(
    cloud: Cloud,
    variables: Sequence[Measure],
    objectives: Sequence[Measure],
    labels: dict[str, Sequence[str]] | None = None,
) -> graph_objects.Figure:
    """Feasible designs, best first by the first objective, coloured by it.

    Parameters
    ----------
    cloud : Cloud
        Designs; its columns hold variables and objectives.
    variables, objectives : sequence of Measure
        Axes from left to right; variables with a single value are left out.
    labels : dict of str to sequence of str, optional
        Names of the choices of a variable whose column holds indices.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    labels = labels or {}
    lead = objectives[0]
    sign = -1.0 if lead.direction == "maximize" else 1.0
    members = np.flatnonzero(cloud.feasible)
    members = members[np.argsort(sign * cloud.columns[lead.name][members], kind="stable")]
    members = members[:MOST_LINES]
    dimensions = [
        _dimension(measure, cloud.columns[measure.name][members], labels.get(measure.name))
        for measure in (*variables, *objectives)
        if measure.name in cloud.columns
        and np.unique(cloud.columns[measure.name][members]).size > 1
    ]
    figure = blank_figure(480)
    if not members.size or not dimensions:
        return figure
    scale = scale_of(lead.unit)
    figure.add_parcoords(
        line={
            "color": scale.apply(cloud.columns[lead.name][members]),
            "colorscale": "Cividis",
            "showscale": True,
            "colorbar": {
                "title": {"text": f"{words(lead.name)}{scale.suffix}", "side": "right"},
                "thickness": 14,
            },
        },
        dimensions=dimensions,
        labelangle=-30,
    )
    figure.update_layout(margin={"l": 60, "r": 60, "t": 140, "b": 30})
    return figure


def _dimension(measure: Measure, values: Array, names: Sequence[str] | None) -> dict[str, Any]:
    scale = scale_of(measure.unit)
    shown = scale.apply(values)
    axis: dict[str, Any] = {"label": f"{words(measure.name)}{scale.suffix}", "values": shown}
    ticks = np.unique(shown)
    if names is not None:
        axis["tickvals"] = list(range(len(names)))
        axis["ticktext"] = list(names)
        axis["range"] = [-0.5, len(names) - 0.5]
    else:  # many axes stand close together: few ticks on each
        chosen = ticks if ticks.size <= FEW_VALUES else ticks[[0, ticks.size // 2, -1]]
        axis["tickvals"] = chosen
        axis["ticktext"] = [number(float(tick)) for tick in chosen]
    return axis
