"""A disabled fault: accepted and shown by who should make it, and met by no client."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import (
    CutMidstream,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
)
from chaoslab.faults.base import MutationKind
from chaoslab.faults.mutation import (
    Mutation,
    aimed,
)
from chaoslab.history.events import CanaryProbe, LinkConnection, LinkDrops
from chaoslab.history.journal import History
from chaoslab.injection.ground import Ground
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.injection.triggered import TriggeredInjection
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.when import connection
from chaoslab.proxies.embedded import EmbeddedControl

from .rig import PATIENCE_S, TOPOLOGY, Written, dial, make_canaries_patient, new_client_meets

LINK = "app.redis"
CANNOT_BE_SEEN = ("throttled", "cut_midstream", "restarted")  # a canary meets the same without them

NETWORK: dict[str, Declared] = {
    "dropped": Severed(target=LINK),
    "refused": Severed(target=LINK, mode="refused"),
    "silent": Severed(target=LINK, mode="silent"),
    "one_way": OneWay(target=LINK),
    "slow": Slow(target=LINK, latency_s=0.3),
    "flapping": Flapping(target=LINK, period_s=0.2),
    "throttled": Throttled(target=LINK, rate_kb_per_s=1),
    "cut_midstream": CutMidstream(target=LINK, after_bytes=3),
}
SERVICE: dict[str, Declared] = {
    "stopped": Stopped(target="redis"),
    "killed": Killed(target="redis"),
    "paused": Paused(target="redis"),
    "restarted": Restarted(target="redis"),
}
SERVED_S = PATIENCE_S  # nobody is slowed down; only a starved machine takes longer


@pytest.fixture
def patient_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """For faults that nobody meets: a server that stalls for longer than a canary looks for silence
    would be taken for one of them in force.
    """
    make_canaries_patient(monkeypatch)


def disabled(ground: Ground, spec: Declared, kind: MutationKind) -> Ground:
    """The ground of a lab that disables this fault."""
    plan = resolve(Plan(faults=(spec,)), TOPOLOGY)
    mutation = aimed(Mutation(kind=kind, fault=spec.label), plan, TOPOLOGY)
    return replace(ground, disabled=mutation)


def connections(history: History) -> list[LinkConnection]:
    """Those of this test; the engine remembers the tests before it too."""
    return [c for c in history.of(LinkConnection) if c.opened_s > 0]


async def assert_served(port: int) -> None:
    """A client that comes now gets its answer."""
    assert await new_client_meets(port, within_s=SERVED_S) == "+PONG"


@pytest.mark.usefixtures("patient_canaries")
@pytest.mark.parametrize("name", [*NETWORK, *SERVICE])
@pytest.mark.asyncio(loop_scope="session")
async def test_an_inert_fault_is_accepted_and_met_by_nobody(
    ground: Ground, port: int, name: str
) -> None:
    """Clients that were there and clients that come are served; a canary sees that nothing is."""
    spec = (NETWORK | SERVICE)[name]
    mutated = disabled(ground, spec, "inert")
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, mutated), mutated):
        assert await old.meets(within_s=SERVED_S) == "+PONG"
        await assert_served(port)
    assert await old.meets(within_s=SERVED_S) == "+PONG"
    old.close()
    written, history = Written(mutated.journal.history, spec.label), mutated.journal.history
    if name in CANNOT_BE_SEEN:
        written.assert_whole()
    else:
        assert written.kinds == ["requested", "missed", "healing", "healed"]
        assert "answered" in written.why_missed
    assert not any(c.met for c in connections(history))
    assert not list(history.of(LinkDrops))
    await assert_served(port)


@pytest.mark.parametrize("name", ["dropped", "silent", "slow"])
@pytest.mark.asyncio(loop_scope="session")
async def test_while_an_inert_fault_is_in_force_the_api_shows_it(
    ground: Ground, port: int, name: str
) -> None:
    """What reads it back is none the wiser: only the engine's own page tells."""
    spec = NETWORK[name]
    mutated = disabled(ground, spec, "inert")
    control = ground.control
    assert isinstance(control, EmbeddedControl)
    async with injected(prepare(spec, mutated), mutated):
        proxy = await control._call(lambda: control._get(f"/proxies/{LINK}"))
        shown = await control._call(lambda: control._get(f"/chaoslab/proxies/{LINK}"))
        await assert_served(port)
    types = {"dropped": set[str](), "silent": {"silence"}, "slow": {"latency"}}[name]
    assert {toxic["type"] for toxic in proxy["toxics"]} == types
    assert (shown["connect"]["mode"] == "dropped") is (name == "dropped")
    assert set(shown["inert"]["toxics"]) >= {toxic["name"] for toxic in proxy["toxics"]}


@pytest.mark.usefixtures("patient_canaries")
@pytest.mark.parametrize("mode", ["dropped", "silent"])
@pytest.mark.asyncio(loop_scope="session")
async def test_an_inert_trigger_fires_for_the_app_and_spares_it(
    ground: Ground, port: int, mode: str
) -> None:
    """The engine says when it fired, and the connection that fired it is served."""
    spec = Severed(target="vpc", mode=mode, start=connection(LINK))  # type: ignore[arg-type]
    mutated = disabled(ground, spec, "inert")
    fault = prepare(spec, mutated)
    assert isinstance(fault, TriggeredInjection)
    await fault.arm()
    await assert_served(port)
    assert await fault.fired()
    async with injected(fault, mutated, armed=True):
        await assert_served(port)
    assert "answered" in Written(mutated.journal.history, spec.label).why_missed


@pytest.mark.parametrize("name", ["dropped", "refused", "silent", "slow"])
@pytest.mark.asyncio(loop_scope="session")
async def test_inert_to_the_app_only_the_canary_meets_the_fault(
    ground: Ground, port: int, name: str
) -> None:
    """It is seen in force, and no connection of the app's proxy is in its log as bitten."""
    spec = NETWORK[name]
    mutated = disabled(ground, spec, "inert-to-app")
    assert mutated.disabled is not None
    twin = mutated.disabled.twin_of(LINK)
    assert twin is not None
    upstream = str(ground.services["redis"].upstream)
    canaries = ground.runtime.proxied(await ground.control.create(twin, upstream))
    mutated = replace(mutated, canary_addresses={LINK: canaries})
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, mutated), mutated):
        assert await old.meets(within_s=SERVED_S) == "+PONG"
        await assert_served(port)
        assert await new_client_meets(canaries.port) != "+PONG"
    old.close()
    await ground.control.delete(twin)
    history = mutated.journal.history
    Written(history, spec.label).assert_whole()
    assert not any(c.met or c.end == "reset_by_fault" for c in connections(history))
    assert not list(history.of(LinkDrops))
    ports = {c.client_port for c in connections(history)}
    assert ports.isdisjoint(c.client_port for c in history.of(CanaryProbe))


@pytest.mark.asyncio(loop_scope="session")
async def test_only_the_fault_that_is_named_is_disabled(
    ground: Ground, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one on the same link, of the same kind and the same actions, is met."""
    first, second = Severed(name="first", target=LINK), Severed(name="second", target=LINK)
    mutated = disabled(ground, first, "inert")
    with monkeypatch.context() as patient:
        make_canaries_patient(patient)
        async with injected(prepare(first, mutated), mutated):
            await assert_served(port)
    async with injected(prepare(second, mutated), mutated):
        assert await new_client_meets(port) == "dropped"
    assert Written(mutated.journal.history, "first").why_missed
    Written(mutated.journal.history, "second").assert_whole()
