"""The options of the plugin. Every pytest session loads this, so it imports nothing heavy."""

from __future__ import annotations

import pytest

from chaoslab.runtimes.table import DEFAULT, LOCAL, LOCAL_RUNTIMES, NAMES, TABLE


def add_options(parser: pytest.Parser) -> None:
    """Add the options of the plugin, in the group `chaoslab`."""
    group = parser.getgroup("chaoslab", "fault injection")
    group.addoption(
        "--chaos-proxy",
        choices=("embedded", "toxiproxy"),
        help="the proxy on the links: the embedded engine (default for local runtimes), or a real "
        "Toxiproxy (default for the others; loopback needs toxiproxy-server on PATH)",
    )
    group.addoption(
        "--chaos-runtime",
        choices=NAMES,
        default=DEFAULT,
        help=f"where it runs; {LOCAL}: {' where it can run, else '.join(LOCAL_RUNTIMES)}; what the "
        "lab starts: " + ", ".join(f"{entry.name} ({entry.starts})" for entry in TABLE.values()),
    )
    group.addoption("--chaos-seed", type=int, help="the seed of a run to repeat its random choices")
    group.addoption("--chaos-results", metavar="DIR", help="save runs in this folder (results/)")
    group.addoption(
        "--chaos-topology",
        metavar="FILE",
        help="the topology file (default: the nearest chaoslab.toml, or pyproject.toml with "
        "[tool.chaoslab])",
    )
    group.addoption(
        "--chaos-command",
        metavar="APP=COMMAND",
        action="append",
        default=[],
        help="test another build of an app: its command replaces the topology's; may be repeated",
    )
    group.addoption(
        "--chaos-report",
        metavar="FILE",
        help="write a JSON object to FILE for each test when it ends, one a line",
    )
    group.addoption(
        "--chaos-disable",
        metavar="MUTATION:FAULT",
        help="self-test: disable this fault while the lab believes that it is in force (MUTATION: "
        "inert, bypassed or inert-to-app); the run must end UNKNOWN",
    )
    group.addoption(
        "--chaos-max-lag-s",
        metavar="SECONDS",
        type=float,
        help="if the lab itself is delayed by more than this, verdicts about times are UNKNOWN "
        "(0.5); saved with each plan",
    )
    group.addoption(
        "--chaos-plan-only",
        action="store_true",
        help="save the first plan of each scenario and do not run it",
    )
    group.addoption(
        "--chaos-progress",
        choices=("auto", "on", "off"),
        default="auto",
        help="print progress while a scenario runs (auto: on, except with -q or xdist)",
    )
