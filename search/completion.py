"""Words that a shell completes: studies, models, chips, keys of overrides, picks, formats.

A shell waits for the answer, so nothing here imports the cost model. Names that only code knows
stand in ``data/names.json``, which ``python -m search.completion`` writes and a test keeps fresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

NAMES = Path(__file__).parent / "data" / "names.json"
RESULTS = "results"

Complete = Callable[[str], list[str]]


def _matching(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _names() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(NAMES.read_text(encoding="utf-8"))
    return content


def known(kind: str) -> Complete:
    """Completes one of the names that only code knows."""
    return lambda incomplete: _matching(incomplete, _names()[kind])


def shipped(kind: str, *suffixes: str) -> Complete:
    """Completes what is shipped, and files with these suffixes."""

    def complete(incomplete: str) -> list[str]:
        spec = find_spec("costmodel")
        places = spec.submodule_search_locations if spec else None
        found = [
            path.stem for place in places or () for path in (Path(place) / "data" / kind).iterdir()
        ]
        return _matching(incomplete, sorted(found)) + _paths(incomplete, suffixes)

    return complete


def files(*suffixes: str) -> Complete:
    """Completes files with these suffixes, through folders."""
    return lambda incomplete: _paths(incomplete, suffixes)


def _paths(incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    base = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    if not base.is_dir():
        return []
    kept = [
        f"{path}/" if path.is_dir() else str(path)
        for path in sorted(base.iterdir())
        if not path.name.startswith(".") and (path.is_dir() or path.suffix in suffixes)
    ]
    return _matching(incomplete, kept)


def studies(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes folders of studies, and folders on the way to one."""
    results = Path(ctx.params.get("results") or RESULTS)
    found = sorted(str(path.parent) for path in results.glob("*/manifest.json"))
    return _matching(incomplete, found) or _paths(incomplete, ())


def overrides(incomplete: str) -> list[str]:
    """Completes the key of ``-S key=value``, and values that are names."""
    key, separator, value = incomplete.partition("=")
    names = _names()
    if not separator:
        return _matching(key, names["keys"])
    return [f"{key}={name}" for name in _matching(value, names["values"].get(key, ()))]


def budgets(incomplete: str) -> list[str]:
    """Completes what may change when a study goes on."""
    return _matching(incomplete, [key for key in _names()["keys"] if key.startswith("budget.")])


def picks(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes what can be picked of the study that is named before."""
    # With an option that still waits for its value, the parser leaves the arguments unassigned.
    study = ctx.params.get("study") or next(iter(ctx.args), None)
    named = []
    if study and (Path(study) / "experiment.yaml").is_file():
        named = [f"best:{name}" for name in _objectives(Path(study) / "experiment.yaml")]
    return _matching(incomplete, ["knee", "pareto", *named])


def _objectives(path: Path) -> list[str]:
    """Metrics of the objectives of a study's own experiment, which Scoville wrote."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("metric:")[1].strip(" {},") for line in lines if "metric:" in line]


def listed(names: str) -> Complete:
    """Completes the last one of several names with commas between."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in _matching(last, _names()[names])]

    return complete


def names_file() -> str:
    """What ``data/names.json`` has to say."""
    from costmodel.hardware.loading import load_technology
    from costmodel.metrics import METRICS
    from search.catalogue import SUBJECTS
    from search.experiment import BudgetFile, Experiment, LimitsFile
    from search.export import FORMATS
    from search.samplers import SAMPLERS
    from search.variables import KNOBS

    technology = load_technology()
    parts = {
        "budget": list(BudgetFile.model_fields),
        "limits": list(LimitsFile.model_fields),
        "space": [knob.name for knob in KNOBS],
        "objectives.0": ["metric", "direction"],
        "sampler": ["name"],
    }
    keys = [name for name in Experiment.model_fields if name not in ("schema_version", "space")]
    keys += [f"{part}.{name}" for part, inner in parts.items() for name in inner]
    values = {
        "sampler": list(SAMPLERS),
        "sampler.name": list(SAMPLERS),
        "objectives.0.metric": list(METRICS),
        "objectives.0.direction": ["minimize", "maximize"],
        "mapping_mode": ["optimal", "library", "fixed"],
        "money": ["manufacturing", "market"],
        **{
            f"space.{knob.name}": list(technology.names(knob.table))
            for knob in KNOBS
            if knob.kind == "choice"
        },
    }
    content = {
        "keys": sorted(keys),
        "values": values,
        "metrics": list(METRICS),
        "formats": list(FORMATS),
        "subjects": list(SUBJECTS),
        "tables": list(technology.tables),
        "number_formats": list(technology.names("format")),
    }
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    NAMES.write_text(names_file(), encoding="utf-8")
