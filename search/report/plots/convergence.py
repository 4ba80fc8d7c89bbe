"""How the search converged, against evaluations or against seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from plotly import graph_objects
from plotly.subplots import make_subplots

from search.display import scale_of, words
from search.report.content import Array, Measure, Progress
from search.report.plots.style import (
    GREEN,
    GREY,
    ORANGE,
    PALETTE,
    PURPLE,
    SKY,
    TEMPLATE,
    YELLOW,
    axis_title,
)

AXES = {"evaluations": "designs evaluated", "seconds": "time of the search [s]"}
BANDS = (SKY, YELLOW, PURPLE, GREY, GREEN, ORANGE)
"""Behind the stretches of the samplers, by sampler."""
LOGARITHMIC = 20.0


def plot_convergence(
    progress: Progress,
    objectives: Sequence[Measure],
    against: Literal["evaluations", "seconds"] = "evaluations",
) -> graph_objects.Figure:
    """Best feasible value of each objective, and the hypervolume, after every round.

    Parameters
    ----------
    progress : Progress
        One entry a round.
    objectives : sequence of Measure
        What was optimised; one panel each.
    against : str
        What the common axis shows.

    Returns
    -------
    plotly.graph_objects.Figure
        Panels one below the other; bands behind them name the samplers.
    """
    rows: list[tuple[str, Array]] = [
        (axis_title(measure), scale_of(measure.unit).apply(progress.best[measure.name]))
        for measure in objectives
        if measure.name in progress.best
    ]
    if progress.hypervolume.size and np.isfinite(progress.hypervolume).any():
        rows.append(("Hypervolume, share of the last (higher is better)", progress.hypervolume))
    count = max(1, len(rows))
    figure = make_subplots(
        rows=count,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=min(0.12, 0.4 / count),
        subplot_titles=[title for title, _ in rows],
    )
    figure.update_annotations(x=0.0, xanchor="left", font={"size": 13})
    steps = progress.against(against)
    for row, (title, values) in enumerate(rows, start=1):
        figure.add_scatter(
            x=steps,
            y=values,
            mode="lines+markers",
            line={"shape": "hv", "color": PALETTE[(row - 1) % len(PALETTE)]},
            marker={"size": 4},
            name=title,
            showlegend=False,
            row=row,
            col=1,
        )
        finite = values[np.isfinite(values) & (values > 0)]
        if (
            title[:11] != "Hypervolume"
            and finite.size
            and finite.max() / finite.min() > LOGARITHMIC
        ):
            figure.update_yaxes(type="log", row=row, col=1)
    _bands(figure, progress, against, float(steps[-1]) if steps.size else 0.0)
    figure.update_xaxes(title=AXES[against], row=count, col=1)
    figure.update_layout(
        template=TEMPLATE,
        height=110 + 180 * count,
        margin={"l": 60, "r": 16, "t": 66, "b": 50},
        legend={
            "orientation": "h",
            "yref": "container",
            "yanchor": "top",
            "y": 1.0,
            "xanchor": "left",
            "x": 0.0,
        },
    )
    return figure


def _bands(figure: graph_objects.Figure, progress: Progress, against: str, end: float) -> None:
    """A band behind all panels for each stretch, in the colour of its sampler."""
    samplers = list(dict.fromkeys(stretch.sampler for stretch in progress.stretches))
    shapes = []
    for stretch in progress.stretches:
        low, high = stretch.seconds if against == "seconds" else stretch.evaluations
        if end <= 0.0 or high <= low:
            continue
        colour = BANDS[samplers.index(stretch.sampler) % len(BANDS)]
        shapes.append(
            {
                "type": "rect", "xref": "x", "yref": "paper", "x0": low, "x1": high,
                "y0": 0.0, "y1": 1.0, "fillcolor": colour, "layer": "below", "opacity": 0.22,
                "line": {"width": 0},
            }
        )  # fmt: skip
    figure.update_layout(shapes=shapes)
    for number, sampler in enumerate(samplers):
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=words(sampler), hoverinfo="skip",
            marker={"symbol": "square", "size": 13, "color": BANDS[number % len(BANDS)],
                    "opacity": 0.4},
        )  # fmt: skip
