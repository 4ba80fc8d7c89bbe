"""Examples in docstrings are true, and what a newcomer meets first has one."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import costmodel
import search

ROOT = Path(__file__).resolve().parents[2]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
SHOWN_ELSEWHERE = {
    "Answer": "answer", "Machine": "load_machine", "Experiment": "Study", "Problem": "Study",
    "Tables": "build_tables",
    "Workload": "load_workload", "DataError": "ScovilleError", "ConfigError": "ScovilleError",
    "Variable": "Space", "state": "Study", "states": "Study", "Design": "Study",
    "load_system": "load_chip", "Summary": "run_study",
}  # fmt: skip
"""Public names without an example of their own -> the one whose example has them in it."""


def modules() -> Iterator[str]:
    for package in (costmodel, search):
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield found.name


def examples(module: ModuleType) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(module) if test.examples]


def with_examples() -> list[str]:
    """Modules whose text has an example; the others are not imported for this."""
    chosen = []
    for name in modules():
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        if ">>> " in Path(spec.origin).read_text(encoding="utf-8"):
            chosen.append(name)
    return chosen


@pytest.mark.parametrize("name", with_examples())
def test_examples_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    module = importlib.import_module(name)
    if not isinstance(module, ModuleType):  # the function of the same name
        module = sys.modules[name]
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    for test in examples(module):
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def test_a_wrong_example_is_caught() -> None:
    module = ModuleType("wrong")
    module.__doc__ = ">>> 1 + 1\n3\n"
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in examples(module):
        runner.run(test, out=lambda _: None)
    assert runner.summarize(verbose=False).failed == 1


@pytest.mark.parametrize("package", [costmodel, search], ids=lambda item: item.__name__)
def test_every_public_name_has_an_example(package: ModuleType) -> None:
    bare = set()
    for name in package.__all__:
        value = getattr(package, name)
        if not (inspect.isfunction(value) or inspect.isclass(value)):
            continue
        texts = [value.__doc__ or ""]
        if inspect.isclass(value):
            texts += [member.__doc__ or "" for member in vars(value).values() if callable(member)]
        if not any(">>> " in text for text in texts):
            bare.add(name)
    assert bare <= set(SHOWN_ELSEWHERE)
    assert not {name for name in SHOWN_ELSEWHERE.values() if name in bare}


def test_examples_are_not_skipped() -> None:
    """A skipped example is a promise that nobody checks."""
    assert not [
        str(path)
        for folder in ("costmodel", "search")
        for path in (ROOT / folder).rglob("*.py")
        if "doctest: " + "+SKIP" in path.read_text(encoding="utf-8")
    ]
