"""Search a changed world from the winners of the real one, and see which design wins then.

One experiment is resolved once; a variant changes its limits, its technology or its workload and
searches again with the experiment's own samplers, starting from designs already found. A search
that removes a limit can therefore only find something at least as good.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from costmodel.hardware.technology import Technology
from costmodel.limits import Limits
from costmodel.workload.operators import Workload
from search.executors.local import single_threaded
from search.pricing import CostModel
from search.problem import Evaluation, Problem
from search.reading import load
from search.resolve import build_sampler, resolve

SEED = 1


@dataclass(frozen=True)
class World:
    """What a search depends on beside its space."""

    limits: Limits
    technology: Technology
    workload: Workload


@dataclass(frozen=True)
class Winner:
    """The best design of one objective."""

    x: Tensor  # [V]
    variables: dict[str, str]
    metrics: dict[str, float]
    violations: dict[str, float]


class Laboratory:
    """An experiment and its variants.

    Parameters
    ----------
    path : Path
        The experiment's YAML.
    overrides : sequence of str
        ``key.path=value``.
    """

    def __init__(self, path: Path, overrides: Sequence[str] = ()) -> None:
        self.loaded = load(path, list(overrides))
        resolved = resolve(self.loaded)
        self.resolved = resolved
        self.space = resolved.problem.space
        model = resolved.model
        self.world = World(model.limits, model.technology, model.workload)

    def problem(self, change: Callable[[World], World] | None = None) -> Problem:
        """A fresh problem in the changed world."""
        world = change(self.world) if change else self.world
        model = CostModel(
            self.resolved.model.decoder, world.workload, world.technology, world.limits
        )
        return Problem(self.space, model, self.resolved.problem.goals)

    def search(self, problem: Problem, evaluations: int, starts: Tensor | None = None) -> Problem:
        """Run the experiment's samplers for a number of distinct designs; returns the problem."""
        _, proposer = build_sampler(self.loaded, problem)
        state = proposer.initial()
        with single_threaded():
            if starts is not None and len(starts):
                state = proposer.observe(state, starts, problem.evaluate(starts))
            for round_number in range(1000):
                if problem.meter.evaluated >= evaluations:
                    break
                x = proposer.propose(state, round_number, SEED)
                state = proposer.update(state, x, problem.evaluate(x))
        return problem

    def winners(self, problem: Problem, objective: int, count: int = 1) -> list[Winner]:
        """The best feasible designs of one objective, best first."""
        rows = best_rows(problem, objective, count)
        return [self.winner(problem, row) for row in rows]

    def winner(self, problem: Problem, row: int) -> Winner:
        """One evaluated design."""
        x = torch.from_numpy(problem.archive["x"][row].copy())
        names = problem.metric_names
        return Winner(
            x=x,
            variables={key: str(value) for key, value in self.space.describe(x.tolist()).items()},
            metrics=dict(zip(names, problem.archive["metrics"][row].tolist(), strict=True)),
            violations=dict(
                zip(
                    problem.violation_names,
                    problem.archive["violations"][row].tolist(),
                    strict=True,
                )
            ),
        )


def everything(problem: Problem) -> Evaluation:
    """All that a problem has evaluated."""
    metrics = torch.from_numpy(problem.archive["metrics"])
    return Evaluation(
        problem.objectives(metrics),
        torch.from_numpy(problem.archive["violations"]),
        metrics,
        torch.ones(len(metrics), dtype=torch.bool),
    )


def best_rows(problem: Problem, objective: int, count: int) -> list[int]:
    """Rows of the best feasible designs of one objective."""
    known = everything(problem)
    score = torch.where(
        known.feasible, known.objectives[:, objective], torch.full((), torch.inf).double()
    )
    order = torch.argsort(score, stable=True)[:count]
    return [int(row) for row in order if torch.isfinite(score[row])]


def without(*names: str) -> Callable[[World], World]:
    """A world without some limits."""

    def change(world: World) -> World:
        limits = world.limits
        for name in names:
            limits = limits.without(name)
        return dataclasses.replace(world, limits=limits)

    return change


def with_limit(**values: Any) -> Callable[[World], World]:
    """A world with other values of some limits."""

    def change(world: World) -> World:
        return dataclasses.replace(world, limits=dataclasses.replace(world.limits, **values))

    return change


def with_numbers(
    *numbers: tuple[str, str, str, float],
) -> Callable[[World], World]:
    """A world in which some technology values, in SI, are others."""

    def change(world: World) -> World:
        technology = world.technology
        for table, row, column, value in numbers:
            technology = technology.replace(table, row, column, value)
        return dataclasses.replace(world, technology=technology)

    return change


def together(*changes: Callable[[World], World]) -> Callable[[World], World]:
    """One change after another."""

    def change(world: World) -> World:
        for item in changes:
            world = item(world)
        return world

    return change
