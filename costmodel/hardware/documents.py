"""YAML files with line numbers: parse once, validate, and point at the line that is wrong.

YAML 1.2 (``1e9`` is a number, ``no`` is a word). Duplicate keys are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode

from costmodel.errors import DataError, ScovilleError, nearest

Model = TypeVar("Model", bound=BaseModel)
KeyPath = tuple[str | int, ...]

MOST_BYTES = 4_000_000
"""Longest file that is read."""
MOST_VALUES = 100_000
"""Most values of a file, each reference counted as what it stands for."""
DEEPEST = 100
"""Most levels of nesting."""


@dataclass(frozen=True)
class Document:
    """Content of a YAML file as plain Python, with the line of every key.

    `error` is the kind of error raised about it (data files: `DataError`).
    """

    path: str
    data: Any
    lines: Mapping[KeyPath, int]
    error: type[ScovilleError] = field(default=DataError)

    def line(self, keys: KeyPath) -> int:
        """Line of the innermost key of a path that the file has, from 1."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 1)

    def fail(self, keys: KeyPath, found: str, **parts: Any) -> NoReturn:
        """Raise the document's kind of error about one key."""
        raise self.error(
            found, file=self.path, line=self.line(keys), key=".".join(map(str, keys)), **parts
        )

    def validate(self, model: type[Model], data: Any = None, at: KeyPath = ()) -> Model:
        """Check the content (or a part of it, which lies `at` a path) against a schema.

        Raises
        ------
        ScovilleError
            The first problem, as one line with file, line and key path.
        """
        try:
            return model.model_validate(self.data if data is None else data)
        except ValidationError as problem:
            # A misspelt key is also a missing one; the misspelling is the better news.
            first = min(problem.errors(), key=lambda item: item["type"] != "extra_forbidden")
            keys = (*at, *first["loc"])
            parts: dict[str, Any] = {}
            if first["type"] == "extra_forbidden":
                found = f"unknown key {first['loc'][-1]!r}"
                names = _fields_at(model, first["loc"][:-1])
                parts["suggestions"] = nearest(first["loc"][-1], names)
                if names and not parts["suggestions"]:
                    parts["expected"] = "one of " + ", ".join(sorted(names))
            elif first["type"] == "missing":
                keys = keys[:-1]
                found = f"missing key {first['loc'][-1]!r}"
            else:
                found = f"found {first.get('input')!r}"
                parts["expected"] = _lower(first["msg"])
            self.fail(keys, found, **parts)


def read_document(path: Path, error: type[ScovilleError] = DataError) -> Document:
    """Read a YAML file.

    Raises
    ------
    ScovilleError
        Of kind `error`: missing, unreadable, not YAML, a duplicate key or not a mapping.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        others = path.parent.glob(f"*{path.suffix}") if path.parent.is_dir() else ()
        close = nearest(path.stem, [other.stem for other in others])
        meant = [name + path.suffix for name in close]
        raise error("no such file", suggestions=meant, file=path) from None
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise error(f"cannot be read ({reason})", expected="a YAML file", file=path) from problem
    if len(content) > MOST_BYTES:
        raise error(
            f"more than {MOST_BYTES / 1e6:g} MB", expected="a YAML file of some pages", file=path
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise error(
            f"byte {problem.object[problem.start]:#x} cannot be read",
            expected="text in UTF-8",
            file=path,
            line=line,
        ) from problem
    return parse_document(text, str(path), error)


def parse_document(
    text: str, path: str = "<text>", error: type[ScovilleError] = DataError
) -> Document:
    """Read YAML text; `path` names it in errors."""
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = DEEPEST
    try:
        node = yaml.compose(text)
        lines: dict[KeyPath, int] = {}
        data = _plain(node, yaml.constructor, (), lines)
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark else 1
        found = " ".join(str(problem.problem).split())
        if "maximum depth" in found:
            found = f"nested deeper than {DEEPEST} levels"
        expected = "spaces, never tabs, before a key" if "'\\t'" in found else ""
        raise error(f"not YAML: {found}", expected=expected, file=path, line=line) from problem
    except RecursionError:
        raise error(f"nested deeper than {DEEPEST} levels", file=path, line=1) from None
    except YAMLError as problem:
        raise error(f"not YAML: {problem}", file=path, line=1) from problem
    if not isinstance(data, dict):
        raise error("no keys", expected="a mapping of keys to values", file=path, line=1)
    return Document(path, data, lines, error)


def _plain(node: Any, constructor: Any, keys: KeyPath, lines: dict[KeyPath, int]) -> Any:
    """Python value of a node; fills `lines` on the way."""
    if len(keys) > DEEPEST or len(lines) > MOST_VALUES:
        raise MarkedYAMLError(
            problem=f"nested deeper than {DEEPEST} levels"
            if len(keys) > DEEPEST
            else f"more than {MOST_VALUES} values, references written out",
            problem_mark=node.start_mark,
        )
    if isinstance(node, MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = constructor.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str | int):
                raise MarkedYAMLError(
                    problem=f"a {type(key).__name__} as a key", problem_mark=key_node.start_mark
                )
            if key in result:
                raise MarkedYAMLError(
                    problem=f"duplicate key {key!r}", problem_mark=key_node.start_mark
                )
            lines[(*keys, key)] = line
            result[key] = _plain(value_node, constructor, (*keys, key), lines)
        return result
    if isinstance(node, SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            lines[(*keys, index)] = item.start_mark.line + 1
            items.append(_plain(item, constructor, (*keys, index), lines))
        return items
    return None if node is None else constructor.construct_object(node)


def _fields_at(model: type[BaseModel], location: Iterable[str | int]) -> set[str]:
    """Names that a schema allows at a place, all models on the way taken together."""
    models: set[type[BaseModel]] = {model}
    for part in location:
        if isinstance(part, int):
            continue
        inner: set[type[BaseModel]] = set()
        for item in models:
            info = item.model_fields.get(str(part))
            if info is not None:
                inner |= _models_in(info.annotation)
        models = inner or models
    return {name for item in models for name in item.model_fields}


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    """Models inside a type such as ``tuple[DieFile, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    found: set[type[BaseModel]] = set()
    for argument in getattr(annotation, "__args__", ()):
        found |= _models_in(argument)
    return found


def _lower(text: str) -> str:
    """A pydantic message in the middle of a sentence."""
    text = text.removeprefix("Input should be ").removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
