"""The designs of a study evaluated again under a changed model, old and new scores both kept.

The study begins anew in its folder with all its designs as starts; what it was before becomes a
study of its own in ``before-rescore-N/``. The change from one to the other is many renames: a note
written before the first of them lets whoever opens the study next complete them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import rankdata

from costmodel.errors import StudyError
from search import evaluations, starts
from search.evaluations import VIOLATION, to_numpy
from search.folder import EXPERIMENT
from search.manifest import MANIFEST
from search.problem import Archive, Problem
from search.rounds import CHUNKS, STATES
from search.space import Space
from search.starts import RESCORE, STARTS
from search.storage import (
    JOURNAL,
    LOCK,
    TAIL,
    TEMPORARY,
    read_commits,
    saving,
    sync_folder,
    write_atomically,
)

ASIDE = "before-rescore-"
STAGED, NOTE = "rescore.staged", "rescore.note"
"""What the study will be; and the name of the folder for what it was, until all is in place."""
TABLE, SUMMARY = "rescored.parquet", "rescored.json"
MOVED = (JOURNAL, CHUNKS, STATES, "pareto.csv", "best", "report.html", STARTS, TABLE, SUMMARY)
BEFORE = "_before"


def prepare(folder: Path, space: Space, manifest: dict[str, Any], experiment: str) -> None:
    """Begin a study anew from its designs; the caller holds the folder's lock.

    Parameters
    ----------
    folder : Path
    space : Space
    manifest : dict
        Of the study that begins.
    experiment : str
        Its experiment, as YAML.

    Raises
    ------
    StudyError
        When the study has no designs.
    """
    table = scores(folder, space)
    number = 1
    while (aside := folder / f"{ASIDE}{number}").exists():
        number += 1
    commits = read_commits(folder / JOURNAL)
    last: dict[str, Any] = commits[-1] if commits else {"seconds": 0.0, "meter": {}}
    about = {
        "kind": RESCORE,
        "origin": aside.name,
        "sentence": f"{table.num_rows:,} designs are evaluated again; as they were before, they "
        f"stand in {aside}",
        "seconds": last["seconds"],
        "meter": {name: last["meter"].get(name, 0) for name in ("gradient_steps",)},
    }
    staged = folder / STAGED
    with saving(staged):
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
    starts.write(staged / STARTS, table, about)
    write_atomically(staged / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    write_atomically(staged / EXPERIMENT, experiment.encode())
    write_atomically(folder / NOTE, aside.name.encode())
    complete(folder)


def complete(folder: Path) -> None:
    """Bring the renames of a rescore to their end, however far they have come; under the lock."""
    note = folder / NOTE
    if not note.exists():
        return
    with saving(folder):
        staged = folder / STAGED
        # The starts are the last to leave the staging folder: until then the old files are here.
        if (staged / STARTS).exists():
            _set_aside(folder, folder / note.read_text(encoding="utf-8"))
            for name in (MANIFEST, EXPERIMENT, STARTS):
                if (staged / name).exists():
                    (staged / name).replace(folder / name)
            sync_folder(folder)
        note.unlink()
        shutil.rmtree(staged, ignore_errors=True)


def _set_aside(folder: Path, aside: Path) -> None:
    """Make a study of its own of what a study was: results moved, inputs copied."""
    aside.mkdir(exist_ok=True)
    for path in sorted(folder.iterdir()):
        own = path.is_file() and path.suffix not in (TAIL, TEMPORARY)
        if own and path.name not in (LOCK, NOTE, *MOVED) and not (aside / path.name).exists():
            write_atomically(aside / path.name, path.read_bytes())
    for name in MOVED:
        if (folder / name).exists():
            (folder / name).replace(aside / name)
    sync_folder(aside)


def scores(folder: Path, space: Space) -> pa.Table:
    """Every design of a study with its latest scores.

    Designs that an earlier rescore has not reached yet have the scores from before it. Nothing
    but the variables is looked at: the metrics may be those of another model.
    """
    files = [folder / c["chunk"] for c in read_commits(folder / JOURNAL) if c["chunk"]]
    tables = [evaluations.read(files)] if files else []
    begun = starts.read(folder, space)
    if begun.kind == RESCORE and len(begun):
        known = Archive({"x": len(space.variables)})
        for table in tables:
            columns = {name: to_numpy(table, name) for name in space.names}
            known.append(x=space.encode(columns)[0])
        waiting = known.find(space.canonical(begun.x).numpy()) < 0
        tables.append(starts.scores(folder).filter(pa.array(waiting)))
    if not tables:
        raise StudyError(
            f"{folder} has no evaluations yet",
            next_step="begin the experiment as a new study: `scoville run`",
        )
    return pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()


def conclude(folder: Path, problem: Problem) -> dict[str, Any]:
    """Write the old scores beside the new ones, and the summary of what changed.

    The table has a row for each design: its number now and before, its variables, every metric and
    violation under its name and, as it was, under its name with `BEFORE`.

    Returns
    -------
    dict
        The summary: see `summarise`.
    """
    old = starts.scores(folder)
    begun = starts.read(folder, problem.space)
    rows = problem.archive.find(problem.space.canonical(begun.x).numpy())
    new = evaluations.rows(problem, 0, 0, "").take(pa.array(rows))
    columns: dict[str, Any] = {"evaluation": new["evaluation"]}
    columns["evaluation" + BEFORE] = old["evaluation"]
    columns |= {name: new[name] for name in problem.space.names}
    violations = [VIOLATION + name for name in problem.violation_names]
    for name in (*problem.metric_names, *violations, "feasible"):
        columns[name] = new[name]
        if name in old.column_names:
            columns[name + BEFORE] = old[name]
    table = pa.table(columns)
    summary = {"from": begun.origin, **summarise(table, problem)}
    evaluations.write(folder / TABLE, table, {})
    write_atomically(folder / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
    return summary


def summarise(table: pa.Table, problem: Problem) -> dict[str, Any]:
    """What a rescore changed.

    Number of designs; how many became feasible and infeasible; for each objective the median and
    the largest relative change (with its sign, and the evaluation that it is of) and the rank
    correlation of old and new values, over designs whose values are finite.
    """
    now, then = (to_numpy(table, name).astype(bool) for name in ("feasible", "feasible" + BEFORE))
    changes: dict[str, Any] = {}
    for name in problem.objective_names:
        if name + BEFORE not in table.column_names:
            changes[name] = None
            continue
        new, old = to_numpy(table, name), to_numpy(table, name + BEFORE)
        finite = np.flatnonzero(np.isfinite(new) & np.isfinite(old) & (old != 0))
        if len(finite) == 0:
            changes[name] = None
            continue
        relative = new[finite] / old[finite] - 1.0
        largest = int(np.abs(relative).argmax())
        changes[name] = {
            "median_change": float(np.median(relative)),
            "largest_change": float(relative[largest]),
            "largest_at": int(to_numpy(table, "evaluation")[finite[largest]]),
            "rank_correlation": rank_correlation(old[finite], new[finite]),
        }
    return {
        "designs": table.num_rows,
        "became_feasible": int((now & ~then).sum()),
        "became_infeasible": int((then & ~now).sum()),
        "unchanged": bool(
            (now == then).all()
            and all(
                np.array_equal(to_numpy(table, name), to_numpy(table, name + BEFORE))
                for name in problem.objective_names
                if name + BEFORE in table.column_names
            )
        ),
        "objectives": changes,
    }


def rank_correlation(old: np.ndarray, new: np.ndarray) -> float | None:
    """Spearman's rank correlation; None when one side does not vary."""
    first, second = rankdata(old), rankdata(new)
    if first.std() == 0 or second.std() == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a study's last rescore; None when there is none, or not yet."""
    path = folder / SUMMARY
    if not path.exists():
        return None
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def lines(summary: dict[str, Any]) -> list[str]:
    """A summary in words."""
    text = [
        f"{summary['designs']:,} designs evaluated again, their scores before in "
        f"{summary['from']}: {summary['became_feasible']:,} became feasible, "
        f"{summary['became_infeasible']:,} became infeasible"
    ]
    if summary["unchanged"]:
        return [*text, "no objective changed"]
    for name, change in summary["objectives"].items():
        if change is None:
            text.append(f"{name}: no value to compare with")
            continue
        rank = change["rank_correlation"]
        text.append(
            f"{name}: {change['median_change']:+.2%} at the median, at most "
            f"{change['largest_change']:+.2%} (evaluation {change['largest_at']}), rank "
            f"correlation {'none' if rank is None else format(rank, '.4f')}"
        )
    return text


def table_of(folder: Path) -> pa.Table:
    """Old and new scores of every rescored design.

    Raises
    ------
    StudyError
        When the study was not rescored.
    """
    if not (folder / TABLE).exists():
        raise StudyError(f"{folder} was not rescored", next_step="scoville resume --rescore")
    return pq.read_table(folder / TABLE)
