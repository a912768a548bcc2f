"""The pytest plugin: the `chaos` fixture, the options and the hooks.

Pytest loads it in every session of every project that has chaoslab installed, so nothing heavy is
imported before a test uses `chaos`. Pytest finds the hooks and the fixture by their names in this
module.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chaoslab.errors import ChaoslabError
from chaoslab.gate.report_hooks import ReportWriter
from chaoslab.printable import each_line, one_line
from chaoslab.pytest_plugin.awaiting import pytest_runtest_call
from chaoslab.pytest_plugin.fixture import Chaos, chaos
from chaoslab.pytest_plugin.options import add_options
from chaoslab.pytest_plugin.run import RUN, Run
from chaoslab.pytest_plugin.terminal import pytest_terminal_summary, tell

__all__ = ["Chaos", "chaos", "pytest_runtest_call", "pytest_terminal_summary"]


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RUN] = Run(config)
    if (report := config.getoption("--chaos-report")) and not hasattr(config, "workerinput"):
        try:
            writer = ReportWriter(Path(report), config.rootpath)
            config.pluginmanager.register(writer, "chaoslab-report")
        except OSError as error:
            raise pytest.UsageError(f"--chaos-report {report}: {error.strerror}") from None


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if (run := config.stash.get(RUN, None)) is not None:
        run.end_interrupts()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give every xdist worker the same run folder and the same seed."""
    run = node.config.stash[RUN]
    node.workerinput.update(
        chaos_seed=run.seed, chaos_folder=str(run.folder), chaos_controller=os.getpid()
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    if any("chaos" in getattr(item, "fixturenames", ()) for item in session.items):
        run = session.config.stash[RUN]
        run.load_topology(session.config)
        for line in run.touches:
            tell(session.config, one_line(line))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the parts that the scenarios shared, and the run's folder if it is empty.

    If a part cannot be removed, the exit status of the session is an error.
    """
    run = session.config.stash[RUN]
    with suppress(OSError):  # it is empty if nothing ran
        run.folder.rmdir()
    try:
        run.close()
    except ChaoslabError as error:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(each_line(f"\nchaoslab: {error}"), red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
