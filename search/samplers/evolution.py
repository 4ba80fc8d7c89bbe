"""Vectorised evolution: one population, ranked by constraint domination and crowding (NSGA-II)."""

from __future__ import annotations

import moocore
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from search.problem import Evaluation
from search.samplers.coordinate_descent import move_table, wrap
from search.samplers.proposer import Options, Proposer, State, generator


class EvolutionOptions(Options):
    """Options of the evolution: parents kept and children proposed in each round."""

    batch: int = Field(default=1024, ge=1)
    population: int = Field(default=512, ge=2)


class Evolution(Proposer):
    """Uniform crossover of two parents, moves of a few variables, the best survive."""

    name = "evolution"
    title = "vectorised NSGA-II with the moves of coordinate descent"
    options_class = EvolutionOptions
    honours_limits = "constraint domination: feasible first, then by violation"
    late_results = "children of the population of the moment, which may lag behind"
    several_objectives = "non-dominated sorting and crowding"

    def initial(self) -> State:
        """An empty population."""
        objectives = len(self.problem.goals)
        return {
            "x": torch.zeros(0, len(self.space.variables), dtype=torch.float64),
            "objectives": torch.zeros(0, objectives, dtype=torch.float64),
            "violation": torch.zeros(0, dtype=torch.float64),
        }

    def propose(self, state: State, round_number: int, seed: int) -> Tensor:
        """Children of the population ``[B,V]``; without parents, a random batch."""
        random = generator(seed, round_number)
        size, free = int(self.options.batch), self.space.free
        parents = state["x"]
        if len(parents) < 2 or not free:
            unit = torch.rand(size, len(free), generator=random, dtype=torch.float64)
            return self.space.from_unit(unit)
        # Rows are sorted best first: the smaller of two random rows wins a tournament.
        draws = torch.randint(len(parents), (2, 2, size), generator=random)
        first, second = draws.amin(1)
        mixed = torch.rand(size, parents.shape[1], generator=random) < 0.5
        x = torch.where(mixed, parents[first], parents[second])
        moves = move_table(self.space)
        for chance in (0.8, 0.4):
            picked = moves[torch.randint(len(moves), (size,), generator=random)]
            moved = torch.rand(size, 1, generator=random) < chance
            x = torch.where(moved, x + picked, x)
        return self.space.canonical(wrap(self.space, x))

    def update(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Let the best of parents and children survive."""
        merged = torch.cat([state["x"], self.space.canonical(x)])
        objectives = torch.cat([state["objectives"], evaluation.objectives])
        violation = torch.cat([state["violation"], evaluation.total_violation])
        _, first = np.unique(merged.numpy(), axis=0, return_index=True)
        rows = np.sort(first)
        order = survival_order(objectives.numpy()[rows], violation.numpy()[rows])
        keep = torch.from_numpy(rows[order[: int(self.options.population)]])
        return {"x": merged[keep], "objectives": objectives[keep], "violation": violation[keep]}

    def observe(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """What another sampler found competes like children."""
        return self.update(state, x, evaluation)


def survival_order(objectives: np.ndarray, violation: np.ndarray) -> np.ndarray:
    """Rows from best to worst: feasible ones by front and crowding, then by violation."""
    rank = np.full(len(objectives), np.inf)
    crowding = np.zeros(len(objectives))
    feasible = np.flatnonzero((violation <= 0) & np.isfinite(objectives).all(1))
    if len(feasible):
        levels = np.asarray(moocore.pareto_rank(objectives[feasible]))
        rank[feasible] = levels
        for level in np.unique(levels):
            rows = feasible[levels == level]
            crowding[rows] = crowding_distance(objectives[rows])
    return np.lexsort((-crowding, violation, rank))


def crowding_distance(objectives: np.ndarray) -> np.ndarray:
    """Distance between each design's neighbours on its front ``[N,M] -> [N]``."""
    distance = np.zeros(len(objectives))
    for column in objectives.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if len(order) > 2 and span > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance
