"""Each fault of the catalogue as a client meets it, and its heal on every way out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import psycopg
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
from chaoslab.clock import now_s
from chaoslab.errors import InjectionFailed
from chaoslab.history.events import CanaryProbe, FaultHealing, LinkConnection, LinkDrops
from chaoslab.injection.ground import Ground
from chaoslab.injection.in_force import injected
from chaoslab.injection.links import LinkInjection
from chaoslab.injection.prepare import prepare
from chaoslab.model.actions import Action
from chaoslab.model.faults import Declared

from .rig import (
    PATIENCE_S,
    Written,
    comes_to,
    dial,
    make_canaries_patient,
    new_client_meets,
    patience,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = "app.redis"
LATE_S = 1.5  # so long that a machine that stalls for a second is told from a link that is slow

# A proxy that cannot reach its server ends the client; where the client's question has come by
# then, the kernel makes a reset of it.
ENDED = "closed or reset"

# the fault, what a new client meets, what an established connection meets
MET: dict[str, tuple[Declared, str, str]] = {
    "dropped": (Severed(target=LINK), "dropped", "silent"),
    "refused": (Severed(target=LINK, mode="refused"), "refused", "reset"),
    "silent": (Severed(target=LINK, mode="silent"), "silent", "silent"),
    "one_way": (OneWay(target=LINK), "silent", "silent"),
    "one_way upstream": (OneWay(target=LINK, stream="upstream"), "silent", "silent"),
    "cut_midstream": (CutMidstream(target=LINK, after_bytes=3), "closed", "closed"),
    "slow": (Slow(target=LINK, latency_s=LATE_S), "silent", "silent"),
    "stopped": (Stopped(target="redis"), ENDED, ENDED),
    "killed": (Killed(target="redis"), ENDED, ENDED),
    "paused": (Paused(target="redis"), "silent", "silent"),
}


@pytest.mark.parametrize("name", MET)
async def test_a_fault_is_met_while_it_is_in_force_and_gone_after_the_block(
    ground: Ground, port: int, name: str
) -> None:
    """By clients that come and by one that was there; and written down in its order."""
    spec, new_meets, old_meets = MET[name]
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, ground), ground):
        assert await old.meets(within_s=patience(old_meets)) in old_meets
        assert await new_client_meets(port, within_s=patience(new_meets)) in new_meets
    old.close()
    await comes_to(port, "+PONG")
    Written(ground.journal.history, spec.label).assert_whole()


@pytest.mark.parametrize("name", ["dropped", "silent", "one_way", "one_way upstream", "paused"])
async def test_what_was_held_is_delivered_at_the_heal(ground: Ground, port: int, name: str) -> None:
    """Silence holds bytes: the answer to a question of the outage comes after it."""
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(MET[name][0], ground), ground):
        assert await old.meets() == "silent"
    assert await old.hears() == "+PONG"
    old.close()


@pytest.mark.parametrize(("stream", "arrives"), [("downstream", True), ("upstream", False)])
async def test_one_way_leaves_the_other_direction_alone(
    ground: Ground, port: int, stream: str, arrives: bool
) -> None:
    """A write does, or does not, reach the server while no answer comes back."""
    spec = OneWay(target=LINK, stream=stream)  # type: ignore[arg-type]
    direct = await dial(ground.services["redis"].endpoint.port)
    client = await dial(port)
    async with injected(prepare(spec, ground), ground):
        assert await client.meets(f"SET {stream} x") == "silent"
        assert await direct.meets(f"EXISTS {stream}", within_s=PATIENCE_S) == f":{int(arrives)}"
    assert await client.hears() == "+OK"
    assert await direct.meets(f"EXISTS {stream}", within_s=PATIENCE_S) == ":1"
    client.close()
    direct.close()


@pytest.mark.parametrize("streams", [("downstream",), ("upstream",), ("upstream", "downstream")])
async def test_slow_is_as_late_as_was_asked(
    ground: Ground, port: int, streams: tuple[str, ...]
) -> None:
    """Once per stream, and after the heal no more."""
    spec = Slow(target=LINK, latency_s=LATE_S, streams=streams)  # type: ignore[arg-type]
    client = await dial(port)
    async with injected(prepare(spec, ground), ground):
        begun_s = now_s()
        assert await client.meets(within_s=PATIENCE_S) == "+PONG"
        took_s = now_s() - begun_s
    # the upper bound leaves to a machine that is shared what a delay too many would take
    assert len(streams) * LATE_S <= took_s < (len(streams) + 1) * LATE_S
    begun_s = now_s()
    assert await client.meets(within_s=PATIENCE_S) == "+PONG"
    assert now_s() - begun_s < LATE_S
    client.close()


async def test_throttled_passes_no_more_than_its_rate(ground: Ground, port: int) -> None:
    """20 KB at 10 KB/s take two seconds; unthrottled, next to nothing."""
    client = await dial(port)
    assert await client.meets(f"SET big {'x' * 20_000}", within_s=PATIENCE_S) == "+OK"
    spec = Throttled(target=LINK, rate_kb_per_s=10)
    async with injected(prepare(spec, ground), ground):
        begun_s = now_s()
        assert await client.size_of("big") == 20_000
        took_s = now_s() - begun_s
    # a tenth less for the burst by which a rate begins; two seconds more for a busy machine
    assert 1.7 <= took_s < 4.0
    begun_s = now_s()
    assert await client.size_of("big") == 20_000
    assert now_s() - begun_s < 1.7
    client.close()
    Written(ground.journal.history, spec.label).assert_whole()


async def test_restarted_leaves_stale_connections_and_a_service_that_answers(
    ground: Ground, port: int
) -> None:
    """The pool's connections are dead, a new one is served, within the fault and after it."""
    spec = Restarted(target="redis")
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, ground), ground):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
        assert await old.meets(within_s=PATIENCE_S) == "closed"
    old.close()
    await comes_to(port, "+PONG")
    Written(ground.journal.history, spec.label).assert_whole()


