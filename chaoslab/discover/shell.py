"""Splits a command line into words, as a shell would; a line that only a shell can read stays."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

MOST_CHARACTERS = 10_000  # of a line that is split
_EXPANDED = ("$", "`", "*", "~")
_OPERATORS = frozenset("();<>|&")
_SHELLS = frozenset(("sh", "bash", "ash", "dash", "zsh"))
# Words that only a shell knows.
_BUILTINS = frozenset(
    (".", "[", "cd", "export", "if", "set", "source", "trap", "ulimit", "umask", "while")
)
# Programs that an image starts as its first process. They pass signals on, and start what follows.
_FIRST = frozenset(("tini", "tini-static", "dumb-init", "catatonit", "docker-init"))


def split(line: str) -> tuple[str, ...]:
    """The words of a command line; `sh -c` with the whole line if a shell must read it. Empty for
    an empty line.
    """
    line = " ".join(line.split())
    if not line:
        return ()
    if len(line) > MOST_CHARACTERS:
        return ("sh", "-c", line)
    try:
        words = shlex.split(line)
        operators = _has_operators(line)
    except ValueError:  # an open quote
        return ("sh", "-c", line)
    if words[:1] == ["exec"] and not operators:
        rest = split(line.removeprefix("exec"))
        return ("sh", "-c", line) if rest[:2] == ("sh", "-c") else rest
    if not operators and is_shell_line(words):
        return tuple(words)
    if not words or operators or words[0] in _BUILTINS or any(m in line for m in _EXPANDED):
        return ("sh", "-c", line)
    return tuple(words)


def is_shell_line(words: Sequence[str]) -> bool:
    """Whether the words are a shell and one line for it, as in `bash -c "migrate && serve"`."""
    return (
        len(words) == 3
        and words[0].rpartition("/")[2] in _SHELLS
        and words[1].startswith("-")
        and words[1].endswith("c")
    )


def without_first(words: Sequence[str]) -> tuple[str, ...]:
    """The words without the programs of an image that only start what follows: `tini --`, and a
    script such as `/docker-entrypoint.sh`.
    """
    program, *rest = words or ("",)
    name = program.rpartition("/")[2]
    if name in _FIRST:
        while rest and rest[0].startswith("-"):
            if rest.pop(0) == "--":
                break
    elif "entrypoint" not in name or rest[:1] == [] or rest[0].startswith("-"):
        return tuple(words)
    return without_first(rest) if rest else tuple(words)


def _has_operators(line: str) -> bool:
    """Whether the line has operators such as `&&` outside of quotes."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=True)
    reader.whitespace_split, reader.commenters = True, ""
    return any(word and not {*word} - _OPERATORS for word in reader)
