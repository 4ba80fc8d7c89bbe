"""Find and read models and scenarios: shipped by name, or the user's own by path."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from costmodel.errors import DataError
from costmodel.workload.huggingface import load_transformer
from costmodel.workload.operators import Workload
from costmodel.workload.scenario import Request, Scenario
from costmodel.workload.transformer import Transformer

DATA = Path(__file__).resolve().parent.parent / "data"

Count = Annotated[int, Field(strict=True)]


class _RequestFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    weight: float = Field(gt=0.0)
    new_tokens: Count = Field(ge=1)
    cached_tokens: Count = Field(ge=0)
    generated_tokens: Count = Field(ge=1)
    decode_context: Count = Field(ge=1)


class _ScenarioFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = Field(ge=1, le=1)
    title: str
    requests: list[_RequestFile] = Field(min_length=1)
    volume: float | None = Field(default=None, gt=0.0)


def list_models() -> tuple[str, ...]:
    """Names of the shipped models.

    >>> "llama-3.1-70b" in list_models()
    True
    """
    return tuple(sorted(path.stem for path in (DATA / "models").glob("*.json")))


def list_scenarios() -> tuple[str, ...]:
    """Names of the shipped scenarios.

    >>> "interactive" in list_scenarios()
    True
    """
    return tuple(sorted(path.stem for path in (DATA / "scenarios").glob("*.yaml")))


def load_workload(model: str | Path, scenario: str | Path | dict[str, Any]) -> Workload:
    """Model and traffic mix by shipped name, or by path to a user's file.

    Raises
    ------
    DataError
        Unknown name (with the nearest one), unreadable file or invalid content, as one line.

    Examples
    --------
    >>> workload = load_workload("llama-3.1-70b", "interactive")
    >>> workload.scenario.requests[0].generated_tokens
    512
    """
    return Workload(model=load_model(model), scenario=load_scenario(scenario))


def load_model(model: str | Path) -> Transformer:
    """A shipped model, or any ``config.json`` of a supported architecture.

    >>> model = load_model("llama-3.1-70b")
    >>> f"{model.parameters:,}"  # the published checkpoint
    '70,553,706,496'
    >>> 2 * model.kv_elements_per_token  # keys and values of a token in bf16 [byte]
    327680
    """
    return load_transformer(_locate(model, "models", ".json", list_models(), "model"))


def load_scenario(scenario: str | Path | dict[str, Any]) -> Scenario:
    """A shipped scenario, a YAML file, or the same content as a dictionary.

    >>> lengths = {"new_tokens": 1000, "cached_tokens": 0, "generated_tokens": 100}
    >>> request = {"name": "chat", "weight": 1, "decode_context": 1050, **lengths}
    >>> load_scenario({"requests": [request]}).requests[0].new_tokens
    1000
    """
    if isinstance(scenario, dict):
        return _scenario("inline", "scenario", {"schema_version": 1, "title": "inline", **scenario})
    path = _locate(scenario, "scenarios", ".yaml", list_scenarios(), "scenario")
    try:
        content = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataError(f"{path}:{line}: not YAML ({error.problem})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); expected a scenario YAML") from error
    return _scenario(path.stem, str(path), content)


def _scenario(name: str, place: str, content: Any) -> Scenario:
    if not isinstance(content, dict):
        raise DataError(f"{place}:1: found {type(content).__name__}; expected a mapping of keys")
    try:
        parsed = _ScenarioFile.model_validate(content)
    except ValidationError as error:
        # A misspelt key is also a missing one; the misspelling is the better news.
        first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        raise DataError(_explain(place, content, first["loc"], first)) from error
    total = sum(request.weight for request in parsed.requests)
    requests = tuple(
        Request(**{**request.model_dump(), "weight": request.weight / total})
        for request in parsed.requests
    )
    return Scenario(name=name, title=parsed.title, requests=requests, volume=parsed.volume)


def _explain(place: str, content: Any, location: tuple[Any, ...], error: Any) -> str:
    """One line for the first validation error, with the line number where known."""
    line, node = 1, content
    for key in location:
        position = getattr(node, "lc", None)
        data = getattr(position, "data", None) or {}
        if key in data:
            line = data[key][0] + 1
        node = node[key] if isinstance(node, (dict, list)) and _has(node, key) else None
    path = ".".join(str(part) for part in location)
    hint = ""
    if error["type"] == "extra_forbidden":
        names = [*_ScenarioFile.model_fields, *_RequestFile.model_fields]
        near = difflib.get_close_matches(str(location[-1]), names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
    found = "" if error["type"] == "missing" else f"found {error.get('input')!r}; "
    return f"{place}:{line}: {path}: {found}{error['msg']}{hint}"


def _has(node: Any, key: Any) -> bool:
    return key in node if isinstance(node, dict) else isinstance(key, int) and key < len(node)


def _locate(name: str | Path, folder: str, suffix: str, known: tuple[str, ...], noun: str) -> Path:
    """A shipped file by name, else a path that exists."""
    shipped = DATA / folder / f"{name}{suffix}"
    if str(name) in known:
        return shipped
    path = Path(name)
    if path.suffix == suffix or path.exists():
        if not path.exists():
            raise DataError(f"{path}: no such {noun} file; expected a name ({', '.join(known)})")
        return path
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise DataError(
        f"{noun} {str(name)!r} is unknown; expected one of {', '.join(known)} "
        f"or a path to a {suffix} file{hint}"
    )
