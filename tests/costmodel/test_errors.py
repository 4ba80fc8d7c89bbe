"""Errors are one line: place, key, found, expected, nearest name, next step."""

from __future__ import annotations

import pytest

from costmodel.errors import (
    ConfigError,
    DataError,
    InfeasibleError,
    ScovilleError,
    StudyError,
    nearest,
)


def test_text_has_every_part_in_order() -> None:
    error = ConfigError(
        "unknown key 'sram_KB'",
        expected="a known key",
        suggestions=("sram_KiB",),
        next_step="run `scoville check`",
        file="a.yaml",
        line=14,
        key="pools.0",
    )
    assert str(error) == (
        "a.yaml:14: pools.0: unknown key 'sram_KB'; expected a known key; "
        "did you mean sram_KiB?; run `scoville check`"
    )


def test_text_is_one_line() -> None:
    assert "\n" not in str(DataError("two\nlines", expected="one\n line"))


def test_parts_that_are_not_known_are_left_out() -> None:
    assert str(StudyError("results exist")) == "results exist"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ScovilleError, 1),
        (ConfigError, 2),
        (DataError, 2),
        (InfeasibleError, 3),
        (StudyError, 4),
    ],
)
def test_exit_code_by_kind(kind: type[ScovilleError], code: int) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, ScovilleError)


def test_nearest_ignores_case_and_finds_prefixes() -> None:
    assert nearest("H1O0", ["h100", "a100", "tpu-v4"])[0] == "h100"
    assert nearest("hbm4", ["hbm4_12h", "lpddr"]) == ("hbm4_12h",)
    assert nearest("zzz", ["h100"]) == ()
