"""The designs of a report as a table for the page's own script: numbers as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from search.display import scale_of
from search.report.content import Array, Measure, ReportData, Rival
from search.report.plots.frames import near, whole

DIGITS = 4


def payload(data: ReportData, rivals: Sequence[Rival]) -> dict[str, Any]:
    """Columns, rows, best designs and rivals.

    Parameters
    ----------
    data : ReportData
    rivals : sequence of Rival
        Those that the front's figures mark, in their order.

    Returns
    -------
    dict
        ``columns`` (title, unit, frames, values by row), ``group`` (0 misses a limit, 1 feasible,
        2 on the front), ``evaluations``, ``best`` and ``rivals`` with their metrics.
    """
    cloud = data.cloud
    metrics = _metrics(data)
    goals = {item.name for item in data.objectives}
    columns: dict[str, dict[str, Any]] = {}
    for measure in metrics:
        columns[measure.name] = {
            **_column(data, measure),
            "kind": "objective" if measure.name in goals else "metric",
            "near": near(measure, cloud, data.best).layout,
            "whole": whole(measure, cloud, data.best, rivals).layout,
        }
    for measure in data.variables:
        if measure.name in cloud.columns:
            columns[measure.name] = {**_column(data, measure), "kind": "variable"}
    return {
        "columns": columns,
        "objectives": [item.name for item in data.objectives],
        "group": np.where(cloud.front, 2, np.where(cloud.feasible, 1, 0)).tolist(),
        "evaluations": [key.rpartition(" ")[2] for key in cloud.keys],
        "best": [
            {
                "mark": best.mark,
                "evaluation": best.key.rpartition(" ")[2],
                "values": _named(best.metrics, metrics),
            }
            for best in data.best
        ],
        "rivals": [
            {"name": rival.name, "ours": rival.ours, "values": _named(rival.metrics, metrics)}
            for rival in rivals
        ],
    }


def _metrics(data: ReportData) -> list[Measure]:
    """Objectives, then every other metric of the cloud."""
    goals = {item.name for item in data.objectives}
    rest = [item for name, item in data.measures.items() if name not in goals]
    return [item for item in (*data.objectives, *rest) if item.name in data.cloud.columns]


def _column(data: ReportData, measure: Measure) -> dict[str, Any]:
    values = scale_of(measure.unit).apply(data.cloud.columns[measure.name])
    return {
        "title": measure.title,
        "unit": scale_of(measure.unit).unit,
        "direction": measure.direction,
        "labels": data.labels.get(measure.name),
        "values": rounded(values),
    }


def _named(metrics: dict[str, float], measures: Sequence[Measure]) -> dict[str, float | None]:
    return {
        measure.name: rounded(scale_of(measure.unit).apply(np.array([metrics[measure.name]])))[0]
        for measure in measures
        if measure.name in metrics
    }


def rounded(values: Array) -> list[float | None]:
    """Numbers to a few digits, as JSON can hold them: what is not finite becomes null."""
    return [
        float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()
    ]
