"""The one source of randomness: a generator per (seed, names…), the same on every machine."""

from __future__ import annotations

import hashlib
import random
import secrets


def generator(seed: int, *names: str | int) -> random.Random:
    """A generator of its own for one (seed, proxy, toxic, connection) or any other path of names.

    The stream depends on nothing else, so adding a toxic never shifts another toxic's draws.
    """
    path = "\x1f".join([str(seed), *map(str, names)])
    return random.Random(hashlib.blake2b(path.encode(), digest_size=16).digest())


def fresh_seed() -> int:
    """A new seed of 32 bits for a run that was given none; it is printed so it can be repeated."""
    return secrets.randbits(32)
