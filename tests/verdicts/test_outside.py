"""Attempts at addresses outside the lab: verdicts name them, and never change by them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chaoslab.history.events import AnyEvent, TriedOutside, UncountedOutside
from chaoslab.report.progress import line

from .histories import good, judged, outage, outcomes

TCP = TriedOutside(
    at_s=9.0, app="backend", protocol="tcp", host="203.0.113.7", port=443, attempts=2, first_s=0.5,
    last_s=1.5,
)  # fmt: skip
DNS = replace(TCP, protocol="udp", host="198.18.0.1", port=53, names=("api.example", "b.example"))
OTHER = replace(TCP, app="other")


def reasons(*events: AnyEvent) -> list[str]:
    """What the first verdict of a run that is UNKNOWN has to say of the outside."""
    verdict = judged([*outage(), *events])[0]
    return [each.text for each in verdict.because if each.code.startswith("outside.")]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            TCP,
            "backend tried 203.0.113.7:443 2 times, from 0.500 s to 1.500 s: outside the lab,"
            " refused here (apps.backend.outside can declare it)",
        ),
        (
            replace(TCP, attempts=1, last_s=0.5),
            "backend tried 203.0.113.7:443 once, from 0.500 s to 0.500 s: outside the lab,"
            " refused here (apps.backend.outside can declare it)",
        ),
        (
            replace(TCP, protocol="udp", port=8125),
            "backend sent 2 datagrams to 203.0.113.7:8125, from 0.500 s to 1.500 s: outside the"
            " lab, refused here",
        ),
        (
            DNS,
            "backend asked DNS for api.example, b.example, 2 datagrams, from 0.500 s to 1.500 s:"
            " no answer here (apps.backend.outside can declare a name)",
        ),
        (
            replace(DNS, names=(), attempts=1),
            "backend sent 1 datagram to DNS at 198.18.0.1:53, from 0.500 s to 1.500 s: no answer"
            " here",
        ),
    ],
    ids=["connects", "connect", "datagrams", "names", "unread"],
)
def test_a_verdict_names_what_the_app_tried_how_often_and_when(event: Any, text: str) -> None:
    """And the fix only where there is one: UDP cannot be allowed."""
    assert reasons(event) == [text]


def test_attempts_change_no_verdict_and_a_pass_does_not_mention_them() -> None:
    """They explain a failure; many an app sends metrics that nobody needs."""
    assert outcomes(judged([*good(), TCP])) == ["PASS"] * 3
    assert not any("outside" in text for v in judged([*good(), TCP]) for text in v.texts)
    assert outcomes(judged([*outage(), TCP])) == outcomes(judged(outage()))


def test_the_first_three_addresses_are_named_and_the_others_counted() -> None:
    """In the order in which the app tried them, whatever their order in the history."""
    events = [replace(TCP, port=9 - n, first_s=0.9 - n / 10) for n in range(8)]
    *named, more = reasons(*events)
    assert [text.split(" 2 times")[0].rpartition(":")[2] for text in named] == ["2", "3", "4"]
    assert more == "backend tried 5 more addresses outside the lab"


def test_three_addresses_need_no_count_of_others() -> None:
    """Nothing is left out."""
    assert len(reasons(*(replace(TCP, port=n) for n in (1, 2, 3)))) == 3


def test_of_many_names_three_are_listed() -> None:
    """An app may look up any number."""
    text = reasons(replace(DNS, names=tuple("abcdef")))[0]
    assert "asked DNS for a, b, c and 3 more names, " in text


def test_what_another_app_tried_is_not_mentioned() -> None:
    """It does not explain this app's verdict."""
    assert reasons(OTHER) == []


def test_packets_that_are_in_no_attempt_are_mentioned() -> None:
    """So the counts are never taken for all that there was."""
    assert reasons(UncountedOutside(at_s=9.0, packets=7)) == [
        "7 more packets to addresses outside the lab, of any app: too many to list them"
    ]


def test_each_address_is_a_progress_line() -> None:
    """A look-up of a name is not an attempt at the lab's own address."""
    assert line(TCP) == (
        "    9.000 s  OUTSIDE THE LAB: backend tried 203.0.113.7:443 2 times, from 0.500 s to"
        " 1.500 s: outside the lab, refused here (apps.backend.outside can declare it)"
    )
    shown = line(DNS)
    assert shown is not None
    assert "asked DNS for api.example" in shown
    assert "198.18.0.1" not in shown
    assert line(UncountedOutside(at_s=9.0, packets=7)) == (
        "    9.000 s  OUTSIDE THE LAB: 7 more packets"
    )


def test_a_hostile_name_does_not_reach_the_terminal() -> None:
    """The agent records no such name, but a saved history may have one."""
    shown = line(replace(DNS, names=("\x1b[2J\n::error::x",)))
    assert shown is not None
    assert shown.isprintable()
    assert "::error" not in shown
