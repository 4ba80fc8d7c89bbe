"""Run the comparison and write its results: ``python -m experiments.benchmarks.mapping``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from costmodel.timing.tables import build_tables
from experiments.benchmarks.mapping import measure, ours, report
from experiments.benchmarks.mapping.machine import CORNERS, GEMM, MATCHED
from experiments.shows.harness import machine

FOLDER = Path(__file__).parent


def main() -> int:
    """Write ``results.json`` and ``results.md``; exit status 1 when a peer did not run."""
    rows = []
    for row in measure.rows(CORNERS):
        said = row.reason if isinstance(row, measure.Missing) else f"{row.theirs:,.0f} cycles"
        print(f"{row.peer}, {row.machine}: {said}", file=sys.stderr)
        rows.append(row)
    agreements = list(measure.agreements())
    walks = list(measure.walks())
    timings = list(measure.timings())
    with measure.one_thread():
        tables = build_tables()
        scores = [(one, ours.score(one, GEMM, tables)) for one in CORNERS]
        speed = ours.speed(MATCHED, GEMM)
    parts = (machine(), rows, agreements, walks, timings, speed, scores)
    text = json.dumps(report.record(*parts), indent=1)
    (FOLDER / "results.json").write_text(text + "\n", encoding="utf-8")
    (FOLDER / "results.md").write_text(report.page(*parts), encoding="utf-8")
    return int(any(isinstance(item, measure.Missing) for item in [*rows, *agreements, *walks]))


if __name__ == "__main__":
    sys.exit(main())
