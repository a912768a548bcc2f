"""Shows the bug without the lab: cut the path while the server is read-only, then promote it."""

from __future__ import annotations

import sys
import time

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server
from shared.waiting import wait_until


def main() -> int:
    """0 if health is green after the promotion, and no note is kept."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            before = [app.keep("before") for _ in range(4)]
            app.ask("/demote", {})
            path.cut()
            during = [app.keep("during") for _ in range(2)]
            path.restore()
            time.sleep(3)
            app.ask("/promote", {})
            healthy = wait_until(lambda: app.word() == "healthy", within_s=8)
            [app.keep("soon after") for _ in range(6)]
            after = [app.keep("after") for _ in range(6)]
    print(f"before {before}, during {during}, healthy again: {healthy}, after {after}")
    return ended(observed=healthy and 201 not in after, what="every note is refused")


if __name__ == "__main__":
    sys.exit(main())
