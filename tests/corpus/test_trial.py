"""A build counts as refused for its own reason only, and in each scenario that it names."""

from __future__ import annotations

import pytest

from chaoslab.corpus.trial import tried
from chaoslab.evidence.reasons import EXITED
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.carried_out import NOT_CARRIED_OUT
from corpus.defects import DEFECT, PASSED, REFUSED, verdict

SCENARIO, CONTRAST = DEFECT.scenarios[0], DEFECT.passes[0]


def outcome(refused: tuple[Verdict, ...], passed: tuple[Verdict, ...] = PASSED) -> tuple[str, str]:
    """The trial's outcome, and the first reason."""
    trial = tried(DEFECT, {SCENARIO: refused, CONTRAST: passed})
    return trial.outcome, trial.why[0] if trial.why else ""


def test_refused_by_the_primary_verdict_with_its_evidence() -> None:
    """The consequences on its list may fail as well."""
    assert outcome(REFUSED) == ("refused", "")


@pytest.mark.parametrize(
    ("bent", "why"),
    [
        ((), "no verdict 'starts', only nothing"),
        (REFUSED[1:], "no verdict 'starts', only degrades, recovers"),
        ((verdict("starts", "PASS", "complete"), *REFUSED[1:]), "'starts' is PASS (complete)"),
        (
            (verdict("starts", "FAIL", EXITED(boot=1, exit_code=3, at_s=1.5)), *REFUSED[1:]),
            "'starts' does not cite app.log_line { log_line = \"phase database\" }",
        ),
        (
            (*REFUSED[:2], verdict("recovers", "FAIL", "never healthy")),
            "unexpected: 'recovers' is FAIL (never healthy)",
        ),
    ],
    ids=["nothing ran", "no primary", "passed", "another reason", "another verdict"],
)
def test_refused_for_another_reason_is_missed(bent: tuple[Verdict, ...], why: str) -> None:
    """A red light that nobody can trust is no detection."""
    got, said = outcome(bent)
    assert (got, why in said) == ("missed", True), said


@pytest.mark.parametrize("word", ["FAIL", "UNKNOWN"])
def test_a_build_must_survive_its_contrast(word: str) -> None:
    """What fails where this defect cannot show has another defect, or the lab has."""
    got, said = outcome(REFUSED, (verdict("starts", word, "late"),))
    assert got == ("missed" if word == "FAIL" else "unclear")
    assert f"must pass, but 'starts' is {word} (late)" in said


def test_an_unknown_primary_verdict_is_unclear() -> None:
    """The lab could not tell: neither refused nor missed."""
    assert outcome((verdict("starts", "UNKNOWN", "a lagging lab"), *REFUSED[1:]))[0] == "unclear"


def test_an_unknown_beside_a_pass_that_should_fail_is_missed() -> None:
    """An unclear word elsewhere does not excuse a build that was let through."""
    passed = (verdict("starts", "PASS"), verdict("recovers", "UNKNOWN", "nobody asked"))
    assert outcome(passed)[0] == "missed"


def test_an_unknown_that_is_not_on_its_list_is_unclear() -> None:
    """It is no refusal for a reason of its own either."""
    assert outcome((*REFUSED[:2], verdict("recovers", "UNKNOWN", "nobody asked")))[0] == "unclear"


def test_an_unknown_for_want_of_a_trigger_is_a_consequence_where_the_defect_is_refused() -> None:
    """The app never answered degraded, and the stop of the fault waited for that."""
    why = NOT_CARRIED_OUT(
        place="faults[0].stop", moment="a change to degraded", cause="text", why="it never came"
    )
    late = verdict("recovers", "UNKNOWN", why)
    assert outcome((*REFUSED[:2], late)) == ("refused", "")
    assert outcome((verdict("starts", "UNKNOWN", why), *REFUSED[1:]))[0] == "unclear"
    assert outcome(REFUSED, (verdict("starts", "UNKNOWN", why),))[0] == "unclear"
