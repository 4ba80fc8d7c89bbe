"""A study is a sequence of rounds: ask a batch, evaluate, tell in number order, commit.

A commit writes the round's evaluations and the sampler's state (temporary name, sync, rename) and
then appends to the journal, whose last line names both files. A kill at any moment loses at most
the round in progress, which runs again and gives the same bytes: nothing that a sampler sees
depends on a clock, and its random numbers are a function of the study's seed and the round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
import torch
from safetensors.torch import load as load_state
from safetensors.torch import save as save_state
from torch import Tensor

from costmodel.errors import StudyError
from search import evaluations
from search.problem import Evaluation, Problem
from search.samplers.optuna_adapter import trial_attributes
from search.samplers.proposer import (
    Proposer,
    State,
    front_scale,
    rank_value,
    scalarise,
    simplex_weights,
)
from search.samplers.trials import distributions, to_parameters
from search.storage import COMMIT, Journal, open_optuna, read_commits, write_atomically

JOURNAL = "study.journal"
CHUNKS = "evaluations"
STATES = "state"
TRIALS_A_ROUND = 64
"""Designs of a batched sampler's round that become Optuna trials."""
SEED_BATCH = 2048


@dataclass
class Rounds:
    """The rounds of one study, in its folder; the caller holds the folder's lock.

    Parameters
    ----------
    folder : Path
    name : str
        Of the Optuna study.
    problem : Problem
    proposer : Proposer
    seed : int
    units : dict
        Unit of each metric, for the columns of the evaluations.
    starts : Tensor [N,V]
        Designs to evaluate before the sampler begins (a warm start), may be empty.
    """

    folder: Path
    name: str
    problem: Problem
    proposer: Proposer
    seed: int
    units: dict[str, str] = field(default_factory=dict)
    starts: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float64))
    number: int = 0
    seconds: float = 0.0

    def open(self) -> None:
        """Read back what is committed; set what is not aside."""
        evaluations.check_names(self.problem)
        for folder in (CHUNKS, STATES):
            (self.folder / folder).mkdir(exist_ok=True)
        self.journal = Journal(self.folder / JOURNAL)
        directions: list[Literal["minimize", "maximize"]] = [
            "maximize" if g.maximize else "minimize" for g in self.problem.goals
        ]
        self.study = open_optuna(self.journal, self.name, directions)
        self.proposer.attach(self.study)
        self._distributions = distributions(self.problem.space)
        self._restore(self.journal.commits)
        self._set_aside()
        commits = self.journal.commits
        self.state = self._read_state(commits[-1]) if commits else self.proposer.initial()

    def read(self) -> None:
        """Read back what is committed and change nothing."""
        self._restore(read_commits(self.folder / JOURNAL))

    def _restore(self, commits: list[dict[str, Any]]) -> None:
        self.problem.forget()
        self.number = len(commits)
        chunks = [self._named(commit, "chunk") for commit in commits if commit["chunk"]]
        if chunks:
            evaluations.restore(self.problem, evaluations.read(chunks))
        if not commits:
            return
        last = commits[-1]
        if self.problem.archive.count != last["evaluations"]:
            raise StudyError(
                f"{self.folder}: {self.problem.archive.count} evaluations in {CHUNKS}/, "
                f"{last['evaluations']} in the journal",
                next_step="restore the missing files, or start a new study",
            )
        self.problem.meter.restore(last["meter"])
        self.seconds = float(last["seconds"])

    def step(self, seconds: Callable[[], float]) -> dict[str, Any]:
        """Run and commit one round.

        Parameters
        ----------
        seconds : callable
            Time that the study has run so far, for the record only [s].
        """
        start = self.problem.archive.count
        begin = self.number * SEED_BATCH
        if begin < len(self.starts):
            sampler, own = "warm_start", False
            x = self.starts[begin : begin + SEED_BATCH]
            evaluation = self.problem.evaluate(x)
            self.state = self.proposer.observe(self.state, x, evaluation)
        else:
            sampler = self.proposer.describe(self.state)
            own = self.proposer.owns_trials(self.state)
            x = self.proposer.propose(self.state, self.number, self.seed)
            evaluation = self.problem.evaluate(x)
            self.state = self.proposer.update(self.state, x, evaluation)
        if not own:
            self._add_trials(x, evaluation, sampler)
        return self._commit(start, sampler, seconds())

    def charge(self) -> int:
        """Evaluations that the next round is charged at most."""
        begin = self.number * SEED_BATCH
        if begin < len(self.starts):
            return min(SEED_BATCH, len(self.starts) - begin)
        return self.proposer.round_charge(self.state)

    def _add_trials(self, x: Tensor, evaluation: Evaluation, sampler: str) -> None:
        """The best fresh designs of a batched round become finished Optuna trials."""
        rows = best_rows(evaluation, TRIALS_A_ROUND)
        shown = self.problem.shown(evaluation.objectives[rows]).tolist()
        violations = evaluation.violations[rows].tolist()
        canonical = self.problem.space.canonical(x[rows])
        for row, values, broken in zip(canonical, shown, violations, strict=True):
            named = dict(zip(self.problem.violation_names, broken, strict=True))
            self.study.add_trial(
                optuna.create_trial(
                    params=to_parameters(self.problem.space, row),
                    distributions=self._distributions,
                    values=values,
                    constraints=named,
                    user_attrs=trial_attributes(sampler, named),
                )
            )

    def _commit(self, start: int, sampler: str, seconds: float) -> dict[str, Any]:
        chunk = None
        if self.problem.archive.count > start:
            chunk = f"{CHUNKS}/round-{self.number:06d}.parquet"
            table = evaluations.rows(self.problem, start, self.number, sampler)
            evaluations.write(self.folder / chunk, table, self.units)
        state = f"{STATES}/round-{self.number:06d}.safetensors"
        content = save_state({key: value.contiguous().clone() for key, value in self.state.items()})
        write_atomically(self.folder / state, content)
        record = {
            "round": self.number,
            "sampler": sampler,
            "chunk": chunk,
            "state": state,
            "state_digest": _digest(content),
            "evaluations": self.problem.archive.count,
            "meter": self.problem.meter.as_dict(),
            "seconds": round(seconds, 3),
            **self.summary(),
        }
        self.study.set_user_attr(COMMIT, record)
        self.journal.commit(record)
        stale = self.folder / f"{STATES}/round-{self.number - 2:06d}.safetensors"
        stale.unlink(missing_ok=True)
        self.number += 1
        self.seconds = seconds
        return record

    def summary(self) -> dict[str, Any]:
        """How many designs are feasible, and the best value of each objective."""
        objectives, feasible = self.problem.judged()
        best: dict[str, float] = {}
        if feasible.any():
            lowest = torch.from_numpy(objectives[feasible].min(0))
            shown = self.problem.shown(lowest).tolist()
            best = dict(zip(self.problem.objective_names, shown, strict=True))
        return {"feasible": int(feasible.sum()), "best": best}

    def _named(self, commit: dict[str, Any], kind: str) -> Path:
        path = self.folder / str(commit[kind])
        if not path.exists():
            raise StudyError(
                f"{path} is missing",
                expected="every file that the journal names",
                next_step="restore it, or start a new study",
            )
        return path

    def _read_state(self, commit: dict[str, Any]) -> State:
        content = self._named(commit, "state").read_bytes()
        if _digest(content) != commit["state_digest"]:
            raise StudyError(f"{commit['state']} is not the file that the journal names")
        state: State = load_state(content)
        return state

    def _set_aside(self) -> None:
        """Rename files of a round that was never committed; it runs again."""
        named = {commit[kind] for commit in self.journal.commits for kind in ("chunk", "state")}
        for folder in (CHUNKS, STATES):
            for path in (self.folder / folder).glob("round-*"):
                number = int(path.name.removeprefix("round-").split(".")[0])
                if number >= self.number and f"{folder}/{path.name}" not in named:
                    path.replace(path.with_name(path.name + ".tail"))


def best_rows(evaluation: Evaluation, count: int) -> Tensor:
    """Rows of the best fresh designs: of each part of the front, then by violation."""
    fresh = torch.nonzero(evaluation.fresh).ravel()
    if len(fresh) <= count:
        return fresh
    objectives, total = evaluation.objectives[fresh], evaluation.total_violation[fresh]
    ideal, span = front_scale(objectives, total <= 0)
    weights = simplex_weights(objectives.shape[1], count)
    scalars = torch.nan_to_num(scalarise(objectives[None], weights[:, None], ideal, span))
    order = torch.argsort(rank_value(scalars, total.expand_as(scalars)), dim=-1, stable=True)
    # Round robin over the parts of the front: the best of each, then the second best ...
    queue = order.T.reshape(-1).numpy()
    _, first = np.unique(queue, return_index=True)
    chosen = queue[np.sort(first)[:count]]
    return fresh[torch.from_numpy(np.sort(chosen))]


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
