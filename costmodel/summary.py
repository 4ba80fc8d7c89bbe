"""From the results of pools to named metrics, violations and breakdowns."""

from __future__ import annotations

import torch
from torch import Tensor

from costmodel.hardware.technology import Technology
from costmodel.limits import (
    Limits,
    finite_or_infinite,
    package_power_limit,
    temperature_violation,
    violation,
)
from costmodel.metrics import METRICS, Breakdown, Metrics, Work
from costmodel.physics.area import DieArea, compute_index
from costmodel.pool import PoolResult
from costmodel.workload.operators import Workload

AREA_PARTS = (
    "mac", "vector", "control", "l1", "l2", "interconnect", "memory_phy", "memory_controller",
    "link_phy", "die_to_die", "other",
)  # fmt: skip
MILLION = 1e6


def summarise(
    pools: list[PoolResult],
    workload: Workload,
    technology: Technology,
    limits: Limits,
    work: Work,
) -> Metrics:
    """Metrics of a system of pools.

    Limits hold in every pool: of what is limited, the worst pool is reported. Money and energy of
    a request add up over pools, each weighted by the package-seconds that it spends; pools are
    sized so that each serves the same stream of requests.
    """
    values = {
        name: _worst(name, [item[name] for item in map(_package_metrics, pools)])
        for name in _package_metrics(pools[0])
    }
    values |= _service_metrics(pools, workload)
    named = _violations(pools, workload, technology, limits, values)
    shape = torch.broadcast_shapes(*(value.shape for value in values.values()))
    values = {name: value.expand(shape) for name, value in values.items()}
    stacked = torch.stack([value.expand(shape) for value in named.values()], -1)
    breakdowns: dict[str, Breakdown] = {}
    for number, pool in enumerate(pools):
        prefix = "" if len(pools) == 1 else f"{number}.{pool.pool.role}."
        breakdowns |= {prefix + key: item for key, item in _breakdowns(pool).items()}
    return Metrics(values, stacked, tuple(named), breakdowns, work)


def _worst(name: str, items: list[Tensor]) -> Tensor:
    """The pool that decides: the largest of what is minimised, the least of the rest."""
    largest = METRICS[name].direction == "minimize"
    result = items[0]
    for item in items[1:]:
        result = torch.maximum(result, item) if largest else torch.minimum(result, item)
    return result


def _package_metrics(result: PoolResult) -> dict[str, Tensor]:
    """What describes a package, whatever it is used for."""
    package = result.pool.package
    index = compute_index(package)
    r = result.resources
    rate = r.cores * r.arrays * r.rows * r.columns * r.rate * r.clock
    parallel = result.pool.deployment
    network = torch.zeros_like(result.clock)
    for tier in package.network[:1]:
        network = network + tier.links.double() * tier.link_bandwidth
    return {
        "unit_cost": result.cost.manufacturing,
        "unit_price": result.price.paid,
        "nre": result.cost.nre,
        "tco_per_hour": result.tco.usd_per_hour,
        "package_power_peak": result.thermal.power_peak,
        "package_power_average": result.thermal.power_average,
        "wall_power": result.tco.wall_power,
        "rack_power": result.tco.rack_power,
        "junction_temperature": result.thermal.junction_peak,
        "memory_temperature": result.thermal.memory_peak,
        "die_area": result.areas[index].total,
        "interposer_area": result.floorplan.interposer_area,
        "die_yield": result.cost.die_yield[..., index],
        "current_density": result.thermal.current_density_peak,
        "clock": result.clock,
        "peak_throughput": 2.0 * rate.squeeze(-1).squeeze(-1),
        "memory_bandwidth": result.memory_bandwidth,
        "memory_used": result.memory_used,
        "network_bandwidth": network,
        "packages": (parallel.tensor_parallel * parallel.pipeline_parallel).double(),
    }


def _service_metrics(pools: list[PoolResult], workload: Workload) -> dict[str, Tensor]:
    """What a user of the service sees: latency, money, energy."""
    requests = {request.name: request for request in workload.scenario.requests}
    tokens = sum(item.weight * item.generated_tokens for item in requests.values())
    first: list[Tensor] = []
    each: list[Tensor] = []
    package_seconds = torch.zeros((), dtype=torch.float64)
    money = torch.zeros((), dtype=torch.float64)
    joules = torch.zeros((), dtype=torch.float64)
    for result in pools:
        deployment = result.pool.deployment
        stages = deployment.pipeline_parallel.double().unsqueeze(-1)
        time = result.mapped.step * stages
        for number, phase in enumerate(result.mapped.phases):
            (first if phase == "prefill" else each).append(time[..., number])
        packages = (deployment.tensor_parallel * deployment.pipeline_parallel).double()
        spent = packages * result.seconds.sum(-1)
        package_seconds = package_seconds + spent
        money = money + spent * result.tco.usd_per_package_second
        joules = joules + spent * result.tco.wall_power
    return {
        "ttft": _largest(first, package_seconds),
        "tpot": _largest(each, package_seconds),
        "package_seconds_per_request": package_seconds,
        "throughput_per_package": tokens / package_seconds,
        "cost_per_mtoken": money / tokens * MILLION,
        "tokens_per_joule": tokens / joules,
    }


def _largest(times: list[Tensor], like: Tensor) -> Tensor:
    """The slowest request kind; zero when no pool runs the phase."""
    if not times:
        return torch.zeros_like(like)
    return torch.stack(torch.broadcast_tensors(*times), -1).amax(-1)


