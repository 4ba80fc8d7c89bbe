"""One bad input: how it is made, what has to be answered, and what must not be touched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from search.cli import app

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "experiments" / "templates" / "systolic.yaml"
COMMAND = (sys.executable, "-m", "search")
NAME = "small"
TEXT = """\
schema_version: 1
name: small
model: llama-3.1-8b
scenario: interactive
template: systolic.yaml
space:
  node: [n3e, n2]
  array: [64, 128]
  cores_built: {range: [16, 64], step: 4}
  stacks: {range: [2, 8], step: 1}
  voltage_V: {range: [0.6, 0.9], step: 0.05}
  batch: [16, 32, 64]
limits:
  package_power_W: {air: 1000, cold_plate: 1600}
  tpot_ms: 12
objectives:
  - cost_per_mtoken
  - {metric: tokens_per_joule, direction: maximize}
sampler: {name: quasi_random, options: {batch: 64}}
budget: {evaluations: 192}
"""


class Place:
    """A folder of its own for one case, with a good experiment and a copy of a good study.

    Parameters
    ----------
    folder : Path
        Empty.
    study : Path
        A finished study of the good experiment, which is copied and never touched.
    """

    def __init__(self, folder: Path, study: Path) -> None:
        self.folder = folder
        self.good_study = study
        shutil.copyfile(TEMPLATE, folder / TEMPLATE.name)

    def experiment(self, old: str = "", new: str = "", name: str = "bad.yaml") -> str:
        """Name of the good experiment with one thing changed."""
        if old not in TEXT:
            raise ValueError(f"no {old!r} in the experiment")
        return self.file(name, TEXT.replace(old, new, 1) if old else TEXT)

    def file(self, name: str, content: str | bytes) -> str:
        """Name of a file with this content."""
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)
        return name

    def model(self, changes: Mapping[str, object]) -> str:
        """Name of a model's configuration with some keys changed, or left out by None."""
        shipped = ROOT / "costmodel" / "data" / "models" / "llama-3.1-8b.json"
        config = {**json.loads(shipped.read_text(encoding="utf-8")), **changes}
        kept = {key: value for key, value in config.items() if value is not None}
        return self.file("config.json", json.dumps(kept, indent=2))

    def study(self) -> Path:
        """A copy of the good study."""
        target = self.folder / "results" / NAME
        shutil.copytree(self.good_study, target)
        return target

    def snapshot(self) -> dict[str, str]:
        """Every file below the place and a digest of its bytes; locks hold no data."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.name != ".lock":
                digest = hashlib.blake2b(path.read_bytes()).hexdigest()
                found[str(path.relative_to(self.folder))] = digest
        return found


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


Prepare = Callable[[Place], Sequence[str]]


@dataclass(frozen=True)
class Case:
    """A bad input.

    Parameters
    ----------
    title : str
    prepare : callable
        Makes it in a place and returns the words of the command.
    code : int
        Exit status asked.
    parts : tuple of str
        What the line has to name: the place, what was found, what was expected, the next step.
    """

    title: str
    prepare: Prepare
    code: int
    parts: tuple[str, ...]

    def run(self, place: Place) -> tuple[Answer, tuple[str, ...]]:
        """The answer, and what is wrong with it."""
        words = list(self.prepare(place))
        before = place.snapshot()
        answer = ask(words, place.folder)
        return answer, (*faults(answer, self.code, self.parts), *changed(before, place.snapshot()))


def ask(words: Sequence[str], folder: Path) -> Answer:
    """Run a command in this process, inside a folder."""
    with inside(folder):
        result = CliRunner().invoke(app, [*words], prog_name="scoville")
    error = result.exception
    trace = f"Traceback: {error!r}" if error and not isinstance(error, SystemExit) else ""
    return Answer(result.exit_code, result.stdout, result.stderr + trace)


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Make a folder the current one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def faults(answer: Answer, code: int, parts: Sequence[str]) -> tuple[str, ...]:
    """What is wrong with an answer: status, one line without a traceback, its parts."""
    lines = answer.err.strip().splitlines()
    wrong = []
    if answer.code != code:
        wrong.append(f"exit status {answer.code}, asked {code}")
    if len(lines) != 1:
        wrong.append(f"{len(lines)} lines")
    if "Traceback" in answer.err:
        wrong.append("a traceback")
    wrong += [f"{part!r} is not in it" for part in parts if part not in answer.err]
    return tuple(wrong)


def changed(before: dict[str, str], after: dict[str, str]) -> tuple[str, ...]:
    """Files that are not what they were."""
    names = sorted(name for name in before | after if before.get(name) != after.get(name))
    return (f"changed: {', '.join(names)}",) if names else ()
