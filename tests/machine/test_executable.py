"""Whether a program can be executed: the same answer as that of a spawn."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from chaoslab.machine.executable import execution_error

SCRIPT = "#!/bin/sh\nexit 0\n"


def put(file: Path, text: str = SCRIPT, mode: int = 0o755) -> Path:
    """A file with that text and mode."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def places(folder: Path) -> dict[str, str]:
    """The environment of the tests: PATH has a folder that cannot be used before a good one."""
    put(folder / "first" / "plain", mode=0o644)
    put(folder / "second" / "plain")
    put(folder / "first" / "only", mode=0o644)
    put(folder / "second" / "moved", "#!/no/such/python\n")
    put(folder / "second" / "crlf", "#!/bin/sh\r\nexit 0\r\n")
    put(folder / "second" / "blanks", "#! \t/bin/sh -e\nexit 0\n")
    put(folder / "here.sh")
    put(folder / "data", "words", mode=0o644)
    return {"PATH": f"{folder / 'first'}:{folder / 'none'}:{folder / 'second'}"}


@pytest.mark.parametrize(
    ("program", "runs"),
    [
        ("plain", True),
        ("./here.sh", True),
        ("second/plain", True),
        ("/bin/sh", True),
        ("blanks", True),
        ("only", False),
        ("moved", False),
        ("crlf", False),
        ("absent", False),
        ("./absent.sh", False),
        ("data", False),
        ("./data", False),
        ("./second", False),
        ("./data/below", False),
        ("/no/such/program", False),
    ],
)
def test_it_finds_the_error_with_which_the_spawn_would_fail(
    tmp_path: Path, program: str, runs: bool
) -> None:
    """The text and the type are those of a real spawn, so that both are reported alike."""
    env = places(tmp_path)
    found = execution_error(program, folder=tmp_path, env=env)
    assert (found is None) == runs
    with nullcontext() if found is None else pytest.raises(type(found), match=exactly(found)):
        subprocess.run([program], env=env, cwd=tmp_path, check=True)


def exactly(error: OSError) -> str:
    """A pattern of the whole text of an error."""
    return f"^{re.escape(str(error))}$"


def test_without_path_the_usual_folders_are_searched(tmp_path: Path) -> None:
    """As the system does: a shell is found, an unknown name is not."""
    assert os.defpath
    assert execution_error("sh", folder=tmp_path, env={}) is None
    assert isinstance(execution_error("no-such", folder=tmp_path, env={}), FileNotFoundError)
