"""SCALE-Sim: configuration of one array behind its share of the port to the shared SRAM.

SCALE-Sim simulates one systolic array with three double-buffered SRAMs, one an operand. Its words
have no width: sizes are in KiB of one-byte words, so bytes are divided by the width of their
operand, and bandwidths are in words a cycle.
"""

from __future__ import annotations

from search.exporters.datasheet import Datasheet
from search.exporters.peer import Body, Peer, shared_notes, vector_note

KIB = 1024.0
SHARES = (0.25, 0.25, 0.5)
"""Of an array's scratchpad, to activations, weights and partial sums."""


def write(sheet: Datasheet, name: str) -> Body:
    """One array with its share of the core's scratchpad and port."""
    scratchpad = sheet.l1 / sheet.arrays
    widths = (sheet.element, sheet.element, sheet.accumulator)
    sizes = [
        max(1, int(scratchpad * share / width / KIB))
        for share, width in zip(SHARES, widths, strict=True)
    ]
    words = port_words(sheet)
    stationary = sheet.weight_stationary
    rows = sheet.effective_rows if stationary else sheet.rows
    content = f"""
[general]
run_name = {name}

[architecture_presets]
ArrayHeight : {rows}
ArrayWidth : {sheet.columns}
IfmapSramSzkB : {sizes[0]}
FilterSramSzkB : {sizes[1]}
OfmapSramSzkB : {sizes[2]}
IfmapOffset : 0
FilterOffset : 1000000000
OfmapOffset : 2000000000
Dataflow : {"ws" if stationary else "os"}
Bandwidth : {words}
ReadRequestBuffer : 512
WriteRequestBuffer : 512

[layout]
IfmapCustomLayout : False
IfmapSRAMBankBandwidth : {words}
IfmapSRAMBankNum : 1
IfmapSRAMBankPort : 2
FilterCustomLayout : False
FilterSRAMBankBandwidth : {words}
FilterSRAMBankNum : 1
FilterSRAMBankPort : 2

[sparsity]
SparsitySupport : false
SparseRep : ellpack_block
OptimizedMapping : false
BlockSize : 8
RandomNumberGeneratorSeed : 40

[run_presets]
InterfaceBandwidth : USER
UseRamulatorTrace : False
"""
    arrays = sheet.cores * sheet.arrays
    notes = [
        f"one of {arrays} equal arrays ({sheet.cores} cores of {sheet.arrays}); the clock of "
        f"{sheet.clock / 1e9:.6g} GHz is not a field",
        f"a word is {sheet.element:g} byte ({sheet.format}); partial sums of {sheet.accumulator:g} "
        "byte count as one word each",
        "what SCALE-Sim calls memory is the port to the shared SRAM: shared SRAM and memory behind "
        "it are left out",
        f"each operand may take the array's whole share of the port, {sheet.port / sheet.arrays:g} "
        "byte/cycle: SCALE-Sim's three interfaces do not contend, ours is one",
        "the scratchpad is shared in our model; here activations and weights get a quarter each, "
        "partial sums half",
        "fold by fold, weights are loaded before rows stream: our model hides "
        f"{sheet.hidden_fill:.3g} of fill and drain behind a second set of weights",
        "no energy: SCALE-Sim leaves it to another tool",
        *shared_notes(sheet)[:2],
        vector_note(sheet),
    ]
    if stationary and sheet.rate != 1.0:
        notes.append(f"{sheet.rows} rows at {sheet.rate:g} a cycle stand as {rows} rows at one")
    if not stationary and sheet.rate != 1.0:
        notes.append(f"an element multiplies once a cycle here, {sheet.rate:g} times in our model")
    return Body(
        content=content,
        scope=f"configuration of one array of {arrays}",
        units="array elements, sizes KiB of words, bandwidths words/cycle",
        notes=tuple(notes),
    )


def port_words(sheet: Datasheet) -> int:
    """Words a cycle of the array's share of the core's port, at least one."""
    return max(1, int(sheet.port / sheet.arrays / sheet.element))


PEER = Peer("SCALE-Sim", "3.0.0", ".scalesim.cfg", write)
