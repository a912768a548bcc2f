"""Variables in each shape in which deployment files declare them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.preflight.document import read_document
from chaoslab.preflight.finding import masked
from chaoslab.preflight.variables import Variable, placeholder_in, variable

SHAPES = {
    "a list of tables": (
        "env:\n"
        "- {name: A, value: x}\n"
        "- {name: B, value: ''}\n"
        "- name: C\n"
        "  valueFrom: {secretKeyRef: {name: s, key: k}}\n"
        "- {name: D, value: null}\n"
        "- {name: E, value: 12}\n"
        "- {name: F, value: '${F:-x}'}\n"
    ),
    "a list of texts": "env:\n- A=x\n- B=\n- C\n- D=  \n- E=12\n- F=${F:-x}\n",
    "a table": "env:\n  A: x\n  B: ''\n  C:\n  D: ' '\n  E: 12\n  F: ${F:-x}\n",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES.keys())
def test_a_variable_is_set_blank_or_elsewhere_in_every_shape(tmp_path: Path, text: str) -> None:
    """A secret's and a tool's value are elsewhere: neither blank nor seen."""
    path = tmp_path / "app.yaml"
    path.write_text(text)
    document = read_document(path)
    states = {name: variable(document, "env", name).state for name in "ABCDEFG"}
    assert states == {
        "A": "set",
        "B": "blank",
        "C": "external",
        "D": "blank",
        "E": "set",
        "F": "external",
        "G": "missing",
    }
    assert variable(document, "env", "A") == Variable(name="A", state="set", line=2, text="x")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${X}", "${X}"),
        ("a-${X}-b", "${X}"),
        ("$X", "$X"),
        ("{{ .Values.x }}", "{{ .Values.x }}"),
        ("<your-key>", "<your-key>"),
        ("https://<HOST>/", "<HOST>"),
        ("CHANGE_ME", "CHANGE_ME"),
        ("pre-replaceme", "replaceme"),
        ("TODO", "TODO"),
        ("...", "..."),
    ],
)
def test_placeholders_are_found(text: str, found: str) -> None:
    """As templates and people write it."""
    assert placeholder_in(text) == found


@pytest.mark.parametrize(
    "text", ["x", "pa$$word", "pa$word", "${X:-d}", "a<b", "$(PORT)", "{x}", "exchange me", "100%"]
)
def test_ordinary_values_are_not_placeholders(text: str) -> None:
    """A false alarm would teach people to look away."""
    assert placeholder_in(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:hunter2@db/x",
        "redis://:hunter2@cache",
        "postgresql://db/x?password=hunter2&a=b",
        "host=db PASSWORD=hunter2",
        "postgresql://app:hun/ter@hunter2@db/x",
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    """Neither before the host nor in the query."""
    assert "hunter2" not in masked(text)
