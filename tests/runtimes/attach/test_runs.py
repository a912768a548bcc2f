"""Runs on an external system: judged like any other, and nothing is left in force."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from chaoslab import Load, Severed, Slow, expect, when
from chaoslab.errors import FaultUnsupported
from chaoslab.faults.severed import SeveredMode
from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultInForce,
    LinkConnection,
    LinkSessions,
    Request,
    Spawned,
)
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.plan import Plan
from chaoslab.proxies.base import ProxyKind

from .cluster import Cluster, cluster
from .relay import relayed

# The cluster's loop must run: a proxy server whose output nobody reads comes to a halt.
pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = ("postgres", "redis")


def outage(mode: SeveredMode) -> Plan:
    """The connector is severed under a running app, until the app has reported it for a while."""
    fault = Severed(
        target="vpc", mode=mode, start=when.healthy(0.3), stop=when.lost(*BOTH, after_s=0.5)
    )
    wanted = (expect.Starts(mode="normal"), expect.Degrades(naming=BOTH), expect.Recovers())
    return Plan(name=mode, faults=(fault,), expect=wanted)


@pytest.mark.parametrize("mode", ["refused", "silent"])
async def test_an_outage_of_an_external_system_is_observed_and_survived(
    standing: Cluster, mode: SeveredMode, tmp_path: Path
) -> None:
    """Evidence from the engine's records, or from the sessions at the servers themselves."""
    before = await standing.proxies()
    verdicts = await standing.run(outage(mode), tmp_path)
    assert [verdict.outcome.value for verdict in verdicts] == ["PASS"] * 3, verdicts
    assert "which was running already" in verdicts[0].claim
    assert "restart" in verdicts[2].claim
    assert await standing.proxies() == before
    history = RunFolder(tmp_path).history()
    seen = {type(event) for event in history.events}
    assert (LinkConnection if standing.control.name == "embedded" else LinkSessions) in seen
    spawned = history.first(Spawned)
    assert spawned is not None
    assert (spawned.standing, spawned.pid, spawned.argv, spawned.env) == (True, 0, (), {})
    assert Exited not in seen


async def test_the_app_goes_on_after_the_run(standing: Cluster, tmp_path: Path) -> None:
    """The lab has not started it and does not stop it."""
    await standing.run(outage("refused"), tmp_path)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{standing.attach.apps['backend']}/health")
    assert answer.json()["status"] == "healthy"


async def test_two_runs_with_one_seed_write_rows_of_their_own(
    standing: Cluster, tmp_path: Path
) -> None:
    """The database keeps the rows of the first: found there, they would prove the second."""
    plan = Plan(
        name="writes",
        load=(Load(start=when.healthy(), rate_per_s=10),),
        expect=(expect.KeepsAcknowledged(at_least=3),),
    )
    for run in ("one", "two"):
        (verdict,) = await standing.run(plan, tmp_path / run)
        assert verdict.outcome.value == "PASS", verdict
    ops = [
        {write.op for write in RunFolder(tmp_path / run).history().of(Request)}
        for run in ("one", "two")
    ]
    assert len(ops[0]) >= 3
    assert not ops[0] & ops[1]


async def test_two_slow_faults_on_one_pool_are_distinguished_or_unknown(
    standing: Cluster, tmp_path: Path
) -> None:
    """The engine tells what each run's own toxic delayed; nothing at a server tells it."""
    fault = Slow(
        target="backend.postgres", latency_s=0.03, start=when.healthy(0.3), stop=when.healthy(1.3)
    )
    plan = Plan(name="slow", faults=(fault,), expect=(expect.StaysAvailable(healthy=False),))
    expected = "PASS" if standing.control.name == "embedded" else "UNKNOWN"
    for run in ("one", "two"):
        (verdict,) = await standing.run(plan, tmp_path / run)
        assert verdict.outcome.value == expected, verdict


