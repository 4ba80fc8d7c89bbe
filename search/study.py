"""A study: one experiment, its folder, its rounds; begin, resume, look at it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from costmodel.errors import StudyError
from costmodel.limits import LIMIT_NAMES
from costmodel.metrics import METRICS
from search import evaluations, manifest, starts
from search import rescore as rescoring
from search.driving import FAILED, INTERRUPTED, Driver
from search.executors.local import single_threaded
from search.experiment import Experiment
from search.fingerprints import fingerprints
from search.folder import EXPERIMENT, experiment_digest
from search.following import state
from search.infeasible import Diagnosis, diagnose
from search.interrupt import interruptible
from search.making import make
from search.pareto import front, knee
from search.problem import Problem
from search.progress import Watcher
from search.reading import Loaded, Overrides, dump, load, override_texts
from search.relaxation import wording
from search.resolve import Resolved, resolve
from search.results import Design, design_at, ranked, write_results
from search.rounds import Rounds
from search.samplers.proposer import Proposer
from search.storage import (
    JOURNAL,
    LOCK,
    Lock,
    UnwritableError,
    read_commits,
    saving,
    write_atomically,
)


@dataclass(frozen=True)
class Outcome:
    """How a session ended.

    ``status`` is ``finished`` (budget spent), ``exhausted`` (nothing new to evaluate) or
    ``interrupted`` (asked to stop, saved).

    >>> Outcome("finished", feasible=0, resume="scoville resume results/mine").exit_code
    3
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

    Use `Study.create`, `Study.open` or `Study.resume`; the constructor takes what they prepared.

    Examples
    --------
    Two rounds of quasi-random designs, then a third:

    >>> from tempfile import TemporaryDirectory
    >>> results = TemporaryDirectory()
    >>> sampler = {"name": "quasi_random", "options": {"batch": 64}}
    >>> study = Study.create(
    ...     "experiments/quickstart.yaml",
    ...     {"budget.evaluations": 128, "sampler": sampler},
    ...     results=results.name,
    ... )
    >>> len(study.problem.space.names), study.problem.objective_names  # as the file says
    (19, ('cost_per_mtoken', 'tokens_per_joule'))
    >>> study.run().status
    'finished'
    >>> study.evaluated().num_rows  # a pyarrow table
    128
    >>> all(design.feasible for design in study.pareto())
    True
    >>> more = Study.resume(study.folder, {"budget.evaluations": "+64"})
    >>> more.run().status, more.status()["evaluations"]
    ('finished', 192)
    >>> results.cleanup()
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
        self._grown = False
        self.rounds = Rounds(
            folder=folder,
            name=experiment.name,
            problem=problem,
            proposer=proposer,
            seed=experiment.seed,
            units=metric_units(),
            starts=starts.read(folder, problem.space),
        )

    @classmethod
    def create(
        cls,
        path: str | Path,
        overrides: Overrides = (),
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
        overrides : sequence of str, or mapping
            ``key.path=value``, or values by key path.
        results : str or Path
            Folder of all studies.
        name : str, optional
            Instead of the experiment's own name.
        force : bool
            Rename an existing folder instead of refusing.
        warm_start : str or Path, optional
            Folder of a study, of this space or another, whose front is evaluated first; `notes`
            says what was taken over.

        Raises
        ------
        ConfigError, StudyError
        """
        chosen = override_texts(overrides) + ([f"name={json.dumps(name)}"] if name else [])
        loaded = load(path, chosen)
        resolved = resolve(loaded)
        folder = make(loaded, resolved, Path(results), force, warm_start)
        return cls._of(folder, load(folder / EXPERIMENT))

    @classmethod
    def prepare(
        cls, folder: Path, experiment: Experiment, problem: Problem, proposer: Proposer
    ) -> Study:
        """A study of any problem, for models other than the shipped cost model."""
        study = cls(folder, experiment, problem, proposer, fingerprints())
        if not (folder / manifest.MANIFEST).exists():
            with saving(folder):
                folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / EXPERIMENT, dump(experiment).encode())
            manifest.write(folder, manifest.of(experiment, study.identity))
        return study

    @classmethod
    def open(cls, folder: str | Path) -> Study:
        """A study to look at; nothing is locked or compared."""
        folder = Path(folder)
        manifest.read(folder)
        return cls._of(folder, load(folder / EXPERIMENT))

    @classmethod
    def resume(
        cls, folder: str | Path, overrides: Overrides = (), *, rescore: bool = False
    ) -> Study:
        """A study to go on with, under the versions and the model that it began with.

        Parameters
        ----------
        folder : str or Path
        overrides : sequence of str, or mapping
            Only ``budget.*`` may change, e.g. ``budget.evaluations=+100000``.
        rescore : bool
            Evaluate the old designs again under a changed cost model, then go on. The study as it
            was is kept in ``before-rescore-N/`` of its folder, old and new scores of each design
            in ``rescored.parquet``.

        Raises
        ------
        StudyError
            When something else changed, with what to do instead.
        """
        folder = Path(folder)
        manifest.read(folder)
        for text in override_texts(overrides):
            if not text.startswith("budget."):
                raise StudyError(
                    f"-S {text} changes the search itself",
                    expected="budget.evaluations or budget.seconds, which may grow",
                    next_step=f"begin a new study from its designs: `scoville run "
                    f"{folder}/{EXPERIMENT} -S {text} --name ... --warm-start {folder}`",
                )
        with Lock(folder / LOCK):
            rescoring.complete(folder)
            study = cls._of(folder, load(folder / EXPERIMENT, overrides))
            content = manifest.read(folder)
            manifest.compare(content, study.identity, folder, rescore)
            experiment = dump(study.experiment)
            if rescore and not study._rescoring(content):
                fresh = manifest.of(study.experiment, study.identity)
                rescoring.prepare(folder, study.problem.space, fresh, experiment)
                study = cls._of(folder, load(folder / EXPERIMENT))
            else:
                study._grown = bool(overrides)
        return study

    def _rescoring(self, content: dict[str, Any]) -> bool:
        """Whether a rescore under this very model is under way."""
        begun = self.rounds.starts
        same = content["fingerprints"] == self.identity
        if begun is None or begun.kind != starts.RESCORE or not same:
            return False
        done = (self.folder / rescoring.SUMMARY).exists()
        return not done or content["status"] in ("created", "running")

    @classmethod
    def _of(cls, folder: Path, loaded: Loaded) -> Study:
        resolved = resolve(loaded)
        identity = {**fingerprints(), "experiment": experiment_digest(loaded)}
        return cls(
            folder, resolved.experiment, resolved.problem, resolved.proposer, identity, resolved
        )

    def run(
        self,
        watch: Watcher | None = None,
        clock: Callable[[], float] = time.monotonic,
        announce: Callable[[], None] | None = None,
    ) -> Outcome:
        """Run rounds until the budget is spent, commit each, write the results.

        Parameters
        ----------
        watch : callable, optional
            Told about every round.
        clock : callable
            Seconds; only decides when to stop.
        announce : callable, optional
            Called at once by the first Ctrl-C, inside the signal's handler.

        Returns
        -------
        Outcome
            With the exit status; after Ctrl-C or SIGTERM the round in progress is finished first.

        Raises
        ------
        StudyError
            Also when a file cannot be written: the study then stands at its last commit.
        """
        try:
            return self._run(watch, clock, announce)
        except UnwritableError as error:
            raise StudyError(
                error.found,
                next_step=f"{error.remedy}, then `scoville resume {self.folder}`: what is "
                "committed is safe",
            ) from error

    def _run(
        self,
        watch: Watcher | None,
        clock: Callable[[], float],
        announce: Callable[[], None] | None,
    ) -> Outcome:
        with Lock(self.folder / LOCK):
            self.rounds.open()
            if self._grown:
                write_atomically(self.folder / EXPERIMENT, dump(self.experiment).encode())
            stored = manifest.read(self.folder)
            budget = self.experiment.budget.model_dump()
            content = manifest.begin_session({**stored, "budget": budget})
            manifest.write(self.folder, content)
            begin, before = clock(), self.rounds.seconds
            first_round = self.rounds.number
            status = FAILED
            try:
                with interruptible(announce) as asked, single_threaded():
                    driver = Driver(self.folder, self.experiment, self.rounds)
                    status = driver.run(watch, lambda: before + clock() - begin, asked)
            except KeyboardInterrupt:
                status = INTERRUPTED
                raise
            finally:
                facts = {
                    "rounds": [first_round, self.rounds.number],
                    "seconds": round(clock() - begin, 3),
                    "meter": self.problem.meter.as_dict(),
                }
                ended = manifest.end_session(content, status, facts)
                # On a full disk the session's end goes unnoted; its first error is what counts.
                with suppress(UnwritableError) if status == FAILED else nullcontext():
                    manifest.write(self.folder, ended)
            with saving(self.folder):
                write_results(self.folder, self.problem, self._titles(), self._system)
        feasible = self.rounds.standing.feasible
        return Outcome(status, feasible, f"scoville resume {self.folder}")

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

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know before it runs: warnings, and what it begins with."""
        warnings = self.resolved.warnings if self.resolved else ()
        begun = self.rounds.starts
        return (*warnings, begun.sentence) if begun is not None and begun.sentence else warnings

    def status(self) -> dict[str, Any]:
        """Where the study stands, as plain values; also while another process runs it."""
        return state(self.folder)

    def __repr__(self) -> str:
        from search.notebook import status_page

        return status_page(self).text()

    def __str__(self) -> str:
        from search.notebook import study_page

        return study_page(self).text()

    def _repr_html_(self) -> str:
        from search.notebook import study_page

        return study_page(self).html()

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


def metric_units() -> dict[str, str]:
    """Unit of each metric."""
    return {name: spec.unit for name, spec in METRICS.items()}
