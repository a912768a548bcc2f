"""The journal: events are on disk at once, as whole lines, and waiting tasks wake at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import get_args

import pytest

from chaoslab.clock import now_s
from chaoslab.errors import SpecError
from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FaultHealed,
    FaultInForce,
    FaultMissed,
    LabLag,
    Request,
    TriggerMissed,
)
from chaoslab.history.journal import History, Journal, read_history
from chaoslab.model.when import AtMoment
from chaoslab.reason import Reason

from .one_of_each import EVENTS

IDS = [f"{event.kind}-{i}" for i, event in enumerate(EVENTS)]


def written(path: Path, *events: AnyEvent) -> Path:
    journal = Journal(path / "history.jsonl")
    for event in events:
        journal.append(event)
    journal.close()
    return path / "history.jsonl"


def test_there_is_one_of_every_kind_here() -> None:
    """A new kind of event must be added to these tests."""
    union = get_args(get_args(AnyEvent)[0])
    assert {type(event) for event in EVENTS} == set(union)


@pytest.mark.parametrize("event", EVENTS, ids=IDS)
def test_every_event_reads_back_as_it_was_written(event: AnyEvent, tmp_path: Path) -> None:
    """Types, nested tuples, enums and absent fields are the same."""
    assert read_history(written(tmp_path, event)).events == (event,)


def test_a_trigger_that_an_older_version_missed_has_texts(tmp_path: Path) -> None:
    """Its moment and its cause are texts. New runs have data."""
    path = tmp_path / "history.jsonl"
    old = {"at_s": 9.1, "kind": "trigger_missed", "place": "boots[1].at", "moment": "an exit"}
    path.write_text(json.dumps(old | {"why": "the run ended first"}) + "\n", encoding="utf-8")
    (event,) = read_history(path).of(TriggerMissed)
    assert (event.moment, str(event.why)) == ("an exit", "the run ended first")


def test_a_fault_missed_in_an_older_run_is_read_with_its_words(tmp_path: Path) -> None:
    """In older runs the cause was a text without a code."""
    path = tmp_path / "history.jsonl"
    old = {"at_s": 1.6, "kind": "fault_missed", "fault": "out", "why": "no canary saw it"}
    path.write_text(json.dumps(old) + "\n", encoding="utf-8")
    (event,) = read_history(path).of(FaultMissed)
    assert event.why == Reason(code="text", text="no canary saw it")


def test_fields_that_were_renamed_are_read_by_their_old_names(tmp_path: Path) -> None:
    """`said` is `answer` now. The recorded runs in tests/golden have `met`, which is `effects`."""
    path = tmp_path / "history.jsonl"
    old = {"at_s": 1.0, "kind": "write", "app": "b", "op": "id", "outcome": "failed"}
    path.write_text(json.dumps(old | {"took_s": 0.1, "said": "no"}) + "\n", encoding="utf-8")
    (event,) = read_history(path).of(Request)
    assert event.answer == "no"


def test_what_is_kept_has_the_times_of_the_file(tmp_path: Path) -> None:
    """Verdicts of the run and of the saved run then have the same data."""
    journal = Journal(tmp_path / "h")
    journal.append(Bound(at_s=0.123456789, app="app", boot=1))
    journal.close()
    assert journal.history.events[0].at_s == 0.123456789
    assert journal.kept.events == read_history(tmp_path / "h").events
    assert journal.kept.events[0].at_s == 0.123457


@pytest.mark.parametrize("event", EVENTS, ids=IDS)
def test_every_event_is_one_line_that_says_when_and_what_first(
    event: AnyEvent, tmp_path: Path
) -> None:
    """Time and kind come first, for people who read the file."""
    lines = written(tmp_path, event).read_text().split("\n")
    assert len(lines) == 2
    assert lines[1] == ""
    assert list(json.loads(lines[0]))[:2] == ["at_s", "kind"]


def test_each_line_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    """A run that is killed between two events keeps the first."""
    journal = Journal(tmp_path / "h")
    for count, event in enumerate(EVENTS, start=1):
        journal.append(event)
        assert len(read_history(tmp_path / "h").events) == count
    journal.close()
    assert journal.history.events == EVENTS


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    """The line is cut at each of its bytes."""
    path = written(tmp_path, EVENTS[0], EVENTS[2])
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert read_history(path).events == (EVENTS[0],)
    path.write_bytes(whole[:-1])  # only its line end is missing
    assert read_history(path).events == (EVENTS[0], EVENTS[2])


def test_a_line_before_the_last_that_is_no_event_is_reported_by_number(tmp_path: Path) -> None:
    """The file was edited. The error names the line."""
    path = written(tmp_path, EVENTS[0], EVENTS[1], EVENTS[2])
    lines = path.read_text().splitlines()
    for bad in ("", "{}", '{"kind":"no such event","at_s":1}', lines[1][:-4]):
        path.write_text("\n".join([lines[0], bad, lines[2]]) + "\n")
        with pytest.raises(SpecError, match="line 2 is not an event"):
            read_history(path)


def test_a_missing_history_is_the_users_mistake(tmp_path: Path) -> None:
    """The error has the fix, and no traceback is shown."""
    with pytest.raises(SpecError, match="file not found\n  give the folder of a run"):
        read_history(tmp_path / "none")


def test_an_empty_history_has_no_events(tmp_path: Path) -> None:
    """The run was killed before its first event."""
    assert read_history(written(tmp_path)).events == ()


def test_text_that_is_no_text_is_written_all_the_same(tmp_path: Path) -> None:
    """A log line with invalid characters does not stop the journal."""
    words = ("a\nb", "\x00\x1b[31m", "\u2028", "\udc80 lone", '"quoted"')
    event = Exited(at_s=1.0, app="b", boot=1, exit_code=3, asked=False, log_tail=words)
    (read,) = read_history(written(tmp_path, event, EVENTS[0])).events[:1]
    assert isinstance(read, Exited)
    assert read.log_tail[:3] == words[:3]
    assert read.log_tail[3].endswith(" lone")
    assert read.log_tail[4] == words[4]


def test_of_first_and_last_find_events_by_type_and_test() -> None:
    """Events are in the order in which they were recorded."""
    history = History(tuple(LabLag(at_s=float(i), late_s=i / 10) for i in range(5)))
    assert [lag.at_s for lag in history.of(LabLag)] == [0, 1, 2, 3, 4]
    first = history.first(LabLag, lambda lag: lag.late_s > 0.1)
    last = history.last(LabLag, lambda lag: lag.late_s < 0.3)
    assert (first and first.at_s, last and last.at_s) == (2, 2)
    assert history.first(Bound) is None
    assert history.last(Bound) is None


def lag(at_s: float) -> LabLag:
    return LabLag(at_s=at_s, late_s=0.1)


async def test_a_waiter_wakes_at_the_very_event(tmp_path: Path) -> None:
    """It wakes in the next turn of the event loop, without polling."""
    journal = Journal(tmp_path / "h")
    waiting = asyncio.create_task(journal.wait_for(lambda e: e[1] if len(e) > 1 else None, 30.0))
    await asyncio.sleep(0)
    journal.append(lag(1.0))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    journal.append(lag(2.0))
    for _ in range(3):
        await asyncio.sleep(0)
    assert waiting.done()
    assert waiting.result() == lag(2.0)
    journal.close()


async def test_what_was_written_before_is_found_at_once(tmp_path: Path) -> None:
    """An earlier event is found also with no time to wait."""
    journal = Journal(tmp_path / "h")
    journal.append(lag(1.0))
    assert await journal.wait_for(lambda events: events[0] if events else None, 0.0) == lag(1.0)
    journal.close()


async def test_a_waiter_gives_up_when_its_time_is_over(tmp_path: Path) -> None:
    """It waits 0.05 s, and also on a busy machine less than 5 s."""
    journal = Journal(tmp_path / "h")
    begun_s = now_s()
    assert await journal.wait_for(lambda _: None, 0.05) is None
    assert 0.05 <= now_s() - begun_s < 5.0
    journal.close()


async def test_many_waiters_wake_at_one_event(tmp_path: Path) -> None:
    """A cancelled task does not hinder the others."""
    journal = Journal(tmp_path / "h")

    def any_(events: list[AnyEvent]) -> AnyEvent | None:
        return events[0] if events else None

    waiting = [asyncio.create_task(journal.wait_for(any_, 30.0)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[2].cancel()
    await asyncio.sleep(0)
    journal.append(lag(1.0))
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(end, asyncio.CancelledError) for end in ended] == [False] * 2 + [True] + [
        False
    ] * 2
    journal.close()


async def test_a_moment_is_waited_for_with_its_time_after(tmp_path: Path) -> None:
    """0.1 s are counted from the event, not from when it was observed."""
    journal = Journal(tmp_path / "h")
    happened_s = journal.now()
    journal.append(FaultHealed(at_s=happened_s, fault="f"))
    moment = AtMoment(moment="healed", of="f", after_s=0.1, within_s=5.0)
    assert await journal.moment(moment) == FaultHealed(at_s=happened_s, fault="f")
    assert 0.1 <= journal.now() - happened_s < 5.0
    journal.close()


async def test_a_moment_that_does_not_come_is_none(tmp_path: Path) -> None:
    """The event of another fault is not the moment."""
    journal = Journal(tmp_path / "h")
    journal.append(FaultInForce(at_s=0.0, fault="other", since_s=0.0, seen=""))
    assert await journal.moment(AtMoment(moment="in_force", of="f", within_s=0.01)) is None
    journal.close()


def test_listeners_hear_every_event_after_it_is_on_disk(tmp_path: Path) -> None:
    """They are called in order."""
    journal = Journal(tmp_path / "h")
    heard: list[tuple[AnyEvent, int]] = []
    journal.listeners.append(
        lambda event: heard.append((event, len(read_history(tmp_path / "h").events)))
    )
    for event in EVENTS[:3]:
        journal.append(event)
    journal.close()
    assert heard == [(event, i) for i, event in enumerate(EVENTS[:3], start=1)]
