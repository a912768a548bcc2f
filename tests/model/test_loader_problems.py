"""Each mistake in a topology file has its place, what was expected, and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services

from .topologies import BASE, said


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
