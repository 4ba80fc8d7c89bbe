"""Disks that fill up, folders that cannot be written: one line, exit status 4, nothing lost."""

import _pickle
import errno
import os
import pickle
import resource
import shutil
import signal
from pathlib import Path

import pytest

from costmodel.errors import StudyError
from search import rounds, storage
from search.storage import read_commits
from tests.search import toy
from tests.search.test_resume import EVALUATIONS, SAMPLERS, assert_same, cut

NAME, BUDGET = "nsga2", 96


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The study that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "study"
    toy.study(folder, NAME, BUDGET).run()
    return folder


def full_at(monkeypatch, moment: int, code: int = errno.ENOSPC) -> None:
    """From a numbered sync or rename on, the disk is full."""
    count = 0

    def failing(function):
        def wrapped(*arguments, **named):
            nonlocal count
            count += 1
            if count >= moment:
                raise OSError(code, os.strerror(code))
            return function(*arguments, **named)

        return wrapped

    monkeypatch.setattr(os, "fsync", failing(os.fsync))
    monkeypatch.setattr(os, "replace", failing(os.replace))


def test_full_at_every_sync_and_rename(whole, tmp_path, monkeypatch):
    """Whatever could not be written, the study stands at its last commit and goes on from it."""
    failed = 0
    for moment in range(1, 200):
        folder = tmp_path / f"full-{moment}"
        study = toy.study(folder, NAME, BUDGET)
        with monkeypatch.context() as patch:
            full_at(patch, moment)
            try:
                study.run()
            except StudyError as error:
                failed += 1
                text, code = str(error), error.exit_code
            else:
                break
        assert code == 4
        assert "No space left on device" in text
        assert text.endswith(
            f"free some space, then `scoville resume {folder}`: what is committed is safe"
        )
        assert "\n" not in text
        journal = folder / rounds.JOURNAL
        content = journal.read_bytes() if journal.exists() else b""
        assert storage.committed(content)[0] == len(content)  # nothing torn is left
        toy.study(folder, NAME, BUDGET).run()
        assert_same(folder, whole)
        shutil.rmtree(folder)
    assert failed > 20


def test_files_that_stop_in_the_middle(whole, tmp_path):
    """The system writes part of a file and then refuses: a real short write."""
    size = (whole / rounds.JOURNAL).stat().st_size
    for number, most in enumerate([200, *range(1000, size, size // 7)]):
        folder = tmp_path / f"short-{number}"
        child = os.fork()
        if child == 0:
            code = 99
            try:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                study = toy.study(folder, NAME, BUDGET)
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
                study.run()
            except StudyError as error:
                code = error.exit_code
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 4
        toy.study(folder, NAME, BUDGET).run()
        assert_same(folder, whole)


def test_a_folder_that_cannot_be_written(whole, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    real = Path.open

    def refuse(path, mode="r", *arguments, **named):
        if set(mode) & set("wa+"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, mode, *arguments, **named)

    study = toy.study(folder, NAME, 2 * BUDGET)
    monkeypatch.setattr(Path, "open", refuse)
    assert study.status()["status"] == "finished"  # looking at it needs no writing
    assert len(study.pareto()) > 3
    with pytest.raises(StudyError, match=r"cannot write .*: Read-only file system; make it writ"):
        study.run()


def test_the_lock_of_a_dead_process_is_no_lock(whole, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    child = os.fork()
    if child == 0:
        storage.Lock(folder / ".lock")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (folder / ".lock").read_text().startswith(f"process {child} on ")
    assert not storage.locked(folder / ".lock")
    toy.study(folder, NAME, BUDGET).run()
    assert (folder / ".lock").read_text() == ""


def test_two_drivers_at_once(whole, tmp_path):
    """The second one is told who holds the study and leaves it alone."""
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    before = (folder / "manifest.json").read_bytes()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with storage.Lock(folder / ".lock"):
            os.write(writing, b"x")
            signal.pause()
    os.read(reading, 1)
    try:
        with pytest.raises(StudyError, match=rf"is in use by process {child} on .*; wait for it"):
            toy.study(folder, NAME, 2 * BUDGET).run()
        assert (folder / "manifest.json").read_bytes() == before
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    toy.study(folder, NAME, BUDGET).run()


def test_a_journal_that_is_gone_is_not_one_that_was_cut(whole, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    (folder / rounds.JOURNAL).unlink()
    with pytest.raises(StudyError, match=r"study.journal is missing; expected the journal of 6 r"):
        toy.study(folder, NAME, BUDGET).run()
    (folder / rounds.JOURNAL).touch()
    toy.study(folder, NAME, BUDGET).run()
    assert_same(folder, whole)


def test_a_damaged_file_is_named(whole, tmp_path):
    for pattern in ("evaluations/*2.parquet", "state/*"):
        folder = tmp_path / pattern[:5]
        shutil.copytree(whole, folder)
        (path,) = folder.glob(pattern)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
        with pytest.raises(StudyError, match=rf"{path.name} is not the file that the journal.*res"):
            toy.study(folder, NAME, 2 * BUDGET).run()


@pytest.mark.parametrize("name", [*SAMPLERS, "random", "evolution", "gradient", "gp"])
def test_nothing_is_unpickled(name, tmp_path, monkeypatch):
    """A results folder comes from anywhere: no sampler rebuilds its state from a pickle."""
    folder, budget = tmp_path / "study", {**EVALUATIONS, "gp": 8, "random": 64}.get(name, 300)
    toy.study(folder, name, budget).run()
    journal = folder / rounds.JOURNAL
    cut(folder, journal.stat().st_size - 10)
    count = len(read_commits(journal))

    def refuse(*arguments, **named):
        raise AssertionError(f"unpickled: {arguments} {named}")

    for target in (pickle, _pickle):
        for function in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(target, function, refuse)
    again = toy.study(folder, name, budget)
    again.run()
    assert again.rounds.number > count > 0
    assert b"pickle" not in journal.read_bytes()
