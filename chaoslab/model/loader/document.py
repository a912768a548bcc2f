"""Finds the file of a topology and reads its table, with the errors of a file that cannot
be read.
"""

from __future__ import annotations

import os.path
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaoslab.errors import NOT_UTF8, NOT_VALID, UNREADABLE, ErrorCode, Problem, SpecError
from chaoslab.model.loader.mistakes import Place
from chaoslab.reason import Reason

OWN_FILE = "chaoslab.toml"
SHARED_FILE = "pyproject.toml"
_TABLE: Place = ("tool", "chaoslab")
_TOML_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

NO_FILE = ErrorCode("topology.no_file", "no such file", "The topology file does not exist.")
NOT_FOUND = ErrorCode(
    "topology.not_found",
    f"no {OWN_FILE} and no [tool.chaoslab] here or in a folder above",
    "No topology was named, and none was found.",
)
NOT_IN_FOLDER = ErrorCode(
    "topology.not_in_folder",
    f"it has no {OWN_FILE} and no [tool.chaoslab]",
    "The folder that was named has no topology.",
)
NO_TABLE = ErrorCode(
    "topology.no_table", "has no table [tool.chaoslab]", "The pyproject.toml has no topology."
)
NOT_A_TABLE = ErrorCode(
    "topology.not_a_table",
    "tool.chaoslab is not a table",
    "The value at `tool.chaoslab` in pyproject.toml is not a table.",
)
TWO_FILES = ErrorCode(
    "topology.two_files",
    f"{SHARED_FILE} in the same folder also has [tool.chaoslab]",
    "A folder has two topologies, and none of them was named.",
)


def find_topology(start: Path) -> Path:
    """The nearest `chaoslab.toml`, or `pyproject.toml` with `[tool.chaoslab]`, in this folder or
    above.

    Raises SpecError if there is none, or if one folder has both.
    """
    for folder in (start, *start.parents):
        found = _file_in(folder)
        if found is not None:
            return found
    raise _no_topology(str(start), NOT_FOUND())


def topology_file(path: Path | None) -> Path:
    """The topology file to read: `path`, the topology file in the folder `path`, or, if `path` is
    None, the nearest one.

    Raises SpecError if there is none.
    """
    if path is None:
        return find_topology(_here())
    if not os.path.isdir(path):
        return path
    found = _file_in(path)
    if found is None:
        raise _no_topology(str(path), NOT_IN_FOLDER())
    return found


def table_place(path: Path) -> tuple[str, ...]:
    """The keys of the topology's table in the file. Empty means that the whole file is
    the table.
    """
    return ("tool", "chaoslab") if path.name == SHARED_FILE else ()


def topology_table(path: Path) -> Mapping[str, object]:
    """The topology's table of a file, not checked. Raises SpecError if the file cannot be read, or
    if it has no such table.
    """
    document = _document(path)
    return _shared_table(document, shown(path)) if path.name == SHARED_FILE else document


def shown(path: Path) -> str:
    """The path as messages show it: relative, if it is below the working directory."""
    here = _here()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises SpecError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _no_topology(shown(path), NO_FILE()) from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise SpecError([Problem(reason=UNREADABLE(cause=cause), where=shown(path))]) from None


def parsed(data: bytes, file: str) -> dict[str, Any]:
    """The TOML document in these bytes. `file` is the name of the file for the error. Raises
    SpecError, with the line, if the bytes are not valid TOML.
    """
    try:
        # some editors write a byte order mark
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(
            reason=NOT_UTF8(),
            where=f"{file}:{line}",
            got=f"the byte 0x{data[error.start]:02x}",
            fix="save the file as UTF-8",
        )
    except ValueError as error:
        problem = _syntax_problem(file, str(error), data)
    except RecursionError:
        problem = Problem(reason=NOT_VALID(format="TOML", cause="nested too deeply"), where=file)
    raise SpecError([problem])


# The tests of os.path answer False if those of pathlib raise: no permission, a long name.
def _file_in(folder: Path) -> Path | None:
    own, shared = folder / OWN_FILE, folder / SHARED_FILE
    if not os.path.isfile(own):
        return shared if os.path.isfile(shared) and _has_table(_document(shared)) else None
    if os.path.isfile(shared) and _has_table(_document_if_valid(shared)):
        raise SpecError(
            [
                Problem(
                    reason=TWO_FILES(),
                    where=shown(own),
                    expected="one of the two",
                    fix="remove one, or give the file by name",
                )
            ]
        )
    return own


def _document(path: Path) -> Mapping[str, object]:
    return parsed(read_bytes(path), shown(path))


def _document_if_valid(path: Path) -> Mapping[str, object]:
    """The TOML document in the file. Empty if the file cannot be read or is not valid TOML."""
    try:
        return _document(path)
    except SpecError:
        return {}


def _has_table(document: Mapping[str, object]) -> bool:
    tool = document.get("tool")
    return isinstance(tool, dict) and "chaoslab" in tool


def _shared_table(document: Mapping[str, object], file: str) -> Mapping[str, object]:
    tool = document.get("tool")
    table = tool.get("chaoslab") if isinstance(tool, dict) else None
    if isinstance(table, dict):
        return table
    raise _no_topology(file, NO_TABLE() if table is None else NOT_A_TABLE())


def _syntax_problem(file: str, message: str, data: bytes) -> Problem:
    position = _TOML_POSITION.search(message)
    cause = message[: position.start()] if position else message
    where = file
    if position and position[1] is None:
        lines = data.count(b"\n") + 1
        where, cause = f"{file}:{lines}", f"{cause}, at the end"
    elif position:
        where = f"{file}:{position[1]}:{position[2]}"
    return Problem(reason=NOT_VALID(format="TOML", cause=cause), where=where)


def _no_topology(where: str, reason: Reason) -> SpecError:
    fix = f"write a {OWN_FILE}, as `chaoslab init` does for a service; or give the file by name"
    return SpecError([Problem(reason=reason, where=where, expected="a topology", fix=fix)])


def _here() -> Path:
    """The working directory, or `.` if the directory was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()
