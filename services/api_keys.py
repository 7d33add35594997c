"""API keys of a tenant: made, found, revoked. The key's text exists once, in the answer to its creation."""

import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from domain.errors import InvalidInput, LastAdminKey, NotFound, UnknownNames
from services.plain_text import tidy_line
from store import api_keys
from store.api_keys import ApiKeyRow
from store.database import Database

_FRESH_SECONDS = 15.0
_MOST_ENTRIES = 10_000
_LONGEST_KEY = 120
_MARK = "mia"


class Scope(StrEnum):
    """What a key may do. `admin` includes all the others."""

    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    CHANNELS_READ = "channels:read"
    CHANNELS_WRITE = "channels:write"
    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    PROMPTS_READ = "prompts:read"
    PROMPTS_WRITE = "prompts:write"
    INVOICES_WRITE = "invoices:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Whose key a request came with, and what it may do."""

    tenant_id: UUID
    key_id: UUID
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


def hash_key(key: str) -> bytes:
    """Hash a key. It is 256 random bits, so a fast hash is enough: nobody can guess their way to it."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


async def create_key(
    database: Database, tenant_id: UUID, name: str, scopes: Iterable[str], now: datetime
) -> tuple[str, ApiKeyRow]:
    """Make a key and return its text with its row; the text cannot be had again. Raises InvalidInput."""
    wanted = sorted({str(scope) for scope in scopes})
    known = {scope.value for scope in Scope}
    if not wanted or not known.issuperset(wanted):
        raise UnknownNames("scopes", known)
    label = tidy_line(name, limit=80)
    if not label:
        raise InvalidInput("name", "must not be empty")
    prefix = secrets.token_hex(4)
    key = f"{_MARK}_{prefix}_{secrets.token_urlsafe(32)}"
    async with database.tenant(tenant_id) as connection:
        row = await api_keys.insert(
            connection, tenant_id=tenant_id, key_id=uuid4(), name=label, key_hash=hash_key(key), prefix=prefix,
            scopes=wanted, now=now,
        )  # fmt: skip
    return key, row


async def revoke_key(database: Database, tenant_id: UUID, key_id: UUID, now: datetime) -> ApiKeyRow:
    """Revoke a key; doing it twice is fine. Raises NotFound, or LastAdminKey."""
    async with database.tenant(tenant_id) as connection:
        if await api_keys.live_with_scope(connection, Scope.ADMIN) == [key_id]:
            raise LastAdminKey
        row = await api_keys.revoke(connection, key_id, now=now)
    if row is None:
        raise NotFound("API key")
    return row


async def list_keys(database: Database, tenant_id: UUID, *, limit: int, offset: int) -> tuple[list[ApiKeyRow], int]:
    async with database.tenant(tenant_id) as connection:
        return await api_keys.page(connection, limit=limit, offset=offset)


class ApiKeyDirectory:
    """Find callers by key, remembered for some seconds. A revoked key dies within 15 seconds, here at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: dict[bytes, tuple[float, Caller | None]] = {}

    async def caller(self, key: str, *, now: datetime) -> Caller | None:
        """Say whose key this is; None for one that is unknown or revoked."""
        if not key.startswith(f"{_MARK}_") or len(key) > _LONGEST_KEY:
            return None
        key_hash = hash_key(key)
        entry = self._entries.get(key_hash)
        if entry is not None and time.monotonic() - entry[0] < _FRESH_SECONDS:
            return entry[1]
        async with self._database.platform() as connection:
            row = await api_keys.by_hash(connection, key_hash)
            if row is not None:
                await api_keys.touch(connection, row, now=now)
        caller = None
        if row is not None:
            caller = Caller(tenant_id=row.tenant_id, key_id=row.id, scopes=frozenset(row.scopes))
        if len(self._entries) >= _MOST_ENTRIES:
            self._entries.clear()
        self._entries[key_hash] = (time.monotonic(), caller)
        return caller

    def forget(self) -> None:
        """Read every key anew at its next use."""
        self._entries.clear()
