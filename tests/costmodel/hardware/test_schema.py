"""The stored JSON Schemas are those of the code, and each data file names its schema."""

from __future__ import annotations

from costmodel.hardware.loading import DATA
from costmodel.hardware.schema import FOLDER, json_schemas, schema_texts


def test_stored_schemas_are_fresh() -> None:
    for name, text in schema_texts().items():
        stored = (FOLDER / name).read_text(encoding="utf-8")
        assert stored == text, f"{name} is stale; run python -m costmodel.hardware.schema"


def test_data_files_name_their_schema() -> None:
    folders = {"chips": "../schema/system.json", "technology": "../schema/technology.json"}
    for folder, schema in folders.items():
        for path in (DATA / folder).glob("*.yaml"):
            first = path.read_text(encoding="utf-8").splitlines()[0]
            assert first == f"# yaml-language-server: $schema={schema}", path.name


def test_schema_forbids_unknown_keys_and_allows_plain_numbers() -> None:
    system = json_schemas()["system.json"]
    assert system["additionalProperties"] is False
    die = system["$defs"]["DieFile"]
    assert die["additionalProperties"] is False
    assert {"type": "number"} in system["$defs"]["Stated"]["anyOf"]
