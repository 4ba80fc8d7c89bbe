"""Laws about what is found: better than drawing at random, feasible before good, the whole front.

Each compares means over a few seeds with independent uniform draws, twice as many as were charged:
against as many, a sampler that only draws would win every other time. Who says that results move
nothing is held to nothing here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from search.pareto import hypervolume
from search.problem import Problem
from search.testing.problems import impossible, narrow, problem, tight
from search.testing.searches import Candidate, Search, require, uniform

SEEDS = (1, 2, 3)
HANDICAP = 2
"""Random draws for each evaluation of a sampler, and how much more often it must be feasible."""
WORST = 1.0
"""Above every objective of the test problems: what a search without a feasible design found."""
REFERENCE = 0.5
"""Objective beyond which a design adds nothing to a front: about where the fronts end."""


def one_objective_improves_on_random_draws(candidate: Candidate, folder: Path) -> None:
    """The best design found is better than the best of as many random ones."""
    if candidate.sampling_only:
        return
    found, drawn = [], []
    for seed in SEEDS:
        search = Search(candidate, problem(candidate.space), folder / str(seed), seed).run()
        found.append(_best(search.problem))
        drawn.append(
            _drawn(problem(candidate.space), HANDICAP * search.problem.meter.charged, seed)
        )
    _better(found, drawn, "best value")


def several_objectives_are_served_or_refused(candidate: Candidate, folder: Path) -> None:
    """Two and three objectives: the front covers more than that of random draws."""
    for objectives in (2, 3):
        found, drawn = [], []
        for seed in SEEDS:
            case = problem(candidate.space, objectives)
            refused = candidate.refusal(case)
            if refused:
                named = f"{objectives} objectives" in refused[0]
                require(named, f"{refused[0]!r} does not say that it is about {objectives}")
                break
            place = folder / f"{objectives}-{seed}"
            search = Search(candidate, case, place, seed).run()
            require(len(case.archive["x"]) > 0, f"nothing evaluated with {objectives} objectives")
            found.append(-_covered(search.problem))
            other = problem(candidate.space, objectives)
            uniform(other, HANDICAP * case.meter.charged, seed)
            drawn.append(-_covered(other))
        if not candidate.sampling_only:
            _better(found, drawn, f"front of {objectives} objectives")


def feasible_comes_before_better(candidate: Candidate, folder: Path) -> None:
    """The best point breaks a limit: the search ends on feasible designs, better than draws."""
    if candidate.refusal(problem(candidate.space, limits=tight(candidate.space))):
        return
    if "sampling only" in candidate.sampler.honours_limits:
        return
    found, drawn, shares, usual = [], [], [], []
    for seed in SEEDS:
        case = problem(candidate.space, limits=tight(candidate.space))
        search = Search(candidate, case, folder / str(seed), seed).run()
        found.append(_best(case))
        other = problem(candidate.space, limits=tight(candidate.space))
        usual.append(float(uniform(other, 4096, seed).feasible.double().mean()))
        drawn.append(_drawn(other, HANDICAP * case.meter.charged, seed))
        feasible = search.violations() <= 0
        shares.append(float(feasible[-(len(feasible) // 3) :].double().mean()))
    _better(found, drawn, "best feasible value")
    late, chance = float(np.mean(shares)), float(np.mean(usual))
    require(
        late > HANDICAP * chance,
        f"{late:.0%} of the last third of its designs are feasible, {chance:.0%} of random ones",
    )


def from_an_infeasible_start_violations_shrink(candidate: Candidate, folder: Path) -> None:
    """One design in 500 is feasible: violations lead there."""
    limits = narrow(candidate.space)
    if candidate.refusal(problem(candidate.space, limits=limits)):
        return
    early, late = [], []
    for seed in SEEDS:
        case = problem(candidate.space, limits=limits)
        search = Search(candidate, case, folder / str(seed), seed).run()
        total = search.violations()
        third = max(1, len(total) // 3)
        early.append(float(total[:third].median()))
        late.append(float(total[-third:].median()))
    if "sampling only" not in candidate.sampler.honours_limits:
        _better(late, early, "median violation of the last third against the first")


def without_a_feasible_design_it_goes_on(candidate: Candidate, folder: Path) -> None:
    """Nothing is feasible: the budget is spent all the same, and no feasible design is claimed."""
    case = problem(candidate.space, limits=impossible(candidate.space))
    if candidate.refusal(case):
        return
    search = Search(candidate, case, folder / "study").run()
    outcome = search.study.status()
    require(outcome["feasible"] == 0, "a feasible design where there is none")
    least = candidate.evaluations // 2
    spent = case.meter.charged
    require(spent >= least, f"it gave up after {spent} of {candidate.evaluations} evaluations")


def _best(case: Problem) -> float:
    objectives, feasible = case.judged()
    return float(objectives[feasible].min()) if feasible.any() else WORST


def _drawn(case: Problem, count: int, seed: int) -> float:
    """Best feasible value of random draws."""
    evaluation = uniform(case, count, seed)
    values = evaluation.objectives[evaluation.feasible]
    return float(values.min()) if len(values) else WORST


def _covered(case: Problem) -> float:
    objectives, feasible = case.judged()
    return hypervolume(objectives[feasible], np.full(objectives.shape[1], REFERENCE))


def _better(found: list[float], reference: list[float], what: str) -> None:
    """Means of what is minimised; a shorter list of what was found is a refusal."""
    if not found:
        return
    mine, other = torch.tensor(found).mean(), torch.tensor(reference).mean()
    require(bool(mine < other), f"{what}: {mine:.4g}, at random {other:.4g}")


LAWS = (
    one_objective_improves_on_random_draws,
    several_objectives_are_served_or_refused,
    feasible_comes_before_better,
    from_an_infeasible_start_violations_shrink,
    without_a_feasible_design_it_goes_on,
)
