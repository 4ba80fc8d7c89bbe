"""Looks shared by the figures: colours that most eyes can tell apart, axes with units."""

from __future__ import annotations

from typing import Any

from plotly import graph_objects

from search.display import scale_of
from search.report.content import Measure

# Okabe and Ito, "Color universal design" (2008): distinct under the common colour deficiencies.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000",
)  # fmt: skip
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, "#7F7F7F")
GREY = "#A0A0A0"
HATCHES = ("", "/", ".", "x", "-", "|", "+", "\\")
"""Patterns: colours repeat after eight parts, the pattern then tells them apart."""

GRID = "#E3E3E3"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_AXIS = {
    "gridcolor": GRID,
    "linecolor": GREY,
    "zerolinecolor": GREY,
    "automargin": True,
    "title": {"standoff": 8},
    # A decade with 1, 2 and 5: every digit of it would be a row of figures without a scale.
    "minor": {"showgrid": False},
}
TEMPLATE = graph_objects.layout.Template(
    layout={
        "colorway": PALETTE,
        "font": {"family": FONT, "size": 13},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)
"""A few lines in every figure, instead of the kilobytes of plotly's own templates."""


def paint(position: int) -> dict[str, Any]:
    """Colour and pattern of the n-th part of a stack."""
    turn, place = divmod(position, len(PALETTE))
    pattern = {
        "shape": HATCHES[turn % len(HATCHES)],
        "fillmode": "overlay",
        "fgcolor": "white",
        "size": 6,
        "solidity": 0.35,
    }
    return {"color": PALETTE[place], "pattern": pattern}


def axis_title(measure: Measure) -> str:
    """Title of an axis with its unit, and an arrow to the better side."""
    better = {"minimize": " (lower is better)", "maximize": " (higher is better)"}
    return f"{measure.title}{scale_of(measure.unit).suffix}{better.get(measure.direction, '')}"


def blank_figure(height: int = 420) -> graph_objects.Figure:
    """Empty figure in the report's style."""
    figure = graph_objects.Figure()
    figure.update_layout(
        template=TEMPLATE,
        height=height,
        margin={"l": 60, "r": 16, "t": 30, "b": 50},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0},
        hoverlabel={"font": {"family": FONT}},
    )
    return figure
