"""Scrambled Sobol points: even coverage of the space, the start of every batched search."""

from __future__ import annotations

import torch
from torch import Tensor

from search.problem import Evaluation
from search.samplers.proposer import Proposer, State


class QuasiRandom(Proposer):
    """Draws the next points of one scrambled Sobol sequence.

    The sequence belongs to the study's seed, not to the round: rounds continue it.
    """

    name = "quasi_random"
    title = "scrambled Sobol points over the whole space"
    honours_limits = "sampling only: limits sort the results afterwards"
    refuses_late = "its sequence moves on with the results; qmc is the same without waiting"
    several_objectives = "sampling only: the front is taken afterwards"

    def initial(self) -> State:
        """Nothing drawn yet."""
        return {"drawn": torch.zeros((), dtype=torch.int64)}

    def propose(self, state: State, round_number: int, seed: int) -> Tensor:
        """The next `batch` points of the sequence."""
        del round_number
        dimension = len(self.space.free)
        if dimension == 0:
            return self.space.from_unit(torch.zeros(1, 0, dtype=torch.float64))
        engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)
        engine.fast_forward(int(state["drawn"]))
        return self.space.from_unit(engine.draw(self.options.batch, dtype=torch.float64))

    def update(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Move on in the sequence."""
        del evaluation
        return {"drawn": state["drawn"] + len(x)}
