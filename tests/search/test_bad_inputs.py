"""Every bad input is one line and an exit status, and leaves every file as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.bad_inputs import files, folders, system
from experiments.bad_inputs.case import NAME, Case, Place, ask

CASES = (*files.cases(), *folders.cases())


@pytest.fixture(scope="session")
def good_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study, which the cases copy before they damage it."""
    home = tmp_path_factory.mktemp("good")
    place = Place(home, home)
    answer = ask(["run", place.experiment(name="good.yaml"), "--no-report", "-q"], home)
    assert answer.code == 0, answer.err
    return home / "results" / NAME


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_one_line_and_nothing_lost(case: Case, tmp_path: Path, good_study: Path) -> None:
    answer, wrong = case.run(Place(tmp_path, good_study))
    assert not wrong, answer.err


def test_there_are_enough_of_them() -> None:
    assert len({case.title for case in CASES}) == len(CASES) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("happening", list(system.happenings()), ids=lambda item: item.title)
def test_real_processes(happening: system.Happening, tmp_path: Path, good_study: Path) -> None:
    answer, wrong = happening.run(Place(tmp_path, good_study))
    assert not wrong, answer.err
