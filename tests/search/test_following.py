"""Where a study stands is read from the end of its journal, whatever follows its last commit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from costmodel.errors import ConfigError
from experiments.bad_inputs.case import TEXT
from search import following, manifest
from search.reading import load
from search.storage import COMMIT, Lock, committed

RECORD = {"evaluations": 64, "feasible": 3, "meter": {"evaluated": 64, "gradient_steps": 2},
          "seconds": 2.0, "sampler": "random", "best": {"tpot": 0.01},
          "hypervolume": 0.5}  # fmt: skip


def line(**content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def journal(rounds: int, padding: int = 300) -> bytes:
    """A journal of so many rounds of ten records each."""
    lines = [line(op_code=0, study_name="a")]
    for number in range(rounds):
        lines += [line(op_code=4, user_attr={"note": "x" * padding}) for _ in range(10)]
        lines.append(line(op_code=2, user_attr={COMMIT: {"round": number, **RECORD}}))
    return b"".join(lines)


@pytest.mark.parametrize("block", [7, 100, 1 << 16])
def test_the_last_commit_is_that_of_a_reader_from_the_beginning(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BLOCK", block)
    content = journal(6)
    path = tmp_path / "a.journal"
    generator = np.random.default_rng(1)
    for cut in [0, 1, len(content), *generator.integers(0, len(content), 60).tolist()]:
        path.write_bytes(content[:cut])
        commits = committed(content[:cut])[2]
        assert following.last_commit(path) == (commits[-1] if commits else None)
    assert following.last_commit(tmp_path / "none") is None


def test_only_the_end_of_a_long_journal_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(journal(2000, padding=2000))
    read: list[int] = []
    pread = following.os.pread

    def counted(descriptor: int, count: int, place: int) -> bytes:
        read.append(count)
        return pread(descriptor, count, place)

    monkeypatch.setattr(following.os, "pread", counted)
    commit = following.last_commit(path)
    assert commit is not None
    assert commit["round"] == 1999
    assert path.stat().st_size > 40e6
    assert sum(read) <= following.BLOCK


def study(folder: Path, rounds: int, status: str = "interrupted") -> Path:
    folder.mkdir(parents=True)
    (folder / "experiment.yaml").write_text(TEXT, encoding="utf-8")
    content = manifest.of(load(folder / "experiment.yaml").experiment, {})
    manifest.write(folder, {**content, "status": status})
    (folder / "study.journal").write_bytes(journal(rounds))
    return folder


def test_a_report_is_the_last_commit_in_words(tmp_path: Path) -> None:
    state = following.state(study(tmp_path / "a", 5))
    report = following.report(state, {"tpot": "s"})
    assert report is not None
    assert (report.round_number, report.evaluated, report.charged) == (4, 64, 64 + 3 * 2)
    assert dict(report.facts())["best"] == "tpot 10 ms"
    assert following.report(following.state(study(tmp_path / "b", 0)), {}) is None


def test_follow_gives_what_changes_and_ends_with_the_driver(tmp_path: Path) -> None:
    folder = study(tmp_path / "a", 1, "running")
    lock = Lock(folder / ".lock")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            (folder / "study.journal").write_bytes(journal(2))
        if len(waits) == 5:
            lock.release()

    states = list(following.follow(folder, sleep=sleep))
    assert [(state["rounds"], state["status"]) for state in states] == [
        (1, "running"), (2, "running"), (2, "killed"),
    ]  # fmt: skip
    assert len(waits) == 5


def test_the_only_running_study_needs_no_name(tmp_path: Path) -> None:
    study(tmp_path / "a", 1)
    folder = study(tmp_path / "b", 1)
    with pytest.raises(ConfigError, match=r"no studies .* are running"):
        following.only_running(tmp_path)
    with Lock(folder / ".lock"):
        assert following.only_running(tmp_path) == folder
        with Lock(tmp_path / "a" / ".lock"), pytest.raises(ConfigError, match="2 studies"):
            following.only_running(tmp_path)


def test_looking_never_keeps_a_driver_out(tmp_path: Path) -> None:
    """A look holds a shared lock for a moment; a driver that comes then tries again."""
    import fcntl
    import threading

    path = tmp_path / ".lock"
    path.touch()
    with path.open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        threading.Timer(0.02, lambda: fcntl.flock(look, fcntl.LOCK_UN)).start()
        Lock(path).release()


def test_a_damaged_study_does_not_hide_the_others(tmp_path: Path) -> None:
    study(tmp_path / "a", 1)
    (study(tmp_path / "b", 1) / "manifest.json").write_text("{", encoding="utf-8")
    good, damaged = following.states(tmp_path)
    assert (good["status"], damaged["status"]) == ("interrupted", "damaged")
    assert "manifest.json is not JSON" in damaged["error"]
