"""A study's folder: what is in it, what is refused, how it ends."""

import csv
import json
import os
import re
import shutil
import signal

import pyarrow.parquet as pq
import pytest

from costmodel.errors import StudyError
from costmodel.hardware.catalog import load_system
from search import manifest
from search.space import Space
from search.storage import read_commits
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


def test_other_libraries_offer_a_warm_start(real, monkeypatch):
    other = {**manifest.environment(), "torch": "9.9"}
    monkeypatch.setattr(manifest, "environment", lambda: other)
    with pytest.raises(StudyError, match=r"torch .* -> 9.9.*--warm-start"):
        Study.resume(real.folder)


def test_a_warm_start_begins_with_the_old_front(real, tmp_path):
    study = Study.create(
        QUICKSTART, [*SMALL, "seed=9"], results=tmp_path, name="warm", warm_start=real.folder
    )
    front = len(real.pareto())
    assert study.notes[-1] == (
        f"warm start from {real.folder}: {front} of the {front} designs of its front taken over"
    )
    study.run()
    table = study.evaluated().to_pylist()
    warm = [row for row in table if row["sampler"] == "warm_start"]
    assert len(warm) == front
    assert {row["cost_per_mtoken"] for row in warm} == {
        design.metrics["cost_per_mtoken"] for design in real.pareto()
    }


