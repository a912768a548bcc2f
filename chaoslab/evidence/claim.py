"""Protocols for claims: the properties of an expectation that this package reads."""

from __future__ import annotations

from typing import Protocol


class OfApp(Protocol):
    """A claim about one app."""

    @property
    def app(self) -> str: ...


class OfBoot(OfApp, Protocol):
    """A claim about one boot of an app, counted from 1."""

    @property
    def boot(self) -> int: ...


class OfBootRequest(OfBoot, Protocol):
    """A claim about one request of an app, sent to one boot."""

    @property
    def request(self) -> str | None: ...


class Bounded(OfBoot, Protocol):
    """A claim with a bound: what it claims must occur within `within_s` seconds."""

    @property
    def within_s(self) -> float | None: ...
