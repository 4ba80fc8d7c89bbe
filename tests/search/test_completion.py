"""What a shell completes, and that it need not wait for it."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from search.completion import NAMES, names_file

ROOT = Path(__file__).resolve().parents[2]
SCOVILLE = Path(sys.executable).with_name("scoville")
SECONDS = 0.5


def command(folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [SCOVILLE], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.stdout


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    line = " ".join(("scoville", *words))
    return command(
        folder, _SCOVILLE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words))
    ).split("\n")[:-1]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    study = tmp_path / "results" / "small"
    study.mkdir(parents=True)
    (study / "manifest.json").write_text("{}", encoding="utf-8")
    (study / "experiment.yaml").write_text(
        "objectives:\n  - metric: tpot\n    direction: minimize\n", encoding="utf-8"
    )
    (tmp_path / "mine.yaml").write_text("", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ru",), {"run"}),
        (("run", ""), {"mine.yaml", "results/"}),
        (("resume", ""), {"results/small"}),
        (("export", "results/s"), {"results/small"}),
        (("export", "results/small", "--pick", ""), {"knee", "pareto", "best:tpot"}),
        (("export", "results/small", "--to", "yaml,pa"), {"yaml,parquet"}),
        (("evaluate", "--model", "llama-3.1-7"), {"llama-3.1-70b"}),
        (("evaluate", "--model", "conf"), {"config.json"}),
        (("evaluate", "--scenario", "inter"), {"interactive"}),
        (("evaluate", "--chip", "h1"), {"h100"}),
        (("evaluate", "--format", "bf"), {"bf16"}),
        (("evaluate", "--mapping", "o"), {"optimal"}),
        (("init", "--objective", "cost_per"), {"cost_per_mtoken"}),
        (("run", "mine.yaml", "-S", "budget.e"), {"budget.evaluations"}),
        (("run", "mine.yaml", "-S", "sampler=quasi"), {"sampler=quasi_random"}),
        (("run", "mine.yaml", "-S", "objectives.0.metric=ttf"), {"objectives.0.metric=ttft"}),
        (("resume", "results/small", "-S", ""), {"budget.evaluations", "budget.seconds"}),
        (("list", "mod"), {"models"}),
        (("list", "technology", "nod"), {"node"}),
    ],
)
def test_words(home: Path, words: tuple[str, ...], expected: set[str]) -> None:
    assert set(completed(home, *words)) == expected


def test_no_waiting(home: Path) -> None:
    """Processor time of the quickest of a few: a busy machine is not the command's fault."""
    times = []
    for _ in range(3):
        before = children()
        assert completed(home, "evaluate", "--model", "llama-3.1-7")
        times.append(children() - before)
    assert min(times) < SECONDS


def children() -> float:
    """Processor time of all processes that ended so far [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys, search.cli, search.completion; "
        "print([m for m in ('torch', 'optuna', 'numpy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_fresh() -> None:
    """`python -m search.completion` writes them."""
    assert NAMES.read_text(encoding="utf-8") == names_file()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_of_the_shells(home: Path, shell: str) -> None:
    script = command(home, _SCOVILLE_COMPLETE=f"source_{shell}")
    assert "scoville" in script
    assert f"complete_{shell}" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_other_shells_get_the_same_words(home: Path) -> None:
    zsh = command(
        home, _SCOVILLE_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="scoville export results/s"
    )
    fish = command(
        home,
        _SCOVILLE_COMPLETE="complete_fish",
        _TYPER_COMPLETE_ARGS="scoville export results/s",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert '"results/small"' in zsh
    assert fish.split() == ["results/small"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_installed_completion_works_in_bash(home: Path) -> None:
    """Installed into a home of its own, a real bash completes a real line."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{SCOVILLE.parent}:{os.environ['PATH']}",
    }
    # The command asks which shell it was started from.
    install = ["bash", "-c", "scoville --install-completion; exit $?"]
    subprocess.run(install, env=environment, check=True, capture_output=True)
    asked = (
        "source ~/.bashrc; COMP_WORDS=(scoville resume results/s); COMP_CWORD=2; "
        "_scoville_completion scoville; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(
        ["bash", "-c", asked], env=environment, cwd=home, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["results/small"]
