"""The interface of every sampler, and what ranks designs.

A sampler proposes a batch of designs, sees how they did, proposes again. All it remembers is a
flat dictionary of tensors that the study saves with each round, so that a study that was killed
goes on as if nothing had happened. Dimension letters: B designs, V variables, M objectives,
W weight vectors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from search.problem import Evaluation, Problem

State = dict[str, Tensor]


class Options(BaseModel):
    """Options of a sampler, as under ``sampler.options`` of an experiment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(default=2048, ge=1)


class Proposer(ABC):
    """Base of the samplers.

    A sampler says of itself in a few words how it treats limits (``honours_limits``), several
    objectives and results that come late (``late_results``: while a batch is evaluated, the next
    one is asked for), or why it cannot (``refuses_limits``, ``refuses_several``,
    ``refuses_late``): one of each pair. "sampling only" means that results move nothing.

    Parameters
    ----------
    problem : Problem
        What is searched; the only thing a sampler may ask.
    options : Options
        Of the sampler's own class `options_class`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    options_class: ClassVar[type[Options]] = Options
    honours_limits: ClassVar[str] = ""
    several_objectives: ClassVar[str] = ""
    late_results: ClassVar[str] = ""
    refuses_limits: ClassVar[str] = ""
    refuses_several: ClassVar[str] = ""
    refuses_late: ClassVar[str] = ""
    refuses_choices: ClassVar[str] = ""
    needs_gradient: ClassVar[bool] = False
    longest: ClassVar[int | None] = None

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem = problem
        self.space = problem.space
        self.options: Any = options

    def initial(self) -> State:
        """State before the first round."""
        return {}

    @abstractmethod
    def propose(self, state: State, round_number: int, seed: int) -> Tensor:
        """Ask for a batch ``[B,V]``; depends on its arguments alone."""

    @abstractmethod
    def update(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Learn from the batch just proposed."""

    def observe(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Learn from designs that another sampler proposed."""
        del x, evaluation
        return state

    def begin(self, state: State) -> State:
        """Get ready for another phase of this sampler."""
        return state

    def finished(self, state: State) -> bool:
        """Whether nothing is left to propose that another sampler would not do better."""
        del state
        return False

    def round_charge(self, state: State) -> int:
        """Evaluations that the next round is charged at most."""
        del state
        return int(self.options.batch)

    def attach(self, study: Any) -> None:
        """Work on this Optuna study, for samplers that need one; the others do not."""
        del study

    def owns_trials(self, state: State) -> bool:
        """Whether the next round's designs become Optuna trials by this sampler itself."""
        del state
        return False

    def describe(self, state: State) -> str:
        """Name of what proposes the next round."""
        del state
        return self.name


def generator(seed: int, round_number: int, stream: int = 0) -> torch.Generator:
    """Random numbers of one round: a function of the study's seed and the round alone."""
    words = np.random.SeedSequence([seed, round_number, stream]).generate_state(2, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


def simplex_weights(objectives: int, count: int) -> Tensor:
    """Evenly spread weight vectors ``[W,M]`` that sum to one; W is at most `count`."""
    if objectives == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    steps = 1
    while _lattice_size(objectives, steps + 1) <= count:
        steps += 1
    rows = _lattice(objectives, steps)
    return torch.tensor(rows, dtype=torch.float64) / steps


def _lattice_size(objectives: int, steps: int) -> int:
    size = 1
    for i in range(1, objectives):
        size = size * (steps + i) // i
    return size


def _lattice(objectives: int, steps: int) -> list[list[int]]:
    if objectives == 1:
        return [[steps]]
    return [
        [first, *rest]
        for first in range(steps + 1)
        for rest in _lattice(objectives - 1, steps - first)
    ]


def scalarise(objectives: Tensor, weights: Tensor, ideal: Tensor, span: Tensor) -> Tensor:
    """Augmented Chebyshev distance from the ideal point, which reaches every part of a front.

    Parameters
    ----------
    objectives : Tensor [*batch,M]
    weights : Tensor, broadcasts to [*batch,M]
    ideal, span : Tensor [M]
        Best value of each objective, and how far the front stretches from it.

    Returns
    -------
    Tensor [*batch]
    """
    distance = (objectives - ideal) / span
    weighted = (weights + 1e-3) * distance
    return weighted.amax(-1) + 1e-2 * weighted.sum(-1)


def rank_value(scalar: Tensor, total_violation: Tensor) -> Tensor:
    """One number that orders designs by constraint domination (Deb), smaller is better.

    Feasible designs come first, by `scalar` squeezed into (-1, 1); the others behind them, by
    their violation. No penalty constant is weighed against the objective.
    """
    scalar = scalar.clamp(-1e15, 1e15)
    squeezed = scalar / (1.0 + scalar.abs())
    return torch.where(total_violation > 0, 1.0 + total_violation, squeezed)


def front_scale(objectives: Tensor, feasible: Tensor) -> tuple[Tensor, Tensor]:
    """Ideal point and span of the best designs known ``[N,M] -> [M], [M]``."""
    chosen = objectives[feasible] if bool(feasible.any()) else objectives
    finite = chosen[torch.isfinite(chosen).all(-1)]
    if len(finite) == 0:
        zero = torch.zeros(objectives.shape[-1], dtype=objectives.dtype)
        return zero, torch.ones_like(zero)
    best = finite.amin(0)
    extremes = finite[finite.argmin(0)]
    span = extremes.amax(0) - best
    fallback = torch.clamp(best.abs(), min=1e-12)
    return best, torch.where(span > 1e-9 * fallback, span, fallback)
