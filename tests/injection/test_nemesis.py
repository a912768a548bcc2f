"""The nemesis: each fault at its own time, none left behind, each miss with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from chaoslab import Flapping, OneWay, Paused, Severed, Slow
from chaoslab.errors import FaultUnsupported, InjectionFailed
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    Spawned,
    StartupComplete,
    TriggerMissed,
)
from chaoslab.injection.ground import Ground
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.injection.schedule import Nemesis
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.when import AtMoment, connection, in_force, spawned, started
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl

from .rig import PATIENCE_S, Written, comes_to, dial, new_client_meets

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = "app.redis"
REFUSED = Severed(target=LINK, mode="refused")


@asynccontextmanager
async def running(ground: Ground, *faults: Declared) -> AsyncIterator[asyncio.Event]:
    """A nemesis at work from `armed()` on; at the end of the block the run is over."""
    over = asyncio.Event()
    nemesis = Nemesis(resolve(Plan(faults=faults), ground.topology), ground, over)
    task = asyncio.create_task(nemesis.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await nemesis.armed()
        yield over
    finally:
        over.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


def write_spawn(ground: Ground) -> float:
    """The app is spawned, as far as the history says."""
    at_s = ground.journal.now()
    ground.journal.append(Spawned(at_s=at_s, app="app", boot=1, pid=1, port=1, argv=(), env={}))
    return at_s


async def until_written(ground: Ground, kind: type, count: int = 1) -> None:
    """Until the history has so many of a kind."""
    found = await ground.journal.wait_for(
        lambda events: events[-1] if sum(isinstance(e, kind) for e in events) >= count else None,
        PATIENCE_S,
    )
    assert found is not None, [event.kind for event in ground.journal.history.events]


async def test_a_fault_before_the_spawn_is_seen_in_force_once_armed(
    ground: Ground, port: int
) -> None:
    """And holds until the run is over, where it has no stop."""
    async with running(ground, REFUSED):
        assert ground.journal.history.first(FaultInForce) is not None
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
    assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
    Written(ground.journal.history, REFUSED.label).assert_whole()
    healing = ground.journal.history.first(FaultHealing)
    assert healing is not None
    assert healing.why == "the run is over"


async def test_a_fault_starts_and_stops_at_its_moments(ground: Ground, port: int) -> None:
    """Not before the moment's own seconds have passed, and soon after."""
    spec = replace(REFUSED, start=spawned(0.1), stop=in_force(REFUSED.label, 0.2))
    async with running(ground, spec):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
        spawned_s = write_spawn(ground)
        await until_written(ground, FaultHealing)
    requested, seen, healing, _ = Written(ground.journal.history, spec.label)
    # three seconds each for a machine that is shared
    assert spawned_s + 0.1 <= requested.at_s < spawned_s + 3.1
    assert seen.at_s + 0.2 <= healing.at_s < seen.at_s + 3.2
    assert isinstance(healing, FaultHealing)
    assert healing.why == "its time is over"


async def missed(ground: Ground) -> None:
    """Wait until a fault is written down as missed."""

    def found(events: Sequence[AnyEvent]) -> AnyEvent | None:
        return next((event for event in events if isinstance(event, FaultMissed)), None)

    assert await ground.journal.wait_for(found, PATIENCE_S) is not None


async def test_a_moment_that_never_comes_leaves_the_fault_out(ground: Ground, port: int) -> None:
    """Written down as missed, with the moment that it waited for."""
    spec = replace(REFUSED, start=replace(started(), within_s=0.1))
    async with running(ground, spec):
        await missed(ground)
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
        written = Written(ground.journal.history, spec.label)
        assert written.kinds == ["missed"]
        assert (
            written.why_missed == "its start (a completed start-up): it did not occur within 0.1 s"
        )


async def test_a_run_that_is_over_before_a_fault_starts_leaves_it_out(ground: Ground) -> None:
    """The reason is the run's end, not the moment's limit, which was not used up."""
    spec = replace(REFUSED, start=started())
    async with running(ground, spec):
        pass
    written = Written(ground.journal.history, spec.label)
    assert written.kinds == ["missed"]
    assert written.why_missed == "its start (a completed start-up): the run ended first"


