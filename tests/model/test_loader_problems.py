"""Each mistake in a topology file has its place, what was expected, and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.model.loader import read_topology

BASE = """
version = 1
[services.postgres]
kind = "postgres"
[services.redis]
kind = "redis"
[apps.backend]
command = ["{python}", "app.py"]
links = ["postgres"]
"""


def said(folder: Path, text: str) -> list[str]:
    path = folder / "chaoslab.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_topology(path, kinds=services.kinds())
    return [str(problem).removeprefix("chaoslab.toml: ") for problem in caught.value.problems]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            BASE + '[connectors.vpc]\nlinks = ["backend.postgres", "postgress"]',
            "connectors.vpc.links[1]: unknown service 'postgress'\n"
            "  expected one of: postgres, redis; did you mean 'postgres'?",
        ),
        (
            BASE + '[connectors.vpc]\nlinks = ["bakend.postgres"]',
            "connectors.vpc.links[0]: unknown app 'bakend'\n"
            "  expected one of: backend; did you mean 'backend'?",
        ),
        (
            BASE + '[connectors.vpc]\nlinks = ["redis"]',
            "connectors.vpc.links[0]: no app has a link to 'redis'\n"
            "  expected one of: backend.postgres; add 'redis' to apps.<name>.links",
        ),
        (
            BASE + '[connectors.vpc]\nlinks = ["backend.redis"]',
            "connectors.vpc.links[0]: app 'backend' has no link to 'redis'\n"
            "  expected one of: backend.postgres; add 'redis' to apps.backend.links",
        ),
        (
            BASE + '[connectors.vpc]\nlinks = ["postgres", "backend.postgres"]',
            "connectors.vpc.links[1]: link 'backend.postgres' is named twice (first by 'postgres')"
            "\n  expected each link once",
        ),
        (
            BASE + "[connectors.vpc]\nlinks = []",
            "connectors.vpc.links: got nothing (a list)\n"
            "  expected a list of links, each a service or app.service",
        ),
        (
            BASE.replace('["postgres"]', '["postgres", "postgres"]'),
            "apps.backend.links[1]: 'postgres' is named twice\n  expected each service once",
        ),
        (
            BASE + "[apps.redis]\ncommand = ['x']",
            "apps.redis: service and app have the same name 'redis'\n"
            "  expected unique names, because faults find their targets by name",
        ),
        (
            BASE + '[connectors.backend]\nlinks = ["postgres"]',
            "connectors.backend: app and connector have the same name 'backend'\n"
            "  expected unique names, because faults find their targets by name",
        ),
        (
            BASE + '[services."my db"]\nkind = "redis"',
            "services.\"my db\": 'my db' is not a valid name\n"
            "  expected a letter, then letters, digits, '-' and '_'",
        ),
        (
            BASE.replace('"postgres"\n[', '"postgers"\n[', 1),
            "services.postgres.kind: got 'postgers' (a string)\n"
            f"  expected one of: {', '.join(services.kinds())}; did you mean 'postgres'?",
        ),
        (
            BASE.replace("links", "linsk"),
            "apps.backend.linsk: unknown key 'linsk'\n  expected one of: command, env, links, "
            "port, health, deadlines, limits, writes, container; did you mean 'links'?",
        ),
        (
            BASE + "[apps.backend.limits]\npool = 8",
            "apps.backend.limits.pool: got 8 (a whole number)\n"
            "  expected a table of whole numbers, 1 or more, for example { postgres = 8 }",
        ),
        (
            BASE + "[apps.backend.limits.pool]\npostgres = 0",
            "apps.backend.limits.pool.postgres: got 0 (a whole number)\n"
            "  expected a table of whole numbers, 1 or more, for example { postgres = 8 }",
        ),
        (
            BASE + "[apps.backend.limits.pool]\npostgers = 8",
            "apps.backend.limits.pool.postgers: unknown service 'postgers'\n"
            "  expected one of: postgres, redis; did you mean 'postgres'?",
        ),
        (
            BASE + "[apps.backend.limits.pool]\nredis = 8",
            "apps.backend.limits.pool.redis: app 'backend' has no link to 'redis'\n"
            "  add 'redis' to apps.backend.links",
        ),
        (
            BASE + "[serviecs.x]\nkind = 'redis'",
            "serviecs: unknown key 'serviecs'\n  expected one of: version, name, services, apps, "
            "connectors, images, attach, deployment, gate, secrets; did you mean 'services'?",
        ),
        (
            BASE.replace('command = ["{python}", "app.py"]', ""),
            "apps.backend: missing key 'command'\n"
            "  expected a list of strings, the program and its arguments",
        ),
        (
            BASE.replace('["{python}", "app.py"]', '"python app.py"'),
            "apps.backend.command: got 'python app.py' (a string)\n"
            "  expected a list of strings, the program and its arguments",
        ),
        (
            BASE.replace('"app.py"]', '"app.py", 8080]'),
            "apps.backend.command[2]: got 8080 (a whole number)\n"
            '  expected a string; put it in quotes: "8080"',
        ),
        (
            BASE + "[apps.backend.env]\nDEBUG = true",
            "apps.backend.env.DEBUG: got true (a boolean)\n"
            '  expected a string; put it in quotes: "true"',
        ),
        (
            BASE + '[apps.backend.env]\n"A=B" = "c"',
            "apps.backend.env.\"A=B\": got 'A=B' (a string)\n"
            "  expected a non-empty name without '='",
        ),
        (
            BASE + '[apps.backend.env]\nURL = "{postgres.urll}"',
            "apps.backend.env.URL: unknown placeholder '{postgres.urll}'\n"
            "  expected one of: {port}, {host}, {python}, {postgres.url}, {postgres.host}, "
            "{postgres.port}; did you mean 'postgres.url'?",
        ),
        (
            BASE + '[apps.backend.env]\nURL = "{redis.url}"',
            "apps.backend.env.URL: placeholder '{redis.url}' needs a link to 'redis'\n"
            "  add 'redis' to apps.backend.links",
        ),
        (
            BASE + '[apps.backend.env]\nJSON = "{"',
            "apps.backend.env.JSON: '{' at character 1 has no matching brace\n"
            "  expected placeholders such as '{port}'; "
            "write '{{' or '}}' for a literal brace",
        ),
        (
            BASE + "[apps.backend.deadlines]\nstartup_s = -1.5",
            "apps.backend.deadlines.startup_s: got -1.5 (a number)\n"
            "  expected a number of seconds above 0",
        ),
        (
            BASE + "[apps.backend.deadlines]\nrecovery_s = inf",
            "apps.backend.deadlines.recovery_s: got inf (a number)\n"
            "  expected a number of seconds above 0",
        ),
        (
            BASE + "[apps.backend.deadlines]\ndegraded_s = true",
            "apps.backend.deadlines.degraded_s: got true (a boolean)\n"
            "  expected a number of seconds above 0",
        ),
        (
            BASE.replace("[apps.backend]", "[apps.backend]\nport = 70000"),
            "apps.backend.port: got 70000 (a whole number)\n"
            "  expected a whole number, 1 to 65535, or 0 for any",
        ),
        (
            BASE.replace("[apps.backend]", "[apps.backend]\nport = 7000")
            + "[apps.other]\nport = 7000\ncommand = ['x']",
            "apps.other.port: port 7000 is used by app 'backend'\n"
            "  expected a different port, or 0 for any",
        ),
        (
            BASE + "[apps.backend.health]\npath = 'health'",
            "apps.backend.health.path: got 'health' (a string)\n"
            "  expected a path that begins with '/'",
        ),
        (
            BASE + "[apps.backend.health.words]\nlimping = 'unreachable'",
            "apps.backend.health.words.limping: got 'unreachable' (a string)\n"
            "  expected one of: healthy, degraded, unhealthy",
        ),
        (
            BASE + "[apps.backend.health.words]\nok = 'healthy'\nOK = 'degraded'",
            "apps.backend.health.words.OK: 'OK' is the same word as 'ok'\n"
            "  expected each word once: words are case-insensitive",
        ),
        (
            "apps = 3\n",
            "apps: got 3 (a whole number)\n"
            "  expected at least one table, for example [apps.backend]",
        ),
        (
            "[apps]\nbackend = 2024-01-31\n",
            "apps.backend: got 2024-01-31 (a date)\n  expected a table",
        ),
    ],
)
def test_a_mistake_is_said_with_place_expectation_and_mend(
    tmp_path: Path, text: str, problem: str
) -> None:
    """One mistake gives exactly one problem, in these words."""
    assert said(tmp_path, text) == [problem]


WRITES = """
[apps.backend.writes]
service = "postgres"
create_path = "/threads"
create_body = { id = "{id}" }
table = "threads"
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('service = "postgres"', 'service = "redis"', "'redis' is a redis"),
        ('service = "postgres"', 'service = "pg"', "unknown service 'pg'"),
        ('"/threads"', '"/threads/{di}{id}"', "unknown placeholder '{di}'"),
        (
            'table = "threads"',
            'table = "threads"\nread_path = "/t/{id}"',
            "unknown key 'read_path'",
        ),
        ('{ id = "{id}" }', '{ title = "x" }', "has no {id}"),
        ('{ id = "{id}" }', '{ id = "{id}", t = "{t}" }', "create_body.t: unknown placeholder"),
        ('"/threads"', '"/threads/{key}"', "create_path: unknown placeholder '{key}'"),
        ('{ id = "{id}" }', '{ id = "{id}", n = 3 }', "got 3 (a whole number)"),
        ('table = "threads"', 'table = ""', "got '' (a string)"),
        ('table = "threads"', "", "missing key 'table'"),
        ('table = "threads"', 'table = "t"\ndelivery = "once"', "exactly_once, at_least_once"),
        ('table = "threads"', 'table = "t"\nkept_within_s = -1', "got -1"),
    ],
)
def test_a_write_that_could_never_be_found_again_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    """The write contract must name a linked Postgres, carry the id, and say where the row lies."""
    (only,) = said(tmp_path, BASE + WRITES.replace(old, new))
    assert only.startswith("apps.backend.writes")
    assert problem in only


