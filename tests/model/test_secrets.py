"""Which texts are secret. A mask hides them in each form, and nothing else."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from chaoslab import services
from chaoslab.clock import now_s
from chaoslab.errors import SpecError
from chaoslab.history.events import (
    CrossTalk,
    Effect,
    Exited,
    HealthSample,
    LinkConnection,
    Spawned,
)
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.loader import read_topology
from chaoslab.model.mask import Mask
from chaoslab.model.masking import mask_of
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.requests import RequestContract
from chaoslab.model.secrets import looks_secret, secrets_of_command, secrets_within
from chaoslab.model.topology import App, Attach, Secrets, Service, Topology

AWKWARD = 'p"ä\\ss/w@rd&<1'


def topology(**env: str) -> Topology:
    return Topology(
        name="shop",
        services={"postgres": Service(name="postgres", kind="postgres")},
        apps={"web": App(name="web", command=("app",), env=env, links=("postgres",))},
    )


@pytest.mark.parametrize(
    "name",
    [
        *("TOKEN", "GITHUB_TOKEN", "ACCESS_TOKENS", "authtoken", "SECRET", "clientSecret"),
        *("PASSWORD", "PGPASSWORD", "DB_PASSWD", "MYSQL_PASS", "DB_PWD", "API_KEY", "apiKey"),
        *("APIKEY", "SECRET_KEY_BASE", "AWS_CREDENTIALS", "BASIC_AUTH", "SENTRY_DSN", "JWT"),
        *("PRIVATE-KEY", "ssh.passphrase", "password"),
    ],
)
def test_a_name_with_such_a_part_is_secret(name: str) -> None:
    """In capitals or not, with underscores or without."""
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("KEYBOARD", "MONKEY", "AUTHOR", "PORT", "DATABASE_URL", "PWD", "OLDPWD", "PASS_RATE"),
        *("SECRETARY", "TOKENIZERS_PARALLELISM", "COMPASS", "HOST", "", "1"),
    ],
)
def test_a_name_that_only_looks_like_it_is_not(name: str) -> None:
    """A part of a word is no part of a name."""
    assert not looks_secret(name)


def test_a_listed_name_is_secret_whatever_it_looks_like() -> None:
    """By `[secrets] variables`."""
    assert looks_secret("SEED", ("SEED",))


@pytest.mark.parametrize(
    ("words", "secret"),
    [
        (("app", "--password", "hunter22"), "hunter22"),
        (("app", "--db-password=hunter22"), "hunter22"),
        (("env", "PGPASSWORD=hun ter22", "app"), "hun ter22"),
        (("sh", "-c", "PGPASSWORD='hun ter22' exec app"), "hun ter22"),
        (("sh", "-c", "app --token hunter22 --port 1"), "hunter22"),
        (("app", "postgresql://u:hunter22@db/x"), "hunter22"),
        (("app", "--dsn=host=db password=hunter22"), "hunter22"),
    ],
)
def test_a_commands_secrets_are_found(words: tuple[str, ...], secret: str) -> None:
    """In options, assignments, URLs and the text of a shell. Each is masked there."""
    assert secret in set(secrets_of_command(words))
    app = replace(topology().apps["web"], command=words)
    shown = mask_of(replace(topology(), apps={"web": app})).of(app)
    assert secret not in " ".join(shown.command)
    assert len(shown.command) == len(words)


def test_a_urls_password_is_found_as_it_is_written_and_as_it_is_meant() -> None:
    """A driver logs the decoded password."""
    url = f"postgresql://u:{quote(AWKWARD, safe='')}@db:5432/x"
    assert AWKWARD in set(secrets_within(url))
    assert set(secrets_within("redis://:hunter22@r/0 http://h:80/a?api_key=abcd12")) == {
        "hunter22",
        "abcd12",
    }


@pytest.mark.parametrize("secret", [AWKWARD, "plain-secret-value", "été1", "a%2Fb c"])
def test_every_usual_form_of_a_secret_is_hidden(secret: str) -> None:
    """In a JSON log line, a repr, a URL, a form and XML."""
    mask = mask_of(topology(API_KEY=secret))
    for form in (
        secret,
        json.dumps({"key": secret}),
        json.dumps({"key": secret}, ensure_ascii=False),
        json.dumps(json.dumps({"key": secret})),
        repr(secret),
        repr(secret.encode()),
        quote(secret, safe=""),
        quote(secret),
        re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), quote(secret, safe="")),
        quote_plus(secret),
        html.escape(secret),
    ):
        text = f"before {form} after"
        hidden = mask.text(text)
        assert "***" in hidden, form
        assert hidden.startswith("before ")
        assert hidden.endswith(" after")
        assert form not in hidden
        assert "***" in mask.data(text.encode()).decode()


def test_each_line_of_a_key_is_hidden_by_itself() -> None:
    """A log may split a key into lines."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nAQEFAASCBKcwggSj\n-----END KEY-----\n"
    mask = mask_of(topology(TLS_PRIVATE_KEY=key))
    assert mask.text("it is MIIEvQIBADANBgkqhkiG9w0") == "it is ***"


