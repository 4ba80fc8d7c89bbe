"""The report of a real, short study says what the study found."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from search.report.build import report_data, write_report
from search.report.content import ReportData
from search.study import Study

ROOT = Path(__file__).resolve().parents[3]
SHORT = ["budget.evaluations=600", "budget.seconds=30", "rivals=[h100]"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    results = tmp_path_factory.mktemp("results")
    made = Study.create(ROOT / "experiments" / "quickstart.yaml", SHORT, results=results)
    made.run()
    return made


@pytest.fixture(scope="module")
def data(study: Study) -> ReportData:
    return report_data(study)[0]


def test_front_and_counts_are_the_studys(study: Study, data: ReportData) -> None:
    assert int(data.cloud.front.sum()) == len(study.pareto())
    assert int(data.cloud.feasible.sum()) == study.status()["feasible"]
    assert data.counts["distinct designs evaluated, every metric"] == str(
        study.status()["evaluations"]
    )


def test_best_designs_are_the_studys(study: Study, data: ReportData) -> None:
    (cheapest,) = [best for best in data.best if "lowest cost" in best.label]
    (known,) = study.best("cost_per_mtoken")
    assert cheapest.metrics == known.metrics
    for margin in cheapest.margins:
        assert margin.violation <= 0
        if margin.value is not None and margin.limit is not None:
            assert margin.value <= margin.limit


def test_evidence_is_a_share_and_finite(data: ReportData) -> None:
    for best in data.best:
        assert best.evidence is not None
        assert set(best.evidence.assumed) == {"time", "energy", "cost"}
        assert all(0 < share < 1 for share in best.evidence.assumed.values())
        assert best.evidence.extrapolation is not None
        assert math.isfinite(best.evidence.extrapolation)


def test_assumptions_cite_sources_that_are_listed(data: ReportData) -> None:
    listed = {source.key for source in data.sources}
    assert data.assumptions
    for item in data.assumptions:
        assert set(item.source.split(", ")) <= listed


def test_convergence_never_gets_worse(data: ReportData) -> None:
    assert data.progress is not None
    assert (np.diff(data.progress.evaluations) >= 0).all()
    if data.progress.hypervolume.size:
        assert (np.diff(data.progress.hypervolume) >= -1e-12).all()
        assert data.progress.hypervolume[-1] == 1.0


def test_page_is_small_and_names_the_answer(study: Study, data: ReportData) -> None:
    path = write_report(study, rivals=False)
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 6_000_000
    assert data.best[0].summary in text
    assert study.experiment.title in text
