"""The lab's canary: what a client meets on a port, and nothing that was not met."""

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
    """What a canary asks of a server of that kind."""
    return question_of(Service(name=kind, kind=kind))


@contextmanager
def listener(backlog: int = 8) -> Iterator[socket.socket]:
    """A socket that listens; the kernel accepts, nobody reads."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(backlog)
        yield made


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


@pytest.mark.parametrize("kind", ["redis", "postgres"])
async def test_a_real_server_answers_through_its_proxy(proxied: dict[str, int], kind: str) -> None:
    """Without credentials, and the port of the canary is told so that it is no evidence."""
    sighting = await ask("127.0.0.1", proxied[kind], question_to(kind), within_s=5.0)
    assert sighting.outcome == "answered"
    assert 0.0 < sighting.took_s < 5.0
    assert sighting.client_port is not None


async def test_a_closed_port_refuses() -> None:
    """And there is no port of the canary's own to leave out."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        sighting = await ask("127.0.0.1", port_of(bound), question_to("redis"), within_s=WITHIN_S)
    assert (sighting.outcome, sighting.client_port) == ("refused", None)


async def test_a_full_queue_is_a_connect_that_times_out() -> None:
    """As behind a severed path; bounded by what was asked."""
    with listener(0) as full, socket.create_connection(full.getsockname()):
        sighting = await ask("127.0.0.1", port_of(full), question_to("redis"), within_s=WITHIN_S)
    assert sighting.outcome == "connect_timeout"
    assert WITHIN_S <= sighting.took_s < WITHIN_S + 3.0  # the rest is a busy machine's


@pytest.mark.parametrize(("listens", "outcome"), [(True, "silent"), (False, "refused")])
async def test_a_lab_that_is_late_sees_no_outage_in_that(listens: bool, outcome: str) -> None:
    """Its loop stands still for longer than the canary's patience; the kernel did not."""
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


async def test_an_answer_that_waits_in_the_kernel_is_one() -> None:
    """The loop stands still while it comes; even the one byte that Postgres says is not lost."""
    loop, standing = asyncio.get_running_loop(), threading.Event()
    within_s = 2.0  # long enough for the server to be asked first, on a machine that stalls

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


async def test_a_server_that_says_nothing_is_silent() -> None:
    """Connected, and no byte within the bound."""
    with listener() as mute:
        sighting = await ask("127.0.0.1", port_of(mute), question_to("redis"), within_s=WITHIN_S)
    assert sighting.outcome == "silent"
    assert WITHIN_S <= sighting.took_s < 2 * WITHIN_S + 3.0  # the rest is a busy machine's


@pytest.mark.parametrize(("linger", "outcome"), [(False, "closed"), (True, "reset")])
async def test_an_end_in_place_of_an_answer_is_told_by_its_kind(linger: bool, outcome: str) -> None:
    """FIN after the question, and RST."""

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
    """Every descriptor that this process may have is in use."""
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


async def test_a_lab_without_descriptors_sees_no_refusal() -> None:
    """Its own trouble must not pass for a fault in force."""
    with (
        listener() as mute,
        no_descriptors_left(),
        pytest.raises(InjectionFailed, match="Too many open files"),
    ):
        await ask("127.0.0.1", port_of(mute), question_to("redis"), within_s=WITHIN_S)
