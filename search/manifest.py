"""What produced a study: versions, fingerprints, seed, command, machine, sessions."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from costmodel.errors import StudyError
from search.executors.local import TORCH_THREADS
from search.experiment import Experiment
from search.fingerprints import SEARCH, explain, files
from search.storage import write_atomically

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
PARTS = {
    "name": str,
    "created": str,
    "seed": int,
    "fingerprints": dict,
    "environment": dict,
    "budget": dict,
    "status": str,
    "sessions": list,
}
"""What every manifest holds."""
PROMISES = {
    "sync": "killed anywhere and resumed, the study has the same evaluations byte for byte",
    "async": "killed anywhere and resumed, no committed evaluation is lost or doubled; the course "
    "of the search depends on the order in which results come back",
}
"""What holds after a kill, by the mode of execution."""
LIBRARIES = ("torch", "numpy", "scipy", "optuna", "cmaes", "greenlet", "moocore", "pyarrow")


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


def of(experiment: Experiment, identity: dict[str, str]) -> dict[str, Any]:
    """The manifest of a new study, with the digests that identify it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": experiment.name,
        "scoville": _version("scoville"),
        "created": now(),
        "seed": experiment.seed,
        "fingerprints": identity,
        "environment": environment(),
        "commit": _git(),
        "budget": experiment.budget.model_dump(),
        "execution": experiment.execution.model_dump(),
        "promise": PROMISES[experiment.execution.mode],
        "status": "created",
        "sessions": [],
        "files": files(),
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
        raise StudyError(f"{path} is not JSON ({error})", next_step=_restore(folder)) from error
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from error
    if not isinstance(content, dict):
        raise StudyError(f"{path} holds no manifest", next_step=_restore(folder))
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise StudyError(
            f"{path}: schema_version {version}",
            expected=str(SCHEMA_VERSION),
            next_step="a newer version of scoville made it: install that one" if newer else "",
        )
    for name, kind in PARTS.items():
        if not isinstance(content.get(name), kind):
            raise StudyError(f"{path}: {name} is missing", next_step=_restore(folder))
    return content


def _restore(folder: Path) -> str:
    return f"restore it, or begin a new study: `scoville run {folder}/experiment.yaml --name ...`"


def compare(
    manifest: dict[str, Any], identity: dict[str, str], folder: Path, rescore: bool = False
) -> None:
    """Refuse to go on under another model, other data, samplers or libraries.

    A rescore begins the search anew: nothing but its experiment has to be the same.

    Raises
    ------
    StudyError
        Saying what differs and what can be done.
    """
    stored, parts = manifest["fingerprints"], manifest.get("files", {})
    changed = [kind for kind in identity if stored.get(kind) != identity[kind]]
    new_study = (
        f"begin a new study from its designs: `scoville run {folder}/experiment.yaml "
        f"--name ... --warm-start {folder}`"
    )
    if "experiment" in changed:
        raise StudyError(
            f"{folder}: experiment.yaml or one of its files changed since the study began",
            expected="the experiment that began it; only -S budget.* may change",
            next_step=new_study,
        )
    if rescore:
        return
    differences = [explain(kind, parts) for kind in changed]
    if {"code", "data"} & set(changed):
        what = " and ".join(differences)
        raise StudyError(
            f"{folder}: {what} changed since the study began, so old and new designs would not "
            "compare",
            expected="the version that began it",
            next_step=f"`scoville resume {folder} --rescore` evaluates the old designs again",
        )
    differences += [
        f"{key} {manifest['environment'].get(key)} -> {value}"
        for key, value in environment().items()
        if manifest["environment"].get(key) != value
    ]
    if differences:
        raise StudyError(
            f"{folder}: changed since the study began: {', '.join(differences)}; the same search "
            "would not go on",
            expected="what it began with",
            next_step=new_study,
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
