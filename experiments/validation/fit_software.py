"""Fit the software record of the SIMT class to measured kernels, and say how far it carries.

    python -m experiments.validation.fit_software            # print the fit and its errors
    python -m experiments.validation.fit_software --write    # put it into the data files

Fitted, shared by all GPUs: array, memory and attention efficiency, launch time and overlap (matrix
products and attention of A100 and H100), latency, message loss and wire efficiency of collectives.
Each column of the report that is called *predicted* comes from a fit without that chip.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from torch import Tensor

import costmodel.hardware.loading
from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.technology import Technology
from costmodel.timing.resources import Resources
from experiments.validation.command import fit_command
from experiments.validation.kernels import (
    CHIPS,
    all_reduce_latency,
    attention_latency,
    gemm_latency,
    pool_of,
    resources_of,
)
from experiments.validation.rows import Row, read

Seconds = NDArray[np.float64]

SOFTWARE, BEST_MAPPING = "simt_shipped", "simt_optimal"
FABRIC = ("collective_latency", "collective_half_size")
"""Properties of links and protocol: the same with the best mapping."""
FITTED_CHIPS = ("A100-SXM4-80GB", "H100-SXM5-80GB")
DATA = Path(costmodel.hardware.loading.__file__).parent.parent / "data" / "technology"


WIDTH = {"bf16": 16, "fp16": 16, "fp8": 8, "int8": 8}


@dataclass(frozen=True)
class Parameter:
    """One fitted number: column, start and bounds in SI."""

    column: str
    start: float
    low: float
    high: float


KERNEL = (
    Parameter("array_efficiency", 0.8, 0.4, 1.0),
    Parameter("memory_efficiency", 0.95, 0.5, 1.1),
    Parameter("launch_time", 2e-6, 2e-7, 1e-5),
    Parameter("overlap_exponent", 5.0, 1.5, 20.0),
)
NARROW = (Parameter("narrow_efficiency", 0.8, 0.3, 1.0),)
ATTENTION = (
    Parameter("attention_efficiency", 0.7, 0.2, 1.0),
    Parameter("vector_efficiency", 0.5, 0.1, 1.0),
)
COLLECTIVE = (
    Parameter("collective_latency", 6e-6, 1e-6, 3e-5),
    Parameter("collective_half_size", 5e6, 1e4, 1e8),
    Parameter("network_efficiency", 0.8, 0.5, 1.0),
    Parameter("reduction_efficiency", 0.6, 0.4, 1.0),
)


def gemm_rows(width: int) -> list[Row]:
    """Kernels timed back to back; 16-bit or 8-bit precisions."""
    return [
        row
        for row in read("gemm")
        if row.metric == "latency"
        and row.chip in CHIPS
        and WIDTH.get(row.precision) == width
        and "aiconfigurator" in row.source
    ]


def attention_rows(possible: bool = True) -> list[Row]:
    """Attention operators alone in a loop, with their cache read.

    Rows that beat their keys and values at the memory's peak bandwidth cannot be what they say
    (the cache of the collector holds keys only) and are left out; ``possible=False`` lists them.
    """
    peaks = {name: load_chip(chip).facts["memory_bandwidth"].value for name, chip in CHIPS.items()}
    return [
        row
        for row in read("attention")
        if row.metric == "latency"
        and row.chip in CHIPS
        and row.precision == "bf16"
        and row.phase in ("prefill", "decode")
        and (cache_bytes(row) <= seconds(row) * peaks[row.chip]) == possible
    ]


def cache_bytes(row: Row) -> float:
    """Keys and values that an attention row reads, 16 bits each [byte]."""
    words = math.prod(float(row.shape[key]) for key in ("kv_heads", "kv_len", "head_dim"))
    return 4.0 * float(row.batch) * words


def collective_rows() -> list[Row]:
    """All-reduces of nccl-tests and of TensorRT-LLM inside one server."""
    return [
        row
        for row in read("collective")
        if row.phase == "all_reduce"
        and row.metric == "latency"
        and row.chip in CHIPS
        and row.chips > 1
        and "aiconfigurator" in row.source
    ]


Predict = Callable[[list[Row], Technology], Seconds]


def predict_gemm(rows: list[Row], technology: Technology) -> Seconds:
    """Seconds of every row."""
    return _by_machine(rows, technology, gemm_latency)


def predict_attention(rows: list[Row], technology: Technology) -> Seconds:
    """Seconds of every row."""
    return _by_machine(rows, technology, attention_latency)


def predict_collective(rows: list[Row], technology: Technology) -> Seconds:
    """Seconds of every row."""
    found: Seconds = np.zeros(len(rows))
    for chip in {row.chip for row in rows}:
        index = [number for number, row in enumerate(rows) if row.chip == chip]
        chosen = tuple(rows[number] for number in index)
        pool = pool_of(chip, "bf16", technology)
        found[index] = all_reduce_latency(chosen, pool, technology).numpy()
    return found


def _by_machine(
    rows: list[Row],
    technology: Technology,
    latency: Callable[[tuple[Row, ...], Resources], Tensor],
) -> Seconds:
    found: Seconds = np.zeros(len(rows))
    for chip, precision in {(row.chip, row.precision) for row in rows}:
        index = [
            number
            for number, row in enumerate(rows)
            if (row.chip, row.precision) == (chip, precision)
        ]
        chosen = tuple(rows[number] for number in index)
        resources = resources_of(pool_of(chip, precision, technology), technology)
        found[index] = latency(chosen, resources).numpy()
    return found


def with_values(
    technology: Technology, parameters: tuple[Parameter, ...], values: np.ndarray
) -> Technology:
    """The technology with fitted values in the software record."""
    for parameter, value in zip(parameters, values, strict=True):
        technology = technology.replace("software", SOFTWARE, parameter.column, float(value))
    return technology


def fit(
    rows: list[Row], parameters: tuple[Parameter, ...], predict: Predict, technology: Technology
) -> Seconds:
    """Least squares of log ratios, with a soft loss against outliers."""
    measured = np.log(np.array([seconds(row) for row in rows]))
    low = np.log([parameter.low for parameter in parameters])
    high = np.log([parameter.high for parameter in parameters])

    def residuals(logs: np.ndarray) -> Seconds:
        trial = with_values(technology, parameters, np.exp(logs))
        found: Seconds = np.log(predict(rows, trial)) - measured
        return found

    start = np.log([parameter.start for parameter in parameters])
    solution = least_squares(
        residuals, start, bounds=(low, high), loss="soft_l1", f_scale=0.1, diff_step=1e-3
    )
    values: Seconds = np.exp(solution.x)
    return values


def seconds(row: Row) -> float:
    """Measured latency [s]."""
    return row.value * {"ms": 1e-3, "us": 1e-6, "s": 1.0}[row.unit]


def errors(rows: list[Row], predict: Predict, technology: Technology) -> Seconds:
    """Relative errors, signed."""
    measured = np.array([seconds(row) for row in rows])
    found: Seconds = predict(rows, technology) / measured - 1.0
    return found


def report(name: str, rows: list[Row], predict: Predict, technology: Technology, how: str) -> None:
    """One line of the accuracy table for each chip."""
    found = errors(rows, predict, technology)
    for chip in sorted({row.chip for row in rows}):
        own = found[[row.chip == chip for row in rows]]
        sys.stdout.write(
            f"{name:11s} {chip:16s} {how:26s} n {len(own):4d}  mean |error| "
            f"{np.abs(own).mean():6.1%}  median {np.median(np.abs(own)):6.1%}  "
            f"bias {np.median(own):+6.1%}\n"
        )


Fitted = dict[str, tuple[float, float, float]]
"""Value, and the range that the fits without one chip span, 10 % wider, inside its bounds."""


def run() -> Fitted:
    """Fit everything, print errors of the fit and of leave-one-chip-out; return the values."""
    technology = load_technology()
    sets: tuple[tuple[str, list[Row], tuple[Parameter, ...], Predict], ...] = (
        ("gemm 16 bit", gemm_rows(16), KERNEL, predict_gemm),
        ("gemm 8 bit", gemm_rows(8), NARROW, predict_gemm),
        ("attention", attention_rows(), ATTENTION, predict_attention),
        ("all-reduce", collective_rows(), COLLECTIVE, predict_collective),
    )
    sys.stdout.write(
        f"left out: {len(attention_rows(possible=False))} attention rows faster than their cache "
        "at the memory's peak\n"
    )
    values: Fitted = {}
    for name, rows, parameters, predict in sets:
        fitted = [row for row in rows if row.chip in FITTED_CHIPS]
        alone = []
        for chip in FITTED_CHIPS:
            others = [row for row in fitted if row.chip != chip]
            own = [row for row in rows if row.chip == chip]
            alone.append(fit(others, parameters, predict, technology))
            trial = with_values(technology, parameters, alone[-1])
            report(name, own, predict, trial, "predicted (left out)")
        found = fit(fitted, parameters, predict, technology)
        technology = with_values(technology, parameters, found)
        report(name, fitted, predict, technology, "fitted")
        rest = [row for row in rows if row.chip not in FITTED_CHIPS]
        if rest:
            report(name, rest, predict, technology, "predicted (never fitted)")
        spread = np.stack([*alone, found])
        values |= {
            parameter.column: (
                float(found[index]),
                max(parameter.low, 0.9 * float(spread[:, index].min())),
                min(parameter.high, 1.1 * float(spread[:, index].max())),
            )
            for index, parameter in enumerate(parameters)
        }
    for column, (value, low, high) in values.items():
        sys.stdout.write(f"{column:24s} {value:.6g}  [{low:.6g}, {high:.6g}]\n")
    return values


UNITS = {"launch_time": 1e6, "collective_latency": 1e6, "collective_half_size": 1e-3}
"""From SI to the unit of the column in the data file."""


def write(values: Fitted) -> None:
    """Replace the values of the class in ``software.yaml``; kind becomes ``fitted``."""
    path = DATA / "software.yaml"
    text = path.read_text(encoding="utf-8")
    for column, numbers in values.items():
        rows = (SOFTWARE, BEST_MAPPING) if column in FABRIC else (SOFTWARE,)
        value, low, high = (f"{item * UNITS.get(column, 1.0):.4g}" for item in numbers)
        entry = (
            f"    {column}: {{value: {value}, range: [{low}, {high}], kind: fitted, "
            'source: [aiconfigurator], note: "A100 and H100 kernels; '
            'experiments/validation/fit_software.py"}'
        )
        for row in rows:
            start = text.index(f"\n  {row}:\n")
            line = re.compile(rf"    {column}: {{[^}}]*}}")
            text = text[:start] + line.sub(entry, text[start:], count=1)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    fit_command("fit the software record of GPUs to measured kernels", run, write)
