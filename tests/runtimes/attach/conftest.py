"""A cluster for each proxy server there is, and leases in a folder of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chaoslab.proxies.base import ProxyKind

from .cluster import Cluster, cluster

KINDS: tuple[ProxyKind, ...] = ("embedded", "toxiproxy")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's labs write down what they have in force."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "chaoslab" / "attach"


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> ProxyKind:
    """The embedded engine, and a real Toxiproxy where there is one."""
    wanted: ProxyKind = request.param
    if wanted == "toxiproxy" and shutil.which("toxiproxy-server") is None:
        pytest.skip("no toxiproxy-server on PATH (scripts/install_toxiproxy.sh builds one)")
    return wanted


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing(
    kind: ProxyKind, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    """The complete system, with its app behind the proxies."""
    async with cluster(kind, tmp_path_factory.mktemp("cluster")) as up:
        yield up
