# /// defect
# number = 17
# name = "probe-slower-than-its-limit"
# title = "Readiness checks one dependency after the other, longer than its prober waits"
# mechanism = """\
#   Each of two checks has a time-out just below the prober's, and the second begins when the \
#   first has ended."""
# symptom = """\
#   With one dependency down, readiness answers in time; with both down it never does, so the \
#   prober gets no answer."""
# source = "the incident's papers, defect 17"
# scenarios = ["vpc_outage::severed_with_idle_pooled_connections"]
# passes = ["running::one_link_fails[redis]"]
# also = []
# [primary]
# verdict = "answers_in_time"
# cites = [
#   { code = "prober.no_answer", data = { path = "readiness" } },
#   { code = "prober.others_answered", data = { paths = ["health"] } },
# ]
# ///
"""Readiness whose checks each stay below the prober's limit, but not their sum.

Each check may take four fifths of the time that the prober waits. It was tested with one
dependency down.
"""

from __future__ import annotations

import asyncio
import sys

import psycopg
from redis.exceptions import RedisError

from chaoslab.reference.backend import health
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.connections import BoundedConnection
from chaoslab.reference.backend.health import Answer, HealthChecks

CHECK_S = 0.4  # the prober gives up after 0.5 s


async def postgres_answers(backend: Backend) -> bool:
    """Whether a new connection to Postgres succeeds within `CHECK_S` seconds."""
    url = backend.settings.database_url
    try:
        conn = await BoundedConnection.connect(url, connect_limit_s=CHECK_S, io_limit_s=CHECK_S)
    except (psycopg.Error, OSError):
        return False
    conn.pgconn.finish()
    return True


async def redis_answers(backend: Backend) -> bool:
    """Whether Redis answers a ping within `CHECK_S` seconds."""
    client = backend.parts.redis_client(backend.settings.redis_url)
    try:
        async with asyncio.timeout(CHECK_S):
            await client.ping()
    except (RedisError, OSError, TimeoutError):
        return False
    finally:
        await client.aclose()
    return True


async def ready(backend: Backend) -> Answer:
    """The answer of `/health/ready`: 200 if Postgres answers now. Both dependencies are checked at
    each request, one after the other.
    """
    if not backend.record.complete or not backend.accepting:
        return health.ready(backend)
    postgres = await postgres_answers(backend)
    redis = await redis_answers(backend)
    if not postgres:
        body: dict[str, object] = {"status": "not_ready", "dependency": "postgres"}
        return Answer(status=503, body=body)
    return Answer(status=200, body={"status": "ready", "degraded": not redis})


if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(ready=ready)))
