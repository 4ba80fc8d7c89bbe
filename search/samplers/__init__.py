"""Samplers by name, one file an algorithm, behind the interface of `proposer`."""

from __future__ import annotations

from search.problem import Problem
from search.samplers.coordinate_descent import CoordinateDescent
from search.samplers.evolution import Evolution
from search.samplers.gradient import Gradient
from search.samplers.optuna_adapter import (
    CovarianceMatrix,
    GaussianProcess,
    NonDominatedSorting2,
    NonDominatedSorting3,
    OptunaSampler,
    QuasiMonteCarlo,
    Random,
    TreeParzen,
)
from search.samplers.phases import Phase, Phases
from search.samplers.proposer import Options, Proposer, State
from search.samplers.quasi_random import QuasiRandom
from search.space import Space

SAMPLERS: dict[str, type[Proposer]] = {
    sampler.name: sampler
    for sampler in (
        QuasiRandom,
        CoordinateDescent,
        Evolution,
        Gradient,
        Random,
        QuasiMonteCarlo,
        TreeParzen,
        NonDominatedSorting2,
        NonDominatedSorting3,
        GaussianProcess,
        CovarianceMatrix,
    )
}

__all__ = [
    "SAMPLERS",
    "Options",
    "OptunaSampler",
    "Phase",
    "Phases",
    "Problem",
    "Proposer",
    "State",
    "refusal",
    "refuses_late",
]


def refusal(
    sampler: str | type[Proposer], space: Space, objectives: int, limits: int
) -> tuple[str, str] | None:
    """Why a sampler cannot do a search, and what to use instead; None when it can.

    Parameters
    ----------
    sampler : str or type of Proposer
        A key of `SAMPLERS`, or any sampler.
    space : Space
    objectives, limits : int
        How many the user set. Rules of validity are no limits.
    """
    if isinstance(sampler, str):
        sampler = SAMPLERS[sampler]
    name = sampler.name
    others = [other for other in SAMPLERS.values() if other.honours_limits]
    if limits and sampler.refuses_limits:
        capable = ", ".join(o.name for o in others if "sampling only" not in o.honours_limits)
        return f"{name} cannot honour limits ({sampler.refuses_limits})", f"one of {capable}"
    if objectives > 1 and sampler.refuses_several:
        capable = ", ".join(other.name for other in others if other.several_objectives)
        return (
            f"{name} cannot serve {objectives} objectives ({sampler.refuses_several})",
            f"one objective, or one of {capable}",
        )
    choices = [space.variables[i].name for i in space.free if not space.variables[i].ordered]
    if choices and sampler.refuses_choices:
        return (
            f"{name} cannot sample choices ({sampler.refuses_choices}): {', '.join(choices)}",
            "one value for each of them, or another sampler such as tpe",
        )
    if sampler.needs_gradient and not space.relaxable:
        return (
            f"{name} has no variable to follow a slope in",
            "a searched variable such as voltage_V or l2_MiB, or coordinate_descent",
        )
    return None


def refuses_late(sampler: Proposer | type[Proposer]) -> str:
    """Why a sampler cannot ask for a batch before it has the results of the last one; or ""."""
    return "" if sampler.late_results else sampler.refuses_late or "it does not say that it can"
