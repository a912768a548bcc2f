"""If the lab cannot open a connection, it records that and does not count it against the app."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.history.events import (
    Bound,
    FirstAnswer,
    HealthSample,
    LabTrouble,
    ProberSample,
    Request,
)
from chaoslab.history.journal import Journal
from chaoslab.machine.sockets import sockets_of
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.probes.boot import BootProbe
from chaoslab.probes.health import HealthProbe
from chaoslab.probes.lab_trouble import lab_trouble, note_lab_trouble
from chaoslab.probes.prober import ProberProbe
from chaoslab.probes.workload import Sender

from .rig import Here, Reply, sent, server, until, watching

CADENCE_S = 0.02


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process can open nothing more: its limit is down to what it has, and that is full."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    newest = os.dup(0)
    filled = [newest]
    resource.setrlimit(resource.RLIMIT_NOFILE, (newest + 8, before[1]))
    try:
        while True:
            try:
                filled.append(os.dup(0))
            except OSError:
                break
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for each in filled:
            os.close(each)


async def well(method: str, path: str, body: bytes) -> Reply | None:
    """An app that always answers."""
    return 200, {"status": "ok"}


@pytest.mark.parametrize("which", ["health", "prober"])
async def test_a_request_that_the_lab_could_not_send_gives_no_sample(
    tmp_path: Path, which: str
) -> None:
    """It goes on afterwards; the trouble is written down by name, and only once."""
    health, over = HealthContract(live_path="/live"), asyncio.Event()
    sampling = Sampling(cadence_s=CADENCE_S, prober_cadence_s=CADENCE_S)
    async with server(well) as port, watching(tmp_path, Here(port), health) as watched:
        probe = (
            HealthProbe(watched, sampling)
            if which == "health"
            else ProberProbe(watched, "live", sampling)
        )
        watched.journal.append(Bound(at_s=watched.journal.now(), app="app", boot=1))
        with no_descriptor_left():
            work = asyncio.create_task(probe.run(over))
            await until(watched.journal, lambda e: isinstance(e, LabTrouble))
            await asyncio.sleep(5 * CADENCE_S)
        kinds = (HealthSample, ProberSample)
        assert not [e for e in watched.journal.history.events if isinstance(e, kinds)]
        sample = await until(watched.journal, lambda e: isinstance(e, kinds))
        over.set()
        await work
        (trouble,) = watched.journal.history.of(LabTrouble)
    assert isinstance(sample, kinds)
    assert sample.status_code == 200
    assert trouble.what == "a connection could not be opened: Too many open files (EMFILE)"


async def test_a_write_that_the_lab_could_not_send_is_not_recorded(tmp_path: Path) -> None:
    """It is neither lost nor refused by the app."""
    async with server(well) as port, watching(tmp_path, Here(port)) as watched:
        writer = Sender(watched, 7)
        with no_descriptor_left():
            await sent(writer, timeout_s=2.0)
        assert [type(e) for e in watched.journal.history.events] == [LabTrouble]
        await sent(writer, timeout_s=2.0)
        assert isinstance(watched.journal.history.events[-1], Request)


async def test_a_boot_is_followed_on_once_the_lab_can_ask_again(tmp_path: Path) -> None:
    """The app's first answer is late by the lab's own trouble, and is not missed."""
    over = asyncio.Event()
    async with server(well) as port, watching(tmp_path, Here(port)) as watched:
        probe = BootProbe(watched)
        probe._bound = _passed  # type: ignore[method-assign]  # sockets are read from /proc
        with no_descriptor_left():
            health = HealthProbe(watched, Sampling(cadence_s=CADENCE_S))
            work = asyncio.gather(probe.run(over), health.run(over))
            await until(watched.journal, lambda e: isinstance(e, LabTrouble))
        await until(watched.journal, lambda e: isinstance(e, FirstAnswer))
        over.set()
        await work


async def _passed(_: asyncio.Event) -> bool:
    return True


def test_without_descriptors_no_app_looks_as_if_it_had_no_sockets() -> None:
    """An error, and not an empty answer, which would be evidence."""
    with (
        no_descriptor_left(),
        pytest.raises(
            RuntimeUnavailable, match="cannot list TCP sockets: the lab has no resources left"
        ),
    ):
        sockets_of(os.getpid())


@pytest.mark.parametrize("name", ["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"])
def test_the_labs_own_errors_are_found_wherever_a_client_hides_them(name: str) -> None:
    """Raised as they are, as a cause, in a context, or in a group."""
    number = getattr(errno, name)

    def hidden(how: str) -> BaseException:
        inner = OSError(number, "no")
        try:
            try:
                raise ExceptionGroup("all", [inner]) if how == "group" else inner
            except Exception as error:
                raise httpx.ConnectError("failed") from (None if how == "context" else error)
        except httpx.ConnectError as outer:
            return outer

    for each in (OSError(number, "no"), hidden("cause"), hidden("context"), hidden("group")):
        assert name in lab_trouble(each)


@pytest.mark.parametrize("name", ["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ETIMEDOUT"])
def test_what_an_app_can_cause_is_never_the_labs(name: str) -> None:
    """A refused or broken connection is the app's answer."""
    assert lab_trouble(OSError(getattr(errno, name), "no")) == ""


def test_trouble_that_lasts_is_written_once_a_second(tmp_path: Path) -> None:
    """A hundred requests a second would fill the history; another trouble is written at once."""
    journal = Journal(tmp_path / "history.jsonl")
    for why in ("EMFILE", "EMFILE", "ENOMEM", "EMFILE"):
        note_lab_trouble(journal, why)
    journal.close()
    assert [e.what[-6:] for e in journal.history.of(LabTrouble)] == ["EMFILE", "ENOMEM"]
