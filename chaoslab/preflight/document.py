"""Reads a deployment file and finds places in it."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from pathlib import Path

from chaoslab.errors import NOT_UTF8, UNREADABLE, ErrorCode, Problem, SpecError
from chaoslab.model.deployment_path import Key, parsed
from chaoslab.preflight.finding import Finding
from chaoslab.preflight.node import Items, Node, Nothing, Table, found
from chaoslab.preflight.toml_file import toml_document
from chaoslab.preflight.yaml_file import yaml_documents

MOST_BYTES = 1_000_000
_WANTED = "a deployment file in YAML or TOML"

NOT_CHOSEN = ErrorCode(
    "deployment.document_not_chosen",
    "has {count} documents, at lines {lines}; '{path}' does not choose one",
    "The file has several documents, and a path does not choose one.",
)
EMPTY = ErrorCode("deployment.empty", "empty", "The deployment file has no content.")
NOT_A_TABLE = ErrorCode(
    "deployment.not_a_table",
    "{found} at the top",
    "A document of the file is not a table, but a list or one value.",
)
TOO_LARGE = ErrorCode(
    "file.too_large",
    "larger than {most_bytes:,} bytes",
    "The file is larger than the limit of chaoslab.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A deployment file. `file` is its path for messages; `root` is put before every path."""

    file: str
    documents: tuple[Node, ...]
    root: str = ""

    def at(self, path: str) -> Node | Nothing:
        """The node at a path, or a Nothing that says why the path leads to none.

        A path that begins with `[` chooses a document of the file. Any other path starts at `root`,
        or in the only document. Raises SpecError if no document is chosen.
        """
        steps = parsed(path)
        if self.root and isinstance(steps[0], Key):
            steps = (*parsed(self.root), *steps)
        if not isinstance(steps[0], Key):
            return found(Items(line=1, items=self.documents), steps)
        if len(self.documents) == 1:
            return found(self.documents[0], steps)
        lines = [each.line for each in self.documents]
        raise SpecError(
            Problem(
                reason=NOT_CHOSEN(count=len(lines), lines=lines, path=path),
                where=self.file,
                expected="a path that chooses one, for example [kind=Service].spec",
                fix="write the choice before the path, or set deployment.root",
            )
        )

    def where(self, line: int) -> str:
        """The file and a line of it, for messages; the file alone for line 0."""
        return f"{self.file}:{line}" if line else self.file

    def finding(
        self,
        rule: str,
        line: int,
        what: str,
        *,
        expected: str = "",
        got: str = "",
        fix: str = "",
    ) -> Finding:
        """A Finding that says that `rule` is broken at a line of this file."""
        where = self.where(line)
        return Finding(rule=rule, where=where, what=what, expected=expected, got=got, fix=fix)


def read_document(path: Path, root: str = "") -> Document:
    """Read a deployment file and return its Document; `root` is put before every path in it. Raises
    SpecError if the file cannot be used.
    """
    file = _shown(path)
    fix = "correct deployment.file; it is relative to the topology file"
    text = read_text(path, file, expected=_WANTED, fix_if_missing=fix)
    read = toml_document if path.suffix.lower() == ".toml" else yaml_documents
    documents = read(text, file)
    if not documents:
        raise SpecError(Problem(reason=EMPTY(), where=file, expected=_WANTED))
    for each in documents:
        if not isinstance(each, Table):
            top = "a list" if isinstance(each, Items) else "a single text"
            where, expected = f"{file}:{each.line}", "keys, for example 'spec:'"
            raise SpecError(Problem(reason=NOT_A_TABLE(found=top), where=where, expected=expected))
    return Document(file=file, documents=documents, root=root)


def read_text(path: Path, file: str, *, expected: str = "", fix_if_missing: str = "") -> str:
    """The text of a file, without a byte order mark, lines ended by `\\n`. Raises SpecError if it
    cannot be read.

    `file` is its name in messages; a message never quotes the text.
    """
    try:
        with path.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        reason, fix = UNREADABLE(cause="no such file"), fix_if_missing
        raise SpecError(Problem(reason=reason, where=file, expected=expected, fix=fix)) from None
    except (OSError, ValueError) as error:
        reason = UNREADABLE(cause=getattr(error, "strerror", None) or str(error))
        raise SpecError(Problem(reason=reason, where=file)) from None
    if len(data) > MOST_BYTES:
        reason = TOO_LARGE(most_bytes=MOST_BYTES)
        raise SpecError(Problem(reason=reason, where=file, expected=expected))
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        got, fix = f"the byte 0x{data[error.start]:02x}", "save the file as UTF-8"
        problem = Problem(reason=NOT_UTF8(), where=f"{file}:{line}", got=got, fix=fix)
        raise SpecError(problem) from None


def _shown(path: Path) -> str:
    """The path as text for messages: relative if the file is below the working directory."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return str(path)
    path = Path(os.path.abspath(path))
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
