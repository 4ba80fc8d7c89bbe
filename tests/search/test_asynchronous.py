"""Rounds that overlap: the budget is kept, nothing committed is lost or doubled by a kill."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from costmodel.errors import ConfigError
from search import rounds, storage
from search.experiment import ExecutionFile
from search.problem import Problem
from search.reading import load
from search.resolve import resolve
from search.samplers import SAMPLERS, refuses_late
from tests.search import toy

ABLE = [name for name, sampler in SAMPLERS.items() if sampler.late_results]
BUDGET = {"gp": 8, "tpe": 48}
ROOT = Path(__file__).parents[2]


def overlapping(folder: Path, name: str, evaluations: int, of: Problem, in_flight: int = 3):
    study = toy.study(folder, name, evaluations, of)
    execution = ExecutionFile(mode="async", in_flight=in_flight)
    study.experiment = study.experiment.model_copy(update={"execution": execution})
    return study


def stored(folder: Path) -> tuple[np.ndarray, list[optuna.trial.FrozenTrial]]:
    """Designs of all committed evaluations, and the trials that stock Optuna reads."""
    commits = storage.read_commits(folder / rounds.JOURNAL)
    table = rounds.evaluations.read([folder / c["chunk"] for c in commits if c["chunk"]])
    numbers = table.column("evaluation").to_numpy()
    assert np.array_equal(numbers, np.arange(len(numbers)))
    names = toy.problem().space.names
    x = np.array([table.column(name).to_pylist() for name in names], dtype=object).T
    backend = optuna.storages.journal.JournalFileBackend(str(folder / rounds.JOURNAL))
    study = optuna.load_study(study_name="toy", storage=optuna.storages.JournalStorage(backend))
    return x, study.get_trials(deepcopy=False)


@pytest.mark.parametrize("name", ABLE)
def test_every_sampler_that_learns_late_spends_its_budget(name, tmp_path):
    budget = BUDGET.get(name, 300)
    problem = toy.problem()
    study = overlapping(tmp_path / "study", name, budget, problem)
    assert study.run().status == "finished"
    batch = toy.SMALL[name]["batch"]
    assert budget - 3 * batch < problem.meter.charged <= budget
    x, trials = stored(tmp_path / "study")
    assert len({tuple(row) for row in x}) == len(x) == problem.archive.count
    assert all(trial.state == TrialState.COMPLETE for trial in trials)


def test_batches_are_in_evaluation_at_the_same_time(tmp_path):
    """And committed as they come back: the first one waits for one that began after it."""
    problem = toy.problem()
    judge, began, order = Problem.judge, [], []
    others = threading.Event()

    def slow(batch):
        began.append(len(began))
        mine = began[-1]
        if mine == 0:
            assert others.wait(20)
        outcome = judge(problem, batch)
        order.append(mine)
        if mine:
            others.set()
        return outcome

    problem.judge = slow
    study = overlapping(tmp_path / "study", "random", 16 * 6, problem)
    study.run()
    assert order.index(0) >= 1
    assert problem.archive.count > 16 * 5


def test_interrupted_it_waits_for_what_is_in_evaluation_and_commits(tmp_path):
    problem = toy.problem()
    judge, begun = Problem.judge, []

    def slow(batch):
        begun.append(1)
        if len(begun) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        return judge(problem, batch)

    problem.judge = slow
    study = overlapping(tmp_path / "study", "random", 10_000, problem)
    assert study.run().status == "interrupted"
    commits = storage.read_commits(tmp_path / "study" / rounds.JOURNAL)
    assert len(commits) == len(begun) < 10
    assert study.status()["status"] == "interrupted"


def started(folder: Path, name: str, budget: int) -> int:
    """A child process that runs the study, slowly and unevenly; its id."""
    child = os.fork()
    if child:
        return child
    try:
        problem = toy.problem()
        judge, uneven = Problem.judge, random.Random(os.getpid())

        def slow(batch):
            time.sleep(uneven.uniform(0.0, 0.03))
            return judge(problem, batch)

        problem.judge = slow
        overlapping(folder, name, budget, problem).run()
    finally:
        os._exit(0)


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_killed_at_random_moments(name, tmp_path):
    """What a kill leaves is there exactly once in the end; no trial stays running."""
    folder, budget = tmp_path / "study", {"random": 480, "tpe": 240}[name]
    rng = np.random.default_rng(5)
    before: np.ndarray | None = None
    kills, killed = 0, True
    while killed:
        child = started(folder, name, budget)
        enough = len(storage.read_commits(folder / rounds.JOURNAL)) + int(rng.integers(2, 6))
        status = done = 0
        while not done:
            if len(storage.read_commits(folder / rounds.JOURNAL)) >= enough:
                time.sleep(float(rng.uniform(0.0, 0.05)))
                os.kill(child, signal.SIGKILL)
                done, status = os.waitpid(child, 0)
            else:
                time.sleep(0.002)
                done, status = os.waitpid(child, os.WNOHANG)
        killed = os.WIFSIGNALED(status)
        kills += killed
        x, trials = stored(folder)
        if before is not None:
            assert np.array_equal(x[: len(before)], before)
        before = x
        assert len({tuple(row) for row in x}) == len(x)
        assert all(trial.state == TrialState.COMPLETE for trial in trials)
    assert kills >= 3
    assert budget - 3 * toy.SMALL[name]["batch"] < len(x) <= budget


def test_the_next_numbers_are_not_used_twice_after_a_kill(tmp_path):
    """A batch that came back out of order was asked for under a number that is gone."""
    problem = toy.problem()
    overlapping(tmp_path / "study", "random", 160, problem).run()
    asked = [c["asked"] for c in storage.read_commits(tmp_path / "study" / rounds.JOURNAL)]
    assert asked == sorted(asked)
    assert asked[-1] >= len(asked)
    again = toy.problem()
    overlapping(tmp_path / "study", "random", 320, again).run()
    assert again.meter.cached + again.meter.repeated < 10


QUICK = ROOT / "experiments" / "quickstart.yaml"


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in ABLE])
def test_a_sampler_that_cannot_learn_late_says_so(name):
    assert refuses_late(SAMPLERS[name])
    fixed = ["space.node=n2", "space.memory=hbm4_12h", "space.topology=switch"]
    fixed += ["space.package=bridge_interposer_5p5", "space.cooling=cold_plate"]
    if name == "cma_es":
        fixed += ["objectives=[cost_per_mtoken]"]
    with pytest.raises(ConfigError, match=rf"{name} cannot learn late \(.*expected sync, or one"):
        resolve(load(QUICK, [f"sampler={name}", "execution={mode: async}", *fixed]))


def test_the_manifest_says_what_is_promised():
    from search import manifest

    loaded = load(QUICK, ["sampler=tpe", "execution={mode: async, in_flight: 4}"])
    content = manifest.of(loaded.experiment, {})
    assert content["execution"] == {"mode": "async", "in_flight": 4}
    assert "order in which results come back" in content["promise"]
    assert "byte for byte" in manifest.of(load(QUICK, []).experiment, {})["promise"]