async def test_an_app_that_goes_past_the_proxies_is_unknown_and_never_passes(
    kind: ProxyKind, tmp_path: Path
) -> None:
    """It lived through nothing; to its servers it comes from where the proxy comes from, too."""
    fault = Severed(
        name="cut", target="vpc", mode="refused",
        start=when.healthy(0.3), stop=when.in_force("cut", 0.5),
    )  # fmt: skip
    plan = Plan(name="vacuous", faults=(fault,), expect=(expect.Recovers(),))
    async with cluster(kind, tmp_path, past=True) as up:
        (verdict,) = await up.run(plan, tmp_path / "run")
    assert verdict.outcome.value == "UNKNOWN"
    assert "not observed to affect the app" in verdict.texts[0]
    assert "the app alone would be judged PASS" in verdict.texts[1]
    assert "traffic past the proxy is not observed on this runtime" in verdict.texts


async def test_only_the_proxies_that_are_named_are_touched(
    standing: Cluster, tmp_path: Path
) -> None:
    """A fault that needs another is refused before anything is done; one that does not is run."""
    link = "backend.redis"
    attach = replace(standing.attach, links={link: standing.attach.links[link]})
    part = replace(standing, topology=replace(standing.topology, attach=attach))
    with pytest.raises(FaultUnsupported, match=r'no \[attach.links."backend.postgres"\]'):
        await part.run(outage("refused"), tmp_path / "both")
    assert not (tmp_path / "both").exists()
    fault = Severed(target=link, mode="refused", start=when.healthy(0.3), stop=when.degraded(0.5))
    wanted = (expect.Degrades(naming=("redis",)), expect.Recovers())
    verdicts = await part.run(Plan(name="one", faults=(fault,), expect=wanted), tmp_path / "one")
    assert [verdict.outcome.value for verdict in verdicts] == ["PASS", "PASS"], verdicts


async def test_a_fault_on_a_proxy_without_canary_is_read_back_and_noted(
    standing: Cluster, tmp_path: Path
) -> None:
    """The API alone is forwarded: no canary can be sent, and nothing of the app's is shown."""
    there = urlsplit(standing.attach.toxiproxy)
    assert there.port is not None
    async with relayed(there.port) as api:
        far = replace(standing.attach, toxiproxy=f"http://{api}")
        part = replace(standing, topology=replace(standing.topology, attach=far))
        verdicts = await part.run(outage("refused"), tmp_path)
    history = RunFolder(tmp_path).history()
    in_force, healed = history.first(FaultInForce), history.first(FaultHealed)
    assert in_force is not None
    assert in_force.seen.count("read back; no canary can be sent") == 2
    assert healed is not None
    assert {verdict.outcome.value for verdict in verdicts} == {"UNKNOWN"}


async def test_behind_forwarded_ports_the_servers_own_view_is_the_evidence(
    standing: Cluster, tmp_path: Path
) -> None:
    """No record of the engine matches the lab's canary; a forwarded port accepts every connect."""
    listens = [str(proxy["listen"]) for proxy in (await standing.proxies()).values()]
    async with AsyncExitStack() as stack:
        for listen in listens:
            port = int(listen.rpartition(":")[2])
            await stack.enter_async_context(relayed(port, same=True))
        there = urlsplit(standing.attach.toxiproxy)
        assert there.port is not None
        api = await stack.enter_async_context(relayed(there.port))
        far = replace(standing.attach, toxiproxy=f"http://{api}")
        part = replace(standing, topology=replace(standing.topology, attach=far))
        verdicts = await part.run(outage("refused"), tmp_path)
    assert [verdict.outcome.value for verdict in verdicts] == ["PASS"] * 3, verdicts
    history = RunFolder(tmp_path).history()
    in_force = history.first(FaultInForce)
    assert in_force is not None
    assert in_force.seen.count("read back; no canary can be sent") == 2
    assert history.first(LinkConnection) is None
    assert history.first(LinkSessions) is not None


async def test_a_fault_in_force_before_the_first_probe_is_observed_too(
    standing: Cluster, tmp_path: Path
) -> None:
    """The servers are looked at before it: afterwards nothing goes through the proxy."""
    fault = Severed(target="vpc", mode="refused", stop=when.lost(*BOTH, after_s=0.5))
    wanted = (expect.Degrades(naming=BOTH), expect.Recovers())
    verdicts = await standing.run(Plan(name="before", faults=(fault,), expect=wanted), tmp_path)
    assert [verdict.outcome.value for verdict in verdicts] == ["PASS"] * 2, verdicts
