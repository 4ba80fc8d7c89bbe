"""How a study converged, from the commit records of its journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from search.pareto import front, hypervolume
from search.report.content import Array, Progress, Stretch
from search.storage import JOURNAL, read_commits
from search.study import Study

MOST_OBJECTIVES = 4
"""With more of them a hypervolume after every round takes too long."""
MARGIN = 0.1
"""The reference point lies behind the worst of the fronts by this share of their span."""


def convergence(study: Study) -> Progress | None:
    """Best values and hypervolume after every round; None before the first."""
    commits = read_commits(study.folder / JOURNAL)
    if not commits:
        return None
    counts = [int(commit["evaluations"]) for commit in commits]
    best = {
        name: np.array([commit["best"].get(name, np.nan) for commit in commits])
        for name in study.problem.objective_names
    }
    return Progress(
        evaluations=np.array(counts, dtype=float),
        seconds=np.array([float(commit["seconds"]) for commit in commits]),
        hypervolume=recorded(commits) if _records(commits) else hypervolumes(study, counts),
        best=best,
        stretches=stretches(commits),
    )


def _records(commits: Sequence[Mapping[str, Any]]) -> bool:
    return commits[-1].get("hypervolume") is not None


def recorded(commits: Sequence[Mapping[str, Any]]) -> Array:
    """Hypervolume that the rounds wrote down, as a share of the last; 0 before the first front."""
    volumes = np.array([commit.get("hypervolume") or 0.0 for commit in commits])
    shares: Array = volumes / volumes[-1] if volumes[-1] > 0 else np.zeros(0)
    return shares


def stretches(commits: Sequence[Mapping[str, Any]]) -> tuple[Stretch, ...]:
    """Consecutive rounds of the same sampler, with where they begin and end."""
    found: list[Stretch] = []
    for sampler, rounds in groupby(commits, key=lambda commit: str(commit["sampler"])):
        last = list(rounds)[-1]
        before = found[-1] if found else Stretch("", (0.0, 0.0), (0.0, 0.0))
        found.append(
            Stretch(
                sampler,
                (before.evaluations[1], float(last["evaluations"])),
                (before.seconds[1], float(last["seconds"])),
            )
        )
    return tuple(found)


def hypervolumes(study: Study, counts: Sequence[int]) -> Array:
    """Hypervolume after each round as a share of the last; empty with one objective.

    Its reference point lies behind the worst value of each objective on the front of any round,
    so that the first front counts too.
    """
    objectives, feasible = study.problem.judged()
    if not 2 <= objectives.shape[1] <= MOST_OBJECTIVES or not feasible.any():
        return np.zeros(0)
    fronts = []
    kept = np.zeros(0, dtype=int)
    begin = 0
    for count in counts:
        fresh = np.arange(begin, count)
        rows = np.concatenate([kept, fresh[feasible[begin:count]]])
        kept = rows[front(objectives[rows], feasible[rows])]
        fronts.append(objectives[kept])
        begin = count
    together = np.vstack(fronts)
    worst, span = together.max(0), together.max(0) - together.min(0)
    reference = worst + MARGIN * np.where(span > 0, span, np.abs(worst) + 1.0)
    volumes = np.array([hypervolume(points, reference) for points in fronts])
    shares: Array = volumes / volumes[-1]
    return shares
