"""One GEMM in our model and in the peers' tools, on the same exported design and scope.

The peers run in environments of their own (`make peers`): each has a script in
``experiments/peers/`` that takes a file and a GEMM and prints JSON.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from costmodel.errors import ScovilleError
from costmodel.hardware.system import Pool
from costmodel.hardware.technology import Technology
from costmodel.physics.clock import package_clocks
from costmodel.timing.mapping import Product
from costmodel.timing.products import map_products
from costmodel.timing.resources import Resources, compute_die, package_resources
from costmodel.timing.tables import build_tables
from search.exporters.datasheet import BYTE, Datasheet

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".venv-peers"
SCRIPTS = Path(__file__).parent / "peers"
LIMIT = 1800.0
"""Longest that a peer may take [s]."""


@dataclass(frozen=True)
class Gemm:
    """[rows, depth] x [depth, columns]."""

    rows: int
    depth: int
    columns: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates [MAC]."""
        return self.rows * self.depth * self.columns

    def __str__(self) -> str:
        return f"{self.rows} x {self.depth} x {self.columns}"


@dataclass(frozen=True)
class Opinion:
    """What a model says of a GEMM."""

    seconds: float
    cycles: float
    utilisation: float  # of the multipliers in scope [1]
    energy: float | None  # dynamic [J]
    parts: dict[str, Any]


def python_of(peer: str) -> Path | None:
    """Interpreter of a peer's environment, or None where it is not complete."""
    folder = ENVIRONMENTS / peer
    return folder / "bin" / "python" if (folder / "installed").exists() else None


def ask(peer: str, file: Path, gemm: Gemm, clock: float, *arguments: str) -> dict[str, Any]:
    """Run a peer on an exported file.

    Parameters
    ----------
    peer : str
        Name of its environment and script.
    file : Path
    gemm : Gemm
    clock : float
        Turns cycles into seconds where the peer knows no clock [Hz].
    *arguments : str
        For the script.

    Returns
    -------
    dict
        What the script prints; `seconds` is always there.

    Raises
    ------
    ScovilleError
        When the peer is not installed, fails or takes too long.
    """
    python = python_of(peer)
    if python is None:
        raise ScovilleError(f"{peer} is not installed", next_step="`make peers` builds it")
    sizes = [str(size) for size in (gemm.rows, gemm.depth, gemm.columns)]
    script = str(SCRIPTS / f"run_{peer}.py")
    try:
        done = subprocess.run(
            [str(python), script, str(file), *sizes, *arguments],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ScovilleError(f"{peer} took longer than {LIMIT:g} s") from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ScovilleError(f"{peer} failed: {last[0]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    answer.setdefault("seconds", answer["cycles"] / clock)
    return answer


def ours(pool: Pool, sheet: Datasheet, technology: Technology, gemm: Gemm) -> Opinion:
    """Our model on the whole package, from memory to memory, without launch and software.

    The mapping is the best one, as in a study. Software efficiencies are left out because the
    peers that map have none.
    """
    clock = package_clocks(technology, pool.package)[pool.package.dies.index(compute_die(pool))]
    resources = package_resources(technology, pool, clock, torch.zeros_like(clock))
    return _opinion(_without_software(resources), sheet, gemm, with_energy=True)


def ours_of_array(
    pool: Pool, sheet: Datasheet, technology: Technology, gemm: Gemm, hidden: bool = True
) -> Opinion:
    """Our model on one array that draws from the shared SRAM through its share of a port.

    Parameters
    ----------
    pool, sheet, technology, gemm
        `gemm` is the share of one array.
    hidden : bool
        Whether the next weights load while rows stream.
    """
    clock = package_clocks(technology, pool.package)[pool.package.dies.index(compute_die(pool))]
    whole = package_resources(technology, pool, clock, torch.zeros_like(clock))
    one = torch.ones_like(whole.cores)
    alone = dataclasses.replace(
        whole,
        cores=one,
        arrays=one,
        lanes=whole.lanes / whole.cores / whole.arrays,
        port_width=whole.port_width / whole.arrays,
        l1=whole.l1 / whole.arrays,
        l2=torch.zeros_like(whole.l2),
        has_memory=torch.zeros_like(whole.has_memory),
        hidden_fill=whole.hidden_fill if hidden else torch.zeros_like(whole.hidden_fill),
    )
    return _opinion(_without_software(alone), sheet, gemm, with_energy=False)


def _without_software(resources: Resources) -> Resources:
    one = torch.ones_like(resources.array_efficiency)
    return dataclasses.replace(resources, array_efficiency=one, vector_efficiency=one)


def _opinion(resources: Resources, sheet: Datasheet, gemm: Gemm, with_energy: bool) -> Opinion:
    product = Product(
        *(torch.full((1, 1), float(size)) for size in (gemm.rows, gemm.columns, gemm.depth))
    )
    product = Product(*(item.double() for item in vars(product).values()))
    work = map_products(product, resources, build_tables(), on_chip=False).work
    times = {
        "array": work.array_time,
        "vector": work.vector_time,
        "port": work.port_time,
        "memory": work.memory_time,
    }
    seconds = float(work.busy)
    cycles = seconds * float(resources.clock)
    lanes = float(
        resources.cores * resources.arrays * resources.rows * resources.columns * resources.rate
    )
    bits = [BYTE * float(sum(level)) for level in (work.l1_bytes, work.l2_bytes, work.memory_bytes)]
    price = sheet.energies
    idle = float(work.array_cycles) * lanes - gemm.macs
    energies = {
        "multiply": gemm.macs * price.mac,
        "idle multipliers": idle * price.idle_slot,
        "scratchpads": bits[0] * price.l1_bit,
        "shared SRAM": (bits[1] - bits[2]) * price.l2_bit_core + bits[2] * price.l2_bit_fill,
        "memory": bits[2] * price.memory_bit,
        "partial sums": float(work.vector_operations) * price.vector,
    }
    return Opinion(
        seconds=seconds,
        cycles=cycles,
        utilisation=gemm.macs / (lanes * cycles),
        energy=sum(energies.values()) if with_energy else None,
        parts={
            "seconds": {name: float(value) for name, value in times.items()},
            "energy_J": energies if with_energy else {},
            "bytes": {
                name: size / BYTE for name, size in zip(("l1", "l2", "memory"), bits, strict=True)
            },
        },
    )
