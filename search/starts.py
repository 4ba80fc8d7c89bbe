"""Designs that a study evaluates before its sampler begins.

A warm start takes the best designs of another study, which may have searched another space. A
rescore takes every design that the study itself had evaluated, with the scores that it had.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from costmodel.errors import StudyError
from search import evaluations, manifest
from search.evaluations import VIOLATION, to_numpy
from search.pareto import front
from search.problem import Problem
from search.space import Space, Variable
from search.storage import JOURNAL, read_commits

STARTS = "starts.parquet"
WARM_START, RESCORE = "warm_start", "rescore"
NEAREST = 64
"""Designs that a warm start takes from a study without a feasible one."""
ABOUT = b"scoville"
"""Key of the file's metadata."""


@dataclass(frozen=True)
class Starts:
    """What to evaluate first.

    Parameters
    ----------
    x : Tensor [N,V]
    kind : str
        `WARM_START` or `RESCORE`; the rows of these designs carry it as their sampler.
    origin : str
        Folder that they come from.
    sentence : str
        What was taken over, for people.
    seconds, meter
        What the study had spent before; a rescored study goes on counting.
    """

    x: Tensor
    kind: str = WARM_START
    origin: str = ""
    sentence: str = ""
    seconds: float = 0.0
    meter: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)


def nothing(space: Space) -> Starts:
    """A study that begins from scratch."""
    return Starts(torch.zeros(0, len(space.variables), dtype=torch.float64))


def write(path: Path, table: pa.Table, about: dict[str, Any]) -> None:
    """Write designs, with the scores that they had."""
    noted = table.replace_schema_metadata({ABOUT: json.dumps(about).encode()})
    evaluations.write(path, noted, {})


def read(folder: Path, space: Space) -> Starts:
    """Designs of a study's folder to evaluate first."""
    path = folder / STARTS
    if not path.exists():
        return nothing(space)
    present = set(pq.read_schema(path).names)
    table = pq.read_table(path, columns=[name for name in space.names if name in present])
    about = json.loads(table.schema.metadata[ABOUT])
    x, inside = space.encode({name: to_numpy(table, name) for name in table.column_names})
    if about["kind"] == RESCORE and not inside.all():
        raise StudyError(f"{path} holds designs outside the space of experiment.yaml")
    return Starts(torch.from_numpy(x[inside]), **about)


def scores(folder: Path) -> pa.Table:
    """The designs with the scores that they had."""
    return pq.read_table(folder / STARTS)


def from_study(origin: Path, problem: Problem) -> tuple[pa.Table, dict[str, Any]]:
    """The best designs of another study as starts of a problem.

    Its front by this problem's objectives, or the designs nearest to its limits when none meets
    them. A number that is no level here becomes the nearest one; a design beyond the ends of this
    space is left out; a variable that was not searched there stands in the middle of its range.

    Raises
    ------
    StudyError
        When nothing can be taken over.
    """
    manifest.read(origin)
    files = [c["chunk"] for c in read_commits(origin / JOURNAL) if c["chunk"]]
    if not files:
        raise StudyError(f"{origin} has no evaluations yet", next_step=f"scoville resume {origin}")
    table = evaluations.read([origin / name for name in files])
    rows, what = _best(origin, table, problem)
    chosen = table.take(rows)
    columns, inside, outside = {}, np.ones(len(rows), dtype=bool), []
    missing = [v.name for v in problem.space.variables if v.name not in table.column_names]
    for variable in problem.space.variables:
        if variable.name in missing:
            columns[variable.name] = np.full(len(rows), _middle(variable))
            continue
        columns[variable.name], within = _fitted(variable, to_numpy(chosen, variable.name))
        inside &= within
        if not within.all():
            outside.append(variable.name)
    sentence = f"warm start from {origin}: {int(inside.sum())} of {what} taken over"
    if outside:
        sentence += f", {int((~inside).sum())} lie outside this space ({', '.join(outside)})"
    searched = [name for name in missing if problem.space.names.index(name) in problem.space.free]
    if searched:
        sentence += f"; not searched there and set to the middle: {', '.join(searched)}"
    if not inside.any():
        raise StudyError(
            sentence,
            expected="designs within this space",
            next_step="widen the space, or run without --warm-start",
        )
    kept = {name: column[inside].tolist() for name, column in columns.items()}
    about = {"kind": WARM_START, "origin": str(origin), "sentence": sentence}
    return pa.table(kept), about


def _best(origin: Path, table: pa.Table, problem: Problem) -> tuple[np.ndarray, str]:
    """Rows to take over, and what they are in words."""
    for goal in problem.goals:
        if goal.metric not in table.column_names:
            raise StudyError(
                f"{origin} has no metric {goal.metric}",
                expected="a study that knows the objectives of this one",
            )
    metrics = [to_numpy(table, goal.metric) for goal in problem.goals]
    signs = [-1.0 if goal.maximize else 1.0 for goal in problem.goals]
    objectives = np.stack([sign * column for sign, column in zip(signs, metrics, strict=True)], 1)
    rows = front(objectives, to_numpy(table, "feasible").astype(bool))
    if len(rows):
        return rows, f"the {len(rows)} designs of its front"
    names = [name for name in table.column_names if name.startswith(VIOLATION)]
    broken = sum(np.clip(to_numpy(table, name), 0.0, 1e30) for name in names)
    rows = np.argsort(broken, kind="stable")[:NEAREST]
    return rows, f"the {len(rows)} designs that come nearest to its limits"


def _middle(variable: Variable) -> Any:
    if not variable.size:
        return (variable.low + variable.high) / 2
    return variable.levels[(variable.size - 1) // 2 if variable.ordered else 0]


def _fitted(variable: Variable, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of another space as values of a variable, and which of them lie within it."""
    levels = np.asarray(variable.levels)
    if variable.size and not variable.ordered:
        column = column.astype(str)
        return column, np.isin(column, levels)
    if column.dtype.kind not in "iuf":
        return np.full(len(column), _middle(variable)), np.zeros(len(column), dtype=bool)
    low, high = (min(levels), max(levels)) if variable.size else (variable.low, variable.high)
    within = (column >= low) & (column <= high)
    if variable.size:
        column = levels[np.abs(column[:, None] - levels[None, :]).argmin(1)]
    return column, within
