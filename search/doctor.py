"""Is this installation sound? Versions, the right packages, a place to write, one evaluation."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

from costmodel.errors import ScovilleError

DISTRIBUTION = "scoville"
PACKAGES = ("search", "costmodel")
EXTRAS = {
    "ray": "ray",
    "rl": "stable-baselines3",
    "onnx": "onnx",
    "postgres": "psycopg",
    "dashboard": "optuna-dashboard",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `passed` is None for information."""

    subject: str
    passed: bool | None
    detail: str


def examine(results: Path = Path("results")) -> tuple[Finding, ...]:
    """Look at everything; nothing raises.

    Parameters
    ----------
    results : Path
        Folder in which studies are to be written.

    Examples
    --------
    >>> next(item.passed for item in examine() if item.subject == "reference evaluation")
    True
    """
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _versions,
        _packages,
        lambda: iter((_writable(results),)),
        _reference,
        _extras,
    )
    return tuple(finding for check in checks for finding in check())


def _versions() -> Iterator[Finding]:
    """Python and every base dependency, as the installed distribution states them."""
    good = sys.version_info >= (3, 11)
    yield Finding("Python", good, f"{platform.python_version()} on {platform.platform()}")
    try:
        stated = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Finding(
            DISTRIBUTION, False, "not installed; run `make quickstart` or `pip install .`"
        )
        return
    yield Finding(DISTRIBUTION, True, metadata.version(DISTRIBUTION))
    for line in stated:
        if "extra ==" in line:
            continue
        name = _name(line)
        try:
            yield Finding(name, _satisfies(line, metadata.version(name)), metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, False, f"missing; wanted {line}")


def _name(requirement: str) -> str:
    """Name of the project in a requirement such as ``optuna<6,>=5``."""
    for position, letter in enumerate(requirement):
        if not (letter.isalnum() or letter in "-_."):
            return requirement[:position]
    return requirement


def _satisfies(requirement: str, version: str) -> bool:
    """Whether a version is inside the range of a requirement."""
    from packaging.requirements import Requirement  # comes with plotly

    return Requirement(requirement).specifier.contains(version, prereleases=True)


def _packages() -> Iterator[Finding]:
    """Both packages must come from this distribution, not from a namesake."""
    owners = metadata.packages_distributions()
    home = installed_from()
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        place = Path(spec.origin).resolve().parent if spec and spec.origin else None
        others = sorted(set(owners.get(package, [])) - {DISTRIBUTION})
        if place is None:
            yield Finding(f"package {package}", False, "not found")
        elif others:
            detail = f"also installed by {', '.join(others)}; uninstall that distribution"
            yield Finding(f"package {package}", False, detail)
        elif home is not None and place.parent != home:
            detail = f"resolves to {place}, but {DISTRIBUTION} is installed from {home}"
            yield Finding(f"package {package}", False, detail)
        else:
            yield Finding(f"package {package}", True, str(place))


def installed_from() -> Path | None:
    """Folder that the installed distribution's packages are in; None when it is not installed."""
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None
    record = distribution.read_text("direct_url.json")
    if record:
        origin = json.loads(record)
        if origin.get("dir_info", {}).get("editable"):
            return Path(unquote(urlparse(origin["url"]).path)).resolve()
    return Path(str(distribution.locate_file(""))).resolve()


def _writable(results: Path) -> Finding:
    """Whether a study can be written."""
    place = results
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            return Finding("results", True, f"{place.resolve()} is writable")
    except OSError as error:
        return Finding("results", False, f"{place.resolve()}: {error.strerror}")


def _reference() -> Iterator[Finding]:
    """A known chip on a known model: above its physical floor, the same alone and in a batch."""
    try:
        from search.reference import reference_check

        yield Finding("reference evaluation", *reference_check())
    except ScovilleError as error:
        yield Finding("reference evaluation", False, str(error))


def _extras() -> Iterator[Finding]:
    """What is installed beyond the base; none of it is needed."""
    for extra, project in EXTRAS.items():
        try:
            yield Finding(f"extra {extra}", None, f"{project} {metadata.version(project)}")
        except metadata.PackageNotFoundError:
            yield Finding(
                f"extra {extra}", None, f"not installed (pip install 'scoville[{extra}]')"
            )
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    yield Finding("threads", None, f"{os.cpu_count()} processors, OMP_NUM_THREADS {threads}")
