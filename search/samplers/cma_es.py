"""CMA-ES as an Optuna sampler whose state is the study itself.

Optuna's own CMA-ES stores its optimiser as a pickle inside the study and has neither limits nor
restarts. This one, on the same `cmaes` library, tells the optimiser the completed generations
again: nothing is unpickled from a results folder, and a resumed study samples the same designs. A
generation is ranked by constraint domination; where it has come to rest, the search starts anew.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
from cmaes import CMA
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

MARK = "sampler"
"""User attribute that says which trials are this sampler's own."""
FIRST_STEP = 1.0 / 6.0
"""Standard deviation of the first generation, as a share of each range."""


class CmaEs(optuna.samplers.BaseSampler):
    """Covariance matrix adaptation on the unit cube of numeric parameters.

    A search that has come to rest (a generation of one design, or one that `cmaes` calls over)
    is followed by another from a random place: on a limit that binds, the step length collapses
    before the optimum is reached, and one search alone would stay there.

    Parameters
    ----------
    space : dict of distributions
        Floats and integers; integers are rounded.
    population : int
        Trials of a generation.
    first_seed : int
        Seed of the optimiser, the same in every round.
    """

    def __init__(
        self, space: dict[str, BaseDistribution], population: int, first_seed: int
    ) -> None:
        self._space = space
        self._population = population
        self._seed = first_seed
        self._told = 0
        self._restarts = 0
        self._optimizer = self._start(np.full(len(space), 0.5))

    def _start(self, mean: np.ndarray) -> CMA:
        return CMA(
            mean=mean,
            sigma=FIRST_STEP,
            bounds=np.tile([0.0, 1.0], (len(mean), 1)),
            population_size=self._population,
            seed=self._seed,
        )

    def catch_up(self, study: optuna.Study, seed: int) -> None:
        """Tell the generations completed since, then draw from a round's own seed."""
        own = [
            trial
            for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if trial.user_attrs.get(MARK) == "cma_es"
        ]
        maximize = study.direction == optuna.study.StudyDirection.MAXIMIZE
        while (self._told + 1) * self._population <= len(own):
            start = self._told * self._population
            self._tell(own[start : start + self._population], maximize)
            self._told += 1
        self._optimizer.reseed_rng(seed)

    def _tell(self, generation: list[FrozenTrial], maximize: bool) -> None:
        told = [(self._unit(t.params), badness(t, maximize)) for t in generation]
        at_rest = all(np.array_equal(told[0][0], unit) for unit, _ in told)
        if not at_rest:
            self._optimizer.tell(told)
            at_rest = self._optimizer.should_stop()
        if at_rest:
            self._restarts += 1
            place = np.random.default_rng([self._seed, self._restarts])
            self._optimizer = self._start(place.random(len(self._space)))

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every parameter is sampled together."""
        del study, trial
        return self._space

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """One point of the current normal distribution."""
        del study, trial, search_space
        return self._parameters(self._optimizer.ask())

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Never asked for: the space is static."""
        del study, trial, param_distribution
        raise ValueError(f"parameter {param_name} is not part of the search space")

    def _unit(self, parameters: dict[str, Any]) -> np.ndarray:
        shares = []
        for name, distribution in self._space.items():
            low, high = _range(distribution)
            value = parameters[name]
            if isinstance(distribution, FloatDistribution) and distribution.log:
                value = math.log(value)
            shares.append((value - low) / (high - low))
        unit: np.ndarray = np.clip(np.array(shares), 0.0, 1.0)
        return unit

    def _parameters(self, unit: np.ndarray) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        for share, (name, distribution) in zip(unit, self._space.items(), strict=True):
            low, high = _range(distribution)
            value = low + float(share) * (high - low)
            if isinstance(distribution, IntDistribution):
                steps = round((value - low) / distribution.step)
                parameters[name] = int(low) + steps * distribution.step
            elif isinstance(distribution, FloatDistribution) and distribution.log:
                parameters[name] = min(max(math.exp(value), distribution.low), distribution.high)
            else:
                parameters[name] = value
        return parameters


def _range(distribution: BaseDistribution) -> tuple[float, float]:
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        raise TypeError("CMA-ES samples numbers only")
    if isinstance(distribution, FloatDistribution) and distribution.log:
        return math.log(distribution.low), math.log(distribution.high)
    return float(distribution.low), float(distribution.high)


def badness(trial: FrozenTrial, maximize: bool) -> float:
    """Orders a generation: designs that break a limit or a rule come last, by violation.

    CMA-ES reads the order alone, so that no penalty is weighed against the objective.
    """
    violation = sum(max(0.0, value) for value in trial.constraints.values())
    if violation > 0:
        return 1e300 if math.isinf(violation) else 1e200 * (1.0 + min(violation, 1e90))
    value = float(trial.values[0])
    return min(max(-value if maximize else value, -1e199), 1e199)
