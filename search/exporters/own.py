"""Picked designs in our own forms: system YAML, JSON, and tables as CSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from costmodel.metrics import METRICS
from costmodel.numerics.units import split_suffix
from search.display import quantity
from search.exporters.peer import comment
from search.exporters.picked import File, Picked
from search.grounds import grounds_of

CSVW = "http://www.w3.org/ns/csvw"
"""Vocabulary of a CSV's description, a W3C recommendation."""
METADATA_KEY = "scoville"
"""Key of the origin in a Parquet file."""
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def write_yaml(picked: Picked) -> list[File]:
    """System files, which ``scoville evaluate --design`` and experiments read.

    A person reads the system first: what its figures rest on stands at the end.
    """
    files, study, model = [], picked.study, picked.model
    for name, design in picked.designs.items():
        found = ", ".join(
            f"{METRICS[key].title.lower()} {quantity(design.metrics[key], METRICS[key].unit)}"
            for key in study.problem.objective_names
        )
        own = f"{study.experiment.name}, evaluation {design.number}: {found}"
        notes = (own, *grounds_of(model, picked.hardware(name)).notes())
        x = torch.tensor(design.x, dtype=torch.float64)
        text = model.system(x, name, f"{name} of {study.experiment.name}", notes)
        origin = picked.origin(name)
        content = comment(origin.head()) + text + comment(origin.grounds())
        files.append(File(f"{name}.yaml", content.encode()))
    return files


def write_json(picked: Picked) -> list[File]:
    """Variables, metrics with units, violations, origin."""
    files = []
    for name, design in picked.designs.items():
        record: dict[str, Any] = {
            "study": picked.study.experiment.name,
            "evaluation": design.number,
            "feasible": design.feasible,
            "variables": design.variables,
            "metrics": design.metrics,
            "units": {key: METRICS[key].unit for key in design.metrics if key in METRICS},
            "violations": design.violations,
        }
        if picked.study.resolved is not None:
            record["grounds"] = grounds_of(picked.model, picked.hardware(name)).record()
        record["origin"] = picked.origin(name).record()
        files.append(File(f"{name}.json", (json.dumps(record, indent=2) + "\n").encode()))
    return files


def write_csv(picked: Picked) -> list[File]:
    """One row a design, and a file beside it that says units and origin.

    Column names stay what they are in a study, so that programs that read one read the other;
    the description follows CSV on the Web, whose name for it is ``<file>-metadata.json``.
    """
    table, name = _table(picked), picked.study.experiment.name
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    columns = []
    for key, values in table.items():
        column = {"name": key, "titles": key, "datatype": TYPES[type(values[0])]}
        if unit := _unit(key):
            column["schema:unitText"] = unit
        if key in METRICS:
            column["dc:description"] = METRICS[key].title
        columns.append(column)
    about = {
        "@context": CSVW,
        "url": f"{name}.csv",
        "tableSchema": {"columns": columns, "primaryKey": "design"},
        "dc:provenance": picked.origin_of_all(),
    }
    return [
        File(f"{name}.csv", text.getvalue().encode()),
        File(f"{name}.csv-metadata.json", (json.dumps(about, indent=2) + "\n").encode()),
    ]


def write_parquet(picked: Picked) -> list[File]:
    """As CSV, with the unit of each column in its metadata and the origin in the table's."""
    table = pa.table(_table(picked))
    fields = [
        field.with_metadata({"unit": unit}) if (unit := _unit(field.name)) else field
        for field in table.schema
    ]
    about = {METADATA_KEY: json.dumps(picked.origin_of_all())}
    sink = io.BytesIO()
    pq.write_table(table.cast(pa.schema(fields, metadata=about)), sink)
    return [File(f"{picked.study.experiment.name}.parquet", sink.getvalue())]


def _table(picked: Picked) -> dict[str, list[Any]]:
    """One row a design; violations are prefixed, metrics in SI."""
    rows = [
        {
            "design": name,
            "evaluation": design.number,
            **design.variables,
            **design.metrics,
            **{f"violation_{key}": value for key, value in design.violations.items()},
        }
        for name, design in picked.designs.items()
    ]
    return {key: [row[key] for row in rows] for key in rows[0]}


def _unit(column: str) -> str:
    """Unit of a column: a metric's own, or the suffix of a variable; empty without one."""
    if column in METRICS:
        return METRICS[column].unit
    if column.startswith("violation_"):
        return "1"
    return split_suffix(column)[1]
