"""A package as a plain record for tests: the size of a search design, leaves of any batch."""

from __future__ import annotations

import torch
from torch import Tensor

from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import (
    Deployment,
    Die,
    MemoryTier,
    NetworkTier,
    Package,
    Pool,
)
from costmodel.timing.mapped import Mapped

TECHNOLOGY = load_technology()


def row(table: str, name: str) -> Tensor:
    return torch.tensor(TECHNOLOGY.row(table, name))


def number(value: float | Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def compute_die(node: str = "n3e", **changes: float | Tensor | str) -> Die:
    """64 cores of one 128 x 128 array, 1 MiB of scratchpad each, 64 MiB shared."""
    machine = str(changes.pop("machine", "systolic"))
    role = str(changes.pop("role", "compute"))
    leaves: dict[str, float | Tensor | str] = {
        "count": 1, "array_rows": 128, "array_columns": 128, "arrays_per_core": 1,
        "cores_built": 64, "cores_enabled": 60, "vector_lanes": 128,
        "rate_bf16": 1, "rate_int8": 1, "rate_fp8": 2, "rate_fp4": 0,
        "l1_bytes": 2.0**20, "l2_bytes": 2.0**26,
        "voltage_logic": 0.70, "voltage_sram": 0.70, "clock_scale": 1.0,
    }  # fmt: skip
    leaves |= changes
    return Die(
        role=role,
        node=row("node", node),
        machine=row("machine", machine),
        **{key: number(value) for key, value in leaves.items()},  # type: ignore[arg-type]
    )


def io_die(**changes: float | Tensor | str) -> Die:
    none: dict[str, float | Tensor | str] = dict.fromkeys(
        ("array_rows", "array_columns", "arrays_per_core", "cores_built", "cores_enabled",
         "vector_lanes", "rate_bf16", "rate_int8", "rate_fp8", "rate_fp4", "l1_bytes",
         "l2_bytes"), 0.0,
    )  # fmt: skip
    return compute_die(role="io", **(none | {"node": "n6"} | changes))  # type: ignore[arg-type]


def memory(kind: str = "hbm3e_12h", stacks: float | Tensor = 6) -> MemoryTier:
    return MemoryTier(row("memory", kind), number(stacks), number(1.0))


def network(kind: str = "serdes_224g", links: float | Tensor = 18) -> NetworkTier:
    return NetworkTier(
        row("link", kind), row("topology", "switch"), number(links), number(50e9), number(8)
    )


def package(
    dies: tuple[Die, ...] | None = None,
    tiers: tuple[MemoryTier, ...] | None = None,
    networks: tuple[NetworkTier, ...] | None = None,
    kind: str = "silicon_interposer_3p3",
    cooling: str = "cold_plate",
) -> Package:
    return Package(
        kind=row("package", kind),
        cooling=row("cooling", cooling),
        dies=(compute_die(),) if dies is None else dies,
        memory=(memory(),) if tiers is None else tiers,
        network=(network(),) if networks is None else networks,
    )


def pool(whole: Package | None = None, name: str = "fp8") -> Pool:
    deployment = Deployment(
        format=row("format", name),
        tensor_parallel=number(8),
        pipeline_parallel=number(1),
        expert_parallel=number(1),
        data_parallel=number(1),
        batch=number(64),
    )
    return Pool("both", whole or package(), deployment, row("software", "systolic_optimal"),
                number(0))  # fmt: skip


def mapped(batch: tuple[int, ...] = (), scale: float | Tensor = 1.0) -> Mapped:
    """Two phases of three operators: plausible, and different in every entry."""
    generator = torch.Generator().manual_seed(7)

    def spread(*shape: int) -> Tensor:
        values = 0.5 + torch.rand(*shape, generator=generator, dtype=torch.float64)
        return (values * number(scale)).expand(*batch, *shape)

    # An execution takes 100 us; the second phase computes less and reads more.
    compute = torch.tensor([[1.0], [0.1]], dtype=torch.float64)
    size = torch.tensor([[[4e8], [2e8], [0.5e8]], [[5e8], [6.5e8], [3e8]]], dtype=torch.float64)
    latency = number(1e-4).expand(*batch, 2, 3)
    macs = spread(2, 3) * 4e10 * compute
    return Mapped(
        operators=("qkv", "attention", "reduce"),
        kinds=("gemm", "attention", "all_reduce"),
        points=("chat/prefill", "chat/decode"),
        phases=("prefill", "decode"),
        count=number(80.0).expand(*batch, 2, 3),
        latency=latency,
        time=latency.unsqueeze(-1) * 0.5 * torch.ones(6, dtype=torch.float64),
        bytes=spread(2, 3, 3, 4) * size.unsqueeze(1) * 0.25,
        macs=macs,
        array_cycles=macs / 1.5e6,
        vector_operations=spread(2, 3) * 1e8,
        network_bytes=spread(2, 3) * 1e7,
        tile={},
        tile_fits=number(0.5).expand(*batch) if batch else number(0.5),
        mappings=1,
    )
