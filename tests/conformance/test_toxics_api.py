"""Toxics over HTTP: their fields, defaults, order and every error."""

from __future__ import annotations

import pytest

from .api import Api

DEFAULTS = {
    "latency": {"latency": 0, "jitter": 0},
    "bandwidth": {"rate": 0},
    "slow_close": {"delay": 0},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 0},
    "slicer": {"average_size": 0, "size_variation": 0, "delay": 0},
    "limit_data": {"bytes": 0},
    "noop": {},
}
STREAMS = ("upstream", "downstream")
TOXICS = "/proxies/a/toxics"
BAD_STREAM = "stream was invalid, can be either upstream or downstream"


@pytest.fixture(autouse=True)
def _proxy(api: Api) -> None:
    body = {"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
    assert api.post("/proxies", body).status == 201


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("kind", DEFAULTS)
def test_every_type_has_every_attribute_and_a_name(api: Api, kind: str, stream: str) -> None:
    """All attributes are shown, 0 by default; the name is <type>_<stream>."""
    answer = api.post(TOXICS, {"type": kind, "stream": stream})
    name = f"{kind}_{stream}"
    assert answer.status == 200
    assert answer.fields == {
        "type": kind, "stream": stream, "name": name, "toxicity": 1, "attributes": DEFAULTS[kind],
    }  # fmt: skip
    assert api.get(f"{TOXICS}/{name}").body == answer.body


@pytest.mark.parametrize("kind", [kind for kind, attributes in DEFAULTS.items() if attributes])
def test_attributes_are_kept_as_given(api: Api, kind: str) -> None:
    """Attributes, name, toxicity and stream are shown again; other fields are ignored."""
    attributes = {key: 11 * (n + 1) for n, key in enumerate(DEFAULTS[kind])}
    body = {"type": kind, "name": "n", "stream": "upstream", "toxicity": 0.25}
    answer = api.post(TOXICS, {**body, "attributes": {**attributes, "bogus": 1}})
    assert answer.fields == {**body, "attributes": attributes}


def test_the_stream_defaults_to_downstream(api: Api) -> None:
    """And an empty or null name to <type>_<stream>."""
    assert api.post(TOXICS, {"type": "noop", "name": ""}).fields["name"] == "noop_downstream"
    answer = api.post(TOXICS, {"type": "timeout", "name": None, "attributes": None})
    assert answer.fields["stream"] == "downstream"
    assert answer.fields["name"] == "timeout_downstream"


def test_a_stream_is_case_insensitive(api: Api) -> None:
    """`UPSTREAM` is upstream; it is shown as written."""
    answer = api.post(TOXICS, {"type": "noop", "stream": "UPSTREAM", "name": "n"})
    assert (answer.status, answer.fields["stream"]) == (200, "UPSTREAM")


@pytest.mark.parametrize(
    ("given", "kept"), [(0, 0), (0.1, 0.1), (1, 1), (5, 5), (-5, -5), (None, 1)]
)
def test_any_number_is_a_toxicity(api: Api, given: float | None, kept: float) -> None:
    """Numbers outside of 0 to 1 are not refused; null means the default, 1."""
    answer = api.post(TOXICS, {"type": "noop", "toxicity": given})
    assert (answer.status, answer.fields["toxicity"]) == (200, kept)


@pytest.mark.parametrize("value", [-4, 0, 2**40])
def test_any_integer_is_an_attribute(api: Api, value: int) -> None:
    """Negative ones too."""
    answer = api.post(TOXICS, {"type": "latency", "attributes": {"latency": value}})
    assert (answer.status, answer.fields["attributes"]) == (200, {"latency": value, "jitter": 0})


def test_attribute_names_are_case_insensitive(api: Api) -> None:
    """As in Go's decoder; null means the default."""
    answer = api.post(TOXICS, {"type": "latency", "attributes": {"LATENCY": 3, "jitter": None}})
    assert answer.fields["attributes"] == {"latency": 3, "jitter": 0}


@pytest.mark.parametrize("kind", ["nope", "", None, "Latency"])
def test_an_unknown_type_is_400(api: Api, kind: str | None) -> None:
    """Types are exact; an absent one is unknown too."""
    answer = api.post(TOXICS, {"type": kind})
    assert (answer.status, answer.error) == (400, "invalid toxic type")


@pytest.mark.parametrize("stream", ["sideways", "", "up"])
@pytest.mark.parametrize("kind", ["latency", "nope"])
def test_an_unknown_stream_is_400(api: Api, kind: str, stream: str) -> None:
    """It is checked before the type."""
    answer = api.post(TOXICS, {"type": kind, "stream": stream})
    assert (answer.status, answer.error) == (400, BAD_STREAM)


@pytest.mark.parametrize(
    "raw",
    ["", "{", "[]", '{"type":5}', '{"type":"latency","name":7}',
     '{"type":"latency","toxicity":"5"}', '{"type":"latency","attributes":5}',
     '{"type":"latency","attributes":{"latency":"abc"}}',
     '{"type":"latency","attributes":{"latency":1.5}}',
     '{"type":"latency","attributes":{"latency":true}}',
     '{"type":"latency","attributes":{"latency":1000000000000000000000000}}'],
)  # fmt: skip
def test_a_body_that_is_no_toxic_is_400(api: Api, raw: str) -> None:
    """Attributes are whole numbers of 64 bits; no toxic is added."""
    answer = api.post(TOXICS, raw=raw)
    assert answer.status == 400
    assert answer.error.startswith("bad request body: ")
    assert api.get(TOXICS).body == []


def test_a_taken_name_is_409_in_either_stream(api: Api) -> None:
    """Names are unique for a proxy, not for a stream."""
    api.toxic("a", "latency", latency=5)
    for body in ({"type": "latency"}, {"type": "noop", "name": "latency_downstream",
                                       "stream": "upstream"}):  # fmt: skip
        answer = api.post(TOXICS, body)
        assert (answer.status, answer.error) == (409, "toxic already exists")
    assert len(api.get("/proxies/a").fields["toxics"]) == 1  # type: ignore[arg-type]


def test_toxics_are_listed_upstream_first_then_by_age(api: Api) -> None:
    """The proxy's own body has the same list."""
    for kind, stream in (("noop", "downstream"), ("timeout", "upstream"), ("latency", "upstream")):
        api.toxic("a", kind, stream)
    listed = api.get(TOXICS)
    assert isinstance(listed.body, list)
    names = [toxic["name"] for toxic in listed.body if isinstance(toxic, dict)]
    assert (listed.status, names) == (200, ["timeout_upstream", "latency_upstream",
                                            "noop_downstream"])  # fmt: skip
    assert api.get("/proxies/a").fields["toxics"] == listed.body


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_change_merges_attributes(api: Api, method: str) -> None:
    """Only attributes and toxicity change; name, type and stream of the body are ignored."""
    path = api.toxic("a", "latency", latency=5)
    body = {"attributes": {"jitter": 7}, "toxicity": 0.5, "name": "z", "type": "noop",
            "stream": "upstream"}  # fmt: skip
    answer = api.request(method, path, body)
    assert answer.status == 200
    assert answer.fields == {
        "name": "latency_downstream", "type": "latency", "stream": "downstream",
        "toxicity": 0.5, "attributes": {"latency": 5, "jitter": 7},
    }  # fmt: skip
    assert api.get(path).body == answer.body


@pytest.mark.parametrize("body", [{}, {"toxicity": None}, {"attributes": None}])
def test_an_update_without_fields_changes_nothing(api: Api, body: object) -> None:
    """Null means absent."""
    path = api.toxic("a", "latency", latency=5)
    before = api.get(path).body
    answer = api.patch(path, body)
    assert (answer.status, answer.body) == (200, before)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    "raw", ["", "{", "[]", '{"toxicity":"x"}', '{"attributes":{"latency":"x"},"toxicity":0.5}']
)
def test_a_bad_change_is_400_and_changes_nothing(api: Api, method: str, raw: str) -> None:
    """The toxic is shown as before, also its toxicity."""
    path = api.toxic("a", "latency", latency=5)
    before = api.get(path).body
    answer = api.request(method, path, raw=raw)
    assert answer.status == 400
    assert answer.error.startswith("bad request body: ")
    assert api.get(path).body == before


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_an_unknown_toxic_is_404(api: Api, method: str) -> None:
    """An unknown proxy is reported before it."""
    answer = api.request(method, f"{TOXICS}/nope", {})
    assert (answer.status, answer.error) == (404, "toxic not found")
    answer = api.request(method, "/proxies/zz/toxics/nope", {})
    assert (answer.status, answer.error) == (404, "proxy not found")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_toxics_of_an_unknown_proxy_are_404(api: Api, method: str) -> None:
    """To read and to add."""
    answer = api.request(method, "/proxies/zz/toxics", {"type": "noop"})
    assert (answer.status, answer.error) == (404, "proxy not found")


def test_a_deleted_toxic_is_gone_and_its_name_free(api: Api) -> None:
    """204, then 404, then it can be added again."""
    path = api.toxic("a", "timeout")
    assert api.delete(path).status == 204
    assert api.delete(path).status == 404
    assert api.get(TOXICS).body == []
    assert api.toxic("a", "timeout") == path


def test_a_name_may_have_a_space(api: Api) -> None:
    """In a path it is percent-encoded."""
    api.post(TOXICS, {"type": "noop", "name": "my toxic"})
    assert api.get(f"{TOXICS}/my%20toxic").fields["name"] == "my toxic"
    assert api.delete(f"{TOXICS}/my%20toxic").status == 204
