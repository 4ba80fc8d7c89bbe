"""What is measured: rows of the comparison, array walks, processor time a hardware point."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from costmodel.errors import ScovilleError
from costmodel.timing.arrays import tile_cycles
from experiments.benchmarks.mapping import candidates as search
from experiments.benchmarks.mapping import compare, ours, perfect, run, serial, stalls
from experiments.benchmarks.mapping.agreement import AGREEMENTS, Agreement
from experiments.benchmarks.mapping.compare import PEERS, Lattices, Row
from experiments.benchmarks.mapping.machine import BALANCED, GEMM, MATCHED, Gemm, Machine
from experiments.benchmarks.mapping.points import POINTS, one, scattered

TITLES = {"accelforge": "AccelForge", "zigzag": "ZigZag", "llmcompass": "LLMCompass"}
DATAFLOWS = {
    "ws": {"weight_stationary": 1.0, "input_stationary": 0.0},
    "is": {"weight_stationary": 0.0, "input_stationary": 1.0},
    "os": {"weight_stationary": 0.0, "input_stationary": 0.0},
}
TILE = Gemm(300, 200, 260)
"""Of no dimension a multiple of the array."""
COUNTED_FROM_ZERO = 1.0
"""SCALE-Sim reports the number of the last cycle, the first is 0."""


@dataclass(frozen=True)
class Missing:
    """A peer that was asked but did not run."""

    peer: str
    machine: Machine
    reason: str


@dataclass(frozen=True)
class Walk:
    """SCALE-Sim's cycles of one tile and our closed form of them."""

    dataflow: str
    version: str
    theirs: float
    formula: float  # nothing hidden, as they walk [cycle]
    ours: float  # with the second set of registers that our machine has [cycle]


@dataclass(frozen=True)
class Timing:
    """Processor seconds on one thread to answer one peer's question."""

    peer: str
    mappings: int
    cold: float  # build the candidates
    warm: float  # one more hardware point


@contextmanager
def one_thread() -> Iterator[None]:
    """The peers' mappers get one thread, so do we."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


def rows(machines: tuple[Machine, ...], gemm: Gemm = GEMM) -> Iterator[Row | Missing]:
    """Every peer on every machine, as they come."""
    tables: Lattices | None = None
    for machine in machines:
        for name, of in PEERS.items():
            with one_thread():
                tables = tables or compare.lattices(MATCHED, gemm)
                try:
                    found: Row | Missing = of(machine, gemm, tables)
                except ScovilleError as error:
                    found = Missing(TITLES[name], machine, str(error))
            yield found


def agreements(machine: Machine = BALANCED, gemm: Gemm = GEMM) -> Iterator[Agreement | Missing]:
    """Random mappings in each peer's evaluator and in our closed form."""
    for name, of in AGREEMENTS.items():
        with one_thread():
            try:
                found: Agreement | Missing = of(machine, gemm)
            except ScovilleError as error:
                found = Missing(name, machine, str(error))
        yield found


def walks(machine: Machine = MATCHED, tile: Gemm = TILE) -> Iterator[Walk | Missing]:
    """SCALE-Sim beside our closed form, for each dataflow."""
    m, n, k = (
        torch.full((1, 1), float(size)).double() for size in (tile.rows, tile.columns, tile.depth)
    )
    for name, flags in DATAFLOWS.items():
        try:
            answer = run.walk(machine, tile, name)
        except ScovilleError as error:
            yield Missing("SCALE-Sim", machine, str(error))
            return
        cycles = []
        for hidden in (0.0, 1.0):
            changed = {**flags, "hidden_fill": hidden}
            resources = ours.resources(machine, one(machine), **changed)
            cycles.append(float(tile_cycles(resources, m, n, k)))
        bare, hidden_fill = cycles
        yield Walk(name, answer["version"], answer["cycles"], bare - COUNTED_FROM_ZERO, hidden_fill)


def timings(machine: Machine = MATCHED, gemm: Gemm = GEMM) -> Iterator[Timing]:
    """Each peer's question put to our lattice at every hardware point."""
    edges = (machine.rows, machine.columns)
    points = scattered()

    def timed(peer: str, build: Callable[[], tuple[int, Callable[[], object]]]) -> Timing:
        with one_thread():
            begin = time.process_time()
            count, look_up = build()
            built = time.process_time()
            look_up()
            done = time.process_time()
        return Timing(peer, count, built - begin, (done - built) / POINTS)

    def overlapped() -> tuple[int, Callable[[], object]]:
        every = search.candidates(gemm, edges)
        table = perfect.frontier(every, machine.element)
        cycles = perfect.array_cycles(gemm, machine)
        return len(every), lambda: perfect.best(table, cycles, points)

    def stalled() -> tuple[int, Callable[[], object]]:
        every = search.candidates(gemm, edges, even=True, holds=False)
        table = stalls.prepare(every, machine)
        return len(every), lambda: stalls.best(table, points, machine)

    def waited() -> tuple[int, Callable[[], object]]:
        every = search.candidates(gemm, edges, holds=False)
        table = serial.prepare(every, machine)
        return len(every), lambda: serial.best(table, points, machine)

    for name, build in zip(TITLES.values(), (overlapped, stalled, waited), strict=True):
        yield timed(name, build)
