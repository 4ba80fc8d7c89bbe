"""Rounds that overlap: the next batch is asked for while others are being evaluated.

A batch is told and committed when it comes back, in whatever order that is. Designs in evaluation
count against the budget. An interrupt waits for them and commits; a kill loses them and nothing
else: a trial enters the journal when it is finished, so that none stays behind as running. What
is not promised is the same course of the search, since a sampler learns in the order in which
results come.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from search.problem import Batch, Outcome
from search.rounds import Asked, Rounds

ASKED = "asked"
"""Key of a commit record: number of the next batch that is asked for."""


@dataclass(frozen=True)
class Flight:
    """A batch in evaluation; `charge` is what it costs at most."""

    asked: Asked
    batch: Batch
    charge: int
    outcome: Future[Outcome]


class Flights:
    """Keeps a number of batches in evaluation.

    Parameters
    ----------
    rounds : Rounds
        Of a study whose sampler may learn late.
    most : int
        Batches in evaluation at once.
    """

    def __init__(self, rounds: Rounds, most: int) -> None:
        self._rounds = rounds
        self._most = most
        self._flights: list[Flight] = []
        commits = rounds.journal.commits
        self._next = int(commits[-1].get(ASKED, len(commits))) if commits else 0

    def run(
        self,
        ending: Callable[[int], str],
        seconds: Callable[[], float],
        told: Callable[[dict[str, Any]], None],
    ) -> str:
        """Ask, evaluate and commit until `ending`, then wait for what is in evaluation.

        Parameters
        ----------
        ending : callable
            From the charge of what is in evaluation to why nothing more is asked for, or "".
        seconds : callable
            Time that the study has run so far [s].
        told : callable
            Given every commit record.

        Returns
        -------
        str
            What `ending` said.
        """
        with ThreadPoolExecutor(self._most, thread_name_prefix="evaluation") as pool:
            while True:
                end = ""
                while len(self._flights) < self._most and not end:
                    end = ending(sum(flight.charge for flight in self._flights))
                    if not end:
                        self._launch(pool)
                if not self._flights:
                    return end
                told(self._land(seconds))

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        """Ask for a batch and have it evaluated."""
        rounds = self._rounds
        charge = rounds.charge()
        asked = rounds.ask(self._next)
        self._next += 1
        batch = rounds.problem.prepare(asked.x)
        outcome = pool.submit(rounds.problem.judge, batch)
        self._flights.append(Flight(asked, batch, charge, outcome))

    def _land(self, seconds: Callable[[], float]) -> dict[str, Any]:
        """Wait for the next batch to come back; tell and commit it."""
        wait([flight.outcome for flight in self._flights], return_when=FIRST_COMPLETED)
        place = next(i for i, flight in enumerate(self._flights) if flight.outcome.done())
        flight = self._flights.pop(place)
        problem = self._rounds.problem
        start = problem.archive.count
        evaluation = problem.record(flight.batch, flight.outcome.result())
        return self._rounds.tell(flight.asked, evaluation, start, seconds(), {ASKED: self._next})
