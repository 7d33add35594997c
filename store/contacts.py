"""People and the addresses they write from. A person is not a phone number (design: who somebody is)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.messages import Address, AddressKind
from store.database import Connection

CONTACT_COLUMNS: LiteralString = """
    id, name, document, is_bot_enabled, opted_out_at, custom_fields, tags, facts, identity_tries, identity_tries_on,
    merged_into, created_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactRow:
    id: UUID
    name: str | None
    document: str | None
    is_bot_enabled: bool
    opted_out_at: datetime | None
    custom_fields: dict[str, str]
    tags: list[str]
    facts: dict[str, str]
    identity_tries: int
    identity_tries_on: date | None
    merged_into: UUID | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressRow:
    contact_id: UUID
    kind: AddressKind
    value: str
    match_key: str | None


_BY_ID: LiteralString = f"SELECT {CONTACT_COLUMNS} FROM contacts WHERE id = %(id)s"
# Pairs alone would be looked for in the whole table: the columns one by one let PostgreSQL use their index.
_FIND: LiteralString = """
    SELECT a.contact_id, a.kind, a.value, a.match_key FROM addresses a
    WHERE a.kind = ANY(%(kinds)s::text[]) AND a.value = ANY(%(values)s::text[])
          AND (a.kind, a.value) IN (SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[]))
       OR a.match_key = ANY(%(match_keys)s::text[])
    ORDER BY a.created_at, a.id
"""
_ADDRESSES_OF: LiteralString = (
    "SELECT contact_id, kind, value, match_key FROM addresses WHERE contact_id = %(id)s ORDER BY created_at, id"
)
_INSERT: LiteralString = (
    "INSERT INTO contacts (tenant_id, id, name, document) VALUES (%(tenant_id)s, %(id)s, %(name)s, %(document)s)"
)
_ADD_ADDRESS: LiteralString = """
    INSERT INTO addresses (tenant_id, id, contact_id, kind, value, match_key)
    VALUES (%(tenant_id)s, gen_random_uuid(), %(contact_id)s, %(kind)s, %(value)s, %(match_key)s)
    ON CONFLICT (tenant_id, kind, value) DO NOTHING
"""
# One lock per person while identities are resolved: two first messages from one phone make one contact.
_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant_id)s::text || %(key)s, 1))"
_MARK_UNREACHABLE: LiteralString = (
    "UPDATE addresses SET is_unreachable = true WHERE kind = %(kind)s AND value = %(value)s"
)
_NAME_IF_UNKNOWN: LiteralString = "UPDATE contacts SET name = %(name)s WHERE id = %(id)s AND name IS NULL"
_PATCH: LiteralString = f"""
    UPDATE contacts SET
        name = coalesce(%(name)s, name), is_bot_enabled = coalesce(%(is_bot_enabled)s, is_bot_enabled),
        tags = coalesce(%(tags)s, tags), custom_fields = custom_fields || %(custom_fields)s, updated_at = now()
    WHERE id = %(id)s
    RETURNING {CONTACT_COLUMNS}
"""
# The stricter flag survives a merge: opted out, bot off, and what was tried today.
_MERGE_FLAGS: LiteralString = """
    UPDATE contacts keep SET
        name = coalesce(keep.name, gone.name),
        document = coalesce(keep.document, gone.document),
        is_bot_enabled = keep.is_bot_enabled AND gone.is_bot_enabled,
        opted_out_at = least(keep.opted_out_at, gone.opted_out_at),
        custom_fields = gone.custom_fields || keep.custom_fields,
        facts = gone.facts || keep.facts,
        tags = ARRAY(SELECT DISTINCT unnest(keep.tags || gone.tags)),
        identity_tries = CASE
            WHEN keep.identity_tries_on IS NOT DISTINCT FROM gone.identity_tries_on
                THEN keep.identity_tries + gone.identity_tries
            WHEN coalesce(keep.identity_tries_on, '-infinity') > coalesce(gone.identity_tries_on, '-infinity')
                THEN keep.identity_tries ELSE gone.identity_tries END,
        identity_tries_on = greatest(keep.identity_tries_on, gone.identity_tries_on),
        updated_at = now()
    FROM contacts gone WHERE keep.id = %(keep)s AND gone.id = %(gone)s
"""
_MERGE_MOVES: tuple[LiteralString, ...] = (
    "UPDATE addresses SET contact_id = %(keep)s WHERE contact_id = %(gone)s",
    """UPDATE opt_outs o SET revoked_at = now() WHERE contact_id = %(gone)s AND revoked_at IS NULL
       AND EXISTS (SELECT FROM opt_outs k
                   WHERE k.contact_id = %(keep)s AND k.scope = o.scope AND k.revoked_at IS NULL)""",
    "UPDATE opt_outs SET contact_id = %(keep)s WHERE contact_id = %(gone)s",
    "UPDATE promises SET contact_id = %(keep)s WHERE contact_id = %(gone)s",
    "UPDATE payment_claims SET contact_id = %(keep)s WHERE contact_id = %(gone)s",
    "UPDATE targets SET contact_id = %(keep)s WHERE contact_id = %(gone)s",
    "UPDATE calls SET contact_id = %(keep)s WHERE contact_id = %(gone)s",
    # One agreed call of a person is enough: the one that was asked for first stays.
    """UPDATE call_requests r SET state = 'canceled', outcome = 'merged', due_at = NULL, locked_by = NULL
       WHERE contact_id = %(gone)s AND state = 'waiting' AND EXISTS (
           SELECT FROM call_requests k WHERE k.contact_id = %(keep)s AND k.state IN ('waiting', 'calling'))""",
    """UPDATE call_requests r SET contact_id = %(keep)s WHERE contact_id = %(gone)s
       AND NOT (state = 'calling' AND EXISTS (
           SELECT FROM call_requests k WHERE k.contact_id = %(keep)s AND k.state IN ('waiting', 'calling')))""",
    # A live talk that would collide stays where it is until it ends: closing it could lose an unanswered message.
    """UPDATE conversations c SET contact_id = %(keep)s WHERE contact_id = %(gone)s AND NOT (
           c.status IN ('open', 'waiting') AND EXISTS (
               SELECT FROM conversations k WHERE k.contact_id = %(keep)s
               AND k.channel_account_id = c.channel_account_id AND k.status IN ('open', 'waiting')))""",
    """DELETE FROM cards c WHERE contact_id = %(gone)s AND EXISTS (
           SELECT FROM cards k WHERE k.contact_id = %(keep)s AND k.board_id = c.board_id)
       AND NOT EXISTS (SELECT FROM card_moves m WHERE m.card_id = c.id)""",
    """UPDATE cards c SET contact_id = %(keep)s WHERE contact_id = %(gone)s AND NOT EXISTS (
           SELECT FROM cards k WHERE k.contact_id = %(keep)s AND k.board_id = c.board_id)""",
    "UPDATE contacts SET merged_into = %(keep)s WHERE id = %(gone)s",
)


