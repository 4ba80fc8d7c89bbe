"""A commented experiment for a given model: `scoville init`."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from costmodel.errors import ConfigError, StudyError, nearest
from costmodel.hardware.loading import load_technology
from costmodel.metrics import METRICS
from costmodel.workload.loading import load_model, load_scenario
from costmodel.workload.scenario import Scenario
from costmodel.workload.transformer import Transformer
from search import session
from search.storage import write_atomically

TEMPLATE = Path(__file__).parent / "data" / "systolic.yaml"
FOLDER = Path("experiments")
OBJECTIVES = ("cost_per_mtoken", "tokens_per_joule")
MEMORY = ("hbm3e_12h", "hbm4_12h", "hbm4_12h_10p7")
MOST_STACKS = 12
SHARE = 0.92
"""Share of the memory that may be in use."""
BYTES_A_WEIGHT = 1
"""The template's format is fp8."""
KNOWN_PARAMETERS, KNOWN_TOKENS, KNOWN_TTFT, KNOWN_TPOT = 70.6e9, 2048, 150.0, 12.0
"""A question with a known answer: the limits of the quickstart, which others are scaled from."""
LEAST_TTFT = 50.0


@dataclass(frozen=True)
class Started:
    """An experiment that was written: what it searches, and what to do with it."""

    experiment: Path
    template: Path
    checked: dict[str, Any]

    @property
    def next_steps(self) -> tuple[str, ...]:
        """Commands that follow."""
        return (
            f"read and change {self.experiment}; then `scoville check {self.experiment}`",
            f"scoville run {self.experiment} --dry-run",
            f"scoville run {self.experiment}",
        )

    def record(self) -> dict[str, Any]:
        """The same as plain containers."""
        return {
            "experiment": str(self.experiment),
            "template": str(self.template),
            **{key: self.checked[key] for key in ("variables", "designs", "objectives")},
            "next": list(self.next_steps),
        }


def start(
    model: str,
    scenario: str = "interactive",
    objectives: Sequence[str] = OBJECTIVES,
    output: str | Path | None = None,
    *,
    force: bool = False,
) -> Started:
    """Write an experiment for a model, and the template that it needs beside it.

    Parameters
    ----------
    model, scenario : str
        Names of what is shipped, or paths.
    objectives : sequence of str
        Metrics, the most important one first.
    output : str or Path, optional
        ``experiments/<model>.yaml`` by default, without a folder of that name ``<model>.yaml``.
    force : bool
        Replace the file if it exists.

    Raises
    ------
    ConfigError, DataError
        An unknown model, scenario or metric, with the nearest one.
    StudyError
        The file exists.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> folder = TemporaryDirectory()
    >>> started = start("llama-3.1-8b", objectives=["tpot"], output=f"{folder.name}/mine.yaml")
    >>> started.experiment.name, started.checked["objectives"]
    ('mine.yaml', ['tpot'])
    >>> folder.cleanup()
    """
    for name in objectives:
        if name not in METRICS:
            close = nearest(name, METRICS)
            expected = "" if close else "one of " + ", ".join(METRICS)
            raise ConfigError(f"unknown metric {name!r}", expected=expected, suggestions=close)
    transformer, traffic = load_model(model), load_scenario(scenario)
    name = _name(model, transformer)
    path = Path(output) if output else (FOLDER if FOLDER.is_dir() else Path()) / f"{name}.yaml"
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"cannot write {path}", expected="a name that ends in .yaml")
    if path.exists() and not force:
        raise StudyError(f"{path} exists", next_step="choose another name by -o, or add --force")
    template = path.parent / "templates" / TEMPLATE.name
    template.parent.mkdir(parents=True, exist_ok=True)
    if not template.exists():
        shutil.copyfile(TEMPLATE, template)
    places = [_place(item, path.parent) for item in (model, scenario)]
    text = "\n".join(_lines(name, places[0], places[1], transformer, traffic, objectives)) + "\n"
    write_atomically(path, text.encode())
    return Started(path, template, session.check(path))


def _name(model: str, transformer: Transformer) -> str:
    """A study's name made of a model's."""
    path = Path(model)
    stem = transformer.name
    if path.suffix == ".json" and stem == "config":
        stem = path.resolve().parent.name
    return re.sub(r"[^0-9A-Za-z._-]+", "-", stem).strip("-._") or "mine"


def _place(name: str, folder: Path) -> str:
    """A shipped name as it is; a path as it is seen from the experiment's folder."""
    path = Path(name)
    if path.suffix not in (".json", ".yaml", ".yml"):
        return name
    return os.path.relpath(path, folder)


def tensor_parallel(transformer: Transformer) -> list[int]:
    """Degrees at which the weights fit the memory, up to what a model of that size can use."""
    technology = load_technology()
    rows = torch.tensor([technology.row("memory", name) for name in MEMORY])
    capacity = float(technology.at("memory", "capacity", rows).max())
    fewest = transformer.parameters * BYTES_A_WEIGHT / (SHARE * MOST_STACKS * capacity)
    most = 8 if transformer.parameters < 20e9 else 16 if transformer.parameters < 200e9 else 64
    degrees = [2**power for power in range(7) if fewest <= 2**power <= most]
    return [degree for degree in degrees if transformer.heads % degree == 0] or [most]


