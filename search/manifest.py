"""What produced a study: versions, fingerprints, seed, command, machine, sessions."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import costmodel
import search
from costmodel.errors import StudyError
from search.executors.local import TORCH_THREADS
from search.storage import write_atomically

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
LIBRARIES = ("torch", "numpy", "scipy", "optuna", "cmaes", "greenlet", "moocore", "pyarrow")
COSTMODEL = Path(next(iter(costmodel.__path__)))
SEARCH = Path(next(iter(search.__path__)))
SAMPLER_FILES = ("samplers", "space.py", "problem.py", "variables.py", "decoding.py")


@lru_cache(maxsize=1)
def fingerprints() -> dict[str, str]:
    """Digests of what decides the value of a design and the course of a search.

    ``code`` covers the cost model (without comments, layout and docstrings), ``data`` the bytes of
    its data, ``sampler`` the samplers and the space.
    """
    code = (path for path in COSTMODEL.rglob("*.py"))
    sampler = (
        path
        for name in SAMPLER_FILES
        for path in ([SEARCH / name] if name.endswith(".py") else (SEARCH / name).rglob("*.py"))
    )
    return {
        "code": _digest(_syntax(code, COSTMODEL)),
        "data": _digest(_data()),
        "sampler": _digest(_syntax(sampler, SEARCH)),
    }


def environment() -> dict[str, str]:
    """Versions and settings under which the same study gives the same bytes."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        **{name: _version(name) for name in LIBRARIES},
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": str(TORCH_THREADS),
    }


def machine() -> dict[str, str]:
    """Where a session ran; for people, nothing is compared."""
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0),
    }


def create(
    name: str, seed: int, identity: dict[str, str], budget: dict[str, Any]
) -> dict[str, Any]:
    """The manifest of a new study."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "scoville": _version("scoville"),
        "created": now(),
        "seed": seed,
        "fingerprints": identity,
        "environment": environment(),
        "commit": _git(),
        "budget": budget,
        "status": "created",
        "sessions": [],
    }


def begin_session(manifest: dict[str, Any]) -> dict[str, Any]:
    """Note who works on the study from now on."""
    session = {"started": now(), "command": sys.argv, "machine": machine(), "commit": _git()}
    return {**manifest, "status": "running", "sessions": [*manifest["sessions"], session]}


def end_session(manifest: dict[str, Any], status: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Note how the session ended."""
    *before, last = manifest["sessions"]
    session = {**last, "ended": now(), "status": status, **facts}
    return {**manifest, "status": status, "sessions": [*before, session]}


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest of a study."""
    write_atomically(folder / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def read(folder: Path) -> dict[str, Any]:
    """Read the manifest of a study.

    Raises
    ------
    StudyError
        When the folder holds none, or one of another version.
    """
    path = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudyError(
            f"{folder} holds no study",
            expected=f"a folder with {MANIFEST}, made by `scoville run`",
        ) from error
    except ValueError as error:
        raise StudyError(f"{path} is not JSON ({error})") from error
    if content.get("schema_version") != SCHEMA_VERSION:
        raise StudyError(
            f"{path}: schema_version {content.get('schema_version')}",
            expected=str(SCHEMA_VERSION),
        )
    return content


def compare(manifest: dict[str, Any], identity: dict[str, str], folder: Path) -> None:
    """Refuse to go on under another model, other data, samplers or libraries.

    Raises
    ------
    StudyError
        Saying what differs and what can be done.
    """
    stored = manifest["fingerprints"]
    changed = [kind for kind in identity if stored.get(kind) != identity[kind]]
    if "experiment" in changed:
        raise StudyError(
            f"{folder}: experiment.yaml or one of its files changed since the study began",
            expected="the experiment that began it; only -S budget.* may change",
            next_step=f"begin a new study from its designs: `scoville run {folder}/experiment.yaml "
            f"--name ... --warm-start {folder}`",
        )
    if {"code", "data"} & set(changed):
        what = " and ".join(
            {"code": "the cost model", "data": "its data", "sampler": "the samplers"}[kind]
            for kind in changed
        )
        raise StudyError(
            f"{folder}: {what} changed since the study began, so old and new designs would not "
            "compare",
            expected="the version that began it",
            next_step=f"`scoville resume {folder} --rescore` evaluates the old designs again",
        )
    differences = [
        f"{key} {manifest['environment'].get(key)} -> {value}"
        for key, value in environment().items()
        if manifest["environment"].get(key) != value
    ]
    if "sampler" in changed:
        differences.append("the samplers")
    if differences:
        raise StudyError(
            f"{folder}: changed since the study began: {', '.join(differences)}; the same search "
            "would not go on",
            expected="what it began with",
            next_step=f"begin a new study from its designs: `scoville run {folder}/experiment.yaml "
            f"--name ... --warm-start {folder}`",
        )


def now() -> str:
    """Time of day, for people."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git() -> str:
    """Commit of a checkout, marked when files differ from it; empty outside of one."""
    command = ["git", "-C", str(SEARCH), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _syntax(paths: Iterable[Path], root: Path) -> Iterator[bytes]:
    for path in sorted(paths):
        yield str(path.relative_to(root)).encode()
        yield ast.dump(_without_docstrings(ast.parse(path.read_bytes()))).encode()


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


def _data() -> Iterator[bytes]:
    for path in sorted((COSTMODEL / "data").rglob("*")):
        if path.is_file() and "schema" not in path.parts:
            yield str(path.relative_to(COSTMODEL)).encode()
            yield path.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
