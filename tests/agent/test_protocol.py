"""Requests are read strictly; an error has the reason and the id of the request."""

from __future__ import annotations

import pytest

from chaoslab.agent import protocol
from chaoslab.agent.protocol import BadRequest


@pytest.mark.parametrize(
    ("line", "whose", "why"),
    [
        (b"", None, "expected a line of JSON"),
        (b"\xff\n", None, "expected a line of JSON"),
        (b"7\n", None, "expected an object with id and do"),
        (b'{"id": 3}\n', 3, '"do"'),
        (b'{"id": "x", "do": 1}\n', "x", '"do"'),
    ],
)
def test_a_line_that_is_no_request_is_refused(line: bytes, whose: object, why: str) -> None:
    """With its id if it has one."""
    with pytest.raises(BadRequest, match=why) as refused:
        protocol.read(line)
    assert refused.value.id == whose


@pytest.mark.parametrize("port", ["0", "65536", "true", '"80"', "1.5", "null"])
def test_a_port_is_a_number_from_1_to_65535(port: str) -> None:
    """The error has the field, what was expected and what was received."""
    request = protocol.read(b'{"id": 1, "do": "drop", "port": %s}' % port.encode())
    with pytest.raises(BadRequest, match="drop: port: expected a port, 1 to 65535; got"):
        request.port()


@pytest.mark.parametrize("seconds", ["0", "-1", "true", '"1"', "NaN", "Infinity"])
def test_seconds_are_a_positive_finite_number(seconds: str) -> None:
    """Other values are refused."""
    request = protocol.read(b'{"id": 1, "do": "ask", "within_s": %s}' % seconds.encode())
    with pytest.raises(BadRequest, match="ask: within_s: expected a number of seconds"):
        request.seconds("within_s")


def test_a_missing_field_is_shown_as_nothing() -> None:
    """Unless it has a default."""
    request = protocol.read(b'{"id": 1, "do": "ask"}')
    assert request.seconds("every_s", 0.02) == 0.02
    with pytest.raises(BadRequest, match="ask: on: expected true or false; got nothing"):
        request.flag("on")
    with pytest.raises(BadRequest, match="ask: host: expected a string; got nothing"):
        request.text("host")


def test_a_message_is_one_line() -> None:
    """Whatever its text contains."""
    assert protocol.line({"id": 1, "error": "what\nmend"}) == b'{"id":1,"error":"what\\nmend"}\n'
