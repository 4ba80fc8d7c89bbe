"""Build an environment for each peer in ``.venv-peers/``: ``make peers``.

Standard library only. A peer that cannot be installed does not keep the others from it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".venv-peers"
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
TORCH = "torch==2.13.0"

PEERS = {
    "accelforge": ("accelforge",),
    "zigzag": ("zigzag-dse", "six"),
    "scalesim": ("scalesim",),
    "genz": ("genz-llm",),
}
"""What pip installs for each peer."""
CHECKOUT = {"llmcompass": ("numpy", "pandas", "scipy", "scalesim", "absl-py")}
"""What a checkout of LLMCompass needs beside PyTorch; built when LLMCOMPASS names one."""
REPOSITORY = "https://github.com/PrincetonUniversity/LLMCompass"
COMMIT = "2e015fd2ee750e6cad8d7152df52551e5b41ef20"
"""Where a checkout comes from when LLMCOMPASS names a folder that is not there, and which one."""
NEWEST = {"accelforge": (3, 12)}
"""Peers that need a newer Python than Scoville does."""
OLDEST = (3, 11)
CANDIDATES = ("python3", "python3.12", "python3.13", "python3.14", "python3.11")


def main() -> int:
    """Install what is missing; exit status 1 when a peer could not be."""
    named = os.environ.get("LLMCOMPASS")
    wanted = {**PEERS, **(CHECKOUT if named else {})}
    failed = [name for name, packages in wanted.items() if not install(name, packages)]
    if named and not clone(Path(named)):
        failed.append("the checkout of LLMCompass")
    if failed:
        say(f"not installed: {', '.join(failed)}; the shows run the others")
    return 1 if failed else 0


def install(name: str, packages: tuple[str, ...]) -> bool:
    """One environment; True when it is complete."""
    folder = ENVIRONMENTS / name
    stamp = folder / "installed"
    inputs = f"{packages} {CONSTRAINTS.read_text(encoding='utf-8')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == inputs:
        say(f"{name}: installed")
        return True
    least = NEWEST.get(name, OLDEST)
    python = interpreter(least)
    if python is None:
        version = ".".join(map(str, least))
        say(f"{name}: no Python {version} or newer with venv found; name one: PEERS_PYTHON=...")
        return False
    say(f"{name}: installing with {python}")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq"]
    pip += ["--disable-pip-version-check"]
    index = os.environ.get("TORCH_INDEX")
    if name in CHECKOUT:
        # First and alone, so that a named index of CPU builds is asked.
        torch = [*pip, *(["--index-url", index] if index else []), TORCH]
        if not run(name, torch):
            return False
    if not run(name, [*pip, "--constraint", str(CONSTRAINTS), *packages]):
        return False
    stamp.write_text(inputs, encoding="utf-8")
    return True


def clone(folder: Path) -> bool:
    """Fetch LLMCompass where there is none; True when a checkout is there."""
    if folder.exists():
        return True
    say(f"llmcompass: cloning {REPOSITORY} to {folder}")
    begin = ["git", "-c", "advice.detachedHead=false"]
    for command in (
        [*begin, "clone", "--quiet", REPOSITORY, str(folder)],
        [*begin, "-C", str(folder), "checkout", "--quiet", COMMIT],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            say(f"llmcompass: git failed: {reason}")
            return False
    return True


def run(name: str, command: list[str]) -> bool:
    """Run pip; on failure say so in one line."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1] if errors else done.stderr.strip().splitlines()[-1]
        say(f"{name}: pip failed: {reason}; is the package registry reachable?")
    return done.returncode == 0


def interpreter(least: tuple[int, int]) -> str | None:
    """The first Python that is new enough and can make environments."""
    named = os.environ.get("PEERS_PYTHON")
    found = [named] if named else []
    found += [sys.executable, *CANDIDATES]
    versions = Path.home() / ".pyenv" / "versions"
    found += sorted(str(path) for path in versions.glob("3.*/bin/python"))
    check = f"import sys, venv, ensurepip; sys.exit(sys.version_info < {least})"
    for python in found:
        path = shutil.which(python)
        if path is None:
            continue
        done = subprocess.run([path, "-c", check], capture_output=True, check=False)
        if done.returncode == 0:
            return path
    return None


def say(text: str) -> None:
    """Talk to a person."""
    print(f"peers: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
