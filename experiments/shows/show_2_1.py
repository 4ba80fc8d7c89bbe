"""Journals cut at random bytes and processes killed by SIGKILL: the same tables again.

For each sampler one study runs without interruption. Copies of it whose journal is cut anywhere
are resumed; processes that run it are killed at random moments and resumed. Every table must then
equal the first one's: evaluations byte for byte, Optuna's trials as its own journal backend reads
them, the front. The experiment's problem is built once and processes are forked from it, so that
hundreds of real ones fit into minutes; some more are started from the command line.
"""

from __future__ import annotations

import hashlib
import importlib
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.pool import Pool
from pathlib import Path

import optuna
import torch

from costmodel.errors import StudyError
from costmodel.numerics.batches import NARROW
from experiments.shows.harness import Line, Show
from search.reading import load
from search.resolve import Resolved, resolve
from search.rounds import CHUNKS
from search.samplers import SAMPLERS
from search.storage import JOURNAL, TAIL, committed, read_commits
from search.study import Study

FOLDER = Path(__file__).resolve().parents[1] / "resume"
CUTS, KILLS, KILLS_AFTER, TYPED = 200, 20, 15, 1
EARLY = 3
"""Kills aimed at the time before the first commit; the others at any time after it."""
SEED = 20240
LEAST_ROUNDS = 8
PATIENCE = 300.0
"""Seconds after which a process that says nothing has failed."""


@dataclass(frozen=True)
class Tables:
    """What the promise covers, of one study; texts and digests."""

    evaluations: tuple[tuple[str, str], ...]
    trials: tuple[str, ...]
    front: str
    commits: tuple[str, ...]


@dataclass(frozen=True)
class Death:
    """One kill: rounds begun and committed by then, and what was under way."""

    begun: int
    committed: int
    phase: str
    rows: tuple[tuple[str, str], ...]


@dataclass
class Tally:
    """Copies and kills of one sampler."""

    different: int = 0
    lost: int = 0
    doubled: int = 0
    failed: str = ""

    def add(self, found: Tables | str, expected: Tables) -> None:
        """Compare one resumed study with the uninterrupted one."""
        if isinstance(found, str):
            self.different += 1
            self.failed = self.failed or found
            return
        self.different += found != expected
        for ours, theirs in (
            (found.evaluations, expected.evaluations),
            (found.trials, expected.trials),
        ):
            kept, wanted = Counter(ours), Counter(theirs)
            self.lost += sum((wanted - kept).values())
            self.doubled += sum((kept - wanted).values())


_WARM: list[Resolved] = []
"""The problem of the sampler at hand; processes are forked from the one that holds it."""


def measure() -> Iterator[Line]:
    """Every sampler: cuts, kills, kills from the command line."""
    yield Line("seed of cuts and moments", "", str(SEED))
    load_libraries()
    for name in SAMPLERS:
        with tempfile.TemporaryDirectory() as folder:
            yield from measure_sampler(name, Path(folder), CUTS, KILLS)


def load_libraries() -> None:
    """Run one small study here, so that no forked process has to import anything.

    Its sampler takes no slopes: a process forked from one that did could take none.
    """
    torch.set_num_threads(1)
    importlib.import_module("optuna.samplers._gp.sampler")
    with tempfile.TemporaryDirectory() as folder:
        _warm(FOLDER / "random.yaml")
        begun = _begin("random", Path(folder))
        _first(begun, Path(folder) / "whole")
        _resumed(Path(folder) / "whole")


def measure_sampler(name: str, folder: Path, cuts: int, kills: int) -> Iterator[Line]:
    """One sampler in a folder of its own."""
    begin = time.perf_counter()
    rng = random.Random(f"{SEED} {name}")
    _warm(FOLDER / f"{name}.yaml")
    whole = folder / "whole"
    context = multiprocessing.get_context("fork")
    with context.Pool(os.cpu_count() or 1, maxtasksperchild=1) as pool:
        begun = pool.apply(_begin, (name, folder))
        expected = pool.apply(_first, (begun, whole))
        commits = read_commits(whole / JOURNAL)
        enough = len(commits) >= LEAST_ROUNDS
        yield Line(
            f"{name}: rounds, evaluations, trials of the study",
            f"at least {LEAST_ROUNDS} rounds",
            f"{len(commits)}, {commits[-1]['evaluations']}, {len(expected.trials)}",
            enough,
        )
        yield _cuts(name, folder, expected, pool, rng, cuts)
        yield from _kills(name, begun, folder, expected, pool, rng, kills)
        yield _typed(name, folder, expected, pool, rng, begin)


def _warm(path: Path) -> None:
    """Build the problem, and all that its first evaluation builds."""
    resolved = resolve(load(path))
    share = torch.full((NARROW, len(resolved.problem.space.free)), 0.5, dtype=torch.float64)
    resolved.problem.evaluate(resolved.problem.space.from_unit(share))
    resolved.problem.forget()
    _WARM[:] = [resolved]


def _cuts(
    name: str, folder: Path, expected: Tables, pool: Pool, rng: random.Random, count: int
) -> Line:
    journal = (folder / "whole" / JOURNAL).read_bytes()
    places = [rng.randrange(len(journal)) for _ in range(count)]
    tally = Tally()
    jobs = [(folder / "whole", folder / f"cut-{i}", place) for i, place in enumerate(places)]
    for found in pool.imap_unordered(_cut, jobs):
        tally.add(found, expected)
    left = Counter(len(committed(journal[:place])[2]) for place in places)
    return Line(
        f"{name}: journals cut at {count} random bytes and resumed, tables that differ",
        "0",
        f"{tally.different} (rounds left: {_histogram(left)}){_said(tally)}",
        tally.different == 0,
    )


def _kills(
    name: str,
    begun: Path,
    folder: Path,
    expected: Tables,
    pool: Pool,
    rng: random.Random,
    count: int,
) -> Iterator[Line]:
    tally, deaths = Tally(), []
    first, last = _duration(begun, folder / "timed")
    for number in range(count):
        early = number < EARLY
        death = None
        while death is None:
            shutil.rmtree(folder / f"kill-{number}", ignore_errors=True)
            moment = rng.uniform(0.0, first) if early else rng.uniform(0.0, last - first)
            death = _kill(begun, folder / f"kill-{number}", moment, early)
        deaths.append(death)
    for number, found in enumerate(
        pool.imap(_resumed, [folder / f"kill-{i}" for i in range(count)])
    ):
        tally.add(found, expected)
        if isinstance(found, Tables):
            before = set(deaths[number].rows)
            tally.lost += len(before - set(found.evaluations))
    after = sum(death.committed > 0 for death in deaths)
    again = max(death.begun - death.committed for death in deaths)
    landed = Counter(death.committed for death in deaths)
    phases = Counter(death.phase for death in deaths)
    wanted = min(KILLS_AFTER, count - EARLY)
    yield Line(
        f"{name}: {count} kills -9, those after the first commit",
        f"at least {wanted}",
        f"{after} (rounds committed at death: {_histogram(landed)}; "
        f"{', '.join(f'{word} {number}' for word, number in phases.most_common())})",
        after >= wanted,
    )
    yield Line(
        f"{name}: killed and resumed, tables that differ",
        "0",
        f"{tally.different}{_said(tally)}",
        tally.different == 0,
    )
    yield Line(
        f"{name}: committed rows and trials lost or doubled",
        "0",
        f"{tally.lost} lost, {tally.doubled} doubled",
        tally.lost + tally.doubled == 0,
    )
    yield Line(f"{name}: rounds begun and not committed", "at most 1", str(again), again <= 1)


def _typed(
    name: str, folder: Path, expected: Tables, pool: Pool, rng: random.Random, begin: float
) -> Line:
    """Kill `scoville run` and resume by `scoville resume`, as a user would."""
    results = folder / "typed"
    study = results / str(_WARM[0].experiment.name)
    tally, landed = Tally(), []
    for _ in range(TYPED):
        shutil.rmtree(results, ignore_errors=True)
        wanted = rng.randrange(1, 4)
        run = ["run", str(FOLDER / f"{name}.yaml"), "--results", str(results), "--no-report"]
        process = subprocess.Popen(_command(*run), stderr=subprocess.DEVNULL)
        wait = time.monotonic() + PATIENCE
        while len(read_commits(study / JOURNAL)) < wanted and time.monotonic() < wait:
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.1))
        process.kill()
        process.wait()
        landed.append(len(read_commits(study / JOURNAL)))
        done = subprocess.run(
            _command("resume", str(study), "--no-report"),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        tally.add(pool.apply(_tables, (study,)) if done.returncode == 0 else done.stderr, expected)
    seconds = time.perf_counter() - begin
    return Line(
        f"{name}: `scoville run` killed -9, `scoville resume`, tables that differ",
        "0",
        f"{tally.different} (rounds committed at death: {landed}){_said(tally)}; "
        f"this sampler took {seconds:.0f} s",
        tally.different == 0,
    )


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "search", "--quiet", *arguments]


def _study(folder: Path) -> Study:
    resolved = _WARM[0]
    return Study(folder, resolved.experiment, resolved.problem, resolved.proposer, {}, resolved)


