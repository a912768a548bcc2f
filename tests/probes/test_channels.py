"""Events of an app, over a WebSocket or as server-sent events: what arrives, and how often."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chaoslab.history.events import (
    CrossTalk,
    Delivered,
    Request,
    Subscription,
    SubscriptionAccepted,
)
from chaoslab.history.journal import Journal
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.requests import Found, RequestContract
from chaoslab.model.topology import App
from chaoslab.probes.channels import RUN_ENDED, Channel
from chaoslab.probes.jobs import Jobs

from .rig import Here, until, watching

A, B = (f"0000000{n}-0000-4000-8000-00000000000{n}" for n in "ab")
APP = App(name="app", command=("app",))
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
Publish = Callable[[str], Awaitable[None]]


class Hub:
    """An app that publishes texts to everybody who is subscribed, and may drop them."""

    def __init__(self) -> None:
        self.joined = asyncio.Semaphore(0)
        self.asked: list[str] = []  # by whom, as path and header name it
        self.port = 0
        self.send: Publish
        self.drop: Callable[[], Awaitable[None]]


@asynccontextmanager
async def websocket() -> AsyncIterator[Hub]:
    """A hub with a WebSocket at every path."""
    hub, members = Hub(), set[ServerConnection]()

    async def member(connection: ServerConnection) -> None:
        assert connection.request is not None
        name = connection.request.headers.get("x-user", "")
        hub.asked.append(f"{connection.request.path} {name}".strip())
        members.add(connection)
        hub.joined.release()
        with suppress(ConnectionClosed):
            await connection.wait_closed()
        members.discard(connection)

    async def send(text: str) -> None:
        for each in list(members):
            await each.send(text)

    async def drop() -> None:
        for each in list(members):
            await each.close()

    hub.send, hub.drop = send, drop
    async with serve(member, "127.0.0.1", 0) as server:
        hub.port = next(iter(server.sockets)).getsockname()[1]
        yield hub


@asynccontextmanager
async def server_sent() -> AsyncIterator[Hub]:
    """A hub with server-sent events at every path."""
    hub, members = Hub(), set[asyncio.StreamWriter]()

    async def member(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        name = re.search(r"(?i)^x-user: (.*)\r$", head, re.MULTILINE)
        hub.asked.append(f"{head.split()[1]} {name[1] if name else ''}".strip())
        writer.write(HEAD)
        members.add(writer)
        hub.joined.release()
        await reader.read()
        writer.close()
        members.discard(writer)

    async def send(text: str) -> None:
        for each in list(members):
            each.write(f"event: done\r\ndata: {text}\r\n\r\n".encode())

    async def drop() -> None:
        for each in list(members):
            each.write_eof()
            each.close()

    hub.send, hub.drop = send, drop
    async with await asyncio.start_server(member, "127.0.0.1", 0) as server:
        hub.port = server.sockets[0].getsockname()[1]
        yield hub
        for each in list(members):
            each.close()


HUBS = {"websocket": websocket, "events": server_sent}


def sent(journal: Journal, op: str, user: str = "") -> None:
    """A job that a load sent just now, and that the app acknowledged."""
    mine = {"app": "app", "request": "mail", "user": user}
    journal.append(Request(at_s=journal.now(), op=op, outcome="ok", took_s=0.0, **mine))


def subscribed(
    kind: str, hub: Hub, journal: Journal, over: asyncio.Event, within_s: float = 0.4
) -> asyncio.Task[None]:
    """The probe, at work."""
    (channel,) = channels(kind, hub, journal, ("",), within_s)
    return asyncio.create_task(channel.run(over))


def channels(
    kind: str, hub: Hub, journal: Journal, users: tuple[str, ...], within_s: float = 0.4
) -> list[Channel]:
    """The probe of each user."""
    headers = {"X-User": "{user}"} if any(users) else {}
    mail = RequestContract(name="mail", kind="job", path="/mails/{id}", headers=headers)
    found = Found(websocket="/ws/{user}") if kind == "websocket" else Found(events="/sse/{user}")
    jobs = Jobs(APP, replace(mail, found=found, users=users), within_s, journal)
    there = Endpoint(host="127.0.0.1", port=hub.port)
    return [Channel(jobs, lambda: there, user) for user in users]


@pytest.mark.parametrize("kind", HUBS)
async def test_each_event_with_the_id_of_a_job_is_recorded(tmp_path: Path, kind: str) -> None:
    """Also one that comes before the answer; a second one counts as the second time."""
    over = asyncio.Event()
    async with HUBS[kind]() as hub, watching(tmp_path, Here(1)) as watched:
        journal = watched.journal
        work = subscribed(kind, hub, journal, over)
        await hub.joined.acquire()
        await hub.send(f'{{"done": "{A}", "other": "{B}"}}')
        await asyncio.sleep(0)
        sent(journal, A)
        first = await until(journal, lambda e: isinstance(e, Delivered))
        await hub.send(A)
        await until(journal, lambda e: isinstance(e, Delivered) and e.times == 2)
        over.set()
        await work
        seen = [*journal.history.of(Delivered)]
        (subscription,) = journal.history.of(Subscription)
    assert seen[0] is first
    assert [(e.op, e.request, e.times) for e in seen] == [(A, "mail", 1), (A, "mail", 2)]
    assert all(e.at_s == e.not_before_s for e in seen)
    assert subscription.why == RUN_ENDED
    assert subscription.since_s < seen[0].at_s < subscription.at_s


@pytest.mark.parametrize("kind", HUBS)
async def test_an_event_at_another_user_is_cross_talk(tmp_path: Path, kind: str) -> None:
    """The hub sends to everybody: each user's own event is a delivery, the other's is none."""
    over = asyncio.Event()
    async with HUBS[kind]() as hub, watching(tmp_path, Here(1)) as watched:
        journal = watched.journal
        both = channels(kind, hub, journal, ("ann", "ben"))
        work = [asyncio.create_task(each.run(over)) for each in both]
        for _ in work:
            await hub.joined.acquire()
        await hub.send(A)
        sent(journal, A, "ann")
        await until(journal, lambda e: isinstance(e, CrossTalk))
        over.set()
        await asyncio.gather(*work)
        (seen,) = journal.history.of(Delivered)
        (crossed,) = journal.history.of(CrossTalk)
        accepted = [*journal.history.of(SubscriptionAccepted)]
        ended = [*journal.history.of(Subscription)]
    path = "/ws" if kind == "websocket" else "/sse"
    assert sorted(hub.asked) == [f"{path}/ann ann", f"{path}/ben ben"]
    assert (seen.op, crossed.op, crossed.owner, crossed.user) == (A, A, "ann", "ben")
    assert {(each.user, each.at_s) for each in accepted} == {(e.user, e.since_s) for e in ended}
    assert {each.user for each in ended} == {"ann", "ben"}


@pytest.mark.parametrize("kind", HUBS)
async def test_it_subscribes_again_when_the_app_ends_a_subscription(
    tmp_path: Path, kind: str
) -> None:
    """Both times are known, and what came between them is not."""
    over = asyncio.Event()
    async with HUBS[kind]() as hub, watching(tmp_path, Here(1)) as watched:
        work = subscribed(kind, hub, watched.journal, over)
        await hub.joined.acquire()
        await hub.drop()
        await hub.joined.acquire()
        sent(watched.journal, A)
        await hub.send(A)
        assert await until(watched.journal, lambda e: isinstance(e, Delivered))
        over.set()
        await work
        first, second = watched.journal.history.of(Subscription)
    assert (first.why, second.why) == ("the app ended it", RUN_ENDED)
    assert first.at_s <= second.since_s


@pytest.mark.parametrize("kind", HUBS)
async def test_it_stays_subscribed_until_the_time_of_the_last_job_is_over(
    tmp_path: Path, kind: str
) -> None:
    """So that a job that never comes is known to be lost."""
    over = asyncio.Event()
    async with HUBS[kind]() as hub, watching(tmp_path, Here(1)) as watched:
        work = subscribed(kind, hub, watched.journal, over)
        await hub.joined.acquire()
        await asyncio.sleep(0)
        sent(watched.journal, A)
        sent_s = watched.journal.now()
        over.set()
        await work
        (subscription,) = watched.journal.history.of(Subscription)
    assert subscription.at_s > sent_s + 0.35


@pytest.mark.parametrize("kind", HUBS)
async def test_a_path_that_is_not_there_is_no_subscription(tmp_path: Path, kind: str) -> None:
    """Nothing is known then; it is no error of the lab."""
    over = asyncio.Event()
    hub = Hub()
    async with watching(tmp_path, Here(1)) as watched:
        hub.port = 9  # nobody listens
        work = subscribed(kind, hub, watched.journal, over)
        await asyncio.sleep(0.05)
        over.set()
        await work
        assert [*watched.journal.history.of(Subscription)] == []
