"""The designs that a report draws: the whole front, and a part of the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from search.pareto import front
from search.report.content import Array, Cloud, Flags, Measure
from search.study import Study

Rows = npt.NDArray[np.int64]

MOST_ON_FRONT, MOST_FEASIBLE, MOST_OTHERS = 600, 600, 300
"""Designs drawn: a page holds so many numbers."""


def sample(study: Study, objectives: Sequence[Measure], picked: Sequence[int] = ()) -> Cloud:
    """The front, feasible designs near it and over the whole study, a part of the others.

    Parameters
    ----------
    study : Study
        Read.
    objectives : sequence of Measure
    picked : sequence of int
        Rows that are drawn in any case.

    Returns
    -------
    Cloud
        With a column for each metric and each variable that was searched.
    """
    archive, space = study.problem.archive, study.problem.space
    kept = np.asarray(picked, dtype=np.int64)
    minimised, feasible = study.problem.judged()
    on_front = np.zeros(archive.count, dtype=bool)
    edge = front(minimised, feasible)
    on_front[edge] = True
    ends = minimised[edge].argmin(0) if len(edge) else []
    shown_front = np.unique(np.concatenate([_even(edge, MOST_ON_FRONT), edge[ends], kept]))
    inner = np.flatnonzero(feasible & ~on_front)
    near = inner[np.argsort(_distance(minimised, on_front)[inner], kind="stable")]
    near, rest = near[: MOST_FEASIBLE // 2], np.sort(near[MOST_FEASIBLE // 2 :])
    others = _even(np.flatnonzero(~feasible), MOST_OTHERS)
    shown = np.unique(
        np.concatenate([shown_front, near, _even(rest, MOST_FEASIBLE - len(near)), others])
    )
    names = list(dict.fromkeys([*(item.name for item in objectives), *study.problem.metric_names]))
    columns: dict[str, Array] = {
        name: archive["metrics"][shown, study.problem.metric_names.index(name)] for name in names
    }
    x = archive["x"][shown]
    values = space.columns(x)
    for index, variable in enumerate(space.variables):
        if not variable.fixed:
            choice = bool(variable.size) and not variable.ordered
            columns[variable.name] = x[:, index] if choice else values[variable.name].astype(float)
    return Cloud(
        columns,
        feasible[shown],
        on_front[shown],
        tuple(f"evaluation {row}" for row in shown),
        evaluated=archive.count,
        meeting=int(feasible.sum()),
    )


def _distance(minimised: Array, on_front: Flags) -> Array:
    """How far each design is behind the best of each objective, in spans of the front ``[N]``."""
    if not on_front.any():
        return np.zeros(len(minimised))
    best, worst = minimised[on_front].min(0), minimised[on_front].max(0)
    span = np.where(worst > best, worst - best, np.abs(best) + 1e-300)
    distance: Array = ((minimised - best) / span).sum(1)
    return distance


def _even(rows: Rows, most: int) -> Rows:
    if len(rows) <= most:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)])
