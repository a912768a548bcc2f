"""What apps tried outside the lab, as the history has it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from chaoslab.clock import now_s
from chaoslab.history.events import TriedOutside, UncountedOutside
from chaoslab.history.journal import Journal
from chaoslab.model.mask import Mask
from chaoslab.probes.outside import record_attempts
from chaoslab.runtimes.base import Attempts, TrafficOutside


class Watch:
    """In place of the gateway's agent."""

    def __init__(self, *attempts: Attempts, uncounted: int = 0) -> None:
        self._seen = TrafficOutside(attempts=attempts, uncounted=uncounted)

    async def seen(self) -> TrafficOutside:
        return self._seen


def asked(*names: str, ago_s: float = 3.0) -> Attempts:
    """Two questions to DNS, the first of them so long ago and the last one a second later."""
    first_s = now_s() - ago_s
    return Attempts(app="web", protocol="udp", host="198.18.0.1", port=53, count=2,
                    first_s=first_s, last_s=first_s + 1.0, names=names)  # fmt: skip


async def test_attempts_are_recorded_in_seconds_since_the_labs_start(tmp_path: Path) -> None:
    """The agent has the machine's clock, and the journal one of its own."""
    journal = Journal(tmp_path / "history.jsonl")
    await record_attempts(Watch(asked("api.example", ago_s=3.0)), journal)
    (event,) = journal.history.of(TriedOutside)
    assert -3.1 < event.first_s - event.at_s < -2.9
    assert abs(event.last_s - event.first_s - 1.0) < 1e-6
    known = {"app": "web", "protocol": "udp", "host": "198.18.0.1", "port": 53, "attempts": 2}
    assert asdict(event).items() >= {**known, "names": ("api.example",)}.items()


async def test_packets_in_no_attempt_are_recorded_if_there_are_any(tmp_path: Path) -> None:
    """An event with 0 would say nothing."""
    journal = Journal(tmp_path / "history.jsonl")
    await record_attempts(Watch(), journal)
    assert journal.history.events == ()
    await record_attempts(Watch(uncounted=7), journal)
    (event,) = journal.history.of(UncountedOutside)
    assert event.packets == 7


async def test_a_secret_in_a_name_is_masked(tmp_path: Path) -> None:
    """A URL that an app reads wrongly makes its password a part of a name."""
    journal = Journal(tmp_path / "history.jsonl", Mask(["hunter-22"]))
    await record_attempts(Watch(asked("hunter-22.db.example")), journal)
    (event,) = journal.history.of(TriedOutside)
    assert event.names == ("***.db.example",)
    assert "hunter" not in (tmp_path / "history.jsonl").read_text()
