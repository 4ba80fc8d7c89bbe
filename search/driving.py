"""Runs the rounds of a study until its budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from costmodel.errors import StudyError
from costmodel.metrics import METRICS
from search import rescore
from search.asynchronous import Flights
from search.display import quantity
from search.experiment import Experiment
from search.progress import Report, Watcher
from search.rounds import Rounds
from search.starts import RESCORE

IDLE_ROUNDS = 50
"""Rounds without a new design after which a search has nothing left to evaluate."""

FINISHED, EXHAUSTED, INTERRUPTED, FAILED = "finished", "exhausted", "interrupted", "failed"


class Driver:
    """One session's rounds.

    Parameters
    ----------
    folder : Path
        Of the study; the caller holds its lock.
    experiment : Experiment
    rounds : Rounds
        Open.
    """

    def __init__(self, folder: Path, experiment: Experiment, rounds: Rounds) -> None:
        self.folder = folder
        self.experiment = experiment
        self.rounds = rounds
        self.problem = rounds.problem

    def run(
        self, watch: Watcher | None, seconds: Callable[[], float], asked: Callable[[], bool]
    ) -> str:
        """Run rounds until something ends them; what did, as the status of the session.

        Parameters
        ----------
        watch : callable or None
            Told about every round.
        seconds : callable
            Time that the study has run so far, over all sessions [s].
        asked : callable
            Whether someone asked to stop.
        """
        while True:
            self._conclude_rescore()
            if asked():
                return INTERRUPTED
            if end := self._end(seconds):
                return end
            if self.experiment.execution.mode == "async" and not self.rounds.starting:
                return self._overlap(watch, seconds, asked)
            record = self.rounds.step(seconds)
            if watch is not None:
                watch(self._report(record))

    def _overlap(
        self, watch: Watcher | None, seconds: Callable[[], float], asked: Callable[[], bool]
    ) -> str:
        """Rounds that overlap, until the budget is spent or someone asks to stop."""

        def told(record: dict[str, Any]) -> None:
            if watch is not None:
                watch(self._report(record))

        flights = Flights(self.rounds, self.experiment.execution.in_flight)
        return flights.run(
            lambda charge: INTERRUPTED if asked() else self._end(seconds, charge), seconds, told
        )

    def _end(self, seconds: Callable[[], float], in_flight: int = 0) -> str:
        """Why no further round is run, empty while one is.

        `in_flight` is what batches in evaluation are charged at most.
        """
        budget, begun = self.experiment.budget, self.rounds.starts
        if self.rounds.starting and begun is not None and begun.kind == RESCORE:
            return ""  # every design gets its new scores, whatever was spent
        charged, charge = self.problem.meter.charged + in_flight, self.rounds.charge()
        if charged + charge > budget.evaluations:
            if charged == 0:
                sampler = self.rounds.proposer.describe(self.rounds.state)
                raise StudyError(
                    f"budget.evaluations {budget.evaluations} is less than one batch of {sampler}, "
                    f"{charge}",
                    next_step="raise the budget, or set a smaller batch in the sampler's options",
                )
            return FINISHED
        if budget.seconds is not None and seconds() >= budget.seconds:
            return FINISHED
        spent = self.problem.archive.count >= self.problem.space.size
        return EXHAUSTED if spent or self.rounds.idle >= IDLE_ROUNDS else ""

    def _conclude_rescore(self) -> None:
        """Write old and new scores beside each other as soon as every design has both."""
        begun = self.rounds.starts
        if begun is None or begun.kind != RESCORE or self.rounds.starting:
            return
        if not (self.folder / rescore.SUMMARY).exists():
            rescore.conclude(self.folder, self.problem)

    def _report(self, record: dict[str, Any]) -> Report:
        budget = self.experiment.budget
        return Report(
            round_number=record["round"],
            sampler=record["sampler"],
            evaluated=record["evaluations"],
            feasible=record["feasible"],
            charged=self.problem.meter.charged,
            budget=budget.evaluations,
            seconds=record["seconds"],
            limit=budget.seconds,
            hypervolume=record["hypervolume"],
            best={
                name: quantity(value, METRICS[name].unit if name in METRICS else "")
                for name, value in record["best"].items()
            },
        )
