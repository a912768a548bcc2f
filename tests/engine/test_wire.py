"""JSON as Go reads and writes it."""

from __future__ import annotations

import pytest

from chaoslab.engine import wire
from chaoslab.engine.chunks import Direction
from chaoslab.engine.toxic_collection import read_toxic
from chaoslab.engine.wire import ApiError


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "EOF"),
        (b"  \n", "EOF"),
        (b'{"name":', "unexpected EOF"),
        (b'{"type":"x', "unexpected EOF"),
        (b"xx", "invalid character 'x' looking for beginning of value"),
        (b"{'type'}", "invalid character '\\'' looking for beginning of object key string"),
        (
            b'{"type":"latency",}',
            "invalid character '}' looking for beginning of object key string",
        ),
        (b'{"type" 3}', "invalid character '3' after object key"),
        (b'{"a":nul', "unexpected EOF"),
        (b'{"a":-', "unexpected EOF"),
        (b'{"a":nux}', "invalid character 'x' in literal null (expecting 'l')"),
        (b"NaN", "invalid character 'N' looking for beginning of value"),
    ],
)
def test_what_is_no_json_is_refused_in_gos_words(body: bytes, says: str) -> None:
    """400 with the text that Toxiproxy 2.12 answers to the same body."""
    with pytest.raises(ApiError) as caught:
        wire.decode(body)
    assert (caught.value.text, caught.value.status) == (f"bad request body: {says}", 400)


def test_only_the_first_value_of_a_body_counts() -> None:
    """Go's decoder does not look further."""
    assert wire.decode(b' {"a":1} trailing') == {"a": 1}


@pytest.mark.parametrize(
    ("toxic", "says"),
    [
        (
            {"type": "latency", "attributes": {"latency": "x"}},
            "string into Go struct field LatencyToxic.attributes.latency of type int64",
        ),
        (
            {"type": "slicer", "attributes": {"delay": []}},
            "array into Go struct field SlicerToxic.attributes.delay of type int",
        ),
        (
            {"type": "timeout", "toxicity": "1"},
            "string into Go struct field ToxicWrapper.toxicity of type float32",
        ),
        (
            {"type": "latency", "attributes": [1]},
            "array into Go struct field ToxicWrapper.attributes of type toxics.NoopToxic",
        ),
    ],
)
def test_a_wrong_type_is_refused_with_its_field(toxic: dict[str, wire.Json], says: str) -> None:
    """400, and the text names field and type as Go does."""
    with pytest.raises(ApiError) as caught:
        read_toxic(toxic)
    assert caught.value.text == f"bad request body: json: cannot unmarshal {says}"


@pytest.mark.parametrize("number", ["1.5", "1e3", "99999999999999999999"])
def test_an_attribute_that_is_no_int64_is_refused_as_it_was_written(number: str) -> None:
    """The number stands in the text as the user wrote it."""
    body = '{"type":"latency","attributes":{"latency":%s}}' % number  # noqa: UP031
    with pytest.raises(ApiError, match=f"cannot unmarshal number {number} into"):
        read_toxic(wire.decode(body.encode()))


def test_members_are_found_whatever_their_case_and_null_is_absent() -> None:
    """As Go matches names."""
    toxic = read_toxic(
        {"TYPE": "latency", "Stream": "Upstream", "name": None, "Attributes": {"LATENCY": 3}}
    )
    assert (toxic.name, toxic.direction) == ("latency_Upstream", Direction.UPSTREAM)
    assert toxic.on_the_wire()["attributes"] == {"latency": 3, "jitter": 0}


@pytest.mark.parametrize(
    ("given", "shown"), [(1, "1"), (0.1, "0.1"), (0.25, "0.25"), (0.123456789, "0.12345679")]
)
def test_toxicity_is_shown_as_the_float32_that_go_keeps(given: float, shown: str) -> None:
    """Neither 0.10000000149 nor 1.0."""
    toxic = read_toxic({"type": "noop", "toxicity": given})
    assert wire.encode(toxic.on_the_wire()["toxicity"]) == shown


def test_text_is_escaped_as_go_escapes_it() -> None:
    """Compact, and safe inside HTML."""
    assert wire.encode({"a/b <x>": "é&"}) == '{"a/b \\u003cx\\u003e":"é\\u0026"}'
