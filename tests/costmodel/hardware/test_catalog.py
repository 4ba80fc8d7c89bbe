"""Known chips: their published peaks, clocks, capacities and bandwidths come out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from costmodel.errors import ConfigError, DataError
from costmodel.hardware.catalog import Chip, build_system, list_chips, load_chip, load_system
from costmodel.hardware.documents import parse_document
from costmodel.hardware.loading import DATA, load_technology
from costmodel.hardware.system import leaves
from costmodel.physics.clock import clock_frequency

TECHNOLOGY = load_technology()
CHIPS = {name: load_chip(name, TECHNOLOGY) for name in list_chips()}
WANTED = {
    "h100", "a100", "h200", "tpu-v4", "tpu-v5p", "trainium2",
    "mi300x", "maia-100", "mtia-v1", "groq-lpu", "fractile-like",
}  # fmt: skip
# Clocks of the data sheets [GHz]; Trainium2's and Maia's follow from their peaks.
CLOCKS = {
    "h100": 1.83, "a100": 1.41, "h200": 1.83, "tpu-v4": 1.05, "tpu-v5p": 1.75,
    "mi300x": 2.1, "mtia-v1": 0.8, "groq-lpu": 0.9,
}  # fmt: skip


def compute(chip: Chip):  # type: ignore[no-untyped-def]
    return chip.designs.pools[0].package.dies[0]


def test_the_chips_people_know() -> None:
    assert set(list_chips()) == WANTED


@pytest.mark.parametrize("name", sorted(WANTED))
def test_batch_is_empty_and_finite(name: str) -> None:
    designs = CHIPS[name].designs
    assert designs.batch_shape == ()
    assert all(bool(torch.isfinite(leaf.double())) for leaf in leaves(designs))


@pytest.mark.parametrize("name", sorted(CLOCKS))
def test_published_clock_within_one_percent(name: str) -> None:
    clock = float(clock_frequency(TECHNOLOGY, compute(CHIPS[name])))
    assert clock == pytest.approx(CLOCKS[name] * 1e9, rel=0.01)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_clock_scale_stays_within_the_anchor_and_is_said(name: str) -> None:
    chip = CHIPS[name]
    scale = float(compute(chip).clock_scale)
    anchor = TECHNOLOGY.names("machine")[int(compute(chip).machine)]
    value = TECHNOLOGY.entry("machine", anchor, "clock_anchor")
    assert value.range is not None
    assert value.range[0] <= value.value * scale <= value.range[1]
    assert (scale == 1.0) == (not any("clock_scale" in note for note in chip.notes))
    voltage = compute(chip).voltage_logic
    low = TECHNOLOGY.at("node", "voltage_min", compute(chip).node)
    high = TECHNOLOGY.at("node", "voltage_max", compute(chip).node)
    assert bool((low <= voltage) & (voltage <= high))


@pytest.mark.parametrize("name", sorted(WANTED))
@pytest.mark.parametrize("precision", ["bf16", "int8", "fp8"])
def test_published_peak_within_three_percent(name: str, precision: str) -> None:
    chip, die = CHIPS[name], compute(CHIPS[name])
    elements = die.array_rows * die.array_columns * die.arrays_per_core
    rate = getattr(die, f"rate_{precision}")
    macs = elements * die.cores_enabled * die.count * rate
    peak = 2.0 * float(macs * clock_frequency(TECHNOLOGY, die))
    fact = chip.facts.get(f"peak_{precision}")
    if fact is not None:
        assert peak == pytest.approx(fact.value, rel=0.03)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_published_memory_comes_out(name: str) -> None:
    chip = CHIPS[name]
    tiers = chip.designs.pools[0].package.memory
    stacks = [(tier.stacks.double(), tier.kind, tier.rate_fraction) for tier in tiers]
    capacity = sum(float(n * TECHNOLOGY.at("memory", "capacity", kind)) for n, kind, _ in stacks)
    bandwidth = sum(
        float(n * TECHNOLOGY.at("memory", "bandwidth", kind) * fraction)
        for n, kind, fraction in stacks
    )
    if "memory_capacity" in chip.facts:
        # Vendors sell 141 of H200's 144 GB and 95 of TPU v5p's 96 GB.
        assert capacity == pytest.approx(chip.facts["memory_capacity"].value, rel=0.03)
        assert bandwidth == pytest.approx(chip.facts["memory_bandwidth"].value, rel=1e-9)
        assert all(0 < float(fraction) <= 1 for _, _, fraction in stacks)
    else:
        assert not tiers


@pytest.mark.parametrize("name", sorted(WANTED))
def test_published_network_comes_out(name: str) -> None:
    chip = CHIPS[name]
    if "network_bandwidth" in chip.facts:
        tier = chip.designs.pools[0].package.network[0]
        total = float(tier.links * tier.link_bandwidth)
        # TPU v5p: 90 GB/s a link in one source, 100 in another.
        assert total == pytest.approx(chip.facts["network_bandwidth"].value, rel=0.11)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_every_number_is_sourced(name: str) -> None:
    chip = CHIPS[name]
    assert chip.numbers
    for number in chip.numbers:
        assert number.source, number.path
        assert all(key in TECHNOLOGY.sources for key in number.source), number.path
        if number.source == ("unsourced",):
            assert number.kind in ("assumed", "estimated"), number.path
    for key, fact in chip.facts.items():
        assert fact.certainty in ("found", "bound", "estimate"), key
        assert fact.source, key


def test_a_chip_without_price_says_so() -> None:
    for chip in CHIPS.values():
        if float(chip.designs.pools[0].price) == 0:
            assert any("price" in note for note in chip.notes), chip.name


def test_default_format_is_the_smallest_common_one() -> None:
    # fp8 if supported, else int8, else bf16.
    formats = TECHNOLOGY.names("format")
    for chip in CHIPS.values():
        die = compute(chip)
        best = "fp8" if die.rate_fp8 > 0 else "int8" if die.rate_int8 > 0 else "bf16"
        assert formats[int(chip.designs.pools[0].deployment.format)] == best, chip.name


def test_machines_without_memory_hold_llama_70b_in_sram() -> None:
    # 69.5e9 weights of one byte, and 32 sequences of 8,192 tokens at 163,840 bytes each.
    needed = 69.5e9 + 32 * 8192 * 163840
    for name in ("groq-lpu", "fractile-like"):
        pool = CHIPS[name].designs.pools[0]
        packages = pool.deployment.tensor_parallel * pool.deployment.pipeline_parallel
        sram = float(packages * compute(CHIPS[name]).l2_bytes * compute(CHIPS[name]).count)
        assert packages >= 100
        assert sram >= needed, name


def test_names_are_forgiving_in_spelling_only() -> None:
    assert load_chip("TPU_v4").name == "tpu-v4"
    with pytest.raises(ConfigError, match=r"unknown chip 'h10'; .*did you mean h100"):
        load_chip("h10")
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        load_chip("nowhere.yaml")


H100 = (DATA / "chips" / "h100.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("l2_MiB:", "l2_MB:", "unknown key 'l2_MB'; did you mean l2_MiB?"),
        ("node: n4", "node: n4q", "unknown node 'n4q'; did you mean n4"),
        ("cooling: air", "cooling: water", "unknown cooling 'water'; expected one of air"),
        ("cores_enabled: {value: 132,", "cores_enabled: {value: 150,", "at most cores_built = 144"),
        ("stacks: {value: 5,", "stacks: {value: 5.5,", "found 5.5; expected an integer"),
        ("rate_fp8: 2", "rate_fp8: -2", "found -2; expected 0 or more"),
        ("rate_fp8: 2", "rate_fp8: fast", "found 'fast'"),
        ("role: both", "role: all", "found 'all'; expected 'both', 'prefill' or 'decode'"),
        ("clock_GHz: {value: 1.83,", "clock_THz: {value: 1.83,", "did you mean clock_GHz"),
        ("format: fp8", "format: fp9", "unknown format 'fp9'; did you mean fp"),
        ("  deployment:\n", "  deploymnt:\n", "deployment"),
        ("source: epoch, note", "source: epok, note", "unknown source 'epok'; did you mean epoch"),
    ],
)
def test_mistakes_are_one_line(old: str, new: str, words: str) -> None:
    # The price's source stands first in the file, but facts are checked, so use a fact there.
    text = H100.replace(
        "{value: 814, certainty: found}", "{value: 814, certainty: found, source: epoch, note: x}"
    )
    assert old in text
    broken = text.replace(old, new) if "epok" in new else text.replace(old, new, 1)
    with pytest.raises((ConfigError, DataError)) as caught:
        build_system(parse_document(broken, "mine.yaml", ConfigError), TECHNOLOGY)
    message = str(caught.value)
    assert words in message
    assert re.match(r"mine\.yaml:\d+: [a-z]", message), message
    assert "\n" not in message


def test_line_number_points_at_the_key() -> None:
    broken = H100.replace("l2_MiB:", "l2_MB:", 1)
    line = broken.splitlines().index(next(s for s in broken.splitlines() if "l2_MB" in s)) + 1
    with pytest.raises(ConfigError, match=rf"mine\.yaml:{line}: pools\.0\.package\.dies\.0\.l2_MB"):
        build_system(parse_document(broken, "mine.yaml", ConfigError), TECHNOLOGY)


def test_a_users_file_needs_no_sources(tmp_path: Path) -> None:
    plain = re.sub(r"\{value: ([^,}]+),[^}]*\}", r"\1", H100.split("facts:")[0])
    plain = "\n".join(line for line in plain.splitlines() if not line.startswith("default"))
    path = tmp_path / "mine.yaml"
    path.write_text(plain)
    mine = load_system(path)
    theirs = CHIPS["h100"]
    for mine_leaf, their_leaf in zip(leaves(mine.designs), leaves(theirs.designs), strict=True):
        assert torch.equal(mine_leaf, their_leaf)
    assert {number.kind for number in mine.numbers} == {"assumed"}


def test_clock_beyond_the_node_is_reported() -> None:
    fast = H100.replace("clock_GHz: {value: 1.83,", "clock_GHz: {value: 3.5,")
    chip = build_system(parse_document(fast), TECHNOLOGY)
    assert any("beyond the anchor's range" in note for note in chip.notes)
    assert float(clock_frequency(TECHNOLOGY, compute(chip))) == pytest.approx(3.5e9, rel=1e-9)


def test_clock_below_the_node_is_reported() -> None:
    slow = H100.replace("clock_GHz: {value: 1.83,", "clock_GHz: {value: 0.2,")
    chip = build_system(parse_document(slow), TECHNOLOGY)
    assert float(clock_frequency(TECHNOLOGY, compute(chip))) == pytest.approx(0.2e9, rel=1e-9)


def test_two_pools_load() -> None:
    head, _, pool = H100.partition("pools:\n")
    pool = pool.split("facts:")[0]
    second = pool.replace("role: both", "role: decode", 1)
    text = head + "pools:\n" + pool.replace("role: both", "role: prefill", 1) + second
    chip = build_system(parse_document(text), TECHNOLOGY)
    assert [pool.role for pool in chip.designs.pools] == ["prefill", "decode"]
