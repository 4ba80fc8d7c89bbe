"""Bad inputs: each one answered by one line and its exit status, and nothing lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from experiments.bad_inputs import files, folders, system
from experiments.bad_inputs.case import NAME, Answer, Place, ask
from experiments.shows.harness import Line, Show

FEWEST = 40
WIDTH = 400
"""Letters of a message that are shown."""


def measure() -> Iterator[Line]:
    """Every bad input in a folder of its own, with a copy of one good study."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        good = Place(home, home)
        begun = ask(["run", good.experiment(name="good.yaml"), "--no-report", "-q"], home)
        yield Line("the good study", "exit 0", f"exit {begun.code}", begun.code == 0)
        study = home / "results" / NAME
        passed, count = 0, 0
        for title, asked, run in _inputs():
            answer, wrong = _in_place(run, study)
            count, passed = count + 1, passed + (not wrong)
            yield Line(title, asked, _got(answer, wrong), not wrong)
        yield Line("inputs answered as asked", f"Must {FEWEST}", f"{passed} of {count}",
                   passed == count >= FEWEST)  # fmt: skip


Run = Callable[[Place], tuple[Answer, tuple[str, ...]]]


def _inputs() -> Iterator[tuple[str, str, Run]]:
    for case in (*files.cases(), *folders.cases()):
        yield case.title, "one line, nothing changed", case.run
    for happening in system.happenings():
        yield f"{happening.title} (a real process)", happening.asked, happening.run


def _in_place(run: Run, study: Path) -> tuple[Answer, tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        return run(Place(Path(folder), study))


def _got(answer: Answer, wrong: tuple[str, ...]) -> str:
    text = answer.err.strip() or "(nothing)"
    text = text if len(text) <= WIDTH else text[:WIDTH] + " ..."
    return f"{answer.code}: {text}" + (f"  WRONG: {'; '.join(wrong)}" if wrong else "")


SHOW = Show("bad inputs: one line, an exit status, nothing lost", measure)