@pytest.mark.parametrize("cut", [8, 9, 15])
def test_what_is_left_of_a_secret_at_a_cut_is_hidden(cut: int) -> None:
    """The lab keeps the beginning of a body and the end of a log."""
    secret = "0123456789abcdef"
    mask = mask_of(topology(API_KEY=secret))
    assert mask.text("say " + secret[:cut]) == "say ***"
    assert mask.text(secret[-cut:] + " said") == "*** said"


def test_a_short_secret_is_hidden_at_its_place_and_left_in_free_text() -> None:
    """From 4 characters on (6 digits) it is masked everywhere. `ab` would match every "table"."""
    whole = topology(API_KEY="ab", PORT_TOKEN="8080", URL="redis://:xy@r/0")
    mask = mask_of(whole)
    assert mask.of(whole).apps["web"].env == {
        "API_KEY": "***",
        "PORT_TOKEN": "***",
        "URL": "redis://:***@r/0",
    }
    assert mask.text("a table on port 8080") == "a table on port 8080"
    assert mask_of(topology(API_KEY="abcd")).text("xabcdx") == "x***x"


def test_a_secret_that_is_a_name_of_the_lab_hides_no_names() -> None:
    """The password `postgres` is masked in its URL. The service of that name keeps its name."""
    whole = topology(POSTGRES_PASSWORD="postgres", URL="postgresql://u:postgres@db/x")
    mask = mask_of(whole)
    assert mask.of(whole).apps["web"].env == {
        "POSTGRES_PASSWORD": "***",
        "URL": "postgresql://u:***@db/x",
    }
    assert mask.of(whole).services == whole.services
    assert mask.text("web.postgres is gone") == "web.postgres is gone"
    begins_alike = mask_of(topology(API_KEY="postgres-and-more"))
    assert begins_alike.text("lost web.postgres") == "lost web.postgres"


def test_a_password_that_is_the_name_of_a_user_of_the_lab_hides_no_events() -> None:
    """Verdicts compare the users of events with those of the topology."""
    whole = topology(API_KEY="annabel")
    job = RequestContract(name="chat", kind="job", path="/", users=("annabel", "ben"))
    app = replace(whole.apps["web"], requests={"chat": job})
    crossed = CrossTalk(at_s=1.0, app="web", request="chat", op="1", owner="annabel", user="ben")
    assert mask_of(replace(whole, apps={"web": app})).of(crossed) == crossed
    assert mask_of(whole).of(crossed).owner == "***"


@pytest.mark.parametrize("scheme", ["postgresql", "amqp", "mysql+asyncmy", "rediss"])
def test_the_scheme_of_a_url_is_no_secret(scheme: str) -> None:
    """A password that is a part of the scheme is masked everywhere else."""
    mask = Mask([scheme[:4]])
    for url in (f"{scheme}://host/x", f"to {scheme}://u:***@host"):
        assert mask.text(url) == url
        assert mask.data(url.encode()) == url.encode()
    assert mask.text(f"{scheme[:4]} {scheme[:4]}1://x") == "*** ***1://x"


def test_what_only_the_lab_writes_is_left_as_it_is() -> None:
    """How a connection ended stays readable, whatever the password is."""
    event = LinkConnection(
        at_s=1.0, link="web.postgres", fault="cut", connection=1, client_port=1, opened_s=0.0,
        closed_s=1.0, bytes_upstream=0, bytes_downstream=0, held_upstream=0, held_downstream=0,
        effects=(Effect(name="cut", type="timeout", stream="upstream", bytes=1),),
        end="client_closed",
    )  # fmt: skip
    mask = mask_of(topology(API_KEY="client_closed", TOKEN="timeout", SECRET="upstream"))
    assert mask.of(event) == event


