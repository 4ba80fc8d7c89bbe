"""The matched machine in the file of each peer."""

from __future__ import annotations

import json

from experiments.benchmarks.mapping.machine import KIB, MIB, Machine

BYTE = 8
WIDE = 1e27
"""A bandwidth that never binds where a file asks for a number."""


def accelforge(machine: Machine) -> str:
    """Memory, SRAM, array and the register that holds a weight; no energy."""
    memory = BYTE * machine.bandwidth
    levels = (("Memory", "inf", memory), ("SharedSRAM", int(BYTE * machine.sram), "inf"))
    nodes = "".join(
        _accelforge_memory(name, size, speed, "{keep: All}") for name, size, speed in levels
    )
    register = _accelforge_memory("Register", BYTE * machine.element, "inf", "{keep: weight}")
    return f"""\
arch:
  nodes:
{nodes}\
  - !Container
    name: ProcessingElement
    spatial:
    - {{name: columns, fanout: {machine.columns}, reuse: input}}
    - {{name: rows, fanout: {machine.rows}, reuse: output}}
{register}\
  - !Compute
    name: MAC
    leak_power: 0
    area: 0
    actions: [{{name: compute, energy: 0, throughput: {machine.clock}}}]
"""


def _accelforge_memory(name: str, size: int | str, speed: float | str, tensors: str) -> str:
    return f"""\
  - !Memory
    name: {name}
    size: {size}
    leak_power: 0
    area: 0
    actions:
    - {{name: read, energy: 0, throughput: {speed}}}
    - {{name: write, energy: 0, throughput: {speed}}}
    tensors: {tensors}
"""


def zigzag(machine: Machine) -> str:
    """Two weights a multiplier, SRAM with a port for each movement, memory with one port.

    Sizes are in bits, bandwidths in bits a cycle, energies nothing.
    """
    element, sums = BYTE * machine.element, BYTE * machine.accumulator
    feed = max(machine.rows * element, machine.columns * sums)
    moves = ("I1, tl", "I1, fh", "I2, tl", "I2, fh", "O, tl", "O, th", "O, fh", "O, fl")
    reads = ("tl", "th")
    side = [("read" if move[-2:] in reads else "write", (move,)) for move in moves]
    levels = (
        ("weights", 2 * element, ("I2",), element, side[2:4], "[]"),
        ("sram", int(BYTE * machine.sram), ("I1", "I2", "O"), feed, side, "[D1, D2]"),
        (
            "memory",
            BYTE << 40,
            ("I1", "I2", "O"),
            int(BYTE * machine.bytes_per_cycle),
            [("read_write", moves)],
            "[D1, D2]",
        ),
    )
    return f"""\
name: matched

memories:
{"".join(_zigzag_memory(*level) for level in levels)}
operational_array:
  unit_energy: 0
  unit_area: 0
  dimensions: [D1, D2]
  sizes: [{machine.rows}, {machine.columns}]
  systolic_dimensions: [D1, D2]
"""


def _zigzag_memory(
    name: str,
    size: int,
    operands: tuple[str, ...],
    width: int,
    ports: list[tuple[str, tuple[str, ...]]],
    served: str,
) -> str:
    prefix = {"read": "r", "write": "w", "read_write": "rw"}
    text = f"""\
  {name}:
    size: {size}
    r_cost: 0
    w_cost: 0
    area: 0
    latency: 1
    operands: [{", ".join(operands)}]
"""
    if name == "weights":
        text += "    force_double_buffering: True\n"
    text += "    ports:\n"
    for number, (kind, moves) in enumerate(ports, start=1):
        quoted = ", ".join(f'"{move}"' for move in moves)
        text += f"""\
      - name: {prefix[kind]}_port_{number}
        type: {kind}
        bandwidth_min: {BYTE}
        bandwidth_max: {width}
        allocation: [{quoted}]
"""
    return text + f"    served_dimensions: {served}\n"


def llmcompass(machine: Machine) -> str:
    """The SRAM as a core's, the memory as the global buffer, as it describes TPUs itself.

    A vector unit as wide as the array's outputs stands for accumulators: partial sums of a tile
    are added in one cycle.
    """
    kind = {1: "int8", 2: "fp16", 4: "fp32"}[machine.element]
    link = {
        "bandwidth_per_direction_byte": 1.0,
        "bandwidth_both_directions_byte": 2.0,
        "latency_second": 0.0,
        "flit_size_byte": 16,
        "header_size_byte": 16,
        "max_payload_size_byte": 256,
    }
    core = {
        "sublane_count": 1,
        "systolic_array": {
            "array_width": machine.columns,
            "array_height": machine.rows,
            "data_type": kind,
            "mac_per_cycle": 1,
        },
        "vector_unit": {"vector_width": 1 << 40, "flop_per_cycle": 1, "data_type": "fp32"},
        "SRAM_KB": machine.sram / KIB,
    }
    description = {
        "name": "matched",
        "device_count": 1,
        "interconnect": {"link": link, "link_count_per_device": 1, "topology": "FC"},
        "device": {
            "frequency_Hz": machine.clock,
            "compute_chiplet_count": 1,
            "compute_chiplet": {"core_count": 1, "core": core},
            "io": {
                "global_buffer_MB": (1 << 40) / MIB,
                "global_buffer_bandwidth_per_cycle_byte": machine.bytes_per_cycle,
                "memory_channel_active_count": 1,
                "pin_count_per_channel": 1,
                "bandwidth_per_pin_bit": WIDE,
            },
            "memory": {"total_capacity_GB": 1024},
        },
    }
    return json.dumps(description, indent=1)


def scalesim(machine: Machine, dataflow: str) -> str:
    """One array with SRAMs and interfaces that never bind."""
    size, words = 1 << 20, 1 << 20
    sizes = "".join(f"{name}SramSzkB : {size}\n" for name in ("Ifmap", "Filter", "Ofmap"))
    banks = "".join(
        f"{name}CustomLayout : False\n{name}SRAMBankBandwidth : {words}\n"
        f"{name}SRAMBankNum : 1\n{name}SRAMBankPort : 2\n"
        for name in ("Ifmap", "Filter")
    )
    return f"""\
[general]
run_name = matched

[architecture_presets]
ArrayHeight : {machine.rows}
ArrayWidth : {machine.columns}
{sizes}\
IfmapOffset : 0
FilterOffset : 1000000000
OfmapOffset : 2000000000
Dataflow : {dataflow}
Bandwidth : {words}
ReadRequestBuffer : 512
WriteRequestBuffer : 512

[layout]
{banks}
[sparsity]
SparsitySupport : false
SparseRep : ellpack_block
OptimizedMapping : false
BlockSize : 8
RandomNumberGeneratorSeed : 40

[run_presets]
InterfaceBandwidth : CALC
UseRamulatorTrace : False
"""
