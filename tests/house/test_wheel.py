"""The wheel carries everything: installed outside the checkout, it evaluates a chip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("costmodel", "search", "pyproject.toml", "README.md", "LICENSE")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build inside the checkout leaves files that the next one would take."""
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    build = ["pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run([sys.executable, "-m", *build], check=True)
    (path,) = folder.glob("scoville-*.whl")
    return path


def test_wheel_holds_packages_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"costmodel", "search"}
    for path in (ROOT / "costmodel" / "data").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(ROOT)) in names
    for needed in ("search/py.typed", "costmodel/py.typed", "search/report/templates/report.css"):
        assert needed in names


def test_installed_wheel_evaluates_a_chip(wheel: Path, tmp_path: Path) -> None:
    """The new environment borrows the dependencies of this one, but not its scoville."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = tmp_path / "env" / "lib" / version / "site-packages"
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")

    command = ["-m", "search", "evaluate", "--chip", "h100", "--model", "llama-3.1-70b"]
    command += ["--scenario", "interactive", "--json"]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [python, *command], cwd=tmp_path, capture_output=True, text=True, check=True, env=clean
    )
    assert json.loads(done.stdout)["metrics"]["tpot"] > 0
    where = subprocess.run(
        [python, "-c", "import search, costmodel; print(search.__file__, costmodel.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True, env=clean,
    )  # fmt: skip
    assert all(Path(path).is_relative_to(site) for path in where.stdout.split())
