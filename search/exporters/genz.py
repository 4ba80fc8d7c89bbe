"""GenZ: the fields of its `System`, a roofline of the whole package.

GenZ states operations at 16 bits and divides the time of narrower formats; its GB are 2^30 bytes,
its MB 2^20. A file is read by ``GenZ.System.from_json``.
"""

from __future__ import annotations

from typing import Any

from search.exporters.datasheet import Datasheet
from search.exporters.peer import Body, Peer, need, shared_notes

BITS = {"bf16": "bf16", "fp16": "bf16", "fp8": "fp8", "int8": "int8", "fp4": "fp4", "int4": "int4"}
"""Our formats by GenZ's names."""
COMPUTE_MULTIPLIER = {"bf16": 1.0, "fp8": 0.5, "int8": 0.5, "fp4": 0.25, "int4": 0.25}
"""Time of an operation relative to 16 bits, as GenZ takes it."""
GIB, MIB = 2.0**30, 2.0**20
TOPOLOGIES = {
    "switch": "Switch",
    "switch_reduce": "Switch",
    "fully_connected": "FullyConnected",
}


def write(sheet: Datasheet, name: str) -> Body:  # noqa: ARG001 (the format has no name)
    """The package as peak rates and sizes."""
    need(sheet, "GenZ", memory=True)
    bits = BITS[sheet.format]
    network = sheet.network
    content: dict[str, Any] = {
        "flops": sheet.peak * COMPUTE_MULTIPLIER[bits] / 1e12,
        "frequency": sheet.clock / 1e6,
        "bits": bits,
        "onchip_mem_bw": sheet.cores * sheet.port * sheet.clock / GIB,
        "on_chip_mem_size": sheet.l2 / MIB,
        "offchip_mem_bw": sheet.memory_peak / GIB,
        "off_chip_mem_size": sheet.memory_capacity / MIB,
        "compute_efficiency": sheet.array_efficiency,
        "memory_efficiency": sheet.memory_efficiency,
        "num_nodes": sheet.tensor_parallel,
    }
    notes = [
        f"flops are {sheet.peak / 1e12:.6g} Tflop/s at {sheet.format} in 16-bit terms: GenZ "
        f"multiplies times by {COMPUTE_MULTIPLIER[bits]:g} for {bits}",
        "arrays, cores, tiles and scratchpads do not enter a roofline",
        "efficiencies are those of our software record and memory row",
        *shared_notes(sheet),
    ]
    if network is not None:
        content["interchip_link_bw"] = network.links * network.bandwidth / GIB
        content["interchip_link_latency"] = network.latency * 1e6
        known = TOPOLOGIES.get(network.topology)
        content["topology"] = known or "FullyConnected"
        if known is None:
            notes.append(f"topology {network.topology} stands as fully connected")
    return Body(
        content=content,
        scope=f"system of one package of {sheet.tensor_parallel}",
        units="flops Tflop/s, frequency MHz, bandwidths GiB/s, sizes MiB, latency us",
        notes=tuple(notes),
    )


PEER = Peer("GenZ", "0.0.16", ".genz.json", write)
