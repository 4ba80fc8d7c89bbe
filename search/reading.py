"""Read an experiment: YAML with line numbers, overrides, and errors that point at the place."""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from costmodel.errors import ConfigError, ScovilleError, nearest
from costmodel.hardware.documents import Document, KeyPath, read_document
from costmodel.numerics.units import split_suffix
from search.experiment import Experiment

OVERRIDE = "-S {text}"
NAME_RULE = "letters, digits and . _ -, the first one a letter or a digit"
Overrides = Sequence[str] | Mapping[str, Any]
"""``key.path=value`` texts, or values by key path."""


@dataclass(frozen=True)
class Source:
    """An experiment's file and overrides: where each key comes from."""

    document: Document
    overrides: dict[KeyPath, str]

    def fail(self, keys: KeyPath, found: str, **parts: Any) -> NoReturn:
        """Raise a `ConfigError` about one key, at its line or at the override that set it."""
        for path, text in self.overrides.items():
            shared = min(len(path), len(keys))
            if shared and path[:shared] == keys[:shared]:
                file = OVERRIDE.format(text=text)
                raise ConfigError(found, file=file, key=_dotted(keys), **parts)
        raise ConfigError(
            found,
            file=self.document.path,
            line=self.document.line(keys),
            key=_dotted(keys),
            **parts,
        )

    def repeat(self, keys: KeyPath, error: ScovilleError) -> NoReturn:
        """Raise what another module found wrong about the value of a key, at that key."""
        if error.file:
            self.fail(keys, str(error))
        self.fail(
            keys,
            error.found,
            expected=error.expected,
            suggestions=error.suggestions,
            next_step=error.next_step,
        )


@dataclass(frozen=True)
class Loaded:
    """An experiment and where its parts stand."""

    experiment: Experiment
    source: Source

    @property
    def folder(self) -> Path:
        """Paths in the experiment may be relative to its file."""
        return Path(self.source.document.path).parent

    def input_file(self, name: str) -> Path | None:
        """The user's own file of that name, beside the experiment or else in the current folder.

        Names of what is shipped have no suffix and are never taken for files.
        """
        if Path(name).suffix not in (".json", ".yaml", ".yml"):
            return None
        found = (path for path in (self.folder / name, Path(name)) if path.is_file())
        return next(found, None)


def override_texts(overrides: Overrides) -> list[str]:
    """Overrides as the command line takes them.

    >>> override_texts({"budget.evaluations": "+1000", "space.node": ["n3e", "sf2"]})
    ['budget.evaluations=+1000', 'space.node=["n3e", "sf2"]']
    """
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in overrides.items()
    ]


def load(path: str | Path, overrides: Overrides = ()) -> Loaded:
    """Read and check an experiment.

    Parameters
    ----------
    path : str or Path
    overrides : sequence of str, or mapping
        ``key.path=value``, or values by key path; ``+N`` as the value adds to the number there.

    Raises
    ------
    ConfigError
        One line with file, line and key path.
    """
    document = read_document(Path(path), ConfigError)
    data = copy.deepcopy(document.data)
    where: dict[KeyPath, str] = {}
    for text in override_texts(overrides):
        where[_override(data, text)] = text
    source = Source(document, where)
    try:
        return Loaded(Experiment.model_validate(data), source)
    except ValidationError as problem:
        _explain(source, data, problem)


def dump(experiment: Experiment) -> str:
    """An experiment as YAML text that reads back as the same experiment."""
    yaml = YAML(typ="rt")
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = _plain(experiment.model_dump(mode="json", exclude_none=True))
    text = io.StringIO()
    yaml.dump(content, text)
    return text.getvalue()


def _plain(item: Any) -> Any:
    """Written as people write it: short forms of variables, no empty parts."""
    if isinstance(item, dict):
        if set(item) == {"values"} or (set(item) == {"values", "log"} and not item["log"]):
            values = item["values"]
            return values[0] if len(values) == 1 else values
        if "range" in item and not item.get("log", True):
            item = {key: value for key, value in item.items() if key != "log"}
        return {k: _plain(v) for k, v in item.items() if v not in ({}, [], "")}
    return [_plain(value) for value in item] if isinstance(item, list) else item


