"""Shows the bug without the lab: SIGTERM while Postgres is silent."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server

GRACE_S = 10.0


def main() -> int:
    """0 if the process still runs some seconds after SIGTERM."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            before = app.keep("before")
            path.silence()
            for _ in range(2):
                threading.Thread(target=app.keep, args=("during",), daemon=True).start()
            time.sleep(0.5)
            app.process.terminate()
            try:
                code: object = app.process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                code = None
    print(f"before {before}; exit code within {GRACE_S} s of SIGTERM: {code}")
    return ended(observed=before == 201 and code is None, what="it does not end")


if __name__ == "__main__":
    sys.exit(main())