def test_the_id_may_stand_in_the_path_that_creates(tmp_path: Path) -> None:
    """Some APIs name the row in the path and not in the body."""
    text = WRITES.replace('"/threads"', '"/threads/{id}"').replace('{ id = "{id}" }', '{ t = "x" }')
    path = tmp_path / "chaoslab.toml"
    path.write_text(BASE + text, encoding="utf-8")
    writes = read_topology(path, kinds=services.kinds()).apps["backend"].writes
    assert writes is not None
    assert writes.create_path == "/threads/{id}"


def test_a_write_may_come_late_and_more_than_once_where_that_is_declared(tmp_path: Path) -> None:
    """At once and exactly once unless it is."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(BASE + WRITES, encoding="utf-8")
    usual = read_topology(path, kinds=services.kinds()).apps["backend"].writes
    assert usual is not None
    assert (usual.delivery, usual.kept_within_s) == ("exactly_once", 0.0)
    declared = 'delivery = "at_least_once"\nkept_within_s = 2\n'
    path.write_text(BASE + WRITES + declared, encoding="utf-8")
    writes = read_topology(path, kinds=services.kinds()).apps["backend"].writes
    assert writes is not None
    assert (writes.delivery, writes.kept_within_s) == ("at_least_once", 2.0)


def test_a_write_needs_the_apps_own_link_to_the_database(tmp_path: Path) -> None:
    """A row can only land where the app can reach."""
    (only,) = said(tmp_path, BASE.replace('links = ["postgres"]', "") + WRITES)
    assert only == (
        "apps.backend.writes.service: app 'backend' has no link to 'postgres'\n"
        "  add 'postgres' to apps.backend.links"
    )


@pytest.mark.parametrize(
    ("health", "problem"),
    [
        (
            'phases = ["init"]',
            "apps.backend.health.phases: no path publishes phases\n"
            "  expected a startup_path, from which the phases are read; "
            "add startup_path to apps.backend.health",
        ),
        (
            'startup_path = "/s"\nphases = ["init", "cache", "init"]',
            "apps.backend.health.phases[2]: 'init' is named twice\n  expected each phase once",
        ),
        (
            'startup_path = "/s"\nphases = [""]',
            "apps.backend.health.phases[0]: got '' (a string)\n"
            "  expected a list of strings, the phases of every start-up",
        ),
        (
            'startup_path = "/s"\nphases = "init"',
            "apps.backend.health.phases: got 'init' (a string)\n"
            "  expected a list of strings, the phases of every start-up",
        ),
    ],
)
def test_phases_are_named_once_and_read_from_somewhere(
    tmp_path: Path, health: str, problem: str
) -> None:
    """A phase that nothing could ever publish would fail every start."""
    (only,) = said(tmp_path, BASE + f"[apps.backend.health]\n{health}\n")
    assert only == problem


CONTAINER = """
[apps.backend.container]
image = "shop:1.4.2"
[apps.backend.container.build]
context = "."
dockerfile = "docker/Dockerfile"
"""
ATTACH = """
[attach]
toxiproxy = "http://127.0.0.1:8474"
[attach.apps.backend]
url = "http://staging:8080/"
[attach.links."backend.postgres"]
proxy = "pg"
[attach.services.postgres]
url = "postgresql://app@db:5432/app"
"""
PINNED = "expected a string, name:tag with a fixed tag (never latest), or name@sha256:digest"
ADDRESS = "expected a string, http://host:port without user, password or path"


@pytest.mark.parametrize("image", ["shop", "shop:latest", "reg:5000/shop", "Shop:1", "shop:", ""])
@pytest.mark.parametrize("place", ["images.postgres", "apps.backend.container.image"])
def test_an_image_that_may_be_another_tomorrow_is_refused(
    tmp_path: Path, image: str, place: str
) -> None:
    """No tag and `latest` name whatever was pushed last; a registry's port is no tag."""
    table, _, key = place.rpartition(".")
    (only,) = said(tmp_path, BASE + f'[{table}]\n{key} = "{image}"')
    assert only == f"{place}: got {image!r} (a string)\n  {PINNED}"


