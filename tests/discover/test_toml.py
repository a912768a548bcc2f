"""The file that `init` writes is one that the loader reads, and says what was observed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.discover.findings import Findings, PathAnswer, PathFound
from chaoslab.discover.proposal import Proposal, Proposed
from chaoslab.discover.toml import bound_s, scenario_text, topology_text
from chaoslab.model.loader.topology import read_topology
from chaoslab.model.topology import Topology

PROPOSAL = Proposal(
    name="shop",
    app="web",
    command=("python", "-m", "shop", 'a "quoted" word', "{port}"),
    command_from="Procfile",
    processes={"worker": ("env", "QUEUE=mail", "rq", "worker", "{postgres.url}")},
    env={"DATABASE_URL": "{postgres.url}", "odd.name": "tab\there", "PORT": "{port}"},
    services=(Proposed(name="postgres", kind="postgres", why="DATABASE_URL in .env"),),
    images={"postgres": "postgres:15-alpine"},
    health_path="/healthz",
    others=("Dockerfile: serve",),
    notes=("line one\nline two", "\x1b[31mred"),
)
GOOD = PathAnswer(status=200, content_type="application/json", body='{"db": "up"}')
BAD = PathAnswer(status=503, content_type="application/json", body='{"db": "down"}')
PAGE = PathAnswer(status=200, content_type="text/html", body="<!DOCTYPE html><p>3 queues</p>")
FINDINGS = Findings(
    port=8000,
    paths=(
        PathFound(path="/ready", steady=GOOD, severed={"postgres": BAD}, role="health"),
        PathFound(path="/live", steady=GOOD, severed={"postgres": GOOD}, role="live"),
    ),
    boots_s=(1.0, 2.0, 1.5),
    back_s={"postgres": 0.4},
    schema={"postgres": ("a", "b", "c", "d", "e", "f")},
)


def read(tmp_path: Path, text: str) -> Topology:
    path = tmp_path / "chaoslab.toml"
    path.write_text(text)
    return read_topology(path, kinds=services.kinds())


def test_a_proposal_alone(tmp_path: Path) -> None:
    """Without findings the file has the proposal, and says that nothing was started."""
    text = topology_text(PROPOSAL, None, schema="./chaoslab.schema.json")
    assert text.startswith("#:schema ./chaoslab.schema.json\n")
    assert "Nothing was started" in text
    topology = read(tmp_path, text)
    app = topology.apps["web"]
    assert app.command == PROPOSAL.command
    assert dict(app.env) == dict(PROPOSAL.env)
    assert dict(app.processes) == dict(PROPOSAL.processes)
    assert app.health.path == "/healthz"
    assert topology.images.services == {"postgres": "postgres:15-alpine"}


def test_what_was_observed(tmp_path: Path) -> None:
    """With findings the file has port, paths and deadlines, and each answer as a comment."""
    text = topology_text(PROPOSAL, FINDINGS)
    app = read(tmp_path, text).apps["web"]
    assert (app.port, app.health.path, app.health.live_path) == (8000, "/ready", "/live")
    assert "PORT" not in app.env
    assert app.deadlines.startup_s == bound_s((2.0,)) == 6.0
    assert app.deadlines.recovery_s == bound_s((2.4,)) == 7.0
    flat = " ".join(text.replace("\n#", "").split())
    assert '/ready: 200 {"db": "up"}; 503 {"db": "down"} while postgres was refused' in flat
    assert "does not notice the loss of postgres" in flat
    assert "tables in postgres: a, b, c, d, e and 1 more" in flat
    assert "# prepare = [" in text


@pytest.mark.parametrize(("longest_s", "said"), [(3.0, False), (3.1, True)])
def test_a_boot_that_took_much_longer(longest_s: float, said: bool) -> None:
    """The bounds are those of the longest boot, and the file says if it is unlike the others."""
    text = topology_text(PROPOSAL, replace(FINDINGS, boots_s=(longest_s, 1.5, 1.0)))
    assert f"startup_s = {bound_s([longest_s])}" in text
    assert ("more than twice the median, 1.5 s" in text) is said


def test_boots_without_a_good_answer() -> None:
    """Their times are not called those of good answers."""
    text = topology_text(PROPOSAL, replace(FINDINGS, all_good=False))
    assert "1.0 s, 2.0 s, 1.5 s to the first answer, not a good one" in text
    assert "first good answer" not in text


def test_a_word_that_only_this_app_has(tmp_path: Path) -> None:
    """It is written as one that means healthy, also if it is no plain key."""
    for word in ("SERVING", "all is well"):
        answer = PathAnswer(
            status=200, content_type="application/json", body=f'{{"status": "{word}"}}'
        )
        found = Findings(paths=(PathFound(path="/healthz", steady=answer, role="health"),))
        health = read(tmp_path, topology_text(PROPOSAL, found)).apps["web"].health
        assert dict(health.words)[word.lower()] == "healthy"


def test_commands_that_prepare_are_written_and_not_proposed(tmp_path: Path) -> None:
    """What the user wants to run before the first boot is a key; no migration is proposed then."""
    given = replace(PROPOSAL, prepare=(("shop", "migrate", "{postgres.url}"), ("shop", "seed")))
    text = topology_text(given, FINDINGS)
    assert read(tmp_path, text).apps["web"].prepare == given.prepare
    assert "# prepare" not in text
    assert "made tables" not in text


def test_no_path_notices(tmp_path: Path) -> None:
    """Where no path notices a loss, the file says so and asks for a request."""
    found = PathFound(path="/ping", steady=GOOD, severed={"postgres": GOOD})
    text = topology_text(PROPOSAL, Findings(paths=(found,), boots_s=(1.0,)))
    assert read(tmp_path, text).apps["web"].health.path == "/ping"
    assert "No path was observed to notice the loss" in text
    assert "# [apps.web.requests.works]" in text


@pytest.mark.parametrize(
    "paths", [(), (PathFound(path="/", steady=PathAnswer(status=404, body="{}")),)]
)
def test_a_path_without_a_good_answer_is_a_comment(
    tmp_path: Path, paths: tuple[PathFound, ...]
) -> None:
    """The file says why, and is one that the loader reads."""
    findings = Findings(paths=paths, not_health="/health (404)")
    text = topology_text(PROPOSAL, findings)
    read(tmp_path, text)
    assert "health: none instead of /health (404)" in text
    assert "\n# path = " in text
    assert "\npath = " not in text
    assert "dialect" not in text


def test_a_request(tmp_path: Path) -> None:
    """A request that the user named is declared as a page."""
    text = topology_text(PROPOSAL, Findings(request="/items"))
    assert read(tmp_path, text).apps["web"].requests["works"].path == "/items"


@pytest.mark.parametrize(
    ("one", "other", "noticed"),
    [
        (GOOD, BAD, ("postgres",)),
        (GOOD, GOOD, ()),
        (GOOD, PathAnswer(status=200, body='{"db": "down"}'), ("postgres",)),
        (GOOD, PathAnswer(error="no answer within 2 s"), ("postgres",)),
        (PathAnswer(status=200, body="t=1"), PathAnswer(status=200, body="t=23"), ()),
        (PAGE, PathAnswer(status=200, body="<html>no queues</html>"), ()),
        (PAGE, BAD, ("postgres",)),
    ],
)
def test_what_counts_as_noticed(
    one: PathAnswer, other: PathAnswer, noticed: tuple[str, ...]
) -> None:
    """Another status, another text or no answer is noticed; other figures alone are not."""
    assert PathFound(path="/", steady=one, severed={"postgres": other}).noticed == noticed


def test_a_page_is_named_and_not_quoted() -> None:
    """Of a page of HTML people see that it is one, and not its markup."""
    assert PAGE.text == "200, an HTML page"


def test_a_request_that_notices_nothing_is_not_health() -> None:
    """The request that the user named is health if it notices, or if there is no other path."""
    page = PathFound(path="/items", steady=PAGE, severed={"postgres": PAGE})
    other = PathFound(path="/health", steady=GOOD, severed={"postgres": GOOD})
    worse = replace(page, severed={"postgres": BAD}, role="notices")
    assert Findings(paths=(page, other), request="/items").health == other
    assert Findings(paths=(worse, other), request="/items").health == worse
    assert Findings(paths=(page,), request="/items").health == page


def test_the_scenario_is_python() -> None:
    """The scenario file is valid Python that names each service."""
    text = scenario_text(PROPOSAL)
    compile(text, "scenario", "exec")
    assert "['postgres']" in text
