"""A fault at a message: evidence is that its message was read and acted on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import expectations as expect
from chaoslab.faults import AtMessage
from chaoslab.faults.evidence import Evidence, evidence_of
from chaoslab.history.events import AnyEvent, SeenMessage

from .events import canary, connection, ended
from .events import fault as in_force
from .histories import healthy_run, history_of, judged, outcomes
from .plans import PG, TOPOLOGY

AT = AtMessage(name="out", target=PG, message="COMMIT", at="after")
RUN = [*healthy_run(), *in_force("out", 1.5, 1.52, 2.5, 2.52)]
SEEN = SeenMessage(
    toxic="out.downstream", stream="downstream", word="COMMIT", at_s=2.0, number=1, acted=True
)


def found(*events: AnyEvent, fault: AtMessage = AT) -> Evidence:
    return evidence_of(fault, TOPOLOGY, history_of([*RUN, *events]), app="backend", boot=1)


def on(*seen: SeenMessage, port: int = 5001, number: int = 1, unread: str = "") -> AnyEvent:
    """One connection of the app with these messages."""
    return connection(
        PG, port, fault="out", read_s=2.49, number=number, messages=seen, unread=unread
    )


def test_messages_that_the_fault_acted_on_show_it() -> None:
    """With their number, and what the server had of them."""
    evidence = found(on(SEEN), on(SEEN, replace(SEEN, at_s=2.1), port=5002, number=2))
    (reason,) = evidence.per_link[PG]
    assert reason.code == "fault.messages_affected"
    assert reason.text == (
        "3 x 'COMMIT' on 2 connections of the app: cut after the server completed it"
    )
    before = replace(AT, at="before", do="hold")
    (reason,) = found(on(replace(SEEN, toxic="out.upstream")), fault=before).per_link[PG]
    assert reason.text.endswith("on 1 connections of the app: held before the server had it")


@pytest.mark.parametrize(
    "seen",
    [
        replace(SEEN, acted=False),
        replace(SEEN, toxic="other.downstream"),
        replace(SEEN, at_s=1.4),
        replace(SEEN, at_s=2.6),
    ],
)
def test_other_messages_show_nothing(seen: SeenMessage) -> None:
    """Those before the nth, of another fault, and from before it or after it."""
    assert not found(on(seen)).observed


def test_messages_of_a_canary_show_nothing() -> None:
    """Another fault may send one."""
    assert not found(on(SEEN), canary(1.9, PG, "answered", port=5001)).observed


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (AT, "the server completed no 'COMMIT' of the app while it was in force"),
        (
            replace(AT, at="before"),
            "no 'COMMIT' of the app came while the fault was in force",
        ),
        (
            replace(AT, at="before", nth=3),
            "fewer than 3 'COMMIT' of the app came while the fault was in force",
        ),
    ],
)
def test_a_message_that_did_not_come_is_named(fault: AtMessage, text: str) -> None:
    """Then nothing can be concluded."""
    evidence = found(on(), fault=fault)
    assert evidence.missing is not None
    assert (evidence.missing.code, evidence.missing.text) == ("fault.no_message", text)


def test_an_encrypted_connection_is_the_reason() -> None:
    """The message may have come, and nobody could read it."""
    evidence = found(on(unread="it is encrypted (TLS)"), on(port=5002, number=2))
    assert evidence.missing is not None
    assert evidence.missing.text == (
        "the messages on 1 connections of the app could not be read: it is encrypted (TLS)"
    )
    assert found(on(unread="it is encrypted (TLS)"), on(SEEN, port=5002, number=2)).observed


def test_a_verdict_rests_on_the_message() -> None:
    """PASS if it was acted on, UNKNOWN with its name if it did not come."""
    for events, outcome, text in (
        ((on(SEEN),), "PASS", "1 x 'COMMIT' on 1 connections of the app: cut after"),
        ((on(),), "UNKNOWN", "the server completed no 'COMMIT'"),
    ):
        run = [*RUN, *events, ended(3.05)]
        (verdict,) = judged(run, expect.StaysAvailable(healthy=False), faults=(AT,))
        assert outcomes([verdict]) == [outcome], verdict.texts
        assert any(text in each for each in verdict.texts), verdict.texts
