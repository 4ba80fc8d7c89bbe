"""The only thing that samplers see: designs in, objectives and violations out.

`Problem` is the interface and does the common work: it answers repeated designs from what the
study already knows and counts every evaluation. What is evaluated comes from a `Model`; the cost
model is one (`search.pricing`), tests use small analytic ones.

Dimension letters: B designs, V variables, M objectives, G violations, K metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from costmodel.errors import ScovilleError
from costmodel.numerics.batches import NARROW, Piece, pieces
from search.executors.local import LocalExecutor
from search.meter import Meter
from search.space import Space, keys

Weights = Callable[[Tensor, Tensor, slice], tuple[Tensor, Tensor]]
"""From objectives ``[B,M]`` and violations ``[B,G]`` of some rows to their weights in a sum."""


@dataclass(frozen=True)
class Goal:
    """One objective: a metric and its direction."""

    metric: str
    maximize: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a model says of a batch: metrics ``[B,K]`` in SI, violations ``[B,G]``, work."""

    metrics: Tensor
    violations: Tensor
    mappings: int = 0


class Model(Protocol):
    """Something that can be asked about designs of a space."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, K of them."""

    @property
    def violation_names(self) -> tuple[str, ...]:
        """Names of the violations, G of them."""

    def __call__(self, values: Tensor, relax: float) -> Outcome:
        """Metrics and violations of values ``[B,V]`` (see `Space.values`)."""


@dataclass(frozen=True)
class Evaluation:
    """Objectives (minimised), violations (feasible at most 0) and metrics of a batch."""

    objectives: Tensor  # [B,M]
    violations: Tensor  # [B,G]
    metrics: Tensor  # [B,K] SI units
    fresh: Tensor  # [B] first time that the study sees this design

    @property
    def total_violation(self) -> Tensor:
        """Sum of what exceeds the limits ``[B]``; 0 is feasible."""
        return torch.clamp(self.violations, 0.0, 1e30).sum(-1)

    @property
    def feasible(self) -> Tensor:
        """Whether every limit holds ``[B]``."""
        return (self.violations <= 0).all(-1)

    def __getitem__(self, rows: Tensor) -> Evaluation:
        """The same record of some rows."""
        return Evaluation(
            self.objectives[rows], self.violations[rows], self.metrics[rows], self.fresh[rows]
        )


@dataclass(frozen=True)
class Batch:
    """Canonical designs ``[B,V]`` and the rows of the distinct unknown ones ``[N]``."""

    x: Tensor
    rows: np.ndarray


class Archive:
    """Every distinct design of a study, in the order of evaluation; grows by doubling."""

    def __init__(self, widths: dict[str, int]) -> None:
        self.count = 0
        self._arrays = {name: np.zeros((1024, width)) for name, width in widths.items()}
        self._sorted = np.zeros(0, dtype=np.uint64)
        self._order = np.zeros(0, dtype=np.int64)

    def __getitem__(self, name: str) -> np.ndarray:
        """One array ``[N, width]``; a view."""
        return self._arrays[name][: self.count]

    def append(self, **arrays: np.ndarray) -> None:
        """Add rows to every array."""
        added = len(arrays["x"])
        total = self.count + added
        for name, array in self._arrays.items():
            if total > len(array):
                grown = np.zeros((max(total, 2 * len(array)), array.shape[1]))
                grown[: self.count] = array[: self.count]
                self._arrays[name] = grown
            self._arrays[name][self.count : total] = arrays[name]
        new = keys(arrays["x"])
        merged = np.concatenate([self._sorted, new])
        order = np.argsort(merged, kind="stable")
        rows = np.concatenate([self._order, np.arange(self.count, total)])
        self._sorted, self._order, self.count = merged[order], rows[order], total

    def find(self, x: np.ndarray) -> np.ndarray:
        """Row of each design ``[N, V] -> [N]``, -1 for an unknown one."""
        rows = np.full(len(x), -1, dtype=np.int64)
        if self.count == 0 or len(x) == 0:
            return rows
        wanted = keys(x)
        place = np.minimum(np.searchsorted(self._sorted, wanted), self.count - 1)
        candidate = self._order[place]
        same = (self._sorted[place] == wanted) & (self["x"][candidate] == x).all(1)
        rows[same] = candidate[same]
        return rows


