"""Mappings drawn at random, in each peer's own evaluator and in our closed form of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from experiments.benchmarks.mapping import candidates as search
from experiments.benchmarks.mapping import run, serial, stalls, words
from experiments.benchmarks.mapping.compare import SINGLE, tiles
from experiments.benchmarks.mapping.machine import Gemm, Machine
from experiments.benchmarks.mapping.points import one

COUNT = 24
SEED = 7
BYTE = 8.0
MOST_TILES = 250.0
"""LLMCompass walks every tile; more of them take it minutes."""


@dataclass(frozen=True)
class Agreement:
    """How many random mappings a peer and our closed form say the same of."""

    peer: str
    quantity: str
    same: int
    asked: int
    left_out: int  # that the peer could not evaluate


def accelforge(machine: Machine, gemm: Gemm) -> Agreement:
    """Bits that memory reads and writes; uneven tiles and held operands too."""
    every = search.candidates(gemm, (machine.rows, machine.columns))
    need = machine.element * sum(every.stored(operand) for operand in "abc")
    assert isinstance(need, Tensor)
    numbers = _drawn(need <= machine.sram)
    said = run.ask("accelforge", machine, gemm, [every.words_of(number) for number in numbers])
    bits, w = BYTE * machine.element, every.words
    read, written = bits * (w.a + w.b + w.partial_read), bits * (w.partial_write + w.output)
    same = 0
    for number, answer in zip(numbers, said, strict=True):
        ours = float(read[number]), float(written[number])
        pairs = zip(ours, answer["memory_bits"], strict=True)
        same += all(abs(mine - theirs) <= SINGLE * theirs for mine, theirs in pairs)
    return Agreement("AccelForge", "bits read and written", same, len(numbers), 0)


def zigzag(machine: Machine, gemm: Gemm) -> Agreement:
    """Cycles, to the last one."""
    every = search.candidates(gemm, (machine.rows, machine.columns), even=True, holds=False)
    table = stalls.prepare(every, machine)
    numbers = _drawn(table.need <= machine.sram)
    loops = [words.levels(machine, gemm, every.words_of(number)) for number in numbers]
    said = run.ask("zigzag", machine, gemm, loops)
    ours = stalls.terms(table, one(machine).bytes_per_cycle[0], machine).total
    same = sum(
        float(ours[number]) == answer["cycles"]
        for number, answer in zip(numbers, said, strict=True)
    )
    return Agreement("ZigZag", "cycles", same, len(numbers), 0)


def llmcompass(machine: Machine, gemm: Gemm) -> Agreement:
    """Cycles, but for one a tile that adds partial sums."""
    every = search.candidates(gemm, (machine.rows, machine.columns), holds=False)
    table = serial.prepare(every, machine)
    trips = every.trips["m"] * every.trips["n"] * every.trips["k"]
    numbers = _drawn((table.need <= machine.sram) & (trips <= MOST_TILES))
    said = run.ask("llmcompass", machine, gemm, [every.words_of(number) for number in numbers])
    speed = one(machine).bytes_per_cycle
    ours = serial.cycles(table, torch.tensor([numbers]), speed, machine)[0]
    found = [
        (number, float(mine), answer["cycles"])
        for number, mine, answer in zip(numbers, ours, said, strict=True)
        if answer is not None
    ]
    same = sum(0.0 <= theirs - mine <= tiles(every, number) for number, mine, theirs in found)
    quantity = "cycles, up to one a tile"
    return Agreement("LLMCompass", quantity, same, len(found), len(numbers) - len(found))


AGREEMENTS: dict[str, Callable[[Machine, Gemm], Agreement]] = {
    "AccelForge": accelforge,
    "ZigZag": zigzag,
    "LLMCompass": llmcompass,
}


def _drawn(allowed: Tensor) -> list[int]:
    """Some of the allowed candidates, always the same."""
    generator = torch.Generator().manual_seed(SEED)
    some = torch.nonzero(allowed).squeeze(-1)
    picked: list[int] = some[torch.randperm(len(some), generator=generator)[:COUNT]].tolist()
    return picked
