"""Packages with stated geometry, so that economics is tested without the area model."""

from __future__ import annotations

import torch
from torch import Tensor

from costmodel.hardware.system import Deployment, Die, MemoryTier, NetworkTier, Package, Pool
from costmodel.hardware.technology import Technology
from costmodel.physics.area import PARTS, DieArea
from costmodel.physics.floorplan import Floorplan

MM2 = 1e-6


def number(value: float | Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def build(
    technology: Technology,
    *,
    node: str = "n4p",
    die_area: float | Tensor = 814.0,
    core_share: float | Tensor = 0.6,
    dies: float | Tensor = 1.0,
    cores: float | Tensor = 144.0,
    enabled: float | Tensor = 132.0,
    memory: str = "hbm3_8h",
    stacks: float | Tensor = 5.0,
    interposer: float | Tensor = 1705.0,
    substrate: float | Tensor = 3025.0,
    package: str = "silicon_interposer_3p3",
    cooling: str = "air",
    topology: str = "switch",
    links: float | Tensor = 18.0,
    link_bandwidth: float | Tensor = 25e9,
    domain: float | Tensor = 8.0,
    voltage: float | Tensor = 0.75,
    price: float | Tensor = 0.0,
) -> tuple[Pool, tuple[DieArea, ...], Floorplan]:
    """An H100-class package unless told otherwise; areas in mm2, `core_share` of it in cores."""

    def row(table: str, name: str) -> Tensor:
        return torch.tensor(technology.row(table, name))

    zero = number(0.0)
    die = Die(
        role="compute",
        node=row("node", node),
        machine=torch.tensor(0),
        count=number(dies),
        array_rows=number(128.0),
        array_columns=number(128.0),
        arrays_per_core=number(1.0),
        cores_built=number(cores),
        cores_enabled=number(enabled),
        vector_lanes=number(128.0),
        rate_bf16=number(1.0),
        rate_int8=number(2.0),
        rate_fp8=number(2.0),
        rate_fp4=zero,
        l1_bytes=number(2.0**18),
        l2_bytes=number(5e7),
        voltage_logic=number(voltage),
        voltage_sram=number(voltage),
    )
    tier = MemoryTier(kind=row("memory", memory), stacks=number(stacks), rate_fraction=number(1.0))
    network = NetworkTier(
        kind=row("link", "serdes_112g"),
        topology=row("topology", topology),
        links=number(links),
        link_bandwidth=number(link_bandwidth),
        domain=number(domain),
    )
    one = torch.tensor(1)
    pool = Pool(
        role="both",
        package=Package(
            kind=row("package", package),
            cooling=row("cooling", cooling),
            dies=(die,),
            memory=(tier,),
            network=(network,),
        ),
        deployment=Deployment(
            format=torch.tensor(0),
            tensor_parallel=one,
            pipeline_parallel=one,
            expert_parallel=one,
            data_parallel=one,
            batch=one,
        ),
        software=torch.tensor(0),
        price=number(price),
    )
    total = number(die_area) * MM2
    return (
        pool,
        (die_parts(total, number(core_share), die.cores_built),),
        floor(total, number(interposer) * MM2, number(substrate) * MM2),
    )


def die_parts(total: Tensor, core_share: Tensor, cores: Tensor) -> DieArea:
    """A die of which `core_share` is in identical cores."""
    zero = torch.zeros_like(total)
    fields = dict.fromkeys(PARTS, zero) | {"mac": total}
    return DieArea(
        **fields,
        total=total,
        core=total * core_share / cores,
        uncore=total * (1.0 - core_share),
        edge_memory=zero,
        edge_links=zero,
        edge_die_to_die=zero,
        die_to_die_bandwidth=zero,
    )


def floor(total: Tensor, interposer: Tensor, substrate: Tensor, aspect: float = 1.25) -> Floorplan:
    """Sides of dies that fit the reticle, one kind of die."""
    height = torch.sqrt(total * aspect).unsqueeze(-1)
    zero = torch.zeros_like(total)
    edges = torch.zeros(*total.shape, 1, 3, dtype=torch.float64)
    return Floorplan(
        width=total.unsqueeze(-1) / height,
        height=height,
        stacks_per_side=zero.unsqueeze(-1),
        edge_demand=edges,
        edge_supply=edges,
        edge_violation=zero,
        reticle_violation=zero,
        interposer_area=interposer,
        interposer_violation=zero,
        substrate_area=substrate,
    )
