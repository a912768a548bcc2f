"""Shows the bug without the lab: cut the path to MySQL for a moment."""

from __future__ import annotations

import sys

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import mysql_server
from shared.waiting import wait_until


def main() -> int:
    """0 if no request was served after the outage."""
    with mysql_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            print(f"answer before the outage: {app.keep('before')}")
            path.cut()
            print(f"answer during it: {app.keep('during')}")
            path.restore()
            came_back = wait_until(lambda: app.keep("after") == 201, within_s=5)
            print(f"served again within 5 s: {came_back}")
    return ended(observed=not came_back, what="each request fails after an outage")


if __name__ == "__main__":
    sys.exit(main())
