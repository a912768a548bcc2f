"""Subscribes to the events that an app sends, over a WebSocket or as server-sent events, and
records the jobs that they deliver.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from chaoslab.history.events import CrossTalk, Subscription, SubscriptionAccepted
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.placeholders import fill, names_in
from chaoslab.model.requests import ID, RequestContract
from chaoslab.probes.base import NO_ANSWER, why_no_answer
from chaoslab.probes.jobs import Jobs
from chaoslab.probes.request import Connection, Message

AGAIN_S = 0.2
OPENED_WITHIN_S = 2.0
CLOSED_WITHIN_S = 1.0
MOST_BYTES = 1 << 20  # of one event
OK = 200
RUN_ENDED = "the run ended"
# Yields the text of each event.
Texts = AsyncIterator[str]


class Channel:
    """Subscribes to one path of the app while a run goes on, again after each end, and records when
    each event with a job's id arrives.

    `there` returns the address of the app's newest boot; None before the first. The id may arrive
    before the answer that acknowledges the job, so arrivals are kept until the job is known.

    Each of a request's users has a channel; they share the `jobs`. The job of another user is not
    delivered by an event of this `user`: that is cross-talk.
    """

    def __init__(self, jobs: Jobs, there: Callable[[], Endpoint | None], user: str = "") -> None:
        self._jobs, self._there, self._user = jobs, there, user
        self._arrived: list[tuple[float, str]] = []
        self._times: Counter[str] = Counter()

    async def run(self, all_sent: asyncio.Event) -> None:
        """Subscribe until `all_sent` is set, then until every job is delivered or its time is
        over.
        """
        subscribing = asyncio.create_task(self._subscribe_again())
        try:
            while not all_sent.is_set() or self._jobs.may_come():
                await asyncio.sleep(AGAIN_S)
                self._record()
                if subscribing.done():
                    subscribing.result()
        finally:
            subscribing.cancel()
            await asyncio.gather(subscribing, return_exceptions=True)
        self._record()

    async def _subscribe_again(self) -> None:
        while True:
            if (there := self._there()) is not None:
                await self._subscribe(there)
            await asyncio.sleep(AGAIN_S)

    async def _subscribe(self, there: Endpoint) -> None:
        """Subscribe once, and record how long the subscription lasted, and why it ended."""
        journal, since_s, until_s, why = self._jobs.journal, None, 0.0, RUN_ENDED
        try:
            async with _opened(self._jobs.contract, self._user, there) as texts:
                since_s = journal.now()
                self._note_begin(since_s)
                try:
                    await self._listen(texts)
                    why = "the app ended it"
                finally:
                    until_s = journal.now()
        except (*NO_ANSWER, WebSocketException) as error:
            why = why_no_answer(error)
        finally:
            if since_s is not None:
                self._note_end(since_s, until_s, why)

    async def _listen(self, texts: Texts) -> None:
        """Note the ids in each event, until the subscription ends."""
        async for text in texts:
            now_s = self._jobs.journal.now()
            self._arrived += [(now_s, op) for op in dict.fromkeys(ID.findall(text))]

    def _note_begin(self, at_s: float) -> None:
        app, request = self._jobs.app.name, self._jobs.contract.name
        accepted = SubscriptionAccepted(at_s=at_s, app=app, request=request, user=self._user)
        self._jobs.journal.append(accepted)

    def _note_end(self, since_s: float, until_s: float, why: str) -> None:
        self._jobs.journal.append(
            Subscription(
                at_s=until_s,
                app=self._jobs.app.name,
                request=self._jobs.contract.name,
                since_s=since_s,
                why=why,
                user=self._user,
            )
        )

    def _record(self) -> None:
        """Record what arrived for jobs that are known now."""
        self._jobs.note()
        known = [each for each in self._arrived if each[1] in self._jobs.sent]
        self._arrived = [each for each in self._arrived if each[1] not in self._jobs.sent]
        for at_s, op in known:
            if (owner := self._jobs.sent[op]) == self._user:
                self._times[op] += 1
                self._jobs.record(op, at_s, at_s, self._times[op])
            else:
                self._record_cross_talk(at_s, op, owner)

    def _record_cross_talk(self, at_s: float, op: str, owner: str) -> None:
        self._jobs.journal.append(
            CrossTalk(
                at_s=at_s,
                app=self._jobs.app.name,
                request=self._jobs.contract.name,
                op=op,
                owner=owner,
                user=self._user,
            )
        )


def _opened(
    contract: RequestContract, user: str, there: Endpoint
) -> AbstractAsyncContextManager[Texts]:
    """Subscribe as `user` to the path of the contract, with its headers, but those with an id."""
    assert contract.found is not None
    values = {"user": user}
    usable = [each for each in contract.headers.items() if "id" not in names_in(each[1])]
    headers = tuple((name, fill(text, values)) for name, text in usable)
    if contract.found.websocket:
        return over_websocket(there, fill(contract.found.websocket, values), headers)
    return server_sent(there, fill(contract.found.events, values), headers)


@asynccontextmanager
async def over_websocket(
    there: Endpoint, path: str, headers: tuple[tuple[str, str], ...] = ()
) -> AsyncIterator[Texts]:
    """Open a WebSocket; yields its messages as text. Raises OSError, TimeoutError or
    WebSocketException.
    """
    with closing(there.new_socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
        sock.setblocking(False)
        async with asyncio.timeout(OPENED_WITHIN_S):
            await asyncio.get_running_loop().sock_connect(sock, (there.host, there.port))
        opened = connect(
            f"ws://{there}{path}",
            sock=sock,
            additional_headers=headers,
            open_timeout=OPENED_WITHIN_S,
            close_timeout=CLOSED_WITHIN_S,
            ping_interval=None,  # a silent app is the app's failure, and no end
            max_size=MOST_BYTES,
            proxy=None,
        )
        async with opened as channel:
            yield _messages(channel)


async def _messages(channel: ClientConnection) -> Texts:
    async for each in channel:
        yield each if isinstance(each, str) else each.decode("utf-8", "replace")


@asynccontextmanager
async def server_sent(
    there: Endpoint, path: str, headers: tuple[tuple[str, str], ...] = ()
) -> AsyncIterator[Texts]:
    """Open a stream of server-sent events; yields each event's text. Raises one of NO_ANSWER.

    Source: the HTML standard, "Server-sent events".
    """
    accept = ("Accept", "text/event-stream")
    async with asyncio.timeout(OPENED_WITHIN_S):
        connection = await Connection.opened(there)
    try:
        async with asyncio.timeout(OPENED_WITHIN_S):
            status = await connection.head(Message(path=path, headers=(accept, *headers)))
        if status != OK:
            raise httpx.RemoteProtocolError(f"the stream of events was answered {status}")
        yield _events(connection.body())
    finally:
        connection.close()


async def _events(body: AsyncIterator[bytes]) -> Texts:
    """The text of each event: they are separated by empty lines."""
    left = b""
    async for data in body:
        left = (left + data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, left = left.split(b"\n\n")
        if len(left) > MOST_BYTES:
            raise httpx.RemoteProtocolError("an event of more than 1 MiB")
        for each in whole:
            yield each.decode("utf-8", "replace")
