"""Paths, methods and errors of the HTTP API, without its proxies and toxics."""

from __future__ import annotations

import re

import httpx
import pytest

from .api import Api
from .arms import Arm
from .wire import EOF, connect

PATHS = {
    "/version": {"GET"},
    "/proxies": {"GET", "POST"},
    "/populate": {"POST"},
    "/reset": {"POST"},
    "/proxies/a": {"GET", "POST", "PATCH", "DELETE"},
    "/proxies/a/toxics": {"GET", "POST"},
    "/proxies/a/toxics/t": {"GET", "POST", "PATCH", "DELETE"},
}
METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS")
WRONG = [(m, path) for path, allowed in PATHS.items() for m in METHODS if m not in allowed]


def test_the_version_is_an_object_with_one_string(api: Api) -> None:
    """GET /version answers 200 with {"version": …}, as JSON."""
    answer = api.get("/version")
    assert (answer.status, set(answer.fields)) == (200, {"version"})
    assert answer.fields["version"]
    assert answer.content_type.startswith("application/json")


@pytest.mark.parametrize(("method", "path"), WRONG)
def test_a_method_a_path_does_not_have_is_405(api: Api, method: str, path: str) -> None:
    """Whether or not the proxy exists."""
    assert api.request(method, path).status == 405


@pytest.mark.parametrize("path", ["/", "/nope", "/proxies/", "/proxies/a/", "/proxies/a/toxics/"])
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    """Paths are exact: one with a trailing slash is another path."""
    assert api.get(path).status == 404


@pytest.mark.parametrize("path", ["/version", "/proxies", "/proxies/a"])
def test_a_browser_is_refused(api: Api, path: str) -> None:
    """A User-Agent that begins with Mozilla/ gets 403: no web page may control the proxy."""
    answer = api.request("GET", path, agent="Mozilla/5.0 (X11; Linux)")
    assert (answer.status, answer.text.strip()) == (403, "User agent not allowed")


def test_a_browser_changes_nothing(api: Api) -> None:
    """It is refused before its body is used."""
    body = '{"name":"a","upstream":"x","listen":"127.0.0.1:0"}'
    assert api.request("POST", "/proxies", raw=body, agent="Mozilla/5.0").status == 403
    assert api.get("/proxies").fields == {}


@pytest.mark.parametrize("agent", ["", "curl/8", "Go-http-client/1.1", "x Mozilla/5.0"])
def test_any_other_agent_is_served(api: Api, agent: str) -> None:
    """Only the start of the User-Agent counts."""
    assert api.request("GET", "/version", agent=agent).status == 200


def test_json_has_a_json_media_type(api: Api) -> None:
    """Clients need it to parse the body."""
    body = {"name": "a", "upstream": "x", "listen": "127.0.0.1:0"}
    answers = [api.post("/proxies", body), api.get("/proxies"), api.get("/proxies/a")]
    answers += [api.post("/proxies/a/toxics", {"type": "noop"}), api.get("/proxies/a/toxics")]
    answers += [api.post("/populate", [body])]
    assert all(answer.content_type.startswith("application/json") for answer in answers)


def test_a_deletion_has_no_body(api: Api) -> None:
    """DELETE and /reset answer 204 without a body."""
    api.post("/proxies", {"name": "a", "upstream": "x", "listen": "127.0.0.1:0"})
    api.post("/proxies/a/toxics", {"type": "noop"})
    answers = [api.delete("/proxies/a/toxics/noop_downstream"), api.post("/reset")]
    answers += [api.delete("/proxies/a")]
    assert [(answer.status, answer.text) for answer in answers] == [(204, "")] * 3


