"""Fixtures of the engine's tests: one engine for all of them, and an upstream that echoes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .rig import Address, Engine, Proxy, echo, running_engine, upstream


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A running engine with a fixed seed."""
    with running_engine("--seed", "7") as running:
        yield running


@pytest.fixture
def echo_server() -> Iterator[Address]:
    """An upstream that sends back what it receives."""
    with upstream(echo) as address:
        yield address


@pytest.fixture
def proxy(engine: Engine, echo_server: Address) -> Iterator[Proxy]:
    """A proxy in front of an echo."""
    made = engine.proxy(echo_server)
    yield made
    engine.call("DELETE", f"/proxies/{made.name}", expect=204)
