"""A study's folder: what is in it, what is refused, how it ends."""

import csv
import json
import os
import re
import signal

import pyarrow.parquet as pq
import pytest

from costmodel.errors import StudyError
from costmodel.hardware.catalog import load_system
from search import manifest
from search.space import Space
from search.study import Study
from tests.search import toy
from tests.search.test_resolve import QUICKSTART

SMALL = ["budget={evaluations: 192}", "sampler={name: quasi_random, options: {batch: 64}}"]


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Study:
    """A small study on the cost model, with the limits of the quickstart."""
    results = tmp_path_factory.mktemp("results")
    study = Study.create(QUICKSTART, SMALL, results=results, name="small")
    study.run()
    return study


def test_what_a_study_leaves(real):
    assert {"experiment.yaml", "manifest.json", "study.journal", "evaluations", "pareto.csv",
            "best", "template.yaml"} <= set(os.listdir(real.folder))  # fmt: skip
    table = real.evaluated()
    assert table.num_rows == 192 == real.status()["evaluations"]
    assert table.column("evaluation").to_pylist() == list(range(192))
    unit = pq.read_schema(real.folder / "evaluations" / "round-000000.parquet")
    assert unit.field("tpot").metadata == {b"unit": b"s"}
    for name in (*real.problem.space.names, *real.problem.metric_names):
        assert name in table.column_names
    content = json.loads((real.folder / "manifest.json").read_text())
    assert set(content["fingerprints"]) == {"code", "data", "sampler", "experiment"}
    assert content["status"] == "finished"
    assert content["sessions"][0]["meter"]["evaluated"] == 192


def test_the_front_is_what_nobody_beats(real):
    front = real.pareto()
    assert front
    assert all(design.feasible for design in front)
    table = real.evaluated().to_pylist()
    for design in front:
        cost, reach = design.metrics["cost_per_mtoken"], design.metrics["tokens_per_joule"]
        assert not any(
            row["feasible"]
            and (row["cost_per_mtoken"], -row["tokens_per_joule"]) != (cost, -reach)
            and row["cost_per_mtoken"] <= cost
            and row["tokens_per_joule"] >= reach
            for row in table
        )
    rows = list(csv.DictReader((real.folder / "pareto.csv").open()))
    assert [int(row["evaluation"]) for row in rows] == [design.number for design in front]
    best = real.best("cost_per_mtoken")[0]
    assert best.metrics["cost_per_mtoken"] == min(d.metrics["cost_per_mtoken"] for d in front)
    assert real.best("knee")[0].number in {design.number for design in front}


def test_best_designs_are_systems_with_the_same_metrics(real):
    design = real.best("tokens_per_joule")[0]
    chip = load_system(real.folder / "best" / "tokens_per_joule-1.yaml")
    metrics = real.resolved.model.evaluate(chip.designs)
    for name, value in design.metrics.items():
        assert float(metrics[name]) == pytest.approx(value, rel=1e-12)


def test_opened_again_it_says_the_same(real):
    again = Study.open(real.folder)
    assert [d.metrics for d in again.pareto()] == [d.metrics for d in real.pareto()]


def test_the_resolved_experiment_runs_again(real, tmp_path):
    copy = Study.create(real.folder / "experiment.yaml", results=tmp_path)
    copy.run()
    name = "evaluations/round-000002.parquet"
    assert (copy.folder / name).read_bytes() == (real.folder / name).read_bytes()


def test_an_existing_folder_is_a_conflict(real):
    with pytest.raises(StudyError, match="exists; go on with it by `scoville resume") as caught:
        Study.create(QUICKSTART, SMALL, results=real.folder.parent, name="small")
    assert caught.value.exit_code == 4


def test_force_renames_and_never_deletes(tmp_path):
    first = Study.create(QUICKSTART, SMALL, results=tmp_path)
    Study.create(QUICKSTART, SMALL, results=tmp_path, force=True)
    assert (tmp_path / "quickstart.1" / "manifest.json").exists()
    assert first.folder.exists()


def test_only_the_budget_may_change(real):
    with pytest.raises(StudyError, match=r"-S seed=5 changes the search itself.*--warm-start"):
        Study.resume(real.folder, ["seed=5"])
    text = (real.folder / "experiment.yaml").read_text()
    (real.folder / "experiment.yaml").write_text(text.replace("seed: 1", "seed: 2"))
    try:
        with pytest.raises(StudyError, match=r"experiment.yaml or one of its files changed"):
            Study.resume(real.folder)
    finally:
        (real.folder / "experiment.yaml").write_text(text)


def test_more_budget(tmp_path):
    study = Study.create(QUICKSTART, SMALL, results=tmp_path)
    study.run()
    Study.resume(study.folder, ["budget.evaluations=+64"]).run()
    assert study.status()["evaluations"] == 256
    assert study.status()["budget"]["evaluations"] == 256
    assert len(json.loads((study.folder / "manifest.json").read_text())["sessions"]) == 2


