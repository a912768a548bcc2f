"""The lab's canary reports what a client observes at a port, and never its own trouble."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from chaoslab.agent.canary import ask
from chaoslab.errors import InjectionFailed
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services import question_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

WITHIN_S = 0.2


def question_to(kind: str) -> Question:
    """The canary's question to a server of this kind."""
    return question_of(Service(name=kind, kind=kind))


@contextmanager
def listener(backlog: int = 8) -> Iterator[socket.socket]:
    """A socket that listens; the kernel accepts, but no program reads."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(backlog)
        yield made


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


@pytest.mark.parametrize("kind", ["redis", "postgres"])
async def test_a_real_server_answers_through_its_proxy(proxied: dict[str, int], kind: str) -> None:
    """Without credentials. The canary's port is reported, so that it is not taken for evidence."""
    sighting = await ask("127.0.0.1", proxied[kind], question_to(kind), within_s=5.0)
    assert sighting.outcome == "answered"
    assert 0.0 < sighting.took_s < 5.0
    assert sighting.client_port is not None


async def test_a_closed_port_refuses() -> None:
    """No port of a canary is reported."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        sighting = await ask("127.0.0.1", port_of(bound), question_to("redis"), within_s=WITHIN_S)
    assert (sighting.outcome, sighting.client_port) == ("refused", None)


async def test_a_full_accept_queue_is_a_connect_time_out() -> None:
    """As behind a severed path; within the given bound."""
    with listener(0) as full, socket.create_connection(full.getsockname()):
        sighting = await ask("127.0.0.1", port_of(full), question_to("redis"), within_s=WITHIN_S)
    assert sighting.outcome == "connect_timeout"
    assert WITHIN_S <= sighting.took_s < WITHIN_S + 3.0  # 3 s for a busy machine


@pytest.mark.parametrize(("listens", "outcome"), [(True, "silent"), (False, "refused")])
async def test_a_late_event_loop_is_not_taken_for_an_outage(listens: bool, outcome: str) -> None:
    """The loop is blocked for longer than the time-out, but the kernel connects meanwhile."""
    with listener() as mute:
        if not listens:
            mute.close()
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = port_of(free)
        else:
            port = port_of(mute)
        asked = asyncio.create_task(ask("127.0.0.1", port, question_to("redis"), within_s=0.03))
        await asyncio.sleep(0)
        end_s = asyncio.get_running_loop().time() + 0.2
        while asyncio.get_running_loop().time() < end_s:
            pass
        assert (await asked).outcome == outcome


async def test_an_answer_that_waits_in_the_kernel_counts() -> None:
    """The loop is blocked while it arrives; even the one byte of Postgres is read."""
    loop, standing = asyncio.get_running_loop(), threading.Event()
    within_s = 2.0  # long enough to send the question first on a machine that stalls

    def stand_still() -> None:
        standing.set()
        time.sleep(1.5 * within_s)

    def serve(server: socket.socket) -> None:
        with server.accept()[0] as served:
            served.recv(64)
            loop.call_soon_threadsafe(stand_still)
            standing.wait()
            served.send(b"N")

    with listener() as server:
        serving = asyncio.create_task(asyncio.to_thread(serve, server))
        sighting = await ask(
            "127.0.0.1", port_of(server), question_to("postgres"), within_s=within_s
        )
        await serving
    assert sighting.outcome == "answered"


async def test_a_server_that_sends_nothing_is_silent() -> None:
    """Connected, and no byte within the bound."""
    with listener() as mute:
        sighting = await ask("127.0.0.1", port_of(mute), question_to("redis"), within_s=WITHIN_S)
    assert sighting.outcome == "silent"
    assert WITHIN_S <= sighting.took_s < 2 * WITHIN_S + 3.0  # 3 s for a busy machine


@pytest.mark.parametrize(("linger", "outcome"), [(False, "closed"), (True, "reset")])
async def test_a_close_and_a_reset_are_different_outcomes(linger: bool, outcome: str) -> None:
    """A FIN after the question, and an RST."""

    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        if linger:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async with await asyncio.start_server(end, "127.0.0.1", 0) as server:
        sighting = await ask(
            "127.0.0.1", port_of(server.sockets[0]), question_to("redis"), within_s=5.0
        )
    assert sighting.outcome == outcome


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """All file descriptors that this process may have are in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


async def test_missing_descriptors_are_not_taken_for_a_refusal() -> None:
    """The lab's own trouble must not be taken for a fault in force."""
    with (
        listener() as mute,
        no_descriptors_left(),
        pytest.raises(InjectionFailed, match="Too many open files"),
    ):
        await ask("127.0.0.1", port_of(mute), question_to("redis"), within_s=WITHIN_S)
