"""Mistakes in images, containers and `attach`."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.model.loader import read_topology

from .topologies import BASE, said


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
