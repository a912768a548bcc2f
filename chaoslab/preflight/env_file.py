"""Files of `NAME=value` lines, as `docker run --env-file` and shells take them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from chaoslab.errors import Problem, SpecError

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)", re.ASCII)


def read_env_file(path: Path) -> Mapping[str, str]:
    """The variables. Raises SpecError; its text never shows a line, which may hold a secret."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise SpecError([Problem(where=str(path), what="no such file")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise SpecError([Problem(where=str(path), what=f"cannot be read: {reason}")]) from None
    values: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line.strip())
        if match:
            values[match["name"]] = _unquoted(match["value"])
        elif line.strip() and not line.lstrip().startswith("#"):
            where = f"{path}:{number}"
            problems.append(Problem(where=where, what="no variable", expected="NAME=value"))
    if problems:
        raise SpecError(problems)
    return values


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
