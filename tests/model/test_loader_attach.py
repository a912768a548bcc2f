"""Mistakes in images, containers and `attach`."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.problems import Expected, place_of, wrong

from chaoslab import services
from chaoslab.model.loader import read_topology

from .topologies import BASE, bad, problems_of


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
PINNED = "a string, name:tag with a fixed tag (never latest), or name@sha256:digest"
ADDRESS = "a string, http://host:port without user, password or path"


@pytest.mark.parametrize("image", ["shop", "shop:latest", "reg:5000/shop", "Shop:1", "shop:", ""])
@pytest.mark.parametrize("place", ["images.postgres", "apps.backend.container.image"])
def test_an_image_that_may_be_another_tomorrow_is_refused(
    tmp_path: Path, image: str, place: str
) -> None:
    """No tag and `latest` name whatever was pushed last. The port of a registry is no tag."""
    table, _, key = place.rpartition(".")
    (only,) = problems_of(tmp_path, BASE + f'[{table}]\n{key} = "{image}"')
    bad(place, repr(image), "a string", PINNED).check(only)


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
    ("old", "new", "expected"),
    [
        (
            'image = "shop:1.4.2"',
            "",
            wrong("apps.backend.container", "topology.missing_key", PINNED, key="image"),
        ),
        (
            'context = "."',
            "",
            wrong(
                "apps.backend.container.build",
                "topology.missing_key",
                "a string, a folder, relative to this file",
                key="context",
            ),
        ),
        (
            'context = "."',
            'context = ""',
            bad(
                "apps.backend.container.build.context",
                "''",
                "a string",
                "a string, a folder, relative to this file",
            ),
        ),
        (
            '"docker/Dockerfile"',
            '"../Dockerfile"',
            bad(
                "apps.backend.container.build.dockerfile",
                "'../Dockerfile'",
                "a string",
                "a string, a path inside the context",
            ),
        ),
        (
            '"docker/Dockerfile"',
            '"/etc/Dockerfile"',
            bad(
                "apps.backend.container.build.dockerfile",
                "'/etc/Dockerfile'",
                "a string",
                "a string, a path inside the context",
            ),
        ),
        (
            '"docker/Dockerfile"',
            '"D"\nargs = { A = 1 }',
            bad("apps.backend.container.build.args.A", "1", "a whole number", '"1"'),
        ),
        (
            "context =",
            "contxt =",
            wrong(
                "apps.backend.container.build.contxt",
                "topology.unknown_key",
                "did you mean 'context'?",
                key="contxt",
            ),
        ),
    ],
)
def test_a_container_that_cannot_be_is_refused(
    tmp_path: Path, old: str, new: str, expected: Expected
) -> None:
    """Whether context and Dockerfile exist is checked when the image is built."""
    first, *others = problems_of(tmp_path, BASE + CONTAINER.replace(old, new))
    expected.check(first)
    assert all(place_of(each).startswith("apps.backend.container") for each in others)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "attach.apps.backend",
            "attach.apps.bakend",
            wrong(
                "attach.apps.bakend",
                "name.unknown",
                "did you mean 'backend'?",
                kind="app",
                name="bakend",
            ),
        ),
        (
            "backend.postgres",
            "backend.redis",
            wrong(
                'attach.links."backend.redis"',
                "name.unknown",
                "did you mean 'backend.postgres'?",
                kind="link",
                name="backend.redis",
            ),
        ),
        (
            "services.postgres",
            "services.postgress",
            wrong(
                "attach.services.postgress",
                "name.unknown",
                "did you mean 'postgres'?",
                kind="service",
                name="postgress",
            ),
        ),
        (
            "services.postgres",
            "services.redis",
            wrong(
                "attach.services.redis.url",
                "topology.url_of_other_kind",
                "redis://…",
                service="redis",
                kind="redis",
            ),
        ),
        (
            "postgresql://app@db:5432/app",
            "mysql://db",
            wrong(
                "attach.services.postgres.url",
                "topology.url_of_other_kind",
                "postgresql://…",
                service="postgres",
                kind="postgres",
            ),
        ),
        (
            "http://127.0.0.1:8474",
            "https://127.0.0.1:8474",
            bad("attach.toxiproxy", "'https://127.0.0.1:8474'", "a string", ADDRESS),
        ),
        (
            "http://staging:8080/",
            "http://staging",
            bad("attach.apps.backend.url", "'http://staging'", "a string", ADDRESS),
        ),
        (
            "http://staging:8080/",
            "http://me:secret@staging:8080",
            bad("attach.apps.backend.url", "'http://me:***@staging:8080'", "a string", ADDRESS),
        ),
        (
            "http://staging:8080/",
            "http://staging:80a",
            bad("attach.apps.backend.url", "'http://staging:80a'", "a string", ADDRESS),
        ),
        (
            'proxy = "pg"',
            'proxy = "a/b"',
            bad(
                'attach.links."backend.postgres".proxy',
                "'a/b'",
                "a string",
                "without spaces and '/', '?', '#', '%'",
            ),
        ),
    ],
)
def test_what_cannot_be_attached_to_is_a_problem(
    tmp_path: Path, old: str, new: str, expected: Expected
) -> None:
    """Names of the same file, plain addresses, URLs of the service's own kind."""
    (problem,) = problems_of(tmp_path, BASE + ATTACH.replace(old, new))
    expected.check(problem)


def test_two_links_may_not_name_one_proxy(tmp_path: Path) -> None:
    """A fault on one link would affect both."""
    text = BASE.replace('["postgres"]', '["postgres", "redis"]') + ATTACH
    (only,) = problems_of(tmp_path, text + '[attach.links."backend.redis"]\nproxy = "pg"\n')
    assert (place_of(only), only.code) == (
        'attach.links."backend.redis".proxy',
        "topology.proxy_taken",
    )
    assert only.data == {"proxy": "pg", "link": "backend.postgres"}


def test_all_mistakes_of_an_attachment_come_at_once(tmp_path: Path) -> None:
    """Keys are missing and misspelt."""
    text = (
        '[attach]\ntoxiproxi = "x"\n[attach.links."b.redis"]\n[attach.services.postgres]\nurl = 3'
    )
    expected = [
        wrong("attach.toxiproxi", "topology.unknown_key", key="toxiproxi"),
        wrong('attach.links."b.redis"', "name.unknown", kind="link", name="b.redis"),
        wrong('attach.links."b.redis"', "topology.missing_key", key="proxy"),
        bad("attach.services.postgres.url", "3", "a whole number"),
        wrong("attach", "topology.missing_key", key="toxiproxy"),
        wrong("attach", "topology.missing_key", key="apps"),
    ]
    for one, problem in zip(expected, problems_of(tmp_path, BASE + text), strict=True):
        one.check(problem)
