"""The command line: help, one-line errors with their exit status, and a study from end to end."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from search.cli import app

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = ROOT / "experiments" / "quickstart.yaml"
SHORT = ["-S", "budget.evaluations=400", "-S", "budget.seconds=30", "-S", "rivals=[h100]"]
WORK = ["--model", "llama-3.1-70b", "--scenario", "interactive"]
VERBS = (
    "run",
    "resume",
    "status",
    "evaluate",
    "export",
    "report",
    "init",
    "list",
    "check",
    "doctor",
)


def scoville(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    content: dict[str, Any] = json.loads(result.stdout)
    return content


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short study of the quickstart's question."""
    results = tmp_path_factory.mktemp("results")
    result = scoville("run", QUICKSTART, "--results", results, "-q", *SHORT)
    assert result.exit_code == 0, result.stderr
    return results / "quickstart"


def test_verbs_are_these() -> None:
    assert set(get_command(app).commands) == set(VERBS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_opens_with_lines_to_copy(verb: str) -> None:
    result = scoville(*([verb] if verb else []), "--help")
    assert result.exit_code == 0
    before_options = result.stdout.split("Options:")[0]
    assert f"  scoville {verb}".rstrip() in before_options


def test_version() -> None:
    assert scoville("--version").stdout.split()[0] == "scoville"


def wrong(tmp_path: Path, old: str, new: str) -> Path:
    """The quickstart with one thing wrong."""
    folder = tmp_path / "experiments"
    shutil.copytree(QUICKSTART.parent / "templates", folder / "templates")
    path = folder / "wrong.yaml"
    text = QUICKSTART.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("tpot_ms:", "tpot_mss:", ["wrong.yaml:", "limits", "tpot_mss", "tpot_ms"]),
        ("ttft_ms: 150", "ttft_s: 0.15", ["wrong.yaml:", "ttft_s", "ttft_ms"]),
        ("model: llama-3.1-70b", "model: llama-3.1-71b", ["model", "llama-3.1-70b"]),
        ("scenario: interactive", "scenario: interactiv", ["scenario", "interactive"]),
        ("rivals: [h100", "rivals: [h1000", ["rivals", "h100"]),
        ("[2, 12], step: 1", "[12, 2], step: 1", ["space.stacks", "[2, 12]"]),
        ("node: [n3e", "node: [n3ee", ["space.node", "n3e"]),
        ("metric: cost_per_mtoken", "metric: cost_per_token", ["objectives", "cost_per_mtoken"]),
        ("name: quasi_random", "name: quasirandom", ["sampler", "quasi_random"]),
    ],
)
def test_wrong_experiments_are_one_line_with_the_nearest_name(
    tmp_path: Path, old: str, new: str, parts: list[str]
) -> None:
    result = scoville("run", wrong(tmp_path, old, new), "--results", tmp_path / "results")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["evaluate", "--chip", "h10", *WORK], 2, ["unknown chip 'h10'", "h100"]),
        (["evaluate", "--chip", "h100", "--design", "x.yaml", *WORK], 2, ["either --chip"]),
        (["evaluate", *WORK], 2, ["either --chip"]),
        (["evaluate", "--design", "nowhere.yaml", *WORK], 2, ["nowhere.yaml", "no such file"]),
        (["evaluate", "--chip", "a100", "--format", "fp8", *WORK], 2, ["does not run fp8", "int8"]),
        (["evaluate", "--chip", "h100", "--format", "fp9", *WORK], 2, ["fp9", "fp8"]),
        (["evaluate", "--chip", "h100", "--batch", "0", *WORK], 2, ["batch", "from 1"]),
        (["list", "chip"], 2, ["'chip'", "chips"]),
        (["list", "technology", "nodes"], 2, ["'nodes'", "node"]),
        (["run", "nowhere.yaml"], 2, ["nowhere.yaml", "no such file"]),
        (["run", str(QUICKSTART), "-S", "budget.evaluation=3"], 2, ["budget", "evaluations"]),
        (["resume", "nowhere"], 4, ["nowhere", "holds no study"]),
        (["status", "nowhere"], 4, ["nowhere", "holds no study"]),
        (["export", "nowhere"], 4, ["nowhere", "holds no study"]),
        (["report", "nowhere"], 4, ["nowhere", "holds no study"]),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str], code: int, parts: list[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    result = scoville(*arguments)
    assert result.exit_code == code
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for part in parts:
        assert part in result.stderr


def test_unsupported_architecture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"architectures": ["MambaForCausalLM"]}), encoding="utf-8")
    result = scoville("evaluate", "--chip", "h100", "--model", path, "--scenario", "interactive")
    assert result.exit_code == 2
    assert "MambaForCausalLM" in result.stderr
    assert "LlamaForCausalLM" in result.stderr


