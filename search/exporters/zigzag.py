"""ZigZag: accelerator YAML of the whole package, arrays and cores as dimensions of its array.

ZigZag counts in bits, cycles and picojoules. A memory's cost is that of moving all bits of its
largest bandwidth in one cycle. Memories stand from the lowest level to the highest.
"""

from __future__ import annotations

from search.exporters.datasheet import BYTE, Datasheet
from search.exporters.peer import Body, Peer, need, shared_notes, vector_note

PICO = 1e12
MM2 = 1e6
DIMENSIONS = "[D1, D2, D3, D4]"
GRANULE = 8
"""Smallest piece that a memory moves [bit]."""

# Ports of a memory and what they move: from and to the level above (h) or below (l).
_IN, _OUT = ("I1, fh", "I2, fh", "O, fh", "O, th"), ("I1, tl", "I2, tl", "O, tl", "O, fl")
_SIDE_PORTS = (("read_write", _OUT), ("read_write", _IN))
_ONE_PORT = (("read_write", (*_OUT, *_IN)),)
_OPERAND_PORTS = (
    ("read", ("I1, tl",)),
    ("write", ("I1, fh",)),
    ("read", ("I2, tl",)),
    ("write", ("I2, fh",)),
    ("read", ("O, tl", "O, th")),
    ("write", ("O, fh", "O, fl")),
)
_PREFIX = {"read": "r", "write": "w", "read_write": "rw"}


def write(sheet: Datasheet, name: str) -> Body:
    """Package: D1 rows, D2 columns, D3 arrays of a core, D4 cores."""
    need(sheet, "ZigZag", stationary=True)
    energies, rows = sheet.energies, sheet.effective_rows
    element, accumulator = int(BYTE * sheet.element), int(BYTE * sheet.accumulator)
    feed = max(rows * element, sheet.columns * element, sheet.columns * accumulator)
    levels = [
        _registers(element),
        _level(
            "scratchpad",
            sheet.l1,
            (energies.l1_bit, energies.l1_bit),
            sheet.arrays * feed,
            _OPERAND_PORTS,
            "[D1, D2, D3]",
            sheet.area_l1,
        ),
    ]
    if sheet.l2 > 0:
        levels.append(
            _level(
                "shared_sram",
                sheet.l2,
                (energies.l2_bit_core, energies.l2_bit_fill),
                int(BYTE * sheet.cores * sheet.port),
                _SIDE_PORTS if sheet.memory else _ONE_PORT,
                DIMENSIONS,
                sheet.area_l2,
            )
        )
    if sheet.memory:
        width = int(BYTE * sheet.memory_bandwidth / sheet.clock)
        price = (energies.memory_bit, energies.memory_bit)
        levels.append(
            _level("memory", sheet.memory_capacity, price, width, _ONE_PORT, DIMENSIONS, 0.0)
        )
    systolic = "  systolic_dimensions: [D1, D2]\n" if sheet.machine == "systolic" else ""
    content = f"""name: {name}

memories:
{"".join(levels)}
operational_array:
  unit_energy: {energies.mac * PICO!r}  # pJ
  unit_area: {sheet.area_mac * MM2!r}  # mm2
  dimensions: {DIMENSIONS}  # rows, columns, arrays of a core, cores
  sizes: [{rows}, {sheet.columns}, {sheet.arrays}, {sheet.cores}]
{systolic}"""
    notes = [
        *shared_notes(sheet),
        vector_note(sheet),
        f"a cycle is {1e9 / sheet.clock:.6g} ns ({sheet.clock / 1e9:.6g} GHz): the clock is not a "
        "field",
        "bandwidths are whole bits a cycle, rounded down",
        "a scratchpad feeds its arrays every cycle: its bandwidth never binds in our model",
        "what several cores read of the shared SRAM at once is read once in ZigZag, once a core in "
        "our model",
        "registers hold a second weight, so that the next fold loads while rows stream; their "
        "energy is in unit_energy",
        "area 0 stands for what lies outside the dies or in another part",
        f"idle multipliers ({energies.idle_slot:.3g} J a slot) are left out",
    ]
    if sheet.rate != 1.0:
        notes.append(f"{sheet.rows} rows at {sheet.rate:g} a cycle stand as {rows} rows at one")
    return Body(
        content=content,
        scope=f"accelerator of one package ({sheet.cores} cores)",
        units="size bit, bandwidth bit/cycle, cost pJ for all bits of a cycle, area mm2",
        notes=tuple(notes),
    )


def _registers(element: int) -> str:
    """The weight of each multiplier, and the one that follows it."""
    return f"""\
  weights:
    size: {2 * element}
    r_cost: 0
    w_cost: 0
    area: 0
    latency: 1
    operands: [I2]
    force_double_buffering: True
    ports:
      - name: r_port_1
        type: read
        bandwidth_min: {element}
        bandwidth_max: {element}
        allocation: ["I2, tl"]
      - name: w_port_1
        type: write
        bandwidth_min: {element}
        bandwidth_max: {element}
        allocation: ["I2, fh"]
    served_dimensions: []
"""


def _level(
    name: str,
    size: float,
    price: tuple[float, float],
    width: int,
    ports: tuple[tuple[str, tuple[str, ...]], ...],
    served: str,
    area: float,
) -> str:
    """A memory of all operands; every port is `width` wide, since a cost belongs to one width.

    `price` is that of a bit read and a bit written [J].
    """
    text = "".join(
        f"""\
      - name: {_PREFIX[kind]}_port_{number}
        type: {kind}
        bandwidth_min: {GRANULE}
        bandwidth_max: {width}
        allocation: [{", ".join(f'"{move}"' for move in moves)}]
"""
        for number, (kind, moves) in enumerate(ports, start=1)
    )
    return f"""\
  {name}:
    size: {int(BYTE * size)}
    r_cost: {price[0] * width * PICO!r}  # {price[0] * PICO:.6g} pJ/bit
    w_cost: {price[1] * width * PICO!r}  # {price[1] * PICO:.6g} pJ/bit
    area: {area * MM2!r}
    latency: 1
    operands: [I1, I2, O]
    ports:
{text}    served_dimensions: {served}
"""


PEER = Peer("ZigZag", "3.9.1", ".zigzag.yaml", write)
