"""Signatures for cached data, because the cache is shared and not trusted."""

from __future__ import annotations

import hashlib
import hmac
import secrets


class KeyManager:
    """Signs bytes with the service's secret key; if there is none, with a random key of this
    process.
    """

    SIZE = hashlib.sha256().digest_size

    def __init__(self, secret: str = "") -> None:
        self._key = secret.encode() or secrets.token_bytes(self.SIZE)

    def seal(self, payload: bytes) -> bytes:
        """The payload with its signature before it."""
        return self._sign(payload) + payload

    def unseal(self, sealed: bytes) -> bytes | None:
        """The payload of sealed bytes, without the signature; None if the signature is wrong."""
        signature, payload = sealed[: self.SIZE], sealed[self.SIZE :]
        return payload if hmac.compare_digest(signature, self._sign(payload)) else None

    def _sign(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()
