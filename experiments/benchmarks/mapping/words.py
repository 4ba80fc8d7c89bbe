"""Mappings in the words of ZigZag, and mappings of every tool on one line."""

from __future__ import annotations

from typing import Any

from experiments.benchmarks.mapping import perfect
from experiments.benchmarks.mapping.machine import Gemm, Machine

DIMENSIONS = {"m": "D0", "n": "D1", "k": "D2"}
"""ZigZag's names of our loops."""


def levels(machine: Machine, gemm: Gemm, chosen: dict[str, Any]) -> dict[str, list[Any]]:
    """A mapping of ours as the loops that ZigZag's memories hold, innermost first."""
    sizes = {"m": gemm.rows, "n": gemm.columns, "k": gemm.depth}
    block = dict(zip("mnk", chosen["block"], strict=True))
    rows = [["D0", block["m"]]]
    folds = [["D1", block["n"] // machine.columns], ["D2", block["k"] // machine.rows]]
    outer = [[DIMENSIONS[dim], sizes[dim] // block[dim]] for dim in reversed(chosen["order"])]
    folds, outer = ([loop for loop in loops if loop[1] > 1] for loops in (folds, outer))
    return {"I": [rows + folds, outer], "O": [rows + folds, outer], "W": [rows, folds, outer]}


def blocks(mapping: dict[str, Any]) -> str:
    """Blocks of the SRAM and their loops."""
    sizes = " x ".join(str(size) for size in mapping["block"])
    kept = "".join(mapping.get("hold", "")).upper()
    stays = f", {kept} stays" if kept else ""
    return f"blocks {sizes} (m, n, k), loops {mapping['order']}{stays}"


def nest(nodes: list[str]) -> str:
    """Loops of AccelForge, outermost first; what the SRAM holds from there on in brackets."""
    found = []
    for node in nodes:
        if loop := perfect.LOOP.match(node):
            found.append(f"{loop[1]} {loop[2]}")
        elif stored := perfect.STORED.match(node):
            found.append(f"[{stored[1]}]")
        elif node.startswith("S-"):
            break
    return "loops " + ", ".join(found)


def memories(loops: dict[str, Any]) -> str:
    """Loops of ZigZag for each operand, outermost first; those that the SRAM covers in brackets."""
    names = {value: key for key, value in DIMENSIONS.items()}

    def text(operand: str) -> str:
        inner = [loop for level in loops[operand][:-1] for loop in level]
        parts = [
            " ".join(f"{names[dim]}{size}" for dim, size in reversed(level))
            for level in (loops[operand][-1], inner)
        ]
        return f"{operand} {parts[0]} [{parts[1]}]"

    return "; ".join(text(operand) for operand in ("I", "W", "O"))
