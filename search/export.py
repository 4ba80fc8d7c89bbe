"""Picked designs of a study for people and other tools: YAML, JSON, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from costmodel.errors import ConfigError, InfeasibleError, StudyError, nearest
from costmodel.metrics import METRICS
from search.display import quantity
from search.executors.local import single_threaded
from search.grounds import grounds_of
from search.results import Design, design_at, picks
from search.storage import write_atomically
from search.study import Study

NUMBER = re.compile(r"(?:evaluation:)?(\d+)")


def export(
    study: Study, wanted: Sequence[str], formats: Sequence[str], folder: Path, count: int = 1
) -> list[Path]:
    """Write picked designs.

    Parameters
    ----------
    study : Study
    wanted : sequence of str
        ``knee``, ``pareto``, ``best:<objective>`` (the best `count` of it), or the number of an
        evaluation.
    formats : sequence of str
        Of `FORMATS`: ``yaml`` and ``json`` give a file for each design, ``csv`` and ``parquet``
        one table of all.
    folder : Path
        Made when it is missing; files of the same names are replaced.
    count : int
        How many designs ``best:`` picks.

    Returns
    -------
    list of Path
        Files written.

    Raises
    ------
    ConfigError
        An unknown pick or format, with the nearest one.
    InfeasibleError
        When no design of the study is feasible.
    """
    writers = [_writer(name) for name in formats]
    designs: dict[str, Design] = {}
    for pick in wanted:
        designs |= select(study, pick, count)
    folder.mkdir(parents=True, exist_ok=True)
    with single_threaded():
        return [path for write in writers for path in write(study, designs, folder)]


def write_best(study: Study) -> list[Path]:
    """Write the designs put forward into ``best/`` of a study, with what their figures rest on."""
    study.pareto()  # reads what is committed
    chosen = picks(study.problem)
    designs = {name: design_at(study.problem, row) for name, row in chosen.items()}
    with single_threaded():
        return _yaml(study, designs, study.folder / "best")


def select(study: Study, pick: str, count: int = 1) -> dict[str, Design]:
    """Designs of one pick by the name that their files get."""
    number = NUMBER.fullmatch(pick)
    if number:
        return {f"evaluation-{int(number[1])}": _numbered(study, int(number[1]))}
    names = study.problem.objective_names
    known = ["knee", "pareto", *(f"best:{name}" for name in names)]
    if pick not in known:
        raise ConfigError(
            f"cannot pick {pick!r}",
            expected=f"one of {', '.join(known)}, or the number of an evaluation",
            suggestions=nearest(pick, known),
        )
    if pick == "pareto":
        found = study.pareto()
        chosen = {f"pareto-{place:03d}": item for place, item in enumerate(found, start=1)}
    elif pick == "knee":
        chosen = dict(zip(["knee"], study.best("knee"), strict=False))
    else:
        name = pick.removeprefix("best:")
        best = study.best(name, count)
        chosen = {f"{name}-{place}": item for place, item in enumerate(best, start=1)}
    if not chosen:
        diagnosis = study.diagnosis()
        reason = diagnosis.lines()[0] if diagnosis else "nothing was evaluated"
        raise InfeasibleError(
            f"{study.folder}: {reason}", next_step=f"scoville status {study.folder}"
        )
    return chosen


def _numbered(study: Study, number: int) -> Design:
    study.pareto()  # reads what is committed
    count = study.problem.archive.count
    if number >= count:
        raise StudyError(f"{study.folder} has no evaluation {number}", expected=f"0 to {count - 1}")
    return design_at(study.problem, number)


Writer = Callable[[Study, dict[str, Design], Path], list[Path]]


def _writer(name: str) -> Writer:
    if name not in FORMATS:
        raise ConfigError(
            f"cannot write {name!r}",
            expected="one or several of " + ",".join(FORMATS),
            suggestions=nearest(name, FORMATS),
        )
    return FORMATS[name]


def _yaml(study: Study, designs: dict[str, Design], folder: Path) -> list[Path]:
    """System files, which ``scoville evaluate --design`` and experiments read."""
    if study.resolved is None:
        raise StudyError(f"{study.folder} is not made of an experiment: it has no systems to write")
    model = study.resolved.model
    paths = []
    for name, design in designs.items():
        x = torch.tensor(design.x, dtype=torch.float64)
        found = ", ".join(
            f"{METRICS[key].title.lower()} {quantity(design.metrics[key], METRICS[key].unit)}"
            for key in study.problem.objective_names
        )
        own = f"{study.experiment.name}, evaluation {design.number}: {found}"
        notes = (own, *grounds_of(model, model.decoder.decode(x)).notes())
        text = model.system(x, name, f"{name} of {study.experiment.name}", notes)
        paths.append(_write(folder / f"{name}.yaml", text.encode()))
    return paths


def _json(study: Study, designs: dict[str, Design], folder: Path) -> list[Path]:
    """Variables, metrics with units, violations."""
    paths = []
    for name, design in designs.items():
        record: dict[str, Any] = {
            "study": study.experiment.name,
            "evaluation": design.number,
            "feasible": design.feasible,
            "variables": design.variables,
            "metrics": design.metrics,
            "units": {key: METRICS[key].unit for key in design.metrics if key in METRICS},
            "violations": design.violations,
            **_grounds(study, design),
        }
        text = json.dumps(record, indent=2) + "\n"
        paths.append(_write(folder / f"{name}.json", text.encode()))
    return paths


def _grounds(study: Study, design: Design) -> dict[str, Any]:
    """What the figures rest on, where the cost model is known."""
    if study.resolved is None:
        return {}
    model = study.resolved.model
    designs = model.decoder.decode(torch.tensor(design.x, dtype=torch.float64))
    return {"grounds": grounds_of(model, designs).record()}


def _table(designs: dict[str, Design]) -> dict[str, list[Any]]:
    """One row a design; violations are prefixed, metrics in SI."""
    rows = [
        {
            "design": name,
            "evaluation": design.number,
            **design.variables,
            **design.metrics,
            **{f"violation_{key}": value for key, value in design.violations.items()},
        }
        for name, design in designs.items()
    ]
    return {key: [row[key] for row in rows] for key in rows[0]}


def _csv(study: Study, designs: dict[str, Design], folder: Path) -> list[Path]:
    table = _table(designs)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return [_write(folder / f"{study.experiment.name}.csv", text.getvalue().encode())]


def _parquet(study: Study, designs: dict[str, Design], folder: Path) -> list[Path]:
    """As CSV, with the unit of each metric in the column's metadata."""
    table = pa.table(_table(designs))
    fields = [
        field.with_metadata({"unit": METRICS[field.name].unit}) if field.name in METRICS else field
        for field in table.schema
    ]
    sink = io.BytesIO()
    pq.write_table(table.cast(pa.schema(fields)), sink)
    return [_write(folder / f"{study.experiment.name}.parquet", sink.getvalue())]


def _write(path: Path, content: bytes) -> Path:
    write_atomically(path, content)
    return path


FORMATS: dict[str, Writer] = {"yaml": _yaml, "json": _json, "csv": _csv, "parquet": _parquet}
