"""What studies, designs and spaces show, and the figures of a study."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

import search
from costmodel.errors import ConfigError, StudyError
from costmodel.limits import Limits
from search.notebook import best_designs, binding, design_page, space_page
from search.results import Design
from search.space import Space, Variable
from tests.search import toy
from tests.search.test_resolve import QUICKSTART

HOSTILE = '<script>alert(1)</script> & "ours"'
SMALL = {"budget.evaluations": 192, "sampler": {"name": "quasi_random", "options": {"batch": 64}}}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> search.Study:
    results = tmp_path_factory.mktemp("results")
    made = search.Study.create(QUICKSTART, {**SMALL, "title": f"'{HOSTILE}'"}, results=results)
    made.run()
    return made


def rows(html: str) -> dict[str, list[str]]:
    """First cell of each line of the page's tables -> the others; fails unless well formed."""
    found = {}
    for row in ElementTree.fromstring(html).iter("tr"):
        cells = ["".join(cell.itertext()) for cell in row]
        found[cells[0]] = cells[1:]
    return found


def test_a_study_shows_its_state_and_best_designs(study):
    html = study._repr_html_()
    shown = rows(html)
    best = best_designs(study)
    assert shown["best by"] == list(best)
    knee = next(design for pick, design in best.items() if "knee" in pick)
    assert shown["evaluation"][0] == str(knee.number)
    assert shown["node"][0] == knee.variables["node"]
    for heading, unit in (
        ("Cost per million generated tokens", "USD"),
        ("Generated tokens/s per wall watt", "token/J"),
        ("Time to first token", "s"),
        ("Package power in the hottest phase", "W"),
    ):
        assert all(cell.endswith(unit) for cell in shown[heading])
    state = study.status()
    assert "192 designs evaluated of a budget of 192" in html
    assert f"{state['feasible']} (" in html
    assert f"{len(study.pareto())} designs that no other one beats" in html
    assert "search.report.write_report" in html


def test_a_hostile_title_is_only_text(study):
    html = study._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;ours&quot;" in html
    assert HOSTILE in str(study)


def test_the_short_form_reads_no_evaluations(study):
    opened = search.Study.open(study.folder)
    text = repr(opened)
    assert opened.problem.archive.count == 0
    assert text.splitlines()[0] == f"Study 'quickstart' in {study.folder}: finished"
    assert "best cost per million generated tokens: " in text


def test_where_the_report_lies(study, tmp_path):
    folder = shutil.copytree(study.folder, tmp_path / "copy")
    (folder / "report.html").write_text("")
    assert f"report: {folder / 'report.html'}" in search.Study.open(folder)._repr_html_()


def test_before_the_first_evaluation(tmp_path):
    made = search.Study.create(QUICKSTART, SMALL, results=tmp_path)
    html = made._repr_html_()
    assert "nothing evaluated yet, budget 192 evaluations" in html
    assert "next: study.run()" in html
    with pytest.raises(StudyError, match="no evaluations yet"):
        search.report.plot_pareto(made)


def test_without_a_feasible_design_it_says_what_stands_in_the_way(tmp_path):
    made = toy.study(tmp_path / "none", "quasi_random", 64, toy.problem(power_limit=1.0))
    made.run()
    html = made._repr_html_()
    assert "no design meets every limit; broken by: power 100%" in html
    assert "best by" not in html


def test_a_study_whose_folder_is_gone_still_has_a_name(study, tmp_path):
    folder = shutil.copytree(study.folder, tmp_path / "gone")
    opened = search.Study.open(folder)
    shutil.rmtree(folder)
    for text in (repr(opened), str(opened), opened._repr_html_()):
        assert "holds no study" in text


def test_a_study_of_another_model_shows_its_own_metrics(tmp_path):
    made = toy.study(tmp_path / "toy", "quasi_random", 128)
    made.run()
    shown = rows(made._repr_html_())
    assert {"cost", "speed", "units", "kind"} <= set(shown)
    assert shown["binding limits"]


def test_binding_limits_are_those_near_or_missed():
    violations = {"far": -0.5, "near": -0.01, "met": 0.0, "missed": 0.25}
    design = Design(1, {}, {}, violations, ())
    assert binding(design, violations) == "near -1.0 %, met 0 %, missed +25.0 %"
    assert binding(design, ["far"]) == "none"
    assert not design.feasible