def test_a_warm_start_from_another_space(tmp_path):
    """What fits is taken over, numbers go to the nearest level, and it is said what was done."""
    real = Study.create(QUICKSTART, [*SMALL, "limits={}"], results=tmp_path, name="wide")
    real.run()
    front = real.pareto()
    voltages = [design.variables["voltage_V"] for design in front]
    low = sorted(voltages)[len(voltages) // 2]
    changes = [
        f"space.voltage_V={{range: [{low - 0.0012}, 0.92]}}",
        "space.l2_MiB=[8, 16, 32, 64, 128, 256]",
        "space.pipeline_parallel=[1, 2, 4]",
    ]
    study = Study.create(
        QUICKSTART, [*SMALL, *changes], results=tmp_path, name="other", warm_start=real.folder
    )
    study.run()
    fitting = [design for design in front if design.variables["voltage_V"] >= low]
    assert 0 < len(fitting) < len(front)
    assert study.notes[-1] == (
        f"warm start from {real.folder}: {len(fitting)} of the {len(front)} designs of its front "
        f"taken over, {len(front) - len(fitting)} lie outside this space (voltage_V); not searched "
        "there and set to the middle: pipeline_parallel"
    )
    warm = [row for row in study.evaluated().to_pylist() if row["sampler"] == "warm_start"]
    assert {row["pipeline_parallel"] for row in warm} == {2}
    assert [row["stacks"] for row in warm] == [design.variables["stacks"] for design in fitting]
    levels = [8, 16, 32, 64, 128, 256]
    assert [row["l2_MiB"] for row in warm] == [
        min(levels, key=lambda level: abs(level - design.variables["l2_MiB"])) for design in fitting
    ]


def test_a_warm_start_with_nothing_to_take_over(real, tmp_path):
    with pytest.raises(StudyError, match=r"0 of .*outside this space \(stacks\).*--warm-start"):
        Study.create(
            QUICKSTART, [*SMALL, "space.stacks=[40]"], results=tmp_path, warm_start=real.folder
        )
    assert os.listdir(tmp_path) == []
    pruned = tmp_path / "pruned"
    shutil.copytree(real.folder, pruned)
    for path in (pruned / "evaluations").iterdir():
        pq.write_table(pq.read_table(path).drop_columns(["cost_per_mtoken"]), path)
    with pytest.raises(StudyError, match="has no metric cost_per_mtoken"):
        Study.create(QUICKSTART, SMALL, results=tmp_path, name="new", warm_start=pruned)


def test_a_warm_start_without_a_feasible_design(tmp_path):
    tight = Study.create(QUICKSTART, [*SMALL, "limits.tpot_ms=1"], results=tmp_path, name="tight")
    assert tight.run().exit_code == 3
    study = Study.create(QUICKSTART, SMALL, results=tmp_path, name="loose", warm_start=tight.folder)
    assert "64 of the 64 designs that come nearest to its limits taken over" in study.notes[-1]


def test_a_study_is_there_as_a_whole_or_not_at_all(tmp_path):
    """A process killed while it makes a study leaves nothing in the way of the next one."""
    child = os.fork()
    if child == 0:
        count, sync = 0, os.fsync

        def mortal(descriptor):
            nonlocal count
            count += 1
            if count == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(descriptor)

        try:
            os.fsync = mortal
            Study.create(QUICKSTART, SMALL, results=tmp_path, name="made")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert not (tmp_path / "made").exists()
    assert Study.create(QUICKSTART, SMALL, results=tmp_path, name="made").status()["rounds"] == 0


def test_hypervolume_grows_from_a_reference_that_stays(tmp_path):
    study = toy.study(tmp_path / "study", "evolution", 512)
    study.run()
    commits = read_commits(study.folder / "study.journal")
    with_designs = [commit for commit in commits if commit["feasible"]]
    assert len(with_designs) >= 5
    assert all(c["reference"] == with_designs[0]["reference"] for c in with_designs)
    volumes = [commit["hypervolume"] for commit in with_designs]
    assert volumes == sorted(volumes)
    assert study.status()["hypervolume"] == volumes[-1] > volumes[0]
    # By hand: what lies between the steps of the front and the reference, in shares of it.
    cost, speed = with_designs[0]["reference"].values()
    points = sorted((d.metrics["cost"] / cost, d.metrics["speed"] / speed) for d in study.pareto())
    points = [point for point in points if point[0] <= 1 and point[1] >= 1]
    assert len(points) > 5
    ends = [point[0] for point in points[1:]] + [1.0]
    area = sum(
        (end - start) * (height - 1) for (start, height), end in zip(points, ends, strict=True)
    )
    assert volumes[-1] == pytest.approx(area, rel=1e-9)


def test_a_study_whose_journal_was_cut_does_not_say_finished(real, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(real.folder, folder)
    lines = (folder / "study.journal").read_bytes().splitlines(keepends=True)
    (folder / "study.journal").write_bytes(b"".join(lines[:-1]))
    assert Study.open(folder).status()["status"] == "cut"
    Study.resume(folder).run()
    assert Study.open(folder).status()["status"] == "finished"


def test_what_is_wrong_with_a_manifest_is_said(real, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(real.folder, folder)
    good = json.loads((folder / "manifest.json").read_text())
    for content, words in (
        ("{", "is not JSON"),
        ("[]", "holds no manifest"),
        (json.dumps({**good, "schema_version": 2}), "a newer version of scoville made it"),
        (json.dumps({**good, "sessions": None}), "sessions is missing"),
    ):
        (folder / "manifest.json").write_text(content)
        with pytest.raises(StudyError, match=words):
            Study.open(folder)


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


def test_a_time_budget_counts_all_sessions_and_decides_nothing_else(tmp_path):
    def session(folder, seconds, stop_after=None):
        study = toy.study(folder, "coordinate_descent", 10**6)
        budget = study.experiment.budget.model_copy(update={"seconds": seconds})
        study.experiment = study.experiment.model_copy(update={"budget": budget})
        ticks = iter(range(10**6))

        def interrupt(report):
            if report.round_number == stop_after:
                os.kill(os.getpid(), signal.SIGTERM)

        return study.run(interrupt, clock=lambda: float(next(ticks))).status

    folder = tmp_path / "twice"
    assert session(folder, 40.0, stop_after=5) == "interrupted"
    spent = toy.study(folder, "coordinate_descent", 10**6).status()
    assert 5 < spent["seconds"] < 40
    assert session(folder, 40.0) == "finished"
    ended = toy.study(folder, "coordinate_descent", 10**6).status()
    assert 40 <= ended["seconds"] < 44
    assert session(tmp_path / "once", 60.0) == "finished"
    files = sorted((folder / "evaluations").glob("*.parquet"))
    assert len(files) > spent["rounds"]
    for path in files:  # the longer search begins with the same rounds
        assert path.read_bytes() == (tmp_path / "once" / "evaluations" / path.name).read_bytes()


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
