"""The direction of imports, as stated in pyproject.toml."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, check=False
    )


def test_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("costmodel/errors.py", "import optuna", "costmodel knows nothing of search"),
        ("costmodel/errors.py", "import search.display", "search uses costmodel"),
        ("costmodel/numerics/units.py", "import costmodel.physics", "costmodel flows one way"),
        ("search/samplers/proposer.py", "import costmodel.errors", "samplers see only"),
    ],
)
def test_a_wrong_import_is_caught(tmp_path: Path, module: str, line: str, contract: str) -> None:
    for package in ("search", "costmodel"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=lambda _, names: [n for n in names if Path(n).suffix not in ("", ".py")],
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    broken = [row for row in done.stdout.splitlines() if row.endswith("BROKEN")]
    assert any(row.startswith(contract) for row in broken), done.stdout


def test_help_and_version_start_without_torch() -> None:
    """A shell that completes or prints help must not wait for the numerics."""
    code = (
        "import sys; import search.cli; "
        "raise SystemExit('torch' in sys.modules or 'optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0
