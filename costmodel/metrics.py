"""What an evaluation returns, and the registry that says what each metric means."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from costmodel.errors import DataError, nearest


@dataclass(frozen=True)
class MetricSpec:
    """Unit, better direction, title and definition of a metric.

    >>> METRICS["junction_temperature"].unit, METRICS["throughput_per_package"].direction
    ('K', 'maximize')
    """

    unit: str
    direction: str  # "minimize" or "maximize"
    title: str
    definition: str


METRICS: dict[str, MetricSpec] = {
    "ttft": MetricSpec(
        "s",
        "minimize",
        "Time to first token",
        "unloaded prefill of the new tokens; slowest request kind",
    ),
    "tpot": MetricSpec(
        "s",
        "minimize",
        "Time per output token",
        "one decode step at the mean context; slowest request kind",
    ),
    "package_seconds_per_request": MetricSpec(
        "s",
        "minimize",
        "Package-seconds a request",
        "packages x (t_prefill + generated x TPOT / batch), summed over pools",
    ),
    "throughput_per_package": MetricSpec(
        "token/s",
        "maximize",
        "Generated tokens/s a package",
        "generated tokens of a request / package-seconds of a request",
    ),
    "cost_per_mtoken": MetricSpec(
        "USD",
        "minimize",
        "Cost per million generated tokens",
        "package-seconds x $ per package-second / generated tokens x 1e6",
    ),
    "tokens_per_joule": MetricSpec(
        "token/J",
        "maximize",
        "Generated tokens/s per wall watt",
        "generated tokens / (package-seconds x wall power)",
    ),
    "unit_cost": MetricSpec(
        "USD",
        "minimize",
        "Manufacturing cost of a package",
        "dies, memory, interposer, substrate, assembly, test, yield loss",
    ),
    "unit_price": MetricSpec(
        "USD",
        "minimize",
        "Money paid for a package",
        "manufacturing cost + NRE / volume, or the market price",
    ),
    "nre": MetricSpec(
        "USD",
        "minimize",
        "Non-recurring engineering",
        "mask sets, design and package development, once",
    ),
    "tco_per_hour": MetricSpec(
        "USD/h",
        "minimize",
        "Cost of a package-hour",
        "capital recovery, facility, maintenance, electricity, per calendar hour",
    ),
    "package_power_peak": MetricSpec(
        "W",
        "minimize",
        "Package power in the hottest phase",
        "largest phase average, with leakage at temperature",
    ),
    "package_power_average": MetricSpec(
        "W",
        "minimize",
        "Package power, average",
        "phases weighted by the time a request spends in them",
    ),
    "wall_power": MetricSpec(
        "W",
        "minimize",
        "Wall power a package",
        "package average with its share of host, network, losses, cooling, PUE",
    ),
    "rack_power": MetricSpec(
        "W",
        "minimize",
        "Rack power",
        "packages of a rack in their hottest phase, with hosts and switches",
    ),
    "junction_temperature": MetricSpec(
        "K", "minimize", "Junction temperature", "hottest compute die in the hottest phase"
    ),
    "memory_temperature": MetricSpec(
        "K", "minimize", "Memory temperature", "hottest stack in the hottest phase"
    ),
    "die_area": MetricSpec("m2", "minimize", "Die area", "one compute die"),
    "interposer_area": MetricSpec(
        "m2", "minimize", "Interposer area", "dies and stacks with spacing"
    ),
    "die_yield": MetricSpec(
        "1", "maximize", "Die yield", "clustered defects, spare cores harvested"
    ),
    "memory_used": MetricSpec("1", "minimize", "Memory in use", "weights and KV cache / capacity"),
    "current_density": MetricSpec(
        "A/m2", "minimize", "Current density", "peak power of the compute dies / voltage / area"
    ),
    "clock": MetricSpec("Hz", "maximize", "Clock", "alpha-power law through both foundry claims"),
    "peak_throughput": MetricSpec(
        "op/s",
        "maximize",
        "Peak dense throughput",
        "2 x multiply-accumulates a second at the format",
    ),
    "memory_bandwidth": MetricSpec(
        "byte/s", "maximize", "Memory bandwidth", "pin rate x width x stacks"
    ),
    "network_bandwidth": MetricSpec(
        "byte/s", "maximize", "Network bandwidth", "all links of a package, one direction"
    ),
    "packages": MetricSpec("count", "minimize", "Packages a replica", "tensor x pipeline parallel"),
}


@dataclass(frozen=True, repr=False)
class Breakdown:
    """A quantity split along named axes: values ``[*batch, *lengths of labels]``.

    >>> import torch
    >>> Breakdown((("logic", "memory"),), torch.tensor([100.0, 40.0]), "W")
    Breakdown [W] of one design, 2 parts
      part    value
      logic   100 W
      memory   40 W
    """

    labels: tuple[tuple[str, ...], ...]
    values: Tensor
    unit: str

    def __repr__(self) -> str:
        from costmodel.presentation.metrics import breakdown_page

        return breakdown_page(self).text()

    def _repr_html_(self) -> str:
        from costmodel.presentation.metrics import breakdown_page

        return breakdown_page(self).html()


@dataclass(frozen=True)
class Work:
    """What an evaluation cost, for the meter."""

    designs: int
    mappings: int


@dataclass(frozen=True, repr=False)
class Metrics:
    """Named results of a batch; each value has shape ``[*batch]``.

    >>> import torch
    >>> power, limit = torch.tensor([600.0, 1000.0]), 800.0
    >>> metrics = Metrics(
    ...     values={"package_power_peak": power},
    ...     violations=((power - limit) / limit).unsqueeze(-1),
    ...     violation_names=("package_power",),
    ...     breakdowns={},
    ... )
    >>> metrics
    Metrics of 2 designs: 1 of 2 meet every limit
      metric                              name                  [0]    [1]      better
      Package power in the hottest phase  package_power_peak  600 W  1 kW  lower
    excess over the limit, at most 0 is met:
      limit or rule    met by      [0]      [1]
      ✗ package power  50.0 %  -25.0 %  +25.0 %
    >>> metrics["package_power_peak"].max(), metrics.feasible
    (tensor(1000.), tensor([ True, False]))
    """

    values: dict[str, Tensor]
    violations: Tensor  # [*batch,G], <= 0 is feasible
    violation_names: tuple[str, ...]
    breakdowns: dict[str, Breakdown]
    work: Work = field(default=Work(0, 0))

    def __getitem__(self, name: str) -> Tensor:
        """A metric by name ``[*batch]``.

        Raises
        ------
        DataError
            Unknown name, with the nearest one.
        """
        if name not in self.values:
            raise DataError(
                f"unknown metric {name!r}",
                expected="one of " + ", ".join(self.values),
                suggestions=nearest(name, self.values),
            )
        return self.values[name]

    def __repr__(self) -> str:
        from costmodel.presentation.metrics import metrics_page

        return metrics_page(self).text()

    def _repr_html_(self) -> str:
        from costmodel.presentation.metrics import metrics_page

        return metrics_page(self, definitions=True).html()

    @property
    def feasible(self) -> Tensor:
        """Designs that break no limit ``[*batch]``."""
        return (self.violations <= 0).all(-1)