def _override(data: dict[str, Any], text: str) -> KeyPath:
    """Apply one ``key=value`` to the content of a file; the path it set."""
    key, separator, written = text.partition("=")
    file = OVERRIDE.format(text=text)
    if not separator or not key:
        raise ConfigError(
            "no key=value", expected="for example budget.evaluations=50000", file=file
        )
    try:
        value: Any = YAML(typ="safe", pure=True).load(written) if written else ""
    except YAMLError as error:
        raise ConfigError(f"{written!r} is not a YAML value", file=file) from error
    keys: list[Any] = []
    target: Any = data
    *parents, last = key.split(".")
    for part in parents:
        step = _step(target, part, text)
        if isinstance(target, dict) and not isinstance(target.get(step), dict | list):
            target[step] = {}
        target = target[step]
        keys.append(step)
    step = _step(target, last, text)
    if written.startswith("+") and not (isinstance(target, dict) and step not in target):
        old: Any = target[step]
        if not _is_number(value) or not _is_number(old):
            raise ConfigError(
                f"cannot add {written!r} to {old!r}", expected="+N on a number", file=file, key=key
            )
        value = old + value
    target[step] = value
    return (*keys, step)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _step(target: Any, part: str, text: str) -> Any:
    """A key of a mapping, or a valid index of a list."""
    if isinstance(target, dict):
        return part
    if not isinstance(target, list):
        raise ConfigError(
            f"nothing can be set inside {target!r}", file=OVERRIDE.format(text=text), key=part
        )
    if part.isdigit() and int(part) < len(target):
        return int(part)
    raise ConfigError(
        f"no element {part!r}",
        expected=f"0 to {len(target) - 1}",
        file=OVERRIDE.format(text=text),
    )


def _explain(source: Source, data: Any, problem: ValidationError) -> NoReturn:
    """The first mistake, in the house's order of parts; of alternatives the furthest one."""
    errors = problem.errors()
    # A misspelt key is why another one is missing: it comes first.
    errors.sort(key=lambda error: error["type"] != "extra_forbidden")
    begin = errors[0]["loc"][:2]
    first = max(
        (error for error in errors if error["loc"][:2] == begin),
        key=lambda error: len(_existing(data, error["loc"])),
    )
    last = first["loc"][-1] if first["loc"] else ""
    keys = _existing(data, first["loc"])
    if first["type"] == "extra_forbidden":
        models = _models_at(Experiment, keys[:-1])
        _unknown_key(source, keys, sorted({n for model in models for n in model.model_fields}))
    if first["type"] == "missing":
        source.fail(keys, f"no key {last!r}", expected=f"{last}: ... here")
    found = f"found {_short(_value_at(data, keys))}" if keys else "keys that do not go together"
    source.fail(keys, found, expected=sentence(first["msg"]))


def _existing(data: Any, location: Iterable[str | int]) -> KeyPath:
    """The part of a location that is in the file; names of alternatives are not."""
    keys: list[str | int] = []
    for part in location:
        inside = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if inside or (isinstance(data, dict) and part in data):
            keys.append(part)
            data = data[part]
    return tuple(keys)


def _value_at(data: Any, keys: KeyPath) -> Any:
    for key in keys:
        data = data[key]
    return data


def _unknown_key(source: Source, keys: KeyPath, names: list[str]) -> NoReturn:
    """Name the key that was meant; a wrong unit suffix gets its own words."""
    key = str(keys[-1])
    stem, unit = split_suffix(key)
    for name in names:
        right, right_unit = split_suffix(name)
        if right == stem and right != name:
            wrong = f"in {unit}" if stem != key else "without a unit"
            source.fail(
                keys, f"{key} is {wrong}", expected=f"{name}, in {right_unit}", suggestions=(name,)
            )
        if right == stem and right == name:
            source.fail(keys, f"{key} has a unit", expected=f"{name}, a plain number")
    close = nearest(key, names)
    expected = "" if close else "one of " + ", ".join(names)
    source.fail(keys, f"unknown key {key!r}", expected=expected, suggestions=close)


def _models_at(model: type[BaseModel], keys: Iterable[Any]) -> set[type[BaseModel]]:
    """Schemas that may stand at a place."""
    models = {model}
    for key in keys:
        inner: set[type[BaseModel]] = set()
        for item in models:
            field = item.model_fields.get(str(key))
            if field is not None:
                inner |= _models_in(field.annotation)
        models = inner or models
    return models


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    found: set[type[BaseModel]] = set()
    for argument in getattr(annotation, "__args__", ()):
        found |= _models_in(argument)
    return found


def sentence(message: str) -> str:
    """What a schema expected, in the middle of a line."""
    text = message.removeprefix("Input should be ").removeprefix("Value error, ")
    text = text.partition(", unable to parse")[0]
    text = re.sub(r"^(\w+) should have (at (?:least|most) \d+ items?) after.*", r"\2", text)
    text = re.sub(r"^String should match pattern.*", NAME_RULE, text)
    return text[:1].lower() + text[1:]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _dotted(keys: KeyPath) -> str:
    return ".".join(str(key) for key in keys)
