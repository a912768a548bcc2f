"""Histories of what an app costs: the good run under load, with readings every quarter second."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chaoslab.history.events import AnyEvent, AppUsage, LinkTraffic, ServerCommands

from .histories import stopped_under_load
from .plans import PG, REDIS

EVERY_S = 0.25
FAULT_S, HEAL_S, END_S = 2.4, 4.5, 7.0
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What an app costs: memory now, and each other cost per second."""

    rss_mib: float = 50.0
    cores: float = 0.1
    lines: float = 4.0
    line_bytes: float = 80.0
    commands: float = 40.0
    sent_kib: float = 8.0


CALM = Spent()


def costs(
    before: Spent = CALM, during: Spent = CALM, after: Spent = CALM, *, took_s: float = 0.001
) -> list[AnyEvent]:
    """The readings of a run, of the app, of its link to Redis and of Redis. Postgres is stopped
    meanwhile: its count is not known, and begins again at 0.
    """
    cpu_s, lines, printed, commands, sent = 0.0, 0.0, 0.0, 1000.0, 0.0
    events: list[AnyEvent] = []
    for n in range(2, round(END_S / EVERY_S) + 1):
        at_s = n * EVERY_S
        now = before if at_s <= FAULT_S else during if at_s <= HEAL_S else after
        cpu_s += now.cores * EVERY_S
        lines += now.lines * EVERY_S
        printed += now.lines * now.line_bytes * EVERY_S
        commands += now.commands * EVERY_S
        sent += now.sent_kib * 1024 * EVERY_S
        own = AppUsage(
            at_s=at_s,
            app="backend",
            boot=1,
            took_s=took_s,
            rss_bytes=round(now.rss_mib * MIB),
            cpu_s=cpu_s,
            log_lines=round(lines),
            log_bytes=round(printed),
        )
        events += [own, of_redis(at_s, round(commands), took_s), of_postgres(at_s)]
        events += [
            LinkTraffic(
                at_s=at_s,
                link=link,
                took_s=took_s,
                bytes_upstream=round(sent),
                bytes_downstream=0,
            )
            for link in (PG, REDIS)
        ]
    return events


def of_redis(at_s: float, count: int, took_s: float = 0.001) -> ServerCommands:
    return ServerCommands(at_s=at_s, service="redis", took_s=took_s, count=count)


def of_postgres(at_s: float) -> ServerCommands:
    """Stopped from the fault to the heal; its new process counts from 0."""
    since_s = at_s if at_s <= FAULT_S else at_s - HEAL_S
    count = None if since_s < 0 else round(40 * since_s)
    return ServerCommands(at_s=at_s, service="postgres", took_s=0.001, count=count, late_s=1.0)


def costing(*phases: Spent) -> list[AnyEvent]:
    """The good run under load with these costs before, during and after the fault."""
    return [*stopped_under_load(), *costs(*phases)]


def in_fault(**spent: float) -> list[AnyEvent]:
    """The app costs that much while the fault is in force."""
    return costing(CALM, replace(CALM, **spent))


def after_heal(**spent: float) -> list[AnyEvent]:
    """The app costs that much after the heal."""
    return costing(CALM, CALM, replace(CALM, **spent))
