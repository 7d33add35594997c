"""Encrypt what must not be readable in a dump: AES-256-GCM, the key's id in the row, the row's identity bound in."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import DomainError

_NONCE_BYTES = 12


class SecretUnreadable(DomainError):
    """The key is unknown, or the ciphertext belongs to another row or was changed."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"Cannot decrypt with key {key_id!r}: the key is missing, or the data was changed or moved")
        self.key_id = key_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Sealed:
    ciphertext: bytes
    key_id: str


class Cipher:
    """Seal and open small mappings of secrets. The first key encrypts; all of them decrypt (rotation)."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("Cipher needs at least one key")
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._first = next(iter(keys))

    def __repr__(self) -> str:
        return f"Cipher(keys={list(self._keys)})"

    def seal(self, values: Mapping[str, str], *, identity: str) -> Sealed:
        """Encrypt. `identity` (table, tenant, row) is authenticated: moved to another row it does not open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = json.dumps(dict(values), ensure_ascii=False).encode()
        sealed = self._keys[self._first].encrypt(nonce, plain, identity.encode())
        return Sealed(ciphertext=nonce + sealed, key_id=self._first)

    def open(self, sealed: Sealed, *, identity: str) -> dict[str, str]:
        """Decrypt. Raises SecretUnreadable."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise SecretUnreadable(sealed.key_id)
        nonce, body = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
        try:
            values: dict[str, str] = json.loads(key.decrypt(nonce, body, identity.encode()))
        except (InvalidTag, ValueError) as error:
            raise SecretUnreadable(sealed.key_id) from error
        return values
