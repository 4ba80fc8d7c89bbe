"""The report of a study: one HTML page that needs no network, and its figures as plotly objects."""

from typing import TYPE_CHECKING

from costmodel.public import publish

if TYPE_CHECKING:
    from search.report.build import report_data, write_report
    from search.report.plots.bars import plot_bars
    from search.report.study_figures import plot_convergence, plot_coordinates, plot_pareto

__all__ = [
    "plot_bars",
    "plot_convergence",
    "plot_coordinates",
    "plot_pareto",
    "report_data",
    "write_report",
]

publish(
    __name__,
    {
        "build": ("report_data", "write_report"),
        "plots.bars": ("plot_bars",),
        "study_figures": ("plot_convergence", "plot_coordinates", "plot_pareto"),
    },
)
