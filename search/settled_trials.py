"""Optuna's journal storage, quick with many finished trials.

Optuna's samplers ask for all trials at every turn, and each time gather the limits of every one of
them from its attributes. A finished trial does not change any more: it is kept aside with its
limits gathered once.
"""

from __future__ import annotations

import copy
from collections.abc import Container
from typing import Self

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState


class SettledTrial(FrozenTrial):
    """A finished trial that has gathered its limits."""

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self:
        """The same trial."""
        settled = cls.__new__(cls)
        settled.__dict__.update(trial.__dict__)
        settled.__dict__["_gathered"] = trial.constraints
        return settled

    @property
    def constraints(self) -> dict[str, float]:
        """Value of each limit; feasible at most 0."""
        gathered: dict[str, float] = self.__dict__["_gathered"]
        return gathered


class StudyStorage(JournalStorage):
    """Optuna's journal storage for one study in which nobody enqueues trials.

    Optuna looks through all trials for waiting ones at every ask; answering that query from here
    keeps an ask as fast with 40,000 trials as with none.
    """

    def __init__(self, log_storage: BaseJournalBackend) -> None:
        super().__init__(log_storage)
        self._settled: list[FrozenTrial] = []
        self._ids: list[int] = []
        self._complete = True

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """A new trial; returns its id."""
        self._learn(study_id)
        trial_id: int = super().create_new_trial(study_id, template_trial)
        self._ids.append(trial_id)
        return trial_id

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """All trials of the study in the given states, by number."""
        if states == (TrialState.WAITING,):
            return []
        self._learn(study_id)
        while len(self._settled) < len(self._ids):
            trial = self.get_trial(self._ids[len(self._settled)])
            if not trial.state.is_finished():
                break
            self._settled.append(SettledTrial.of(trial))
            self._complete = self._complete and trial.state == TrialState.COMPLETE
        later = [self.get_trial(trial_id) for trial_id in self._ids[len(self._settled) :]]
        if states is None or (self._complete and TrialState.COMPLETE in states):
            trials = list(self._settled)
        else:
            trials = [trial for trial in self._settled if trial.state in states]
        trials += [trial for trial in later if states is None or trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def _learn(self, study_id: int) -> None:
        """Ids of the trials that were there when the study was opened."""
        if not self._ids:
            trials = super().get_all_trials(study_id, deepcopy=False)
            self._ids = [trial._trial_id for trial in trials]