def test_unknown_options_end_with_two() -> None:
    assert scoville("evaluate", "--chp", "h100").exit_code == 2
    assert scoville("evaluates").exit_code == 2


def test_debug_raises_the_error_itself() -> None:
    result = scoville("--debug", "evaluate", "--chip", "h10", *WORK)
    assert type(result.exception).__name__ == "ConfigError"


@pytest.mark.parametrize("place", ["before", "after"])
def test_global_flags_work_before_and_after_the_verb(place: str) -> None:
    flags = ("--json", "list", "models") if place == "before" else ("list", "models", "--json")
    assert document(scoville(*flags))["models"]


def test_evaluate_accounts_for_everything() -> None:
    content = document(scoville("evaluate", "--chip", "h100", *WORK, "--json"))
    metrics, parts = content["metrics"], content["breakdowns"]

    def total(name: str) -> float:
        return sum(sum(row.values()) for row in parts[name]["values"].values())

    assert total("time chat/prefill") == pytest.approx(metrics["ttft"], rel=1e-9)
    assert total("time chat/decode") == pytest.approx(metrics["tpot"], rel=1e-9)
    assert total("area") == pytest.approx(metrics["die_area"], rel=1e-9)
    assert total("cost") == pytest.approx(metrics["unit_cost"], rel=1e-9)
    assert total("hourly") == pytest.approx(metrics["tco_per_hour"], rel=1e-9)
    assert total("wall_power") == pytest.approx(metrics["wall_power"], rel=1e-9)


def test_evaluate_prints_tables_without_escape_codes() -> None:
    result = scoville("evaluate", "--chip", "tpu-v4", *WORK, "--no-color")
    assert result.exit_code == 0
    for title in ("Metrics", "Time of one step", "Area of a compute die", "Manufacturing cost"):
        assert title in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("subject", ["chips", "models", "scenarios", "samplers", "technology",
                                     "metrics", "limits"])  # fmt: skip
def test_list_has_names(subject: str) -> None:
    (rows,) = document(scoville("list", subject, "--json")).values()
    assert len(rows) >= 3


def test_list_of_a_table_states_kind_and_source() -> None:
    (rows,) = document(scoville("list", "technology", "memory", "--json")).values()
    assert {"value", "kind", "source", "stated in"} <= set(rows[0])


def test_check_tells_good_from_wrong(tmp_path: Path) -> None:
    assert document(scoville("check", QUICKSTART, "--json"))["valid"][0]["variables"] > 10
    path = wrong(tmp_path, "stacks:", "stack:")
    result = scoville("check", QUICKSTART, path, "--json")
    assert result.exit_code == 2
    content = json.loads(result.stdout)
    assert (len(content["valid"]), len(content["wrong"])) == (1, 1)


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    results = tmp_path / "results"
    plan = document(scoville("run", QUICKSTART, "--dry-run", "--results", results, "--json"))
    assert plan["designs a second"] > 0
    assert not results.exists()


def test_study_holds_what_its_readme_says(study: Path) -> None:
    for name in ("experiment.yaml", "manifest.json", "pareto.csv", "report.html"):
        assert (study / name).stat().st_size > 0
    assert list((study / "evaluations").glob("*.parquet"))
    knee = (study / "best" / "knee.yaml").read_text(encoding="utf-8")
    assert "rests on assumed numbers: time" in knee
    assert "extrapolation" in knee


