"""Postgres' messages: what a client asks for, and what the server completes."""

from __future__ import annotations

import pytest

from chaoslab.engine.messages.base import HEAD_BYTES, MOST_UNANSWERED, TLS
from chaoslab.engine.messages.postgres import MOST_NAMES

from .streams import (
    CANCEL,
    ERROR,
    GSS_REQUEST,
    LOGGED_IN,
    READY,
    SSL_REQUEST,
    STARTUP,
    SYNC,
    Talk,
    bind,
    close,
    complete,
    execute,
    frame,
    messages,
    parse,
    postgres,
    query,
)


def test_a_simple_query_is_a_message_and_is_completed() -> None:
    """At the server's CommandComplete; rows and notices complete nothing."""
    talk = postgres()
    assert talk.asks(query("COMMIT")) == ["COMMIT"]
    assert talk.answers(frame("N", b"SNOTICE\0\0"), frame("D", b"\0\0")) == []
    assert talk.answers(complete("COMMIT") + READY) == ["COMMIT"]


def test_each_statement_of_a_query_is_completed_by_itself() -> None:
    """The message that the client sent is one."""
    talk = postgres()
    asked = talk.asks(query("BEGIN; INSERT INTO t VALUES (1); END"))
    assert asked == ["BEGIN | INSERT INTO t VALUES (1) | COMMIT"]
    done = talk.answers(complete("BEGIN"), complete("INSERT 0 1"), complete("COMMIT"), READY)
    assert done == ["BEGIN", "INSERT INTO t VALUES (1)", "COMMIT"]


def test_a_commit_of_a_failed_transaction_is_a_rollback() -> None:
    """The server says so in its answer; nothing is committed."""
    talk = postgres()
    talk.asks(query("COMMIT"))
    assert talk.answers(complete("ROLLBACK") + READY) == ["ROLLBACK"]


@pytest.mark.parametrize("rest", ["COMMIT", "SELECT 1"])
def test_what_the_server_refuses_is_not_completed(rest: str) -> None:
    """An error ends a query with all of its statements; the next query is completed."""
    talk = postgres()
    talk.asks(query(f"BROKEN; {rest}"))
    assert talk.answers(ERROR + READY) == []
    talk.asks(query("SELECT 2"))
    assert talk.answers(complete("SELECT 1") + READY) == ["SELECT 2"]


def test_an_execute_has_the_statement_of_its_portal() -> None:
    """Also for a prepared statement that is used again by its name, and one that replaced it."""
    talk = postgres()
    asked = talk.asks(
        parse("", "INSERT INTO t VALUES ($1)") + bind("", "") + execute() + SYNC,
        parse("s1", "COMMIT") + bind("", "s1") + execute() + SYNC,
        bind("p", "s1") + parse("s1", "SELECT 1") + execute("p") + bind("", "s1") + execute(),
    )
    assert asked == ["INSERT INTO t VALUES ($1)", "COMMIT", "COMMIT", "SELECT 1"]
    done = talk.answers(
        frame("1") + frame("2") + complete("INSERT 0 1") + READY,
        frame("1") + frame("2") + complete("COMMIT") + READY,
        complete("COMMIT") + complete("SELECT 1"),
    )
    assert done == asked


def test_a_closed_statement_is_forgotten() -> None:
    """An Execute of an unknown statement is a message whose text is not known."""
    talk = postgres()
    talk.asks(parse("s", "COMMIT"), close("S", "s"), bind("", "s"))
    assert talk.asks(execute()) == [""]


def test_an_error_skips_all_that_is_waiting_until_the_next_sync() -> None:
    """As the server does; what is behind that Sync is completed."""
    talk = postgres()
    talk.asks(parse("a", "INSERT") + parse("b", "COMMIT"))
    talk.asks(bind("", "a") + execute() + bind("", "b") + execute() + SYNC)
    talk.asks(bind("", "b") + execute() + SYNC)
    assert talk.answers(frame("1") + frame("1") + ERROR + READY) == []
    assert talk.answers(frame("2") + complete("COMMIT") + READY) == ["COMMIT"]


def test_an_error_before_its_execute_arrives_does_not_shift_the_answers() -> None:
    """The client sends the rest of its batch after the server refused its beginning."""
    talk = postgres()
    talk.asks(parse("a", "BROKEN") + frame("H"))
    assert talk.answers(ERROR) == []
    talk.asks(bind("", "a") + execute() + SYNC)
    assert talk.answers(READY) == []
    talk.asks(query("COMMIT"))
    assert talk.answers(complete("COMMIT") + READY) == ["COMMIT"]


