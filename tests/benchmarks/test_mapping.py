"""Closed forms of the peers' semantics: against enumeration, and against what the peers said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from costmodel.errors import ScovilleError
from experiments.benchmarks.mapping import candidates as search
from experiments.benchmarks.mapping import compare, files, perfect, run, serial, stalls
from experiments.benchmarks.mapping.compare import SINGLE
from experiments.benchmarks.mapping.machine import MATCHED, Gemm, Machine
from experiments.benchmarks.mapping.points import one, scattered

RESULTS = json.loads((Path(search.__file__).parent / "results.json").read_text(encoding="utf-8"))
SMALL = Gemm(512, 1024, 768)
EDGES = (MATCHED.rows, MATCHED.columns)


@pytest.mark.parametrize(
    "row", RESULTS["rows"], ids=lambda row: f"{row['peer']}-{row['machine']['bandwidth']:g}"
)
def test_closed_forms_say_what_the_peers_said(row):
    machine, gemm = Machine(**row["machine"]), Gemm(**RESULTS["gemm"])
    found = compare.formula(row["peer"].lower(), machine, gemm, row["raw"])
    left = row["theirs"] - found
    assert -SINGLE * found <= left <= row["slack"] + SINGLE * found


@pytest.mark.parametrize("row", RESULTS["rows"], ids=lambda row: row["peer"])
def test_terms_add_up_to_the_latency(row):
    theirs, ours = sum(row["their_terms"].values()), sum(row["our_terms"].values())
    assert -SINGLE * theirs <= row["theirs"] - theirs <= row["slack"] + SINGLE * theirs
    assert ours == pytest.approx(row["ours"], rel=SINGLE)


def test_results_are_no_worse_than_the_peers():
    for row in RESULTS["rows"]:
        assert row["ours"] <= row["theirs"] * (1.0 + SINGLE)
        assert abs(row["confirmed"] - row["ours"]) <= row["our_slack"] + SINGLE * row["ours"]


def test_the_frontier_keeps_the_best_of_every_sram():
    every = search.candidates(SMALL, EDGES)
    table = perfect.frontier(every, MATCHED.element)
    points = scattered(32)
    points.sram.div_(16.0)  # this GEMM is small
    cycles = perfect.array_cycles(SMALL, MATCHED)
    found, number = perfect.best(table, cycles, points)
    need = MATCHED.element * sum(every.stored(operand) for operand in "abc")
    moved = MATCHED.element * every.moved
    for index in range(32):
        clock, sram, bandwidth = (float(item[index]) for item in vars(points).values())
        fits = need <= sram
        seconds = torch.clamp(moved[fits] / bandwidth, min=cycles / clock)
        assert float(found[index]) == pytest.approx(float(seconds.min()), rel=1e-14)
        assert float(need[number[index]]) <= sram


@pytest.mark.parametrize("together", [1, 4096])
def test_the_bound_never_hides_the_best_serial_mapping(monkeypatch, together):
    monkeypatch.setattr(serial, "SMALL", together)
    table = serial.prepare(search.candidates(SMALL, EDGES, holds=False), MATCHED)
    points = scattered(24)
    points.sram.div_(16.0)
    found, _ = serial.best(table, points, MATCHED)
    every = torch.arange(len(table.candidates)).expand(24, -1)
    exact = serial.cycles(table, every, points.bytes_per_cycle, MATCHED)
    exact = torch.where(table.need <= points.room, exact, torch.inf).amin(-1)
    torch.testing.assert_close(found * points.clock, exact, rtol=1e-12, atol=0.0)


def test_a_held_operand_keeps_its_panel():
    plain = search.given(SMALL, "nkm", [128, 256, 128])
    held = search.given(SMALL, "nkm", [128, 256, 128], "c")
    assert float(plain.stored("c")) == 128 * 256
    assert float(held.stored("c")) == SMALL.rows * 256  # m runs inside k, n outside
    assert float(held.words.output) == SMALL.rows * SMALL.columns
    assert float(held.words.partial_write) == 0.0 < float(plain.words.partial_write)


def test_stalls_are_memory_time_beyond_the_array():
    """Doubly buffered, no operand stalls alone: the sum is memory's time less first blocks."""
    table = stalls.prepare(search.given(SMALL, "mnk", [256, 256, 128]), MATCHED)
    slow = torch.tensor([1.0], dtype=torch.float64)
    found = stalls.terms(table, slow, MATCHED)
    moves = (table.inputs, table.weights, table.outputs)
    again = sum(float(move.bytes * (move.times - 1.0)) for move in moves)
    assert float(found.stalls) == pytest.approx(again - float(found.array))
    fast = stalls.terms(table, torch.tensor([1e9], dtype=torch.float64), MATCHED)
    assert float(fast.stalls) == 0.0


def test_files_are_what_their_readers_read():
    assert yaml.safe_load(files.zigzag(MATCHED))["operational_array"]["sizes"] == [128, 128]
    described = json.loads(files.llmcompass(MATCHED))
    core = described["device"]["compute_chiplet"]["core"]
    assert core["SRAM_KB"] * 1024 == MATCHED.sram
    assert "throughput: 2048000000000.0" in files.accelforge(MATCHED)
    assert "Dataflow : ws" in files.scalesim(MATCHED, "ws")


def test_a_peer_that_is_not_there_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv(run.CHECKOUT, raising=False)
    with pytest.raises(ScovilleError, match="names no checkout"):
        run.ask("llmcompass", MATCHED, SMALL)
    monkeypatch.setattr(run, "ENVIRONMENTS", tmp_path)
    with pytest.raises(ScovilleError, match="make peers"):
        run.ask("zigzag", MATCHED, SMALL)


def test_points_lie_in_their_ranges_and_differ():
    points = scattered(64)
    assert len({tuple(row) for row in torch.stack(tuple(vars(points).values()), -1).tolist()}) == 64
    assert float(one(MATCHED).bytes_per_cycle) == MATCHED.bytes_per_cycle
