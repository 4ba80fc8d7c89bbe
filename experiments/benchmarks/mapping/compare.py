"""Each peer beside our model on one machine: its optimum, our closed form of it, our best.

A row says four latencies of one GEMM on one machine under one peer's semantics:

``theirs``
    What the peer's own mapper found.
``formula``
    Our closed form of the peer's semantics on the peer's mapping.
``ours``
    The least latency over the lattice of our mapper under these semantics.
``confirmed``
    What the peer itself says of our mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from experiments.benchmarks.mapping import candidates as search
from experiments.benchmarks.mapping import perfect, run, serial, stalls, words
from experiments.benchmarks.mapping.machine import Gemm, Machine
from experiments.benchmarks.mapping.points import one

SINGLE = 1e-6
"""AccelForge counts in single precision."""
TERMS = (
    "multiply-accumulates",
    "array not full",
    "first load",
    "waiting for memory",
    "last store",
    "imperfect overlap",
)
"""What a latency is made of, in every tool; they add up to it."""


@dataclass(frozen=True)
class Row:
    """One GEMM on one machine under one peer's semantics; latencies in cycles."""

    peer: str
    version: str
    machine: Machine
    theirs: float
    formula: float
    slack: float  # cycles at most that the closed form leaves out
    our_slack: float  # the same on our mapping
    ours: float
    confirmed: float
    even: tuple[float, float] | None  # its best and ours when all loops divide evenly
    seconds: float  # of processor, one search of the peer's mapper
    their_terms: dict[str, float]
    our_terms: dict[str, float]
    moved: tuple[float, float]  # by their mapping and by ours, between memory and SRAM [byte]
    raw: Any  # their mapping in the peer's own words
    their_mapping: str
    our_mapping: str


@dataclass(frozen=True)
class Lattices:
    """The candidates under each peer's semantics: built once, then looked up."""

    accelforge: perfect.Frontier
    accelforge_of: search.Candidates
    cycles: float
    even: perfect.Frontier
    zigzag: stalls.Prepared
    zigzag_of: search.Candidates
    llmcompass: serial.Prepared


def lattices(machine: Machine, gemm: Gemm) -> Lattices:
    """Build all candidates; nothing in them depends on clock, SRAM or bandwidth."""
    edges = (machine.rows, machine.columns)
    every = search.candidates(gemm, edges)
    even = search.candidates(gemm, edges, even=True)
    flat = search.candidates(gemm, edges, even=True, holds=False)
    serials = search.candidates(gemm, edges, holds=False)
    return Lattices(
        accelforge=perfect.frontier(every, machine.element),
        accelforge_of=every,
        cycles=perfect.array_cycles(gemm, machine),
        even=perfect.frontier(even, machine.element),
        zigzag=stalls.prepare(flat, machine),
        zigzag_of=flat,
        llmcompass=serial.prepare(serials, machine),
    )


def terms(
    ideal: float, idle: float = 0.0, first: float = 0.0, waiting: float = 0.0, last: float = 0.0
) -> dict[str, float]:
    """Cycles by name, in the order of TERMS."""
    return dict(zip(TERMS, (ideal, idle, first, waiting, last, 0.0), strict=True))


def accelforge(machine: Machine, gemm: Gemm, tables: Lattices) -> Row:
    """AccelForge, and its closed form."""
    answer = run.ask("accelforge", machine, gemm)
    clock = machine.clock
    point = one(machine)
    seconds, number = perfect.best(tables.accelforge, tables.cycles, point)
    even, _ = perfect.best(tables.even, tables.cycles, point)
    chosen = tables.accelforge_of.words_of(int(number))
    confirmed = run.ask("accelforge", machine, gemm, chosen)
    theirs, mine = clock * answer["seconds"], clock * float(seconds)
    array = clock * answer["parts"]["MAC"]
    ideal = tables.cycles
    # Where memory binds, columns that its mapping leaves idle cost nothing.
    idle = array - ideal if array >= (1.0 - SINGLE) * theirs else 0.0
    first = answer["searches"][0]
    return Row(
        peer=answer["peer"],
        version=answer["version"],
        machine=machine,
        theirs=theirs,
        formula=formula("accelforge", machine, gemm, answer["mapping"]),
        slack=0.0,
        our_slack=0.0,
        ours=mine,
        confirmed=clock * confirmed["seconds"],
        even=(clock * first["seconds"], clock * float(even)),
        seconds=first["cpu_s"],
        their_terms=terms(ideal, idle, waiting=theirs - ideal - idle),
        our_terms=terms(ideal, waiting=mine - ideal),
        moved=(
            machine.element * sum(perfect.loops_moved(gemm, answer["mapping"])),
            float(tables.accelforge_of.moved[int(number)]) * machine.element,
        ),
        raw=answer["mapping"],
        their_mapping=words.nest(answer["mapping"]),
        our_mapping=words.blocks(chosen),
    )


