"""How far an objective moves when a number of the technology tables goes to either end."""

from __future__ import annotations

from collections.abc import Sequence

from plotly import graph_objects

from search.report.content import Lever, Measure
from search.report.plots.style import BLUE, ORANGE, blank_figure

MOST_BARS = 12


def plot_tornado(levers: Sequence[Lever], objective: Measure) -> graph_objects.Figure:
    """A pair of bars for each number, the widest on top.

    Parameters
    ----------
    levers : sequence of Lever
        Those without a range are left out.
    objective : Measure
        What moves.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    shown = sorted((item for item in levers if item.swing > 0.0), key=lambda item: -item.swing)
    shown = shown[:MOST_BARS]
    figure = blank_figure(110 + 30 * max(1, len(shown)))
    for title, colour, pattern, changes in (
        ("number at the low end of its range", ORANGE, "/", [item.low for item in shown]),
        ("number at the high end of its range", BLUE, "", [item.high for item in shown]),
    ):
        figure.add_bar(
            y=[item.name.replace("_", " ") for item in shown],
            x=[100.0 * change for change in changes],
            orientation="h",
            name=title,
            marker={
                "color": colour,
                "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": "white"},
            },
            hovertext=[
                f"{item.value} in {item.range}, {item.kind}; "
                f"1 % more of it: {item.elasticity:+.2f} %"
                for item in shown
            ],
            hoverinfo="x+text",
        )
    better = {"minimize": "left is better", "maximize": "right is better"}
    figure.update_layout(barmode="relative", bargap=0.25)
    figure.update_xaxes(
        title=f"change of {objective.title[:1].lower()}{objective.title[1:]} [%] "
        f"({better.get(objective.direction, '')})",
        zeroline=True,
        zerolinewidth=2,
        ticksuffix=" %",
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure
