"""Killed anywhere and resumed, a study has the same bytes as one that was never interrupted."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pytest

from costmodel.errors import StudyError
from search import rounds, storage
from search.problem import Problem
from search.space import Space
from search.study import Study
from tests.search import toy

SAMPLERS = (
    "quasi_random",
    "coordinate_descent",
    "phases",
    "nsga2",
    "tpe",
    "qmc",
    "nsga3",
    "cma_es",
)
EVALUATIONS = {"tpe": 48, "qmc": 96, "nsga2": 96, "nsga3": 96, "cma_es": 64, "phases": 1400}


def evaluations_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "evaluations").glob("*.parquet")}


def trials_of(folder: Path) -> list[tuple]:
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "study.journal"))
    loaded = optuna.load_study(study_name="toy", storage=optuna.storages.JournalStorage(backend))
    return [
        (t.number, t.state, t.params, t.values, t.constraints, t.user_attrs)
        for t in loaded.get_trials(deepcopy=False)
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Each study run without interruption, once."""
    folder = tmp_path_factory.mktemp("whole")
    done: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in done:
            toy.study(folder / name, name, EVALUATIONS.get(name, 300)).run()
            done[name] = folder / name
        return done[name]

    return get


def assert_same(folder: Path, expected: Path) -> None:
    assert evaluations_of(folder) == evaluations_of(expected)
    assert trials_of(folder) == trials_of(expected)
    assert (folder / "pareto.csv").read_bytes() == (expected / "pareto.csv").read_bytes()


def killed_at(folder: Path, name: str, moment: int) -> bool:
    """Run in a child that dies by SIGKILL at a numbered moment; whether it was killed.

    Moments are before and after every sync and rename, and every evaluation of a round.
    """
    child = os.fork()
    if child == 0:
        count = 0

        def mortal(function):
            def wrapped(*arguments, **named):
                nonlocal count
                for step in (0, 1):
                    count += 1
                    if count == moment:
                        os.kill(os.getpid(), signal.SIGKILL)
                    if step == 0:
                        result = function(*arguments, **named)
                return result

            return wrapped

        try:
            os.fsync, os.replace = mortal(os.fsync), mortal(os.replace)
            Problem.evaluate = mortal(Problem.evaluate)
            storage.Journal.commit = mortal(storage.Journal.commit)
            toy.study(folder, name, EVALUATIONS.get(name, 300)).run()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("name", SAMPLERS)
def test_killed_again_and_again(name, tmp_path, whole):
    """Every start gets a little further before it is killed, until one gets through."""
    folder = tmp_path / "study"
    rng = np.random.default_rng(len(name))
    kills = 0
    while killed_at(folder, name, int(rng.integers(4, 60))):
        kills += 1
        assert kills < 100
    toy.study(folder, name, EVALUATIONS.get(name, 300)).run()
    assert kills >= 2
    assert_same(folder, whole(name))


def cut(folder: Path, size: int) -> None:
    with (folder / "study.journal").open("r+b") as file:
        file.truncate(size)