@pytest.mark.parametrize(
    "image",
    ["shop:1", "reg:5000/a/shop:v1.2-rc_3", "ghcr.io/a/b__c:2", "shop@sha256:" + "0f" * 32],
)
def test_a_fixed_tag_or_a_digest_is_taken(tmp_path: Path, image: str) -> None:
    """With a registry or without."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(BASE + f'[images]\nredis = "{image}"', encoding="utf-8")
    assert read_topology(path, kinds=services.kinds()).images.services == {"redis": image}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('image = "shop:1.4.2"', "", "missing key 'image'\n  " + PINNED),
        ('context = "."', "", "missing key 'context'"),
        ('context = "."', 'context = ""', "context: got '' (a string)"),
        ('"docker/Dockerfile"', '"../Dockerfile"', "expected a string, a path inside the context"),
        (
            '"docker/Dockerfile"',
            '"/etc/Dockerfile"',
            "expected a string, a path inside the context",
        ),
        ('"docker/Dockerfile"', '"D"\nargs = { A = 1 }', 'put it in quotes: "1"'),
        ("context =", "contxt =", "unknown key 'contxt'"),
    ],
)
def test_a_container_that_cannot_be_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    """By its shape; whether context and Dockerfile exist is for who builds to say."""
    problems = said(tmp_path, BASE + CONTAINER.replace(old, new))
    assert all(each.startswith("apps.backend.container") for each in problems)
    assert any(problem in each for each in problems)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "attach.apps.backend",
            "attach.apps.bakend",
            "attach.apps.bakend: unknown app 'bakend'\n"
            "  expected one of: backend; did you mean 'backend'?",
        ),
        (
            "backend.postgres",
            "backend.redis",
            "attach.links.\"backend.redis\": unknown link 'backend.redis'\n"
            "  expected one of: backend.postgres; did you mean 'backend.postgres'?",
        ),
        (
            "services.postgres",
            "services.postgress",
            "attach.services.postgress: unknown service 'postgress'\n"
            "  expected one of: postgres, redis; did you mean 'postgres'?",
        ),
        (
            "services.postgres",
            "services.redis",
            "attach.services.redis.url: 'redis' is a redis, but this is the URL of another kind\n"
            "  expected redis://…",
        ),
        (
            "postgresql://app@db:5432/app",
            "mysql://db",
            "attach.services.postgres.url: 'postgres' is a postgres, "
            "but this is the URL of another kind\n  expected postgresql://…",
        ),
        (
            "http://127.0.0.1:8474",
            "https://127.0.0.1:8474",
            f"attach.toxiproxy: got 'https://127.0.0.1:8474' (a string)\n  {ADDRESS}",
        ),
        (
            "http://staging:8080/",
            "http://staging",
            f"attach.apps.backend.url: got 'http://staging' (a string)\n  {ADDRESS}",
        ),
        (
            "http://staging:8080/",
            "http://me:secret@staging:8080",
            f"attach.apps.backend.url: got 'http://me:***@staging:8080' (a string)\n  {ADDRESS}",
        ),
        (
            "http://staging:8080/",
            "http://staging:80a",
            f"attach.apps.backend.url: got 'http://staging:80a' (a string)\n  {ADDRESS}",
        ),
        (
            'proxy = "pg"',
            'proxy = "a/b"',
            "attach.links.\"backend.postgres\".proxy: got 'a/b' (a string)\n"
            "  expected a string, the proxy's name in Toxiproxy, "
            "without spaces and '/', '?', '#', '%'",
        ),
    ],
)
def test_what_cannot_be_attached_to_is_said(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    """Names of the same file, plain addresses, URLs of the service's own kind."""
    assert said(tmp_path, BASE + ATTACH.replace(old, new)) == [problem]


