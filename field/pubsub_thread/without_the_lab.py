"""Shows the bug without the lab: cut Redis off for some seconds."""

from __future__ import annotations

import sys
import time

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server, redis_server
from shared.waiting import wait_until


def main() -> int:
    """0 if health is green after the outage, and no note is kept."""
    with postgres_server() as postgres, redis_server() as redis:
        path = Proxy(redis)
        url = Proxy(postgres).url
        with service(__file__, DATABASE_URL=url, REDIS_URL=path.url) as app:
            before = [app.keep(f"before {n}") for n in range(3)]
            path.cut()
            time.sleep(3)
            path.restore()
            healthy = wait_until(lambda: app.word() == "healthy", within_s=8)
            time.sleep(1)
            after = [app.keep(f"after {n}") for n in range(5)]
    print(f"before {before}, healthy again: {healthy}, after {after}")
    return ended(observed=healthy and 201 not in after, what="nobody stores a note")


if __name__ == "__main__":
    sys.exit(main())
