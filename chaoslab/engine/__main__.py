"""`python -m chaoslab.engine`: a drop-in Toxiproxy server."""

from __future__ import annotations

import argparse
import sys

from chaoslab.engine.main import Options, serve


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m chaoslab.engine",
        description="A TCP proxy with Toxiproxy's HTTP API, toxics, and connect-phase faults.",
    )
    parser.add_argument("--host", default="localhost", help="address of the API (localhost)")
    parser.add_argument("--port", type=int, default=8474, help="port of the API; 0: a free one")
    parser.add_argument("--seed", type=int, help="seed of jitter, slices and toxicity")
    parser.add_argument("--config", help="JSON file with proxies to create, as POST /populate")
    parser.add_argument("--until-eof", action="store_true", help="exit when stdin ends")
    given = parser.parse_args()
    return serve(Options(**vars(given)))


sys.exit(main())
