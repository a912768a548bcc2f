"""Paths, methods and refusals of the HTTP API, apart from what it manages."""

from __future__ import annotations

import pytest

from .api import Api
from .arms import Arm

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
    """A known path with a method it lacks is 405, whether or not the proxy exists."""
    assert api.request(method, path).status == 405


@pytest.mark.parametrize("path", ["/", "/nope", "/proxies/", "/proxies/a/", "/proxies/a/toxics/"])
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    """Paths are exact: a trailing slash is another path, and not found."""
    assert api.get(path).status == 404


@pytest.mark.parametrize("path", ["/version", "/proxies", "/proxies/a"])
def test_a_browser_is_refused(api: Api, path: str) -> None:
    """A User-Agent beginning with Mozilla/ gets 403, so that no web page can drive the proxy."""
    answer = api.request("GET", path, agent="Mozilla/5.0 (X11; Linux)")
    assert (answer.status, answer.text.strip()) == (403, "User agent not allowed")


def test_a_browser_changes_nothing(api: Api) -> None:
    """The refusal comes before the body is acted on."""
    body = '{"name":"a","upstream":"x","listen":"127.0.0.1:0"}'
    assert api.request("POST", "/proxies", raw=body, agent="Mozilla/5.0").status == 403
    assert api.get("/proxies").fields == {}


@pytest.mark.parametrize("agent", ["", "curl/8", "Go-http-client/1.1", "x Mozilla/5.0"])
def test_any_other_agent_is_served(api: Api, agent: str) -> None:
    """Only the start of the User-Agent counts."""
    assert api.request("GET", "/version", agent=agent).status == 200


def test_json_is_announced_as_json(api: Api) -> None:
    """Bodies that clients parse carry a JSON media type."""
    body = {"name": "a", "upstream": "x", "listen": "127.0.0.1:0"}
    answers = [api.post("/proxies", body), api.get("/proxies"), api.get("/proxies/a")]
    answers += [api.post("/proxies/a/toxics", {"type": "noop"}), api.get("/proxies/a/toxics")]
    answers += [api.post("/populate", [body])]
    assert all(answer.content_type.startswith("application/json") for answer in answers)


def test_a_deletion_has_no_body(api: Api) -> None:
    """DELETE and /reset answer 204 with nothing."""
    api.post("/proxies", {"name": "a", "upstream": "x", "listen": "127.0.0.1:0"})
    api.post("/proxies/a/toxics", {"type": "noop"})
    answers = [api.delete("/proxies/a/toxics/noop_downstream"), api.post("/reset")]
    answers += [api.delete("/proxies/a")]
    assert [(answer.status, answer.text) for answer in answers] == [(204, "")] * 3


def test_many_requests_share_one_connection(arm: Arm, api: Api) -> None:
    """Keep-alive works: a hundred requests on one client succeed."""
    assert {api.get("/version").status for _ in range(100)} == {200}
