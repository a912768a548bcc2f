"""The data that is kept after `prepare`: several labs restore it, also at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from chaoslab.errors import ServiceFailed
from chaoslab.model.topology import App, Service, Topology
from chaoslab.runtimes.local.kept_data import KeptData
from chaoslab.runtimes.local.service import LocalService

ENV = {"PATH": "/usr/bin:/bin"}
ROWS = bytes(range(256)) * 4096 * 8


class Stopped:
    """The part of a service that keeping needs: its folder, and that it stops and starts."""

    name, env = "redis", ENV

    def __init__(self, home: Path) -> None:
        self.home, self.log = home, home / "server.log"

    async def stop(self) -> None:
        """Do nothing: no process uses the folder."""

    async def start(self) -> None:
        """Do nothing."""


@pytest.fixture
def kept() -> Iterator[KeptData]:
    """Nothing yet, for an app with `prepare` that uses Redis."""
    shop = App(name="shop", command=("true",), links=("redis",), prepare=(("true",),))
    services = {"redis": Service(name="redis", kind="redis")}
    with closing(KeptData(Topology(name="t", services=services, apps={"shop": shop}))) as data:
        yield data


async def test_labs_that_restore_at_the_same_time_have_all_data(
    tmp_path: Path, kept: KeptData
) -> None:
    """Each reads the copy from its begin, wherever another one reads."""
    first, *homes = (tmp_path / str(each) for each in range(5))
    for home in (first, *homes):
        home.mkdir()
    (first / "rows").write_bytes(ROWS)
    await kept.keep([cast("LocalService", Stopped(first))])
    await asyncio.gather(*(kept.restore("redis", home, ENV) for home in homes))
    assert [(home / "rows").read_bytes() == ROWS for home in homes] == [True] * 4


async def test_data_that_cannot_be_restored_is_an_error_with_the_cause(
    tmp_path: Path, kept: KeptData
) -> None:
    """The cause is the first line of tar, which names the folder."""
    home = tmp_path / "first"
    home.mkdir()
    await kept.keep([cast("LocalService", Stopped(home))])
    with pytest.raises(ServiceFailed, match=r"restored: tar: \S*gone: Cannot open"):
        await kept.restore("redis", tmp_path / "gone", ENV)