async def by_id(connection: Connection, contact_id: UUID) -> ContactRow | None:
    async with connection.cursor(row_factory=class_row(ContactRow)) as cursor:
        await cursor.execute(_BY_ID, {"id": contact_id})
        return await cursor.fetchone()


async def find_addresses(
    connection: Connection, addresses: Sequence[Address], match_keys: Sequence[str]
) -> list[AddressRow]:
    """Find the known addresses that equal these, or share their match key; oldest first."""
    parameters = {
        "kinds": [address.kind for address in addresses],
        "values": [address.value for address in addresses],
        "match_keys": list(match_keys),
    }
    async with connection.cursor(row_factory=class_row(AddressRow)) as cursor:
        await cursor.execute(_FIND, parameters)
        return await cursor.fetchall()


async def addresses_of(connection: Connection, contact_id: UUID) -> list[AddressRow]:
    async with connection.cursor(row_factory=class_row(AddressRow)) as cursor:
        await cursor.execute(_ADDRESSES_OF, {"id": contact_id})
        return await cursor.fetchall()


async def lock_identity(connection: Connection, tenant_id: UUID, key: str) -> None:
    """Hold this person's identity until the transaction ends."""
    await connection.execute(_LOCK, {"tenant_id": tenant_id, "key": key})


async def insert(
    connection: Connection, *, tenant_id: UUID, contact_id: UUID, name: str | None, document: str | None = None
) -> None:
    await connection.execute(_INSERT, {"tenant_id": tenant_id, "id": contact_id, "name": name, "document": document})


async def add_address(
    connection: Connection, *, tenant_id: UUID, contact_id: UUID, address: Address, match_key: str | None
) -> None:
    """Remember that this person was seen at this address. An address already known stays where it is."""
    await connection.execute(
        _ADD_ADDRESS,
        {
            "tenant_id": tenant_id, "contact_id": contact_id, "kind": address.kind, "value": address.value,
            "match_key": match_key,
        },
    )  # fmt: skip


async def name_if_unknown(connection: Connection, contact_id: UUID, name: str) -> None:
    await connection.execute(_NAME_IF_UNKNOWN, {"id": contact_id, "name": name})


async def mark_unreachable(connection: Connection, *, kind: str, value: str) -> None:
    """Remember that the provider cannot reach anybody at this address."""
    await connection.execute(_MARK_UNREACHABLE, {"kind": kind, "value": value})


async def patch(
    connection: Connection, contact_id: UUID, *, name: str | None = None, is_bot_enabled: bool | None = None,
    tags: Sequence[str] | None = None, custom_fields: dict[str, str] | None = None,
) -> ContactRow | None:  # fmt: skip
    """Change what is given; None leaves a field alone. Custom fields are merged by name."""
    parameters = {
        "id": contact_id, "name": name, "is_bot_enabled": is_bot_enabled,
        "tags": None if tags is None else list(tags), "custom_fields": Jsonb(custom_fields or {}),
    }  # fmt: skip
    async with connection.cursor(row_factory=class_row(ContactRow)) as cursor:
        await cursor.execute(_PATCH, parameters)
        return await cursor.fetchone()


async def merge(connection: Connection, *, keep: UUID, gone: UUID) -> None:
    """Make two contacts one: `keep` takes the addresses, conversations and the stricter flags of `gone`."""
    parameters = {"keep": keep, "gone": gone}
    await connection.execute(_MERGE_FLAGS, parameters)
    for statement in _MERGE_MOVES:
        await connection.execute(statement, parameters)
