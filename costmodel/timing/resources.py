"""What a package offers to its operators: cores, arrays, buffers, bandwidths.

All leaves have shape ``[*batch,1,1]`` so that they meet operators ``[*batch,P,O]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.errors import DataError
from costmodel.hardware.system import Die, Pool
from costmodel.hardware.technology import Technology

TILE_SHARE = 0.5
"""Half the shared SRAM holds blocks and streams, half the activations between operators."""

DEPTH_STEP = 64.0
"""Smallest depth of a streamed tile; a taller array takes its own height [count]."""

WIDE_BYTES = 2.0
"""Formats below this width are run by the narrow kernels of an engine [byte]."""


@dataclass(frozen=True)
class Resources:
    """Rates and sizes of one package."""

    cores: Tensor  # enabled, all compute dies [count]
    clock: Tensor  # [Hz]
    rows: Tensor  # of an array [count]
    columns: Tensor  # [count]
    arrays: Tensor  # per core [count]
    rate: Tensor  # multiply-accumulates per processing element and cycle at the format [1]
    weight_stationary: Tensor  # 1 = weights stay in the array
    input_stationary: Tensor  # 1 = activations stay in the array; neither = outputs do
    instruction_depth: Tensor  # depth of a matrix instruction, 0 = a systolic array [count]
    hidden_fill: Tensor  # share of fill and drain hidden by double buffering [1]
    port_width: Tensor  # L2 to one core [byte/cycle]
    lanes: Tensor  # vector lanes of the package [op/cycle]
    exponential_unit: Tensor  # 1 = exponentials have a unit of their own beside the lanes
    exponential_cost: Tensor  # vector operations an exponential costs [op]
    registers: Tensor  # per core, of the vector lanes [byte]
    l1: Tensor  # per core [byte]
    l2: Tensor  # package [byte]
    memory_bandwidth: Tensor  # achieved, first tier that is present [byte/s]
    has_memory: Tensor  # 1 when a memory tier outside the dies is present
    element_bytes: Tensor  # weights, activations, cache [byte]
    accumulator_bytes: Tensor  # [byte]
    array_efficiency: Tensor  # software: achieved / mapped [1]
    vector_efficiency: Tensor
    attention_efficiency: Tensor
    launch: Tensor  # [s]
    overlap: Tensor  # exponent of imperfect overlap [1]
    hardware_scheduled: Tensor  # 1 = hardware interleaves tiles, 0 = a compiled block pipeline
    kernel_library: Tensor  # 1 = only the tiles of a shipped kernel library
    multicast: Tensor  # 1 = cores that want the same tile share one read of the shared SRAM
    prefetch: Tensor  # share of an operator's first weights loaded during the one before it [1]
    write_turnaround: Tensor  # more time a written byte takes than a read one [1]
    burst: Tensor  # memory moves whole bursts of so many bytes [byte]


def spill(size: Tensor, room: Tensor) -> Tensor:
    """Share of `size` bytes that does not fit in `room` bytes [1]."""
    return torch.clamp(1.0 - room / size.clamp_min(1.0), 0.0, 1.0)


def depth_step(resources: Resources) -> Tensor:
    """Depth that a core streams at a time [count]."""
    return torch.clamp(resources.rows, min=DEPTH_STEP)


def compute_die(pool: Pool) -> Die:
    """The one kind of compute die of a package.

    Raises
    ------
    DataError
        When a package has no compute die, or several kinds of them.
    """
    dies = [die for die in pool.package.dies if die.role == "compute"]
    if len(dies) != 1:
        raise DataError(
            f"a package has {len(dies)} kinds of compute die; expected one (io dies may be added)"
        )
    return dies[0]


def format_rate(technology: Technology, die: Die, row: Tensor) -> Tensor:
    """Multiply-accumulates per processing element and cycle at a format ``[*batch]``, 0 = none."""
    rates = {
        "bf16": die.rate_bf16,
        "fp16": die.rate_bf16,
        "int8": die.rate_int8,
        "fp8": die.rate_fp8,
        "fp4": die.rate_fp4,
    }
    total = torch.zeros_like(die.rate_bf16, dtype=torch.float64)
    for number, name in enumerate(technology.names("format")):
        if name in rates:
            total = total + (row == number).double() * rates[name].double()
    return total


def memory_bandwidth(technology: Technology, pool: Pool, refresh_loss: Tensor) -> Tensor:
    """Peak bandwidth of the nearest memory tier, less refresh ``[*batch]`` [byte/s]."""
    total = torch.zeros((), dtype=torch.float64)
    taken = torch.zeros((), dtype=torch.float64)
    for tier in pool.package.memory:
        present = (tier.stacks > 0).double()
        rate = technology.at("memory", "bandwidth", tier.kind)
        use = present * (1.0 - taken)
        total = total + use * tier.stacks.double() * rate * tier.rate_fraction
        taken = torch.maximum(taken, present)
    return total * (1.0 - refresh_loss)


def memory_capacity(technology: Technology, pool: Pool) -> Tensor:
    """Bytes a package can hold at the bandwidth that times assume ``[*batch]`` [byte].

    The nearest memory tier that is present, or the package's own SRAM when there is none. Tiers
    behind it are paid for but hold nothing that a step reads.
    """
    total = torch.zeros((), dtype=torch.float64)
    for tier in pool.package.memory:
        held = tier.stacks.double() * technology.at("memory", "capacity", tier.kind)
        total = torch.where(total > 0, total, held)
    die = compute_die(pool)
    on_die = die.count.double() * die.l2_bytes
    return torch.where(total > 0, total, on_die)


def package_resources(
    technology: Technology, pool: Pool, clock: Tensor, refresh_loss: Tensor
) -> Resources:
    """Collect the rates of a package.

    Parameters
    ----------
    technology : Technology
    pool : Pool
        Leaves ``[*batch]``.
    clock : Tensor [*batch]
        Clock of the compute die [Hz].
    refresh_loss : Tensor [*batch]
        Memory bandwidth lost to extra refresh when hot [1].
    """
    die = compute_die(pool)
    row = pool.deployment.format
    software = pool.software
    width = technology.at("format", "bytes", row)
    narrow = technology.at("software", "narrow_efficiency", software)
    array_efficiency = technology.at("software", "array_efficiency", software) * torch.where(
        width < WIDE_BYTES, narrow, torch.ones_like(narrow)
    )
    cores = die.cores_enabled.double() * die.count.double()
    peak = memory_bandwidth(technology, pool, refresh_loss)
    efficiency = torch.zeros((), dtype=torch.float64)
    turnaround, burst = torch.zeros_like(efficiency), torch.ones_like(efficiency)
    stacks = torch.zeros((), dtype=torch.float64)
    for tier in reversed(pool.package.memory):
        present = tier.stacks > 0
        efficiency, turnaround, burst = (
            torch.where(present, technology.at("memory", column, tier.kind), farther)
            for column, farther in (
                ("efficiency", efficiency),
                ("write_turnaround", turnaround),
                ("burst", burst),
            )
        )
        stacks = stacks + tier.stacks.double()
    achieved = peak * efficiency * technology.at("software", "memory_efficiency", software)
    has_memory = (stacks > 0).double()

    def unit(value: Tensor) -> Tensor:
        return value.double().unsqueeze(-1).unsqueeze(-1)

    return Resources(
        cores=unit(cores),
        clock=unit(clock),
        rows=unit(die.array_rows),
        columns=unit(die.array_columns),
        arrays=unit(die.arrays_per_core),
        rate=unit(format_rate(technology, die, row)),
        weight_stationary=unit(technology.at("machine", "weight_stationary", die.machine)),
        input_stationary=unit(technology.at("machine", "input_stationary", die.machine)),
        instruction_depth=unit(technology.at("machine", "instruction_depth", die.machine)),
        hidden_fill=unit(technology.at("machine", "hidden_fill", die.machine)),
        port_width=unit(technology.at("machine", "l2_port_width", die.machine)),
        lanes=unit(die.vector_lanes.double() * cores),
        exponential_unit=unit(technology.at("machine", "exponential_unit", die.machine)),
        exponential_cost=unit(technology.at("machine", "exponential_cost", die.machine)),
        registers=unit(
            technology.at("machine", "register_bytes_per_lane", die.machine)
            * die.vector_lanes.double()
        ),
        l1=unit(die.l1_bytes),
        l2=unit(die.l2_bytes * die.count.double()),
        memory_bandwidth=unit(torch.where(has_memory > 0, achieved, torch.ones_like(achieved))),
        has_memory=unit(has_memory),
        element_bytes=unit(width),
        accumulator_bytes=unit(technology.at("format", "accumulator_bytes", row)),
        array_efficiency=unit(array_efficiency),
        vector_efficiency=unit(technology.at("software", "vector_efficiency", software)),
        attention_efficiency=unit(
            array_efficiency * technology.at("software", "attention_efficiency", software)
        ),
        launch=unit(technology.at("software", "launch_time", software)),
        overlap=unit(technology.at("software", "overlap_exponent", software)),
        hardware_scheduled=unit(technology.at("machine", "hardware_scheduled", die.machine)),
        kernel_library=unit(technology.at("software", "kernel_library", software)),
        multicast=unit(technology.at("machine", "multicast", die.machine)),
        prefetch=unit(technology.at("software", "prefetch", software)),
        write_turnaround=unit(turnaround),
        burst=unit(burst),
    )
