"""A user's project in a folder of its own, in which pytest and chaoslab run as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

WITHIN_S = 300.0  # for several pytests one after the other, on a busy machine
CHAOSLAB = "chaoslab.cli"
# For a pytest whose tests draw no examples: that plugin imports all of Hypothesis at the end of
# every session, which is a third of what a small session costs.
NO_HYPOTHESIS = "-pno:hypothesispytest"
# With one of these set, pytest prints each failure's message a second time, in its summary.
CI_MARKS = ("CI", "BUILD_NUMBER")


class Project:
    """A folder, and commands that run in it. `files` are written first, their paths relative to it.

    A command gets this process's environment without the marks of a CI job, and `env` over it: its
    output is the same wherever the tests run.
    """

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        for name, text in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def start(self, module: str, *words: str, **env: str) -> subprocess.Popen[str]:
        """`python -m MODULE WORDS`, all of whose output can be read from `stdout`."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=self.folder,
            env={**{name: os.environ[name] for name in os.environ if name not in CI_MARKS}, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(
        self, module: str, *words: str, within_s: float = WITHIN_S, **env: str
    ) -> tuple[int, str]:
        """The same to its end: the exit code and all that it printed.

        It is killed after `within_s`, and subprocess.TimeoutExpired is raised.
        """
        with self.start(module, *words, **env) as process:
            try:
                printed, _ = process.communicate(timeout=within_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return process.returncode, printed

    def pytest(self, *words: str, within_s: float = WITHIN_S, **env: str) -> tuple[int, str]:
        """pytest's exit code and output."""
        return self.run("pytest", *words, within_s=within_s, **env)

    def chaoslab(self, *words: str, **env: str) -> tuple[int, str]:
        """chaoslab's exit code and output, which is never a traceback."""
        code, printed = self.run(CHAOSLAB, *words, **env)
        assert "Traceback (most recent call last)" not in printed, printed
        return code, printed

    @property
    def runs(self) -> list[Path]:
        """The folders of its runs."""
        return sorted((self.folder / "results").glob("*"))
