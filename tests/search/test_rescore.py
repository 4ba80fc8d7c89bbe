"""A study under a changed model: every design again, both scores kept, whatever interrupts it."""

import dataclasses
import json
import os
import shutil
import signal

import numpy as np
import pyarrow.parquet as pq
import pytest

from costmodel.errors import StudyError
from search import fingerprints, manifest, pricing, rescore, study
from search.storage import Lock, read_commits
from search.study import Study
from tests.search.test_resolve import QUICKSTART

BUDGET = 192
SMALL = [f"budget={{evaluations: {BUDGET}}}", "sampler={name: nsga2, options: {batch: 64}}"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A small study on the cost model as it is."""
    made = Study.create(QUICKSTART, SMALL, results=tmp_path_factory.mktemp("results"), name="small")
    made.run()
    return made


@pytest.fixture
def copy(original, tmp_path):
    """A copy of it to work on."""
    shutil.copytree(original.folder, tmp_path / "small")
    return tmp_path / "small"


@pytest.fixture
def changed(monkeypatch):
    """Another model: everything costs 10 % more, and power counts 20 % more."""
    change_the_model(monkeypatch.setattr)


def change_the_model(setattr):
    price = pricing.CostModel.__call__

    def dearer(self, values, relax):
        outcome = price(self, values, relax)
        metrics = outcome.metrics.clone()
        metrics[:, self.metric_names.index("cost_per_mtoken")] *= 1.1
        violations = outcome.violations.clone()
        power = self.violation_names.index("package_power")
        violations[:, power] = (violations[:, power] + 1.0) * 1.2 - 1.0
        return dataclasses.replace(outcome, metrics=metrics, violations=violations)

    other = {**fingerprints.fingerprints(), "code": "other"}
    setattr(pricing.CostModel, "__call__", dearer)
    setattr(study, "fingerprints", lambda: other)


def columns(table, *names):
    return [np.asarray(table[name]) for name in names]


@pytest.mark.usefixtures("changed")
def test_both_scores_of_every_design_are_kept(original, copy):
    before = original.evaluated()
    again = Study.resume(copy, rescore=True)
    assert again.run().status == "finished"
    assert again.status()["evaluations"] == len(before)  # its budget was spent before
    table = rescore.table_of(copy)
    assert table["evaluation_before"].to_pylist() == before["evaluation"].to_pylist()
    for name in ("node", "voltage_V", "stacks"):
        assert table[name].to_pylist() == before[name].to_pylist()
    for name in ("cost_per_mtoken", "tokens_per_joule", "feasible", "violation_package_power"):
        assert table[f"{name}_before"].to_pylist() == before[name].to_pylist()
    old, new = columns(table, "cost_per_mtoken_before", "cost_per_mtoken")
    np.testing.assert_allclose(new, 1.1 * old, rtol=1e-12)
    old, new = columns(table, "tokens_per_joule_before", "tokens_per_joule")
    np.testing.assert_array_equal(new, old)
    stored = again.evaluated()
    assert stored["sampler"].to_pylist() == ["rescore"] * len(before)
    assert stored["cost_per_mtoken"].to_pylist() == table["cost_per_mtoken"].to_pylist()
    trials = again.rounds.study.get_trials(deepcopy=False)
    assert len(trials) == len(before)  # every design of an Optuna sampler stays a trial


@pytest.mark.usefixtures("changed")
def test_the_summary_says_what_changed(copy):
    again = Study.resume(copy, rescore=True)
    again.run()
    summary = again.status()["rescore"]
    old, new = columns(rescore.table_of(copy), "feasible_before", "feasible")
    assert summary["designs"] == len(old) > 150
    assert summary["became_infeasible"] == (old & ~new).sum() > 0
    assert summary["became_feasible"] == 0
    cost, reach = (summary["objectives"][n] for n in ("cost_per_mtoken", "tokens_per_joule"))
    assert cost["median_change"] == pytest.approx(0.1)
    assert cost["largest_change"] == pytest.approx(0.1)
    assert cost["rank_correlation"] == pytest.approx(1.0)
    assert reach["largest_change"] == 0
    assert not summary["unchanged"]
    first, *others = rescore.lines(summary)
    assert first.startswith(f"{len(old)} designs evaluated again, their scores before in before-")
    assert others[0].startswith("cost_per_mtoken: +10.00% at the median, at most +10.00%")


@pytest.mark.usefixtures("changed")
def test_what_it_was_is_a_study_of_its_own(original, copy):
    Study.resume(copy, rescore=True).run()
    aside = Study.open(copy / "before-rescore-1")
    assert aside.status()["status"] == "finished"
    assert [d.metrics for d in aside.pareto()] == [d.metrics for d in original.pareto()]
    for path in (original.folder / "evaluations").iterdir():
        assert (copy / "before-rescore-1" / "evaluations" / path.name).read_bytes() == (
            path.read_bytes()
        )


def test_nothing_changed_nothing_changes(original, copy):
    again = Study.resume(copy, rescore=True)
    again.run()
    summary = again.status()["rescore"]
    assert summary["unchanged"]
    assert rescore.lines(summary)[1:] == ["no objective changed"]
    before, after = original.evaluated(), again.evaluated()
    for name in (*original.problem.metric_names, "feasible"):
        assert after[name].to_pylist() == before[name].to_pylist()


@pytest.mark.usefixtures("changed")
def test_rescored_twice(copy):
    Study.resume(copy, rescore=True).run()
    Study.resume(copy, rescore=True).run()
    assert (copy / "before-rescore-2" / "rescored.parquet").exists()
    assert rescore.read_summary(copy)["unchanged"]
    assert rescore.read_summary(copy)["from"] == "before-rescore-2"


@pytest.mark.usefixtures("changed")
def test_more_budget_goes_on_searching(original, copy):
    again = Study.resume(copy, ["budget.evaluations=+64"], rescore=True)
    again.run()
    assert again.status()["evaluations"] == original.evaluated().num_rows + 64
    assert rescore.table_of(copy).num_rows == original.evaluated().num_rows


def test_what_was_spent_still_counts(tmp_path):
    """A time budget that is spent stays spent, and every design is rescored all the same."""
    made = Study.create(QUICKSTART, [*SMALL, "budget.seconds=1000"], results=tmp_path, name="small")
    ticks = iter(range(0, 10**9, 600))
    made.run(clock=lambda: float(next(ticks)))
    spent = made.status()
    assert spent["seconds"] >= 1000
    again = Study.resume(made.folder, rescore=True)
    again.run()
    assert again.status()["evaluations"] == spent["evaluations"]
    assert again.status()["seconds"] >= spent["seconds"]


def test_an_experiment_that_changed_is_no_rescore(copy):
    text = (copy / "experiment.yaml").read_text()
    (copy / "experiment.yaml").write_text(text.replace("tpot_ms: 12", "tpot_ms: 13"))
    with pytest.raises(StudyError, match=r"experiment.yaml or one of its files changed"):
        Study.resume(copy, rescore=True)


@pytest.mark.usefixtures("changed")
def test_a_study_in_use_is_not_touched(copy):
    with Lock(copy / ".lock"), pytest.raises(StudyError, match="is in use by process"):
        Study.resume(copy, rescore=True)
    assert not list(copy.glob("before-rescore*"))


def killed_at(folder, moment: int) -> bool:
    """Rescore in a child that dies before or after a numbered sync, rename or removal."""
    child = os.fork()
    if child == 0:
        count = 0

        def mortal(function):
            def wrapped(*arguments, **named):
                nonlocal count
                count += 1
                if count == moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                result = function(*arguments, **named)
                count += 1
                if count == moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            return wrapped

        try:
            os.fsync, os.replace = mortal(os.fsync), mortal(os.replace)
            os.unlink, os.mkdir = mortal(os.unlink), mortal(os.mkdir)
            Study.resume(folder, rescore=True).run()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_killed_anywhere_in_a_rescore(original, tmp_path, monkeypatch):
    """Whatever was half done, the next one finds all designs and gives the same tables."""
    change_the_model(monkeypatch.setattr)
    whole = tmp_path / "whole"
    shutil.copytree(original.folder, whole)
    Study.resume(whole, rescore=True).run()
    expected = rescore.table_of(whole)
    designs = columns(original.evaluated(), "cost_per_mtoken")[0]
    landed = 0
    for moment in range(1, 140, 8):
        folder = tmp_path / f"killed-{moment}"
        shutil.copytree(original.folder, folder)
        if not killed_at(folder, moment):
            break
        landed += 1
        begun = (folder / "rescore.note").exists() or (folder / "starts.parquet").exists()
        if not begun:  # as it was
            with pytest.raises(StudyError, match="--rescore"):
                Study.resume(folder)
            assert len(read_commits(folder / "study.journal")) == 3
        ended = (folder / "rescored.json").exists() and (
            manifest.read(folder)["status"] == "finished"
        )
        Study.resume(folder, rescore=not begun or (landed % 2 == 1 and not ended)).run()
        assert rescore.table_of(folder).equals(expected)
        for path in (whole / "evaluations").iterdir():
            assert (folder / "evaluations" / path.name).read_bytes() == path.read_bytes()
        kept = Study.open(folder / "before-rescore-1").evaluated()
        np.testing.assert_array_equal(columns(kept, "cost_per_mtoken")[0], designs)
        assert not (folder / "before-rescore-2").exists()
        assert not list(folder.glob("rescore.*"))
        shutil.rmtree(folder)
    assert landed >= 12


def test_a_mismatch_names_the_files(original, monkeypatch):
    now = {kind: dict(files) for kind, files in fingerprints.files().items()}
    now["data"]["data/technology/node.yaml"] = "00000000"
    now["data"]["data/technology/new.yaml"] = "00000000"
    del now["code"]["metrics.py"]
    monkeypatch.setattr(fingerprints, "files", lambda: now)
    other = {**fingerprints.fingerprints(), "code": "other", "data": "other"}
    monkeypatch.setattr(study, "fingerprints", lambda: other)
    with pytest.raises(StudyError) as caught:
        Study.resume(original.folder)
    text = str(caught.value)
    assert "the cost model (metrics.py is gone) and its data (data/technology/node.yaml" in text
    assert "data/technology/new.yaml is new" in text
    assert "--rescore" in text


def test_the_manifest_stays_small(original):
    content = (original.folder / "manifest.json").read_bytes()
    assert len(content) < 20_000
    names = json.loads(content)["files"]
    assert "data/technology/node.yaml" in names["data"]
    assert manifest.read(original.folder)["files"] == fingerprints.files()


@pytest.mark.usefixtures("changed")
def test_the_table_says_what_it_holds(copy):
    Study.resume(copy, rescore=True).run()
    names = pq.read_schema(copy / "rescored.parquet").names
    metrics = {f"{name}{end}" for name in ("ttft", "tpot") for end in ("", "_before")}
    assert metrics <= set(names)