def time_limits(transformer: Transformer, traffic: Scenario) -> tuple[float | None, float]:
    """Limits on the time to the first and between the next tokens [ms]; the first may be absent.

    Scaled from the quickstart's: the first with the work of a prefill, the other with the square
    root of a model's size beyond that of the quickstart's.
    """
    size = transformer.parameters / KNOWN_PARAMETERS
    tokens = sum(request.weight * request.new_tokens for request in traffic.requests)
    tpot = KNOWN_TPOT * max(1.0, math.sqrt(size))
    if tokens <= 1:
        return None, _round_up(tpot)
    ttft = max(LEAST_TTFT, KNOWN_TTFT * size * tokens / KNOWN_TOKENS)
    return _round_up(ttft), _round_up(tpot)


def _round_up(value: float) -> float:
    """Two significant digits."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.6g}")


def _lines(
    name: str,
    model: str,
    scenario: str,
    transformer: Transformer,
    traffic: Scenario,
    objectives: Sequence[str],
) -> Iterator[str]:
    """The file, line by line."""
    billions = f"{transformer.parameters / 1e9:.3g} billion parameters"
    ttft, tpot = time_limits(transformer, traffic)
    yield f"# Which package should serve {transformer.name} ({billions})?"
    yield "# Keys carry their units. A variable is a value, a list, or a range with step or levels;"
    yield "# what is left out comes from the template. `scoville list technology` shows every row."
    yield "schema_version: 1"
    yield f"name: {name}  # the study's folder below results/"
    yield f"title: Which package should serve {transformer.name}?  # heads the report"
    yield f"model: {model}  # a shipped model (`scoville list models`) or a config.json"
    yield f"scenario: {scenario}  # {traffic.title}"
    yield "template: templates/systolic.yaml  # what is not searched: fp8, kind of link, engine"
    yield "volume: 100000  # packages that share masks, design and software"
    yield "seed: 1  # of every random number: the same seed gives the same search"
    yield "mapping_mode: optimal  # or library: as software maps today; fixed: tiles searched"
    yield "money: manufacturing  # what a package costs to make; or market: what one pays for it"
    yield ""
    yield "space:"
    yield "  node: [n3e, n3p, n2, sf2, sf2p]  # foundry nodes of the compute dies"
    yield "  compute_dies: [1, 2]  # of a package"
    yield "  array: [64, 128, 256]  # rows and columns of a square array"
    yield "  arrays_per_core: [1, 2, 4]"
    yield "  cores_built: {range: [16, 128], step: 4}  # on a die"
    yield "  enabled_fraction: {range: [0.85, 1.0], step: 0.01}  # of them; the rest is for yield"
    yield "  vector_lanes: {range: [64, 512], step: 64}  # of a core"
    yield "  l1_MiB: {range: [0.25, 4], levels: 17, log: true}  # scratchpad of a core"
    yield "  l2_MiB: {range: [8, 256], levels: 21, log: true}  # shared SRAM of a die"
    yield "  voltage_V: {range: [0.55, 0.90], step: 0.005}  # logic supply; sets the clock"
    yield f"  memory: [{', '.join(MEMORY)}]  # kinds of stack"
    yield f"  stacks: {{range: [1, {MOST_STACKS}], step: 1}}  # of a package"
    yield "  links: {range: [4, 36], step: 1}  # scale-up links of a package, 50 GB/s a direction"
    yield "  topology: [switch, torus_2d, torus_3d]  # of the scale-up network"
    yield "  domain: [8, 16, 64]  # packages of a scale-up network"
    yield "  package: [silicon_interposer_3p3, bridge_interposer_5p5]  # sizes in reticles"
    yield "  cooling: [air, cold_plate]"
    degrees = ", ".join(map(str, tensor_parallel(transformer)))
    yield f"  tensor_parallel: [{degrees}]  # packages that share a layer; the weights fit"
    yield "  batch: [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]  # sequences in decode"
    yield ""
    yield "limits:  # largest values; leave out what you do not mind"
    yield "  package_power_W: {air: 1000, cold_plate: 1600}  # in the hottest phase"
    yield "  rack_power_kW: 130"
    yield "  junction_temperature_C: 95"
    yield "  memory_temperature_C: 95  # refresh costs bandwidth from 85 C on"
    yield "  die_area_mm2: 800  # the reticle ends at 858"
    yield "  memory_capacity_percent: 92  # share of the memory in use: weights and caches"
    yield "  current_density_Apmm2: 8  # through the bumps of a die"
    if ttft is not None:
        yield f"  ttft_ms: {ttft:g}  # time to the first token, nothing queued"
    yield f"  tpot_ms: {tpot:g}  # time between tokens: 1000 over this is the speed a user sees"
    yield "  unit_cost_USD: 12000  # to make a package"
    yield ""
    yield "objectives:  # `scoville list metrics`; several give a front"
    for objective in objectives:
        spec = METRICS[objective]
        unit = "" if spec.unit == "1" else f" [{spec.unit}]"
        yield f"  - {{metric: {objective}, direction: {spec.direction}}}  # {spec.title}{unit}"
    yield ""
    yield "sampler:  # `scoville list samplers`; phases hand over to each other, in a circle"
    yield "  phases:"
    yield "    - {name: quasi_random, evaluations: 4096}  # spread evenly"
    yield "    - {name: coordinate_descent, evaluations: 20480}  # one variable at a time"
    yield "    - {name: evolution, evaluations: 16384}  # crossings of good designs"
    yield "    - {name: gradient, evaluations: 3072}  # slopes of the model"
    yield ""
    yield "budget:  # the search ends with the first of them; `scoville resume` goes on"
    yield "  evaluations: 50000  # distinct designs; a gradient step counts for 3"
    yield "  seconds: 300  # of all sessions together"
    yield ""
    yield "rivals: [h100, h200, mi300x, tpu-v5p, trainium2]  # shown beside the best: `list chips`"
