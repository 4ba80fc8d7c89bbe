"""Figures of a report: one a module, each a function that returns a plotly figure."""

from search.report.plots.bars import plot_bars
from search.report.plots.convergence import plot_convergence
from search.report.plots.coordinates import plot_coordinates
from search.report.plots.pareto import plot_pareto

__all__ = ["plot_bars", "plot_convergence", "plot_coordinates", "plot_pareto"]