def test_copy_does_not_shift_the_answers() -> None:
    """The server ignores a Sync that came before the data; the client sends one behind them."""
    talk = postgres()
    talk.asks(parse("", "COPY t FROM STDIN") + bind("", "") + execute() + SYNC)
    assert talk.answers(frame("1") + frame("2") + frame("G", b"\0\0\0")) == []
    talk.asks(frame("d", b"1\n" * 5000) + frame("c") + SYNC)
    assert talk.answers(complete("COPY 5000") + READY) == ["COPY t FROM STDIN"]
    talk.asks(query("COMMIT"))
    assert talk.answers(complete("COMMIT") + READY) == ["COMMIT"]


def test_a_portal_with_more_rows_is_not_completed() -> None:
    """The last Execute of the portal completes."""
    talk = postgres()
    talk.asks(parse("", "SELECT") + bind("", "") + execute() + execute() + SYNC)
    assert talk.answers(frame("D", b"\0\0") + frame("s")) == []
    assert talk.answers(complete("SELECT 9") + READY) == ["SELECT"]


def test_a_log_in_without_a_request_for_encryption_is_read() -> None:
    """As of a driver with sslmode=disable; a password is no message."""
    talk = Talk("postgres")
    assert talk.asks(STARTUP, frame("p", b"secret\0")) == []
    assert talk.answers(frame("R", b"\0\0\0\3"), LOGGED_IN) == []
    assert talk.asks(query("SELECT 1")) == ["SELECT 1"]


def test_both_requests_for_encryption_may_be_refused() -> None:
    """GSSAPI first, then TLS, then in clear; a NoticeResponse has the same letter as a refusal."""
    talk = Talk("postgres")
    for request in (GSS_REQUEST, SSL_REQUEST):
        talk.asks(request)
        talk.answers(b"N")
    talk.asks(STARTUP)
    talk.answers(LOGGED_IN + frame("N", b"SNOTICE\0\0"))
    assert talk.asks(query("SELECT 1")) == ["SELECT 1"]
    assert talk.answers(complete("SELECT 1")) == ["SELECT 1"]
    assert talk.notes == []


@pytest.mark.parametrize(
    ("request_", "answer", "why"),
    [(SSL_REQUEST, b"S", TLS), (GSS_REQUEST, b"G", "it is encrypted (GSSAPI)")],
)
def test_an_encrypted_connection_is_not_read(request_: bytes, answer: bytes, why: str) -> None:
    """Nothing is guessed of its bytes."""
    talk = Talk("postgres")
    talk.asks(request_)
    talk.answers(answer)
    assert talk.notes == [why]
    assert talk.answers(query("COMMIT")) == []


def test_tls_without_a_request_is_recognized() -> None:
    """As of a client of version 17 with sslnegotiation=direct."""
    talk = Talk("postgres")
    assert talk.asks(b"\x16\x03\x01\x02\x00" + b"\1" * 60) == []
    assert talk.notes == [TLS]


def test_a_request_to_cancel_asks_for_nothing() -> None:
    """It is the only message of its connection."""
    talk = Talk("postgres")
    assert talk.asks(CANCEL) == talk.notes == []


def test_another_protocol_is_not_read() -> None:
    """Nor is one that goes wrong later."""
    talk = Talk("postgres")
    assert talk.asks(b"GET / HTTP/1.1\r\n") == []
    assert "not those of PostgreSQL" in talk.notes[0]
    later = postgres()
    assert later.asks(query("SELECT 1"), b"zzzzzzzzz", query("COMMIT")) == ["SELECT 1"]
    assert "not those of PostgreSQL" in later.notes[0]


def test_the_first_bytes_of_a_message_are_enough() -> None:
    """They are kept back until it is known what it asks for; the rest passes as it comes."""
    talk, data = postgres(), query("INSERT INTO t VALUES ('" + "x" * 100_000)
    assert talk.up.read(data[:20]) == []
    assert talk.up.held == 20
    (piece,) = talk.up.read(data[20:6000])
    assert piece.data == data[:6000]
    assert messages([piece])[0].texts[0].startswith("INSERT INTO t")
    assert [p.message for p in talk.up.read(data[6000:])] == [None]
    assert talk.up.held == 0
    assert talk.asks(query("COMMIT")) == ["COMMIT"]


def test_what_is_kept_of_a_connection_is_bounded() -> None:
    """Names of statements, the oldest forgotten first; and messages without an answer."""
    talk = postgres()
    for number in range(MOST_NAMES + 1):
        talk.asks(parse(f"s{number}", "COMMIT"))
    assert talk.asks(bind("", "s0") + execute()) == [""]
    assert talk.asks(bind("", "s1") + execute()) == ["COMMIT"]
    assert len(talk.asks(SYNC * (MOST_UNANSWERED + HEAD_BYTES))) == 0
    assert "have no answer" in talk.notes[0]
