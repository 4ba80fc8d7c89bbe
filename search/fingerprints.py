"""Digests of what decides the value of a design and the course of a search, file by file."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import costmodel
import search

COSTMODEL = Path(next(iter(costmodel.__path__)))
PRESENTATION = COSTMODEL / "presentation"
SEARCH = Path(next(iter(search.__path__)))
SAMPLER_FILES = (
    "samplers",
    "space.py",
    "problem.py",
    "variables.py",
    "decoding.py",
    "pricing.py",
)
KINDS = {"code": "the cost model", "data": "its data", "sampler": "the samplers"}
NAMED = 4
"""Files that a message names before it counts the others."""


@lru_cache(maxsize=1)
def fingerprints() -> dict[str, str]:
    """One digest of each kind.

    ``code`` covers the cost model (without comments, layout and docstrings, and without how its
    records look to a person), ``data`` the bytes of its data, ``sampler`` the samplers and the
    space.
    """
    return {kind: _digest(part for pair in _parts(kind) for part in pair) for kind in KINDS}


@lru_cache(maxsize=1)
def files() -> dict[str, dict[str, str]]:
    """A short digest of every file of each kind, to say later which of them changed."""
    return {
        kind: {name.decode(): _digest([content])[:8] for name, content in _parts(kind)}
        for kind in KINDS
    }


def explain(kind: str, stored: Mapping[str, Mapping[str, str]]) -> str:
    """What changed of one kind, in words: ``its data (technology/node.yaml)``."""
    before, now = stored.get(kind, {}), files()[kind]
    if not before:
        return KINDS[kind]
    changed = [
        *(name for name in now if name in before and before[name] != now[name]),
        *(f"{name} is new" for name in now if name not in before),
        *(f"{name} is gone" for name in before if name not in now),
    ]
    if not changed:
        return KINDS[kind]
    more = [f"{len(changed) - NAMED} more"] if len(changed) > NAMED else []
    return f"{KINDS[kind]} ({', '.join([*changed[:NAMED], *more])})"


def _parts(kind: str) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each file that counts."""
    if kind == "data":
        for path in sorted((COSTMODEL / "data").rglob("*")):
            if path.is_file() and "schema" not in path.parts:
                yield str(path.relative_to(COSTMODEL)).encode(), path.read_bytes()
        return
    root = COSTMODEL if kind == "code" else SEARCH
    for path in sorted(_code() if kind == "code" else _samplers()):
        tree = _without_docstrings(ast.parse(path.read_bytes()))
        yield str(path.relative_to(root)).encode(), ast.dump(tree).encode()


def _code() -> Iterator[Path]:
    return (path for path in COSTMODEL.rglob("*.py") if not path.is_relative_to(PRESENTATION))


def _samplers() -> Iterator[Path]:
    for name in SAMPLER_FILES:
        yield from [SEARCH / name] if name.endswith(".py") else (SEARCH / name).rglob("*.py")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                part
                for part in node.body
                if not (
                    isinstance(part, ast.Expr)
                    and isinstance(part.value, ast.Constant)
                    and isinstance(part.value.value, str)
                )
            ]
    return tree


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
