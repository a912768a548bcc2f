"""Records how many clients a server has, as the server itself counts them: this shows a leak."""

from __future__ import annotations

import asyncio

from chaoslab.history.events import ServerConnections
from chaoslab.history.journal import Journal
from chaoslab.probes.server_count import PatientCount
from chaoslab.runtimes.base import RunningService
from chaoslab.services import kind_of
from chaoslab.services.base import ability

LOOK_EVERY_S = 0.1
ANSWER_WITHIN_S = 0.5
FIRST_ANSWER_WITHIN_S = 5.0
EMPTY_WITHIN_S = 1.0


class ConnectionsProbe:
    """Records the number of clients of one server, at first and at each change.

    The lab's own named clients are not counted: this probe, and the probe that looks up writes. A
    canary does not log in to Postgres. At Redis a canary is counted while its connection is open:
    some milliseconds, or until the heal if the proxy holds it. So a count that lasts while no fault
    is in force is the app's.
    """

    def __init__(self, service: RunningService, journal: Journal) -> None:
        self._service, self._journal = service, journal
        kind = kind_of(service.service.kind)
        fix = "remove ReleasesConnections for this service"
        opened = ability(kind.count_clients, kind, "count its clients", fix)
        self._clients = PatientCount(lambda: opened(service.url(service.endpoint)))
        self._last: tuple[int | None] | None = None

    async def begin(self) -> None:
        """Record the first count, before any app is spawned: the clients in that count are not the
        app's.

        If the count is not 0, it waits up to `EMPTY_WITHIN_S`: canaries of the bring-up may still
        be connected.
        """
        try:
            self._note(await self._first_count())
        except BaseException:  # `run`, which closes the session, will not be called
            await self._clients.close()
            raise

    async def run(self) -> None:
        """Count again and again until cancelled, and record each change."""
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                self._note(await self._clients.look(ANSWER_WITHIN_S))
        finally:
            await self._clients.close()

    async def _first_count(self) -> int | None:
        loop = asyncio.get_running_loop()
        count, end_s = await self._clients.look(FIRST_ANSWER_WITHIN_S), loop.time() + EMPTY_WITHIN_S
        while count and loop.time() < end_s:
            await asyncio.sleep(LOOK_EVERY_S)
            count = await self._clients.look(ANSWER_WITHIN_S)
        return count

    def _note(self, count: int | None) -> None:
        if self._last == (count,):
            return
        self._last = (count,)
        name, at_s = self._service.service.name, self._journal.now()
        self._journal.append(ServerConnections(at_s=at_s, service=name, count=count))
