"""The journal: whatever is cut off, the committed part is there and Optuna can read it."""

import json

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from costmodel.errors import StudyError
from search.storage import COMMIT, Journal, Lock, committed, locked, open_optuna, read_commits
from tests.search import toy


@pytest.fixture
def content(tmp_path):
    """A journal of a few rounds."""
    study = toy.study(tmp_path / "study", "tpe", 40)
    study.run()
    return (tmp_path / "study" / "study.journal").read_bytes()


def test_stock_optuna_reads_the_journal(tmp_path):
    study = toy.study(tmp_path / "study", "nsga2", 64)
    study.run()
    path = str(tmp_path / "study" / "study.journal")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
    loaded = optuna.load_study(study_name="toy", storage=storage)
    trials = loaded.get_trials()
    assert [trial.number for trial in trials] == list(range(64))
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in trials)
    assert loaded.directions == [
        optuna.study.StudyDirection.MINIMIZE,
        optuna.study.StudyDirection.MAXIMIZE,
    ]
    best = {tuple(trial.values) for trial in loaded.best_trials}
    front = {(d.metrics["cost"], d.metrics["speed"]) for d in study.pareto()}
    assert best == front
    for trial in trials:
        feasible = all(value <= 0 for value in trial.constraints.values())
        assert trial.user_attrs["feasible"] is feasible
        assert set(trial.user_attrs["violations"]) == {
            name for name, value in trial.constraints.items() if value > 0
        }


def test_a_cut_anywhere_leaves_the_last_commit(content, tmp_path):
    rng = np.random.default_rng(0)
    ends = [0]
    position = 0
    for line in content.split(b"\n")[:-1]:
        position += len(line) + 1
        if b'"user_attr":{"commit"' in line:
            ends.append(position)
    assert len(ends) >= 5
    for cut in [*rng.integers(0, len(content), 60), *ends, *(end - 1 for end in ends[1:])]:
        path = tmp_path / "cut.journal"
        path.write_bytes(content[:cut])
        journal = Journal(path)
        expected = max(end for end in ends if end <= cut)
        assert path.read_bytes() == content[:expected]
        tail = b"".join(p.read_bytes() for p in tmp_path.glob("cut.journal.*.tail"))
        assert tail == content[expected:cut]
        assert len(journal.commits) == ends.index(expected)
        for leftover in tmp_path.glob("cut.journal*"):
            leftover.unlink()


def test_garbage_in_the_middle_ends_what_is_trusted(content):
    lines = content.split(b"\n")
    middle = len(lines) // 2
    lines[middle] = b'{"op_code": '
    end, records, commits = committed(b"\n".join(lines))
    assert end <= sum(len(line) + 1 for line in lines[:middle])
    assert len(commits) < len(committed(content)[2])
    assert records[-1]["user_attr"][COMMIT] == commits[-1]


def test_nothing_is_written_before_a_commit(tmp_path):
    path = tmp_path / "a.journal"
    journal = Journal(path)
    study = open_optuna(journal, "name", ["minimize"])
    study.set_user_attr("note", [1, 2])
    assert not path.exists()
    study.set_user_attr(COMMIT, {"round": 0})
    journal.commit({"round": 0})
    assert read_commits(path) == [{"round": 0}]
    assert json.loads(path.read_bytes().splitlines()[-1])["user_attr"] == {"commit": {"round": 0}}
    again = open_optuna(Journal(path), "name", ["minimize"])
    assert again.user_attrs["note"] == [1, 2]


def test_one_process_at_a_time(tmp_path):
    path = tmp_path / ".lock"
    assert not locked(path)
    with Lock(path):
        assert locked(path)
        with pytest.raises(StudyError, match=r"is in use by process \d+ on"):
            Lock(path)
    assert not locked(path)
    Lock(path).release()


def stock(path):
    """The study of a journal as Optuna's own reader sees it."""
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name="name", storage=storage)


