"""Dropped connects: only a connect of the app itself, on this link, during this fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.history.events import (
    LinkDrops,
)

from .events import canary, connection, met, sockets, spawned
from .faulted import DROPPED, SILENT, engine, evidence, observed, on
from .plans import PG, REDIS


def test_a_connect_of_the_app_in_syn_sent_shows_dropped_syns() -> None:
    """During the fault, on its link, by this app."""
    assert observed(DROPPED, sockets(1.8, PG, syn_sent=(5002,)))
    assert evidence(DROPPED, sockets(1.8, PG, syn_sent=(5002,))).observed_on("postgres")
    assert not evidence(DROPPED, sockets(1.8, PG, syn_sent=(5002,))).observed_on("redis")


@pytest.mark.parametrize("at_s", [1.4, 2.6])
def test_a_connect_before_or_after_the_fault_shows_nothing(at_s: float) -> None:
    """It belongs to another fault, or to none."""
    assert not observed(DROPPED, sockets(at_s, PG, syn_sent=(5002,)))


def test_another_apps_connect_or_another_links_shows_nothing() -> None:
    """The connector is shared. The judged app did not try its own links."""
    assert not observed(DROPPED, sockets(1.8, "auth.postgres", syn_sent=(5002,)))
    only = replace(DROPPED, target=REDIS)
    assert not observed(only, sockets(1.8, PG, syn_sent=(5002,)))


def test_another_boots_connect_shows_nothing_of_this_one() -> None:
    """The fault affected the first boot. The second was spawned after it."""
    events = [sockets(1.8, PG, syn_sent=(5002,)), spawned(2.6, boot=2)]
    assert observed(DROPPED, *events)
    assert not observed(DROPPED, *events, boot=2)
    assert not observed(DROPPED, *events, boot=3)


def test_the_boot_before_may_still_be_seen_when_this_one_lives() -> None:
    """The last socket of the boot before is read a little late."""
    late = [spawned(2.0, boot=2), sockets(2.05, PG, syn_sent=(5002,), boot=1)]
    assert not observed(DROPPED, *late, boot=2)
    assert observed(DROPPED, *late, sockets(2.2, PG, syn_sent=(5003,), boot=2), boot=2)


def drops(count: int) -> LinkDrops:
    return LinkDrops(at_s=2.49, link=PG, fault="out", syn_drops=count)


def test_dropped_syns_count_only_beyond_the_canaries_own() -> None:
    """One canary of 0.1 s sent one SYN; a second SYN is the app's."""
    own = canary(1.65, PG)
    assert not observed(DROPPED, own, drops(1))
    assert observed(DROPPED, own, drops(2))


def test_a_canary_that_waits_is_counted_with_its_retries() -> None:
    """The kernel sends again after about 1 s, so a canary of 1.2 s has sent two."""
    slow = canary(2.45, PG, took_s=1.2)
    assert not observed(DROPPED, slow, drops(2))
    assert observed(DROPPED, slow, drops(3))


def test_another_faults_canaries_are_not_taken_off() -> None:
    """The counter starts again with each fault, and so does the number of canaries."""
    assert observed(DROPPED, canary(0.3, PG), canary(1.65, PG), drops(2))


def test_drops_of_two_boots_cannot_be_distinguished() -> None:
    """Both ran during the fault, and the kernel has one count."""
    assert not observed(DROPPED, drops(5), spawned(2.0, boot=2), boot=2)


def test_bytes_held_back_on_a_connection_show_it_too() -> None:
    """Bytes were held on an open connection."""
    assert observed(DROPPED, *engine(on(met=(met("connect:dropped", "dropped", 5),))))
    assert not observed(DROPPED, *engine(on(met=(met("connect:dropped", "dropped", 0),))))


def test_bytes_of_a_canary_show_nothing() -> None:
    """A canary is known by its local port."""
    held = (met("s", "silence", 8),)
    asked = canary(1.6, PG, "silent", port=4002)
    assert not observed(SILENT, *engine(asked, on(4002, met=held, opened_s=1.55)))
    assert observed(SILENT, *engine(asked, on(4003, met=held, opened_s=1.55)))


def test_bytes_that_an_earlier_fault_held_show_nothing_of_this_one() -> None:
    """A record has the effects of all faults. The earlier read shows which are old."""
    old = met("connect:dropped", "dropped", 5)
    before = connection(PG, 5001, fault="earlier", read_s=1.2, met=(old,))
    assert not observed(DROPPED, *engine(before, on(met=(old,))))
    assert observed(DROPPED, *engine(before, on(met=(old, met("connect:dropped", "dropped", 7)))))


def test_a_connection_that_was_over_before_the_fault_shows_nothing() -> None:
    """One that was opened after it shows nothing either."""
    held = (met("connect:dropped", "dropped", 5),)
    assert not observed(DROPPED, *engine(on(met=held, closed_s=1.3, end="client_closed")))
    assert not observed(DROPPED, *engine(on(met=held, opened_s=2.51)))
