"""What people take out of a study: the front as CSV, the best designs as system files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from search.pareto import front, knee
from search.problem import Problem
from search.storage import write_atomically

BEST_OF_EACH = 5
"""Designs of each objective that are written as system files."""

Describe = Callable[[Tensor, str, tuple[str, ...]], str | None]
"""System file of one design ``[V]`` with a name and notes."""


@dataclass(frozen=True, repr=False)
class Design:
    """One evaluated design.

    Parameters
    ----------
    number : int
        Its ``evaluation`` in the study.
    variables : dict
        As a person reads them, in the units of their names.
    metrics : dict
        SI units.
    violations : dict
        Feasible at most 0.
    x : tuple of float
        Its coordinates in the space.
    """

    number: int
    variables: dict[str, Any]
    metrics: dict[str, float]
    violations: dict[str, float]
    x: tuple[float, ...]

    @property
    def feasible(self) -> bool:
        """Whether every limit holds."""
        return all(value <= 0 for value in self.violations.values())

    def __repr__(self) -> str:
        from search.notebook import design_line

        return design_line(self)

    def _repr_html_(self) -> str:
        from search.notebook import design_page

        return design_page(self).html()


def design_at(problem: Problem, row: int) -> Design:
    """One row of the archive."""
    archive = problem.archive
    x = archive["x"][row].tolist()
    return Design(
        number=row,
        variables=problem.space.describe(x),
        metrics=dict(zip(problem.metric_names, archive["metrics"][row].tolist(), strict=True)),
        violations=dict(
            zip(problem.violation_names, archive["violations"][row].tolist(), strict=True)
        ),
        x=tuple(x),
    )


def picks(problem: Problem) -> dict[str, int]:
    """Names and rows of the designs put forward: the knee, then the best of each objective."""
    objectives, feasible = problem.judged()
    rows = front(objectives, feasible)
    chosen: dict[str, int] = {}
    if len(rows) == 0:
        return chosen
    if objectives.shape[1] > 1:
        chosen["knee"] = int(rows[knee(objectives[rows])])
    candidates = np.flatnonzero(feasible)
    for column, name in enumerate(problem.objective_names):
        for place, row in enumerate(ranked(objectives, candidates, column, BEST_OF_EACH), start=1):
            chosen[f"{name}-{place}"] = row
    return chosen


def ranked(objectives: np.ndarray, rows: np.ndarray, column: int, count: int) -> list[int]:
    """The best rows by one objective; of designs that equal each other in all, the first."""
    order = rows[np.argsort(objectives[rows, column], kind="stable")]
    chosen: list[int] = []
    seen: set[bytes] = set()
    for row in order.tolist():
        if len(chosen) == count:
            break
        values = objectives[row].tobytes()
        if values not in seen:
            seen.add(values)
            chosen.append(row)
    return chosen


def pareto_csv(problem: Problem) -> str:
    """The front as CSV: objectives, variables, every metric in SI units."""
    rows = front(*problem.judged())
    others = [name for name in problem.metric_names if name not in problem.objective_names]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["evaluation", *problem.objective_names, *problem.space.names, *others])
    for row in rows:
        design = design_at(problem, int(row))
        writer.writerow(
            [
                design.number,
                *(design.metrics[name] for name in problem.objective_names),
                *design.variables.values(),
                *(design.metrics[name] for name in others),
            ]
        )
    return text.getvalue()


def write_results(folder: Path, problem: Problem, title: str, describe: Describe) -> None:
    """Write ``pareto.csv`` and ``best/*.yaml``; an empty front leaves only the CSV's header."""
    write_atomically(folder / "pareto.csv", pareto_csv(problem).encode())
    best = folder / "best"
    best.mkdir(exist_ok=True)
    chosen = picks(problem)
    for stale in best.glob("*.yaml"):
        if stale.stem not in chosen:
            stale.unlink()
    for name, row in chosen.items():
        design = design_at(problem, row)
        values = ", ".join(f"{key} {design.metrics[key]:.6g}" for key in problem.objective_names)
        notes = (f"{title}: evaluation {row}, {values} (SI units)",)
        text = describe(torch.tensor(design.x, dtype=torch.float64), name, notes)
        if text is not None:
            write_atomically(best / f"{name}.yaml", text.encode())
