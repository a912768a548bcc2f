"""A file that cannot be read is reported with its line; too many aliases are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.clock import now_s
from chaoslab.errors import SpecError
from chaoslab.preflight.document import MOST_BYTES, Document, read_document
from chaoslab.preflight.node import Nothing, Text

A_CHAIN = "a0: &a0 []\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 4000))


def read(folder: Path, text: str, name: str = "app.yaml") -> Document:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return read_document(path)


def refused(folder: Path, data: str | bytes, name: str = "app.yaml") -> str:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(SpecError) as caught:
        read_document(path)
    return str(caught.value).replace(str(folder) + "/", "")


def at(document: Document, path: str) -> tuple[str | None, int]:
    """Text and line of a place."""
    node = document.at(path)
    assert isinstance(node, Text), node
    return node.text, node.line


def test_a_duplicate_key_is_refused_with_both_lines(tmp_path: Path) -> None:
    """YAML forbids it, and most readers take the last in silence."""
    said = refused(tmp_path, "env:\n  PORT: 1\n  HOST: x\n  PORT: 2\nenv: {}\n")
    assert "app.yaml:4: key 'PORT' is here and on line 2" in said
    assert "app.yaml:5: key 'env' is here and on line 1" in said


def test_anchors_that_explode_are_refused_before_they_do(tmp_path: Path) -> None:
    """Nine lines of nine aliases each stand for more than 10^8 nodes; counting them is instant."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    begun_s = now_s()
    said = refused(tmp_path, "\n".join(lines))
    assert "too many nodes, with every alias expanded" in said
    assert now_s() - begun_s < 5.0  # expanded it would take minutes and all memory


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]\n",
        "a: &a {b: {c: *a}}\n",
        "a: &a\n  <<: *a\n",
    ],
)
def test_an_alias_of_its_own_parent_is_refused(tmp_path: Path, text: str) -> None:
    """It would have no end."""
    assert "a node that contains it" in refused(tmp_path, text)


def test_an_alias_has_the_line_of_its_anchor(tmp_path: Path) -> None:
    """There the mistake is fixed."""
    document = read(tmp_path, "x: &port 8080\nport: *port\n")
    assert at(document, "port") == ("8080", 1)


def test_merged_keys_are_found_and_own_ones_go_before(tmp_path: Path) -> None:
    """As Compose files use them; of several merged tables the first goes before."""
    document = read(
        tmp_path,
        "a: &a {HOST: a, PORT: 1}\nb: &b {HOST: b, PROFILE: b}\nenv:\n  PORT: 2\n  <<: [*a, *b]\n",
    )
    assert at(document, "env.PORT") == ("2", 4)
    assert at(document, "env.HOST") == ("a", 1)
    assert at(document, "env.PROFILE") == ("b", 2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "app.yaml: empty"),
        ("# nothing\n---\n...\n", "app.yaml: empty"),
        ("- a\n- b\n", "app.yaml:1: a list at the top"),
        ("just words\n", "app.yaml:1: a single text at the top"),
        ("a: 1\n---\n- b\n", "app.yaml:3: a list at the top"),
        ("a:\n\tb: 1\n", "indent with spaces: YAML does not allow tabs"),
        ("a: [1, 2\nb: 3\n", "app.yaml:2:"),
        ("a: 'hunter2\n", "app.yaml:2:1: not valid YAML"),
        ("a: *nobody\n", "app.yaml:1:4: not valid YAML: found undefined alias"),
        ("? [a, b]\n: 1\n", "app.yaml:1: a list or table as a key"),
        ("a: 1\n<<: 2\n", "app.yaml:2: '<<' merges a value that is not a table"),
        (b"a: 1\nb: caf\xe9\n", "app.yaml:2: not UTF-8\n  got the byte 0xe9"),
        ("a: 1\n".encode("utf-16"), "not UTF-8\n  got the byte 0xff"),
        ("a: \x07\n", "a character that YAML does not allow: 0x07"),
        ("[" * 1500, "nested too deeply"),
        (A_CHAIN, "too many nodes"),
        (b"a" * (MOST_BYTES + 1), "larger than 1,000,000 bytes"),
    ],
)
def test_an_invalid_deployment_file_is_refused_with_its_line(
    tmp_path: Path, data: str | bytes, said: str
) -> None:
    """Each in one clear message, which never quotes a line: it may hold a secret."""
    text = refused(tmp_path, data)
    assert said in text
    assert "hunter2" not in text


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With what to fix."""
    with pytest.raises(SpecError, match=r"no such file\n  expected a deployment file"):
        read_document(tmp_path / "absent.yaml")
    with pytest.raises(SpecError, match="cannot be read: "):
        read_document(tmp_path)


def test_windows_line_ends_and_a_byte_order_mark_are_accepted(tmp_path: Path) -> None:
    """Some editors write them; the lines stay right."""
    document = read(tmp_path, "\ufeffa: 1\r\nb: 2\r\n")
    assert at(document, "b") == ("2", 2)


def test_a_custom_tag_is_never_acted_upon(tmp_path: Path) -> None:
    """Only the tool that knows it can fill it; here it has no text."""
    document = read(tmp_path, "a: !Ref Port\nb: !!python/object/apply:os.getcwd []\n")
    assert at(document, "a") == (None, 1)


TOML = """\
app = "shop"

[env]
PORT = "8080"
"quoted.key" = 1
DEBUG = true

[[services]]
internal_port = 8080
  [[services.checks]]
  interval = "15s"

[[services]]
internal_port = 8081 # the second
  [[services.checks]]
  interval = "20s"
inline = { a = 1, b = 2 }
"""


def test_toml_has_lines_too(tmp_path: Path) -> None:
    """Tables, lists of tables, quoted keys and inline tables."""
    document = read(tmp_path, TOML, "fly.toml")
    assert at(document, "app") == ("shop", 1)
    assert at(document, "env.PORT") == ("8080", 4)
    assert at(document, 'env."quoted.key"') == ("1", 5)
    assert at(document, "env.DEBUG") == ("true", 6)
    assert at(document, "services[0].internal_port") == ("8080", 9)
    assert at(document, "services[0].checks[0].interval") == ("15s", 11)
    assert at(document, "services[internal_port=8081].checks[0].interval") == ("20s", 16)
    assert at(document, "services[1].checks[0].inline.b") == ("2", 17)
    missing = document.at("env.PROT")
    assert isinstance(missing, Nothing)
    assert (missing.line, missing.fix) == (3, "did you mean 'PORT'?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "app.toml: empty"),
        ("a = \n", "app.toml:1:5: not valid TOML"),
        ("a = 1\na = 2\n", "app.toml:2:6: not valid TOML: Cannot overwrite"),
        ("a = 'x", "app.toml:1: not valid TOML"),
        ("a = " + "[" * 20_000, "nested too deeply"),
    ],
)
def test_invalid_toml_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    """As for YAML."""
    assert said in refused(tmp_path, text, "app.toml")
