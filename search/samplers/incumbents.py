"""The best designs known to a batched search: one for each weight vector of each pool.

With several objectives a weight vector asks for one part of the front. Pools are independent
copies: designs are shared between the weight vectors of a pool and never between pools.
Dimension letters: C incumbents (pools times weight vectors), V variables, M objectives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.problem import Evaluation
from search.samplers.proposer import State, front_scale, rank_value, scalarise


@dataclass(frozen=True)
class Incumbents:
    """Operations on the part of a state that holds incumbents.

    Parameters
    ----------
    weights : Tensor [W,M]
    pools : int
    """

    weights: Tensor
    pools: int

    @property
    def count(self) -> int:
        """Number of incumbents."""
        return self.pools * len(self.weights)

    def empty(self, variables: int) -> State:
        """No design known: every incumbent is infinitely bad."""
        objectives = self.weights.shape[1]
        return {
            "x": torch.zeros(self.count, variables, dtype=torch.float64),
            "objectives": torch.full((self.count, objectives), torch.inf, dtype=torch.float64),
            "violation": torch.full((self.count,), torch.inf, dtype=torch.float64),
        }

    def chain_weights(self) -> Tensor:
        """Weight vector of each incumbent ``[C,M]``."""
        return self.weights.repeat(self.pools, 1)

    def scale(self, state: State) -> tuple[Tensor, Tensor]:
        """Ideal point and span of the incumbents."""
        return front_scale(state["objectives"], state["violation"] <= 0)

    def absorb(
        self, state: State, x: Tensor, evaluation: Evaluation, pool: Tensor
    ) -> tuple[State, Tensor]:
        """Keep what is better than the incumbents.

        Parameters
        ----------
        state : dict
            With ``x``, ``objectives`` and ``violation``.
        x, evaluation : Tensor [B,V], Evaluation of B
        pool : Tensor [B]
            Which pool each design belongs to.

        Returns
        -------
        dict
            The new state.
        Tensor [C]
            Which incumbents improved.
        """
        total = evaluation.total_violation
        merged = torch.cat([state["objectives"], evaluation.objectives])
        ideal, span = front_scale(merged, torch.cat([state["violation"], total]) <= 0)
        scalar = self._scalar(state["objectives"], self.chain_weights(), ideal, span)
        before = rank_value(scalar, state["violation"])
        scalars = self._scalar(evaluation.objectives[None], self.weights[:, None], ideal, span)
        values = rank_value(scalars, total.expand_as(scalars))
        mine = pool[None, :] == torch.arange(self.pools)[:, None]
        table = torch.where(mine[:, None, :], values[None], torch.inf).reshape(self.count, -1)
        best, row = table.min(-1)
        better = best < before - 1e-12 * before.abs().clamp(max=1e300)
        new = dict(state)
        new["x"] = torch.where(better[:, None], x[row], state["x"])
        new["objectives"] = torch.where(
            better[:, None], evaluation.objectives[row], state["objectives"]
        )
        new["violation"] = torch.where(better, total[row], state["violation"])
        return new, better

    @staticmethod
    def _scalar(objectives: Tensor, weights: Tensor, ideal: Tensor, span: Tensor) -> Tensor:
        return torch.nan_to_num(scalarise(objectives, weights, ideal, span), nan=torch.inf)