def test_a_design_in_a_line_and_in_full(study):
    design = study.best("knee")[0]
    line = repr(design)
    assert "\n" not in line
    assert f"evaluation {design.number}, meets every limit" in line
    shown = rows(design._repr_html_())
    assert shown["tensor_parallel"] == [str(design.variables["tensor_parallel"])]
    assert shown["Time per output token"][0] == "tpot"
    assert len(design_page(design).sheets[2].rows) == len(design.violations)
    assert all(row[0].startswith("✓") for row in design_page(design).sheets[2].rows)


def test_an_answer_shows_metrics_and_what_is_missed():
    answer = search.answer(
        search.load_machine("h100"), "llama-3.1-70b", "interactive", limits=Limits(tpot=1e-9)
    )
    shown = rows(answer._repr_html_())
    assert shown["Network bandwidth"] == ["network_bandwidth", "450 GB/s", "higher"]
    assert "✗ tpot" in shown
    assert "✓ memory capacity" in shown
    assert "TP 8, batch 32, fp8" in str(answer)
    assert repr(search.load_machine("h100")) == "Machine('h100', 'NVIDIA H100 SXM5 80 GB')"


def test_progress_can_be_printed(tmp_path, capsys):
    toy.study(tmp_path / "toy", "quasi_random", 128).run(print)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("feasible" in line and "quasi_random" in line for line in lines)


def test_a_space_shows_every_variable():
    space = Space(
        (
            Variable("stacks", tuple(range(1, 13)), tuple(map(float, range(1, 13))), 1, 12),
            Variable("node", ("n3e", "sf2"), (0.0, 1.0), 0, 1, ordered=False),
            Variable("voltage_V", (), (), 0.55, 0.9),
        )
    )
    assert space_page(space).sheets[0].rows == (
        ("stacks", "1, 2 ... 12", "12"),
        ("node", "n3e, sf2", "2"),
        ("voltage_V", "0.550 to 0.900", "any"),
    )
    assert repr(space).startswith("Space: ∞ designs, 3 of 3 variables free")
    assert rows(space._repr_html_())["node"] == ["n3e, sf2", "2"]


def test_overrides_as_a_mapping_say_the_same_as_texts(tmp_path):
    texts = ["budget.evaluations=192", "sampler={name: quasi_random, options: {batch: 64}}"]
    first = search.Study.create(QUICKSTART, SMALL, results=tmp_path, name="first")
    second = search.Study.create(QUICKSTART, texts, results=tmp_path, name="second")
    assert first.experiment.model_copy(update={"name": "second"}) == second.experiment
    assert (
        search.Study.resume(
            first.folder, {"budget.evaluations": "+8"}
        ).experiment.budget.evaluations
        == 200
    )
    with pytest.raises(StudyError, match="changes the search itself"):
        search.Study.resume(first.folder, {"seed": 2})


def test_evaluations_are_a_table_that_pandas_reads(study):
    frame = study.evaluated().to_pandas()
    assert len(frame) == 192
    assert int(frame["feasible"].sum()) == study.status()["feasible"]
    best = study.best("cost_per_mtoken")[0]
    assert frame[frame["feasible"]]["cost_per_mtoken"].min() == best.metrics["cost_per_mtoken"]


@pytest.mark.parametrize("upward", [None, "unit_cost"])
def test_the_front_of_a_study_is_drawn(study, upward):
    figure = search.report.plot_pareto(study, upward=upward)
    front = next(trace for trace in figure.data if trace.meta and trace.meta.get("line"))
    assert len(front.x) == len(study.pareto())
    stars = next(trace for trace in figure.data if trace.marker.symbol == "star")
    assert len(stars.x) == len(best_designs(study))


def test_other_figures_of_a_study(study):
    drawn = search.report.plot_convergence(study)
    assert [len(trace.x) for trace in drawn.data if trace.x is not None][:1] == [3]  # rounds
    (lines,) = search.report.plot_coordinates(study).data
    feasible = study.status()["feasible"]
    assert all(len(item.values) == feasible for item in lines.dimensions)


def test_a_metric_that_the_study_does_not_have(study):
    with pytest.raises(ConfigError, match="did you mean unit_cost"):
        search.report.plot_pareto(study, upward="unit_costs")


def test_pages_hold_nothing_from_outside(study):
    for record in (study, study.best("knee")[0], study.problem.space):
        assert not re.search(r"https?:|src=|href=|url\(", record._repr_html_())
    assert Path(study.folder).exists()