def test_an_event_keeps_what_verdicts_read() -> None:
    """States, kinds and names stay. Texts and environment are masked."""
    whole = topology(API_KEY="healthy", OTHER_KEY="exited", TOKEN="s3cret-value")
    mask = mask_of(whole)
    sample = HealthSample(
        at_s=1.0, app="web", boot=1, took_s=0.1, state=HealthState.HEALTHY, word="healthy",
        error="no s3cret-value",
    )  # fmt: skip
    assert mask.of(sample) == replace(sample, error="no ***")
    ended = Exited(
        at_s=2.0, app="web", boot=1, exit_code=3, asked=False, log_tail=("key s3cret-value",)
    )
    assert mask.of(ended) == replace(ended, log_tail=("key ***",))
    spawned = Spawned(
        at_s=0.0, app="web", boot=1, pid=1, port=1, argv=("app", "--token", "zz"),
        env={"API_KEY": "zz", "URL": "redis://:zz@h/0", "HOST": "h"},
    )  # fmt: skip
    assert mask.of(spawned) == replace(
        spawned,
        argv=("app", "--token", "***"),
        env={"API_KEY": "***", "URL": "redis://:***@h/0", "HOST": "h"},
    )


def test_boots_attach_machine_and_list_are_sources_too() -> None:
    """The plan's environment, URLs of attach, the inherited environment, and listed values."""
    attach = Attach(
        toxiproxy="http://h:1",
        apps={},
        links={},
        services={"postgres": "postgresql://u:boxed12@d/x"},
    )
    whole = replace(
        topology(SEED="listed-by-name"),
        attach=attach,
        secrets=Secrets(variables=("SEED", "MACHINE_SEED"), values=("listed-value",)),
    )
    plan = Plan(name="p", boots=(Boot(app="web", env={"TOKEN": "of-a-boot"}),))
    machine = {"HOME": "/root", "CI_TOKEN": "of-the-machine", "MACHINE_SEED": "of-it-too"}
    mask = mask_of(whole, plan, machine)
    for secret in (
        *("boxed12", "listed-by-name", "listed-value", "of-a-boot", "of-the-machine", "of-it-too"),
    ):
        assert mask.text(f"<{secret}>") == "<***>"
    assert "listed-value" not in str(mask.of(whole))
    assert mask.text("/root") == "/root"


def test_a_text_without_secrets_is_the_same() -> None:
    """Base64 and paths with colons are no passwords."""
    text = f"http://127.0.0.1:8080/a {base64.b64encode(b'x').decode()} C:\\x a@b"
    assert Mask().text(text) == text
    assert Mask().data(b"\xff\xfe raw") == b"\xff\xfe raw"


def test_a_mistake_in_the_file_does_not_show_its_secrets(tmp_path: Path) -> None:
    """Neither for a wrong type, nor in a quoted or cut value, nor in a placeholder."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(
        '[services.postgres]\nkind = "hunter22"\n'
        '[apps.web]\ncommand = ["a", "--password", "hunter22"]\nlinks = ["hunter22"]\n'
        'env = { API_KEY = 12, SMALL_TOKEN = "pre{braced-part}post", X = "hunter22{" }\n'
        'port = "' + "x" * 50 + "0123456789abcdefghijklmnop" + '"\n'
        '[secrets]\nvalues = ["0123456789abcdefghijklmnop"]\n'
    )
    with pytest.raises(SpecError) as caught:
        read_topology(path, kinds=services.kinds())
    said = str(caught.value)
    for secret in ("hunter22", "braced-part", "got 12", "01234"):
        assert secret not in said
    assert "apps.web.env.API_KEY: got *** (a whole number)" in said


def test_the_file_lists_secrets(tmp_path: Path) -> None:
    """`[secrets]` lists names of variables, and values."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(
        'version = 1\n[apps.web]\ncommand = ["a"]\n'
        '[secrets]\nvariables = ["SEED"]\nvalues = ["abcd"]\n'
    )
    assert read_topology(path, kinds=services.kinds()).secrets == Secrets(
        variables=("SEED",), values=("abcd",)
    )
    path.write_text('[apps.web]\ncommand = ["a"]\n[secrets]\nnames = ["SEED"]\n')
    with pytest.raises(SpecError, match="unknown key 'names'"):
        read_topology(path, kinds=services.kinds())


