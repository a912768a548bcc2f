"""The VPC connector, the one network path to Postgres and Redis, stops carrying traffic.

Each scenario is data: the fault, when it starts and stops, and what the app must do. Bounds that
are not given come from the app's deadlines in chaoslab.toml.
"""

from __future__ import annotations

from typing import Literal

import pytest

from chaoslab import Boot, Chaos, Flapping, Load, Severed, expect, when
from chaoslab.plan import Sampling

pytestmark = pytest.mark.vpc_outage

Mode = Literal["dropped", "refused", "silent"]

HOLD_S = 0.5  # how long a fault stays in force after the app reports it: ten health samples
BRIEF_S = 0.5  # shorter than the app's limit for an exchange: it finds the loss after the heal
PROBES_S = 1.75  # longer than three answers at the prober's limit of 0.5 s
REFUSALS_S = 2.5  # long enough for many refused writes and many requests for readiness
THREE_STARTS_S = 20.0  # long enough for a build that exits to do so three times
STARTUP_LIMIT_S = 95 / 40 + 1.5  # the incident's start-up limit in the profile `lab`, and a margin
BREAKER_OPEN_S = 60 / 40  # how long the app's database breaker stays open in that profile
WATCHED_S = 3.0  # the 2 s for which a recovery is watched, and the time of the heal itself
STOPS_S = 2.0  # the app gives its requests 0.3 s, and closes its connections at once
BOTH = ("postgres", "redis")
NO_BYPASS = {"EMERGENCY_ALLOW_NO_DATABASE": "false"}


@pytest.mark.parametrize("mode", ["dropped", "refused", "silent"])
async def test_severed_before_start(chaos: Chaos, mode: Mode) -> None:
    """The connector fails before the app is spawned: the app starts degraded and recovers."""
    await chaos.run(
        Severed(target="vpc", mode=mode, stop=when.degraded(HOLD_S)),
        expect=[
            expect.Starts(mode="degraded", startup_mode="emergency_degraded"),
            expect.Degrades(naming=BOTH),
            expect.StaysLive(),
            expect.AnswersInTime(),
            expect.Recovers(),
        ],
    )


async def test_supervised_start(chaos: Chaos) -> None:
    """The platform would restart an app that exits; this app must not exit."""
    await chaos.run(
        Severed(target="vpc", stop=when.degraded(HOLD_S, within_s=THREE_STARTS_S)),
        boots=[Boot(restarts=2)],
        expect=[
            expect.NoRestarts(),
            expect.Starts(mode="degraded"),
            expect.Degrades(naming=BOTH),
            expect.Recovers(),
        ],
    )


async def test_severed_during_the_database_phase(chaos: Chaos) -> None:
    """The connector fails at the first connection of the DATABASE phase."""
    await chaos.run(
        Severed(
            target="vpc", start=when.connection("backend.postgres"), stop=when.degraded(HOLD_S)
        ),
        expect=[
            expect.Starts(mode="degraded"),
            expect.Degrades(naming=BOTH),
            expect.Recovers(),
        ],
    )


async def test_severed_during_the_cache_phase(chaos: Chaos) -> None:
    """Postgres is connected; the connector fails at the first connection of the CACHE phase."""
    await chaos.run(
        Severed(
            target="vpc",
            start=when.connection("backend.redis"),
            stop=when.lost(*BOTH, after_s=HOLD_S),
        ),
        expect=[
            expect.Starts(mode="degraded"),
            expect.Degrades(naming=BOTH),
            expect.Recovers(),
        ],
    )


async def test_severed_with_idle_pooled_connections(chaos: Chaos) -> None:
    """No user sends a request; the app must detect by itself that its pool is dead."""
    await chaos.run(
        Severed(target="vpc", start=when.healthy(0.3), stop=when.lost(*BOTH, after_s=PROBES_S)),
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=BOTH),
            expect.StaysLive(),
            expect.AnswersInTime(),
            expect.Recovers(),
        ],
    )


async def test_severed_under_requests(chaos: Chaos) -> None:
    """Users write during the outage: acknowledged writes are stored, the others get 503."""
    await chaos.run(
        Severed(
            target="vpc", start=when.acknowledged(25), stop=when.lost(*BOTH, after_s=REFUSALS_S)
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=BOTH),
            expect.ReadyWhenServing(within_s=0.5),
            expect.Recovers(),
            expect.RegainsLatency(),
            expect.KeepsAcknowledged(at_least=50),
            expect.RefusesHonestly(),
        ],
    )


async def test_stopped_in_the_outage(chaos: Chaos) -> None:
    """A deployment replaces the app meanwhile: it ends in time, and keeps what it acknowledged."""
    await chaos.run(
        Severed(name="outage", target="vpc", start=when.acknowledged(25)),
        boots=[Boot(stop=when.in_force("outage", REFUSALS_S))],
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[expect.Starts(mode="normal"), expect.Stops(within_s=STOPS_S)],
    )


