"""Randomness is an argument: the same names give the same draws, on every machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chaoslab.seeds import fresh_seed, generator

PINNED = 17_819_492_474_073_110_171


def draws(seed: int, *names: str | int) -> list[float]:
    """The first draws of a generator."""
    made = generator(seed, *names)
    return [made.random() for _ in range(5)]


def test_the_same_seed_and_names_give_the_same_draws() -> None:
    """However many other generators were made and used in between."""
    first = draws(7, "proxy", "toxic", 1)
    draws(7, "proxy", "other", 1)
    assert draws(7, "proxy", "toxic", 1) == first


@pytest.mark.parametrize(
    "other",
    [
        (8, "proxy", "toxic", 1),
        (7, "proxy", "toxic", 2),
        (7, "proxy", "toxic"),
        (7, "toxic", "proxy", 1),
        (7, "proxytoxic", 1),
        (7, "proxy", "toxic1"),
        (77, "proxy", "toxic", 1),
    ],
)
def test_any_other_path_of_names_gives_other_draws(other: tuple[int, str]) -> None:
    """Names are not run together, and their order counts."""
    assert draws(*other) != draws(7, "proxy", "toxic", 1)


def test_the_draws_are_the_same_in_every_process_and_release() -> None:
    """A seed of an old report still repeats its run: these numbers never change."""
    code = "from chaoslab.seeds import generator; print(generator(7, 'a', 1).getrandbits(64))"
    command = [sys.executable, "-c", code]
    said = [
        subprocess.run(
            command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert int(said[0]) == generator(7, "a", 1).getrandbits(64) == PINNED


def test_a_fresh_seed_is_fresh_and_fits_into_thirty_two_bits() -> None:
    """Short enough to be typed from a report."""
    seeds = {fresh_seed() for _ in range(50)}
    assert len(seeds) >= 49
    assert all(0 <= seed < 2**32 for seed in seeds)
