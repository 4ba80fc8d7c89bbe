"""How far a search has come: feasible designs, best values, hypervolume of the front.

Kept up to date with each round's new designs, so that a commit costs no more in a long study than
in a short one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from search.pareto import front, relative_hypervolume
from search.problem import Problem

MOST_OBJECTIVES = 4
"""With more of them a hypervolume takes too long to be computed in every round."""


class Standing:
    """Summary of the first `count` designs of a problem's archive.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        objectives = len(problem.goals)
        self.count = 0
        self.feasible = 0
        self.best = np.full(objectives, np.inf)
        self.front = np.zeros((0, objectives))
        self.reference: np.ndarray | None = None

    def restore(self, commits: list[dict[str, Any]]) -> None:
        """Take over what is committed; the archive holds it already."""
        self.catch_up(set_reference=False)
        stored = commits[-1].get("reference") if commits else None
        if stored is not None:
            shown = torch.tensor([list(stored.values())], dtype=torch.float64)
            # Showing flips a sign or leaves it, so that shown twice nothing has changed.
            self.reference = self.problem.shown(shown).numpy()[0]

    def catch_up(self, set_reference: bool = True) -> None:
        """Count the designs that came into the archive since the last call."""
        objectives, feasible = self.problem.judged(self.count)
        self.count += len(objectives)
        good = objectives[feasible]
        if len(good) == 0:
            return
        self.feasible += len(good)
        self.best = np.minimum(self.best, good.min(0))
        finite = good[np.isfinite(good).all(1)]
        if set_reference and self.reference is None and len(finite):
            self.reference = finite.max(0)
        merged = np.concatenate([self.front, finite])
        self.front = merged[front(merged, np.ones(len(merged), dtype=bool))]

    def record(self) -> dict[str, Any]:
        """The summary as plain values, for a commit record.

        ``reference`` holds the worst feasible value of each objective in the first round that had
        feasible designs; ``hypervolume`` is the part that the front covers of the space better
        than it, each objective counted in shares of its reference. Both are None before, and the
        hypervolume is with more than `MOST_OBJECTIVES` objectives.
        """
        hypervolume = None
        if self.reference is not None and len(self.reference) <= MOST_OBJECTIVES:
            hypervolume = relative_hypervolume(self.front, self.reference)
        return {
            "feasible": self.feasible,
            "best": self._named(self.best) if self.feasible else {},
            "reference": None if self.reference is None else self._named(self.reference),
            "hypervolume": hypervolume,
        }

    def _named(self, objectives: np.ndarray) -> dict[str, float]:
        shown = self.problem.shown(torch.from_numpy(objectives)).tolist()
        return dict(zip(self.problem.objective_names, shown, strict=True))