async def test_a_stop_that_never_comes_heals_all_the_same_and_says_so(ground: Ground) -> None:
    """A reader of the history must not take it for the moment having come."""
    spec = replace(REFUSED, stop=AtMoment(moment="degraded", within_s=0.1))
    async with running(ground, spec):
        await until_written(ground, FaultHealing)
    Written(ground.journal.history, spec.label).assert_whole()
    healing = ground.journal.history.first(FaultHealing)
    assert healing is not None
    assert healing.why == "its stop (a change to degraded): it did not occur within 0.1 s"
    (missed,) = ground.journal.history.of(TriggerMissed)
    assert (missed.place, missed.moment) == ("faults[0].stop", spec.stop)


async def test_a_stop_that_can_come_no_more_heals_at_once(ground: Ground) -> None:
    """The only process has ended, and nobody starts it anew: the time for its start-up is not
    waited out.
    """
    spec = replace(REFUSED, stop=replace(started(), within_s=60.0))
    async with running(ground, spec):
        await until_written(ground, FaultInForce)
        write_spawn(ground)
        ground.journal.append(
            Exited(at_s=0.0, app="app", boot=1, exit_code=1, asked=False, log_tail=())
        )
        await until_written(ground, FaultHealed)
    (missed,) = ground.journal.history.of(TriggerMissed)
    assert (missed.why.code, missed.why.data["apps"]) == ("trigger.no_process", ("app",))


async def test_a_stop_that_came_before_the_end_is_not_missed(ground: Ground) -> None:
    """The run is over while its seconds pass: the moment itself was there."""
    spec = replace(REFUSED, stop=replace(spawned(60.0), within_s=60.0))
    async with running(ground, spec):
        await until_written(ground, FaultInForce)
        write_spawn(ground)
    assert ground.journal.history.first(TriggerMissed) is None
    assert ground.journal.history.first(FaultHealed) is not None


async def test_a_fault_that_waits_for_a_missed_one_is_missed_at_once(ground: Ground) -> None:
    """A chain of faults ends with its first, and not after the patience of each."""
    first = replace(REFUSED, name="first", start=replace(started(), within_s=0.1))
    then = replace(REFUSED, name="then", start=replace(in_force("first"), within_s=60.0))
    async with running(ground, first, then):
        await until_written(ground, FaultMissed, 2)
    assert "first: its start" in Written(ground.journal.history, "then").why_missed


async def test_the_faults_of_a_plan_do_not_wait_for_each_other(ground: Ground, port: int) -> None:
    """One is healed at its own moment while the other goes on."""
    first = OneWay(name="first", target="app.postgres", stop=in_force("first"))
    async with running(ground, first, REFUSED):
        await until_written(ground, FaultHealing)
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
    for label in ("first", REFUSED.label):
        Written(ground.journal.history, label).assert_whole()


# --- at a connection ---


async def test_the_nth_connection_meets_the_fault_and_the_ones_before_do_not(
    ground: Ground, port: int
) -> None:
    """Counted by the engine; in force since the very moment of that connection."""
    spec = Severed(target="vpc", mode="silent", start=connection(LINK, 2))
    async with running(ground, spec):
        first = await dial(port)
        assert await first.meets(within_s=PATIENCE_S) == "+PONG"
        dialled_s = ground.journal.now()
        second = await dial(port)
        assert await second.meets() == "silent"
        assert await first.meets() == "silent"
        await until_written(ground, FaultInForce)
        assert await new_client_meets(ground.addresses["app.postgres"].port) == "silent"
    assert await second.hears() == "+PONG"
    first.close()
    second.close()
    written = Written(ground.journal.history, spec.label)
    written.assert_whole()
    requested, seen, *_ = written
    assert isinstance(requested, FaultRequested)
    assert isinstance(seen, FaultInForce)
    assert requested.armed
    assert requested.at_s <= dialled_s <= seen.since_s


async def test_a_trigger_that_was_not_reached_is_taken_away(ground: Ground, port: int) -> None:
    """A connection after the run meets nothing."""
    spec = replace(REFUSED, start=connection(LINK, 2))
    async with running(ground, spec):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
    for _ in range(3):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
    written = Written(ground.journal.history, spec.label)
    assert written.kinds == ["requested", "missed"]
    assert "the connection that starts the fault did not come" in written.why_missed


