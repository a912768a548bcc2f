"""Counters of kernels and proxies as evidence: the difference of two reads, for one boot."""

from __future__ import annotations

import pytest

from chaoslab import Flapping, Killed, OneWay, Restarted, Severed, Slow
from chaoslab.history.events import AnyEvent, LinkMetered, LinkPackets
from chaoslab.model.faults import Declared

from .events import spawned
from .faulted import evidence, observed
from .plans import PG, REDIS

DROPPED = Severed(name="out", target="vpc")
REFUSED = Severed(name="out", target="vpc", mode="refused")
SILENT = Severed(name="out", target="vpc", mode="silent")
KILLED = Killed(name="out", target="postgres")
NAMES = ("syns", "syns_dropped", "packets_dropped", "bytes_up", "bytes_down", "resets")


def packets(at_s: float, link: str = PG, fault: str = "out", **counted: int) -> AnyEvent:
    return LinkPackets(
        at_s=at_s, link=link, fault=fault, **{name: counted.get(name, 0) for name in NAMES}
    )


def metered(at_s: float, ended_bytes: int, link: str = PG, fault: str = "out") -> AnyEvent:
    return LinkMetered(at_s=at_s, link=link, fault=fault, ended_bytes=ended_bytes)


@pytest.mark.parametrize(
    ("spec", "counted"),
    [
        (DROPPED, {"syns": 2, "syns_dropped": 2}),
        (DROPPED, {"packets_dropped": 1}),
        (Flapping(name="out", target="vpc", period_s=1, mode="dropped"), {"syns_dropped": 1}),
        (REFUSED, {"syns": 3, "resets": 3}),
        (KILLED, {"syns": 1}),
    ],
    ids=["SYNs", "packets", "flapping", "refused", "killed"],
)
def test_what_was_counted_under_the_fault_shows_it(spec: Declared, counted: dict[str, int]) -> None:
    """The counter was read twice, and was higher the second time."""
    assert observed(spec, packets(1.52), packets(2.49, **counted))


def test_only_the_difference_counts() -> None:
    """What was counted before the fault does not count."""
    counted = {"syns": 5, "syns_dropped": 5, "packets_dropped": 7}
    assert not observed(DROPPED, packets(1.52, **counted), packets(2.49, **counted))


def test_one_reading_shows_nothing() -> None:
    """The history was cut short, or the agent was gone at the heal."""
    assert not observed(DROPPED, packets(2.49, syns=5, syns_dropped=5))


def test_of_another_link_or_fault_it_shows_nothing() -> None:
    """Counters of another link or another fault do not count."""
    redis = (packets(1.52, REDIS), packets(2.49, REDIS, syns_dropped=4))
    assert not evidence(DROPPED, *redis).observed_on("postgres")
    assert evidence(DROPPED, *redis).observed_on("redis")
    assert not observed(DROPPED, packets(1.52, fault="b"), packets(2.49, fault="b", syns_dropped=4))


def test_connects_that_were_answered_are_not_refused() -> None:
    """A SYN without a reset was accepted. A reset without a SYN ended an older connection."""
    assert not observed(REFUSED, packets(1.52), packets(2.49, syns=3))
    assert not observed(REFUSED, packets(1.52), packets(2.49, resets=3))


def test_a_restart_is_over_before_anybody_can_try() -> None:
    """Connects after it reach a running server."""
    restarted = Restarted(name="out", target="postgres")
    assert not observed(restarted, packets(1.52), packets(2.49, syns=3))


def test_of_two_boots_that_lived_under_it_the_count_is_nobodys() -> None:
    """The kernel counts by port, not by process."""
    read = (packets(1.52), packets(2.49, syns=2, syns_dropped=2))
    assert not observed(DROPPED, spawned(2.0, boot=2), *read, boot=2)


@pytest.mark.parametrize(
    "spec",
    [REFUSED, SILENT, OneWay(name="out", target="vpc")],
    ids=["refused", "silent", "one way"],
)
def test_connections_that_ended_under_it_show_it_by_the_proxys_metrics(spec: Declared) -> None:
    """They are counted when they end, and the second reading is before the heal."""
    assert observed(spec, metered(1.5, 512), metered(2.49, 700))
    assert not observed(spec, metered(1.5, 512), metered(2.49, 512))
    assert not observed(spec, metered(2.49, 700))


def test_metrics_show_nothing_of_a_slow_path() -> None:
    """An ended connection may have been fast."""
    slow = Slow(name="out", target="vpc", latency_s=0.1)
    assert not observed(slow, metered(1.5, 512), metered(2.49, 700))
