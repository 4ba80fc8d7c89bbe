"""Notebooks run as they stand, cell by cell, and what a cell ends with can be shown."""

from __future__ import annotations

import ast
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "experiments" / "notebooks").glob("*.py"))
CELL = re.compile(r"^# %%.*$", re.MULTILINE)


def run(path: Path) -> tuple[dict[str, Any], list[object]]:
    """Run the cells as a notebook does: the variables, and what was shown."""
    names: dict[str, Any] = {"__name__": path.stem}
    shown = []
    text = path.read_text(encoding="utf-8")
    for number, cell in enumerate(CELL.split(text)):
        body = ast.parse(cell).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        place = f"{path.name}, cell {number}"
        exec(compile(ast.Module(body, []), place, "exec"), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), place, "eval"), names))
    return names, [value for value in shown if value is not None and not isinstance(value, str)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set((ROOT / "results").glob("*"))
    names, shown = run(path)
    assert shown
    for value in shown:
        assert "tensor(" not in repr(value)
        assert "<div" in value._repr_html_()  # type: ignore[attr-defined]
    assert set((ROOT / "results").glob("*")) == before
    CHECKS[path.stem](names, tmp_path)


def first_look(names: dict[str, Any], folder: Path) -> None:
    """What its text promises."""
    # A sampler may propose a design twice at once: then the last batch is a little short.
    assert 2490 <= names["more"].status()["evaluations"] <= 2500
    knee = names["study"].best("knee")[0]
    assert float(names["again"]["tpot"]) == pytest.approx(knee.metrics["tpot"], rel=1e-12)
    assert float(names["cheaper"]["unit_cost"]) < float(names["metrics"]["unit_cost"])
    batch = int(names["batches"][names["cost"].argmin()])
    assert float(names["results"]["tpot"][batch - 1]) <= 0.015
    assert len(list(folder.rglob("front.html"))) == 1


CHECKS = {"first_look": first_look}