def zigzag(machine: Machine, gemm: Gemm, tables: Lattices) -> Row:
    """ZigZag, and its closed form."""
    answer = run.ask("zigzag", machine, gemm)
    point = one(machine)
    seconds, number = stalls.best(tables.zigzag, point, machine)
    chosen = tables.zigzag_of.words_of(int(number))
    confirmed = run.ask("zigzag", machine, gemm, words.levels(machine, gemm, chosen))
    _, carried = _zigzag_form(machine, gemm, answer["mapping"])
    speed = torch.full_like(tables.zigzag.need, machine.bytes_per_cycle)
    best = stalls.terms(tables.zigzag, speed, machine)
    mine = {name: float(value[int(number)]) for name, value in vars(best).items()}
    parts = answer["parts"]
    return Row(
        peer=answer["peer"],
        version=answer["version"],
        machine=machine,
        theirs=answer["cycles"],
        formula=formula("zigzag", machine, gemm, answer["mapping"]),
        slack=0.0,
        our_slack=0.0,
        ours=machine.clock * float(seconds),
        confirmed=confirmed["cycles"],
        even=None,
        seconds=answer["cpu_s"],
        their_terms=terms(
            parts["array_cycles"],
            parts["drain_cycles"],
            parts["first_load_cycles"],
            parts["stall_cycles"],
            parts["last_store_cycles"],
        ),
        our_terms=terms(
            mine["array"], mine["drain"], mine["first_loads"], mine["stalls"], mine["last_store"]
        ),
        moved=(carried, float(tables.zigzag.moved[int(number)])),
        raw=answer["mapping"],
        their_mapping=words.memories(answer["mapping"]),
        our_mapping=words.blocks(chosen),
    )


def llmcompass(machine: Machine, gemm: Gemm, tables: Lattices) -> Row:
    """LLMCompass, and its closed form."""
    answer = run.ask("llmcompass", machine, gemm)
    point = one(machine)
    seconds, number = serial.best(tables.llmcompass, point, machine)
    chosen = tables.llmcompass.candidates.words_of(int(number))
    confirmed = run.ask("llmcompass", machine, gemm, chosen)
    theirs = serial.prepare(search.given(gemm, **answer["mapping"]), machine)
    parts = _serial_terms(theirs, 0, machine, gemm)
    mine = _serial_terms(tables.llmcompass, int(number), machine, gemm)
    return Row(
        peer=answer["peer"],
        version=answer["version"],
        machine=machine,
        theirs=answer["cycles"],
        formula=formula("llmcompass", machine, gemm, answer["mapping"]),
        slack=tiles(theirs.candidates, 0),
        our_slack=tiles(tables.llmcompass.candidates, int(number)),
        ours=machine.clock * float(seconds),
        confirmed=confirmed["cycles"],
        even=None,
        seconds=answer["cpu_s"],
        their_terms=parts,
        our_terms=mine,
        moved=(
            float(theirs.reads + theirs.writes),
            float((tables.llmcompass.reads + tables.llmcompass.writes)[int(number)]),
        ),
        raw=answer["mapping"],
        their_mapping=words.blocks(answer["mapping"]),
        our_mapping=words.blocks(chosen),
    )


def formula(peer: str, machine: Machine, gemm: Gemm, mapping: Any) -> float:
    """Our closed form of a peer's semantics on a mapping in the peer's own words [cycle]."""
    if peer == "accelforge":
        size = machine.element * sum(perfect.loops_moved(gemm, mapping))
        return max(perfect.array_cycles(gemm, machine), size / machine.bytes_per_cycle)
    if peer == "zigzag":
        return float(_zigzag_form(machine, gemm, mapping)[0].total)
    table = serial.prepare(search.given(gemm, **mapping), machine)
    speed = torch.tensor([[machine.bytes_per_cycle]], dtype=torch.float64)
    return float(serial.cycles(table, torch.tensor([[0]]), speed, machine))


def tiles(of: search.Candidates, number: int) -> float:
    """Cycles at most that LLMCompass spends on adding sums and rounding up."""
    return serial.EDGES + prod(float(trips[number]) for trips in of.trips.values())


PEERS = {"accelforge": accelforge, "zigzag": zigzag, "llmcompass": llmcompass}


def _serial_terms(
    table: serial.Prepared, number: int, machine: Machine, gemm: Gemm
) -> dict[str, float]:
    speed = torch.tensor([[machine.bytes_per_cycle]], dtype=torch.float64)
    total = float(serial.cycles(table, torch.tensor([[number]]), speed, machine))
    ideal = gemm.macs / (machine.rows * machine.columns)
    busy = float(table.cycles[number])
    head, writes = (float(item[number] / speed) for item in (table.head, table.writes))
    waiting = total - busy - head - writes
    return terms(ideal, busy - ideal, head, waiting, writes)


def _zigzag_form(machine: Machine, gemm: Gemm, loops: dict[str, Any]) -> tuple[stalls.Terms, float]:
    """Our closed form on ZigZag's loops, and the bytes that they move."""
    array = {"D0": 1, "D1": machine.columns, "D2": machine.rows}
    own = {"I": ("D0", "D2"), "W": ("D2", "D1"), "O": ("D0", "D1")}
    spilled = any(dim == "D2" for dim, _ in loops["O"][-1])
    moves = []
    for operand, dims in own.items():
        below = [loop for level in loops[operand][:-1] for loop in level]
        width = machine.accumulator if spilled and operand == "O" else machine.element
        size = float(width)
        for dim in dims:
            size *= array[dim]
        for dim, trips in below:
            size *= trips if dim in dims else 1
        times = 1.0
        for _, trips in loops[operand][-1]:
            times *= trips
        moves.append(stalls.Movement(torch.tensor(times).double(), torch.tensor(size).double()))
    cycles = torch.tensor(gemm.macs / (machine.rows * machine.columns), dtype=torch.float64)
    speed = torch.tensor(machine.bytes_per_cycle, dtype=torch.float64)
    flag = torch.tensor(float(spilled), dtype=torch.float64)
    inputs, weights, outputs = moves
    found = stalls.latency(cycles, inputs, weights, outputs, flag, speed, machine)
    return found, float(stalls.moved(inputs, weights, outputs, flag))
