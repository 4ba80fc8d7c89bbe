"""A report's records with invented figures: enough of each part to draw it."""

from __future__ import annotations

import numpy as np

from search.report.content import (
    Assumption,
    Bars,
    Beside,
    Best,
    Block,
    Cloud,
    Drawing,
    Evidence,
    Knob,
    Lever,
    Margin,
    Measure,
    Notch,
    Point,
    Progress,
    Reach,
    Relief,
    ReportData,
    Rival,
    Roof,
    Roofline,
    Source,
    Spot,
    Stretch,
    Turn,
)

COST = Measure("cost", "Cost per million tokens", "USD", "minimize", "money per token")
EFFICIENCY = Measure("tokens_per_joule", "Tokens per joule", "token/J", "maximize")
POWER = Measure("power", "Peak package power", "W")
STACKS = Measure("stacks", "HBM stacks", "count")
NODE = Measure("node", "Node", "1")
DRAWING = Drawing(
    "A",
    (
        Block("interposer", "interposer", 0, 0, 0.05, 0.04),
        Block("compute", "compute die", 0.012, 0.005, 0.026, 0.03),
        Block("memory", "HBM", 0.001, 0.005, 0.0105, 0.0105),
    ),
)
NASTY = "</script><script>alert('x')</script>"


def cloud(designs: int = 400) -> Cloud:
    """Designs on an anti-correlated cloud; a third miss a limit."""
    draw = np.random.default_rng(7)
    cost = draw.lognormal(-2.0, 0.4, designs)
    efficiency = 3.0 * cost**0.5 * draw.uniform(0.3, 1.0, designs)
    feasible = np.arange(designs) % 3 > 0
    front = feasible & (efficiency > np.quantile(efficiency[feasible], 0.97))
    columns = {
        "cost": cost,
        "tokens_per_joule": efficiency,
        "power": 900.0 + 200.0 * draw.uniform(size=designs),
        "stacks": draw.integers(2, 13, designs).astype(float),
        "node": draw.integers(0, 3, designs).astype(float),
    }
    keys = tuple(f"evaluation {n}" for n in range(designs))
    return Cloud(columns, feasible, front, keys, evaluated=9000, meeting=6000)


def best(label: str, mark: str = "A") -> Best:
    """A design with every part filled."""
    return Best(
        mark=mark,
        label=label,
        key="0123abcd",
        summary="Two compute dies in N3P with eight stacks.",
        metrics={"cost": 0.1, "tokens_per_joule": 1.5, "power": 980.0},
        knobs=(Knob("stacks", "8", "2 to 12"), Knob("node", "n3p", "n3p, n2", "highest")),
        margins=(
            Margin("package_power", "Package power", -0.02, 1000.0, 980.0, "W"),
            Margin("junction_temperature", "Junction", -0.4, 368.15, 341.15, "K"),
        ),
        bars={
            "time": Bars("Time of a step", "s", ("prefill", "decode"), ("array", "memory"),
                         np.array([[0.03, 0.01], [0.001, 0.009]]), "Shares of busy time."),
            "area": Bars("Die area", "m2", ("compute die",), ("cores", "L2", "PHY"),
                         np.array([[4e-4, 2e-4, 1e-4]])),
        },
        drawings=(DRAWING,),
        evidence=Evidence({"time": 0.1, "energy": 0.3, "cost": 0.5}, 0.2,
                          (Reach("Memory bandwidth", 20e12, 1e12, 5e12, "byte/s"),)),
        notches=(Notch("stacks", "8", (Turn("7", {"cost": 0.02, "tokens_per_joule": -0.01}),
                                       Turn("9", {"cost": -0.01, "tokens_per_joule": 0.0},
                                            ("die_area",)))),),
        levers={name: (Lever("wafer_price", "20000 USD", "15000 to 25000", "assumed", 0.4,
                             -0.1, 0.1),) for name in ("cost", "tokens_per_joule")},
    )  # fmt: skip


def report_data(title: str = "Synthetic study") -> ReportData:
    """The whole report."""
    rounds = np.arange(1.0, 11.0)
    return ReportData(
        title=title,
        question="Which package?",
        headline=(Point("Answer", "The cheapest design costs 0.1 USD."),),
        objectives=(COST, EFFICIENCY),
        measures={measure.name: measure for measure in (COST, EFFICIENCY, POWER)},
        variables=(STACKS, NODE),
        cloud=cloud(),
        best=(best("knee"), best("lowest cost", "B")),
        rivals=(
            Rival("h100", "H100", "optimal", "market", {"cost": 0.6, "tokens_per_joule": 0.7},
                  "TP 8, batch 64, bf16"),
            Rival("h100", "H100", "library", "market", {"cost": 0.9, "tokens_per_joule": 0.5},
                  "TP 8, batch 64, bf16", ("tpot",)),
            Rival("ours", "knee", "optimal", "market", {"cost": 0.1, "tokens_per_joule": 1.5},
                  "TP 4, batch 128, fp8", ours=True),
        ),
        progress=Progress(1e3 * rounds, rounds, rounds / 10, {
            "cost": np.concatenate([[np.nan], 1 / rounds[1:]]), "tokens_per_joule": rounds},
            (Stretch("quasi_random", (0, 4e3), (0, 4)), Stretch("evolution", (4e3, 1e4), (4, 10)))),
        beside=Beside("A", "H100", "h100",
            {"cost": Bars("Cost", "USD", ("A", "h100"), ("dies", "memory"),
                          np.array([[1.0, 2.0], [3.0, 4.0]]))},
            Roofline((Roof("A", 1e16, 2e13),),
                     (Spot("A", "gate_up", "chat/decode", 100.0, 1e15, 0.6),)),
            (DRAWING,)),
        reliefs=(Relief("die_area", "Die area", 0.05, {"cost": 0.017, "tokens_per_joule": 0.0},
                        7),),
        counts={"designs evaluated": "400", "feasible": "266"},
        assumptions=(Assumption("node n2 defect_density", "0.1", "0.05 to 0.3", "assumed", "x"),),
        sources=(Source("x", "A paper, 2025", "https://example.org/paper"),),
        provenance={"seed": "1", "code": "abc"},
        reproduce=(("the same again", "scoville run experiment.yaml"),),
        labels={"node": ("n3p", "n2", "sf2")},
    )  # fmt: skip