def test_another_model_asks_for_a_rescore(tmp_path, monkeypatch):
    study = Study.create(QUICKSTART, SMALL, results=tmp_path)
    study.run()
    before = study.pareto()
    changed = {**manifest.fingerprints(), "code": "other", "data": "other"}
    monkeypatch.setattr(manifest, "fingerprints", lambda: changed)
    with pytest.raises(StudyError, match=r"the cost model and its data changed.*--rescore"):
        Study.resume(study.folder)
    again = Study.resume(study.folder, rescore=True)
    again.run()
    assert again.status()["evaluations"] == 192
    assert [d.metrics for d in again.pareto()] == [d.metrics for d in before]
    assert (study.folder / "before-rescore-1" / "study.journal").exists()


def test_other_libraries_offer_a_warm_start(real, monkeypatch):
    other = {**manifest.environment(), "torch": "9.9"}
    monkeypatch.setattr(manifest, "environment", lambda: other)
    with pytest.raises(StudyError, match=r"torch .* -> 9.9.*--warm-start"):
        Study.resume(real.folder)


def test_a_warm_start_begins_with_the_old_front(real, tmp_path):
    study = Study.create(
        QUICKSTART, [*SMALL, "seed=9"], results=tmp_path, name="warm", warm_start=real.folder
    )
    study.run()
    table = study.evaluated().to_pylist()
    warm = [row for row in table if row["sampler"] == "warm_start"]
    assert len(warm) == len(real.pareto())
    assert {row["cost_per_mtoken"] for row in warm} == {
        design.metrics["cost_per_mtoken"] for design in real.pareto()
    }


def test_nothing_feasible_is_said_with_the_least_that_has_to_give(tmp_path):
    study = toy.study(tmp_path / "study", "quasi_random", 256, toy.problem(power_limit=8.0))
    outcome = study.run()
    assert outcome.exit_code == 3
    assert study.pareto() == []
    diagnosis = study.diagnosis()
    assert diagnosis.always == ("power",)
    assert diagnosis.single[0].names == ("power",)
    # Relaxed by that much, the design it names is feasible, and no other one needs less.
    least = diagnosis.single[0].amounts["power"]
    relaxed = toy.study(
        tmp_path / "relaxed", "quasi_random", 256, toy.problem(power_limit=8.0 * (1 + least) + 1e-9)
    )
    relaxed.run()
    assert [design.number for design in relaxed.pareto()] == [diagnosis.single[0].design]


def test_relaxations_are_in_the_units_of_the_experiment(tmp_path):
    """The design that a relaxation names is feasible under the relaxed limits, in a new study."""
    tight = [*SMALL, "limits.tpot_ms=2", "limits.junction_temperature_C=40.5"]
    study = Study.create(QUICKSTART, tight, results=tmp_path, name="tight")
    assert study.run().exit_code == 3
    line = study.diagnosis().lines()[-1]
    found = re.findall(r"([a-z_]+_[A-Za-z0-9.]+) from [\d.]+ to ([\d.e+]+)", line)
    assert {"tpot_ms", "junction_temperature_C"} & {key for key, _ in found}
    relaxed = [f"limits.{key}={float(value) * 1.0001}" for key, value in found]
    again = Study.create(QUICKSTART, [*tight, *relaxed], results=tmp_path, name="relaxed")
    assert again.run().exit_code == 0
    admitted = int(line.rsplit(" ", 1)[-1])
    assert again.best("cost_per_mtoken")[0].number == admitted


def test_a_finite_space_ends_the_search(tmp_path):
    problem = toy.problem(1, continuous=False)
    one, rest = toy.numbers("units", (16.0,)), problem.space.variables[1:]
    problem.space = Space((one, toy.numbers("stacks", (2.0, 4.0)), *rest[1:]))
    study = toy.study(tmp_path / "study", "quasi_random", 10**6, problem)
    assert study.run().status == "exhausted"
    assert problem.archive.count == problem.space.size == 180


def test_a_time_budget_ends_the_search(tmp_path):
    problem = toy.problem()
    study = toy.study(tmp_path / "study", "quasi_random", 10**6, problem)
    budget = study.experiment.budget.model_copy(update={"seconds": 40.0})
    study.experiment = study.experiment.model_copy(update={"budget": budget})
    ticks = iter(range(10**6))
    assert study.run(clock=lambda: float(next(ticks))).status == "finished"
    assert 10 <= study.status()["rounds"] <= 40


def test_interrupted_it_finishes_the_round_and_can_go_on(tmp_path):
    study = toy.study(tmp_path / "study", "quasi_random", 640)

    def interrupt(report):
        if report.round_number == 2:
            os.kill(os.getpid(), signal.SIGINT)

    outcome = study.run(interrupt)
    assert outcome.exit_code == 130
    assert outcome.resume == f"scoville resume {study.folder}"
    assert study.status()["rounds"] == 3
    assert study.status()["status"] == "interrupted"
    assert toy.study(tmp_path / "study", "quasi_random", 640).run().exit_code == 0
    assert study.status()["rounds"] == 10


def test_no_study_in_a_folder(tmp_path):
    with pytest.raises(StudyError, match="holds no study"):
        Study.open(tmp_path)
