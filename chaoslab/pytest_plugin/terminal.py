"""What the plugin prints: progress lines, the table at the end, where the run was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chaoslab.errors import ChaoslabError
from chaoslab.printable import each_line, one_line
from chaoslab.pytest_plugin.run import RUN


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table of start-up latencies, and where the run was saved."""
    run = config.stash[RUN]
    if hasattr(config, "workerinput") or not any(run.folder.glob("*/history.jsonl")):
        return
    from chaoslab.report.summary import summary

    terminalreporter.section("chaoslab")
    try:
        for text in summary(run.folder):
            terminalreporter.write_line(one_line(text))
    except ChaoslabError as error:  # a history that cannot be read must not hide the outcome
        terminalreporter.write_line(each_line(f"no table: {error}"), red=True)
    terminalreporter.write_line(f"seed {run.seed}; saved in {shown(run.folder)}")


def shows_progress(config: pytest.Config) -> bool:
    """Whether progress lines are printed: as the option says, by default not with -q or xdist."""
    wanted = config.getoption("--chaos-progress")
    if wanted == "auto":
        return config.get_verbosity() >= 0 and not hasattr(config, "workerinput")
    return bool(wanted == "on")


def tell(config: pytest.Config, text: str) -> None:
    """Print a line at once, past pytest's capture."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is not None and capture is not None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(text)


def shown(path: Path) -> str:
    """A path as it is printed: relative to the working directory where it is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
