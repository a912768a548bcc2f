"""The only source of randomness: one generator for each seed and path of names."""

from __future__ import annotations

import hashlib
import random
import secrets


def generator(seed: int, *names: str | int) -> random.Random:
    """A generator for a seed and a path of names, such as proxy, toxic and connection.

    Its numbers depend only on the seed and the names, and are the same on every machine. So a new
    toxic does not change the numbers of another one.
    """
    path = "\x1f".join([str(seed), *map(str, names)])
    return random.Random(hashlib.blake2b(path.encode(), digest_size=16).digest())


def fresh_seed() -> int:
    """A new random seed of 32 bits, for a run without a given seed.

    The run prints its seed, so that the run can be repeated.
    """
    return secrets.randbits(32)
