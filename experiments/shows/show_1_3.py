"""Known chips: area and power, each predicted by overheads fitted without the chip."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from costmodel.evaluate import evaluate
from costmodel.hardware.catalog import list_chips, load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import replace_at
from costmodel.hardware.technology import Technology
from costmodel.timing.tables import build_tables
from costmodel.workload import load_workload
from experiments.shows.harness import Line, Show
from experiments.validation.fit_overheads import (
    MM2,
    PRIOR_DENSITY,
    SIMT_CHIPS,
    SYSTOLIC_CHIPS,
    area_residuals,
    fit,
    power_residuals,
    with_values,
)
from experiments.validation.overheads import all_watts, die_areas, known_area

AREA, POWER = 0.25, 0.30
MOST = 3
GROUPS = ("a100", "hopper", "mi300x")


def measure() -> Iterator[Line]:
    """Leave each chip out of the fit of its class, then predict it."""
    technology = load_technology()
    starts = {
        "simt": {"control_area": 2.0 * MM2, "product_sram_factor_l2": PRIOR_DENSITY},
        "systolic": {"control_area": 2.0 * MM2},
    }
    fitted = {
        machine: [*start, *(("energy_control_factor",) if machine == "simt" else ())]
        for machine, start in starts.items()
    }
    for machine, columns in fitted.items():
        yield Line(
            f"overheads fitted for the {machine} class",
            "at most 3",
            f"{len(columns)}: {', '.join(columns)}",
            len(columns) <= MOST,
        )
    for machine, chips, scored in (("simt", SIMT_CHIPS, True), ("systolic", SYSTOLIC_CHIPS, True)):
        for chip in chips:
            others = tuple(item for item in chips if item != chip)
            found = fit(technology, machine, starts[machine], partial(area_residuals, chips=others))
            trial = with_values(technology, machine, found)
            ours, theirs = float(die_areas(chip, trial).total), known_area(chip)
            error = ours / theirs - 1.0
            yield Line(
                f"compute die of {chip}, predicted",
                "within 25 %",
                f"{ours / MM2:.0f} mm2, published {theirs / MM2:.0f}: {error:+.1%}",
                abs(error) <= AREA if scored else None,
            )
    yield from _printed(technology)
    for group in GROUPS:
        others = tuple(item for item in GROUPS if item != group)
        found = fit(
            technology,
            "simt",
            {"energy_control_factor": 1.4},
            partial(power_residuals, groups=others),
        )
        for item in all_watts(with_values(technology, "simt", found)):
            if item.group != group:
                continue
            errors = item.errors
            # Loops of kernels shorter than the sensor's averaging hold gaps of unknown length.
            scored = "short" not in item.name
            yield Line(
                f"power, {item.name}, predicted",
                "within 30 %" if scored else "",
                f"mean |error| {float(errors.abs().mean()):.1%}, bias "
                f"{float(errors.mean()):+.1%}, worst {float(errors.abs().max()):.1%}, "
                f"n {len(errors)}",
                float(errors.abs().mean()) <= POWER if scored else None,
            )


def _printed(technology: Technology) -> Iterator[Line]:
    """Chips of which only a bound or an estimate is public, and power against the rating."""
    for name in list_chips():
        chip = load_chip(name, technology)
        fact = chip.facts.get("die_area")
        if fact is None or name in (*SIMT_CHIPS, *SYSTOLIC_CHIPS):
            continue
        ours = float(die_areas(name, technology).total)
        yield Line(
            f"compute die of {name}, not scored",
            "",
            f"{ours / MM2:.0f} mm2; public: {fact.value / MM2:.0f} ({fact.certainty})",
        )
    workload = load_workload("llama-3.1-70b", "prefill-2048-decode-4096")
    tables = build_tables()
    for name in list_chips():
        chip = load_chip(name, technology)
        fact = chip.facts.get("tdp")
        if fact is None:
            continue
        designs = chip.designs
        if float(designs.pools[0].package.dies[0].rate_bf16) > 0:
            row = torch.tensor(technology.row("format", "bf16"))
            designs = replace_at(designs, "pools.0.deployment.format", row)
        metrics = evaluate(designs, workload, technology, tables)
        yield Line(
            f"{name}: prefill of Llama-3.1-70B in bf16, not scored",
            "",
            f"{metrics['package_power_peak'].item():.0f} W; rated {fact.value:.0f} W "
            f"({fact.certainty})",
        )


SHOW = Show("area and power of known chips", measure)
