"""Compile the kernels that look mappings up, once for each version of this package.

Compiled code is kept on disk. A kernel that calls a function of another file would outlive a
change of that file, so the folder is named by a digest of all files beside this one: another
version never meets it. Without numba the same functions run as plain Python, slowly; where no
folder can be written, they are compiled anew in every process.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

numba: Any
try:
    numba = import_module("numba")
except ImportError:  # pragma: no cover - the other branch is tested through py_func
    numba = None

COMPILED = numba is not None
"""Whether numba is installed."""

CACHE = "SCOVILLE_CACHE"
"""Environment variable: the folder for what can be made again."""

KEPT_DAYS = 30
"""Code of other versions is removed after so many days without use."""


def cache_folder() -> Path:
    """Where compiled code lies: ``$SCOVILLE_CACHE``, or a folder of the user's cache."""
    stated = os.environ.get(CACHE)
    if stated:
        return Path(stated)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "scoville"


@lru_cache(maxsize=1)
def _version_folder() -> Path | None:
    """The folder of this version's code, made if it is not there; None where it cannot be."""
    digest = hashlib.blake2b(digest_size=12)
    digest.update(f"{numba.__version__} {platform.python_version()}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    kernels = cache_folder() / "kernels"
    folder = kernels / digest.hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return None
    oldest = time.time() - KEPT_DAYS * 86400
    for other in kernels.iterdir():
        try:
            if other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)
        except OSError:
            continue  # another process removed it first
    return folder


def is_compiled(kernel: str) -> bool:
    """Whether a kernel of this version lies on disk, compiled; True where nothing is compiled.

    >>> is_compiled("no_such_kernel") and COMPILED
    False
    """
    if numba is None:  # pragma: no cover
        return True
    folder = _version_folder()
    return folder is not None and any(folder.rglob(f"*.{kernel}-*.nbi"))


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel, free of the interpreter's lock; leave it as it is without numba."""
    return _compile(function, False)


def compiled_finite(function: Callable[..., Any]) -> Any:
    """The same for a kernel that meets finite numbers only: least and largest take one step."""
    return _compile(function, {"nnan", "ninf", "nsz"})


def _compile(function: Callable[..., Any], fast: bool | set[str]) -> Any:
    if numba is None:  # pragma: no cover
        return function
    folder = _version_folder()
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder) if folder else before
    try:
        options = {"nogil": True, "cache": folder is not None, "error_model": "numpy"}
        return numba.njit(fastmath=fast, **options)(function)
    finally:
        numba.config.CACHE_DIR = before
