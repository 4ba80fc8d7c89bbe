"""Optuna's samplers as proposers: asks in batches, tells in number order, limits as constraints.

The state of these samplers is the Optuna study, which the journal keeps. Each round builds its
sampler anew from the study's seed and the round, so that a resumed study asks for the same
designs; the quasi-random sequence keeps the study's seed and continues.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any

import numpy as np
import optuna
import torch
from optuna.samplers import BaseSampler
from pydantic import Field
from torch import Tensor

from search.problem import Evaluation, Problem
from search.samplers.cma_es import MARK, CmaEs
from search.samplers.optuna_samplers import GP, NSGA2, NSGA3, TPE, Numbers, Sobol
from search.samplers.proposer import Options, Proposer, State
from search.samplers.trials import distributions, from_parameters

SAMPLING_ONLY = "sampling only: limits sort the results afterwards"
FRONT_ONLY = "sampling only: the front is taken afterwards"
CONSTRAINTS = "Optuna's constraints (trial.set_constraint)"


class OptunaSampler(Proposer):
    """Base of the adapters; a subclass builds its sampler."""

    def __init__(self, problem: Problem, options: Options) -> None:
        super().__init__(problem, options)
        self.distributions = distributions(self.space)
        self._study: optuna.Study | None = None
        self._asked: list[tuple[Tensor, list[optuna.Trial]]] = []

    def attach(self, study: optuna.Study) -> None:
        """Work on this study."""
        self._study = study

    def owns_trials(self, state: State) -> bool:
        """Every design is a trial."""
        del state
        return True

    @property
    def study(self) -> optuna.Study:
        """The study that trials go to."""
        if self._study is None:
            raise RuntimeError(f"{self.name} works on an Optuna study: attach one first")
        return self._study

    @abstractmethod
    def build(self, seed: int, round_seed: int) -> BaseSampler:
        """The sampler of one round."""

    def propose(self, state: State, round_number: int, seed: int) -> Tensor:
        """Ask for a batch of trials ``[B,V]``."""
        del state
        words = np.random.SeedSequence([seed, round_number]).generate_state(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.sampler = self.build(seed, int(words[0]) % 2**31)
        trials = [self.study.ask(self.distributions) for _ in range(self.options.batch)]
        parameters = from_parameters(self.space, [trial.params for trial in trials])
        x = self.space.canonical(parameters)
        self._asked.append((x, trials))
        return x

    def update(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Tell the trials in number order, limits as constraints and as user attributes."""
        place = next(i for i, (asked, _) in enumerate(self._asked) if torch.equal(asked, x))
        _, trials = self._asked.pop(place)
        violations = evaluation.violations.tolist()
        values = self.problem.shown(evaluation.objectives).tolist()
        for trial, row, value in zip(trials, violations, values, strict=True):
            named = dict(zip(self.problem.violation_names, row, strict=True))
            for name, violation in named.items():
                trial.set_constraint(name, violation)
            for key, attribute in trial_attributes(self.name, named).items():
                trial.set_user_attr(key, attribute)
            self.study.tell(trial, value)
        return state


def trial_attributes(sampler: str, violations: dict[str, float]) -> dict[str, Any]:
    """What the dashboard shows beside the values of a trial."""
    broken = {name: value for name, value in violations.items() if value > 0}
    return {MARK: sampler, "feasible": not broken, "violations": broken}


class BatchOptions(Options):
    """Trials asked for at once."""

    batch: int = Field(default=256, ge=1)


class Random(OptunaSampler):
    """Independent uniform draws."""

    name = "random"
    title = "Optuna: independent random designs"
    options_class = BatchOptions
    honours_limits = SAMPLING_ONLY
    late_results = "results move nothing"
    several_objectives = FRONT_ONLY

    def build(self, seed: int, round_seed: int) -> BaseSampler:
        """Seeded by the round."""
        del seed
        return optuna.samplers.RandomSampler(seed=round_seed)


class QuasiMonteCarlo(OptunaSampler):
    """Scrambled Sobol sequence as Optuna trials."""

    name = "qmc"
    title = "Optuna: scrambled Sobol points"
    options_class = BatchOptions
    honours_limits = SAMPLING_ONLY
    late_results = "results move nothing"
    several_objectives = FRONT_ONLY

    def build(self, seed: int, round_seed: int) -> BaseSampler:
        """One sequence for the study, which rounds continue."""
        del round_seed
        return Sobol(self.distributions, scramble=True, seed=seed % 2**31)