@pytest.mark.parametrize("fault", [Stopped, Killed])
async def test_postgres_comes_back_with_what_it_had_acknowledged(
    ground: Ground, fault: type[Stopped | Killed]
) -> None:
    """On the same address, after an orderly end and after a crash."""
    running = ground.services["postgres"]
    url, word = running.url(running.endpoint), fault.__name__
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as client:
        await client.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        await client.execute("INSERT INTO words VALUES (%s)", (word,))
        async with injected(prepare(fault(target="postgres"), ground), ground):
            with pytest.raises(psycopg.OperationalError):
                await client.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError):
                await psycopg.AsyncConnection.connect(url)
    async with await psycopg.AsyncConnection.connect(url) as client:
        found = await client.execute("SELECT count(*) FROM words WHERE word = %s", (word,))
        assert await found.fetchone() == (1,)


async def test_a_connector_severs_all_of_its_links_and_no_other_path(
    ground: Ground, port: int
) -> None:
    """Both links are down, the servers' own ports are not; the blast radius is written down."""
    spec = Severed(target="vpc", mode="refused")
    fault = prepare(spec, ground)
    assert [link.name for link in fault.links] == ["app.redis", "app.postgres"]
    cut, whole = ground.addresses["app.postgres"].port, ground.services["redis"].endpoint.port
    async with injected(fault, ground):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
        assert await new_client_meets(cut, within_s=PATIENCE_S) == "refused"
        assert await new_client_meets(whole, within_s=PATIENCE_S) == "+PONG"
    canaries = ground.journal.history.of(CanaryProbe)
    assert {(c.link, c.outcome) for c in canaries} == {
        ("app.redis", "refused"),
        ("app.postgres", "refused"),
    }


async def test_what_the_link_had_is_written_down_before_the_heal(ground: Ground, port: int) -> None:
    """Evidence: the connections, what they met, and the SYNs that were dropped."""
    spec = Severed(target=LINK)
    client = await dial(port)
    assert await client.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, ground), ground):
        await client.meets()
        assert await new_client_meets(port) == "dropped"
    client.close()
    history = ground.journal.history
    healing = history.first(FaultHealing)
    assert healing is not None
    held = [c for c in history.of(LinkConnection) if c.held_upstream == len("PING\r\n")]
    assert len(held) == 1
    assert held[0].at_s <= healing.at_s
    drops = history.first(LinkDrops)
    assert drops is None or drops.syn_drops >= 2  # the canary's and ours; None: kernel tells not


# --- every way out heals ---

HEALS = ["dropped", "silent", "stopped", "paused"]


@pytest.mark.parametrize("name", HEALS)
async def test_a_fault_heals_when_its_block_fails(ground: Ground, port: int, name: str) -> None:
    """The error goes on, the fault does not, and the history says why it ended."""
    spec = MET[name][0]
    with pytest.raises(ZeroDivisionError):
        async with injected(prepare(spec, ground), ground):
            raise ZeroDivisionError
    await comes_to(port, "+PONG")
    Written(ground.journal.history, spec.label).assert_whole()
    healing = ground.journal.history.first(FaultHealing)
    assert healing is not None
    assert "ZeroDivisionError" in healing.why


async def cancel_once(task: asyncio.Task[None]) -> None:
    task.cancel()


async def cancel_again_and_again(task: asyncio.Task[None]) -> None:
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)


