"""What is said of text that is no JSON: Go's words, read off a real Toxiproxy 2.12."""

from __future__ import annotations

import json

import pytest

from chaoslab.engine import wire
from chaoslab.engine.syntax import complaint
from chaoslab.seeds import generator

SAID = {
    '{"toxicity": 0.': "unexpected EOF",
    '{"a":1.x}': "invalid character 'x' after decimal point in numeric literal",
    '{"a":1e+}': "invalid character '}' in exponent of numeric literal",
    '{"a":-x}': "invalid character 'x' in numeric literal",
    '{"a":01}': "invalid character '1' after object key:value pair",
    '{"a":[1 2]}': "invalid character '2' after array element",
    '{"a":"\n"}': "invalid character '\\n' in string literal",
    '{"a":"\x01"}': "invalid character '\\x01' in string literal",
    '{"a":"\\x"}': "invalid character 'x' in string escape code",
    '{"a":"\\u12x4"}': "invalid character 'x' in \\u hexadecimal character escape",
    "\ufeff{}": "invalid character '\u00ef' looking for beginning of value",
    "[" * 20_000: "invalid character '[' exceeded max depth",
}


@pytest.mark.parametrize("text", SAID, ids=lambda text: text[:12])
def test_the_words_are_gos(text: str) -> None:
    """By the byte at which the scanner stops, and what it was in the middle of."""
    assert complaint(text.encode()) == SAID[text]


def test_json_is_not_complained_of() -> None:
    """A thousand values, whole and with each one cut short: whole ones pass, cut ones end early."""
    draw = generator(1, "syntax")
    for _ in range(1000):
        leaf = [
            draw.randrange(-9, 9),
            draw.random() * 1e-9,
            '\u00e9\n\\"',
            True,
            False,
            None,
            {},
            [],
        ]
        text = json.dumps({"a": draw.sample(leaf, 3), "b": {"c": draw.choice(leaf)}})
        assert complaint(text.encode()) is None
        cut = text[: draw.randrange(1, len(text))]
        assert complaint(cut.encode()) == "unexpected EOF"


@pytest.mark.parametrize(
    ("given", "written"),
    [(1.0, "1"), (0.00001, "0.00001"), (1e-6, "0.000001"), (1e-7, "1e-7"), (1e21, "1e+21")],
)
def test_toxicities_are_written_as_go_writes_them(given: float, written: str) -> None:
    """Exponents only below a millionth and from 1e21 on."""
    assert wire.encode({"toxicity": wire.number(given)}) == f'{{"toxicity":{written}}}'