PARTS = (
    "number",
    "state",
    "values",
    "params",
    "distributions",
    "constraints",
    "user_attrs",
    "system_attrs",
    "intermediate_values",
    "datetime_start",
    "datetime_complete",
)


def plain(trials):
    return [tuple(getattr(trial, part) for part in PARTS) for trial in trials]


@pytest.mark.parametrize("directions", [["minimize"], ["minimize", "maximize"]])
def test_a_trial_is_one_line_and_reads_as_if_it_were_many(directions, tmp_path):
    """Against Optuna's own backend, which writes every operation, after the same operations."""
    path, many = tmp_path / "a.journal", tmp_path / "many.journal"
    ours = Journal(path)
    theirs = optuna.storages.journal.JournalFileBackend(str(many))
    studies = [
        open_optuna(ours, "name", directions),
        optuna.create_study(
            study_name="name", storage=optuna.storages.JournalStorage(theirs), directions=directions
        ),
    ]
    space = {
        "a": optuna.distributions.FloatDistribution(1e-3, 1.0, log=True),
        "b": optuna.distributions.IntDistribution(2, 12, step=2),
        "c": optuna.distributions.CategoricalDistribution(["x", "y"]),
    }
    for study in studies:
        study.sampler = optuna.samplers.NSGAIISampler(seed=1, population_size=2)
        for number in range(6):
            trial = study.ask(space)
            trial.set_constraint("limit", float("inf") if number == 3 else number - 2.0)
            trial.set_user_attr("note", {"nested": [1, 2, (3, 4)]})
            if number == 4:
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, [float(number)] * len(directions))
        study.add_trial(
            optuna.create_trial(
                params={"a": 0.5, "b": 4, "c": "y"},
                distributions=space,
                values=[1.0] * len(directions),
                constraints={"limit": -1.0},
            )
        )
    waiting = studies[0].ask(space)
    studies[0].set_user_attr(COMMIT, {"round": 0})
    ours.commit({"round": 0})
    codes = [json.loads(line)["op_code"] for line in path.read_bytes().splitlines()]
    assert codes.count(4) == 7
    assert not {5, 6, 7, 8, 9} & set(codes)
    read = plain(stock(path).get_trials())
    assert [row[:-2] for row in read] == [row[:-2] for row in plain(stock(many).get_trials())]
    assert read == plain(studies[0].get_trials()[:7])
    again = open_optuna(Journal(path), "name", directions)
    assert plain(again.get_trials()) == read
    # What was not finished is written once it is.
    studies[0].tell(waiting, [0.0] * len(directions))
    studies[0].set_user_attr(COMMIT, {"round": 1})
    ours.commit({"round": 1})
    assert plain(stock(path).get_trials()) == plain(studies[0].get_trials())


def test_all_trials_are_those_of_optuna_s_own_storage(tmp_path):
    """In every state and combination of states, whatever is finished and whatever is not."""
    study = open_optuna(Journal(tmp_path / "a.journal"), "name", ["minimize"])
    storage, number = study._storage, study._study_id
    rng = np.random.default_rng(2)
    asked: list = []

    def agree():
        for states in (None, (TrialState.COMPLETE,), [TrialState.RUNNING, TrialState.FAIL]):
            expected = super(type(storage), storage).get_all_trials(number, False, states)
            assert plain(storage.get_all_trials(number, False, states)) == plain(expected)
            assert plain(storage.get_all_trials(number, True, states)) == plain(expected)

    for _ in range(60):
        turn = rng.random()
        if turn < 0.5 or not asked:
            asked.append(study.ask({"a": optuna.distributions.FloatDistribution(0, 1)}))
        else:
            trial = asked.pop(int(rng.integers(len(asked))))
            trial.set_constraint("limit", float(turn))
            study.tell(
                trial, turn if turn < 0.95 else None, state=None if turn < 0.95 else TrialState.FAIL
            )
        agree()
    assert storage.get_all_trials(number, states=(TrialState.WAITING,)) == []
