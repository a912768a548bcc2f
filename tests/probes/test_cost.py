"""What an app costs is recorded by counts that only rise."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import psycopg
import pytest
import redis

from chaoslab.history.events import AppUsage, LinkTraffic, ServerCommands
from chaoslab.history.journal import Journal
from chaoslab.model.topology import Service
from chaoslab.probes.cost import CommandsProbe, Rising, TrafficProbe, UsageProbe
from chaoslab.proxies.base import Traffic
from chaoslab.runtimes.base import Usage
from chaoslab.runtimes.local import LocalRuntime

from .rig import PATIENCE_S, Here, until, watching

BEGIN = Usage(rss_bytes=1000, cpu_s=2.0, log_lines=3, log_bytes=30)


async def test_processor_time_never_falls_when_a_child_ends(tmp_path: Path) -> None:
    """The time of a child that nobody waited for is gone with it; what comes later is added."""
    over, here = asyncio.Event(), Here(1)
    here.uses = BEGIN
    async with watching(tmp_path, here) as watched:

        async def seen(used: Usage) -> None:
            here.uses, before = used, len(list(watched.journal.history.of(AppUsage)))
            await until(
                watched.journal,
                lambda _: len(list(watched.journal.history.of(AppUsage))) > before + 1,
            )

        running = asyncio.create_task(UsageProbe(watched).run(over))
        await seen(BEGIN)
        await seen(Usage(rss_bytes=900, cpu_s=0.5, log_lines=4, log_bytes=40))
        await seen(Usage(rss_bytes=800, cpu_s=0.75, log_lines=5, log_bytes=50))
        over.set()
        await running
    read = list(watched.journal.history.of(AppUsage))
    assert [u.cpu_s for u in (read[0], read[-1])] == [2.0, 2.25]
    assert sorted(u.cpu_s for u in read) == [u.cpu_s for u in read]
    assert (read[-1].rss_bytes, read[-1].log_lines, read[-1].log_bytes) == (800, 5, 50)
    assert all(u.took_s >= 0 for u in read)


async def test_nothing_is_recorded_of_an_app_that_is_not_observed(tmp_path: Path) -> None:
    """No event is no cost of zero."""
    over = asyncio.Event()
    async with watching(tmp_path, Here(1)) as watched:
        running = asyncio.create_task(UsageProbe(watched).run(over))
        await asyncio.sleep(0.3)  # one reading and part of a pause
        over.set()
        await running
    assert not watched.journal.history.events


class Proxy:
    """The one call of a `ProxyControl` that the probe makes."""

    def __init__(self, traffic: Traffic | None) -> None:
        self._traffic = traffic

    async def traffic(self, proxy: str) -> Traffic | None:
        assert proxy == "app.redis"
        return self._traffic


async def test_a_links_traffic_is_recorded_if_the_proxy_counts_it(tmp_path: Path) -> None:
    """With a proxy that does not, the probe ends."""
    journal = Journal(tmp_path / "history.jsonl")
    counts = TrafficProbe(
        "app.redis",
        Proxy(Traffic(bytes_upstream=7, bytes_downstream=9)),  # type: ignore[arg-type]
        journal,
    )
    await counts.begin()
    (read,) = journal.history.of(LinkTraffic)
    assert (read.link, read.bytes_upstream, read.bytes_downstream) == ("app.redis", 7, 9)
    async with asyncio.timeout(PATIENCE_S):
        await TrafficProbe("app.redis", Proxy(None), journal).run()  # type: ignore[arg-type]
    assert len(journal.history.events) == 1
    journal.close()


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_a_servers_commands_are_counted_by_the_server(
    tmp_path: Path, kind: Literal["postgres", "redis"]
) -> None:
    """A hundred of a client are a hundred more, and hardly any of the lab; a stop is unknown."""
    journal = Journal(tmp_path / "history.jsonl")

    def counts() -> list[int | None]:
        return [event.count for event in journal.history.of(ServerCommands)]

    async with LocalRuntime() as runtime:
        service = await runtime.start_service(Service(name=kind, kind=kind))
        url = service.url(service.endpoint)
        probe = CommandsProbe(service, journal)
        await probe.begin()
        running = asyncio.create_task(probe.run())
        await until(journal, lambda _: counts()[-1] is not None)
        first = counts()[-1] or 0
        await asyncio.to_thread(_hundred, kind, url)
        await until(journal, lambda _: (counts()[-1] or 0) >= first + 100)
        looks = len(counts())
        assert (counts()[-1] or 0) - first < 100 + 4 * looks + 20
        await service.stop()
        await until(journal, lambda _: counts()[-1] is None)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert {e.late_s for e in journal.history.of(ServerCommands)} == {
        1.0 if kind == "postgres" else 0.0
    }
    journal.close()


def _hundred(kind: str, url: str) -> None:
    """Send a hundred commands, and end the session: then Postgres reports them."""
    if kind == "redis":
        with redis.Redis.from_url(url) as client:
            for _ in range(99):
                client.get("nothing")
            with suppress(redis.RedisError):
                client.incrby("nothing", "no number")  # type: ignore[arg-type]
        return
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(100):
            connection.execute("select 1")


async def test_what_a_worker_uses_is_added_to_its_app(tmp_path: Path) -> None:
    """Of a worker that has ended nothing is added, and no app that has ended is observed."""
    main, worker = Here(1), Here(2)
    main.uses = BEGIN
    beside = {"worker": worker}
    async with watching(tmp_path, main) as plain:
        watched = replace(plain, beside=beside)
        assert await watched.usage() == BEGIN
        worker.uses = Usage(rss_bytes=500, cpu_s=1.0, log_lines=7, log_bytes=70)
        both = Usage(rss_bytes=1500, cpu_s=3.0, log_lines=10, log_bytes=100)
        assert await watched.usage() == both
        main.uses = None
        assert await watched.usage() is None


def test_a_count_does_not_fall_when_a_worker_begins_a_new_life() -> None:
    """Its output so far stays counted, and that of the new life is added."""
    count = Rising()
    assert [count.after(now) for now in (10, 12, 5, 5, 8)] == [10, 12, 12, 12, 15]
