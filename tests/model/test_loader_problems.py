"""Each mistake in a topology file has its place, what was expected, and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.problems import Expected, place_of, wrong

from .topologies import BASE, bad, problems_of


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            BASE + '[connectors.vpc]\nlinks = ["backend.postgres", "postgress"]',
            wrong(
                "connectors.vpc.links[1]",
                "name.unknown",
                "did you mean 'postgres'?",
                kind="service",
                name="postgress",
            ),
        ),
        (
            BASE + '[connectors.vpc]\nlinks = ["bakend.postgres"]',
            wrong(
                "connectors.vpc.links[0]",
                "name.unknown",
                "did you mean 'backend'?",
                kind="app",
                name="bakend",
            ),
        ),
        (
            BASE + 'env = { A = "{port:admin}" }\n[apps.backend.health]\nport = "adnim"\n',
            wrong(
                "apps.backend.health.port",
                "topology.no_port",
                "did you mean 'admin'?",
                port="adnim",
            ),
        ),
        (
            BASE + '[apps.backend.health]\nport = "admin"\n',
            wrong("apps.backend.health.port", "topology.no_port", "add {port:admin}", port="admin"),
        ),
        (
            BASE + 'prepare = [["true"], ["migrate", "{redis.url}"]]\n',
            wrong(
                "apps.backend.prepare[1][1]",
                "topology.placeholder_not_linked",
                "add 'redis'",
                placeholder="{redis.url}",
                service="redis",
            ),
        ),
        (
            BASE + '[apps.backend.processes]\nworker = ["work", "{redis.url}"]\n',
            wrong(
                "apps.backend.processes.worker[1]",
                "topology.placeholder_not_linked",
                "add 'redis'",
                placeholder="{redis.url}",
                service="redis",
            ),
        ),
        (
            BASE + '[apps.backend.processes]\n"a/b" = ["work"]\n',
            wrong(
                'apps.backend.processes."a/b"',
                "topology.bad_value",
                "a letter, then letters",
                value="'a/b'",
                type="a string",
            ),
        ),
        (
            BASE + 'env = { A = "{port:}" }\n',
            wrong(
                "apps.backend.env.A",
                "name.unknown",
                "as in {port:grpc}",
                kind="placeholder",
                name="{port:}",
            ),
        ),
        (
            BASE + '[connectors.vpc]\nlinks = ["redis"]',
            wrong(
                "connectors.vpc.links[0]",
                "topology.no_link",
                "apps.<name>.links",
                app="",
                service="redis",
            ),
        ),
        (
            BASE + '[connectors.vpc]\nlinks = ["backend.redis"]',
            wrong(
                "connectors.vpc.links[0]",
                "topology.no_link",
                "apps.backend.links",
                app="backend",
                service="redis",
            ),
        ),
        (
            BASE + '[connectors.vpc]\nlinks = ["postgres", "backend.postgres"]',
            wrong(
                "connectors.vpc.links[1]",
                "topology.link_twice",
                "each link once",
                link="backend.postgres",
                first="postgres",
            ),
        ),
        (
            BASE + "[connectors.vpc]\nlinks = []",
            bad("connectors.vpc.links", "nothing", "a list"),
        ),
        (
            BASE.replace('["postgres"]', '["postgres", "postgres"]'),
            wrong(
                "apps.backend.links[1]",
                "topology.named_twice",
                "each service once",
                name="postgres",
            ),
        ),
        (
            BASE + "[apps.redis]\ncommand = ['x']",
            wrong("apps.redis", "topology.name_taken", first="service", second="app", name="redis"),
        ),
        (
            BASE + '[connectors.backend]\nlinks = ["postgres"]',
            wrong(
                "connectors.backend",
                "topology.name_taken",
                first="app",
                second="connector",
                name="backend",
            ),
        ),
        (
            BASE + '[services."my db"]\nkind = "redis"',
            wrong(
                'services."my db"',
                "topology.invalid_name",
                "a letter, then letters, digits, '-' and '_'",
                name="my db",
            ),
        ),
        (
            BASE.replace('"postgres"\n[', '"postgers"\n[', 1),
            bad("services.postgres.kind", "'postgers'", "a string", "did you mean 'postgres'?"),
        ),
        (
            BASE.replace("links", "linsk"),
            wrong(
                "apps.backend.linsk", "topology.unknown_key", "did you mean 'links'?", key="linsk"
            ),
        ),
        (
            BASE + "[apps.backend.limits]\npool = 8",
            bad("apps.backend.limits.pool", "8", "a whole number"),
        ),
        (
            BASE + '[apps.backend.policies.postgres]\nboot = "exits"',
            bad("apps.backend.policies.postgres.boot", "'exits'", "a string", "one of: degrade"),
        ),
        (
            BASE + '[apps.backend.policies.postgres]\nboot = "exitt"',
            bad("apps.backend.policies.postgres.boot", "'exitt'", "a string", "mean 'exit'?"),
        ),
        (
            BASE + "[apps.backend.policies.postgres]\nrunning = 3",
            bad("apps.backend.policies.postgres.running", "3", "a whole number", "refused ="),
        ),
        (
            BASE + '[apps.backend.policies.postgres]\nrunning = { refused = "waits" }',
            bad(
                "apps.backend.policies.postgres.running.refused",
                "'waits'",
                "a string",
                "did you mean 'wait'?",
            ),
        ),
        (
            BASE + '[apps.backend.policies.postgres]\nrunning = { refuse = "wait" }',
            bad(
                "apps.backend.policies.postgres.running.refuse",
                "'refuse'",
                "a string",
                "did you mean 'refused'?",
            ),
        ),
        (
            BASE + '[apps.backend.policies.postgres]\nrestart = "wait"',
            wrong(
                "apps.backend.policies.postgres.restart",
                "topology.unknown_key",
                "one of: boot, running",
                key="restart",
            ),
        ),
        (
            BASE + '[apps.backend.policies.redis]\nboot = "wait"',
            wrong(
                "apps.backend.policies.redis",
                "topology.no_link",
                "apps.backend.links",
                app="backend",
                service="redis",
            ),
        ),
        (
            BASE + '[apps.backend.policies.redsi]\nboot = "wait"',
            wrong(
                "apps.backend.policies.redsi",
                "name.unknown",
                "did you mean 'redis'?",
                kind="service",
                name="redsi",
            ),
        ),
        (
            BASE + "[apps.backend.limits.pool]\npostgres = 0",
            bad("apps.backend.limits.pool.postgres", "0", "a whole number"),
        ),
        (
            BASE + "[apps.backend.limits.pool]\npostgers = 8",
            wrong(
                "apps.backend.limits.pool.postgers",
                "name.unknown",
                "did you mean 'postgres'?",
                kind="service",
                name="postgers",
            ),
        ),
        (
            BASE + "[apps.backend.limits.pool]\nredis = 8",
            wrong(
                "apps.backend.limits.pool.redis",
                "topology.no_link",
                "apps.backend.links",
                app="backend",
                service="redis",
            ),
        ),
        (
            BASE + "[serviecs.x]\nkind = 'redis'",
            wrong("serviecs", "topology.unknown_key", "did you mean 'services'?", key="serviecs"),
        ),
        (
            BASE.replace('command = ["{python}", "app.py"]', ""),
            wrong("apps.backend", "topology.missing_key", key="command"),
        ),
        (
            BASE.replace('["{python}", "app.py"]', '"python app.py"'),
            bad("apps.backend.command", "'python app.py'", "a string"),
        ),
        (
            BASE.replace('"app.py"]', '"app.py", 8080]'),
            bad("apps.backend.command[2]", "8080", "a whole number", '"8080"'),
        ),
        (
            BASE + "[apps.backend.env]\nDEBUG = true",
            bad("apps.backend.env.DEBUG", "true", "a boolean", '"true"'),
        ),
        (
            BASE + '[apps.backend.env]\n"A=B" = "c"',
            bad('apps.backend.env."A=B"', "'A=B'", "a string", "a non-empty name without '='"),
        ),
        (
            BASE + '[apps.backend.env]\nURL = "{postgres.urll}"',
            wrong(
                "apps.backend.env.URL",
                "name.unknown",
                "did you mean 'postgres.url'?",
                kind="placeholder",
                name="{postgres.urll}",
            ),
        ),
        (
            BASE + '[apps.backend.env]\nURL = "{redis.url}"',
            wrong(
                "apps.backend.env.URL",
                "topology.placeholder_not_linked",
                "apps.backend.links",
                placeholder="{redis.url}",
                service="redis",
            ),
        ),
        (
            BASE + '[apps.backend.env]\nURL = "{redis.password}"',
            wrong(
                "apps.backend.env.URL",
                "topology.placeholder_not_linked",
                "apps.backend.links",
                placeholder="{redis.password}",
                service="redis",
            ),
        ),
        (
            BASE.replace('links = ["postgres"]', 'links = ["redis"]')
            + '[apps.backend.env]\nURL = "{redis.vhost}"',
            wrong(
                "apps.backend.env.URL",
                "name.unknown",
                "{redis.url}, {redis.host}, {redis.port}, {redis.password}, {redis.database}",
                kind="placeholder",
                name="{redis.vhost}",
            ),
        ),
        (
            BASE + '[apps.backend.env]\nURL = "{postgres.url:}"',
            wrong("apps.backend.env.URL", "placeholder.bad_scheme", scheme=""),
        ),
        (
            BASE + '[apps.backend.env]\nJSON = "{"',
            wrong("apps.backend.env.JSON", "placeholder.unmatched_brace", brace="{", character=1),
        ),
        (
            BASE + "[apps.backend.deadlines]\nstartup_s = -1.5",
            bad(
                "apps.backend.deadlines.startup_s",
                "-1.5",
                "a number",
                "a number of seconds above 0",
            ),
        ),
        (
            BASE + "[apps.backend.deadlines]\nrecovery_s = inf",
            bad(
                "apps.backend.deadlines.recovery_s",
                "inf",
                "a number",
                "a number of seconds above 0",
            ),
        ),
        (
            BASE + "[apps.backend.deadlines]\ndegraded_s = true",
            bad(
                "apps.backend.deadlines.degraded_s",
                "true",
                "a boolean",
                "a number of seconds above 0",
            ),
        ),
        (
            BASE.replace("[apps.backend]", "[apps.backend]\nport = 70000"),
            bad(
                "apps.backend.port",
                "70000",
                "a whole number",
                "a whole number, 1 to 65535, or 0 for any",
            ),
        ),
        (
            BASE.replace("[apps.backend]", "[apps.backend]\nport = 7000")
            + "[apps.other]\nport = 7000\ncommand = ['x']",
            wrong(
                "apps.other.port",
                "topology.port_taken",
                "a different port, or 0 for any",
                port=7000,
                app="backend",
            ),
        ),
        (
            BASE + "[apps.backend.health]\npath = 'health'",
            bad("apps.backend.health.path", "'health'", "a string", "a path that begins with '/'"),
        ),
        (
            BASE + "[apps.backend.health.words]\nlimping = 'unreachable'",
            bad(
                "apps.backend.health.words.limping",
                "'unreachable'",
                "a string",
                "healthy, degraded, unhealthy",
            ),
        ),
        (
            BASE + "[apps.backend.health.words]\nok = 'healthy'\nOK = 'degraded'",
            wrong(
                "apps.backend.health.words.OK",
                "topology.same_word",
                "each word once: words are case-insensitive",
                word="OK",
                first="ok",
            ),
        ),
        (
            "apps = 3\n",
            bad("apps", "3", "a whole number"),
        ),
        (
            "[apps]\nbackend = 2024-01-31\n",
            bad("apps.backend", "2024-01-31", "a date", "a table"),
        ),
    ],
)
def test_a_mistake_has_its_place_its_code_and_what_helps(
    tmp_path: Path, text: str, expected: Expected
) -> None:
    """One mistake gives exactly one problem."""
    (problem,) = problems_of(tmp_path, text)
    expected.check(problem)


def test_a_problem_reads_as_place_mistake_expected_and_fix(tmp_path: Path) -> None:
    """On two lines, below the path of the file."""
    (problem,) = problems_of(tmp_path, BASE.replace("links", "linsk"))
    first, second = str(problem).splitlines()
    assert first == "chaoslab.toml: apps.backend.linsk: unknown key 'linsk'"
    assert second.startswith(
        "  expected one of: command, cwd, prepare, prepare_timeout_s, processes, env, "
    )
    assert second.endswith("; did you mean 'links'?")


def test_all_mistakes_come_at_once_and_in_the_files_order(tmp_path: Path) -> None:
    """A wrong type does not hide a misspelt name, and a misspelt name no wrong type."""
    problems = problems_of(
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
    assert [place_of(problem) for problem in problems] == [
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
    """One mistake is one problem."""
    text = BASE.replace('["postgres"]', '["postgers"]')
    (only,) = problems_of(tmp_path, text + '[apps.backend.env]\nURL = "{postgres.url}"\n')
    wrong("apps.backend.links[0]", "name.unknown", kind="service", name="postgers").check(only)
