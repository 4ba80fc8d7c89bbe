"""What `import costmodel` and `import search` offer, and that it costs nothing until it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
import types
from pathlib import Path
from types import ModuleType

import pytest

import costmodel
import search
from costmodel.public import Package, publish
from search import fingerprints

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "costmodel"
PACKAGES = pytest.mark.parametrize("package", [costmodel, search], ids=lambda item: item.__name__)


def run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def typed(package: ModuleType) -> set[str]:
    """Names that a type checker sees."""
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@PACKAGES
def test_all_names_are_there_and_typed(package: ModuleType) -> None:
    assert len(set(package.__all__)) == len(package.__all__)
    assert set(package.__all__) == typed(package) == set(package._homes)
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)


@PACKAGES
def test_a_wrong_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="no attribute 'Studdy'"):
        _ = package.Studdy
    assert not hasattr(package, "__wrapped__")


def test_importing_is_cheap() -> None:
    run(
        "import sys, search, costmodel\n"
        "heavy = {'torch', 'numpy', 'optuna', 'pyarrow', 'plotly', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "dir(search); dir(costmodel)\n"
        "assert 'torch' not in sys.modules"
    )


@pytest.mark.parametrize(
    "first",
    [
        "import costmodel.evaluate, search.export",
        "from costmodel.evaluate import evaluate; from search.export import export",
        "from costmodel import *; from search import *",
    ],
)
def test_a_function_stays_itself_whatever_was_imported_first(first: str) -> None:
    run(
        f"import costmodel, search\n{first}\n"
        "import types, sys\n"
        "assert isinstance(costmodel.evaluate, types.FunctionType)\n"
        "assert isinstance(search.export, types.FunctionType)\n"
        "assert isinstance(search.report, types.ModuleType)\n"
        "from costmodel.evaluate import evaluate\n"
        "assert evaluate is costmodel.evaluate\n"
        "assert isinstance(sys.modules['costmodel.evaluate'], types.ModuleType)"
    )


def test_an_evaluation_does_not_read_how_records_look() -> None:
    """So the fingerprint of the cost model may leave that out."""
    run(
        "import sys, costmodel\n"
        "chip = costmodel.load_chip('h100')\n"
        "workload = costmodel.load_workload('llama-3.1-8b', 'interactive')\n"
        "tables, technology = costmodel.build_tables(), costmodel.load_technology()\n"
        "costmodel.evaluate(chip.designs, workload, technology, tables)\n"
        "costmodel.dump_system(chip.designs, technology)\n"
        "found = [name for name in sys.modules if name.startswith('costmodel.presentation')]\n"
        "assert not found, found"
    )


def test_the_fingerprint_covers_all_of_the_model_but_how_it_looks() -> None:
    model = {str(path.relative_to(MODEL)) for path in MODEL.rglob("*.py")}
    looks = {name for name in model if name.startswith("presentation/")}
    assert looks
    assert set(fingerprints.files()["code"]) == model - looks


def test_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    package, part, bare = (types.ModuleType(f"wide{dot}") for dot in ("", ".part", ".bare"))
    part.part, part.other = "the name it shares with its module", 2  # type: ignore[attr-defined]
    for module in (package, part, bare):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    publish("wide", {"part": ("part", "other"), "bare": ("bare",)})
    assert isinstance(package, Package)
    assert package.other == 2
    assert package.part.startswith("the name")
    package.part = part  # what the import system does with a submodule
    assert package.part.startswith("the name")
    assert package.bare is bare
    assert {"part", "other", "bare"} <= set(dir(package))
