# %% [markdown]
"""
# A first look, from one chip to a study.

Open this file in Jupyter (through jupytext), in an editor that knows `# %%` cells, or run it with
plain Python, from anywhere inside a clone. It takes seconds and writes into a temporary folder.
"""

# %%
import tempfile
from pathlib import Path

import torch

import costmodel
import search

# %% [markdown]
"""
## One chip on one workload

A workload is a model and a traffic mix, a chip is a record with sources. `costmodel.list_chips()`,
`list_models()` and `list_scenarios()` say what is shipped; a path to a file of your own works too.
"""

# %%
technology = costmodel.load_technology()
tables = costmodel.build_tables()
workload = costmodel.load_workload("llama-3.1-70b", "interactive")
h100 = costmodel.load_chip("h100")
h100

# %%
metrics = costmodel.evaluate(h100.designs, workload, technology, tables)
metrics

# %% [markdown]
"""
Values are tensors in plain SI: seconds, watts, dollars. Where the time goes is a breakdown.
"""

# %%
print("time per output token [s]:", float(metrics["tpot"]))
metrics.breakdowns["latency"]

# %% [markdown]
"""
Every number has a source, and a sensitivity is one more evaluation. Here: what if memory cost half?
"""

# %%
entry = technology.entry("memory", "hbm3_8h", "price_per_byte")
print(entry.value, entry.unit, entry.kind, entry.source)
half = technology.replace("memory", "hbm3_8h", "price_per_byte", entry.si / 2)
cheaper = costmodel.evaluate(h100.designs, workload, half, tables)
print("unit cost [USD]:", float(metrics["unit_cost"]), "->", float(cheaper["unit_cost"]))

# %% [markdown]
"""
## Many designs at once

Replace a field by a tensor and the same call evaluates all of them: here 256 batch sizes. Limits
become signed violations, and at most zero is feasible.
"""

# %%
batches = torch.arange(1, 257)
swept = costmodel.replace_at(h100.designs, "pools.0.deployment.batch", batches)
limits = costmodel.Limits(tpot=0.015)
results = costmodel.evaluate(swept, workload, technology, tables, limits=limits)
results

# %%
cost = torch.where(results.feasible, results["cost_per_mtoken"], torch.inf)
print("cheapest batch within 15 ms a token:", int(batches[cost.argmin()]))

# %% [markdown]
"""
## Two chips beside each other

The same workload, the best mapping of each, eight packages, 8-bit floats, the price on the market.
"""

# %%
for name in ("h100", "mi300x"):
    answer = search.answer(
        search.load_machine(name),
        "llama-3.1-70b",
        "interactive",
        mapping="optimal",
        money="market",
        format="fp8",
        tensor_parallel=8,
        batch=64,
    )
    shown = {key: answer.metrics[key] for key in ("ttft", "tpot", "cost_per_mtoken")}
    print(answer.machine, answer.plan, shown)

# %% [markdown]
"""
## A study

An experiment is a YAML file: a space, limits, objectives, a sampler, a budget. Any key can be
changed from here. A study lies in a folder, so it can be stopped, killed and resumed.
"""

# %%
here = Path.cwd()
clone = next(folder for folder in (here, *here.parents) if (folder / "experiments").is_dir())
folder = Path(tempfile.mkdtemp(prefix="scoville-"))
study = search.Study.create(
    clone / "experiments" / "quickstart.yaml",
    {"budget.evaluations": 2000, "sampler": {"name": "evolution"}},
    results=folder,
)
study.problem.space

# %%
study.run()
study

# %% [markdown]
"""
The front, the best by an objective, and every evaluation as a pyarrow table (`.to_pandas()` where
pandas is installed).
"""

# %%
for design in study.pareto():
    print(design)

# %%
evaluated = study.evaluated()
print(evaluated.num_rows, "designs,", sum(evaluated["feasible"].to_pylist()), "meet every limit")
study.best("knee")[0]

# %% [markdown]
"""
## Figures, export, more budget

Figures are plotly objects; a notebook draws them. An exported system is a file that the cost model
reads back, with the same times.
"""

# %%
front = search.report.plot_pareto(study)
front.write_html(folder / "front.html")
front

# %%
(file,) = search.export(study, "knee", "yaml", folder / "best")
again = costmodel.evaluate(costmodel.load_system(file).designs, workload, technology, tables)
print(file)
print("time per output token [s]:", float(again["tpot"]), study.best("knee")[0].metrics["tpot"])

# %%
more = search.Study.resume(study.folder, {"budget.evaluations": "+500"})
more.run()
print(more.status()["evaluations"], "designs; the same study, 500 further")
