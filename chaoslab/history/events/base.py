"""What events have in common."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. `at_s` is the time of the event in seconds since the lab's start."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BootEvent(Event):
    """Base of the events of one boot of an app. The boots of an app are counted from 1."""

    app: str
    boot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEvent(Event):
    """Base of the events of one fault. `fault` is its label in the plan."""

    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReading(Event):
    """Base of the events with what the lab read about a link while `fault` was injected. At the end
    of the run the lab reads once more, and `fault` is then empty.
    """

    link: str
    fault: str
