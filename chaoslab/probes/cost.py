"""Records what an app costs: its own processes, the path to its services, and their servers.

The counts only rise. Each event has the time that the reading took, so that a rate between two of
them is never put too high, however late the lab is.
"""

from __future__ import annotations

import asyncio

from chaoslab.history.events import AppUsage, LinkTraffic, ServerCommands
from chaoslab.history.journal import Journal
from chaoslab.probes.base import Watched, pause
from chaoslab.probes.server_count import PatientCount
from chaoslab.proxies.base import ProxyControl
from chaoslab.runtimes.base import RunningService
from chaoslab.services import kind_of
from chaoslab.services.base import ability

READ_EVERY_S = 0.25
TRAFFIC_EVERY_S = 0.5  # one request to the proxy server for each link
ANSWER_WITHIN_S = 0.5


class Rising:
    """A sum over processes that never falls. The share of a process is gone with it: the time of a
    child that nobody waited for, or the output of a worker before its restart.
    """

    def __init__(self) -> None:
        self._sum = self._last = 0.0

    def after(self, now: float) -> float:
        """What has been counted in all, when the processes that run now have `now`."""
        self._sum += max(0.0, now - self._last)
        self._last = now
        return self._sum


class UsageProbe:
    """Records what the processes of one boot use, until its main process ends.

    Nothing is recorded if the runtime does not observe it.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._cpu_s, self._lines, self._bytes = Rising(), Rising(), Rising()

    async def run(self, over: asyncio.Event) -> None:
        """Read each `READ_EVERY_S` seconds, until the process ends or `over` is set."""
        while self._watched.running.exit_code is None and not over.is_set():
            await self._read()
            await pause(READ_EVERY_S, over)

    async def _read(self) -> None:
        journal = self._watched.journal
        at_s = journal.now()
        used = await self._watched.usage()
        if used is None:
            return
        journal.append(
            AppUsage(
                at_s=at_s,
                **self._watched.who,
                took_s=journal.now() - at_s,
                rss_bytes=used.rss_bytes,
                cpu_s=self._cpu_s.after(used.cpu_s),
                log_lines=int(self._lines.after(used.log_lines)),
                log_bytes=int(self._bytes.after(used.log_bytes)),
            )
        )


class TrafficProbe:
    """Records how many bytes the proxy of one link has received. Nothing is recorded if the proxy
    server does not count them while connections are open.
    """

    def __init__(self, link: str, control: ProxyControl, journal: Journal) -> None:
        self._link, self._control, self._journal = link, control, journal

    async def begin(self) -> None:
        """Record the count before any app is spawned."""
        await self._read()

    async def run(self) -> None:
        """Read each `TRAFFIC_EVERY_S` seconds until cancelled."""
        counts = True
        while counts:
            await asyncio.sleep(TRAFFIC_EVERY_S)
            counts = await self._read()

    async def _read(self) -> bool:
        at_s = self._journal.now()
        if (traffic := await self._control.traffic(self._link)) is None:
            return False
        self._journal.append(
            LinkTraffic(
                at_s=at_s,
                link=self._link,
                took_s=self._journal.now() - at_s,
                bytes_upstream=traffic.bytes_upstream,
                bytes_downstream=traffic.bytes_downstream,
            )
        )
        return True


class CommandsProbe:
    """Records how many commands one server has carried out, as the server itself counts them."""

    def __init__(self, service: RunningService, journal: Journal) -> None:
        self._service, self._journal = service, journal
        kind = kind_of(service.service.kind)
        fix = "name other services in services=(...) of BoundedCost"
        self._counter = ability(kind.count_commands, kind, "count its commands", fix)
        self._count = PatientCount(lambda: self._counter.open(service.url(service.endpoint)))
        self._known = True

    async def begin(self) -> None:
        """Record the count before any app is spawned."""
        try:
            await self._read()
        except BaseException:  # `run`, which closes the session, will not be called
            await self._count.close()
            raise

    async def run(self) -> None:
        """Read each `READ_EVERY_S` seconds until cancelled."""
        try:
            while True:
                await asyncio.sleep(READ_EVERY_S)
                await self._read()
        finally:
            await self._count.close()

    async def _read(self) -> None:
        count = await self._count.look(ANSWER_WITHIN_S)
        if count is None and not self._known:
            return
        self._known = count is not None
        at_s = self._count.asked_s - self._journal.origin_s
        self._journal.append(
            ServerCommands(
                at_s=at_s,
                service=self._service.service.name,
                took_s=self._journal.now() - at_s,
                count=count,
                late_s=self._counter.late_s,
            )
        )
