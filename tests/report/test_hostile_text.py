"""Text from an app is printed on one line, cut, without control characters or CI commands."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest
from click.testing import CliRunner
from rich.console import Console

from chaoslab.cli import main
from chaoslab.corpus.ledger import Entry
from chaoslab.corpus.table import line as corpus_line
from chaoslab.errors import Problem, SpecError, did_you_mean
from chaoslab.faults.mutation import Mutation
from chaoslab.gate.junit import save_junit
from chaoslab.gate.markdown import summary
from chaoslab.gate.result import ChosenRuntime, GateResult, RoundResult, ScenarioResult, StageResult
from chaoslab.gate.self_test import Trial, TrialResult
from chaoslab.gate.self_test_text import line as trial_line
from chaoslab.gate.self_test_text import table as trial_table
from chaoslab.gate.text import gate_text
from chaoslab.history.events import FaultMissed, LabUp
from chaoslab.model.gate import GateStage
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason
from chaoslab.report.progress import line as progress_line
from chaoslab.report.verdicts_text import explained, judged

# A cleared screen, a title, text in the wrong order, and commands to a CI at the start of lines.
EVIL = (
    "boo\x1b[2J\x1b]0;t\x07\r\n::error::a\n  ##[error]b\u2028::set-output name=x::c"
    "\x85::warning::d\u202eabc\x9b31m </details><script>|![i](http://x)`"
)
SPELT = "boo\\x1b[2J"
SAID = Code("example.said", "{text}", "What an app said.")
VERDICTS = (
    passed("boot", "it starts"),
    unknown("kept", f"claim {EVIL}", SAID(text=EVIL)),
    failed("serves", "all are served", SAID(text=EVIL), SAID(text="second")),
)


def printed(what: object) -> str:
    """As it would come out of a pipe."""
    sink = io.StringIO()
    Console(file=sink, width=140).print(what, soft_wrap=True)
    return sink.getvalue()


def assert_harmless(text: str, *, spelt: bool = True) -> None:
    """Nothing but visible text, no line that the app began, no command of a CI."""
    assert all(each.isprintable() or each == "\n" for each in text), ascii(text)
    assert not [line for line in text.splitlines() if line.strip().startswith(("::", "##["))]
    assert "::error" not in text
    assert "##[" not in text
    assert (SPELT in text) or not spelt


def result(folder: Path) -> GateResult:
    """A gate with hostile text in every place that an app can fill."""
    bad = ScenarioResult(
        scenario=f"s {EVIL}", nodeid="n", outcome="FAIL", reasons=(f"FAIL x: {EVIL}", f"  {EVIL}")
    )
    stage = StageResult(
        stage=GateStage(name="all", marker="m", pass_rate=1.0),
        scenarios=(bad,),
        seconds=1.0,
        mistake=EVIL,
    )
    return GateResult(
        topology="tiny",
        source="chaoslab.toml",
        runtime=ChosenRuntime(asked="auto", taken="local", why="no engine", proxy="embedded"),
        commands=(f"run {EVIL}",),
        workers=1,
        retries=0,
        repeat=1,
        started_at="2026-01-01T00:00:00+00:00",
        seconds=2.0,
        folder=str(folder),
        rounds=(RoundResult(stages=(stage,)),),
    )


def test_failure_texts_and_analyze_are_harmless() -> None:
    """What a failed test shows, and what `chaoslab analyze` prints."""
    assert_harmless("\n".join(explained(VERDICTS)))
    assert_harmless(printed(judged("scenario", VERDICTS)))


def test_progress_lines_are_harmless() -> None:
    """One event is one line, whatever a server or an app put into it."""
    for event in (
        FaultMissed(at_s=1.0, fault="f", why=Reason(code="text", text=EVIL)),
        LabUp(at_s=1.0, took_s=1.0, versions={"postgres": EVIL}, links={}, notes=(EVIL,)),
    ):
        text = progress_line(event)
        assert text is not None
        assert_harmless(text)
        assert len(text.splitlines()) == 1


def test_the_gates_page_is_harmless(tmp_path: Path) -> None:
    """The text at its end, the summary of a CI's job, and the JUnit file."""
    made = result(tmp_path)
    assert_harmless(printed(gate_text(made)))
    page = "\n".join(summary(made))
    assert_harmless(page)
    lines = page.splitlines()
    marked = [line for line in lines if line.startswith(("- ", "| "))]
    assert not [line for line in marked if "![i](" in line or "<script>" in line]
    assert [line for line in marked if "!\\[i\\](" in line and "&lt;script&gt;" in line]
    (title,) = (line for line in lines if line.startswith("<details>"))
    assert title.count("<") == len(("<details>", "<summary>", "</summary>"))
    # the reasons are an indented block, and the one end of it is the page's own
    assert [line for line in lines if line.startswith("</details>")] == ["</details>"]
    save_junit(made)
    for each in xml.parse(tmp_path / "junit.xml").iter():
        for text in (each.text or "", *each.attrib.values()):
            assert_harmless(text, spelt=False)