async def test_requests_hang_for_long(chaos: Chaos) -> None:
    """The path is silent for longer than the breaker stays open, so its probes hang too."""
    await chaos.run(
        Severed(
            target="vpc",
            mode="silent",
            start=when.acknowledged(5),
            stop=when.lost(*BOTH, after_s=2.5 * BREAKER_OPEN_S),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=BOTH),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=10),
            expect.RefusesHonestly(),
        ],
    )


async def test_first_traffic_after_the_heal_is_a_users(chaos: Chaos) -> None:
    """A user's request is the first one after the heal, before any health request."""
    await chaos.run(
        Severed(
            name="outage",
            target="vpc",
            mode="refused",
            start=when.healthy(0.3),
            stop=when.in_force("outage", 0.2),
        ),
        load=[Load(start=when.healed("outage", 1.5), rate_per_s=5)],
        sampling=Sampling(quiet_from=when.healthy(0.1), quiet_until=when.acknowledged(1)),
        expect=[
            expect.Starts(mode="normal"),
            expect.FirstRequestServed(fault="outage"),
            expect.KeepsAcknowledged(),
            expect.RefusesHonestly(at_least=0),
            expect.Recovers(),
        ],
    )


@pytest.mark.parametrize("mode", ["dropped", "silent"])
async def test_old_connections_stay_dead(chaos: Chaos, mode: Mode) -> None:
    """A replaced path after a short outage: new connections work, those of before never again."""
    await chaos.run(
        Severed(
            name="outage",
            target="vpc",
            mode=mode,
            at_heal="dead",
            start=when.acknowledged(5),
            stop=when.in_force("outage", BRIEF_S),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.StaysLive(),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=10),
            expect.RefusesHonestly(at_least=0),
        ],
    )


@pytest.mark.parametrize("service", ["postgres", "redis"])
async def test_only_one_link_is_severed(chaos: Chaos, service: str) -> None:
    """One of the two dependencies is unreachable: health names only this one."""
    await chaos.run(
        Severed(target=f"backend.{service}", stop=when.degraded(HOLD_S)),
        expect=[
            expect.Starts(mode="degraded"),
            expect.Degrades(naming=(service,)),
            expect.Recovers(),
        ],
    )


async def test_flapping_while_starting(chaos: Chaos) -> None:
    """The connector fails and recovers repeatedly during the start-up, which still completes."""
    await chaos.run(
        Flapping(target="vpc", period_s=0.5, mode="refused", stop=when.started(0.5)),
        expect=[expect.Starts(), expect.Recovers()],
    )


async def test_severed_for_longer_than_the_startup_limit(chaos: Chaos) -> None:
    """The outage is longer than every limit of the start-up: the app still reports degraded."""
    await chaos.run(
        Severed(target="vpc", stop=when.degraded(1.1 * STARTUP_LIMIT_S)),
        expect=[
            expect.Starts(mode="degraded"),
            expect.Degrades(naming=BOTH),
            expect.Recovers(),
        ],
    )


@pytest.mark.parametrize("mode", ["dropped", "refused", "silent"])
async def test_without_the_bypass(chaos: Chaos, mode: Mode) -> None:
    """A start without the database is not allowed: the app exits soon and names the cause."""
    if mode == "refused" and not chaos.counts_refused:
        pytest.skip(f"refused connects are not counted with {chaos.runtime}")
    causes = ("refused",) if mode == "refused" else ("no answer", "timed out", "timeout")
    await chaos.run(
        Severed(target="vpc", mode=mode, stop=when.exited()),
        boots=[Boot(env=NO_BYPASS)],
        expect=[expect.FailsFast(naming=("postgres",), cause=causes, exit_code=3)],
    )


async def test_healed_in_the_middle_of_the_start(chaos: Chaos) -> None:
    """The path is healed while the app still tries to connect: the start-up is normal."""
    await chaos.run(
        Severed(target="vpc", stop=when.bound(0.5)),
        expect=[
            expect.Starts(mode="normal", startup_mode="normal"),
            expect.Recovers(),
        ],
    )


async def test_severed_twice(chaos: Chaos) -> None:
    """After the recovery from a first outage the app degrades and recovers a second time."""
    await chaos.run(
        Severed(
            name="first",
            target="vpc",
            start=when.healthy(0.3),
            stop=when.lost(*BOTH, after_s=HOLD_S),
        ),
        Severed(
            name="second",
            target="vpc",
            start=when.healthy(0.3, nth=2),
            stop=when.lost(*BOTH, after_s=HOLD_S, nth=2),
        ),
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=BOTH, fault="first"),
            expect.Degrades(naming=BOTH, fault="second"),
            expect.Recovers(),
        ],
    )


async def test_repaired_and_restarted_without_the_bypass(chaos: Chaos) -> None:
    """After the repair the app is restarted without the bypass: `startup_mode` is normal."""
    await chaos.run(
        Severed(target="vpc", stop=when.degraded(HOLD_S)),
        boots=[Boot(), Boot(at=when.healthy(WATCHED_S), env=NO_BYPASS)],
        expect=[
            expect.Starts(mode="degraded", startup_mode="emergency_degraded"),
            expect.Recovers(),
            expect.Starts(mode="normal", startup_mode="normal", boot=2, rests_on=()),
        ],
    )
