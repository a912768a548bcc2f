"""Liveness and readiness as a prober asks them: from the bind on, in time, and only where asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from chaoslab import expectations as expect
from chaoslab.expectations import Expectation
from chaoslab.history.events import Bound, ProberSample
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.when import AtMoment
from chaoslab.probes.base import Watched
from chaoslab.probes.prober import ProberProbe, probed

from .rig import (
    PATIENCE_S,
    Here,
    Reply,
    assert_quiet,
    server,
    until,
    watching,
)

PATHS = HealthContract(live_path="/live", ready_path="/ready", prober_timeout_s=PATIENCE_S)
HASTY = replace(PATHS, prober_timeout_s=0.3)
APP = App(name="app", command=(), health=PATHS)


def bound(watched: Watched, boot: int = 1) -> None:
    watched.journal.append(Bound(at_s=watched.journal.now(), app="app", boot=boot))


@asynccontextmanager
async def probing(
    folder: Path,
    replies: dict[str, Reply | None],
    sampling: Sampling | None = None,
    paths: HealthContract = PATHS,
) -> AsyncIterator[Watched]:
    """An app with both paths under the prober; its samples are over when the block is left."""

    async def answer(method: str, path: str, body: bytes) -> Reply | None:
        assert method == "GET"
        return replies[path]

    over, asked = asyncio.Event(), sampling or Sampling(prober_cadence_s=0.05)
    async with server(answer) as port, watching(folder, Here(port), paths) as watched:
        probes = [ProberProbe(watched, which, asked).run(over) for which in ("live", "ready")]
        running = asyncio.gather(*probes)
        yield watched
        over.set()
        async with asyncio.timeout(PATIENCE_S):
            await running


def of(watched: Watched, path: str) -> list[ProberSample]:
    return [s for s in watched.journal.history.of(ProberSample) if s.path == path]


async def test_each_path_is_asked_from_the_bind_of_its_own_boot_on(tmp_path: Path) -> None:
    """Before anybody listens there is nobody to ask; another boot's bind is none."""
    async with probing(tmp_path, {"/live": (200, {}), "/ready": (503, {})}) as watched:
        bound(watched, boot=2)
        await asyncio.sleep(0.2)
        assert not list(watched.journal.history.of(ProberSample))
        bound(watched)
        await until(watched.journal, lambda e: len(of(watched, "ready")) > 2)
    assert {s.status_code for s in of(watched, "live")} == {200}
    assert {s.status_code for s in of(watched, "ready")} == {503}
    assert {(s.app, s.boot, s.error) for s in of(watched, "ready")} == {("app", 1, None)}


async def test_a_silent_path_is_given_up_at_the_probers_limit_and_then_asked_again(
    tmp_path: Path,
) -> None:
    """One after the other, as a platform's prober asks."""
    async with probing(tmp_path, {"/live": None, "/ready": (200, {})}, paths=HASTY) as watched:
        bound(watched)
        await until(watched.journal, lambda e: len(of(watched, "live")) > 3)
    samples = of(watched, "live")
    assert {s.status_code for s in samples} == {None}
    assert all("TimeoutError" in str(s.error) for s in samples)
    assert all(0.3 <= s.took_s < 3.0 for s in samples)  # the rest is a machine's stall
    assert all(b.at_s >= a.at_s + a.took_s for a, b in pairwise(samples))
    assert len(of(watched, "ready")) > len(samples), "the other path does not wait for it"


async def test_a_refused_path_is_recorded_as_no_answer(tmp_path: Path) -> None:
    """The app has exited: its port refuses, and the prober records it."""
    async with server(lambda *_: _never()) as port:
        pass
    over = asyncio.Event()
    async with watching(tmp_path, Here(port), PATHS) as watched:
        bound(watched)
        probe = ProberProbe(watched, "live", Sampling(prober_cadence_s=0.05)).run(over)
        running = asyncio.create_task(probe)
        sample = await until(watched.journal, lambda e: isinstance(e, ProberSample))
        over.set()
        await running
    assert isinstance(sample, ProberSample)
    assert sample.status_code is None
    assert "ConnectError" in str(sample.error)


async def _never() -> Reply:
    raise AssertionError("nobody listens")


async def test_nothing_is_asked_in_the_quiet_time(tmp_path: Path) -> None:
    """Readiness traffic would wake the stale pool that a user's request is to find."""
    begins = AtMoment(moment="bound", after_s=0.3, within_s=5.0)
    ends = AtMoment(moment="bound", after_s=0.9, within_s=5.0)
    quiet = Sampling(prober_cadence_s=0.02, quiet_from=begins, quiet_until=ends)
    async with probing(tmp_path, {"/live": (200, {}), "/ready": (200, {})}, quiet) as watched:
        bound(watched)
        bound_s = next(watched.journal.history.of(Bound)).at_s
        for path in ("live", "ready"):
            await until(watched.journal, lambda _, p=path: any(  # type: ignore[misc]
                sample.at_s > bound_s + 1.0 for sample in of(watched, p)
            ))  # fmt: skip
    for path in ("live", "ready"):
        assert_quiet(sorted(s.at_s for s in of(watched, path)), bound_s + 0.3, bound_s + 0.9)


async def test_an_attached_app_is_sampled_at_once(tmp_path: Path) -> None:
    """Its bind is long past, and nobody writes it down."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return 200, {}

    over = asyncio.Event()
    async with server(answer) as port, watching(tmp_path, Here(port), PATHS) as watched:
        attached = replace(watched, attached=True)
        running = asyncio.create_task(ProberProbe(attached, "ready", Sampling()).run(over))
        await until(watched.journal, lambda e: isinstance(e, ProberSample))
        over.set()
        await running


async def test_a_boot_that_never_binds_ends_with_its_watch(tmp_path: Path) -> None:
    """Nothing was asked, and nothing holds up the end."""
    async with probing(tmp_path, {}) as watched:
        pass
    assert not list(watched.journal.history.of(ProberSample))


@pytest.mark.parametrize(
    ("expected", "paths"),
    [
        (expect.StaysLive(app="app"), ("live",)),
        (expect.AnswersInTime(app="app"), ("ready",)),
        (expect.ReadyWhenServing(app="app"), ("ready",)),
        (expect.StaysLive(app="auth"), ()),
        (expect.Starts(app="app"), ()),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_only_what_an_expectation_is_about_is_asked(
    expected: Expectation, paths: tuple[str, ...]
) -> None:
    """The lab sends no more requests than a verdict needs."""
    assert probed(Plan(expect=(expected,)), APP) == paths


def test_a_path_that_the_app_does_not_have_is_not_asked() -> None:
    """Its contract names neither."""
    every = (expect.StaysLive(app="app"), expect.AnswersInTime(app="app"))
    assert probed(Plan(expect=every), APP) == ("live", "ready")
    assert probed(Plan(expect=every), App(name="app", command=())) == ()
