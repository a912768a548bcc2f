"""The deployment file: read, chosen from, and asked for places and variables."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from pathlib import Path

from chaoslab.errors import Problem, SpecError
from chaoslab.model.deployment_path import Key, parsed
from chaoslab.preflight.node import Items, Node, Nothing, Table, found
from chaoslab.preflight.toml_file import toml_document
from chaoslab.preflight.yaml_file import yaml_documents

MOST_BYTES = 1_000_000
_WANTED = "a deployment file in YAML or TOML"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A deployment file; `file` is its path as it is shown, `root` goes before the paths."""

    file: str
    documents: tuple[Node, ...]
    root: str = ""

    def at(self, path: str) -> Node | Nothing:
        """The one place that a path leads to.

        A path that begins with `[` chooses among the documents of the file; any other goes on from
        `root`, or from the only document. Raises SpecError where it does not choose one.
        """
        steps = parsed(path)
        if self.root and isinstance(steps[0], Key):
            steps = (*parsed(self.root), *steps)
        if not isinstance(steps[0], Key):
            return found(Items(line=1, items=self.documents), steps)
        if len(self.documents) == 1:
            return found(self.documents[0], steps)
        lines = ", ".join(str(each.line) for each in self.documents)
        raise SpecError(
            [
                Problem(
                    where=self.file,
                    what=f"has {len(self.documents)} documents, at lines {lines};"
                    f" '{path}' does not choose one",
                    expected="a path that chooses one, for example [kind=Service].spec",
                    fix="write the choice before the path, or set deployment.root",
                )
            ]
        )

    def where(self, line: int) -> str:
        """A line of the file, as messages have it."""
        return f"{self.file}:{line}"


def read_document(path: Path, root: str = "") -> Document:
    """Read a deployment file. Raises SpecError for one that cannot be used."""
    file = _shown(path)
    text = _text(path, file)
    read = toml_document if path.suffix.lower() == ".toml" else yaml_documents
    documents = read(text, file)
    if not documents:
        raise SpecError([Problem(where=file, what="empty", expected=_WANTED)])
    bare = [each for each in documents if not isinstance(each, Table)]
    if bare:
        what = "a list at the top" if isinstance(bare[0], Items) else "a single text at the top"
        where = f"{file}:{bare[0].line}"
        raise SpecError([Problem(where=where, what=what, expected="keys, for example 'spec:'")])
    return Document(file=file, documents=documents, root=root)


def _text(path: Path, file: str) -> str:
    try:
        with path.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        fix = "correct deployment.file; it is relative to the topology file"
        problem = Problem(where=file, what="no such file", expected=_WANTED, fix=fix)
        raise SpecError([problem]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError([Problem(where=file, what=f"cannot be read: {reason}")]) from None
    if len(data) > MOST_BYTES:
        what = f"larger than {MOST_BYTES:,} bytes"
        raise SpecError([Problem(where=file, what=what, expected=_WANTED)])
    try:
        # A byte order mark, as some editors leave it, is no mistake of the user's.
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"not UTF-8: byte 0x{data[error.start]:02x}"
        fix = "save the file as UTF-8"
        raise SpecError([Problem(where=f"{file}:{line}", what=what, fix=fix)]) from None


def _shown(path: Path) -> str:
    """The path as the user would write it: relative where the file lies below."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return str(path)
    path = Path(os.path.abspath(path))
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
