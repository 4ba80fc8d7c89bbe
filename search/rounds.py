"""A study is a sequence of rounds: ask a batch, evaluate, tell in number order, commit.

A commit writes the round's evaluations and the sampler's state (temporary name, sync, rename) and
then appends to the journal, whose last line names both files. A kill at any moment loses at most
the round in progress, which runs again and gives the same bytes: nothing that a sampler sees
depends on a clock, and its random numbers are a function of the study's seed and the round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
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
from search.standing import Standing
from search.starts import Starts
from search.storage import (
    COMMIT,
    JOURNAL,
    TAIL,
    TEMPORARY,
    Journal,
    digest_of,
    open_optuna,
    read_commits,
    saving,
    tail_of,
    write_atomically,
)

CHUNKS = "evaluations"
STATES = "state"
TRIALS_A_ROUND = 64
"""Designs of a batched sampler's round that become Optuna trials."""
SEED_BATCH = 2048


@dataclass(frozen=True)
class Asked:
    """A batch ``x [B,V]`` that waits for its results.

    ``own_trials`` says whether its designs are Optuna trials of the sampler itself.
    """

    x: Tensor
    sampler: str
    own_trials: bool


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
    starts : Starts, optional
        Designs to evaluate before the sampler begins.
    """

    folder: Path
    name: str
    problem: Problem
    proposer: Proposer
    seed: int
    units: dict[str, str] = field(default_factory=dict)
    starts: Starts | None = None
    number: int = 0
    seconds: float = 0.0

    def open(self) -> None:
        """Read back what is committed; set what is not aside."""
        evaluations.check_names(self.problem)
        with saving(self.folder):
            for folder in (CHUNKS, STATES):
                (self.folder / folder).mkdir(exist_ok=True)
        self._check_journal()
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

    def _check_journal(self) -> None:
        """A journal that is gone is not one that was cut: what it named is all there is."""
        # A round that no journal names may have left its files; a second one can not have begun.
        numbers = [path.stem for path in (self.folder / CHUNKS).glob("round-*.parquet")]
        if len(numbers) > 1 and not (self.folder / JOURNAL).exists():
            raise StudyError(
                f"{self.folder / JOURNAL} is missing",
                expected=f"the journal of {len(numbers)} rounds",
                next_step="restore it, or `touch` it: its rounds then run again",
            )

    def _restore(self, commits: list[dict[str, Any]]) -> None:
        self.problem.forget()
        self.standing = Standing(self.problem)
        self.number = len(commits)
        next_step = "restore it, or start a new study"
        chunks = [self._named(commit, "chunk", next_step) for commit in commits if commit["chunk"]]
        if chunks:
            evaluations.restore(self.problem, evaluations.read(chunks))
        if not commits:
            if self.starts is not None:
                self.problem.meter.restore(self.starts.meter)
                self.seconds = self.starts.seconds
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
        self.standing.restore(commits)

    def step(self, seconds: Callable[[], float]) -> dict[str, Any]:
        """Run and commit one round.

        Parameters
        ----------
        seconds : callable
            Time that the study has run so far, for the record only [s].
        """
        start = self.problem.archive.count
        own = self.proposer.owns_trials(self.state)
        if self.starting and self.starts is not None:
            sampler = self.starts.kind
            begin = self.number * SEED_BATCH
            x = self.starts.x[begin : begin + SEED_BATCH]
            evaluation = self.problem.evaluate(x)
            self.state = self.proposer.observe(self.state, x, evaluation)
            self._add_trials(x, evaluation, sampler, SEED_BATCH if own else TRIALS_A_ROUND)
        else:
            asked = self.ask(self.number)
            return self.tell(asked, self.problem.evaluate(asked.x), start, seconds())
        return self._commit(start, sampler, seconds())

    def ask(self, number: int) -> Asked:
        """The sampler's batch of this number, which decides its random numbers."""
        sampler = self.proposer.describe(self.state)
        own = self.proposer.owns_trials(self.state)
        return Asked(self.proposer.propose(self.state, number, self.seed), sampler, own)

    def tell(
        self,
        asked: Asked,
        evaluation: Evaluation,
        start: int,
        seconds: float,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Give a batch its results and commit them as a round.

        Parameters
        ----------
        asked, evaluation : Asked, Evaluation
        start : int
            Evaluations known before this batch was evaluated.
        seconds : float
            Time that the study has run so far [s].
        facts : mapping
            More for the commit record.
        """
        self.state = self.proposer.update(self.state, asked.x, evaluation)
        if not asked.own_trials:
            self._add_trials(asked.x, evaluation, asked.sampler, TRIALS_A_ROUND)
        return self._commit(start, asked.sampler, seconds, facts)

    @property
    def starting(self) -> bool:
        """Whether the next round evaluates designs that were there before the sampler."""
        return self.starts is not None and self.number * SEED_BATCH < len(self.starts)

    @property
    def idle(self) -> int:
        """Rounds since the last one with a new design; a resumed search goes on counting."""
        commits = self.journal.commits
        count = 0
        while count < len(commits) and commits[-1 - count]["chunk"] is None:
            count += 1
        return count

    def charge(self) -> int:
        """Evaluations that the next round is charged at most."""
        if self.starting and self.starts is not None:
            return min(SEED_BATCH, len(self.starts) - self.number * SEED_BATCH)
        return self.proposer.round_charge(self.state)

    def _add_trials(self, x: Tensor, evaluation: Evaluation, sampler: str, count: int) -> None:
        """The best fresh designs of a batched round become finished Optuna trials."""
        rows = best_rows(evaluation, count)
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

    def _commit(
        self,
        start: int,
        sampler: str,
        seconds: float,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ) -> dict[str, Any]:
        chunk = digest = None
        if self.problem.archive.count > start:
            chunk = f"{CHUNKS}/round-{self.number:06d}.parquet"
            table = evaluations.rows(self.problem, start, self.number, sampler)
            digest = evaluations.write(self.folder / chunk, table, self.units)
        state, state_digest = self._write_state()
        self.standing.catch_up()
        record = {
            "round": self.number,
            "sampler": sampler,
            "chunk": chunk,
            "chunk_digest": digest,
            "state": state,
            "state_digest": state_digest,
            "evaluations": self.problem.archive.count,
            "meter": self.problem.meter.as_dict(),
            "seconds": round(seconds, 3),
            **self.standing.record(),
            **facts,
        }
        self.study.set_user_attr(COMMIT, record)
        self.journal.commit(record)
        self.number += 1
        self.seconds = seconds
        return record

    def _write_state(self) -> tuple[str, str]:
        """Name and digest of the sampler's state; a state that did not change keeps its file.

        Every state is kept: a journal that lost any number of its rounds goes on from the last
        one that it has.
        """
        content = save_state({key: value.contiguous().clone() for key, value in self.state.items()})
        digest = digest_of(content)
        last = self.journal.commits[-1] if self.journal.commits else None
        if last is not None and last["state_digest"] == digest:
            return str(last["state"]), digest
        name = f"{STATES}/round-{self.number:06d}.safetensors"
        write_atomically(self.folder / name, content)
        return name, digest

    def _named(self, commit: dict[str, Any], kind: str, next_step: str) -> Path:
        path = self.folder / str(commit[kind])
        if not path.exists():
            raise StudyError(
                f"{path} is missing",
                expected="every file that the journal names",
                next_step=next_step,
            )
        # A study of an earlier version has no digests of its chunks.
        digest = commit.get(f"{kind}_digest")
        if digest is not None and digest_of(path.read_bytes()) != digest:
            raise StudyError(f"{path} is not the file that the journal names", next_step=next_step)
        return path

    def _read_state(self, commit: dict[str, Any]) -> State:
        # An older state is never taken instead: committed rounds would be searched again.
        next_step = (
            f"restore it, or `scoville resume {self.folder} --rescore` begins the search anew "
            "from all its designs"
        )
        state: State = load_state(self._named(commit, "state", next_step).read_bytes())
        return state

    def _set_aside(self) -> None:
        """Rename files that the journal does not name; their rounds run again."""
        named = {commit[kind] for commit in self.journal.commits for kind in ("chunk", "state")}
        for folder in (CHUNKS, STATES):
            for path in (self.folder / folder).glob("round-*"):
                with saving(path):
                    if path.suffix == TEMPORARY:
                        path.unlink()
                    elif path.suffix != TAIL and f"{folder}/{path.name}" not in named:
                        path.replace(tail_of(path))


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
