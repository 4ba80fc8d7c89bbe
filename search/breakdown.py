"""Where time, energy, area and money go, as stacked bars of one design."""

from __future__ import annotations

import numpy as np

from costmodel.metrics import Breakdown, Metrics
from search.report.content import Array, Bars

TITLES = {
    "power": "Package power by phase",
    "area": "Area of a compute die",
    "cost": "Manufacturing cost of a package",
    "capex": "Capital for a package in service",
    "hourly": "Cost of a package-hour",
    "wall_power": "Power at the wall for a package",
}
SMALLEST_SHARE = 1e-3
"""Operators under this share of their phase are summed as ``rest``."""
BUSY = (
    "The bar is the time that the operator takes; its colours share it by how long each component "
    "is busy, most of which happens at once."
)


def bars_of(metrics: Metrics) -> dict[str, Bars]:
    """Bars of one design of batch ``()``, by name.

    Parameters
    ----------
    metrics : Metrics
        Values of batch ``()``.

    Returns
    -------
    dict of str to Bars
        ``time <phase>`` by operator and component, ``energy <phase>`` by operator and part (one
        step of one package), then power, area, cost, capital, cost of an hour, power at the wall.
    """
    prefixes = dict.fromkeys(name.rpartition(".")[0] for name in metrics.breakdowns)
    bars: dict[str, Bars] = {}
    for prefix in prefixes:
        start = f"{prefix}." if prefix else ""
        found = {
            name.removeprefix(start): item
            for name, item in metrics.breakdowns.items()
            if name.rpartition(".")[0] == prefix
        }
        pool = prefix.partition(".")[2]
        bars |= {f"{pool} {name}".strip(): item for name, item in _pool_bars(found).items()}
    return bars


def _pool_bars(found: dict[str, Breakdown]) -> dict[str, Bars]:
    latency, busy, energy = found["latency"], found["time"], found["energy"]
    points, operators = latency.labels
    bars: dict[str, Bars] = {}
    shared = shared_busy_time(latency, busy)
    for number, point in enumerate(points):
        bars[f"time {point}"] = _by_operator(
            f"Time of one step, {point}", "s", operators, busy.labels[2], shared[number], BUSY
        )
    for number, point in enumerate(points):
        bars[f"energy {point}"] = _by_operator(
            f"Energy of one step of a package, {point}", "J", operators, energy.labels[2],
            _array(energy)[number], "Without leakage, clock and idle power.",
        )  # fmt: skip
    for name, title in TITLES.items():
        if name in found:
            item = found[name]
            rows = item.labels[0] if len(item.labels) == 2 else ("package",)
            values = _array(item).reshape(len(rows), -1)
            bars[name] = Bars(title, item.unit, rows, item.labels[-1], values)
    return bars


def shared_busy_time(latency: Breakdown, busy: Breakdown) -> Array:
    """Time of each operator ``[P,O]`` shared among its components ``[P,O,C]`` [s]."""
    seconds, parts = _array(latency), _array(busy)
    shared: Array = parts / np.maximum(parts.sum(-1, keepdims=True), 1e-300) * seconds[..., None]
    return shared


def _by_operator(
    title: str,
    unit: str,
    operators: tuple[str, ...],
    parts: tuple[str, ...],
    values: Array,
    note: str,
) -> Bars:
    """Operators that matter, the largest first, and the rest in one bar."""
    totals = values.sum(1)
    order = np.argsort(-totals, kind="stable")
    shown = order[totals[order] > SMALLEST_SHARE * totals.sum()]
    rest = np.setdiff1d(order, shown)
    names = tuple(operators[index] for index in shown)
    rows = values[shown]
    if rest.size and values[rest].any():
        names, rows = (*names, "rest"), np.vstack([rows, values[rest].sum(0)])
    return Bars(title, unit, names, parts, rows, note)


def _array(item: Breakdown) -> Array:
    values: Array = item.values.detach().numpy()
    return values