def _begin(name: str, folder: Path) -> Path:
    """A study that has not run yet, of which every other one is a copy."""
    return Study.create(FOLDER / f"{name}.yaml", results=folder / "begun").folder


def _first(begun: Path, folder: Path) -> Tables:
    """The uninterrupted study."""
    shutil.copytree(begun, folder)
    _study(folder).run()
    return _tables(folder)


def _cut(job: tuple[Path, Path, int]) -> Tables | str:
    """A copy whose journal ends at a byte, resumed."""
    whole, folder, place = job
    shutil.copytree(whole, folder)
    (folder / "pareto.csv").unlink()
    with (folder / JOURNAL).open("r+b") as file:
        file.truncate(place)
    return _resumed(folder)


def _resumed(folder: Path) -> Tables | str:
    """The tables of a study after it ran to its end; what went wrong otherwise."""
    try:
        _study(folder).run()
        return _tables(folder)
    except StudyError as error:
        return str(error)
    finally:
        shutil.rmtree(folder)


def _tables(folder: Path) -> Tables:
    backend = optuna.storages.journal.JournalFileBackend(str(folder / JOURNAL))
    name = _WARM[0].experiment.name
    study = optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend))
    commits = []
    for commit in read_commits(folder / JOURNAL):
        del commit["seconds"]
        commits.append(repr(commit))
    return Tables(
        evaluations=tuple(
            (path.name, _digest(path)) for path in sorted((folder / CHUNKS).glob("*.parquet"))
        ),
        trials=tuple(
            repr((t.number, t.state, t.params, t.values, t.constraints, t.user_attrs))
            for t in study.get_trials(deepcopy=False)
        ),
        front=(folder / "pareto.csv").read_text(),
        commits=tuple(commits),
    )


def _duration(begun: Path, folder: Path) -> tuple[float, float]:
    """Seconds from a process's start to its first commit and to its end."""
    begin, process, _ = _start(begun, folder)
    first = 0.0
    while process.is_alive():
        if not first and (folder / JOURNAL).exists():
            first = time.perf_counter() - begin
        time.sleep(0.001)
    return first, time.perf_counter() - begin


def _start(
    begun: Path, folder: Path
) -> tuple[float, multiprocessing.process.BaseProcess, Connection]:
    """A process that runs a new study and says whenever it begins a round."""
    context = multiprocessing.get_context("fork")
    shutil.copytree(begun, folder)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_mortal, args=(folder, theirs))
    begin = time.perf_counter()
    process.start()
    theirs.close()
    return begin, process, ours


def _mortal(folder: Path, pipe: Connection) -> None:
    study = _study(folder)
    step = study.rounds.step

    def told(*arguments: object) -> dict[str, object]:
        pipe.send_bytes(b"round")
        return step(*arguments)  # type: ignore[arg-type]

    study.rounds.step = told  # type: ignore[method-assign, assignment]
    study.run()


def _kill(begun: Path, folder: Path, moment: float, early: bool) -> Death | None:
    """Kill a process some seconds after its start, or after its first commit.

    None when it was through by then.
    """
    begin, process, pipe = _start(begun, folder)
    while not early and process.is_alive() and not (folder / JOURNAL).exists():
        time.sleep(0.001)
    begin = begin if early else time.perf_counter()
    time.sleep(max(0.0, moment - (time.perf_counter() - begin)))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    if process.exitcode != -signal.SIGKILL:
        return None
    rounds = 0
    try:
        while pipe.recv_bytes():
            rounds += 1
    except EOFError:
        pass
    return _death(folder, rounds)


def _death(folder: Path, begun: int) -> Death:
    journal = folder / JOURNAL
    content = journal.read_bytes() if journal.exists() else b""
    end, _, commits = committed(content)
    named = {commit["chunk"] for commit in commits}
    files = [path for path in folder.glob(f"{CHUNKS}/*") if path.suffix != TAIL]
    if len(content) > end:
        phase = "in the append to the journal"
    elif any(f"{CHUNKS}/{path.name}" not in named for path in files):
        phase = "between the round's files and its commit"
    elif begun > len(commits):
        phase = "asking or evaluating"
    else:
        phase = "opening, between rounds or at the end"
    rows = tuple((Path(name).name, _digest(folder / name)) for name in sorted(named - {None}))
    return Death(begun, len(commits), phase, rows)


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _histogram(counts: Counter[int]) -> str:
    return " ".join(f"{value}:{counts[value]}" for value in sorted(counts))


def _said(tally: Tally) -> str:
    return f"; {tally.failed}" if tally.failed else ""


SHOW = Show("studies cut, killed and resumed", measure)
