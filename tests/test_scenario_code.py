"""What the code of a scenario gets of an app: the address at which it reaches the newest boot."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaoslab.history.run_folder import RunFolder
from chaoslab.injection.context import Context
from chaoslab.lab.boots import Boots
from chaoslab.lab.scenario_code import ScenarioCode
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Topology

HERE = Endpoint(host="127.0.0.1", port=8080)
TOPOLOGY = Topology(
    name="t", services={}, apps={name: App(name=name, command=("x",)) for name in ("web", "late")}
)


def elsewhere(*kind: int) -> socket.socket:
    """Stands for what makes sockets in an app's own network."""
    return socket.socket(*kind)


def scene(endpoint: Endpoint) -> ScenarioCode:
    """The scene of a run in which `web` was spawned, and `late` was not."""
    watched: Any = SimpleNamespace(running=SimpleNamespace(endpoint_of=lambda _: endpoint))
    boots = SimpleNamespace(watches={"web": SimpleNamespace(watched=watched)})
    context = SimpleNamespace(topology=TOPOLOGY, journal=None)
    folder = RunFolder(Path("results"))
    return ScenarioCode(Plan(), cast("Context", context), cast("Boots", boots), folder)


async def test_an_app_on_the_labs_network_is_reached_directly() -> None:
    """By default the first app."""
    code = scene(HERE)
    assert code.url() == code.url("web") == "http://127.0.0.1:8080"
    await code.close()


async def test_an_app_in_a_network_of_its_own_has_one_forwarder_for_all_callers() -> None:
    """Its port is not the app's; threads that ask at once get the same one."""
    code = scene(Endpoint(host="127.0.0.1", port=8080, new_socket=elsewhere))
    urls = await asyncio.gather(*(asyncio.to_thread(code.url) for _ in range(20)))
    assert len(set(urls)) == 1
    assert urls[0] != "http://127.0.0.1:8080"
    await code.close()


@pytest.mark.parametrize("app", ["late", "no-such-app"])
async def test_an_app_that_was_not_spawned_has_no_url(app: str) -> None:
    """The error names it."""
    code = scene(HERE)
    with pytest.raises(LookupError, match=f"'{app}' was not spawned yet"):
        code.url(app)
    await code.close()


async def test_a_thread_that_outlives_the_run_gets_no_forwarder() -> None:
    """Nothing would close it. A thread cannot be cancelled, so a step may go on after its limit."""
    code = scene(Endpoint(host="127.0.0.1", port=8080, new_socket=elsewhere))
    await code.close()
    with pytest.raises(LookupError, match="the run is over"):
        await asyncio.to_thread(code.url)
