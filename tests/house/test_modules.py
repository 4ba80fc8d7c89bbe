"""House rules that no linter states: sizes, names, and arithmetic that depends on batch size."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("costmodel", "search", "experiments", "tests")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
COSTMODEL = [path for path in MODULES if path.is_relative_to(ROOT / "costmodel")]
BATCH_DEPENDENT = {"matmul", "bmm", "mm", "einsum", "sigmoid", "softplus", "baddbmm", "addmm"}
VAGUE = re.compile(r"(^|_)(utils?|helpers?|misc|managers?|common)(_|$)")


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_modules_stay_readable() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in MODULES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert not long, "split these"


def test_module_names_say_something() -> None:
    assert not [name for name in names(MODULES) if VAGUE.search(Path(name).stem)]
    assert not [name for name in names(MODULES) if " " in name]


def test_every_package_is_importable_and_typed() -> None:
    for package in ("costmodel", "search"):
        folders = {path.parent for path in (ROOT / package).rglob("*.py")}
        assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
        assert (ROOT / package / "py.typed").exists()


def unstable(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines whose result was measured to depend on the size of the batch."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            yield node.lineno, "@"
        if isinstance(node, ast.Attribute) and node.attr in BATCH_DEPENDENT:
            yield node.lineno, node.attr
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            exponent = node.right.value if isinstance(node.right, ast.Constant) else None
            number = isinstance(node.left, ast.Constant) or ast.unparse(node.left).isupper()
            if isinstance(exponent, float) and not exponent.is_integer() and not number:
                yield node.lineno, f"** {exponent}"


@pytest.mark.parametrize("path", COSTMODEL, ids=names(COSTMODEL))
def test_a_value_does_not_depend_on_its_batch(path: Path) -> None:
    """Fractional powers, products of matrices and sigmoids give other bits in other batches."""
    assert not list(unstable(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("line", ["a @ b", "x ** 0.61", "torch.einsum('i,i', a, b)"])
def test_the_scan_catches(line: str) -> None:
    assert list(unstable(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["x ** 2", "x ** -1.0", "ASPECT**0.5", "torch.exp(0.61 * torch.log(x))"]
)
def test_the_scan_allows(line: str) -> None:
    assert not list(unstable(ast.parse(line)))


@pytest.mark.parametrize("path", COSTMODEL, ids=names(COSTMODEL))
def test_the_model_reads_no_single_value_out_of_a_tensor(path: Path) -> None:
    """`.item()` would end a gradient and depend on the rank of the batch."""
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "item"
    ]
    assert not calls