def _violations(
    pools: list[PoolResult],
    workload: Workload,
    technology: Technology,
    limits: Limits,
    values: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Signed, normalised violations by name; the worst pool of each."""
    collected: dict[str, list[Tensor]] = {}
    for result in pools:
        own = _package_metrics(result)
        for name, value in _pool_violations(result, workload, technology, limits, own).items():
            collected.setdefault(name, []).append(value)
    named = {
        name: torch.stack(torch.broadcast_tensors(*items), -1).amax(-1)
        for name, items in collected.items()
    }
    for name in ("ttft", "tpot"):
        limit = getattr(limits, name)
        if limit is not None:
            named[name] = violation(values[name], limit)
    return {
        name: finite_or_infinite(value)
        for name, value in named.items()
        if name not in limits.ignored
    }


def _pool_violations(
    result: PoolResult,
    workload: Workload,
    technology: Technology,
    limits: Limits,
    own: dict[str, Tensor],
) -> dict[str, Tensor]:
    pool = result.pool
    package, deployment = pool.package, pool.deployment
    named: dict[str, Tensor] = {}
    allowed = package_power_limit(limits, technology, package.cooling)
    if allowed is not None:
        named["package_power"] = violation(own["package_power_peak"], allowed)
    for name in ("rack_power", "die_area", "current_density", "unit_cost"):
        limit = getattr(limits, name)
        if limit is not None:
            named[name] = violation(own[name], limit)
    inlet = technology.at("cooling", "inlet_temperature", package.cooling)
    for name in ("junction_temperature", "memory_temperature"):
        limit = getattr(limits, name)
        if limit is not None:
            named[name] = temperature_violation(own[name], limit, inlet)
    named["thermal_runaway"] = result.thermal.runaway_margin
    named["reticle"] = result.floorplan.reticle_violation
    named["die_edge"] = result.floorplan.edge_violation
    named["interposer_area"] = result.floorplan.interposer_violation
    named["memory_capacity"] = violation(result.memory_used, limits.memory_capacity)
    named["tile_fits"] = result.mapped.tile_fits - 1.0
    supported = (result.resources.rate > 0).squeeze(-1).squeeze(-1)
    named["format_support"] = torch.where(supported, -1.0, torch.inf).double()
    packages = deployment.tensor_parallel.double()
    domain = torch.ones_like(packages)
    for tier in package.network[:1]:
        wired = torch.where(tier.links > 0, tier.domain, torch.ones_like(tier.domain))
        domain = torch.maximum(domain, wired.double())
    named["tensor_parallel_domain"] = violation(packages, domain)
    stages = deployment.pipeline_parallel.double()
    named["layers_per_stage"] = violation(stages, float(workload.model.layers))
    return named


def _breakdowns(result: PoolResult) -> dict[str, Breakdown]:
    mapped = result.mapped
    points, names = mapped.points, mapped.operators
    count = mapped.count.unsqueeze(-1)
    index = compute_index(result.pool.package)
    leakage = result.thermal.leakage.unsqueeze(-1)
    lead = torch.broadcast_shapes(result.power.values.shape[:-1], leakage.shape[:-1])
    power = torch.cat(
        [item.expand(*lead, item.shape[-1]) for item in (result.power.values, leakage)], -1
    )
    return {
        "latency": Breakdown((points, names), mapped.count * mapped.latency, "s"),
        "time": Breakdown((points, names, mapped.components), count * mapped.time, "s"),
        "bytes": Breakdown(
            (points, names, mapped.levels, mapped.operands),
            count.unsqueeze(-1) * mapped.bytes,
            "byte",
        ),
        "energy": Breakdown(
            (points, names, result.energy.parts), count * result.energy.values, "J"
        ),
        "power": Breakdown((points, (*result.power.parts, "leakage")), power, "W"),
        "area": Breakdown((AREA_PARTS,), _area_parts(result.areas[index]), "m2"),
        "cost": Breakdown((result.cost.parts,), result.cost.values, "USD"),
        "capex": Breakdown((result.tco.capex_parts,), result.tco.capex_values, "USD"),
        "hourly": Breakdown((result.tco.hourly_parts,), result.tco.hourly_values, "USD/h"),
        "wall_power": Breakdown((result.tco.power_parts,), result.tco.power_values, "W"),
    }


def _area_parts(area: DieArea) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*(getattr(area, part) for part in AREA_PARTS)), -1)


def join_chunks(chunks: list[Metrics], count: int, width: int, shape: torch.Size) -> Metrics:
    """Chunks of a flat batch back into one record of the designs' own shape."""

    def join(parts: list[Tensor], trailing: int) -> Tensor:
        dim = -1 - trailing
        whole = torch.cat(parts, dim) if len(parts) > 1 else parts[0]
        whole = whole.narrow(dim, 0, count)
        place = whole.dim() + dim
        tail = whole.shape[place + 1 :]
        return whole.reshape((*whole.shape[:place], *shape, *tail))

    first = chunks[0]

    def full(chunk: Metrics, value: Tensor, trailing: int) -> Tensor:
        lead = chunk.values["ttft"].shape
        tail = value.shape[value.dim() - trailing :]
        return (
            value.expand(*lead, *tail) if value.shape[: value.dim() - trailing] != lead else value
        )

    values = {
        name: join([full(chunk, chunk.values[name], 0) for chunk in chunks], 0)
        for name in first.values
    }
    violations = join([full(chunk, chunk.violations, 1) for chunk in chunks], 1)
    breakdowns = {
        name: Breakdown(
            item.labels,
            join(
                [full(chunk, chunk.breakdowns[name].values, len(item.labels)) for chunk in chunks],
                len(item.labels),
            ),
            item.unit,
        )
        for name, item in first.breakdowns.items()
    }
    mappings = sum(chunk.work.mappings for chunk in chunks)
    return Metrics(
        values,
        violations,
        first.violation_names,
        breakdowns,
        Work(count, mappings * count // width),
    )
