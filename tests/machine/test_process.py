"""What a lab says of a process that it could not spawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.machine.process import not_executed, working_folder


def test_a_working_directory_that_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names it, and the problem says that it is no folder: the program may be there."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    assert working_folder() == str(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(FileNotFoundError) as raised:
        working_folder()
    problem = not_executed(("python",), None, raised.value)
    assert problem.fix.startswith("it should run in the working directory, which is no folder")
