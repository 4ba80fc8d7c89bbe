"""Bad experiments, models, scenarios, templates, overrides and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from experiments.bad_inputs.case import TEMPLATE, TEXT, Case, Place, Prepare

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine levels of ten references each: a thousand million words in a few hundred bytes."""


def changed_to(old: str, new: str) -> Prepare:
    """Run the good experiment with one thing changed."""
    return lambda place: ["run", place.experiment(old, new)]


def containing(content: str | bytes) -> Prepare:
    """Run a file with this content."""
    return lambda place: ["run", place.file("bad.yaml", content)]


def with_override(*texts: str) -> Prepare:
    """Run the good experiment with overrides."""
    return lambda place: [
        "run", place.experiment(), *(word for text in texts for word in ("-S", text))
    ]  # fmt: skip


def with_model(changes: Mapping[str, object] | str) -> Prepare:
    """Run the good experiment on a bad model."""

    def prepare(place: Place) -> list[str]:
        if isinstance(changes, str):
            place.file("config.json", changes)
        else:
            place.model(changes)
        return ["run", place.experiment("llama-3.1-8b", "config.json")]

    return prepare


def with_template(old: str, new: str) -> Prepare:
    """Run the good experiment on a bad template."""

    def prepare(place: Place) -> list[str]:
        text = TEMPLATE.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"no {old!r} in the template")
        place.file("systolic.yaml", text.replace(old, new, 1))
        return ["run", place.experiment()]

    return prepare


def with_scenario(content: str) -> Prepare:
    """Run the good experiment on a bad scenario."""

    def prepare(place: Place) -> list[str]:
        place.file("mine.yaml", content)
        return ["run", place.experiment("scenario: interactive", "scenario: mine.yaml")]

    return prepare


def a_folder(place: Place) -> list[str]:
    """Run a folder."""
    (place.folder / "bad.yaml").mkdir()
    return ["run", "bad.yaml"]


def words(*given: str) -> Prepare:
    """A command that needs nothing."""

    def prepare(place: Place) -> list[str]:
        del place
        return [*given]

    return prepare


WORK = ("--model", "llama-3.1-8b", "--scenario", "interactive")
REQUEST = "{name: a, weight: 1, new_tokens: 8, cached_tokens: 0, generated_tokens: 8, %s}"


def cases() -> Iterator[Case]:
    """Everything that a person writes."""
    yield from _experiments()
    yield from _other_files()
    yield from _words()


def _experiments() -> Iterator[Case]:
    for title, old, new, *parts in (
        ("misspelt key", "tpot_ms: 12", "tpot_mss: 12", "bad.yaml:15", "limits.tpot_mss",
         "tpot_ms"),
        ("wrong type", "tpot_ms: 12", "tpot_ms: fast", "bad.yaml:15", "'fast'", "a valid number"),
        ("wrong unit", "tpot_ms: 12", "tpot_s: 0.012", "bad.yaml:15", "is in s", "tpot_ms, in ms"),
        ("limit that nothing can meet", "tpot_ms: 12", "tpot_ms: -12", "bad.yaml:15", "-12",
         "greater than 0"),
        ("limit of no known cooling", "{air: 1000", "{ar: 1000", "bad.yaml:14", "'ar'", "air?"),
        ("unknown metric", "- cost_per_mtoken", "- cost_per_token", "bad.yaml:17", "cost_per_token",
         "cost_per_mtoken"),
        ("unknown direction", "maximize", "maximise", "bad.yaml:18", "'maximise'", "'maximize'"),
        ("unknown node", "[n3e, n2]", "[n3e, n2x]", "bad.yaml:7", "n2x", "n2"),
        ("unknown sampler", "quasi_random", "quasirandom", "bad.yaml:19", "quasirandom",
         "quasi_random"),
        ("unknown option of a sampler", "batch: 64}", "bach: 64}", "bad.yaml:19", "bach", "batch?"),
        ("option of a wrong type", "batch: 64}", "batch: many}", "bad.yaml:19", "'many'",
         "valid integer"),
        ("unknown model", "llama-3.1-8b", "llama-3.1-9b", "bad.yaml:3", "llama-3.1-9b",
         "llama-3.1-8b"),
        ("unknown scenario", "scenario: interactive", "scenario: interactiv", "bad.yaml:4",
         "interactiv", "interactive"),
        ("unknown rival", "budget:", "rivals: [h1000]\nbudget:", "bad.yaml:20", "h1000", "h100"),
        ("range upside down", "[2, 8]", "[8, 2]", "bad.yaml:10", "[8, 2]", "[2, 8]"),
        ("step that misses the end", "step: 4}", "step: 5}", "bad.yaml:9", "do not reach 64"),
        ("fraction of a core", "[16, 64], step: 4", "[16.5, 64.5], step: 4", "bad.yaml:9", "16.5",
         "whole numbers"),
        ("nothing to search", TEXT[TEXT.index("  node"):TEXT.index("limits:")], "  node: n3e\n",
         "bad.yaml:6", "nothing to search"),
        ("duplicate key", "  batch: [16, 32, 64]", "  batch: 16\n  batch: 32", "bad.yaml:13",
         "duplicate key 'batch'"),
        ("tab in YAML", "  tpot_ms: 12", "\ttpot_ms: 12", "bad.yaml:15", "not YAML", "spaces"),
        ("newer schema_version", "schema_version: 1", "schema_version: 2", "bad.yaml:1", "found 2",
         "expected 1"),
        ("name that is a path", "name: small", "name: ../small", "bad.yaml:2", "'../small'",
         "letters, digits"),
        ("budget of nothing", "evaluations: 192", "evaluations: 0", "bad.yaml:20", "found 0",
         "greater than or equal to 1"),
        ("sampler that cannot serve two objectives", "{name: quasi_random, options: {batch: 64}}",
         "cma_es", "bad.yaml:19", "cma_es", "expected"),
        ("no objective", TEXT[TEXT.index("objectives"):TEXT.index("sampler")], "objectives: []\n",
         "bad.yaml:16", "objectives", "at least 1 item"),
    ):  # fmt: skip
        yield Case(title, changed_to(old, new), 2, tuple(parts))
    for title, content, *parts in (
        ("empty file", "", "bad.yaml:1", "no keys"),
        ("list instead of keys", "- 1\n- 2\n", "bad.yaml:1", "a mapping of keys"),
        ("binary file", bytes(range(256)), "bad.yaml:2", "cannot be read", "text in UTF-8"),
        ("words without end", "name: [a, b\n", "bad.yaml:", "not YAML"),
        ("bomb of references", BOMB, "bad.yaml:", "more than"),
        ("reference to itself", "a: &a [*a]\n", "bad.yaml:1", "nested deeper than"),
        ("10,000 brackets deep", "[" * 10_000, "bad.yaml:1", "nested deeper than"),
        ("40 MB of words", "x" * 40_000_000, "bad.yaml", "MB"),
        ("two documents", "a: 1\n---\nb: 2\n", "bad.yaml:2", "another document"),
        ("program in YAML", "a: !!python/object/apply:os.system [ls]\n", "bad.yaml:1"),
    ):
        yield Case(title, containing(content), 2, tuple(parts))
    yield Case("missing file", words("run", "none.yaml"), 2, ("none.yaml", "no such file"))
    yield Case(
        "misspelt file",
        lambda place: (place.experiment(name="mine.yaml"), ["run", "mien.yaml"])[1],
        2,
        ("mien.yaml", "no such file", "mine.yaml?"),
    )
    yield Case("folder instead of a file", a_folder, 2, ("bad.yaml", "is a directory"))


