"""Reads files of `NAME=value` lines, as `docker run --env-file` and shells do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.preflight.document import read_text

NOT_A_VARIABLE = ErrorCode(
    "env_file.not_a_variable", "not a variable", "A line of an env file does not set a variable."
)
_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)", re.ASCII)


def read_env_file(path: Path) -> Mapping[str, str]:
    """Maps the name of each variable in the file to its value.

    Raises SpecError for a line that sets no variable. The error never quotes a line, which may hold
    a secret.
    """
    values: dict[str, str] = {}
    problems = []
    for number, line in enumerate(read_text(path, str(path)).splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match:
            values[match["name"]] = _unquoted(match["value"])
        elif line.strip() and not line.lstrip().startswith("#"):
            where = f"{path}:{number}"
            problem = Problem(reason=NOT_A_VARIABLE(), where=where, expected="NAME=value")
            problems.append(problem)
    if problems:
        raise SpecError(problems)
    return values


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
