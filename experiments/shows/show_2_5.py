"""A study of 20,000 designs under a changed constant: how fast again, and both scores kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from experiments.shows.harness import Line, Show
from search import evaluations, rescore
from search.evaluations import to_numpy
from search.rescore import BEFORE
from search.storage import JOURNAL, read_commits

ROOT = Path(__file__).resolve().parents[2]
DESIGNS = 20_000
CHANGED = Path("costmodel/data/technology/constants_physics.yaml")
CONSTANT, FACTOR = "clock_tree_energy", 1.4
"""It counts in energy, power and heat, so that objectives and limits both move."""
TIMEOUT = 3000.0


def measure() -> Iterator[Line]:
    """Search, change a constant in a copy of the packages, rescore; then rescore unchanged."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = folder / "changed"
        for package in ("costmodel", "search"):
            shutil.copytree(
                ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        old, new = change(copy / CHANGED)
        study, same = folder / "study", folder / "same"
        _scoville(ROOT, "run", "experiments/quickstart.yaml", "--results", name, "--name", "study",
                  "-S", "sampler={name: quasi_random, options: {batch: 2000}}",
                  "-S", f"budget={{evaluations: {DESIGNS}}}", "--no-report")  # fmt: skip
        shutil.copytree(study, same)
        before = _table(study)
        refused = _scoville(copy, "resume", str(study), "--no-report", expected=4)
        yield Line(
            f"resume after {CONSTANT} went from {old:g} to {new:g}",
            f"refused, {CHANGED.name} named, --rescore offered",
            refused.strip().splitlines()[-1].replace(name, "..."),
            CHANGED.name in refused and "--rescore" in refused,
        )
        _scoville(copy, "resume", str(study), "--rescore", "--no-report")
        yield from _changed(study, before)
        _scoville(ROOT, "resume", str(same), "--rescore", "--no-report")
        yield _unchanged(same)


def change(path: Path) -> tuple[float, float]:
    """Change one constant in its file; its values before and after."""
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"^  {CONSTANT}: {{value: ([-+.e0-9]+),", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {CONSTANT} in {path}")
    old = float(found[1])
    new = float(f"{old * FACTOR:.3g}")
    path.write_text(text[: found.start(1)] + f"{new!r}" + text[found.end(1) :], encoding="utf-8")
    return old, new


def _changed(study: Path, before: pa.Table) -> Iterator[Line]:
    """The old scores are as they were, the new ones beside them, and how fast they came."""
    aside, table = _table(study / "before-rescore-1"), rescore.table_of(study)
    scored = _scored(table)
    yield Line(
        "the study as it was, in before-rescore-1/",
        f"{DESIGNS:,} designs, the same values",
        f"{aside.num_rows:,} designs, {'the same' if aside.equals(before) else 'other'} values",
        aside.equals(before) and aside.num_rows == DESIGNS,
    )
    kept = sum(_differing(table, name + BEFORE, before, name) for name in scored)
    now = _table(study)
    new = sum(_differing(table, name, now, name) for name in scored)
    yield Line(
        "rescored.parquet: old and new score of every design",
        f"{DESIGNS:,} designs, no value that differs from the two studies",
        f"{table.num_rows:,} designs, {len(scored)} scores twice, {kept} and {new} differ",
        table.num_rows == now.num_rows == DESIGNS and kept + new == 0,
    )
    spent = _seconds(study / "before-rescore-1")
    first, again = DESIGNS / spent, DESIGNS / (_seconds(study) - spent)
    yield Line(
        "designs a second: rescored, and evaluated at first, in one run",
        "",
        f"{again:,.0f} and {first:,.0f} ({again / first:.2f} times)",
    )
    status = json.loads(_scoville(ROOT, "status", str(study), "--json"))
    for text in rescore.lines(status["rescore"]):
        yield Line("what the study says of it", "", text)


def _unchanged(study: Path) -> Line:
    table = rescore.table_of(study)
    scored = _scored(table)
    differing = sum(_differing(table, name, table, name + BEFORE) for name in scored)
    return Line(
        "rescored with nothing changed: scores that differ",
        "0",
        f"{differing} of {table.num_rows * len(scored):,}",
        differing == 0 and table.num_rows == DESIGNS,
    )


def _scoville(folder: Path, *arguments: str, expected: int = 0) -> str:
    """Run the command with the packages of a folder; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "search", "--quiet", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode != expected:
        raise RuntimeError(f"scoville {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
    return done.stdout if expected == 0 else done.stderr


def _table(study: Path) -> pa.Table:
    commits = read_commits(study / JOURNAL)
    return evaluations.read([study / commit["chunk"] for commit in commits if commit["chunk"]])


def _seconds(study: Path) -> float:
    return float(read_commits(study / JOURNAL)[-1]["seconds"])


def _scored(table: pa.Table) -> list[str]:
    """Columns that hold a score of both."""
    names = table.column_names
    return [name for name in names if name + BEFORE in names and name != "evaluation"]


def _differing(table: pa.Table, name: str, other: pa.Table, its: str) -> int:
    """Rows in which two columns differ, bit for bit."""
    return int((to_numpy(table, name) != to_numpy(other, its)).sum())


SHOW = Show("rescore after a changed constant", measure)
