"""Shows the bug without the lab: cut the path to Postgres while no request is under way."""

from __future__ import annotations

import sys

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server
from shared.waiting import wait_until


def main() -> int:
    """0 if the process ended."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            print(f"answer before the outage: {app.keep('before')}")
            path.cut()
            exited = wait_until(lambda: app.process.poll() is not None, within_s=3)
            print(f"exit code of the process: {app.process.poll()}")
    return ended(observed=exited, what="an outage ends a process that was idle")


if __name__ == "__main__":
    sys.exit(main())
