"""``--json``: exactly one document on standard output, of every verb, whatever happens."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from typer.main import get_command

from experiments.bad_inputs.case import NAME, Answer, Place, ask
from search.cli import app

STUDY = f"results/{NAME}"
WORK = ("--model", "llama-3.1-8b", "--scenario", "interactive")
GOOD = {
    "run": (("run", "bad.yaml", "--no-report", "--name", "other"), "evaluations"),
    "run --dry-run": (("run", "bad.yaml", "--dry-run", "--name", "new"), "expected seconds"),
    "resume": (("resume", STUDY, "--no-report"), "designs"),
    "resume --dry-run": (
        ("resume", STUDY, "--dry-run", "-S", "budget.evaluations=+64"), "expected seconds",
    ),
    "status": (("status",), "studies"),
    "status STUDY": (("status", STUDY), "rounds"),
    "evaluate": (("evaluate", "--chip", "h100", *WORK), "metrics"),
    "export": (("export", STUDY), "written"),
    "report": (("report", STUDY, "--no-rivals"), "report"),
    "init": (("init", "--model", "llama-3.1-8b", "-o", "mine.yaml"), "experiment"),
    "list": (("list", "models"), "models"),
    "check": (("check", "bad.yaml"), "valid"),
    "doctor": (("doctor",), "findings"),
}  # fmt: skip
BAD = {
    "run": ("run", "none.yaml"),
    "resume": ("resume", "nowhere"),
    "status": ("status", "nowhere"),
    "evaluate": ("evaluate", "--chip", "h10", *WORK),
    "export": ("export", STUDY, "--pick", "kne"),
    "report": ("report", "nowhere"),
    "init": ("init", "--model", "llama-9"),
    "list": ("list", "model"),
    "no such verb": ("evaluates",),
    "no such option": ("list", "models", "--colour"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    home = tmp_path_factory.mktemp("home")
    found = Place(home, home)
    found.experiment()
    assert ask(["run", "bad.yaml", "--no-report", "-q"], home).code == 0
    return found


def document(answer: Answer) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(answer.out)
    return content


def test_every_verb_is_here() -> None:
    verbs = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert {words[0] for words, _ in GOOD.values()} == verbs


@pytest.mark.parametrize("name", GOOD)
def test_one_document(name: str, place: Place) -> None:
    words, key = GOOD[name]
    answer = ask([*words, "--json"], place.folder)
    assert answer.code == 0, answer.err
    assert key in document(answer)
    if name == "run":
        shutil.rmtree(place.folder / "results" / "other")


@pytest.mark.parametrize("name", BAD)
def test_one_document_about_an_error_too(name: str, place: Place) -> None:
    answer = ask(["--json", *BAD[name]], place.folder)
    error = document(answer)["error"]
    assert answer.code == error["exit_code"] != 0
    assert answer.err.strip() == f"scoville: {error['message']}"
    assert error["found"]


def test_an_error_names_its_place(place: Place) -> None:
    place.experiment("tpot_ms: 12", "tpot_mss: 12", name="worse.yaml")
    error = document(ask(["run", "worse.yaml", "--json"], place.folder))["error"]
    assert (error["file"], error["line"], error["key"]) == ("worse.yaml", 15, "limits.tpot_mss")
    assert "tpot_ms" in error["suggestions"]


def test_check_lists_what_is_wrong(place: Place) -> None:
    place.experiment("tpot_ms: 12", "tpot_mss: 12", name="worse.yaml")
    answer = ask(["check", "bad.yaml", "worse.yaml", "--json"], place.folder)
    content = document(answer)
    assert answer.code == 2
    assert [len(content["valid"]), len(content["wrong"])] == [1, 1]


def test_a_search_without_a_feasible_design_is_an_answer(place: Place) -> None:
    words = ("run", "bad.yaml", "--name", "tight", "-S", "limits.tpot_ms=0.01", "--no-report")
    answer = ask([*words, "--json"], place.folder)
    content = document(answer)
    assert answer.code == 3
    assert content["feasible"] == 0
    assert any("tpot_ms from 0.01 to" in line for line in content["no_feasible_design"])
    shutil.rmtree(place.folder / "results" / "tight")


def test_watch_prints_a_document_a_line(place: Place) -> None:
    answer = ask(["status", STUDY, "--watch", "--json"], place.folder)
    lines = answer.out.splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["finished"]


def test_a_dry_run_writes_nothing(place: Place) -> None:
    before = place.snapshot()
    plan = document(ask(["resume", STUDY, "--dry-run", "--json", "-S", "budget.evaluations=+500"],
                        place.folder))  # fmt: skip
    assert place.snapshot() == before
    assert plan["expected evaluations"] == plan["evaluations at most"] - plan["evaluations so far"]
    for name in ("expected seconds", "memory bytes", "disk bytes", "designs a second"):
        assert plan[name] > 0
    nothing = document(ask(["resume", STUDY, "--dry-run", "--json"], place.folder))
    assert nothing["expected evaluations"] <= 1