def test_trials_of_the_corpus_and_the_self_test_are_harmless() -> None:
    """Their reasons are verdicts', too."""
    entry = Entry(build="b", state="s", at="", outcome="missed", seconds=1.0, why=(EVIL,))
    assert_harmless(printed(corpus_line(entry)))
    trial = Trial(nodeid="n", scenario="s", mutation=Mutation(kind="inert", fault="f"))
    tried = TrialResult(trial=trial, outcome=None, passed=False, reason=EVIL, seconds=1.0)
    assert_harmless(printed(trial_line(tried, 1, 1)))
    assert_harmless(printed(trial_table([tried], [], 1.0)), spelt=False)


def test_the_first_line_of_a_failure_has_the_first_reason() -> None:
    """A test runner's summary shows no more than that line."""
    first, *_ = explained(VERDICTS)
    assert first.startswith("FAIL serves: boo")
    kept = unknown("kept", "nothing is lost", SAID(text="nobody looked"))
    assert explained([VERDICTS[0], kept])[0] == "UNKNOWN kept: nobody looked"
    bare = Verdict(name="x", outcome=kept.outcome, claim="it is so", because=())
    assert explained([bare])[0] == "UNKNOWN x: it is so"
    assert explained([])[0] == "UNKNOWN"


def test_a_mistake_of_megabytes_is_not_echoed() -> None:
    """The place, the value and the expected text are cut, and only the first problems are shown."""
    big = "A" * 5_000_000
    reason = Reason(code="test.wrong", text=big)
    assert len(str(Problem(where=big, reason=reason, expected=big, fix=big))) < 3000
    many = SpecError([Problem(where=f"w{n}", reason=reason) for n in range(10_000)])
    assert len(str(many)) < 30_000
    assert str(many).endswith("… and 9950 more problems")
    assert len(many.problems) == 10_000
    assert did_you_mean(big, ["postgres"]) == ""


@pytest.mark.parametrize(
    "change",
    [
        ('name = "', 'name = "\\u001b[2J\\n::error::x'),
        ("command = [", 'command = ["\\u001b[2J\\n::error::x", '),
        ("[services.postgres]", '["\\u001b[2J\\n::error::x"]\n[services.postgres]'),
        ('kind = "postgres"', 'kind = "\\u001b[2J\\n::error::x"'),
    ],
    ids=["a name", "a command", "an unknown key", "a wrong value"],
)
def test_check_escapes_the_text_of_a_file(tmp_path: Path, change: tuple[str, str]) -> None:
    """Whether the topology is good or has a mistake."""
    text = (Path(__file__).parents[2] / "chaoslab.toml").read_text()
    assert change[0] in text
    file = tmp_path / "chaoslab.toml"
    file.write_text(text.replace(*change, 1))
    said = CliRunner().invoke(main, ["check", str(file)]).output
    assert_harmless(said, spelt=False)
    assert "\\x3a:error::x" in said
