"""The search: experiments, studies, samplers, results, reports and the command line.

>>> import search
>>> machine = search.load_machine("h100")
>>> answer = search.answer(machine, "llama-3.1-70b", "interactive")
>>> answer.plan  # packages that share the model, sequences in flight, number format
'TP 8, batch 32, fp8'
"""

from typing import TYPE_CHECKING

from costmodel.public import publish

if TYPE_CHECKING:
    from search import report
    from search.catalogue import listing
    from search.doctor import examine
    from search.evaluation import Answer, Machine, answer, load_machine
    from search.experiment import Experiment
    from search.export import export
    from search.following import state, states
    from search.pareto import front, hypervolume, knee
    from search.problem import Problem
    from search.results import Design
    from search.samplers import SAMPLERS
    from search.session import Summary, check, preview, run_study
    from search.space import Space, Variable
    from search.starting import start
    from search.study import Outcome, Study

__all__ = [
    "SAMPLERS",
    "Answer",
    "Design",
    "Experiment",
    "Machine",
    "Outcome",
    "Problem",
    "Space",
    "Study",
    "Summary",
    "Variable",
    "answer",
    "check",
    "examine",
    "export",
    "front",
    "hypervolume",
    "knee",
    "listing",
    "load_machine",
    "preview",
    "report",
    "run_study",
    "start",
    "state",
    "states",
]

publish(
    __name__,
    {
        "catalogue": ("listing",),
        "doctor": ("examine",),
        "evaluation": ("Answer", "Machine", "answer", "load_machine"),
        "experiment": ("Experiment",),
        "export": ("export",),
        "pareto": ("front", "hypervolume", "knee"),
        "problem": ("Problem",),
        "report": ("report",),
        "results": ("Design",),
        "samplers": ("SAMPLERS",),
        "following": ("state", "states"),
        "session": ("Summary", "check", "preview", "run_study"),
        "space": ("Space", "Variable"),
        "starting": ("start",),
        "study": ("Outcome", "Study"),
    },
)
