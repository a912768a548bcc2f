"""The keys of an app's network: which it has, and what it may reach outside the lab."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from chaoslab import services
from chaoslab.cli import main
from chaoslab.model.loader import read_topology
from chaoslab.model.loader.rules import is_outside_address
from chaoslab.model.topology import App

from .topologies import BASE, problems_of

IN_FULL = 'network = "host"\noutside = ["api.example.com:443", "203.0.113.7:8125"]\n'
EXPECTED = (
    "a list of addresses of other machines, each a name or an IPv4 address and a port, for example"
    ' "api.example.com:443"'
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def app_of(folder: Path, text: str) -> App:
    """The app of a topology file with these lines in its table."""
    path = folder / "chaoslab.toml"
    path.write_text(BASE + text, encoding="utf-8")
    return read_topology(path, kinds=services.kinds()).apps["backend"]


def test_an_app_has_a_network_of_its_own_and_nothing_outside_unless_it_is_declared(
    tmp_path: Path,
) -> None:
    """The defaults, and both keys."""
    plain, declared = app_of(tmp_path, ""), app_of(tmp_path, IN_FULL)
    assert (plain.network, plain.outside) == ("own", ())
    assert declared.network == "host"
    assert declared.outside == ("api.example.com:443", "203.0.113.7:8125")


def test_an_address_that_is_declared_twice_is_one(tmp_path: Path) -> None:
    """It can have one proxy only."""
    assert app_of(tmp_path, 'outside = ["a.example:1", "a.example:1"]\n').outside == (
        "a.example:1",
    )


@pytest.mark.parametrize(
    "address",
    [
        "api.example.com:443",
        "API.Example.COM:443",
        "db:5432",
        "db-1.internal:1",
        "1password.example:65535",
        "xn--bcher-kva.example:80",
        "3.example:80",
        "203.0.113.7:8125",
        "10.0.0.5:80",
        "localhost.example:80",
        "a" * 63 + ".example:80",
        ".".join(["a" * 63] * 3 + ["a" * 61]) + ":80",
    ],
)
def test_a_name_or_an_address_of_another_machine_is_accepted(address: str) -> None:
    """With any port that exists."""
    assert is_outside_address(address)


@pytest.mark.parametrize(
    "address",
    [
        *("", ":", ":443", "api.example.com", "api.example.com:", "203.0.113.7"),
        *("a.example:0", "a.example:65536", "a.example:-1", "a.example:+1", "a.example:1.0"),
        *("a.example:²", "a.example:٣", "a.example:0443", "a.example:0065535999", "a.example:0x50"),
        *("a.example:1:2", "a.example:http", "a.example:" + "9" * 5000),
        *("localhost:80", "LOCALHOST:80", "db.localhost:80", "127.0.0.1:80", "127.8.9.10:80"),
        *("0.0.0.0:80", "0.1.2.3:80", "224.0.0.251:5353", "255.255.255.255:67"),
        *("198.18.0.1:5432", "198.19.255.255:80"),
        *("127.1:80", "0x7f.1:80", "2130706433:80", "0x7f000001:80", "0x:80", "a.1:80"),
        *("1.2.3:80", "1.2.3.4.5:80", "256.1.1.1:80", "01.2.3.4:80", "1..2:80"),
        *("::1:80", "[::1]:80", "2001:db8::1:80"),
        *("a b.example:80", " a.example:80", "a.example :80", "a.example:80 ", "a.example: 80"),
        *("http://a.example:80", "a.example:80/x", "me@a.example:80", "a_b.example:80"),
        *("a.example.:80", ".a.example:80", "a..example:80", "-a.example:80", "a-.example:80"),
        *("a.example\n:80", "a.example:80\n", "a\n203.0.113.7 b:80", "bücher.example:80", "*:80"),
        "a" * 64 + ".example:80",
        ".".join(["a" * 63] * 3 + ["a" * 62]) + ":80",
    ],
)
def test_everything_else_is_refused(address: str) -> None:
    """What is no address, and what would be this machine: a way past the proxies."""
    assert not is_outside_address(address)


@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9.:-]{0,12}:[0-9]{1,6}", fullmatch=True))
def test_whatever_the_text_is_the_rule_answers(text: str) -> None:
    """What it accepts is a host without a space or a colon, and a port."""
    if is_outside_address(text):
        host, _, port = text.rpartition(":")
        assert len((host + port).split()) == 1
        assert ":" not in host
        assert str(int(port)) == port


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ('outside = ["a.example:1", "localhost:80"]', "outside[1]", EXPECTED),
        ('outside = "a.example:1"', "outside", EXPECTED),
        ("outside = [443]", "outside[0]", 'a string; put it in quotes: "443"'),
        ('outside = [["a.example:1"]]', "outside[0]", "a string"),
        ('network = "hots"', "network", "one of: own, host; did you mean 'host'?"),
        ('network = ""', "network", "one of: own, host"),
        ("network = true", "network", "one of: own, host"),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_what_was_expected(
    tmp_path: Path, text: str, place: str, expected: str
) -> None:
    """One problem each."""
    (problem,) = problems_of(tmp_path, BASE + text)
    first, second = str(problem).splitlines()
    assert first.startswith(f"chaoslab.toml: apps.backend.{place}: got ")
    assert second == f"  expected {expected}"


def test_check_shows_both_keys_where_they_are_declared(tmp_path: Path) -> None:
    """Where they are not, as in the reference system, these lines are left out."""
    app_of(tmp_path, IN_FULL)
    shown = CliRunner().invoke(main, ["check"]).output
    assert "├── network: that of the machine\n" in shown
    assert "├── outside: api.example.com:443, 203.0.113.7:8125\n" in shown
