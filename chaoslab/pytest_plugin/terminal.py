"""The output of the plugin: progress lines, the table at the end, and where the run is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chaoslab.errors import ChaoslabError
from chaoslab.printable import each_line, one_line
from chaoslab.pytest_plugin.run import RUN


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table of start-up times, the seed of the run, and the folder in which the run is
    saved.
    """
    run = config.stash[RUN]
    if hasattr(config, "workerinput") or not any(run.folder.glob("*/history.jsonl")):
        return
    from chaoslab.report.summary import summary

    terminalreporter.section("chaoslab")
    try:
        for text in summary(run.folder):
            terminalreporter.write_line(one_line(text))
    except ChaoslabError as error:  # a damaged history must not hide the outcome of the tests
        terminalreporter.write_line(each_line(f"no table: {error}"), red=True)
    terminalreporter.write_line(f"seed {run.seed}; saved in {shown(run.folder)}")


def shows_progress(config: pytest.Config) -> bool:
    """Whether to print progress lines, as --chaos-progress says.

    With `auto` they are printed, but not with -q or in a worker of xdist.
    """
    wanted = config.getoption("--chaos-progress")
    if wanted == "auto":
        return config.get_verbosity() >= 0 and not hasattr(config, "workerinput")
    return bool(wanted == "on")


def tell(config: pytest.Config, text: str) -> None:
    """Print a line on the terminal at once, also while pytest captures the output."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is not None and capture is not None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(text)


def shown(path: Path) -> str:
    """The path as text, relative to the working directory if it is inside it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
