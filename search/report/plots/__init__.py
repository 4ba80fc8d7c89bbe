"""Figures of a report: one a module, each a function that returns a plotly figure."""

from search.report.plots.bars import plot_bars
from search.report.plots.convergence import plot_convergence
from search.report.plots.coordinates import plot_coordinates
from search.report.plots.matrix import plot_matrix
from search.report.plots.pareto import plot_pareto
from search.report.plots.roofline import plot_roofline
from search.report.plots.tornado import plot_tornado

__all__ = [
    "plot_bars",
    "plot_convergence",
    "plot_coordinates",
    "plot_matrix",
    "plot_pareto",
    "plot_roofline",
    "plot_tornado",
]
