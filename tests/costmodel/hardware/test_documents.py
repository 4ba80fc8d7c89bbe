"""YAML with line numbers: what is wrong is shown where it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from costmodel.errors import ConfigError, DataError
from costmodel.hardware.documents import parse_document, read_document


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size_MiB: float


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    items: list[Inner]
    name: str = ""


def test_lines_of_nested_keys() -> None:
    document = parse_document("a: 1\nb:\n  - c: 2\n  - d: {e: 3}\n")
    assert document.data == {"a": 1, "b": [{"c": 2}, {"d": {"e": 3}}]}
    assert document.line(("b", 1, "d", "e")) == 4
    assert document.line(("b", 0, "nothing")) == 3


def test_yaml_1_2_numbers_and_words() -> None:
    assert parse_document("a: 1e9\nb: no\nc: 1.5e-3\n").data == {"a": 1e9, "b": "no", "c": 1.5e-3}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\na: 2\n", 2, "duplicate key 'a'"),
        ("a: [1\nb: 2\n", 2, "not YAML"),
        ("- 1\n", 1, "expected a mapping"),
        ("", 1, "expected a mapping"),
        ("a: b\n\t- c\n", 2, "not YAML"),
    ],
)
def test_broken_text_is_one_line(text: str, line: int, words: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_document(text, "x.yaml")
    message = str(caught.value)
    assert message.startswith(f"x.yaml:{line}: ")
    assert words in message
    assert "\n" not in message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such file"):
        read_document(tmp_path / "absent.yaml", ConfigError)


def test_unknown_key_names_line_path_and_nearest() -> None:
    document = parse_document("items:\n  - size_MiB: 1\n  - size_MB: 2\n", "x.yaml", ConfigError)
    with pytest.raises(ConfigError) as caught:
        document.validate(Outer)
    assert str(caught.value) == (
        "x.yaml:3: items.1.size_MB: unknown key 'size_MB'; did you mean size_MiB?"
    )


def test_missing_key_names_the_line_that_lacks_it() -> None:
    document = parse_document("items:\n  - size_MiB: 1\n  - {}\n", "x.yaml")
    with pytest.raises(DataError, match=r"x\.yaml:3: items\.1: missing key 'size_MiB'"):
        document.validate(Outer)


def test_wrong_type_names_what_was_found() -> None:
    document = parse_document("items:\n  - size_MiB: large\n", "x.yaml")
    with pytest.raises(DataError, match=r"x\.yaml:2: items\.0\.size_MiB: found 'large'; expected"):
        document.validate(Outer)