def test_a_folder_in_the_way_is_a_conflict(study: Path) -> None:
    result = scoville("run", QUICKSTART, "--results", study.parent, *SHORT)
    assert result.exit_code == 4
    assert f"scoville resume {study}" in result.stderr


def test_status_of_one_and_of_all(study: Path) -> None:
    one = document(scoville("status", study, "--json"))
    assert one["status"] == "finished"
    assert 0 < one["feasible"] <= one["evaluations"] <= 400
    everything = document(scoville("status", "--results", study.parent, "--json"))
    assert [entry["name"] for entry in everything["studies"]] == ["quickstart"]


def test_resume_of_a_finished_study_prints_it_and_adds_nothing(study: Path) -> None:
    before = (study / "manifest.json").read_bytes()
    content = document(scoville("resume", study, "--json"))
    assert content["designs"]["knee"]["metrics"]["cost_per_mtoken"] > 0
    assert (study / "manifest.json").read_bytes() == before


def test_resume_with_more_budget_goes_on(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "more"
    shutil.copytree(study, copy)
    first = document(scoville("status", copy, "--json"))
    more = document(
        scoville("resume", copy, "-S", "budget.evaluations=+400", "--no-report", "--json", "-q")
    )
    assert more["evaluations"] > first["evaluations"]
    refused = scoville("resume", copy, "-S", "seed=2")
    assert refused.exit_code == 4


def test_export_of_every_format(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pick = ["--pick", "knee", "--pick", "best:tokens_per_joule", "--pick", "3"]
    result = scoville("export", study, *pick, "--to", "yaml,json,csv,parquet", "-o", out)
    assert result.exit_code == 0
    assert len(result.stdout.split()) == 3 + 3 + 2 + 1  # a CSV has its units beside it
    with (out / "quickstart.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["design"] for row in rows] == ["knee", "tokens_per_joule-1", "evaluation-3"]
    table = pq.read_table(out / "quickstart.parquet")
    assert table.schema.field("tpot").metadata[b"unit"] == b"s"
    knee = json.loads((out / "knee.json").read_text(encoding="utf-8"))
    assert set(knee["grounds"]["assumed_share"]) == {"time", "energy", "cost"}
    assert "rests on assumed numbers" in (out / "knee.yaml").read_text(encoding="utf-8")
    assert table.column("tpot")[0].as_py() == knee["metrics"]["tpot"] == float(rows[0]["tpot"])


def test_an_exported_design_evaluates_to_the_same_metrics(study: Path, tmp_path: Path) -> None:
    scoville("export", study, "--pick", "knee", "--to", "yaml,json", "-o", tmp_path)
    known = json.loads((tmp_path / "knee.json").read_text(encoding="utf-8"))["metrics"]
    content = document(scoville("evaluate", "--design", tmp_path / "knee.yaml", *WORK, "--json"))
    for name in ("ttft", "tpot", "die_area", "unit_cost", "cost_per_mtoken"):
        assert content["metrics"][name] == pytest.approx(known[name], rel=1e-12), name


@pytest.mark.parametrize("pick", ["kne", "best:tpott", "999999"])
def test_wrong_picks(study: Path, pick: str) -> None:
    result = scoville("export", study, "--pick", pick)
    assert result.exit_code in (2, 4)
    assert len(result.stderr.strip().splitlines()) == 1


def test_nothing_feasible_says_why_and_ends_with_three(tmp_path: Path) -> None:
    tight = ["-S", "limits.tpot_ms=0.01"]
    result = scoville("run", QUICKSTART, "--results", tmp_path, *SHORT, *tight, "--no-report")
    assert result.exit_code == 3
    assert "no design meets every limit" in result.stderr
    assert "tpot" in result.stderr
    refused = scoville("export", tmp_path / "quickstart")
    assert refused.exit_code == 3


def test_doctor_names_what_it_looked_at() -> None:
    result = scoville("doctor", "--json")
    subjects = [finding["subject"] for finding in json.loads(result.stdout)["findings"]]
    for subject in ("Python", "scoville", "package search", "results", "reference evaluation"):
        assert subject in subjects
