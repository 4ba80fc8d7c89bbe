"""Where time, energy, area and money go: stacked bars, one stack a bar."""

from __future__ import annotations

from plotly import graph_objects

from search.display import scale_of, words
from search.report.content import Bars, fold_small
from search.report.plots.style import blank_figure, paint

NAMES_A_ROW = 5
"""Entries that a row of the legend holds."""


def plot_bars(bars: Bars) -> graph_objects.Figure:
    """Horizontal stacked bars.

    Parameters
    ----------
    bars : Bars
        ``values [bars, parts]`` in SI; bars are drawn from the top in the order given.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    parts, values = fold_small(bars)
    scale = scale_of(bars.unit)
    rows_of_legend = -(-len(parts) // NAMES_A_ROW)
    figure = blank_figure(100 + 34 * len(bars.bars) + 24 * rows_of_legend)
    names = [words(bar) for bar in bars.bars]
    for position, part in enumerate(parts):
        figure.add_bar(
            y=names,
            x=values[:, position] * scale.factor,
            orientation="h",
            name=words(part),
            marker=paint(position),
            hovertemplate="%{y}: %{x:.3g} " + scale.unit + "<extra>" + words(part) + "</extra>",
        )
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(title=f"{bars.title}{scale.suffix}")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure
