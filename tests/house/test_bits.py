"""Operations whose result depends on the batch size stay out of the cost model.

Measured to differ between batch sizes: fractional powers, matrix products, einsum, sigmoid,
softplus. Equal: exp(b log a), sums over a contiguous last dimension, square roots, whole powers.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "costmodel"
FORBIDDEN = {
    "matmul", "mm", "bmm", "baddbmm", "addmm", "einsum", "sigmoid", "softplus", "tanh", "pow",
    "float_power",
}  # fmt: skip
NUMBERS_ONLY = ROOT / "numerics" / "units.py"
"""Converts plain numbers when files are read; no tensor passes through it."""
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != NUMBERS_ONLY)


def offences(tree: ast.AST) -> list[str]:
    """Calls and operators of a module whose bits depend on the batch."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in FORBIDDEN:
                found.append(f"line {node.lineno}: {node.func.attr}")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            found.append(f"line {node.lineno}: @")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            exponent = node.right
            whole = isinstance(exponent, ast.Constant) and isinstance(exponent.value, int)
            literal = isinstance(node.left, ast.Constant)
            if not whole and not literal:
                found.append(f"line {node.lineno}: ** with a fractional exponent")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_operation_depends_on_the_batch(path):
    assert offences(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_the_scan_sees_what_it_looks_for():
    bad = "a = b @ c\nd = b ** 0.61\ne = torch.sigmoid(b)\nf = b ** 2\ng = 2.0 ** n\n"
    assert len(offences(ast.parse(bad))) == 3
