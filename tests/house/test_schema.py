"""The JSON Schema of experiments is the one that the code would write, and files name it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search.experiment import schema, schema_path

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))


def test_stored_schema_is_fresh() -> None:
    """Written by ``python -m search.experiment``."""
    assert schema_path().read_text(encoding="utf-8") == schema()


def test_schema_explains_the_keys_of_an_experiment() -> None:
    content = json.loads(schema())
    assert {"model", "scenario", "space", "limits", "objectives"} <= set(content["properties"])
    assert content["additionalProperties"] is False


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_experiments_name_their_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.split("=", 1)[1]).resolve() == schema_path().resolve()
