"""Shows the bug without the lab: silence the path, and restore it for new connections only."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server
from shared.waiting import wait_until


def main() -> int:
    """0 if health is green after the outage, and no note is kept."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app, ThreadPoolExecutor() as users:
            before = [app.keep("before") for _ in range(4)]
            path.silence()
            during = list(users.map(app.keep, ["during"] * 4))
            time.sleep(1)
            path.replace()
            time.sleep(3)
            healthy = wait_until(lambda: app.word() == "healthy", within_s=8)
            after = list(users.map(app.keep, ["after"] * 6))
    print(f"before {before}, during {during}, healthy again: {healthy}, after {after}")
    return ended(observed=healthy and 201 not in after, what="every note is refused")


if __name__ == "__main__":
    sys.exit(main())
