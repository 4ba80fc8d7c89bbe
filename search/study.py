"""A study: one experiment, its folder, its rounds; begin, resume, look at it.

>>> study = Study.create("experiments/quickstart.yaml")        # doctest: +SKIP
>>> study.run()                                                # doctest: +SKIP
>>> study.best("knee")                                         # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from costmodel.errors import StudyError
from costmodel.limits import LIMIT_NAMES
from costmodel.metrics import METRICS
from search import evaluations, manifest
from search.executors.local import single_threaded
from search.experiment import Experiment
from search.folder import (
    EXPERIMENT,
    LOCK,
    STARTS,
    experiment_digest,
    make_room,
    read_starts,
    settle,
)
from search.infeasible import Diagnosis, diagnose
from search.interrupt import interruptible
from search.pareto import front, knee
from search.problem import Problem
from search.progress import Report, Watcher
from search.reading import Loaded, dump, load
from search.relaxation import wording
from search.resolve import Resolved, resolve
from search.results import Design, design_at, ranked, write_results
from search.rounds import JOURNAL, Rounds
from search.samplers.proposer import Proposer
from search.storage import Lock, locked, read_commits, write_atomically

IDLE_ROUNDS = 50
"""Rounds without a new design after which a search has nothing left to evaluate."""

FINISHED, EXHAUSTED, INTERRUPTED, FAILED = "finished", "exhausted", "interrupted", "failed"


@dataclass(frozen=True)
class Outcome:
    """How a session ended.

    ``status`` is ``finished`` (budget spent), ``exhausted`` (nothing new to evaluate) or
    ``interrupted`` (asked to stop, saved).
    """

    status: str
    feasible: int
    resume: str

    @property
    def exit_code(self) -> int:
        """Exit status for a shell: 0, 3 without a feasible design, 130 when interrupted."""
        if self.status == INTERRUPTED:
            return 130
        return 0 if self.feasible else 3


class Study:
    """One study in its folder.

    Use `Study.create` or `Study.open`; the constructor takes what they prepared.
    """

    def __init__(
        self,
        folder: Path,
        experiment: Experiment,
        problem: Problem,
        proposer: Proposer,
        identity: dict[str, str],
        resolved: Resolved | None = None,
    ) -> None:
        self.folder = folder
        self.experiment = experiment
        self.problem = problem
        self.resolved = resolved
        self.identity = identity
        self._lock: Lock | None = None
        self.rounds = Rounds(
            folder=folder,
            name=experiment.name,
            problem=problem,
            proposer=proposer,
            seed=experiment.seed,
            units=metric_units(),
            starts=read_starts(folder, problem),
        )

    @classmethod
    def create(
        cls,
        path: str | Path,
        overrides: Sequence[str] = (),
        *,
        results: str | Path = "results",
        name: str | None = None,
        force: bool = False,
        warm_start: str | Path | None = None,
    ) -> Study:
        """Begin a study in ``results/<name>/``.

        Parameters
        ----------
        path : str or Path
            An experiment.
        overrides : sequence of str
            ``key.path=value``.
        results : str or Path
            Folder of all studies.
        name : str, optional
            Instead of the experiment's own name.
        force : bool
            Rename an existing folder instead of refusing.
        warm_start : str or Path, optional
            Folder of a study whose feasible front and best designs are evaluated first.

        Raises
        ------
        ConfigError, StudyError
        """
        chosen = [*overrides, f"name={json.dumps(name)}"] if name else list(overrides)
        loaded = load(path, chosen)
        resolved = resolve(loaded)
        folder = Path(results) / resolved.experiment.name
        make_room(folder, force)
        folder.mkdir(parents=True)
        experiment = settle(loaded, resolved.experiment, folder)
        write_atomically(folder / EXPERIMENT, dump(experiment).encode())
        if warm_start is not None:
            designs = [design.variables for design in Study.open(warm_start).pareto()]
            write_atomically(folder / STARTS, json.dumps(designs).encode())
        study = cls._of(folder, load(folder / EXPERIMENT))
        study._write_manifest()
        return study

    @classmethod
    def prepare(
        cls, folder: Path, experiment: Experiment, problem: Problem, proposer: Proposer
    ) -> Study:
        """A study of any problem, for models other than the shipped cost model."""
        study = cls(folder, experiment, problem, proposer, manifest.fingerprints())
        if not (folder / manifest.MANIFEST).exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / EXPERIMENT, dump(experiment).encode())
            study._write_manifest()
        return study

    @classmethod
    def open(cls, folder: str | Path) -> Study:
        """A study to look at; nothing is locked or compared."""
        folder = Path(folder)
        manifest.read(folder)
        return cls._of(folder, load(folder / EXPERIMENT))

    @classmethod
    def resume(
        cls, folder: str | Path, overrides: Sequence[str] = (), *, rescore: bool = False
    ) -> Study:
        """A study to go on with, under the versions and the model that it began with.

        Parameters
        ----------
        folder : str or Path
        overrides : sequence of str
            Only ``budget.*`` may change, e.g. ``budget.evaluations=+100000``.
        rescore : bool
            Evaluate the old designs again under a changed cost model, then go on.

        Raises
        ------
        StudyError
            When something else changed, with what to do instead.
        """
        folder = Path(folder)
        content = manifest.read(folder)
        for text in overrides:
            if not text.startswith("budget."):
                raise StudyError(
                    f"-S {text} changes the search itself",
                    expected="budget.evaluations or budget.seconds, which may grow",
                    next_step=f"begin a new study from its designs: `scoville run "
                    f"{folder}/{EXPERIMENT} -S {text} --name ... --warm-start {folder}`",
                )
        study = cls._of(folder, load(folder / EXPERIMENT, overrides))
        if rescore:
            return study._rescored()
        manifest.compare(content, study.identity, folder)
        if overrides:
            write_atomically(folder / EXPERIMENT, dump(study.experiment).encode())
            manifest.write(folder, {**content, "budget": study.experiment.budget.model_dump()})
        return study

    @classmethod
    def _of(cls, folder: Path, loaded: Loaded) -> Study:
        resolved = resolve(loaded)
        identity = {**manifest.fingerprints(), "experiment": experiment_digest(loaded)}
        return cls(
            folder, resolved.experiment, resolved.problem, resolved.proposer, identity, resolved
        )

    def run(
        self, watch: Watcher | None = None, clock: Callable[[], float] = time.monotonic
    ) -> Outcome:
        """Run rounds until the budget is spent, commit each, write the results.

        Parameters
        ----------
        watch : callable, optional
            Told about every round.
        clock : callable
            Seconds; only decides when to stop.

        Returns
        -------
        Outcome
            With the exit status; after Ctrl-C or SIGTERM the round in progress is finished first.
        """
        with Lock(self.folder / LOCK):
            self.rounds.open()
            content = manifest.begin_session(manifest.read(self.folder))
            manifest.write(self.folder, content)
            begin, before = clock(), self.rounds.seconds
            first_round = self.rounds.number
            status = FAILED
            try:
                with interruptible() as asked, single_threaded():
                    status = self._loop(watch, lambda: before + clock() - begin, asked)
            except KeyboardInterrupt:
                status = INTERRUPTED
                raise
            finally:
                facts = {
                    "rounds": [first_round, self.rounds.number],
                    "seconds": round(clock() - begin, 3),
                    "meter": self.problem.meter.as_dict(),
                }
                manifest.write(self.folder, manifest.end_session(content, status, facts))
            write_results(self.folder, self.problem, self._titles(), self._system)
        feasible = int(self.rounds.summary()["feasible"])
        return Outcome(status, feasible, f"scoville resume {self.folder}")

    def _loop(
        self, watch: Watcher | None, seconds: Callable[[], float], asked: Callable[[], bool]
    ) -> str:
        budget, idle = self.experiment.budget, 0
        while not asked():
            charged = self.problem.meter.charged
            if charged + self.rounds.charge() > budget.evaluations and self.rounds.number > 0:
                return FINISHED
            if budget.seconds is not None and seconds() >= budget.seconds:
                return FINISHED
            if self.problem.archive.count >= self.problem.space.size or idle >= IDLE_ROUNDS:
                return EXHAUSTED
            count = self.problem.archive.count
            record = self.rounds.step(seconds)
            idle = idle + 1 if self.problem.archive.count == count else 0
            if watch is not None:
                watch(self._report(record))
        return INTERRUPTED

    def _report(self, record: dict[str, Any]) -> Report:
        units = metric_units()
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
            best={
                name: f"{value:.4g} {units.get(name, '')}".strip()
                for name, value in record["best"].items()
            },
        )

    def read(self) -> Study:
        """Read back what is committed, without writing; returns itself."""
        self.rounds.read()
        return self

    def evaluated(self) -> pa.Table:
        """Every committed evaluation as a table."""
        commits = read_commits(self.folder / JOURNAL)
        files = [self.folder / commit["chunk"] for commit in commits if commit["chunk"]]
        if not files:
            raise StudyError(f"{self.folder} has no evaluations yet", next_step="resume it")
        return evaluations.read(files)

    def pareto(self) -> list[Design]:
        """Feasible designs that no other one beats, ordered by the first objective."""
        self._ensure()
        return [self._design(row) for row in front(*self.problem.judged())]

    def best(self, pick: str, count: int = 1) -> list[Design]:
        """The best designs by an objective's name, or the ``knee`` of the front."""
        self._ensure()
        objectives, feasible = self.problem.judged()
        if pick == "knee":
            rows = front(objectives, feasible)
            return [self._design(rows[knee(objectives[rows])])] if len(rows) else []
        if pick not in self.problem.objective_names:
            raise StudyError(
                f"cannot pick by {pick!r}",
                expected="knee or one of " + ", ".join(self.problem.objective_names),
            )
        column = self.problem.objective_names.index(pick)
        best = ranked(objectives, np.flatnonzero(feasible), column, count)
        return [self._design(row) for row in best]

    def diagnosis(self) -> Diagnosis | None:
        """Why nothing is feasible; None when something is."""
        self._ensure()
        violations, names = self.problem.archive["violations"], self.problem.violation_names
        if self.resolved is None:
            return diagnose(violations, names)
        found = diagnose(violations, names, LIMIT_NAMES)
        if found is None:
            return None
        return dataclasses.replace(found, wording=wording(self.resolved))

    def status(self) -> dict[str, Any]:
        """Where the study stands, as plain values; also while another process runs it."""
        return status(self.folder)

    def _ensure(self) -> None:
        if self.problem.archive.count == 0:
            self.read()

    def _design(self, row: int) -> Design:
        return design_at(self.problem, int(row))

    def _titles(self) -> str:
        return self.experiment.title or self.experiment.name

    def _system(self, x: torch.Tensor, name: str, notes: tuple[str, ...]) -> str | None:
        if self.resolved is None:
            return None
        return self.resolved.model.system(x, name, self._titles(), notes)

    def _write_manifest(self) -> None:
        budget = self.experiment.budget.model_dump()
        content = manifest.create(self.experiment.name, self.experiment.seed, self.identity, budget)
        manifest.write(self.folder, content)

    def _rescored(self) -> Study:
        """The same study begun again with its old designs, the old files kept aside."""
        with Lock(self.folder / LOCK):
            table = self.evaluated()
            names = self.problem.space.names
            columns = {name: table.column(name).to_pylist() for name in names}
            designs = [
                dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
            number = 1
            while (aside := self.folder / f"before-rescore-{number}").exists():
                number += 1
            aside.mkdir()
            for name in (JOURNAL, "evaluations", "state", "pareto.csv", "best", manifest.MANIFEST):
                if (self.folder / name).exists():
                    (self.folder / name).replace(aside / name)
            write_atomically(self.folder / STARTS, json.dumps(designs).encode())
            write_atomically(self.folder / EXPERIMENT, dump(self.experiment).encode())
            self._write_manifest()
        return Study._of(self.folder, load(self.folder / EXPERIMENT))


def status(folder: str | Path) -> dict[str, Any]:
    """Where the study of a folder stands, from its journal and manifest alone."""
    folder = Path(folder)
    content = manifest.read(folder)
    commits = read_commits(folder / JOURNAL)
    last = commits[-1] if commits else {}
    running = locked(folder / LOCK)
    return {
        "name": content["name"],
        "folder": str(folder),
        "status": "running" if running else _settled(content["status"]),
        "rounds": len(commits),
        "evaluations": last.get("evaluations", 0),
        "feasible": last.get("feasible", 0),
        "best": last.get("best", {}),
        "sampler": last.get("sampler", ""),
        "meter": last.get("meter", {}),
        "seconds": last.get("seconds", 0.0),
        "budget": content["budget"],
        "sessions": len(content["sessions"]),
        "created": content["created"],
    }


def _settled(stored: str) -> str:
    """A study that says running, with nobody running it, was killed."""
    return "killed" if stored == "running" else stored


def metric_units() -> dict[str, str]:
    """Unit of each metric."""
    return {name: spec.unit for name, spec in METRICS.items()}
