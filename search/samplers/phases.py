"""Samplers one after another: each sees what the others found, the last one hands back.

A phase ends when its share of evaluations is spent or when its sampler has nothing left to do.
After the last phase the first one begins again, so that a larger budget is never idle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from search.problem import Evaluation, Problem
from search.samplers.proposer import Options, Proposer, State


@dataclass(frozen=True)
class Phase:
    """One sampler and the number of evaluations after which it hands over, 0 for no end."""

    sampler: Proposer
    evaluations: int = 0


class Phases(Proposer):
    """A cycle of samplers."""

    name = "phases"
    title = "samplers one after another"
    refuses_late = "a phase ends with its last batch"

    def __init__(self, problem: Problem, phases: tuple[Phase, ...]) -> None:
        super().__init__(problem, Options())
        self.phases = phases

    def initial(self) -> State:
        """First phase, nothing spent."""
        state = self._join([phase.sampler.initial() for phase in self.phases])
        state["phase"] = torch.zeros((), dtype=torch.int64)
        state["spent"] = torch.zeros((), dtype=torch.int64)
        return state

    def round_charge(self, state: State) -> int:
        """That of the phase which is on."""
        number = int(state["phase"])
        return self.phases[number].sampler.round_charge(self._part(state, number))

    def attach(self, study: Any) -> None:
        """Every phase works on this study."""
        for phase in self.phases:
            phase.sampler.attach(study)

    def owns_trials(self, state: State) -> bool:
        """What the phase that is on does."""
        number = int(state["phase"])
        return self.phases[number].sampler.owns_trials(self._part(state, number))

    def describe(self, state: State) -> str:
        """Name of the phase that is on."""
        return self.phases[int(state["phase"])].sampler.name

    def propose(self, state: State, round_number: int, seed: int) -> Tensor:
        """Ask the phase that is on."""
        number = int(state["phase"])
        return self.phases[number].sampler.propose(self._part(state, number), round_number, seed)

    def update(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Tell every sampler; hand over when the phase is through."""
        on = int(state["phase"])
        parts = []
        for number, phase in enumerate(self.phases):
            tell = phase.sampler.update if number == on else phase.sampler.observe
            parts.append(tell(self._part(state, number), x, evaluation))
        new = self._join(parts)
        # A batch of known designs is a round too: a phase that finds nothing new must end.
        spent = state["spent"] + len(x)
        limit = self.phases[on].evaluations
        through = 0 < limit <= int(spent) or self.phases[on].sampler.finished(parts[on])
        following = (on + 1) % len(self.phases) if through else on
        if through:
            sampler = self.phases[following].sampler
            part = sampler.begin(self._part(new, following))
            new.update({f"{following}.{key}": value for key, value in part.items()})
        new["phase"] = torch.tensor(following)
        new["spent"] = torch.zeros((), dtype=torch.int64) if through else spent
        return new

    def observe(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Tell every sampler of designs that none of them proposed."""
        parts = [
            phase.sampler.observe(self._part(state, number), x, evaluation)
            for number, phase in enumerate(self.phases)
        ]
        return {**self._join(parts), "phase": state["phase"], "spent": state["spent"]}

    def _part(self, state: State, number: int) -> State:
        prefix = f"{number}."
        return {
            key.removeprefix(prefix): value
            for key, value in state.items()
            if key.startswith(prefix)
        }

    @staticmethod
    def _join(parts: list[State]) -> State:
        return {
            f"{number}.{key}": value
            for number, part in enumerate(parts)
            for key, value in part.items()
        }
