"""What part of an axis is drawn: everything, or the neighbourhood of the front."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from search.display import number, scale_of
from search.report.content import Array, Best, Cloud, Measure, Rival

LOGARITHMIC = 8.0
"""From this ratio between its ends on, an axis of positive numbers is logarithmic."""
MANY_DECADES = 2.6
"""From this many on only the decades are named."""
BESIDE, BEHIND = 0.35, 2.0
"""Spans of the front that are shown around it, and behind it on the worse side."""
LEAST_SPAN, SINGLE_SPAN = 0.03, 0.25
"""A front, or a single design, narrower than this share of its values is given so much room."""


@dataclass(frozen=True)
class Frame:
    """Ends of an axis in the unit that it shows."""

    low: float
    high: float
    logarithmic: bool = False

    @property
    def layout(self) -> dict[str, object]:
        """The same for a plotly axis."""
        if not self.logarithmic:
            return {
                "type": "linear", "range": [self.low, self.high], "tickmode": "auto",
                "tickvals": [], "ticktext": [],
            }  # fmt: skip
        ends = [float(np.log10(self.low)), float(np.log10(self.high))]
        digits = (1, 2, 5) if ends[1] - ends[0] < MANY_DECADES else (1,)
        decades = range(int(np.floor(ends[0])), int(np.ceil(ends[1])) + 1)
        ticks = [digit * 10.0**decade for decade in decades for digit in digits]
        ticks = [tick for tick in ticks if self.low <= tick <= self.high]
        return {
            "type": "log", "range": ends, "tickmode": "array", "tickvals": ticks,
            "ticktext": [number(tick, 1) for tick in ticks],
        }  # fmt: skip


def whole(
    measure: Measure, cloud: Cloud, best: Iterable[Best] = (), rivals: Iterable[Rival] = ()
) -> Frame:
    """Every feasible design drawn (or every design when none is), best designs and rivals."""
    column = cloud.columns[measure.name]
    seen = column[cloud.feasible] if cloud.feasible.any() else column
    named = [item.metrics for item in best] + [rival.metrics for rival in rivals]
    marked = np.array([metrics.get(measure.name, np.nan) for metrics in named])
    return _framed(measure, np.concatenate([seen, marked]))


def near(measure: Measure, cloud: Cloud, best: Iterable[Best] = ()) -> Frame:
    """The front with room around it, most of it on the worse side."""
    column = cloud.columns[measure.name]
    marked = np.array([item.metrics.get(measure.name, np.nan) for item in best])
    points = np.concatenate([column[cloud.front], marked])
    points = points[np.isfinite(points)]
    if not points.size:
        return whole(measure, cloud, best)
    low, high = float(points.min()), float(points.max())
    least = LEAST_SPAN if len(points) > 2 else SINGLE_SPAN
    span = max(high - low, least * max(abs(low), abs(high)))
    below, above = BESIDE * span, BESIDE * span
    if measure.direction == "maximize":
        below = BEHIND * span
    elif measure.direction == "minimize":
        above = BEHIND * span
    scale = scale_of(measure.unit)
    if low > 0.0:
        below = min(below, 0.9 * low)
    return Frame(scale.apply(low - below), scale.apply(high + above))


def _framed(measure: Measure, values: Array) -> Frame:
    shown = scale_of(measure.unit).apply(values[np.isfinite(values)])
    if not shown.size:
        return Frame(0.0, 1.0)
    low, high = float(shown.min()), float(shown.max())
    if low > 0.0 and high / low >= LOGARITHMIC:
        margin = (high / low) ** 0.06
        return Frame(low / margin, high * margin, logarithmic=True)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return Frame(low - margin, high + margin)