class Problem:
    """Designs of a space, judged by a model.

    Parameters
    ----------
    space : Space
    model : Model
    goals : tuple of Goal
        Objectives, by metric name.
    executor : LocalExecutor, optional
        Where chunks are evaluated.
    """

    def __init__(
        self,
        space: Space,
        model: Model,
        goals: tuple[Goal, ...],
        executor: LocalExecutor | None = None,
    ) -> None:
        self.executor = executor or LocalExecutor()
        self.space = space
        self.model = model
        self.goals = goals
        self.meter = Meter()
        self.metric_names = tuple(model.metric_names)
        self.violation_names = tuple(model.violation_names)
        self.objective_names = tuple(goal.metric for goal in goals)
        self._columns = [self.metric_names.index(goal.metric) for goal in goals]
        self._signs = torch.tensor([-1.0 if g.maximize else 1.0 for g in goals]).double()
        self.archive = self._empty()

    def _empty(self) -> Archive:
        return Archive(
            {
                "x": len(self.space.variables),
                "metrics": len(self.metric_names),
                "violations": len(self.violation_names),
            }
        )

    def objectives(self, metrics: Tensor) -> Tensor:
        """Objectives of metrics ``[B,K] -> [B,M]``: the one place where a sign is flipped."""
        return metrics[..., self._columns] * self._signs

    def shown(self, objectives: Tensor) -> Tensor:
        """Objectives ``[B,M]`` as the user reads them: the inverse of `objectives`."""
        return objectives * self._signs

    def judged(self, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Objectives ``[N,M]`` of known designs, minimised, and which are feasible ``[N]``.

        All of them, or those from row `start` on.
        """
        objectives = self.objectives(torch.from_numpy(self.archive["metrics"][start:]))
        feasible: np.ndarray = np.all(self.archive["violations"][start:] <= 0, axis=1)
        return objectives.numpy(), feasible

    def evaluate(self, x: Tensor) -> Evaluation:
        """Judge designs ``[B,V]``; each distinct one goes through the model once in a study.

        Rows are made canonical first. The order of the rows is kept.
        """
        batch = self.prepare(x)
        return self.record(batch, self.judge(batch))

    def prepare(self, x: Tensor) -> Batch:
        """Designs made canonical, and which of them the model must see."""
        x = self.space.canonical(x)
        wanted = x.numpy()
        unknown = np.flatnonzero(self.archive.find(wanted) < 0)
        return Batch(x, unknown[_first_of_each(wanted[unknown])])

    def judge(self, batch: Batch) -> Outcome:
        """What the model says of a batch's unknown designs; changes nothing, for any thread."""
        if len(batch.rows) == 0:
            empty = batch.x.new_zeros
            return Outcome(empty(0, len(self.metric_names)), empty(0, len(self.violation_names)))
        outcome = self._run(batch.x[batch.rows])
        self._check(outcome, batch.x[batch.rows])
        return outcome

    def record(self, batch: Batch, outcome: Outcome) -> Evaluation:
        """Add what was judged to what is known and spent; the results of the whole batch."""
        wanted = batch.x.numpy()
        unknown = self.archive.find(wanted) < 0
        # Another batch may have brought some of these designs in the meantime.
        new = np.flatnonzero(unknown[batch.rows])
        rows = batch.rows[new]
        if len(rows):
            self.archive.append(
                x=wanted[rows],
                metrics=outcome.metrics.numpy()[new],
                violations=outcome.violations.numpy()[new],
            )
        known = self.archive.find(wanted)
        fresh = np.zeros(len(wanted), dtype=bool)
        fresh[rows] = True
        self.meter.evaluated += len(rows)
        self.meter.repeated += int(unknown.sum()) - len(rows)
        self.meter.cached += len(wanted) - int(unknown.sum())
        self.meter.mappings += outcome.mappings
        metrics = torch.from_numpy(self.archive["metrics"][known])
        violations = torch.from_numpy(self.archive["violations"][known])
        return Evaluation(self.objectives(metrics), violations, metrics, torch.from_numpy(fresh))

    def _run(self, x: Tensor) -> Outcome:
        """The model over pieces of fixed widths: no value depends on the size of a batch."""
        outcomes = self.executor.map(partial(self._piece, x), pieces(len(x)))
        return Outcome(
            torch.cat([outcome.metrics for outcome in outcomes]),
            torch.cat([outcome.violations for outcome in outcomes]),
            sum(outcome.mappings for outcome in outcomes),
        )

    def _piece(self, x: Tensor, piece: Piece) -> Outcome:
        """Exact values of the designs of one piece."""
        count = piece.count
        part = x[piece.start : piece.start + count]
        padded = torch.cat([part, part[-1:].expand(piece.width - count, -1)])
        with torch.no_grad():
            outcome = self.model(self.space.values(padded), 0.0)
        mappings = outcome.mappings * count // piece.width
        return Outcome(outcome.metrics[:count], outcome.violations[:count], mappings)

    def _check(self, outcome: Outcome, x: Tensor) -> None:
        """A NaN is a bug of the model, never a design to rank."""
        for kind, names, table in (
            ("metric", self.metric_names, outcome.metrics),
            ("violation", self.violation_names, outcome.violations),
        ):
            wrong = torch.isnan(table)
            if bool(wrong.any()):
                row, column = (int(i) for i in wrong.nonzero()[0])
                raise ScovilleError(
                    f"{kind} {names[column]} of design {self.space.describe(x[row].tolist())} "
                    "is not a number",
                    next_step="this is a bug of the cost model: please report the line above",
                )

    def value_and_gradient(
        self, x: Tensor, relax: float, weights: Weights
    ) -> tuple[Evaluation, Tensor]:
        """Smooth values and the slope of a weighted sum of them.

        Parameters
        ----------
        x : Tensor [B,V]
            Relaxable coordinates may stand between levels.
        relax : float
            Width of the smooth steps, in (0, 1].
        weights : callable
            From objectives, violations and which rows they are to weights ``[B,M]``, ``[B,G]``.

        Returns
        -------
        Evaluation
            Relaxed values: they guide, they are never reported.
        Tensor [B,V]
            Derivative of the weighted sum with respect to the natural logarithm of each relaxable
            variable's value; 0 elsewhere and where the slope is not finite.
        """
        mask = self.space.relaxable_mask()
        exact = self.space.values(x)
        objectives = x.new_zeros(len(x), len(self.goals))
        violations = x.new_zeros(len(x), len(self.violation_names))
        metrics = x.new_zeros(len(x), len(self.metric_names))
        slopes = torch.zeros_like(x)

        def descend(rows: slice) -> None:
            logs = torch.log(exact[rows].clamp_min(1e-300)).requires_grad_()
            outcome = self.model(torch.where(mask, torch.exp(logs), exact[rows]), relax)
            goal = self.objectives(outcome.metrics)
            zero = torch.zeros_like(outcome.violations)
            finite = torch.where(torch.isfinite(outcome.violations), outcome.violations, zero)
            with torch.no_grad():
                pull, push = weights(goal.detach(), outcome.violations.detach(), rows)
            total = (goal * pull).sum() + (finite * push).sum()
            (slope,) = torch.autograd.grad(total, logs)
            slopes[rows] = torch.where(
                mask & torch.isfinite(slope), slope, torch.zeros(()).double()
            )
            objectives[rows] = goal.detach()
            violations[rows] = outcome.violations.detach()
            metrics[rows] = outcome.metrics.detach()

        starts = range(0, len(x), NARROW)
        self.executor.map(descend, [slice(start, start + NARROW) for start in starts])
        self.meter.gradient_steps += len(x)
        fresh = torch.zeros(len(x), dtype=torch.bool)
        return Evaluation(objectives, violations, metrics, fresh), slopes

    def forget(self) -> None:
        """Drop what is known and spent (before a study is read back)."""
        self.archive = self._empty()
        self.meter.restore({})


def _first_of_each(x: np.ndarray) -> np.ndarray:
    """First row of each distinct design, in order of appearance."""
    if len(x) == 0:
        return np.zeros(0, dtype=np.int64)
    rows = np.ascontiguousarray(x + 0.0).view([("", np.float64)] * x.shape[1]).ravel()
    _, first = np.unique(rows, return_index=True)
    ordered: np.ndarray = np.sort(first)
    return ordered
