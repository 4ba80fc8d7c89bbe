"""Ask a peer's own interpreter for its best mapping, or for its opinion of one of ours."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from costmodel.errors import ScovilleError
from experiments.benchmarks.mapping import files
from experiments.benchmarks.mapping.machine import Gemm, Machine

ROOT = Path(__file__).parents[3]
ENVIRONMENTS = ROOT / ".venv-peers"
SCRIPTS = ROOT / "experiments" / "peers"
CHECKOUT = "LLMCOMPASS"
"""Environment variable that names a checkout of LLMCompass, which no registry has."""
LIMIT = 1800.0
"""Longest that a peer may take [s]."""
SUFFIX = {"accelforge": ".yaml", "zigzag": ".yaml", "llmcompass": ".json", "scalesim": ".cfg"}


def ask(peer: str, machine: Machine, gemm: Gemm, mapping: Any = None) -> Any:
    """A peer's best mapping of a GEMM, or its latency of `mapping`, in its own units.

    A list of mappings gives a list of answers.

    Raises
    ------
    ScovilleError
        When the peer is not installed, fails or takes too long.
    """
    extra = [] if mapping is None else [json.dumps(mapping)]
    if peer == "llmcompass":
        extra.insert(0, _checkout())
    return _run(peer, f"map_{peer}.py", getattr(files, peer)(machine), gemm, extra)


def walk(machine: Machine, gemm: Gemm, dataflow: str) -> dict[str, Any]:
    """SCALE-Sim's cycles of a GEMM on the array alone."""
    answer: dict[str, Any] = _run(
        "scalesim", "run_scalesim.py", files.scalesim(machine, dataflow), gemm, []
    )
    return answer


def _checkout() -> str:
    path = os.environ.get(CHECKOUT)
    if not path:
        raise ScovilleError(
            f"{CHECKOUT} names no checkout",
            next_step=f"`{CHECKOUT}=PATH make peers` clones it to PATH and builds what it needs",
        )
    if not (Path(path) / "software_model" / "matmul.py").exists():
        raise ScovilleError(f"{CHECKOUT} names {path}, which holds no LLMCompass")
    return str(Path(path).resolve())


def _run(peer: str, script: str, content: str, gemm: Gemm, arguments: list[str]) -> Any:
    folder = ENVIRONMENTS / peer
    if not (folder / "installed").exists():
        raise ScovilleError(f"{peer} is not installed", next_step="`make peers` builds it")
    sizes = [str(size) for size in (gemm.rows, gemm.depth, gemm.columns)]
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / f"matched{SUFFIX[peer]}"
        file.write_text(content, encoding="utf-8")
        command = [str(folder / "bin" / "python"), str(SCRIPTS / script), str(file)]
        try:
            done = subprocess.run(
                [*command, *sizes, *arguments],
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
                env={**os.environ, **single},
            )
        except subprocess.TimeoutExpired as error:
            raise ScovilleError(f"{peer} took longer than {LIMIT:g} s") from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ScovilleError(f"{peer} failed: {last[0]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