@pytest.mark.parametrize("name", SAMPLERS)
def test_journal_cut_anywhere(name, tmp_path, whole):
    """Empty, in the first record, in the middle of a line, many rounds back: the same again."""
    rng = np.random.default_rng(len(name))
    size = (whole(name) / "study.journal").stat().st_size
    first = (whole(name) / "study.journal").read_bytes().index(b"\n")
    for place in (0, first // 2, *rng.integers(first, size, 4)):
        folder = tmp_path / f"cut-{place}"
        shutil.copytree(whole(name), folder)
        cut(folder, int(place))
        toy.study(folder, name, EVALUATIONS.get(name, 300)).run()
        assert_same(folder, whole(name))
        records = [storage.read_commits(f / rounds.JOURNAL) for f in (folder, whole(name))]
        for commit in [*records[0], *records[1]]:
            del commit["seconds"]
        assert records[0] == records[1]


def test_cut_twice_every_file_is_kept(tmp_path, whole):
    folder = tmp_path / "study"
    shutil.copytree(whole("quasi_random"), folder)
    for count in (1, 2):
        cut(folder, 100)
        toy.study(folder, "quasi_random", 300).run()
        assert_same(folder, whole("quasi_random"))
        for kind in ("evaluations/*.parquet", "state/*.safetensors"):
            named = len(list(folder.glob(kind)))
            assert len(list(folder.glob(f"{kind}.*.tail"))) == count * named > 0
        assert len(list(folder.glob("study.journal.*.tail"))) == count
        assert not list(folder.rglob("*.tail.*"))


def test_a_state_that_does_not_change_is_one_file(whole):
    commits = storage.read_commits(whole("nsga2") / rounds.JOURNAL)
    assert len(commits) == 6
    assert {commit["state"] for commit in commits} == {"state/round-000000.safetensors"}
    assert len(list((whole("nsga2") / "state").iterdir())) == 1


def test_without_an_old_state_the_way_out_is_named(tmp_path, whole):
    """A cut that reaches back to a state that is gone is refused, whatever older ones there are."""
    folder = tmp_path / "study"
    shutil.copytree(whole("coordinate_descent"), folder)
    commits = storage.read_commits(folder / rounds.JOURNAL)
    (folder / commits[-2]["state"]).unlink()
    toy.study(folder, "coordinate_descent", 300).run()  # the last state is all that it takes
    lines = (folder / "study.journal").read_bytes().splitlines(keepends=True)
    cut(folder, len(b"".join(lines[:-1])))
    with pytest.raises(StudyError, match=r"is missing; expected every file.*--rescore"):
        toy.study(folder, "coordinate_descent", 300).run()


def test_an_exhausted_search_ends_where_it_ended(tmp_path):
    """Rounds without a new design are counted over sessions, and over kills."""

    def study(folder):
        problem = toy.problem(1, continuous=False)
        one, rest = toy.numbers("units", (16.0,)), problem.space.variables[1:]
        problem.space = Space((one, toy.numbers("stacks", (2.0, 4.0)), *rest[1:]))
        problem.model = toy.Toy(power_limit=20.0)
        return toy.study(folder, "coordinate_descent", 10**6, problem)

    assert study(tmp_path / "once").run().status == "exhausted"
    count = study(tmp_path / "once").status()["rounds"]
    assert count > 50
    assert study(tmp_path / "once").run().status == "exhausted"
    assert study(tmp_path / "once").status()["rounds"] == count
    shutil.copytree(tmp_path / "once", tmp_path / "cut")
    cut(tmp_path / "cut", (tmp_path / "cut" / "study.journal").stat().st_size - 5)
    study(tmp_path / "cut").run()
    assert study(tmp_path / "cut").status()["rounds"] == count
    assert_same(tmp_path / "cut", tmp_path / "once")


def test_a_journal_without_its_files_is_refused(tmp_path, whole):
    for pattern in ("evaluations/*1.parquet", "state/*"):
        folder = tmp_path / pattern[:5]
        shutil.copytree(whole("quasi_random"), folder)
        for path in folder.glob(pattern):
            path.unlink()
        with pytest.raises(StudyError, match="is missing; expected every file that the journal"):
            toy.study(folder, "quasi_random", 600).run()


def test_a_larger_budget_continues_the_same_search(tmp_path):
    once = toy.study(tmp_path / "once", "coordinate_descent", 600)
    once.run()
    toy.study(tmp_path / "twice", "coordinate_descent", 300).run()
    toy.study(tmp_path / "twice", "coordinate_descent", 600).run()
    assert_same(tmp_path / "twice", tmp_path / "once")


def test_a_finished_study_stays_as_it_is(tmp_path, whole):
    folder = tmp_path / "study"
    shutil.copytree(whole("quasi_random"), folder)
    before = (folder / "study.journal").read_bytes()
    assert toy.study(folder, "quasi_random", 300).run().status == "finished"
    assert (folder / "study.journal").read_bytes() == before


SCRIPT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from search.problem import Problem
from search.space import Space
from tests.search import toy
evaluate = Problem.evaluate
def slow(self, x):
    time.sleep(0.05)
    return evaluate(self, x)
Problem.evaluate = slow
outcome = toy.study(Path({folder!r}), "quasi_random", 1280).run()
sys.exit(outcome.exit_code)
"""


def start(folder: Path) -> subprocess.Popen:
    """A process that has committed a few rounds and goes on."""
    script = SCRIPT.format(root=str(Path(__file__).parents[2]), folder=str(folder))
    before = len(storage.read_commits(folder / rounds.JOURNAL))
    process = subprocess.Popen([sys.executable, "-c", script])
    wait = time.monotonic() + 60
    while len(storage.read_commits(folder / rounds.JOURNAL)) < before + 3:
        assert time.monotonic() < wait
        time.sleep(0.02)
    return process


def test_kill_from_outside_and_interrupt(tmp_path):
    """kill -9 loses no committed round; SIGTERM finishes the round, saves and exits with 130."""
    folder = tmp_path / "study"
    process = start(folder)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    committed = len(storage.read_commits(folder / rounds.JOURNAL))
    assert 3 <= committed < 20
    process = start(folder)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    study = toy.study(folder, "quasi_random", 1280)
    assert study.status()["status"] == "interrupted"
    study.run()
    toy.study(tmp_path / "once", "quasi_random", 1280).run()
    assert_same(folder, tmp_path / "once")


def test_a_killed_study_says_so(tmp_path):
    folder = tmp_path / "study"
    assert killed_at(folder, "quasi_random", 30)
    study: Study = toy.study(folder, "quasi_random", 300)
    assert study.status()["status"] == "killed"
