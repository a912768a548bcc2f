"""A part of the lab that answers, is silent or has ended, by its API; and ends in words."""

from __future__ import annotations

import asyncio
import socket

import pytest

from chaoslab.machine.trouble import ended_by
from chaoslab.runtimes.parts import API_BOUND_S, ApiPart


def part(port: int, *, tells_end: bool = True) -> ApiPart:
    return ApiPart(name="the proxy engine", host="127.0.0.1", port=port, tells_end=tells_end)


async def test_an_api_that_answers_is_well() -> None:
    """Whatever it answers."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /version HTTP/1.1\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        assert await part(server.sockets[0].getsockname()[1]).trouble() is None


async def test_an_api_that_is_silent_has_trouble_and_has_not_ended() -> None:
    """As one that is frozen: the kernel accepts for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        trouble = await part(listener.getsockname()[1]).trouble()
    assert trouble is not None
    assert not trouble.ended
    assert trouble.what == f"its API gave no answer within {API_BOUND_S:g} s"


@pytest.mark.parametrize("tells_end", [True, False])
async def test_an_api_that_is_gone_has_ended(tells_end: bool) -> None:
    """Where the process itself is watched too, that tells it better."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    trouble = await part(port, tells_end=tells_end).trouble()
    assert (trouble is not None and trouble.ended) is tells_end


def test_an_exit_code_is_shown_in_words() -> None:
    """A signal by its name, where it has one."""
    assert [ended_by(code) for code in (0, 3, -9, -15, -64, -99)] == [
        "exit status 0", "exit status 3", "SIGKILL", "SIGTERM", "SIGRTMAX", "signal 99",
    ]  # fmt: skip
