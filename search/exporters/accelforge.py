"""AccelForge: architecture YAML of the whole package, with the energies of our model.

AccelForge (the successor of Timeloop) describes a tree from memory to multipliers and finds the
mapping itself. Energies are in joules, throughputs in actions (bits, multiply-accumulates) a
second, sizes in bits, areas in square metres; its loader evaluates expressions.
"""

from __future__ import annotations

from search.exporters.datasheet import BYTE, Datasheet
from search.exporters.peer import Body, Peer, shared_notes, vector_note

INFINITE = "inf"


def write(sheet: Datasheet, name: str) -> Body:  # noqa: ARG001 (the format has no name)
    """Package, from memory over shared SRAM, cores and arrays to multipliers."""
    energies = sheet.energies
    nodes = []
    if sheet.memory:
        nodes.append(
            _memory(
                "Memory",
                f"{sheet.memory_stacks} x {sheet.memory}",
                sheet.memory_capacity,
                energies.memory_bit,
                energies.memory_bit,
                _number(BYTE * sheet.memory_bandwidth),
            )
        )
    if sheet.l2 > 0:
        ports = sheet.cores * sheet.port * sheet.clock
        nodes.append(
            _memory(
                "SharedSRAM",
                f"{sheet.cores} ports of {sheet.port:g} byte/cycle",
                sheet.l2,
                energies.l2_bit_core,
                energies.l2_bit_fill,
                _number(BYTE * ports),
                area=sheet.area_l2,
            )
        )
    accumulator = int(BYTE * sheet.accumulator)
    nodes.append(
        _memory(
            "Scratchpad",
            "one a core; its own bandwidth never binds in our model",
            sheet.l1,
            energies.l1_bit,
            energies.l1_bit,
            INFINITE,
            area=sheet.area_l1,
            spatial=f"    spatial: [{{name: core, fanout: {sheet.cores}, may_reuse: Nothing}}]\n",
            extra=f"    bits_per_value: {{output: {accumulator}}}  # partial sums\n",
        )
    )
    held, spread = ("weight", "output") if sheet.weight_stationary else ("output", "weight")
    rows = sheet.effective_rows if sheet.weight_stationary else sheet.rows
    speed = sheet.clock * (1.0 if sheet.weight_stationary else sheet.rate)
    bits = accumulator if held == "output" else int(BYTE * sheet.element)
    nodes.append(
        f"""\
  - !Container
    name: Array
    spatial: [{{name: array, fanout: {sheet.arrays}, may_reuse: Nothing}}]

  - !Container
    name: ProcessingElement
    spatial:
    - {{name: columns, fanout: {sheet.columns}, reuse: input}}
    - {{name: rows, fanout: {rows}, reuse: {spread}}}

  - !Memory
    name: Register
    size: {bits}
    area: 0  # in that of MAC
    leak_power: 0
    actions:
    - {{name: read, energy: 0, throughput: {INFINITE}}}  # in that of MAC
    - {{name: write, energy: 0, throughput: {INFINITE}}}
    tensors: {{keep: {held}}}

  - !Compute
    name: MAC
    area: {_number(sheet.area_mac)}
    leak_power: 0
    actions:
    - {{name: compute, energy: {_number(energies.mac)}, throughput: {_number(speed)}}}
"""
    )
    notes = [
        *shared_notes(sheet),
        vector_note(sheet),
        "a bit read from the shared SRAM crosses the die, a bit written does not: over a fill and "
        "its reads, or an output and its drain, the sum is that of our model",
        f"idle multipliers of a clocked array ({energies.idle_slot:.3g} J a slot) are left out",
        "fill and drain of an array are not modelled by AccelForge",
    ]
    if sheet.weight_stationary and sheet.rate != 1.0:
        notes.append(
            f"{sheet.rows} rows at {sheet.rate:g} multiply-accumulates a cycle stand as "
            f"{rows} rows at one"
        )
    return Body(
        content="arch:\n  nodes:\n" + "\n".join(nodes),
        scope=f"architecture of one package ({sheet.cores} cores)",
        units="energy J, throughput bit/s and MAC/s, size bit, area m2",
        notes=tuple(notes),
    )


def _memory(
    name: str,
    what: str,
    size: float,
    read: float,
    write: float,
    throughput: str,
    area: float = 0.0,
    spatial: str = "",
    extra: str = "",
) -> str:
    """One level; all data pass through it, as in our model."""
    return f"""\
  - !Memory
    name: {name}  # {what}
{spatial}    size: {int(BYTE * size)}
    area: {_number(area)}{"" if area else "  # outside the dies"}
    leak_power: 0
    actions:
    - {{name: read, energy: {_number(read)}, throughput: {throughput}}}
    - {{name: write, energy: {_number(write)}, throughput: {throughput}}}
    tensors: {{keep: All}}
{extra}"""


def _number(value: float) -> str:
    """Shortest text that reads back as the same number."""
    return repr(float(value))


PEER = Peer("AccelForge", "1.0.467", ".accelforge.yaml", write)
