"""Optuna's samplers, without the work that a static space and rounds make unnecessary.

At every ask, Optuna's samplers go through all trials: for the parameters that these have in
common, for the generation that the next one belongs to, for the numbers behind the parameters. Our
space never changes, and no trial completes while a round is asked for. What they draw is the same
(`tests/search/test_samplers.py` compares them with their parents); the Gaussian process alone
learns one limit in place of many.
"""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
    TPESampler,
)
from optuna.samplers._ga import BaseGASampler
from optuna.trial import FrozenTrial

Distributions = dict[str, BaseDistribution]


class StaticSpace(BaseSampler):
    """Knows the parameters instead of looking for those that all trials have in common."""

    def __init__(self, space: Distributions, **options: Any) -> None:
        super().__init__(**options)
        # By name, as Optuna's search for common parameters orders them.
        self._static = dict(sorted(space.items()))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Distributions:
        """All parameters."""
        del study, trial
        return self._static


class OneGeneration(BaseGASampler):
    """The genetic sampler of one round, which is a generation; forgotten with it."""

    _number: int | None = None
    _parents: list[FrozenTrial] | None = None

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        """Generation of a trial, noted on the trial."""
        key = self._get_generation_key()
        known = trial.system_attrs.get(key)
        if known is not None:
            return int(known)
        if self._number is None:
            self._number = int(super().get_trial_generation(study, trial))
        else:
            study._storage.set_trial_system_attr(trial._trial_id, key, self._number)
        return self._number

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        """Parents of a generation."""
        if generation != self._number:
            older: list[FrozenTrial] = super().get_parent_population(study, generation)
            return older
        if self._parents is None:
            parents: list[FrozenTrial] = super().get_parent_population(study, generation)
            # Optuna selects them at the first ask and finds them by number at the later ones.
            self._parents = sorted(parents, key=lambda trial: trial.number)
            return parents
        return self._parents


class NSGA2(StaticSpace, OneGeneration, NSGAIISampler):
    """NSGA-II."""


class NSGA3(StaticSpace, OneGeneration, NSGAIIISampler):
    """NSGA-III."""


class OneLimitTrial(FrozenTrial):
    """A trial with the worst of its limits in place of all."""

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self:
        """The same trial; without limits it stays without."""
        one = cls.__new__(cls)
        one.__dict__.update(trial.__dict__)
        limits = trial.constraints.values()
        one.__dict__["_limit"] = {"worst": squashed(max(limits))} if limits else {}
        return one

    @property
    def constraints(self) -> dict[str, float]:
        """The worst limit; feasible at most 0."""
        limit: dict[str, float] = self.__dict__["_limit"]
        return limit


def squashed(violation: float) -> float:
    """A violation of the same sign and order, small enough for a Gaussian process."""
    return math.copysign(math.log1p(min(abs(violation), 1e6)), violation)


class GP(StaticSpace, GPSampler):
    """Gaussian process that learns one limit, the worst of each trial.

    Optuna fits a process to every limit at every ask: half a minute for twenty of them.
    """

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Distributions
    ) -> dict[str, Any]:
        """Parameters of the next trial."""
        view = copy.copy(study)

        def one_limit(*arguments: Any, **named: Any) -> list[FrozenTrial]:
            return [OneLimitTrial.of(each) for each in study._get_trials(*arguments, **named)]

        view._get_trials = one_limit  # type: ignore[method-assign]
        parameters: dict[str, Any] = super().sample_relative(view, trial, search_space)
        return parameters


class Sobol(StaticSpace, QMCSampler):
    """Sobol sequence from its first point on; Optuna draws the first trial at random."""


class Numbers:
    """Parameters of finished trials as numbers, a row for each trial; grows by doubling."""

    def __init__(self, space: Distributions) -> None:
        self.space = dict(sorted(space.items()))
        self._table = np.zeros((1024, len(space)))
        self._known = np.zeros(1024, dtype=bool)

    def rows(self, trials: list[FrozenTrial]) -> np.ndarray:
        """Numbers of finished trials ``[N, parameters]``."""
        numbers = np.array([trial.number for trial in trials], dtype=np.int64)
        most = int(numbers.max(initial=0)) + 1
        while most > len(self._known):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            self._known = np.concatenate([self._known, np.zeros_like(self._known)])
        for place in np.flatnonzero(~self._known[numbers]):
            parameters = trials[place].params
            self._table[numbers[place]] = [
                distribution.to_internal_repr(parameters[name])
                for name, distribution in self.space.items()
            ]
            self._known[numbers[place]] = True
        found: np.ndarray = self._table[numbers]
        return found


class TPE(StaticSpace, TPESampler):
    """Tree-structured Parzen estimator that reads each finished trial once in a study.

    Parameters
    ----------
    numbers : Numbers
        Kept from round to round.
    """

    def __init__(self, numbers: Numbers, **options: Any) -> None:
        super().__init__(numbers.space, **options)
        self._numbers = numbers

    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: Distributions, study: Study
    ) -> dict[str, np.ndarray]:
        if search_space.keys() != self._numbers.space.keys():
            stock: dict[str, np.ndarray] = super()._get_internal_repr(trials, search_space, study)
            return stock
        finished = [trial for trial in trials if trial.state.is_finished()]
        table = self._numbers.rows(finished)
        columns = {name: table[:, i] for i, name in enumerate(self._numbers.space)}
        if len(finished) < len(trials):
            running = [trial for trial in trials if not trial.state.is_finished()]
            later = super()._get_internal_repr(running, search_space, study)
            columns = {name: np.concatenate([columns[name], later[name]]) for name in columns}
        return {name: np.ascontiguousarray(columns[name]) for name in search_space}
