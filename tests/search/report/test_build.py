"""The report of a real, short study says what the study found."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from costmodel.errors import StudyError
from search.report.build import report_data, write_report
from search.report.content import ReportData, Turn
from search.report.convergence import hypervolumes, stretches
from search.report.headline import better_turns, closest, settled
from search.report.render import render_report
from search.study import Study
from tests.search.report import synthetic
from tests.search.report.synthetic import COST, EFFICIENCY

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
    return report_data(study)


def test_front_and_counts_are_the_studys(study: Study, data: ReportData) -> None:
    assert int(data.cloud.front.sum()) == len(study.pareto())
    assert data.cloud.meeting == study.status()["feasible"]
    assert data.cloud.evaluated == study.status()["evaluations"]
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


def test_best_designs_are_among_those_drawn(data: ReportData) -> None:
    assert {best.key for best in data.best} <= set(data.cloud.keys)


def test_evidence_is_a_share_and_finite(data: ReportData) -> None:
    for best in data.best:
        assert best.evidence is not None
        assert set(best.evidence.assumed) == {"time", "energy", "cost"}
        assert all(0 < share < 1 for share in best.evidence.assumed.values())
        assert best.evidence.extrapolation is not None
        assert math.isfinite(best.evidence.extrapolation)
        # The score is the sum of the doublings of what the table lists.
        doublings = sum(math.log2(item.times) for item in best.evidence.outside)
        assert best.evidence.extrapolation == pytest.approx(doublings)


def test_assumptions_cite_sources_that_are_listed(data: ReportData) -> None:
    listed = {source.key for source in data.sources}
    assert data.assumptions
    for item in data.assumptions:
        assert set(item.source.split(", ")) <= listed


def test_convergence_never_gets_worse(study: Study, data: ReportData) -> None:
    progress = data.progress
    assert progress is not None
    assert (np.diff(progress.evaluations) >= 0).all()
    for shares in (progress.hypervolume, hypervolumes(study, progress.evaluations.astype(int))):
        assert (np.diff(shares) >= -1e-12).all()
        assert shares[-1] == 1.0
    assert progress.stretches[0].evaluations[0] == 0.0
    assert progress.stretches[-1].evaluations[1] == progress.evaluations[-1]
    assert 0.0 <= settled(progress) <= 1.0


def test_stretches_join_rounds_of_one_sampler() -> None:
    commits = [
        {"sampler": name, "evaluations": 10 * number, "seconds": number}
        for number, name in enumerate(("a", "a", "b", "a"), start=1)
    ]
    found = stretches(commits)
    assert [(item.sampler, item.evaluations) for item in found] == [
        ("a", (0.0, 20.0)), ("b", (20.0, 30.0)), ("a", (30.0, 40.0)),
    ]  # fmt: skip


def test_time_of_a_token_beside_a_rival_is_that_of_the_metrics(data: ReportData) -> None:
    assert data.beside is not None
    assert data.beside.short == "h100"
    ours = data.best[0].metrics
    rival = closest(data.objectives[0], data.rivals, "manufacturing")
    assert rival is not None
    for name, metrics in ((data.beside.ours, ours), (data.beside.short, rival.metrics)):
        for bars in ("time by component", "time by operator"):
            item = data.beside.bars[bars]
            rows = [row for row, bar in enumerate(item.bars) if bar.startswith(f"{name},")]
            total = item.values[rows].sum()
            assert total == pytest.approx(1.0 / metrics["throughput_per_package"], rel=1e-9)
        paid = data.beside.bars["hourly"]
        row = paid.bars.index(name)
        assert paid.values[row].sum() == pytest.approx(metrics["tco_per_hour"], rel=1e-9)


def test_energy_of_a_token_stays_under_that_at_the_wall(data: ReportData) -> None:
    assert data.beside is not None
    item = data.beside.bars["energy by component"]
    ours = [row for row, bar in enumerate(item.bars) if bar.startswith("A,")]
    assert 0.0 < item.values[ours].sum() < 1.0 / data.best[0].metrics["tokens_per_joule"]
    np.testing.assert_allclose(
        item.values.sum(1), data.beside.bars["energy by operator"].values.sum(1), rtol=1e-12
    )


def test_no_operator_is_above_its_roof(data: ReportData) -> None:
    assert data.beside is not None
    roofs = {roof.machine: roof for roof in data.beside.roofline.roofs}
    assert roofs["A"].peak == pytest.approx(data.best[0].metrics["peak_throughput"])
    assert roofs["A"].bandwidth == pytest.approx(data.best[0].metrics["memory_bandwidth"])
    assert {spot.machine for spot in data.beside.roofline.spots} == set(roofs)
    for spot in data.beside.roofline.spots:
        roof = roofs[spot.machine]
        assert spot.rate <= min(roof.peak, spot.intensity * roof.bandwidth) * (1 + 1e-9)


def test_a_notch_is_the_exact_value_of_the_neighbour(study: Study, data: ReportData) -> None:
    best = data.best[0]
    resolved = study.resolved
    assert resolved is not None
    space = resolved.problem.space
    number = int(best.key.rpartition(" ")[2])
    x = torch.from_numpy(study.problem.archive["x"][number].copy())
    column = space.names.index("stacks")
    (notch,) = [item for item in best.notches if item.name == "stacks"]
    for turn in notch.turns:
        moved = x.clone()
        moved[column] = float(space.variables[column].levels.index(int(turn.value)))
        with torch.no_grad():
            metrics = resolved.model.evaluate(resolved.model.decoder.decode(moved))
        for name, share in turn.changes.items():
            assert share == pytest.approx(float(metrics[name]) / best.metrics[name] - 1.0, abs=1e-9)
        broken = zip(metrics.violation_names, metrics.violations.tolist(), strict=True)
        assert turn.broken == tuple(name for name, size in broken if size > 0)


def test_levers_are_slopes_of_the_model(study: Study, data: ReportData) -> None:
    """The elasticity of cost to the price of electricity against a finite difference."""
    resolved = study.resolved
    assert resolved is not None
    (lever,) = [
        item for item in data.best[0].levers["cost_per_mtoken"] if item.name == "utilisation"
    ]
    technology = resolved.model.technology
    constants = technology.tables["constant"]
    row = constants.rows.index("utilisation")
    values = []
    for factor in (1.0 - 1e-6, 1.0 + 1e-6):
        (column,) = constants.columns
        changed = constants.columns[column].clone()
        changed[row] *= factor
        tables = {
            **technology.tables,
            "constant": dataclasses.replace(constants, columns={column: changed}),
        }
        live = dataclasses.replace(technology, tables=tables)
        model = type(resolved.model)(
            resolved.model.decoder, resolved.model.workload, live, resolved.model.limits
        )
        number = int(data.best[0].key.rpartition(" ")[2])
        x = torch.from_numpy(study.problem.archive["x"][number].copy())
        with torch.no_grad():
            values.append(float(model.evaluate(model.decoder.decode(x))["cost_per_mtoken"]))
    slope = (math.log(values[1]) - math.log(values[0])) / 2e-6
    assert lever.elasticity == pytest.approx(slope, rel=1e-5)


def test_reliefs_are_what_a_looser_limit_would_admit(study: Study, data: ReportData) -> None:
    violations = study.problem.archive["violations"]
    objectives, feasible = study.problem.judged()
    held = objectives[feasible].min(0)
    for relief in data.reliefs:
        column = study.problem.violation_names.index(relief.name)
        allowed = np.zeros(violations.shape[1])
        allowed[column] = relief.share
        looser = (violations <= allowed).all(1)
        assert relief.admitted == int(looser.sum() - feasible.sum())
        gained = (held - objectives[looser].min(0)) / np.abs(held)
        assert list(relief.gains.values()) == pytest.approx(gained.tolist())


def test_headline_names_the_answer_the_rival_and_the_doubts(data: ReportData) -> None:
    said = {point.lead: point.text for point in data.headline}
    assert list(said) == ["Answer", "Why", "Rivals", "Limits", "Distrust", "Search"]
    assert data.best[0].summary in said["Answer"]
    assert "NVIDIA H100" in said["Rivals"]
    assert "Assumed numbers" in said["Distrust"]
    assert f"{data.cloud.evaluated:,} designs" in said["Search"]


def test_page_is_small_and_names_the_answer(study: Study, data: ReportData) -> None:
    path = write_report(study, rivals=False)
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 6_000_000
    assert data.best[0].summary in text
    assert study.experiment.title in text


@pytest.mark.parametrize(
    ("name", "overrides", "found"),
    [
        ("single", ["objectives=[cost_per_mtoken]", "budget.evaluations=400"], True),
        ("impossible", ["limits.tpot_ms=0.5", "budget.evaluations=200"], False),
        ("tiny", ["budget.evaluations=10", "sampler={name: random}"], False),
    ],
)
def test_other_studies_have_a_report_too(
    tmp_path: Path, name: str, overrides: list[str], found: bool
) -> None:
    made = Study.create(
        ROOT / "experiments" / "quickstart.yaml",
        ["budget.seconds=30", "rivals=[]", *overrides],
        results=tmp_path,
        name=name,
    )
    made.run()
    data = report_data(made)
    assert data.found is found
    assert data.rivals == ()
    page = render_report(data)
    if not found:
        assert "No design meets every limit" in page
        (nearest,) = data.best
        assert any(margin.state == "violated" for margin in nearest.margins)
        diagnosis = made.diagnosis()
        assert diagnosis is not None
        assert nearest.key == f"evaluation {diagnosis.joint.design}"


def test_two_pools_are_drawn_and_told_apart(tmp_path: Path) -> None:
    one = (ROOT / "experiments" / "templates" / "systolic.yaml").read_text(encoding="utf-8")
    head, _, pool = one.partition("  - role: both\n")
    template = tmp_path / "two.yaml"
    template.write_text(
        f"{head}  - role: prefill\n{pool}  - role: decode\n{pool}", encoding="utf-8"
    )
    made = Study.create(
        ROOT / "experiments" / "quickstart.yaml",
        [f"template={template}", "rivals=[]", "budget.evaluations=300", "budget.seconds=60"],
        results=tmp_path,
    )
    made.run()
    data = report_data(made)
    assert data.beside is not None
    assert [drawing.title for drawing in data.beside.drawings] == [
        "A, prefill pool", "A, decode pool",
    ]  # fmt: skip
    assert data.beside.bars["time by component"].bars == ("A prefill, prefill", "A decode, decode")
    total = data.beside.bars["time by component"].values.sum()
    assert total == pytest.approx(1.0 / data.best[0].metrics["throughput_per_package"], rel=1e-9)
    assert render_report(data)


def test_a_study_without_evaluations_says_how_to_go_on(tmp_path: Path) -> None:
    made = Study.create(ROOT / "experiments" / "quickstart.yaml", SHORT, results=tmp_path)
    with pytest.raises(StudyError, match=r"no evaluations yet.*scoville resume"):
        report_data(made)


def test_headline_says_when_a_single_change_is_better() -> None:
    lead = synthetic.best("knee")
    (notch,) = lead.notches
    assert better_turns(lead, (COST, EFFICIENCY)) == []  # one is worse, the other misses a limit
    good = Turn("10", {"cost": -0.02, "tokens_per_joule": 0.01})
    better = dataclasses.replace(notch, turns=(*notch.turns, good))
    assert better_turns(dataclasses.replace(lead, notches=(better,)), (COST, EFFICIENCY)) == [
        "stacks 10"
    ]