def _other_files() -> Iterator[Case]:
    for title, model, *parts in (
        ("model without a field", {"hidden_size": None}, "config.json", "hidden_size is missing"),
        ("model with a wrong field", {"num_attention_heads": "32"}, "config.json:", "'32'",
         "positive integer"),
        ("model that is not JSON", "{'hidden_size': 1}", "config.json:1", "not JSON"),
        ("model of an unsupported architecture", {"architectures": ["MambaForCausalLM"]},
         "config.json:", "MambaForCausalLM", "LlamaForCausalLM"),
    ):  # fmt: skip
        yield Case(title, with_model(model), 2, tuple(parts))
    scenario = "schema_version: 1\ntitle: mine\nrequests:\n  - " + REQUEST
    for title, text, *parts in (
        ("scenario with a misspelt key", scenario % "decode_contxt: 8", "mine.yaml:4",
         "decode_contxt", "decode_context"),
        ("scenario that is not YAML", "requests: [", "mine.yaml", "not YAML"),
        ("scenario without requests", "schema_version: 1\ntitle: mine\nrequests: []\n",
         "mine.yaml:3", "requests"),
    ):  # fmt: skip
        yield Case(title, with_scenario(text), 2, tuple(parts))
    for title, old, new, *parts in (
        ("template with a missing key", "          node: n3e\n", "", "systolic.yaml:", "'node'"),
        ("template with an unknown part", "kind: hbm4_12h,", "kind: hbm5,", "systolic.yaml:",
         "hbm5"),
    ):  # fmt: skip
        yield Case(title, with_template(old, new), 2, tuple(parts))
    yield Case(
        "template that is missing",
        changed_to("template: systolic.yaml", "template: none.yaml"),
        2,
        ("bad.yaml:5", "none.yaml", "no such file"),
    )


def _words() -> Iterator[Case]:
    for title, text, *parts in (
        ("override without =", "budget.evaluations", "-S budget.evaluations", "no key=value"),
        ("override of an unknown key", "budget.evaluatons=3", "evaluatons", "evaluations?"),
        ("override that is not YAML", "space.node=[n3e", "-S space.node=[n3e", "not a YAML value"),
        ("override that adds to a word", "name=+5", "cannot add '+5' to 'small'", "a number"),
        ("override of a missing element", "objectives.7.metric=ttft", "no element '7'", "0 to 1"),
    ):
        yield Case(title, with_override(text), 2, tuple(parts))
    for title, given, code, *parts in (
        ("unknown verb", ("evaluates",), 2, "evaluates", "evaluate?"),
        ("unknown option", ("run", "x.yaml", "--dryrun"), 2, "--dryrun", "--dry-run?"),
        ("missing argument", ("run",), 2, "EXPERIMENT", "scoville run --help"),
        ("unknown subject", ("list", "chip"), 2, "'chip'", "chips?"),
        ("unknown chip", ("evaluate", "--chip", "h10", *WORK), 2, "'h10'", "h100"),
        ("format that a chip does not run",
         ("evaluate", "--chip", "a100", "--format", "fp8", *WORK), 2,
         "does not run fp8", "int8"),
        ("no study", ("resume", "nowhere"), 4, "nowhere", "holds no study", "scoville run"),
        ("nothing to watch", ("status", "--watch"), 2, "no studies", "running"),
    ):  # fmt: skip
        yield Case(title, words(*given), code, tuple(parts))
