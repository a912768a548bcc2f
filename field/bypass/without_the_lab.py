"""Shows the bug without the lab: cut the configured path, and write meanwhile."""

from __future__ import annotations

import sys

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server


def main() -> int:
    """0 if notes were kept while the configured path was cut."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            before = [app.keep("before") for _ in range(4)]
            path.cut()
            word = app.word()
            during = [app.keep("during") for _ in range(10)]
    print(f"before {before}; while the path was cut: health {word}, {during}")
    past = word == "degraded" and during.count(201) == len(during)
    return ended(observed=past, what="notes are kept past the configured path")


if __name__ == "__main__":
    sys.exit(main())
