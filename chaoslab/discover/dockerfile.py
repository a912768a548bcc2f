"""Reads a Dockerfile as far as `init` needs it: its command, its port and its variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from chaoslab.discover.checks import path_asked
from chaoslab.discover.interpolation import interpolated
from chaoslab.discover.shell import split

MOST_LINES = 5_000
_FOLDED = re.compile(r"\\[ \t]*\n(?:[ \t]*#[^\n]*\n)*")
_LINE = re.compile(r"(?P<what>[A-Za-z]+)\s+(?P<rest>\S.*)")
_ENV_PAIR = re.compile(r"""([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)""")
_HEREDOC = re.compile(r"<<-?[\"']?(?P<end>[A-Za-z_]\w*)[\"']?")
_STAGE = re.compile(r"(?:--\S+\s+)*(?P<base>\S+)(?:\s+as\s+(?P<name>\S+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """What one stage of a Dockerfile says, with what its base says, if that is a stage as well.

    `shell` says that the entrypoint is a line for a shell, which gets no words of a command. `port`
    is 0 if none is exposed. `arguments` are variables of the build alone. `folder` is the working
    directory inside the image. `notes` say what was not read.
    """

    entrypoint: tuple[str, ...] = ()
    shell: bool = False
    command: tuple[str, ...] = ()
    port: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    health_path: str = ""
    folder: str = ""
    notes: tuple[str, ...] = ()

    def words(self, command: tuple[str, ...] = ()) -> tuple[str, ...]:
        """What a container executes, with `command` in place of the image's own. A path in the
        working directory is relative to it, as the file stands in the folder.
        """
        found = (*self.entrypoint, *(() if self.shell else command or self.command))
        return tuple(
            _relative(word, self.folder, program=not place) for place, word in enumerate(found)
        )


def read_dockerfile(text: str, target: str = "") -> Dockerfile:
    """The stage `target` of the Dockerfile; the last one, if it has none of that name. Raises no
    error: what cannot be read is left out.
    """
    stages: dict[str, Dockerfile] = {}
    current, name = Dockerfile(), ""
    for what, rest in _instructions(text):
        if what == "FROM":
            if name and name == target.lower():
                return current
            stage = _STAGE.match(rest)
            base, name = (
                (stage["base"].lower(), (stage["name"] or "").lower()) if stage else ("", "")
            )
            current = stages.get(base, Dockerfile())
        else:
            current = _with(current, what, rest)
        if name:
            stages[name] = current
    return current


def _with(stage: Dockerfile, what: str, rest: str) -> Dockerfile:
    """The stage after one more instruction."""
    if what in ("ENTRYPOINT", "CMD"):
        words = _words(rest)
        if words is None:
            note = f"{what} is not valid JSON, not read"
            return replace(stage, notes=(*stage.notes, note))
        if what == "CMD":
            return replace(stage, command=words)
        return replace(stage, entrypoint=words, shell=not rest.startswith("["), command=())
    if what == "EXPOSE":
        first = _filled(rest.split(maxsplit=1)[0], stage).partition("/")[0]
        right = first.isascii() and first.isdecimal() and len(first) <= 5 and int(first) < 65536
        return replace(stage, port=int(first)) if right else stage
    if what == "ENV":
        return replace(stage, variables={**stage.variables, **dict(_variables(rest, stage))})
    if what == "ARG":
        return replace(stage, arguments={**stage.arguments, **dict(_variables(rest, stage))})
    if what == "WORKDIR":
        return replace(stage, folder=rest.strip("\"'"))
    if what == "HEALTHCHECK":
        return replace(stage, health_path=path_asked(rest))
    return stage


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """The instructions, without the lines of heredocs."""
    ends: list[str] = []
    lines = _FOLDED.sub(" ", text.replace("\r\n", "\n")).splitlines()
    for line in lines[:MOST_LINES]:
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            continue
        what = match["what"].upper()
        yield what, match["rest"]
        if what in ("RUN", "COPY", "ADD"):
            ends = [each["end"] for each in _HEREDOC.finditer(match["rest"])]


def _words(rest: str) -> tuple[str, ...] | None:
    """The words of a list or of a shell line; None for a list that is not valid JSON."""
    if not rest.startswith("["):
        return split(rest)
    try:
        words = json.loads(rest)
    except (ValueError, RecursionError):
        return None
    if isinstance(words, list) and all(isinstance(w, str) and "\0" not in w for w in words):
        return tuple(words)
    return None


def _variables(rest: str, stage: Dockerfile) -> Iterator[tuple[str, str]]:
    found = _ENV_PAIR.findall(rest)
    if not found and len(parts := rest.split(maxsplit=1)) == 2:
        found = [(parts[0], parts[1])]
    for name, value in found:
        yield name, _filled(value.strip("\"'"), stage)


def _filled(text: str, stage: Dockerfile) -> str:
    return interpolated(text, {**stage.arguments, **stage.variables})


def _relative(word: str, folder: str, *, program: bool) -> str:
    inside = folder.rstrip("/") + "/"
    if inside == "/" or not word.startswith(inside) or len(word) == len(inside):
        return word
    return ("./" if program else "") + word.removeprefix(inside)
