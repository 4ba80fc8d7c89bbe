"""Files for other tools: what their loaders read, with numbers derived a second way."""

import configparser
import json
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from costmodel.errors import ConfigError
from costmodel.evaluate import evaluate_pool
from costmodel.hardware.catalog import load_chip, load_system
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import replace_at
from costmodel.timing.tables import build_tables
from costmodel.workload.loading import load_workload
from experiments.peers.split import padded, split
from search.export import PEERS
from search.exporters import genz
from search.exporters.datasheet import datasheets
from search.exporters.origin import Origin, cited, readings
from search.exporters.peer import RECORD, render

TECHNOLOGY = load_technology()
TEMPLATE = Path(__file__).parents[2] / "experiments" / "templates" / "systolic.yaml"


@pytest.fixture(scope="module")
def designs():
    """Two dies of 30 cores with 2 arrays of 128 x 128, 6 stacks, four packages a group."""
    return load_system(TEMPLATE, TECHNOLOGY).designs


@pytest.fixture(scope="module")
def sheet(designs):
    return datasheets(designs, TECHNOLOGY)[0]


@pytest.fixture(scope="module")
def origin(designs):
    found = readings(lambda technology: datasheets(designs, technology), TECHNOLOGY)
    return Origin("small", "Which?", "knee", 7, "0.1.0", {"code": "c0de", "data": "da7a"},
                  found, cited(TECHNOLOGY, found))  # fmt: skip


@pytest.fixture(scope="module")
def texts(sheet, origin):
    return {name: render(peer, peer.write(sheet, "knee"), origin) for name, peer in PEERS.items()}


def test_the_sheet_is_what_the_template_says(sheet):
    assert (sheet.compute_dies, sheet.cores, sheet.arrays) == (2, 60, 2)
    assert (sheet.rows, sheet.columns, sheet.rate, sheet.format) == (128, 128, 1.0, "fp8")
    assert sheet.l1 == 2**20
    assert sheet.l2 == 2 * 64 * 2**20
    stack = TECHNOLOGY.entry("memory", "hbm4_12h", "bandwidth").si
    assert sheet.memory_peak == pytest.approx(6 * stack)
    assert sheet.peak == 2 * 60 * 2 * 128 * 128 * sheet.clock


