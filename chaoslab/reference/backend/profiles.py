"""The limits of the backend in named profiles, with the values of the incident's system.

Source: the incident's papers (start-up, retry, breaker and Redis limits). For other values, a
comment says how they were chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

# Every duration of the profile `lab` is that of `staging` divided by this factor, so that an outage
# of minutes takes seconds.
LAB_FACTOR = 40.0
# Additional time for the start-up in `lab`, because a process on a shared machine waits tenths of a
# second for a core, whatever the factor: of staging's 10 s for the phases after CACHE only 0.25 s
# would remain. Half of it is for those phases, half for the phases before them.
LAB_ROOM_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit of the backend. Fields that end in `_s` are seconds; the others are counts."""

    # Start-up.
    init_s: float  # all phases
    tables_s: float  # create and check the tables, once connected
    connect_s: float  # all tries to reach Postgres, with their back-offs
    pool_wait_s: float  # how long one request may wait for its database work
    health_s: float  # how long a database may take to answer and still count as slow, not lost
    redis_connect_s: float  # all tries to reach Redis; small, so that init_s holds both
    reserve_s: float  # what DATABASE leaves to the phases after CACHE
    startup_stuck_s: float = 300.0  # start-up that lasts longer is unhealthy
    linger_s: float = 10.0  # /health reports a failed start for this time; a balancer's interval
    # Retries while starting.
    retry_tries: int = 5
    retry_base_s: float = 2.0
    retry_cap_s: float = 30.0
    retry_factor: float = 2.0
    retry_jitter: float = 0.5
    # The database breaker.
    breaker_failures: int = 3
    breaker_open_s: float = 60.0
    breaker_successes: int = 1
    # Checks. Postgres once in a balancer's interval; Redis as in the incident's system.
    postgres_check_every_s: float = 10.0
    redis_check_every_s: float = 30.0
    redis_check_s: float = 10.0  # one background ping; two in a row must fail
    redis_connect_ping_s: float = 2.0
    redis_request_ping_s: float = 0.5
    redis_backoff_base_s: float = 1.0
    redis_backoff_cap_s: float = 60.0
    # The pool. Ten instances of eight stay below Postgres' hundred connections.
    pool_min: int = 2
    pool_max: int = 8
    cache_ttl_s: float = 60.0

    def scaled(self, factor: float) -> Limits:
        """The same limits with every duration divided by `factor`; the counts do not change."""
        durations = {f.name: getattr(self, f.name) / factor for f in fields(self) if is_time(f)}
        return replace(self, **durations)

    def with_room(self, room_s: float) -> Limits:
        """The same limits with `room_s` more seconds for the whole start-up, of which half is
        reserved for the phases after CACHE.
        """
        return replace(self, init_s=self.init_s + room_s, reserve_s=self.reserve_s + room_s / 2)


def is_time(field: object) -> bool:
    """Whether a field of `Limits` is a duration in seconds, by its name."""
    return str(getattr(field, "name", "")).endswith("_s")


STAGING = Limits(
    init_s=95.0,
    tables_s=35.0,
    connect_s=75.0,
    pool_wait_s=60.0,
    health_s=30.0,
    redis_connect_s=10.0,
    reserve_s=10.0,
)
PRODUCTION = Limits(
    init_s=90.0,
    tables_s=45.0,
    connect_s=60.0,
    pool_wait_s=70.0,
    health_s=30.0,
    redis_connect_s=10.0,
    reserve_s=10.0,
)
# Five tries with these back-offs do not fit into 15 s; three do.
TEST = Limits(
    init_s=20.0,
    tables_s=10.0,
    connect_s=15.0,
    pool_wait_s=20.0,
    health_s=5.0,
    redis_connect_s=3.0,
    reserve_s=2.0,
    retry_tries=3,
)

PROFILES: dict[str, Limits] = {
    "production": PRODUCTION,
    "staging": STAGING,
    "test": TEST,
    "lab": STAGING.scaled(LAB_FACTOR).with_room(LAB_ROOM_S),
}
