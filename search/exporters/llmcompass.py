"""LLMCompass: JSON of a device with cores, global buffer and memory, and of its links.

The fields are those that ``template_to_system`` of its design_space_exploration/dse.py reads.
"""

from __future__ import annotations

from typing import Any

from costmodel.errors import ConfigError
from search.exporters.datasheet import BYTE, Datasheet
from search.exporters.peer import Body, Peer, need, shared_notes

GIB, MIB, KIB = 2.0**30, 2.0**20, 2.0**10
PINS_PER_STACK = {"hbm4": 2048}
"""Data pins of a stack by the start of its name; 1024 for the older ones."""
OLDER_PINS = 1024
DATA_TYPES = {1.0: "int8", 2.0: "fp16", 4.0: "fp32"}
"""LLMCompass's types by width [byte]: nothing else of them enters."""
ALL_TO_ALL = ("switch", "switch_reduce", "fully_connected")
FLIT, HEADER, PAYLOAD = 16, 16, 256
"""Of a link, as in LLMCompass's own template: our links have no packets [byte]."""


def write(sheet: Datasheet, name: str) -> Body:
    """Device and system of `tensor_parallel` packages."""
    need(sheet, "LLMCompass", memory=True, l2=True)
    pins = next(
        (count for start, count in PINS_PER_STACK.items() if sheet.memory.startswith(start)),
        OLDER_PINS,
    )
    if sheet.element not in DATA_TYPES:
        raise ConfigError(
            f"LLMCompass cannot describe {sheet.format}", expected="a format of 1, 2 or 4 bytes"
        )
    data_type = DATA_TYPES[sheet.element]
    rows = sheet.effective_rows if sheet.weight_stationary else sheet.rows
    content: dict[str, Any] = {
        "name": name,
        "device_count": sheet.tensor_parallel,
        "interconnect": _interconnect(sheet),
        "device": {
            "frequency_Hz": sheet.clock,
            "compute_chiplet_count": sheet.compute_dies,
            "compute_chiplet": {
                "core_count": sheet.cores // sheet.compute_dies,
                "core": {
                    "sublane_count": sheet.arrays,
                    "systolic_array": {
                        "array_width": sheet.columns,
                        "array_height": rows,
                        "data_type": data_type,
                        "mac_per_cycle": 1 if sheet.weight_stationary else sheet.rate,
                    },
                    "vector_unit": {
                        "vector_width": sheet.lanes // sheet.arrays,
                        "flop_per_cycle": 1,
                        "data_type": "fp32",
                    },
                    "SRAM_KB": sheet.l1 / KIB,
                },
            },
            "io": {
                "global_buffer_MB": sheet.l2 / MIB,
                "global_buffer_bandwidth_per_cycle_byte": sheet.cores * sheet.port,
                "memory_channel_active_count": sheet.memory_stacks,
                "pin_count_per_channel": pins,
                "bandwidth_per_pin_bit": BYTE
                * sheet.memory_bandwidth
                / (sheet.memory_stacks * pins),
            },
            "memory": {"total_capacity_GB": sheet.memory_capacity / GIB},
        },
    }
    notes = [
        *shared_notes(sheet),
        "a pin's rate carries the sustained bandwidth, not the signalling rate",
        f"format {sheet.format} stands as {data_type}: only its width enters",
        "partial sums are as wide as the operands in LLMCompass",
        "flit, header and payload of a link are LLMCompass's own defaults",
        "process nodes, register files and physical counts are left out: they serve its area "
        "model, which ends at 5 nm",
    ]
    if sheet.network is None:
        notes.append("the design has no links: one of zero bandwidth stands for them")
    elif sheet.network.topology not in ALL_TO_ALL:
        notes.append(f"topology {sheet.network.topology} stands as a ring")
    return Body(
        content=content,
        scope=f"system of {sheet.tensor_parallel} packages",
        units="Hz, KiB, MiB, GiB, byte/cycle, bit/s a pin, byte/s and s of a link",
        notes=tuple(notes),
    )


def _interconnect(sheet: Datasheet) -> dict[str, Any]:
    network = sheet.network
    bandwidth = network.bandwidth if network else 0.0
    full = network is not None and network.topology in ALL_TO_ALL
    return {
        "link": {
            "bandwidth_per_direction_byte": bandwidth,
            "bandwidth_both_directions_byte": 2.0 * bandwidth,
            "latency_second": network.latency if network else 0.0,
            "flit_size_byte": FLIT,
            "header_size_byte": HEADER,
            "max_payload_size_byte": PAYLOAD,
        },
        "link_count_per_device": network.links if network else 0,
        "topology": "FC" if full else "RING",
    }


PEER = Peer("LLMCompass", "2e015fd", ".llmcompass.json", write)
