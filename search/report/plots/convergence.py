"""How the search converged, against evaluations and against seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from plotly import graph_objects
from plotly.subplots import make_subplots

from search.display import scale_of
from search.report.content import Array, Measure, Progress
from search.report.plots.style import PALETTE, TEMPLATE, axis_title


def plot_convergence(progress: Progress, objectives: Sequence[Measure]) -> graph_objects.Figure:
    """Best feasible value of each objective, and the hypervolume, after every round.

    Parameters
    ----------
    progress : Progress
        One entry a round.
    objectives : sequence of Measure
        What was optimised; one row of panels each.

    Returns
    -------
    plotly.graph_objects.Figure
        Left panels against evaluated designs, right panels against seconds.
    """
    rows: list[tuple[str, Array]] = [
        (axis_title(measure), scale_of(measure.unit).apply(progress.best[measure.name]))
        for measure in objectives
        if measure.name in progress.best
    ]
    if progress.hypervolume.size and np.isfinite(progress.hypervolume).any():
        rows.append(("hypervolume, share of the last", progress.hypervolume))
    figure = make_subplots(
        rows=max(1, len(rows)),
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=[text for title, _ in rows for text in (title, "")],
    )
    for row, (title, values) in enumerate(rows, start=1):
        for column, steps in enumerate((progress.evaluations, progress.seconds), start=1):
            figure.add_scatter(
                x=steps,
                y=values,
                mode="lines+markers",
                line={"shape": "hv", "color": PALETTE[row - 1]},
                marker={"size": 5},
                name=title,
                showlegend=False,
                row=row,
                col=column,
            )
    figure.update_xaxes(title="designs evaluated", row=len(rows), col=1)
    figure.update_xaxes(title="time [s]", row=len(rows), col=2)
    figure.update_layout(
        template=TEMPLATE,
        height=90 + 250 * max(1, len(rows)),
        margin={"l": 60, "r": 20, "t": 40, "b": 60},
    )
    return figure
