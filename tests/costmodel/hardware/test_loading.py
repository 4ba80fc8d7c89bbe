"""Broken data files are refused at the line that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from costmodel.errors import DataError
from costmodel.hardware.loading import DATA, load_technology

SOURCES = "schema_version: 1\nsources:\n  paper: {title: A paper}\n"
TABLE = """schema_version: 1
table: thing
title: Things
columns:
  size: {unit: mm, title: size}
  rate: {unit: GB/s, title: rate, every: {value: 2, kind: assumed, source: paper}}
rows:
  none: {title: nothing, absent: true}
  one:
    title: One
    aliases: [uno]
    size: {value: 3, range: [2, 4], kind: measured, source: paper}
"""


def load(tmp_path: Path, table: str, sources: str = SOURCES) -> object:
    (tmp_path / "technology").mkdir()
    (tmp_path / "technology" / "thing.yaml").write_text(table)
    (tmp_path / "sources.yaml").write_text(sources)
    return load_technology(tmp_path)


def test_small_table(tmp_path: Path) -> None:
    technology = load(tmp_path, TABLE)
    assert technology.entry("thing", "uno", "size").si == 0.003  # type: ignore[attr-defined]
    columns = technology.table("thing").columns  # type: ignore[attr-defined]
    assert columns["rate"].tolist() == [0.0, 2e9]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("source: paper}\n", "source: papr}\n", 12, "did you mean paper?"),
        ("kind: measured", "kind: guessed", 12, "expected 'measured'"),
        ("range: [2, 4]", "range: [4, 2]", 12, "a range that holds the value 3"),
        ("range: [2, 4]", "rang: [2, 4]", 12, "did you mean range?"),
        (", source: paper}\n", "}\n", 12, "missing key 'source'"),
        ("size: {value", "sise: {value", 12, "unknown column 'sise'; did you mean size?"),
        ("value: 3,", "value: three,", 12, "found 'three'"),
        ("unit: mm,", "unit: mmm,", 12, "unknown unit 'mmm'"),
        ("value: 3,", "value: 3, unit: s,", 12, "expected one like 'mm'"),
        ("schema_version: 1", "schema_version: 2", 1, "found 2"),
        ("    size: {", "    # size: {", 9, "no value for column 'size'"),
        ("columns:", "colums:", 4, "unknown key 'colums'; did you mean columns?"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert TABLE.count(old) >= 1
    position = TABLE.rindex(old)
    broken = TABLE[:position] + new + TABLE[position + len(old) :]
    with pytest.raises(DataError) as caught:
        load(tmp_path, broken)
    message = str(caught.value)
    assert words in message
    assert re.search(rf"thing\.yaml:{line}: ", message), message
    assert "\n" not in message


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(SOURCES)
    with pytest.raises(DataError, match="no technology tables"):
        load_technology(tmp_path)


def test_read_once() -> None:
    assert load_technology() is load_technology()


def test_no_bare_numbers_in_the_shipped_tables() -> None:
    # A line with a value says unit (its own or its column's), kind and source.
    for path in (DATA / "technology").glob("*.yaml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "{value:" in line:
                assert "kind:" in line, (path.name, line)
                assert "source:" in line, (path.name, line)
