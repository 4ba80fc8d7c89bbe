"""What the README says is true: commands, files and targets exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from search.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MARKDOWN = sorted(
    path
    for folder in (".", "costmodel", "search", "results")
    for path in (ROOT / folder).glob("*.md")
)


def verbs() -> set[str]:
    return set(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_table_lists_every_verb() -> None:
    listed = re.findall(r"^\| `scoville (\w+)", README, flags=re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == verbs()


def test_commands_in_the_text_exist() -> None:
    for path in MARKDOWN:
        used = set(re.findall(r"(?<![\w])scoville ([a-z]+)\b", _code(path.read_text("utf-8"))))
        assert used <= verbs(), path


def test_make_targets_in_the_text_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for path in MARKDOWN:
        used = set(re.findall(r"\bmake ([a-z]+)", _code(path.read_text("utf-8"))))
        assert used <= targets, path


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (path.parent / link).exists(), link


@pytest.mark.parametrize("package", ["costmodel", "search"])
def test_python_in_the_text_runs(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / package / "README.md").read_text(encoding="utf-8")
    names = {"results": tmp_path}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, package, "exec"), names)


@pytest.mark.parametrize("package", ["costmodel", "search"])
def test_the_text_says_where_everything_is(package: str) -> None:
    text = (ROOT / package / "README.md").read_text(encoding="utf-8")
    modules = {path.name for path in (ROOT / package).glob("[a-z]*.py")}
    folders = {f"{path.parent.name}/" for path in (ROOT / package).glob("*/__init__.py")}
    assert {name for name in modules | folders if f"`{name}`" not in text} == set()


def _code(text: str) -> str:
    """Text between back-ticks, where commands stand."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL))
