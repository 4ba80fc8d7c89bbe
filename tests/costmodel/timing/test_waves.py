"""Waves of tiles against walks that collect the elements of every tile in sets."""

from __future__ import annotations

import torch

from costmodel.timing.mapping import ORDERS, Product
from costmodel.timing.waves import Tiles, flat_waves, partition, run_words, shared_words
from tests.oracles.wave_compare import (
    flat_difference,
    partition_difference,
    scalar,
    shared_difference,
    tiles_of,
)


def test_words_of_flat_waves_equal_the_sets():
    """Every order; what a wave needs and what the wave before has already."""
    assert flat_difference(150, seed=51) == 0.0


def test_shared_words_of_all_waves_equal_the_sets():
    assert shared_difference(300, seed=52) == 0.0


def test_grids_of_cores_equal_the_walk():
    words, cycles = partition_difference(150, seed=53)
    assert words == 0.0
    assert cycles <= 1e-12


def test_one_wave_needs_every_operand_once():
    tiles = tiles_of({"m": 100, "n": 70, "k": 50}, {"m": 32, "n": 32, "k": 16}, "kmn")
    needed, kept = flat_waves(tiles, scalar(1000), 2)
    assert [needed.a[0], needed.b[0], needed.c[0]] == [100 * 50, 50 * 70, 100 * 70]
    assert not any(value.any() for value in vars(kept).values())
    assert not needed.a[1]


def test_more_cores_share_more():
    """Words read by all waves never grow with the tiles that run at a time, if those nest."""
    block = Product(scalar(1000), scalar(900), scalar(64))
    read = [
        shared_words(block, scalar(64), scalar(64), scalar(teams)).b.item()
        for teams in (1, 2, 4, 8, 16, 32, 64, 128, 256)
    ]
    assert read == sorted(read, reverse=True)
    assert read[-1] == 64 * 900


def test_leaves_broadcast_and_values_do_not_depend_on_the_batch():
    order = torch.arange(6, dtype=torch.float64).reshape(6, 1, 1)
    block = Product(*(torch.full((1, 1, 4), size, dtype=torch.float64) for size in (90, 80, 70)))
    tiles = Tiles(block, scalar(16), scalar(32), scalar(20), order)
    cores = torch.tensor([3.0, 4.0, 7.0, 100.0], dtype=torch.float64).reshape(1, 1, 4)
    needed, kept = flat_waves(tiles, cores, 5)
    assert needed.a.shape == kept.c.shape == (6, 1, 4, 5)
    alone = tiles_of({"m": 90, "n": 80, "k": 70}, {"m": 16, "n": 32, "k": 20}, ORDERS[4])
    one, shared = flat_waves(alone, scalar(7), 5)
    assert torch.equal(needed.b[4, 0, 2], one.b)
    assert torch.equal(kept.a[4, 0, 2], shared.a)
    found = partition(tiles, Product(cores, cores, torch.ones_like(cores)))
    assert found.count.shape == (1, 1, 4, 8)
    assert (found.count.sum(-1) >= 1.0).all()


def test_runs_add_up():
    """A wave and the next need what they need together, plus what both need."""
    tiles = tiles_of({"m": 50, "n": 40, "k": 30}, {"m": 7, "n": 9, "k": 8}, "nkm")
    first = run_words(tiles, scalar(3), scalar(20))
    second = run_words(tiles, scalar(20), scalar(60))
    together = run_words(tiles, scalar(3), scalar(60))
    for name in "abc":
        parts = getattr(first, name) + getattr(second, name)
        assert getattr(together, name) <= parts
