"""The scripts that bring an engine, images, wheels and Compose: what they say when they cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from docker_cli import SETUP, TOP, run

SCRIPTS = sorted((TOP / "docker").glob("**/*.sh"))
NO_ENGINE = "tcp://127.0.0.1:1"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.relative_to(TOP)))
def test_a_script_is_plain_shell(script: Path) -> None:
    """It parses in any POSIX shell, and stops at the first failure unless another reads it."""
    assert run("sh", "-n", script).returncode == 0
    text = script.read_text()
    assert script.name == "lib.sh" or "\nset -eu\n" in text
    assert script.name == "lib.sh" or os.access(script, os.X_OK)
    assert "[[" not in text
    assert "://" not in text.replace("unix://", "")  # whose index or mirror is the machine's to say


def test_no_image_floats() -> None:
    """Every image named has a tag, and none is latest."""
    texts = [path.read_text() for path in (TOP / "docker").glob("**/Dockerfile")]
    texts += [script.read_text() for script in SCRIPTS]
    assert not [text for text in texts if "latest" in text]
    bases = re.findall(r"^FROM (\S+)", "\n".join(texts), flags=re.MULTILINE)
    assert set(bases) == {"$BASE", "scratch"}


def test_the_readme_tells_of_every_script_and_image() -> None:
    """Names in the README are the names in the scripts."""
    readme = (SETUP / "README.md").read_text()
    names = dict(re.findall(r"^([A-Z_]+)=(\S+)$", (SETUP / "images.sh").read_text(), re.MULTILINE))
    for key in ("POSTGRES", "REDIS", "TOXIPROXY", "PYTHON"):
        filled = re.sub(r"\$([A-Z_]+)", lambda found: names[found[1]], names[key])
        assert f"`{filled}`" in readme
    for script in SETUP.glob("*.sh"):
        assert script.name == "lib.sh" or f"`{script.name}`" in readme


def test_an_engine_elsewhere_that_does_not_answer_is_told_in_one_line() -> None:
    """Exit 3: nothing is installed or started for an engine that DOCKER_HOST wants elsewhere."""
    done = run("sh", SETUP / "engine.sh", DOCKER_HOST=NO_ENGINE)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"DOCKER_HOST={NO_ENGINE}" in done.stderr


@pytest.mark.parametrize("script", ["images.sh", "wheels.sh"])
def test_what_needs_an_engine_says_so_with_the_mend(script: str) -> None:
    """Exit 1, before anything is downloaded."""
    done = run("sh", SETUP / script, DOCKER_HOST=NO_ENGINE)
    assert done.returncode == 1
    assert "no Docker engine answers" in done.stderr
    assert "engine.sh" in done.stderr


def test_without_go_and_apt_there_is_no_compose_and_one_line_says_why(tmp_path: Path) -> None:
    """Exit 3 on a machine that has neither."""
    for tool in ("sh", "dirname", "basename", "id"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    done = subprocess.run(
        [str(tmp_path / "sh"), SETUP / "compose.sh"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("compose.sh: no Compose: ")


def test_an_engine_that_answers_is_told_in_one_line(engine: None) -> None:
    """And left as it is."""
    done = run("sh", SETUP / "engine.sh")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"engine\.sh: Docker engine \S+ answers\n", done.stdout)
