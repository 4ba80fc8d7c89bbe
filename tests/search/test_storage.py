"""The journal: whatever is cut off, the committed part is there and Optuna can read it."""

import json

import numpy as np
import optuna
import pytest

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