@pytest.mark.parametrize("cancel", [cancel_once, cancel_again_and_again])
@pytest.mark.parametrize("name", HEALS)
async def test_a_fault_heals_when_it_is_cancelled(
    ground: Ground,
    port: int,
    name: str,
    cancel: Callable[[asyncio.Task[None]], Awaitable[None]],
) -> None:
    """Once, or while it heals; the cancellation then goes on."""
    spec = MET[name][0]
    inside = asyncio.Event()

    async def hold() -> None:
        async with injected(prepare(spec, ground), ground):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    async with asyncio.timeout(PATIENCE_S):
        await inside.wait()
    await cancel(task)
    with pytest.raises(asyncio.CancelledError):
        await task
    await comes_to(port, "+PONG")
    Written(ground.journal.history, spec.label).assert_whole()


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_a_fault_heals_when_it_is_cancelled_while_it_begins(
    ground: Ground, port: int, turns: int
) -> None:
    """At whatever point of the injection the cancellation comes."""
    task = asyncio.create_task(_hold_all(Severed(target="vpc", mode="refused"), ground))
    for _ in range(turns):
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await comes_to(port, "+PONG")
    other = ground.addresses["app.postgres"].port
    assert await new_client_meets(other, within_s=PATIENCE_S) != "refused"


async def _hold_all(spec: Declared, ground: Ground) -> None:
    async with injected(prepare(spec, ground), ground):
        await asyncio.Event().wait()


@pytest.mark.parametrize("name", ["why? #1", "50% of it", "a/b", "d\u00e9j\u00e0 vu", ".."])
async def test_a_fault_may_be_named_freely(ground: Ground, port: int, name: str) -> None:
    """No character of its name keeps it from being healed."""
    spec = Slow(name=name, target=LINK, latency_s=0.05)
    async with injected(prepare(spec, ground), ground):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
    assert await ground.control._call(lambda: ground.control._proxy(LINK).toxics()) == {}  # type: ignore[attr-defined]
    Written(ground.journal.history, name).assert_whole()


# --- what is not in force ---


class TakenAway(LinkInjection):
    """Somebody else heals the link between the injection and the canary."""

    async def begin(self) -> float:
        began_s = await super().begin()
        await self.undo()
        return began_s


@pytest.mark.parametrize("name", ["dropped", "refused", "silent", "one_way", "slow"])
async def test_a_fault_that_no_canary_sees_is_missed_and_the_block_runs(
    ground: Ground, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a silent pass: the history says what the canary met instead."""
    # A server that stalls for longer than a canary waits is silent as well.
    make_canaries_patient(monkeypatch)
    spec = MET[name][0]
    async with injected(TakenAway(spec, ground), ground):  # type: ignore[arg-type]
        ran = True
    written = Written(ground.journal.history, spec.label)
    assert ran
    assert written.kinds == ["requested", "missed", "healing", "healed"]
    assert "a canary observed 'answered'" in written.why_missed
    assert LINK in written.why_missed


async def test_an_injection_that_fails_raises_and_leaves_nothing(ground: Ground, port: int) -> None:
    """Half of it was done: that half is taken back."""
    fault = prepare(Severed(target=LINK, mode="refused"), ground)
    assert isinstance(fault, LinkInjection)
    nowhere = replace(fault.actions[0], proxy="nowhere")
    fault.actions = (*fault.actions, nowhere)
    with pytest.raises(InjectionFailed, match="nowhere"):
        async with injected(fault, ground):
            pytest.fail("the block must not run")
    assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"


# --- flapping ---


async def test_flapping_comes_and_goes_until_its_end(ground: Ground, port: int) -> None:
    """Both states are met in turn, several times, and the link is whole afterwards."""
    spec = Flapping(target=LINK, period_s=0.2)
    met = []
    async with injected(prepare(spec, ground), ground):
        end_s = now_s() + PATIENCE_S
        while now_s() < end_s and len(met) < 7:
            now = await new_client_meets(port, within_s=PATIENCE_S)
            if not met or met[-1] != now:
                met.append(now)
            await asyncio.sleep(0.01)
    states = [state for state in met if state in ("refused", "+PONG")]
    # two dozen periods fit into the patience; three are enough to be no accident
    assert states.count("refused") >= 3
    assert states.count("+PONG") >= 3
    assert set(met) <= {"refused", "+PONG", "reset"}
    await comes_to(port, "+PONG")
    Written(ground.journal.history, spec.label).assert_whole()


async def test_flapping_that_fails_on_the_way_is_healed_all_the_same(
    ground: Ground, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It failed with the path severed: the failure is written down, and the path is back."""
    fault = prepare(Flapping(target=LINK, period_s=0.05), ground)
    assert isinstance(fault, LinkInjection)
    apply = ground.control.apply

    async def severs_and_fails(action: Action) -> None:
        await apply(action)
        raise InjectionFailed("no answer")

    with monkeypatch.context() as patched:
        async with injected(fault, ground):
            patched.setattr(
                type(ground.control), "apply", lambda _, action: severs_and_fails(action)
            )
            assert fault.turning is not None
            await asyncio.wait([fault.turning], timeout=PATIENCE_S)
    await comes_to(port, "+PONG")
    assert "stopped alternating" in Written(ground.journal.history, fault.declared.label).why_missed