def test_many_requests_share_one_connection(arm: Arm, api: Api) -> None:
    """With keep-alive, a hundred requests on one connection succeed."""
    assert {api.get("/version").status for _ in range(100)} == {200}


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [("GET", "/version", 200, "OK"), ("GET", "/proxies/zz", 404, "Not Found"),
     ("POST", "/proxies", 400, "Bad Request"), ("PUT", "/proxies", 405, "Method Not Allowed"),
     ("POST", "/reset", 204, "No Content")],
)  # fmt: skip
def test_a_status_has_its_reason_phrase(
    api: Api, method: str, path: str, status: int, reason: str
) -> None:
    """Some clients show it: toxiproxy-java's errors, curl -i, Ruby's Net::HTTP."""
    answer = api.request(method, path)
    assert (answer.status, answer.reason) == (status, reason)


def test_an_answer_of_a_route_has_its_own_id(http: httpx.Client) -> None:
    """`X-Toxiproxy-Request-Id`: 20 characters of base32hex; an unknown path has none."""
    for path in ("/version", "/proxies", "/proxies/nope"):
        one, other = (http.get(path).headers["X-Toxiproxy-Request-Id"] for _ in range(2))
        assert re.fullmatch("[0-9a-v]{20}", one)
        assert one[:8] <= other[:8]
        assert one != other
    refused = http.get("/version", headers={"User-Agent": "Mozilla/5.0"})
    assert refused.status_code == 403
    assert "X-Toxiproxy-Request-Id" in refused.headers
    for answer in (http.get("/nope"), http.put("/version")):
        assert "X-Toxiproxy-Request-Id" not in answer.headers


def spoken(arm: Arm, *requests: bytes, answers: int = 1) -> list[bytes]:
    """The status lines of so many answers to raw bytes, and of those that arrive soon after."""
    end = connect(f"{arm.host}:{arm.port}")
    for request in requests:
        end.send(request)
    seen = b""
    while seen.count(b"HTTP/1.1 ") < answers and (more := end.read().data):
        seen += more
    seen += end.read_end(0.4).data
    end.close()
    return re.findall(rb"HTTP/1\.1 \d+ [^\r]*", seen)


def test_a_body_may_be_chunked(arm: Arm, api: Api) -> None:
    """Clients send it so if they do not know its length."""
    head = b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b'{"name":"a","upstream":"x","listen":"127.0.0.1:0"}'
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])]
    assert spoken(arm, head, *chunks, b"0\r\n\r\n") == [b"HTTP/1.1 201 Created"]
    assert list(api.get("/proxies").fields) == ["a"]


def test_a_client_may_expect_100_continue(arm: Arm) -> None:
    """As curl and Java's client do for larger bodies."""
    head = b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    end = connect(f"{arm.host}:{arm.port}")
    end.send(head + b"Content-Length: 2\r\n\r\n")
    assert end.read().data.startswith(b"HTTP/1.1 100 Continue")
    end.send(b"{}")
    assert end.read().data.startswith(b"HTTP/1.1 400 Bad Request")
    end.close()


@pytest.mark.parametrize(
    "request_",
    [b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2,
     b"GET http://x/version HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2,
     b"GET /version?a=%20b HTTP/1.1\nHost: localhost\n\n" * 2],
    ids=["pipelined", "absolute", "bare newlines"],
)  # fmt: skip
def test_every_form_of_a_request_is_read(arm: Arm, request_: bytes) -> None:
    """Two requests at once, the form for forward proxies, and lines without CR."""
    assert spoken(arm, request_, answers=2) == [b"HTTP/1.1 200 OK"] * 2


@pytest.mark.parametrize(
    "request_",
    [b"GARBAGE\r\n\r\n", b"GET  /version HTTP/1.1\r\nHost: localhost\r\n\r\n",
     b"POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n",
     b"GET /version HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n"],
)  # fmt: skip
def test_a_malformed_request_is_refused_and_the_connection_closed(
    arm: Arm, request_: bytes
) -> None:
    """The answer is plain text and does not repeat the request."""
    end = connect(f"{arm.host}:{arm.port}")
    end.send(request_)
    seen = end.read_end()
    end.close()
    head, _, body = seen.data.partition(b"\r\n\r\n")
    assert (head.split(b"\r\n")[0], body) == (b"HTTP/1.1 400 Bad Request", b"400 Bad Request")
    assert (b"connection: close" in head.lower(), seen.end) == (True, EOF)
