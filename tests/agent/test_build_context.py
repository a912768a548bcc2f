"""The build context of the agent's image has all files that the image needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaoslab.agent import build_context


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The context's files in a folder, as they are in the image."""
    for name, content in build_context.files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python that has only the standard library and this folder (-I would hide the folder)."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {arguments[0]}"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, *arguments[1:]],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20.0, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("program", ["chaoslab.agent", "chaoslab.engine"])
def test_both_programs_start_from_the_context_alone(copied: Path, program: str) -> None:
    """With the standard library only; the agent ends because it has no stdin."""
    start = f"import runpy; runpy.run_module({program!r}, run_name='__main__', alter_sys=True)"
    arguments = ["--port=0", "--until-eof"] if program.endswith("engine") else []
    done = run(copied, start, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_module_of_the_context_can_be_imported_from_it(copied: Path) -> None:
    """Also those that are not imported at the start."""
    names = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in build_context.files()
        if name.startswith("chaoslab/") and name.endswith(".py") and "__main__" not in name
    ]
    assert len(names) > 30
    done = run(copied, f"import importlib; [importlib.import_module(n) for n in {names}]")
    assert done.returncode == 0, done.stderr


def test_an_image_reports_the_hash_of_its_build_context(copied: Path) -> None:
    """The copy reports the same hash as the original, so an outdated image is detected."""
    ask = "from chaoslab.agent.build_context import content_hash; print(content_hash())"
    assert run(copied, ask).stdout.strip() == build_context.content_hash()
    (copied / "chaoslab/agent/iptables_rules.py").write_bytes(b"# another one\n")
    assert run(copied, ask).stdout.strip() != build_context.content_hash()


def test_the_dockerfile_is_at_the_root_of_the_context() -> None:
    """A build looks for it there."""
    files = build_context.files()
    assert files["Dockerfile"] == files["chaoslab/agent/Dockerfile"]
    assert b"ARG BASE=" in files["Dockerfile"]
