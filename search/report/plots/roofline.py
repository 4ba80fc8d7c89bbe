"""Operators under the roofs of their machines."""

from __future__ import annotations

import numpy as np
from plotly import graph_objects

from search.display import words
from search.report.content import Roofline, Spot
from search.report.plots.style import BLUE, VERMILION, blank_figure

TERA = 1e12
COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7")
DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = {"prefill": "circle", "decode": "diamond"}
LARGEST, SMALLEST = 26.0, 7.0
"""Size of an operator that takes its whole step, and of the smallest [pixel]."""
MOST_NAMED = 2
"""Operators of a machine and phase that carry their name: those that take most of the step."""


def plot_roofline(roofline: Roofline) -> graph_objects.Figure:
    """Attained rate against arithmetic intensity, both axes logarithmic.

    Parameters
    ----------
    roofline : Roofline
        Rates in op/s, intensities in op/byte.

    Returns
    -------
    plotly.graph_objects.Figure
        A pair of lines for each machine (memory bandwidth, then peak), and its operators:
        circles in prefill, diamonds in decode, the larger the more of the step they take.
    """
    figure = blank_figure(500)
    if not roofline.roofs:
        return figure
    intensities = [spot.intensity for spot in roofline.spots]
    balances = [roof.peak / roof.bandwidth for roof in roofline.roofs]
    low = min([*intensities, *balances]) / 3.0
    high = max([*intensities, *balances]) * 3.0
    for number, roof in enumerate(roofline.roofs):
        balance = roof.peak / roof.bandwidth
        x = np.array([low, balance, high])
        figure.add_scatter(
            x=x,
            y=np.minimum(x * roof.bandwidth, roof.peak) / TERA,
            mode="lines",
            line={"color": COLOURS[number % 4], "dash": DASHES[number % 4], "width": 2},
            name=f"{roof.machine}: {roof.peak / TERA:,.0f} Top/s, "
            f"{roof.bandwidth / TERA:.3g} TB/s, balance {balance:,.0f} op/byte",
            hoverinfo="name",
        )
        for phase in ("prefill", "decode"):
            spots = [
                spot
                for spot in roofline.spots
                if spot.machine == roof.machine and spot.phase.rpartition("/")[2] == phase
            ]
            if spots:
                _add(figure, spots, COLOURS[number % 4], f"{roof.machine}, {phase}", phase)
    figure.update_xaxes(
        title="arithmetic intensity: operations a byte of memory traffic [op/byte]",
        type="log", range=[float(np.log10(low)), float(np.log10(high))], dtick=1,
    )  # fmt: skip
    figure.update_yaxes(title="rate [Top/s]", type="log", dtick=1)
    return figure


def _add(
    figure: graph_objects.Figure, spots: list[Spot], colour: str, name: str, phase: str
) -> None:
    named = sorted(spots, key=lambda spot: -spot.share)[:MOST_NAMED]
    figure.add_scatter(
        x=[spot.intensity for spot in spots],
        y=[spot.rate / TERA for spot in spots],
        mode="markers+text",
        marker={
            "symbol": SYMBOLS[phase],
            "color": colour,
            "opacity": 0.75,
            "size": [max(SMALLEST, LARGEST * spot.share**0.5) for spot in spots],
            "line": {"width": 1},
        },
        text=[words(spot.operator) if spot in named else "" for spot in spots],
        textposition=["top center" if spot in named[1:] else "bottom center" for spot in spots],
        textfont={"size": 11},
        hovertext=[
            f"{name}: {words(spot.operator)}, {spot.share:.0%} of the step" for spot in spots
        ],
        hoverinfo="x+y+text",
        name=name,
    )