def test_two_links_may_not_name_one_proxy(tmp_path: Path) -> None:
    """A fault on one of them would be a fault on both."""
    text = BASE.replace('["postgres"]', '["postgres", "redis"]') + ATTACH
    (only,) = said(tmp_path, text + '[attach.links."backend.redis"]\nproxy = "pg"\n')
    assert only == (
        "attach.links.\"backend.redis\".proxy: proxy 'pg' already carries link 'backend.postgres'\n"
        "  expected one proxy for each link"
    )


def test_all_mistakes_of_an_attachment_come_at_once(tmp_path: Path) -> None:
    """With its parts missing and misspelt."""
    text = (
        '[attach]\ntoxiproxi = "x"\n[attach.links."b.redis"]\n[attach.services.postgres]\nurl = 3'
    )
    problems = said(tmp_path, BASE + text)
    assert [problem.partition("\n")[0] for problem in problems] == [
        "attach.toxiproxi: unknown key 'toxiproxi'",
        "attach.links.\"b.redis\": unknown link 'b.redis'",
        "attach.links.\"b.redis\": missing key 'proxy'",
        "attach.services.postgres.url: got 3 (a whole number)",
        "attach: missing key 'toxiproxy'",
        "attach: missing key 'apps'",
    ]


def test_all_mistakes_come_at_once_and_in_the_files_order(tmp_path: Path) -> None:
    """A wrong type does not hide a misspelt name further down, nor the other way round."""
    problems = said(
        tmp_path,
        """
colour = "blue"
[connectors.vpc]
links = ["backend.postgress", 7]
[apps.backend]
command = []
links = ["postgres", "rediss"]
[apps.backend.env]
A = "{postgres.url}"
B = "{nothing}"
C = 1
[apps.backend.deadlines]
startup_s = 0
[services.postgres]
kind = "postgres"
version = 16
""",
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "colour",
        "connectors.vpc.links[0]",
        "connectors.vpc.links[1]",
        "apps.backend.command",
        "apps.backend.links[1]",
        "apps.backend.env.B",
        "apps.backend.env.C",
        "apps.backend.deadlines.startup_s",
        "services.postgres.version",
    ]


def test_a_misspelt_link_is_not_blamed_again_for_its_placeholders(tmp_path: Path) -> None:
    """One slip, one problem."""
    text = BASE.replace('["postgres"]', '["postgers"]')
    (only,) = said(tmp_path, text + '[apps.backend.env]\nURL = "{postgres.url}"\n')
    assert only.startswith("apps.backend.links[0]: unknown service 'postgers'")
