"""Shows the bug without the lab: cut Postgres off while a job waits, and count Redis' commands."""

from __future__ import annotations

import sys
import time
from urllib.parse import urlsplit

import redis
from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server, redis_server
from shared.waiting import wait_until

LOOKS_S = 2.0
MANY = 500


def main() -> int:
    """0 if the one job that waits makes hundreds of commands a second."""
    with postgres_server() as postgres, redis_server() as broker:
        path = Proxy(postgres)
        host = urlsplit(broker)
        server = redis.Redis(host=host.hostname or "", port=host.port or 0)
        with service(__file__, DATABASE_URL=path.url, REDIS_URL=broker) as app:
            accepted = app.keep("before")
            path.cut()
            wait_until(lambda: app.word() == "degraded", within_s=8)
            app.keep("during")
            before = server.info("stats")["total_commands_processed"]
            time.sleep(LOOKS_S)
            count = server.info("stats")["total_commands_processed"] - before
    rate = count / LOOKS_S
    print(f"accepted {accepted}; {rate:.0f} commands a second while Postgres is away")
    return ended(observed=rate > MANY, what="a job that fails is tried again without a pause")


if __name__ == "__main__":
    sys.exit(main())
