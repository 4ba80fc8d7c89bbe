"""Words of a report that a reader may not know, each explained in a sentence."""

from __future__ import annotations

TERMS = {
    "package": "One product: compute dies, memory stacks and their interposer or substrate, sold "
    "and cooled as one.",
    "design": "One choice of every variable that was searched; its number is that of its "
    "evaluation.",
    "feasible": "Meets every limit that the experiment sets and every rule of validity.",
    "Pareto front": "The feasible designs that no other feasible design beats in all objectives "
    "at once; along it one objective is paid for with another.",
    "knee": "The design of the front that gives up least in all objectives together, each "
    "measured in spans of the front.",
    "hypervolume": "How much of the space of objectives the front dominates, in one number: it "
    "grows when the front moves forward or closes a gap.",
    "TTFT": "Time to first token: the prefill of a request's new tokens on an idle machine.",
    "TPOT": "Time per output token: one decode step at the mean context.",
    "prefill": "The phase that reads a request's new tokens, all at once: many operations a byte.",
    "decode": "The phase that generates tokens one after the other: few operations a byte.",
    "batch": "Sequences that a decode step advances together.",
    "TP": "Tensor parallel: the packages that share every layer of one copy of the model.",
    "mapping": "How operators are cut into tiles for the machine: optimal is the best that the "
    "model finds, library is what the machine's own software achieves.",
    "manufacturing": "Money counted as what a package costs to make and to design at this volume.",
    "market": "Money counted as the price that a buyer pays; our own designs keep their cost.",
    "binds": "Less than 2 % of the limit is left.",
    "headroom": "What is left of a limit, as a share of it; for temperatures, of the rise over "
    "the coolant.",
    "notch": "The next value of a variable, all others as they are.",
    "elasticity": "By how many per cent a figure moves when one number moves by one per cent; "
    "-0.5 means that 1 % more of the number gives 0.5 % less of the figure.",
    "arithmetic intensity": "Operations for each byte moved to or from the package's memory.",
    "roofline": "The most that a package can do at an arithmetic intensity: memory bandwidth "
    "times intensity, up to its peak; the two lines meet at the machine's balance.",
    "reticle": "The largest field that a lithography scanner exposes at once: no die is larger.",
    "NRE": "Non-recurring engineering: masks and development, paid once and spread over the "
    "volume.",
    "assumed": "A number that nobody published; it carries a range instead of a citation.",
    "doubling": "A factor of two between a design and the nearest chip that the model was "
    "checked on.",
}

RULES = {
    "thermal_runaway": "heat makes leakage, leakage makes heat: the loop has to settle",
    "reticle": "the sides of a die within the field of the lithography scanner",
    "die_edge": "memory and link interfaces fit along the sides of the dies",
    "interposer_area": "dies and stacks fit on the largest interposer of this kind",
    "tile_fits": "the tiles of the mapping fit the scratchpad of a core",
    "format_support": "the engines run the number format",
    "tensor_parallel_domain": "packages that share a layer lie in one scale-up domain",
    "layers_per_stage": "at least one layer for each pipeline stage",
    "die_area": "one compute die",
    "package_power": "average of the hottest phase",
    "rack_power": "packages, hosts and switches of a rack, hottest phase",
    "junction_temperature": "hottest compute die, hottest phase",
    "memory_temperature": "hottest memory stack, hottest phase",
    "memory_capacity": "weights and KV cache over the memory of the packages",
    "current_density": "peak power of the compute dies over voltage and area",
    "ttft": "time to first token, slowest kind of request",
    "tpot": "time per output token, slowest kind of request",
    "unit_cost": "what a package costs to make",
}
"""What each limit or rule is about."""
