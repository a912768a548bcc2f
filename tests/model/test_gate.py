"""`[gate]`: the data that the loader makes, and every mistake, each with its place and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.errors import OldTopology, SpecError
from chaoslab.model.gate import Gate, GateStage, SlowRule
from chaoslab.model.loader import read_topology
from chaoslab.model.marker import marker_names, may_select

ROOT = Path(__file__).resolve().parents[2]
BASE = (
    'version = 1\n[services.redis]\nkind = "redis"\n'
    '[apps.app]\ncommand = ["x"]\nlinks = ["redis"]\n'
)
STAGE = '[[gate.stages]]\nname = "first"\nmarker = "steady"\npass_rate = 0.9\n'


def loaded(folder: Path, text: str) -> Gate | None:
    path = folder / "chaoslab.toml"
    path.write_text(BASE + text)
    return read_topology(path, kinds=services.kinds()).gate


def said(folder: Path, text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        loaded(folder, text)
    return [str(problem).partition(": ")[2] for problem in caught.value.problems]


def test_without_the_table_there_is_no_gate(tmp_path: Path) -> None:
    """A topology needs no gate."""
    assert loaded(tmp_path, "") is None


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    """One stage is enough for a gate."""
    stage = GateStage(name="first", marker="steady", pass_rate=0.9)
    assert loaded(tmp_path, STAGE) == Gate(stages=(stage,))


def test_every_key_arrives(tmp_path: Path) -> None:
    """Each stage has the rules of the whole gate before its own."""
    text = (
        '[gate]\nruntime = "docker"\nscenarios = "chaos"\nworkers = 3\ndeadline_s = 600\n'
        'retries = 1\np1 = ["starts"]\nabort_on = ["p1"]\n'
        "[gate.slow]\nresponses_s = 0.5\nfor_s = 2\n"
        '[[gate.stages]]\nname = "P1 critical"\nmarker = "a and not (b or c)"\npass_rate = 0.999\n'
        'deadline_s = 60\nabort_on = ["unreachable", "slow"]\n'
    )
    stage = GateStage(
        name="P1 critical",
        marker="a and not (b or c)",
        pass_rate=0.999,
        deadline_s=60,
        abort_on=("p1", "unreachable", "slow"),
    )
    assert loaded(tmp_path, text) == Gate(
        stages=(stage,),
        runtime="docker",
        scenarios="chaos",
        workers=3,
        deadline_s=600,
        retries=1,
        p1=("starts",),
        slow=SlowRule(responses_s=0.5, for_s=2),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[gate]\nstages = []", "gate.stages: got nothing (a list)\n  expected at least one stage"),
        ("[gate]\nworkers = 2", "gate: missing key 'stages'\n  expected at least one stage"),
        (STAGE + "pass_rat = 1", "gate.stages[0].pass_rat: unknown key 'pass_rat'\n"),
        (STAGE.replace("0.9", "1.01"), "gate.stages[0].pass_rate: got 1.01 (a number)\n"
         "  expected a number from 0 to 1"),
        (STAGE.replace("0.9", "-0.1"), "gate.stages[0].pass_rate: got -0.1 (a number)"),
        (STAGE.replace("0.9", "nan"), "gate.stages[0].pass_rate: got nan (a number)"),
        (STAGE.replace("0.9", "90"), "gate.stages[0].pass_rate: got 90 (a whole number)"),
        (STAGE + 'abort_on = ["unreachible"]',
         "gate.stages[0].abort_on[0]: got 'unreachible' (a string)\n  expected one of: "
         "unreachable, p1, slow; did you mean 'unreachable'?"),
        (STAGE + 'abort_on = ["p1", "p1"]',
         "gate.stages[0].abort_on[1]: 'p1' is named twice\n  expected each rule once"),
        ('[gate]\nabort_on = ["p1"]\n' + STAGE + 'abort_on = ["p1"]',
         "gate.stages[0].abort_on[0]: 'p1' is already in gate.abort_on, for every stage\n"
         "  expected each rule once; remove it here"),
        (STAGE + 'abort_on = ["slow"]', "gate: the rule 'slow' is used, but its bounds are"),
        (STAGE + "[gate.slow]\nresponses_s = 1\nfor_s = 2",
         "gate.slow: no stage has the rule 'slow' in its abort_on"),
        (STAGE + STAGE.replace("first", "First"),
         "gate.stages[1].name: two stages have the name 'First' (the other is stages[0])"),
        (STAGE.replace("first", "Preflight"), "gate.stages[0].name: 'Preflight' is reserved for"),
        (STAGE.replace("first", "a/b"), "gate.stages[0].name: got 'a/b' (a string)"),
        (STAGE.replace('"steady"', '"steady and"'), "gate.stages[0].marker: cannot be read: "),
        (STAGE.replace('"steady"', '"a or b-c"'),
         "gate.stages[0].marker: cannot be read: 'b - c' is not a marker\n"
        "  expected markers joined"),
        (STAGE.replace('"steady"', '" "'), "gate.stages[0].marker: got ' ' (a string)"),
        ("[gate]\ndeadline_s = 10\n" + STAGE + "deadline_s = 20",
         "gate.stages[0].deadline_s: 20 s is longer than the gate's 10 s"),
        ('[gate]\np1 = ["starts", "serves", "serves"]\n' + STAGE, "gate.p1[2]: "),
        ('[gate]\np1 = []\nabort_on = ["p1"]\n' + STAGE, "gate.p1: the rule 'p1' is used, but"),
        ('[gate]\nruntime = "dockr"\n' + STAGE,
         "gate.runtime: got 'dockr' (a string)\n  expected one of: auto, docker, local, netns, "
         "loopback; did you mean 'docker'?"),
        ('[gate]\nproxy = "toxic"\n' + STAGE,
         "gate.proxy: got 'toxic' (a string)\n  expected one of: auto, embedded, toxiproxy"),
        ("[gate]\nworkers = 0\n" + STAGE, "gate.workers: got 0 (a whole number)"),
        ("gate = 7", "gate: got 7 (a whole number)\n  expected a table"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_its_fix(tmp_path: Path, text: str, problem: str) -> None:
    """As in every other table of the file."""
    text = text if text.startswith("[") else text + "\n"
    path = tmp_path / "chaoslab.toml"
    path.write_text(text + BASE if text.startswith("gate =") else BASE + text)
    with pytest.raises(SpecError) as caught:
        read_topology(path, kinds=services.kinds())
    told = [str(each).partition(": ")[2] for each in caught.value.problems]
    assert any(each.startswith(problem) for each in told), told


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """The loader reports all mistakes of the file together."""
    wrong = STAGE.replace("0.9", "7") + 'abort_on = ["p2"]\n'
    told = said(tmp_path, wrong + wrong.replace('"steady"', '"("'))
    places = [each.partition(":")[0] for each in told]
    assert places == [
        "gate.stages[0].pass_rate",
        "gate.stages[0].abort_on[0]",
        "gate.stages[1].name",
        "gate.stages[1].marker",
        "gate.stages[1].pass_rate",
        "gate.stages[1].abort_on[0]",
    ]


def test_the_markers_of_an_expression_are_found() -> None:
    """Each once, in order."""
    assert marker_names("a and (not b or a) and c(x=1)") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("expression", "selects"),
    [
        ("a", True),
        ("c", False),
        ("a and not c", True),
        ("not (a or c)", False),
        ("c or b(x=1)", True),
    ],
)
def test_an_expression_selects_by_the_markers_of_a_test(expression: str, selects: bool) -> None:
    """As pytest does, without arguments of markers."""
    assert may_select(expression, ["a", "b"]) is selects


@pytest.mark.parametrize(
    "expression", ["a b", "a ==", "not", "1", "a.b", "f(1)", "(" * 3000, "not " * 3000 + "a", "a\0"]
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    """Deep nesting does not crash the parser."""
    with pytest.raises(ValueError, match=r"."):
        marker_names(expression)


def test_a_verdicts_name_of_before_is_understood(tmp_path: Path) -> None:
    """For one release, with a warning."""
    with pytest.warns(OldTopology, match="'boot' is 'starts' now"):
        gate = loaded(tmp_path, '[gate]\np1 = ["boot", "kept"]\n' + STAGE)
    assert gate is not None
    assert gate.p1 == ("starts", "keeps_acknowledged")


def test_the_shipped_gate_has_the_incidents_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate in chaoslab.toml has these stages with their pass rates."""
    monkeypatch.chdir(ROOT)
    gate = read_topology(ROOT / "chaoslab.toml", kinds=services.kinds()).gate
    assert gate is not None
    assert [(stage.name, stage.pass_rate) for stage in gate.stages] == [
        ("infrastructure health", 0.90),
        ("P1 critical", 0.95),
        ("performance", 0.75),
        ("the rest", 0.70),
    ]
    named = [name for stage in gate.stages for name in marker_names(stage.marker)]
    assert len(named) == len(set(named))


def test_the_pages_own_example_is_a_gate(tmp_path: Path) -> None:
    """The example in docs/gate.md loads without mistakes."""
    page = (ROOT / "docs" / "gate.md").read_text()
    gate = loaded(tmp_path, page.partition("```toml\n")[2].partition("```")[0])
    assert gate is not None
    assert gate.stages[0].abort_on == ("p1", "unreachable", "slow")
