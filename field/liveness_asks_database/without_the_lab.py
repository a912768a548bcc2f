"""Shows the bug without the lab: cut the path to Postgres, and ask as a platform does."""

from __future__ import annotations

import sys

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server


def main() -> int:
    """0 if liveness failed during the outage, while health answered that it is degraded."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            before = app.ask("/live")[0]
            path.cut()
            during, health = app.ask("/live")[0], app.ask("/health")
            print(f"liveness: {before}, during the outage {during}; health then: {health}")
    failed = (before, during, health[1]["status"]) == (200, 503, "degraded")
    return ended(observed=failed, what="liveness fails because the database is lost")


if __name__ == "__main__":
    sys.exit(main())