class TreeParzenOptions(Options):
    """Trials asked for at once, and random ones before the model starts."""

    batch: int = Field(default=16, ge=1)
    startup: int = 64


class TreeParzen(OptunaSampler):
    """Tree-structured Parzen estimator over all variables together."""

    name = "tpe"
    title = "Optuna: multivariate tree-structured Parzen estimator"
    options_class = TreeParzenOptions
    honours_limits = CONSTRAINTS
    late_results = "designs in evaluation count as bad ones"
    several_objectives = "Optuna's multi-objective split"
    longest = 5000

    def __init__(self, problem: Problem, options: Options) -> None:
        super().__init__(problem, options)
        self._numbers = Numbers(self.distributions)

    def attach(self, study: optuna.Study) -> None:
        """Work on this study, whose trials have numbers of their own."""
        super().attach(study)
        self._numbers = Numbers(self.distributions)

    def build(self, seed: int, round_seed: int) -> BaseSampler:
        """Multivariate in every case: Optuna's default is not, with several objectives."""
        del seed
        return TPE(
            self._numbers,
            multivariate=True,
            constant_liar=True,
            n_startup_trials=self.options.startup,
            seed=round_seed,
        )


class GenerationOptions(Options):
    """A batch is a generation, of two at least."""

    batch: int = Field(default=64, ge=2)


class NonDominatedSorting2(OptunaSampler):
    """Optuna's NSGA-II."""

    name = "nsga2"
    title = "Optuna: NSGA-II"
    options_class = GenerationOptions
    honours_limits = CONSTRAINTS
    refuses_late = "a generation is complete before the next one begins"
    several_objectives = "non-dominated sorting"
    longest = 50_000

    def build(self, seed: int, round_seed: int) -> BaseSampler:
        """The population is the batch."""
        del seed
        return NSGA2(self.distributions, population_size=self.options.batch, seed=round_seed)


class NonDominatedSorting3(OptunaSampler):
    """Optuna's NSGA-III."""

    name = "nsga3"
    title = "Optuna: NSGA-III"
    options_class = GenerationOptions
    honours_limits = CONSTRAINTS
    refuses_late = "a generation is complete before the next one begins"
    several_objectives = "non-dominated sorting towards reference points"
    longest = 50_000

    def build(self, seed: int, round_seed: int) -> BaseSampler:
        """The population is the batch."""
        del seed
        return NSGA3(self.distributions, population_size=self.options.batch, seed=round_seed)


class GaussianProcessOptions(Options):
    """Trials asked for at once, and random ones before the model starts."""

    batch: int = Field(default=4, ge=1)
    startup: int = 20


class GaussianProcess(OptunaSampler):
    """Optuna's Gaussian process with constrained (hyper-volume) expected improvement."""

    name = "gp"
    title = "Optuna: Gaussian process, for slow problems"
    options_class = GaussianProcessOptions
    honours_limits = CONSTRAINTS
    late_results = "designs in evaluation are part of its expectation"
    several_objectives = "expected hypervolume improvement"
    longest = 500

    def build(self, seed: int, round_seed: int) -> BaseSampler:
        """The cost model has no noise."""
        del seed
        return GP(
            self.distributions,
            seed=round_seed,
            n_startup_trials=self.options.startup,
            deterministic_objective=True,
        )


class CovarianceOptions(Options):
    """A batch is a generation, large enough to have a better half."""

    batch: int = Field(default=32, ge=4)


class CovarianceMatrix(OptunaSampler):
    """CMA-ES on numeric variables."""

    name = "cma_es"
    title = "Optuna, cmaes: CMA-ES with restarts, one objective, numbers only"
    options_class = CovarianceOptions
    honours_limits = "constraint domination: feasible first, then by violation"
    refuses_late = "a generation is complete before the next one begins"
    refuses_several = "it follows one objective"
    refuses_choices = "it moves along numbers"
    longest = 50_000

    def __init__(self, problem: Problem, options: Options) -> None:
        super().__init__(problem, options)
        self._optimizer: CmaEs | None = None

    def build(self, seed: int, round_seed: int) -> BaseSampler:
        """One optimiser a process, brought up to date from the trials."""
        if self._optimizer is None:
            population = int(self.options.batch)
            self._optimizer = CmaEs(self.distributions, population, seed % 2**31)
        self._optimizer.catch_up(self.study, round_seed)
        return self._optimizer
