"""Data on stdout, talk on stderr, JSON that any reader accepts."""

from __future__ import annotations

import json

import pytest

from search.console import Terminal


def test_json_is_one_document_with_only_finite_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"a": float("inf"), "b": [1.0, float("nan")], "c": (-float("inf"),)}
    Terminal(as_json=True).show(record, "a table")
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": "inf", "b": [1.0, None], "c": ["-inf"]}


def test_talk_goes_to_stderr_by_verbosity(capsys: pytest.CaptureFixture[str]) -> None:
    for verbosity, heard in ((-1, []), (0, ["line"]), (1, ["line", "detail"])):
        terminal = Terminal(verbosity=verbosity)
        terminal.say("line")
        terminal.say("detail", detail=True)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.split() == heard


def test_markup_in_names_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().fail("results/[red]x: missing")
    assert "[red]x" in capsys.readouterr().err
