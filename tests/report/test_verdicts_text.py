"""Why a test failed, for people: each cause is printed once."""

from __future__ import annotations

from chaoslab.model.verdict import failed, passed, unknown
from chaoslab.reason import Code
from chaoslab.report.verdicts_text import explained

LATE = Code("lab.late", "the lab was {late_s} s late", "It lagged.")(late_s=0.6)
SLOW = Code("x.slow", "it was slow", "It was slow.")()


def test_a_cause_of_every_verdict_is_printed_once() -> None:
    """A reason that only one of them has is printed below it."""
    lines = explained(
        [
            unknown("starts", "it starts", LATE, SLOW),
            passed("serves", "it serves", SLOW),
            failed("recovers", "it recovers", LATE),
        ]
    )
    text = "\n".join(lines)
    assert lines[0] == "FAIL recovers: the lab was 0.6 s late"
    assert lines[1] == "  all of them: the lab was 0.6 s late"
    assert text.count("0.6 s late") == 2  # in the summary's line, and once for all
    assert text.count("it was slow") == 1


def test_the_reasons_of_a_single_verdict_stand_below_it() -> None:
    """Nothing is shared by one."""
    lines = explained([unknown("starts", "it starts", LATE, SLOW), passed("serves", "it serves")])
    assert lines[2:4] == ["            the lab was 0.6 s late", "            it was slow"]
