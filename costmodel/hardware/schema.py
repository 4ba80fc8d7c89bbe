"""JSON Schemas of the data files, for editors; ``python -m costmodel.hardware.schema`` writes them.

A YAML whose first line names its schema is completed and explained by the usual editors.
"""

from __future__ import annotations

import json
from typing import Any

from costmodel.hardware.loading import DATA, SourcesFile, TableFile, ValueFile
from costmodel.hardware.system_file import SystemFile

FOLDER = DATA / "schema"


def json_schemas() -> dict[str, dict[str, Any]]:
    """File name -> schema, of systems, technology tables and sources."""
    table = TableFile.model_json_schema()
    # A row holds words and values; which columns it has, its table says.
    value = ValueFile.model_json_schema()
    table["properties"]["rows"]["additionalProperties"]["additionalProperties"] = {
        "anyOf": [value, {"type": ["string", "number", "boolean", "array"]}]
    }
    return {
        "system.json": SystemFile.model_json_schema(),
        "technology.json": table,
        "sources.json": SourcesFile.model_json_schema(),
    }


def schema_texts() -> dict[str, str]:
    """File name -> text, as stored."""
    return {
        name: json.dumps(schema, indent=1, sort_keys=True) + "\n"
        for name, schema in json_schemas().items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in schema_texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
