"""Where time, energy, area and money go: stacked bars, one stack a bar."""

from __future__ import annotations

from plotly import graph_objects

from search.display import number, scale_of, words
from search.report.content import Bars, fold_small
from search.report.plots.style import blank_figure, paint

HEIGHT, BAR_HEIGHT = 92, 32
"""Of a figure without bars, and of each bar [pixel]."""
FEW_BARS = 8
"""Up to this many bars carry their total at the end."""


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
    figure = blank_figure(HEIGHT + BAR_HEIGHT * len(bars.bars))
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
    totals = zip(names, (values.sum(1) * scale.factor).tolist(), strict=True)
    ends = [
        {"x": total, "y": name, "text": f"<b>{number(total)}</b>", "showarrow": False,
         "xanchor": "left", "xshift": 4, "font": {"size": 12}}
        for name, total in totals
    ]  # fmt: skip
    if len(bars.bars) <= FEW_BARS:
        figure.update_layout(annotations=ends)
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    longest = float(values.sum(1).max(initial=0.0)) * scale.factor
    figure.update_xaxes(title=f"{bars.title}{scale.suffix}", range=[0.0, 1.12 * longest or 1.0])
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure
