"""JSON bodies: what is accepted, what is refused with which text, and how answers are written."""

from __future__ import annotations

import pytest

from chaoslab.engine import wire
from chaoslab.engine.chunks import Direction
from chaoslab.engine.toxic_collection import read_toxic
from chaoslab.engine.wire import ApiError


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "it is empty; expected JSON"),
        (b"  \n", "it is empty; expected JSON"),
        (b'{"name":', "not JSON: .*character 9"),
        (b'{"type":"x', "not JSON: .*character 9"),
        (b"xx", "not JSON: .*character 1"),
        (b"{'type'}", "not JSON: .*character 2"),
        (b'{"type":"latency",}', "not JSON: .*character 1[89]"),
        (b'{"type" 3}', "not JSON: .*character 9"),
        (b'{"a":nul', "not JSON: .*character 6"),
        (b'{"a":"\n"}', "not JSON: .*character 7"),
        (b"NaN", "not JSON: NaN is not allowed"),
        (b"[" * 20_000, "nested too deeply"),
    ],
)
def test_a_body_that_is_not_json_is_refused_with_the_position(body: bytes, says: str) -> None:
    """400, with the reason and the character at which reading stopped."""
    with pytest.raises(ApiError, match=f"bad request body: {says}") as caught:
        wire.decode(body)
    assert caught.value.status == 400


def test_only_the_first_value_of_a_body_counts() -> None:
    """As in Toxiproxy, the rest is ignored."""
    assert wire.decode(b' {"a":1} trailing') == {"a": 1}


@pytest.mark.parametrize(
    ("toxic", "says"),
    [
        (
            {"type": "latency", "attributes": {"latency": "x"}},
            "latency: expected a whole number of 64 bits; got a string",
        ),
        (
            {"type": "slicer", "attributes": {"delay": []}},
            "delay: expected a whole number of 64 bits; got an array",
        ),
        (
            {"type": "timeout", "toxicity": "1"},
            "toxicity: expected a number that fits a float32; got a string",
        ),
        (
            {"type": "latency", "attributes": [1]},
            "attributes: expected an object; got an array",
        ),
    ],
)
def test_a_wrong_type_is_refused_with_its_field(toxic: dict[str, wire.Json], says: str) -> None:
    """400, with the field, what was expected, and what was received."""
    with pytest.raises(ApiError) as caught:
        read_toxic(toxic)
    assert caught.value.text == f"bad request body: {says}"


@pytest.mark.parametrize("number", ["1.5", "1000.0", "99999999999999999999"])
def test_an_attribute_that_is_no_int64_is_refused_by_its_value(number: str) -> None:
    """The text has the number."""
    body = '{"type":"latency","attributes":{"latency":%s}}' % number  # noqa: UP031
    with pytest.raises(ApiError, match=f"64 bits; got {number}"):
        read_toxic(wire.decode(body.encode()))


def test_names_are_case_insensitive_and_null_is_absent() -> None:
    """As in Go."""
    toxic = read_toxic(
        {"TYPE": "latency", "Stream": "Upstream", "name": None, "Attributes": {"LATENCY": 3}}
    )
    assert (toxic.name, toxic.direction) == ("latency_Upstream", Direction.UPSTREAM)
    assert toxic.as_json()["attributes"] == {"latency": 3, "jitter": 0}


@pytest.mark.parametrize(
    ("given", "shown"), [(1, "1"), (0.1, "0.1"), (0.25, "0.25"), (0.123456789, "0.12345679")]
)
def test_toxicity_is_shown_as_the_float32_that_go_keeps(given: float, shown: str) -> None:
    """0.1 instead of 0.10000000149, and 1 instead of 1.0."""
    toxic = read_toxic({"type": "noop", "toxicity": given})
    assert wire.encode(toxic.as_json()["toxicity"]) == shown


def test_text_is_escaped_as_go_escapes_it() -> None:
    """Compact, and safe inside HTML."""
    assert wire.encode({"a/b <x>": "é&"}) == '{"a/b \\u003cx\\u003e":"é\\u0026"}'


@pytest.mark.parametrize(
    ("given", "written"),
    [(1.0, "1"), (0.00001, "0.00001"), (1e-6, "0.000001"), (1e-7, "1e-7"), (1e21, "1e+21")],
)
def test_toxicities_are_written_as_go_writes_them(given: float, written: str) -> None:
    """With an exponent only below a millionth and from 1e21 on."""
    assert wire.encode({"toxicity": wire.number(given)}) == f'{{"toxicity":{written}}}'
