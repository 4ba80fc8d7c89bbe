"""Every evaluated design as a row of a Parquet file: what it is, what it does, what it breaks.

A round writes one file. Columns: ``evaluation`` (number in the study), ``round``, ``sampler``, the
variables by name in the unit of the name, the metrics in SI units, one ``violation_`` column for
each limit and rule, and ``feasible``. Nothing in it depends on a clock.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from costmodel.errors import StudyError
from search.problem import Archive, Problem
from search.storage import digest_of, write_atomically

VIOLATION = "violation_"
OWN = ("evaluation", "round", "sampler", "feasible")


def rows(problem: Problem, start: int, round_number: int, sampler: str) -> pa.Table:
    """Rows of the archive from `start` on as a table."""
    archive = problem.archive
    count = archive.count - start
    violations = archive["violations"][start:]
    arrays: dict[str, pa.Array] = {
        "evaluation": pa.array(np.arange(start, archive.count)),
        "round": pa.array(np.full(count, round_number, dtype=np.int32)),
        "sampler": pa.array([sampler] * count).dictionary_encode(),
    }
    for name, column in problem.space.columns(archive["x"][start:]).items():
        if column.dtype.kind in "US":
            arrays[name] = pa.array(column.tolist()).dictionary_encode()
        else:
            arrays[name] = pa.array(column)
    for index, name in enumerate(problem.metric_names):
        arrays[name] = pa.array(archive["metrics"][start:, index])
    for index, name in enumerate(problem.violation_names):
        arrays[VIOLATION + name] = pa.array(violations[:, index])
    arrays["feasible"] = pa.array((violations <= 0).all(1))
    return pa.table(arrays)


def check_names(problem: Problem) -> None:
    """Variables and metrics share the columns of one table: no name may be used twice."""
    names = [*OWN, *problem.space.names, *problem.metric_names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StudyError(f"columns {', '.join(twice)} would be both variable and metric")


def write(path: Path, table: pa.Table, units: Mapping[str, str]) -> str:
    """Write a table, complete or not there; returns the file's digest."""
    fields = [
        field.with_metadata({"unit": units[field.name]}) if field.name in units else field
        for field in table.schema
    ]
    sink = io.BytesIO()
    schema = pa.schema(fields, metadata=table.schema.metadata)
    pq.write_table(table.cast(schema), sink, compression="zstd")
    write_atomically(path, sink.getvalue())
    return digest_of(sink.getvalue())


def read(paths: list[Path]) -> pa.Table:
    """Rows of several rounds.

    Raises
    ------
    StudyError
        When a file is damaged.
    """
    return pa.concat_tables([_table(path) for path in paths]).unify_dictionaries()


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise StudyError(
            f"{path} cannot be read ({str(error).splitlines()[0]})",
            expected="the file that the journal names",
            next_step="restore it, or start a new study",
        ) from error


def restore(problem: Problem, table: pa.Table) -> None:
    """Put rows back into the problem's archive, in their order.

    Raises
    ------
    StudyError
        When the rows are not those of this problem.
    """
    wanted = [
        *problem.space.names,
        *problem.metric_names,
        *(VIOLATION + name for name in problem.violation_names),
    ]
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise StudyError(f"evaluations have no column {missing[0]}", expected="those of this study")
    archive: Archive = problem.archive
    x, inside = problem.space.encode({name: to_numpy(table, name) for name in problem.space.names})
    if not inside.all():
        raise StudyError("evaluations hold designs outside the space of experiment.yaml")
    archive.append(
        x=x,
        metrics=_matrix(table, problem.metric_names),
        violations=_matrix(table, tuple(VIOLATION + name for name in problem.violation_names)),
    )


def to_numpy(table: pa.Table, name: str) -> np.ndarray:
    """One column of a table."""
    column = table.column(name).combine_chunks()
    if pa.types.is_dictionary(column.type):
        return np.asarray(column.dictionary_decode().to_pylist())
    array: np.ndarray = column.to_numpy(zero_copy_only=False)
    return array


def _matrix(table: pa.Table, names: tuple[str, ...]) -> np.ndarray:
    if not names:
        return np.zeros((table.num_rows, 0))
    return np.stack([to_numpy(table, name).astype(np.float64) for name in names], 1)
