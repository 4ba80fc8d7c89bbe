"""A fresh clone: one command answers the question, one passes the tests."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from costmodel.metrics import METRICS
from experiments.shows.harness import Line, Show

ROOT = Path(__file__).resolve().parents[2]
SEARCH_SECONDS = 180.0
DESIGNS = 20_000
CHECK_SECONDS = 900.0


def measure() -> Iterator[Line]:
    """Clone what is committed, run the quickstart twice, then what every change must pass."""
    with tempfile.TemporaryDirectory(prefix="scoville-") as folder:
        clone = Path(folder) / "scoville"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        if changed:
            yield Line("clone", "", f"the last commit; {len(changed)} changes here are not in it")
        yield from _quickstart(clone)
        yield from _checks(clone)


def _quickstart(clone: Path) -> Iterator[Line]:
    first = _run(["make", "quickstart"], clone)
    yield Line(
        "make quickstart", "exits 0", f"exits {first.code}, {first.seconds:.0f} s", first.code == 0
    )
    if first.code:
        return
    manifest = json.loads((clone / "results/quickstart/manifest.json").read_text(encoding="utf-8"))
    seconds = sum(session["seconds"] for session in manifest["sessions"])
    meter = manifest["sessions"][-1]["meter"]
    yield Line("the search", "at most 180 s", f"{seconds:.0f} s", seconds <= SEARCH_SECONDS)
    distinct, complete = _distinct(clone / "results/quickstart")
    yield Line(
        "distinct designs with every metric",
        "20,000",
        f"{distinct:,}" + ("" if complete else ", some metrics missing"),
        distinct >= DESIGNS and complete and distinct == int(meter["evaluated"]),
    )
    apart = ", ".join(f"{key} {meter[key]:,}" for key in ("pruned", "cached", "repeated"))
    yield Line("counted apart", "", apart)
    report = clone / "results/quickstart/report.html"
    yield Line(
        "report", "under 6 MB", f"{report.stat().st_size / 1e6:.1f} MB", report.stat().st_size < 6e6
    )
    again = _run(["make", "quickstart"], clone)
    yield Line(
        "make quickstart again",
        "prints the finished study",
        f"exits {again.code}, {again.seconds:.0f} s",
        again.code == 0 and again.seconds < 60.0,
    )


def _distinct(study: Path) -> tuple[int, bool]:
    """Distinct designs in the study's files, and whether each has every metric as a number."""
    table = pq.read_table(study / "evaluations").unify_dictionaries()
    space = YAML(typ="safe").load((study / "experiment.yaml").read_text(encoding="utf-8"))["space"]
    designs = table.group_by(sorted(space)).aggregate([])
    metrics = table.select([name for name in METRICS if name in table.column_names])
    complete = all(
        column.null_count == 0 and not np.isnan(column.to_numpy()).any()
        for column in metrics.columns
    )
    return designs.num_rows, complete


def _checks(clone: Path) -> Iterator[Line]:
    done = _run([".ci/run"], clone)
    yield Line(
        ".ci/run (lint and make test)",
        "exits 0 within 900 s",
        f"exits {done.code}, {done.seconds:.0f} s",
        done.code == 0 and done.seconds <= CHECK_SECONDS,
    )


@dataclass(frozen=True)
class _Done:
    """Exit status and duration of a command; its talk goes to this terminal."""

    code: int
    seconds: float  # [s]


def _run(command: list[str], folder: Path) -> _Done:
    clean = {
        key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")
    }
    start = time.monotonic()
    code = subprocess.run(command, cwd=folder, env=clean, check=False).returncode
    return _Done(code, time.monotonic() - start)


SHOW = Show("a fresh clone: make quickstart, then .ci/run", measure)