def test_energies_of_events_add_up_to_the_energy_of_operators(designs, sheet):
    """Prices times counts, against the model's own sum over a whole workload."""
    pool = evaluate_pool(
        designs.pools[0], load_workload("llama-3.1-8b", "interactive"), TECHNOLOGY, build_tables()
    )
    mapped, price = pool.mapped, sheet.energies
    bits = 8 * mapped.bytes.sum(-1)
    l1, l2, memory = bits.unbind(-1)
    slots = mapped.array_cycles * sheet.macs_per_cycle - mapped.macs
    expected = (
        mapped.macs * price.mac
        + slots.clamp_min(0) * price.idle_slot
        + mapped.vector_operations * price.vector
        + l1 * price.l1_bit
        + (l2 - memory).clamp_min(0) * price.l2_bit_core
        + memory * (price.l2_bit_fill + price.memory_bit)
    )
    parts = dict(zip(pool.energy.parts, pool.energy.values.unbind(-1), strict=True))
    got = pool.energy.total - parts["link"]
    through_l2 = l2 >= memory
    assert bool(through_l2.any())
    torch.testing.assert_close(got[through_l2], expected[through_l2], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", PEERS)
def test_every_file_says_where_it_comes_from(texts, origin, name):
    text = texts[name]
    flat = " ".join(text.replace("#", " ").split())
    for part in ("small", "c0de", "da7a", "0.1.0", "knee"):
        assert part in flat
    assert "evaluation 7" in flat or '"evaluation": 7' in flat
    keys = {source.key for source in origin.sources}
    assert {"jouppi21", "hbm4-plasmon"} <= keys
    for source in origin.sources:
        assert source.key in flat
    assert "memory hbm4_12h energy_phy 0.5 pJ/bit (0.25 to 0.7)" in flat
    assert "not a field: clock and energies stand at it" in flat  # the voltage
    if name != "scalesim":  # one array has neither dies nor stacks
        assert "2 compute dies are one" in flat
        assert "6 stacks of hbm4_12h are one memory" in flat


def test_only_what_was_read_is_cited(origin):
    tables = {(item.table, item.row) for item in origin.readings}
    assert ("node", "n3e") in tables
    assert ("memory", "hbm4_12h") in tables
    assert not any(row in ("sf2", "hbm2", "simt") for _, row in tables)
    assert not any(item.table == "cooling" for item in origin.readings)


def _nodes(text):
    return {node["name"]: node for node in YAML(typ="rt").load(text)["arch"]["nodes"]}


def test_accelforge_in_its_units(texts, sheet):
    text = texts["accelforge"]
    nodes = _nodes(text)
    assert list(nodes) == ["Memory", "SharedSRAM", "Scratchpad", "Array", "ProcessingElement",
                           "Register", "MAC"]  # fmt: skip
    for tag in ("!Memory", "!Container", "!Compute"):
        assert f"- {tag}\n" in text
    for name in ("Memory", "SharedSRAM", "Scratchpad", "Register"):
        assert {action["name"] for action in nodes[name]["actions"]} == {"read", "write"}
        assert {"size", "area", "leak_power", "tensors"} <= set(nodes[name])
    read = {name: node["actions"][0] for name, node in nodes.items() if "actions" in node}
    assert nodes["SharedSRAM"]["size"] == 8 * 128 * 2**20
    assert nodes["Scratchpad"]["size"] == 8 * 2**20
    assert read["Memory"]["throughput"] == pytest.approx(8 * 6 * 2048e9 * 0.9)
    assert read["SharedSRAM"]["throughput"] == pytest.approx(8 * 60 * 256 * sheet.clock)
    fanouts = [spatial["fanout"] for node in nodes.values() for spatial in node.get("spatial", [])]
    lanes = torch.tensor(fanouts).prod().item()
    assert 2 * lanes * read["MAC"]["throughput"] == pytest.approx(sheet.peak)
    entry = TECHNOLOGY.entry("memory", "hbm4_12h", "energy_stack")
    assert read["Memory"]["energy"] > entry.si  # the stack and the way to it
    assert read["Memory"]["energy"] < 3 * entry.si


def test_zigzag_in_its_units(texts, sheet):
    content = YAML(typ="safe").load(texts["zigzag"])
    array, memories = content["operational_array"], content["memories"]
    assert array["sizes"] == [128, 128, 2, 60]
    assert array["dimensions"] == ["D1", "D2", "D3", "D4"]
    assert list(memories) == ["weights", "scratchpad", "shared_sram", "memory"]
    assert array["unit_energy"] * 1e-12 == pytest.approx(sheet.energies.mac)
    for memory in memories.values():
        assert {"size", "r_cost", "w_cost", "area", "latency", "operands", "ports",
                "served_dimensions"} <= set(memory)  # fmt: skip
        assert isinstance(memory["size"], int)
        widths = {port["bandwidth_max"] for port in memory["ports"]}
        assert len(widths) == 1  # a cost belongs to one width
        directions = [move for port in memory["ports"] for move in port["allocation"]]
        assert len(directions) == len(set(directions))
        for port in memory["ports"]:
            kinds = {"read": ("tl", "th"), "write": ("fl", "fh")}.get(port["type"])
            assert kinds is None or all(move[-2:] in kinds for move in port["allocation"])
    outer = memories["memory"]
    width = outer["ports"][0]["bandwidth_max"]
    sustained = 6 * 2048e9 * 0.9
    assert width / 8 * sheet.clock == pytest.approx(sustained, rel=1e-4)
    assert width / 8 * sheet.clock <= sustained
    assert outer["r_cost"] * 1e-12 / width == pytest.approx(sheet.energies.memory_bit)
    port = memories["shared_sram"]["ports"][0]["bandwidth_max"]
    assert port == 8 * 60 * 256


def test_scalesim_in_its_units(texts, sheet):
    config = configparser.ConfigParser()
    config.read_string(texts["scalesim"])
    array = config["architecture_presets"]
    assert (array.getint("ArrayHeight"), array.getint("ArrayWidth")) == (128, 128)
    assert array["Dataflow"] == "ws"
    words = array.getint("Bandwidth")
    assert config["layout"].getint("IfmapSRAMBankBandwidth") == words
    assert config["layout"].getint("FilterSRAMBankBandwidth") == words
    # Words a cycle x bytes of a word x clock x arrays: the ports of all cores.
    assert words * 1 * sheet.clock * 120 == pytest.approx(60 * 256 * sheet.clock)
    kib = [array.getint(f"{name}SramSzkB") for name in ("Ifmap", "Filter", "Ofmap")]
    assert (kib[0] + kib[1]) * 1 + kib[2] * 4 == 512  # words of 1, 1 and 4 byte: half a scratchpad
    for section in ("general", "run_presets", "sparsity", "layout"):
        assert section in config
    assert config["run_presets"]["InterfaceBandwidth"] == "USER"


def test_sixteen_bit_words_are_two_bytes(designs):
    row = torch.tensor(TECHNOLOGY.row("format", "bf16"))
    wide = datasheets(replace_at(designs, "pools.0.deployment.format", row), TECHNOLOGY)[0]
    assert (wide.element, wide.rate, wide.effective_rows) == (2.0, 0.5, 64)
    config = configparser.ConfigParser()
    config.read_string(PEERS["scalesim"].write(wide, "wide").content)
    array = config["architecture_presets"]
    assert array.getint("ArrayHeight") == 64
    assert array.getint("Bandwidth") * 2 == 256 / 2
    assert array.getint("IfmapSramSzkB") * 2 == 128
    content = PEERS["genz"].write(wide, "wide").content
    assert content["flops"] * 1e12 == pytest.approx(wide.peak)


def test_four_bits_with_scales_are_said(designs):
    fp4 = replace_at(designs, "pools.0.package.dies.0.rate_fp4", torch.tensor(2.0))
    row = torch.tensor(TECHNOLOGY.row("format", "fp4"))
    sheet = datasheets(replace_at(fp4, "pools.0.deployment.format", row), TECHNOLOGY)[0]
    assert sheet.effective_rows == 256
    body = PEERS["accelforge"].write(sheet, "narrow")
    assert _nodes(body.content)["Register"]["size"] == 4
    assert any("takes 4.25 bits with its scales" in note for note in body.notes)
    content = PEERS["genz"].write(sheet, "narrow").content
    assert content["flops"] * 1e12 * 4 == pytest.approx(sheet.peak)
    with pytest.raises(ConfigError, match="LLMCompass cannot describe fp4"):
        PEERS["llmcompass"].write(sheet, "narrow")


def test_genz_gets_back_the_same_rates(texts, sheet):
    content = json.loads(texts["genz"])
    assert content.pop(RECORD)["evaluation"] == 7
    # As GenZ computes: an operation of a narrow format takes the multiplier's share of the time.
    macs = 1e12
    seconds = macs * {"fp8": 0.5, "bf16": 1.0}[content["bits"]] / (content["flops"] * 1e12 / 2)
    assert seconds == pytest.approx(2 * macs / sheet.peak)
    assert content["offchip_mem_bw"] * 2**30 == pytest.approx(6 * 2048e9)
    assert content["offchip_mem_bw"] * 2**30 * content["memory_efficiency"] == pytest.approx(
        sheet.memory_bandwidth
    )
    assert content["off_chip_mem_size"] * 2**20 == pytest.approx(6 * 36e9)
    assert content["frequency"] * 1e6 == pytest.approx(sheet.clock)
    assert content["interchip_link_bw"] * 2**30 == pytest.approx(18 * 50e9)
    assert content["num_nodes"] == 4
    assert set(content) <= {
        "flops", "onchip_mem_bw", "on_chip_mem_size", "offchip_mem_bw", "off_chip_mem_size",
        "frequency", "bits", "compute_efficiency", "memory_efficiency", "interchip_link_bw",
        "num_nodes", "interchip_link_latency", "topology",
    }  # fmt: skip
    assert set(genz.COMPUTE_MULTIPLIER) == set(genz.BITS.values())


def test_llmcompass_has_what_its_loader_reads(texts, sheet):
    content = json.loads(texts["llmcompass"])
    device = content["device"]
    core = device["compute_chiplet"]["core"]
    cores = device["compute_chiplet"]["core_count"] * device["compute_chiplet_count"]
    array = core["systolic_array"]
    macs = cores * core["sublane_count"] * array["array_height"] * array["array_width"]
    assert 2 * macs * array["mac_per_cycle"] * device["frequency_Hz"] == pytest.approx(sheet.peak)
    io = device["io"]
    bandwidth = io["memory_channel_active_count"] * io["pin_count_per_channel"]
    bandwidth *= io["bandwidth_per_pin_bit"] / 8
    assert bandwidth == pytest.approx(sheet.memory_bandwidth)
    assert io["pin_count_per_channel"] == 2048  # of an HBM4 stack
    assert io["global_buffer_MB"] == 128
    assert core["SRAM_KB"] == 1024
    assert array["data_type"] == "int8"  # one byte
    assert {"vector_width", "flop_per_cycle", "data_type"} <= set(core["vector_unit"])
    link = content["interconnect"]["link"]
    assert (
        link["bandwidth_both_directions_byte"] == 2 * link["bandwidth_per_direction_byte"] == 1e11
    )
    assert content["interconnect"]["link_count_per_device"] == 18
    assert content["interconnect"]["topology"] == "FC"  # a switch
    assert content["device_count"] == 4


def test_an_output_stationary_machine():
    """A GPU keeps its outputs: AccelForge and SCALE-Sim can say so, ZigZag's export refuses."""
    chip = load_chip("h100", TECHNOLOGY).designs
    sheet = datasheets(chip, TECHNOLOGY)[0]
    nodes = _nodes(PEERS["accelforge"].write(sheet, "h100").content)
    assert nodes["Register"]["tensors"]["keep"] == "output"
    assert nodes["ProcessingElement"]["spatial"][1]["reuse"] == "weight"
    fanouts = [s["fanout"] for node in nodes.values() for s in node.get("spatial", [])]
    peak = 2 * torch.tensor(fanouts).prod().item() * nodes["MAC"]["actions"][0]["throughput"]
    assert peak == pytest.approx(sheet.peak)
    assert "Dataflow : os" in PEERS["scalesim"].write(sheet, "h100").content
    with pytest.raises(ConfigError, match="weight-stationary"):
        PEERS["zigzag"].write(sheet, "h100")


def test_a_package_without_memory(designs):
    none = replace_at(designs, "pools.0.package.memory.0.stacks", torch.tensor(0))
    sheet = datasheets(none, TECHNOLOGY)[0]
    assert next(iter(_nodes(PEERS["accelforge"].write(sheet, "bare").content))) == "SharedSRAM"
    assert (
        "memory" not in YAML(typ="safe").load(PEERS["zigzag"].write(sheet, "b").content)["memories"]
    )
    for name in ("genz", "llmcompass"):
        with pytest.raises(ConfigError, match="a memory outside the dies"):
            PEERS[name].write(sheet, "bare")


def test_cores_share_a_gemm():
    assert split(128, 2048, 8192, 256) == (4, 32)
    down, across = split(108, 2048, 8192, 256)
    assert down * across == 108
    assert padded(2048, 27) == 2052
    assert padded(2048, 4) == 2048
