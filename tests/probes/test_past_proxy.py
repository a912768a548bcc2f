"""Connections past the proxy, written down as they are seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chaoslab.history.events import PathBypassed, ProcessSpawned, Spawned
from chaoslab.history.journal import Journal
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket
from chaoslab.model.topology import Link
from chaoslab.probes.past_proxy import MOST, PastProxyProbe
from chaoslab.runtimes.base import ServerClient

THERE = Endpoint(host="127.0.0.1", port=5432)
SHOP, BILLS = Link(app="shop", service="postgres"), Link(app="bills", service="postgres")


class Looks:
    """Implements `Lookout` by a list of what each look shows; then the run is broken off."""

    def __init__(self, *shown: ServerClient) -> None:
        self._shown = [shown]

    def look(self, servers: Iterable[Endpoint]) -> tuple[ServerClient, ...]:
        assert set(servers) == {THERE}
        return self._shown.pop()

    def name_of(self, pid: int) -> str:
        return f"process-{pid}"


def probe(journal: Journal, *shown: ServerClient) -> PastProxyProbe:
    return PastProxyProbe({SHOP: THERE, BILLS: THERE}, Looks(*shown), journal)


def written(journal: Journal) -> list[PathBypassed]:
    return list(journal.history.of(PathBypassed))


def to(host: str, port: int, *, state: str = "ESTABLISHED", local: int = 40001) -> AppSocket:
    return AppSocket(state=state, local_port=local, remote_port=port, remote_host=host, pid=9)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "history.jsonl")) as made:
        yield made


def test_a_socket_of_the_app_to_the_server_itself_is_written_once(journal: Journal) -> None:
    """While it is open. Once it was closed, the same port is a new connection."""
    probes = probe(journal)
    for sockets in ([to("127.0.0.1", 5432)], [to("127.0.0.1", 5432)], [], [to("127.0.0.1", 5432)]):
        probes.note_sockets("shop", 1, sockets)
    assert [(e.link, e.app, e.boot, e.pid) for e in written(journal)] == [
        ("shop.postgres", "shop", 1, 9)
    ] * 2
    assert written(journal)[0].process == "process-9"
    assert written(journal)[0].remote == "127.0.0.1:5432"


@pytest.mark.parametrize("state", ["SYN_SENT", "ESTABLISHED", "CLOSE_WAIT"])
def test_a_connect_that_is_under_way_counts(journal: Journal, state: str) -> None:
    """A frozen server answers none."""
    probe(journal).note_sockets("shop", 1, [to("127.0.0.1", 5432, state=state)])
    assert len(written(journal)) == 1


@pytest.mark.parametrize(
    "other",
    [
        to("127.0.0.1", 5433),
        to("10.0.0.7", 5432),
        to("", 5432),
        to("127.0.0.1", 5432, state="LISTEN"),
    ],
    ids=["another port", "another machine", "unknown", "a listener"],
)
def test_any_other_socket_is_not_written(journal: Journal, other: AppSocket) -> None:
    """The proxy's own port above all."""
    probe(journal).note_sockets("shop", 1, [other])
    assert written(journal) == []


async def looked(probes: PastProxyProbe) -> None:
    """One look; the next finds nothing to show and ends it."""
    with pytest.raises(IndexError):
        await probes.run()


async def test_a_client_of_the_server_is_written_with_the_boot_that_it_came_from(
    journal: Journal,
) -> None:
    """A daemon of the second boot, by that boot's main process."""
    for boot, pid in ((1, 21), (2, 22)):
        journal.append(Spawned(at_s=0.1, app="shop", boot=boot, pid=pid, port=1, argv=(), env={}))
    client = ServerClient(server=THERE, local_port=40001, pid=9, process="d", boot_pid=22)
    await looked(probe(journal, client))
    assert [(e.link, e.boot, e.process, e.seen) for e in written(journal)] == [
        ("shop.postgres", 2, "d", "server connections")
    ]


async def test_a_client_that_came_from_no_boot_is_written_for_every_link(journal: Journal) -> None:
    """Any app may have handed its work to it."""
    client = ServerClient(server=THERE, local_port=40001, pid=9, process="pooler")
    await looked(probe(journal, client))
    assert [(e.link, e.app, e.boot) for e in written(journal)] == [
        ("shop.postgres", "shop", 0),
        ("bills.postgres", "bills", 0),
    ]


def test_an_app_that_connects_for_each_request_does_not_fill_the_history(journal: Journal) -> None:
    """The first fifty show it."""
    probes = probe(journal)
    for local in range(2 * MOST):
        probes.note_sockets("shop", 1, [to("127.0.0.1", 5432, local=40000 + local)])
    assert len(written(journal)) == MOST


async def test_a_client_of_a_further_process_belongs_to_its_app(journal: Journal) -> None:
    """The lookout has the number of the worker; the boot is the app's newest."""
    for boot in (1, 2):
        journal.append(
            Spawned(at_s=boot, app="bills", boot=boot, pid=boot, port=1, argv=(), env={})
        )
    journal.append(
        ProcessSpawned(at_s=0.1, app="bills", process="worker", start=1, pid=77, argv=())
    )
    client = ServerClient(server=THERE, local_port=9, pid=78, process="w", boot_pid=77)
    await looked(probe(journal, client))
    assert [(e.link, e.boot) for e in written(journal)] == [("bills.postgres", 2)]