async def test_a_trigger_is_taken_away_when_the_nemesis_is_cancelled(
    ground: Ground, port: int
) -> None:
    """Armed, not fired, and nobody is there any more to heal it."""
    spec = replace(REFUSED, start=connection(LINK, 2))
    nemesis = Nemesis(Plan(faults=(spec,)), ground, asyncio.Event())
    task = asyncio.create_task(nemesis.run())
    await nemesis.armed()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(3):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"


async def test_a_trigger_that_did_half_of_its_work_is_healed_and_missed(
    ground: Ground, port: int
) -> None:
    """The proxy of its second link has gone by the time that it fires."""
    upstream = str(ground.services["postgres"].endpoint)
    control = ground.control
    assert isinstance(control, ToxiproxyControl)
    spec = Severed(target="vpc", mode="refused", start=connection(LINK))
    try:
        async with running(ground, spec):
            await control._call(lambda: control._proxy("app.postgres").destroy())
            assert await new_client_meets(port, within_s=PATIENCE_S) == "reset"
            await missed(ground)
            assert (
                "could not start the fault"
                in Written(ground.journal.history, spec.label).why_missed
            )
            await comes_to(port, "+PONG")  # it is written down before it is healed
    finally:
        with suppress(InjectionFailed):
            await control._call(lambda: control._proxy("app.postgres").destroy())
        port = await control.create("app.postgres", upstream)
        ground.addresses["app.postgres"] = ground.runtime.proxied(port)  # type: ignore[index]


# --- what cannot be ---


@pytest.mark.parametrize(
    "spec",
    [
        Severed(target="vpc"),
        Severed(target="vpc", start=spawned()),
        Flapping(target="vpc", period_s=1.0, mode="dropped", start=spawned()),
        Severed(target="vpc", mode="refused", start=connection(LINK)),
        Slow(target="vpc", latency_s=1.0, start=connection(LINK)),
    ],
    ids=["before spawn", "at a moment", "flapping", "refused at connection", "slow at connection"],
)
async def test_what_a_plain_toxiproxy_cannot_make_is_said_before_anything_happens(
    ground: Ground, spec: Declared
) -> None:
    """Whenever the fault would start: raised while the nemesis is made, nothing written."""
    plain = replace(ground, control=ToxiproxyControl("127.0.0.1", 9))
    with pytest.raises(FaultUnsupported):
        Nemesis(Plan(faults=(REFUSED, spec)), plain, asyncio.Event())
    assert ground.journal.history.events == ()


async def test_a_proxy_that_is_gone_is_a_fault_missed_not_a_lab_that_hangs(ground: Ground) -> None:
    """Nothing was injected: the history says so, and the run goes on."""
    gone = replace(ground, control=await _dead_control(ground))
    async with running(gone, REFUSED):
        pass
    written = Written(ground.journal.history, REFUSED.label)
    assert written.kinds[0] == "requested"
    assert "in_force" not in written.kinds
    assert "127.0.0.1:9" in written.why_missed


async def test_a_service_is_healed_even_where_the_proxy_cannot_be_read(
    ground: Ground, port: int
) -> None:
    """What the link had is evidence; reading it must not stand before the heal."""
    gone = replace(ground, control=await _dead_control(ground))
    spec = Paused(target="redis")
    with suppress(InjectionFailed):
        async with injected(prepare(spec, gone), gone):
            assert await new_client_meets(port) == "silent"
    await comes_to(port, "+PONG")
    assert Written(ground.journal.history, spec.label).kinds[-1] == "healed"


async def _dead_control(ground: Ground) -> EmbeddedControl:
    """A control whose engine was there once, and is no more."""
    control = EmbeddedControl("127.0.0.1", 9)
    control.capabilities = ground.control.capabilities
    return control


async def test_a_moment_of_the_past_starts_a_fault_at_once(ground: Ground, port: int) -> None:
    """Triggers speak of the history, not of what comes after they were asked."""
    at_s = ground.journal.now()
    ground.journal.append(StartupComplete(at_s=at_s, app="app", boot=1, state=HealthState.HEALTHY))
    async with running(ground, replace(REFUSED, start=started())):
        await until_written(ground, FaultInForce)
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