@pytest.mark.parametrize("run", ["A" * 300_000, "-" * 300_000, "a.b-" * 75_000, "é" * 300_000])
def test_a_long_word_is_looked_through_once(run: str) -> None:
    """A word of 50,000 letters must not take a minute."""
    begun_s = now_s()
    assert list(secrets_within(f"{run} --db-password=hunter2 9http://u:pw@h épassword=x")) == [
        "pw",
        "hunter2",
        "x",
    ]
    assert now_s() - begun_s < 5.0  # some hundredths, and a machine's stalls


@pytest.mark.parametrize(
    "run", ["ab" * 32_000, "a-" * 32_000, "x://" * 16_000], ids=["hex", "-", "://"]
)
def test_a_long_line_of_a_log_is_looked_through_once(run: str) -> None:
    """A block of hexadecimal digits beside a URL must not stop the lab."""
    mask, started_s = Mask(), now_s()
    assert mask.data(f"{run} redis://:hunter22@h/0\n".encode()).endswith(b"redis://:***@h/0\n")
    mask.text(f"{run} redis://:hunter22@h/0\n")
    assert now_s() - started_s < 3.0  # it took 15 s and more


@pytest.mark.parametrize("of", ["health", "request"])
def test_credentials_in_headers_are_secret_with_and_without_their_scheme(of: str) -> None:
    """An app that logs only the token must not show it; a `Host` is no secret."""
    headers = {
        "Authorization": "Bearer token-4711",
        "X-Api-Key": "key-4712",
        "Cookie": "session=cookie-4713; theme=dark",
        "Host": "shop.test",
    }
    app = App(name="web", command=("app",))
    if of == "health":
        app = replace(app, health=HealthContract(headers=headers))
    else:
        request = RequestContract(name="page", kind="page", path="/", headers=headers)
        app = replace(app, requests={"page": request})
    whole = replace(topology(), apps={"web": app})
    mask = mask_of(whole)
    said = "got token-4711, key-4712 and cookie-4713 of shop.test"
    assert mask.text(said) == "got ***, *** and *** of shop.test"
    assert "471" not in repr(mask.of(whole))
    assert "shop.test" in repr(mask.of(whole))


@pytest.mark.parametrize("password", ["abc", AWKWARD, "postgres"])
def test_the_password_of_a_service_is_masked_where_it_is_declared(password: str) -> None:
    """Also a short one, and one that is the name of the service; in tables below it too."""
    settings = {
        "user": "shop", "password": password, "env": {"API_KEY": password, "MODE": "fast"},
        "command": ["server", "--token", password],
    }  # fmt: skip
    service = Service(name="postgres", kind="postgres", settings=settings)
    whole = replace(topology(), services={"postgres": service})
    masked = mask_of(whole).of(whole).services["postgres"].settings
    assert masked == {
        "user": "shop", "password": "***", "env": {"API_KEY": "***", "MODE": "fast"},
        "command": ["server", "--token", "***"],
    }  # fmt: skip


def test_a_mistake_in_the_password_of_a_service_does_not_quote_it(tmp_path: Path) -> None:
    """A number in place of a string, for example."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(
        'version = 1\n[services.postgres]\nkind = "postgres"\npassword = 4711\n'
        '[apps.web]\ncommand = ["a"]\n'
    )
    with pytest.raises(SpecError) as caught:
        read_topology(path, kinds=services.kinds())
    assert "4711" not in str(caught.value)
    assert "services.postgres.password" in str(caught.value)


def test_a_placeholder_of_a_service_is_no_secret_itself(tmp_path: Path) -> None:
    """A mistake elsewhere may name it; the value that fills it is masked by each boot."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(
        'version = 1\n[services.postgres]\nkind = "postgres"\n'
        '[apps.web]\ncommand = ["a", "--password", "{postgres.password}"]\nlinks = ["postgres"]\n'
        'env = { DB_PASSWORD = "{postgres.password}", WHO = "{postgres.usr}" }\n'
    )
    with pytest.raises(SpecError) as caught:
        read_topology(path, kinds=services.kinds())
    (problem,) = caught.value.problems
    assert "{postgres.user}, {postgres.password}, {postgres.database}" in problem.expected
    mask = mask_of(topology(DB_PASSWORD="{postgres.password}", API_KEY="{hunter2}"))
    assert mask.text("use {postgres.password}, not {hunter2}") == "use {postgres.password}, not ***"
