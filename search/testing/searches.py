"""A search as the laws of samplers see it: every proposal, what it cost, where it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from search.experiment import BudgetFile, Experiment, SamplerFile
from search.problem import Evaluation, Problem
from search.samplers import refusal
from search.samplers.proposer import Options, Proposer, State
from search.space import Space
from search.study import Study
from search.testing.problems import SPACES


class ViolatedError(AssertionError):
    """A sampler breaks a law."""


def require(holds: bool, what: str) -> None:
    """Raise `ViolatedError` unless something holds."""
    if not holds:
        raise ViolatedError(what)


@dataclass(frozen=True)
class Candidate:
    """A sampler under test.

    Parameters
    ----------
    sampler : type of Proposer
    options : mapping
        For small searches: a batch of some 16 designs.
    evaluations : int
        Budget of one search; samplers that think long need a small one.
    """

    sampler: type[Proposer]
    options: Mapping[str, Any] = field(default_factory=dict)
    evaluations: int = 192

    def refusal(self, problem: Problem) -> tuple[str, str] | None:
        """Why it cannot do a search, and what to use instead; None when it can."""
        limits = len(problem.violation_names)
        return refusal(self.sampler, problem.space, len(problem.goals), limits)

    def proposer(self, problem: Problem, **changes: Any) -> Proposer:
        """The sampler on a problem."""
        options: Options = self.sampler.options_class.model_validate({**self.options, **changes})
        return self.sampler(problem, options)

    @property
    def batch(self) -> int:
        """Designs that it is asked for at once."""
        return int(self.sampler.options_class.model_validate(dict(self.options)).batch)

    @property
    def space(self) -> Space:
        """A space of all that it can move."""
        numbers = self.sampler.refuses_choices or self.sampler.needs_gradient
        return SPACES["of numbers" if numbers else "of every kind"]

    @property
    def sampling_only(self) -> bool:
        """Whether it says that results move nothing."""
        return "sampling only" in self.sampler.several_objectives


class Watched(Proposer):
    """A sampler that is looked at: it does what another one does."""

    def __init__(self, inner: Proposer) -> None:
        super().__init__(inner.problem, inner.options)
        self.inner = inner
        self.proposals: list[Tensor] = []
        self.results: list[Evaluation] = []
        self.charges: list[tuple[int, int]] = []
        """Of each round, what was announced and all that was spent when it was told."""

    def initial(self) -> State:
        """As the inner one."""
        return self.inner.initial()

    def propose(self, state: State, round_number: int, seed: int) -> Tensor:
        """As the inner one; it may not change its state in passing."""
        before = {key: value.clone() for key, value in state.items()}
        self._announced = self.inner.round_charge(state)
        x = self.inner.propose(state, round_number, seed)
        same = before.keys() == state.keys() and all(
            torch.equal(before[key], state[key]) for key in before
        )
        require(same, "propose changes the state that it is given; only update may")
        self.proposals.append(x.clone())
        return x

    def update(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """As the inner one."""
        self.results.append(evaluation)
        self.charges.append((self._announced, self.problem.meter.charged))
        return self.inner.update(state, x, evaluation)

    def observe(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """As the inner one."""
        return self.inner.observe(state, x, evaluation)

    def round_charge(self, state: State) -> int:
        """As the inner one."""
        return self.inner.round_charge(state)

    def attach(self, study: Any) -> None:
        """As the inner one."""
        self.inner.attach(study)

    def owns_trials(self, state: State) -> bool:
        """As the inner one."""
        return self.inner.owns_trials(state)

    def describe(self, state: State) -> str:
        """As the inner one."""
        return self.inner.describe(state)


class Search:
    """A study of a test problem.

    Parameters
    ----------
    candidate : Candidate
    problem : Problem
    folder : Path
        Of the study; one that exists is opened again.
    seed, evaluations : int
        The budget is the candidate's own unless given.
    options
        In place of the candidate's.
    """

    def __init__(
        self,
        candidate: Candidate,
        problem: Problem,
        folder: Path,
        seed: int = 3,
        evaluations: int = 0,
        **options: Any,
    ) -> None:
        self.problem = problem
        self.watched = Watched(candidate.proposer(problem, **options))
        experiment = Experiment(
            schema_version=1,
            name="conformance",
            model="none",
            scenario="none",
            template="none",
            seed=seed,
            space={},
            objectives=[{"metric": goal.metric} for goal in problem.goals],
            sampler=SamplerFile(name=candidate.sampler.name),
            budget=BudgetFile(evaluations=evaluations or candidate.evaluations),
        )
        self.study = Study.prepare(folder, experiment, problem, self.watched)

    def run(self) -> Search:
        """Search until the budget is spent or nothing new is found; returns itself."""
        self.status = self.study.run().status
        return self

    def step(self) -> None:
        """One round of a study that is opened for it alone."""
        self.study.rounds.open()
        self.study.rounds.step(lambda: 0.0)

    @property
    def proposals(self) -> list[Tensor]:
        """Designs asked for, round by round."""
        return self.watched.proposals

    def violations(self) -> Tensor:
        """Sum of what exceeds the limits, of each design proposed ``[N]``, in order."""
        return torch.cat([result.total_violation for result in self.watched.results])

    def feasible(self) -> Tensor:
        """Objectives of the feasible designs ``[N,M]``."""
        objectives, feasible = self.problem.judged()
        return torch.from_numpy(objectives[feasible])


def uniform(problem: Problem, count: int, seed: int) -> Evaluation:
    """What independent uniform draws find: `count` designs of a fresh problem."""
    random = torch.Generator().manual_seed(seed)
    free = len(problem.space.free)
    unit = torch.rand(count, free, generator=random, dtype=torch.float64)
    return problem.evaluate(problem.space.from_unit(unit))
