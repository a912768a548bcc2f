"""Redis' messages: what a client asks for, and what the server completes."""

from __future__ import annotations

import pytest

from chaoslab.engine.messages.base import HEAD_BYTES, MOST_UNANSWERED, TLS
from chaoslab.engine.messages.pattern import Pattern

from .streams import Talk, bulk, command, messages


def test_commands_of_one_read_are_messages_of_their_own() -> None:
    """A pipeline; each reply completes the next command."""
    talk = Talk("redis")
    asked = talk.asks(command("set", "k", "a b") + command("BRPOP", "jobs", "0"))
    assert asked == ["SET k a b", "BRPOP jobs 0"]
    assert talk.answers(b"+OK\r\n") == ["SET k a b"]
    assert talk.answers(b"*2\r\n" + bulk("jobs") + bulk("x\r\n+OK")) == ["BRPOP jobs 0"]


def test_inline_commands_are_messages() -> None:
    """An empty line asks for nothing, and has no reply."""
    talk = Talk("redis")
    assert talk.asks(b"PING\r\n\r\nlpop  jobs\n*0\r\n*-1\r\n") == ["PING", "LPOP jobs"]
    assert talk.answers(b"+PONG\r\n" + bulk("x")) == ["PING", "LPOP jobs"]


@pytest.mark.parametrize(
    "reply", [b"-ERR no\r\n", b"!5\r\nERR n\r\n", b"$-1\r\n", b"*-1\r\n", b"_\r\n"]
)
def test_an_error_and_a_null_complete_nothing(reply: bytes) -> None:
    """The server did nothing: BRPOP found no job in its time. The next command is completed."""
    talk = Talk("redis")
    talk.asks(command("BRPOP", "jobs", "1") + command("GET", "k"))
    assert talk.answers(reply) == []
    assert talk.answers(b"$0\r\n\r\n") == ["GET k"]


def test_commands_of_a_transaction_are_completed_by_exec() -> None:
    """Until then they are queued."""
    talk = Talk("redis")
    talk.asks(command("MULTI") + command("LPUSH", "a", "1") + command("EXEC"))
    assert talk.answers(b"+OK\r\n+QUEUED\r\n") == ["MULTI"]
    assert talk.answers(b"*1\r\n:1\r\n") == ["EXEC"]


def test_pushes_and_attributes_do_not_shift_the_replies() -> None:
    """RESP3: a push is no reply, and attributes belong to the reply behind them."""
    talk = Talk("redis")
    talk.asks(command("HELLO", "3") + command("LPOP", "a") + command("LPOP", "b"))
    assert talk.answers(b"%1\r\n+server\r\n+redis\r\n") == ["HELLO 3"]
    push = b">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n"
    assert talk.answers(push + b"|1\r\n+ttl\r\n:3\r\n" + bulk("1") + push) == ["LPOP a"]
    values = b"*6\r\n:1\r\n,1.5\r\n#t\r\n(123\r\n_\r\n=5\r\ntxt:x\r\n"
    assert talk.answers(values) == ["LPOP b"]


@pytest.mark.parametrize("words", [("SUBSCRIBE", "c"), ("MONITOR",), ("CLIENT", "REPLY", "OFF")])
def test_replies_are_not_assigned_once_the_server_sends_on_its_own(words: tuple[str, ...]) -> None:
    """Commands are messages still."""
    talk = Talk("redis")
    talk.asks(command(*words))
    assert talk.asks(command("LPOP", "a")) == ["LPOP a"]
    assert talk.answers(b"*3\r\n+message\r\n+c\r\n+hello\r\n") == []
    assert talk.notes == []


def test_commands_of_a_driver_set_up_the_connection() -> None:
    """They match only a pattern that names them."""
    talk = Talk("redis")
    found = messages(talk.up.read(command("CLIENT", "SETINFO", "x") + command("GET", "k")))
    assert [Pattern("*").found(each) for each in found] == [None, "GET k"]
    done = messages(talk.down.read(b"+OK\r\n+v\r\n"))
    assert [Pattern("*").found(each) for each in done] == [None, "GET k"]


def test_tls_is_recognized() -> None:
    """Nothing is guessed of its bytes."""
    talk = Talk("redis")
    assert talk.asks(b"\x16\x03\x01\x02\x00" + b"LPOP a\r\n") == []
    assert talk.notes == [TLS]


@pytest.mark.parametrize(
    "data",
    [
        b"\0\1\2\r\n",
        b"*1\r\n+OK\r\n",
        b"*1\r\n$-1\r\n",
        b"*x\r\n",
        b"*1\r\n$99999999999999\r\n",
        b"*" + b"1" * 100 + b"\r\n",
    ],
)
def test_another_protocol_is_not_read(data: bytes) -> None:
    """Of the client."""
    talk = Talk("redis")
    assert talk.asks(data, command("LPOP", "a")) == []
    assert "not those of Redis" in talk.notes[0]


def test_an_answer_of_another_protocol_is_not_read() -> None:
    """Of the server."""
    talk = Talk("redis")
    talk.asks(command("LPOP", "a"))
    assert talk.answers(b"HTTP/1.1 400\r\n") == []
    assert "not those of Redis" in talk.notes[0]


def test_the_first_bytes_of_a_command_are_enough() -> None:
    """They are kept back until it is known what it asks for; the rest passes as it comes."""
    talk, data = Talk("redis"), command("SET", "k", "x" * 100_000)
    assert talk.up.read(data[:30]) == []
    assert talk.up.held == 30
    (piece,) = talk.up.read(data[30:6000])
    assert piece.data == data[:6000]
    assert messages([piece])[0].texts[0].startswith("SET k xxx")
    assert [p.message for p in talk.up.read(data[6000:])] == [None]
    assert talk.asks(command("GET", "k")) == ["GET k"]


def test_what_is_kept_of_a_connection_is_bounded() -> None:
    """A command without an end, and commands without replies."""
    talk = Talk("redis")
    for _ in range(100):
        talk.asks(b"x" * 1000)
        assert talk.up.held < HEAD_BYTES
    other = Talk("redis")
    other.asks(command("GET", "k") * (MOST_UNANSWERED + 1))
    assert "have no reply" in other.notes[0]
