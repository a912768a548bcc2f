"""The README's own words, run as a newcomer would run them."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
_TITLED = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```", re.M | re.S)
_TOUR = re.compile(r"^```sh tour\n(.*?)^```", re.M | re.S)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tour(folder: Path) -> list[str]:
    """Write the files of the README's tour, and give its commands."""
    text = README.read_text(encoding="utf-8")
    for name, content in _TITLED.findall(text):
        (folder / name).write_text(content, encoding="utf-8")
    return [line for block in _TOUR.findall(text) for line in block.splitlines()]


def test_the_tours_commands_work_as_written(tmp_path: Path) -> None:
    """A newcomer who copies every block gets a PASS of a scenario of his own."""
    commands = tour(tmp_path)
    assert len(commands) >= 2
    for command in commands:
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout


def test_the_tours_broken_app_is_refused(tmp_path: Path) -> None:
    """Without its `except` the app stops answering, and the scenario fails."""
    *_, last = tour(tmp_path)
    app = tmp_path / "app.py"
    app.write_text(app.read_text().replace("redis.RedisError", "ZeroDivisionError"))
    done = run(last, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL" in done.stdout
    assert "Traceback" not in done.stdout


def test_nothing_in_the_readme_waits_to_be_filled_in() -> None:
    """No placeholder of a figure, and no marker of a block."""
    text = README.read_text(encoding="utf-8")
    assert not re.findall(r"@@|<!--|TODO", text)


def test_every_file_that_the_readme_points_to_exists() -> None:
    """No dead links."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text(encoding="utf-8"))
    assert links
    assert not [link for link in links if not (README.parent / link).exists()]


@pytest.mark.parametrize("repository", ["", "https://example.org/some/where/"])
def test_an_index_page_has_no_link_that_leads_nowhere(repository: str) -> None:
    """A link to a file becomes one into the repository; where none is named, the file's name."""
    text = README.read_text(encoding="utf-8")
    page = runpy.run_path(str(README.parent / "setup.py"))["index_page"](text, repository)
    links = re.findall(r"\]\(([^)]+)", page)
    assert all(link.startswith(("https://", "#")) for link in links)
    whole = "https://example.org/some/where/blob/main/docs/gate.md"
    assert (f"[docs/gate.md]({whole})" if repository else "docs/gate.md") in page
