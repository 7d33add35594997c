"""What a turn changes in the contact's row."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import scalar_row
from psycopg.types.json import Jsonb

from store.database import Connection

_DOCUMENT: LiteralString = "SELECT document FROM contacts WHERE id = %(id)s"
_NAME: LiteralString = "SELECT name FROM contacts WHERE id = %(id)s"
# A document known already is not replaced by another. Who refused contact under this document on another address
# refused it as a person: the opt-out comes along (compliance: permanent, on every channel).
_CONFIRM: LiteralString = """
    UPDATE contacts SET
        document = %(document)s, name = coalesce(name, %(name)s), identity_tries = 0, identity_tries_on = NULL,
        opted_out_at = least(opted_out_at, (
            SELECT min(other.opted_out_at) FROM contacts other
            WHERE other.document = %(document)s AND other.id <> contacts.id)),
        updated_at = %(now)s
    WHERE id = %(id)s AND (document IS NULL OR document = %(document)s)
"""
_COUNT_TRY: LiteralString = """
    UPDATE contacts SET
        identity_tries = CASE WHEN identity_tries_on = %(on)s THEN identity_tries + 1 ELSE 1 END,
        identity_tries_on = %(on)s, updated_at = %(now)s
    WHERE id = %(id)s
"""
_TOUCH: LiteralString = "UPDATE contacts SET updated_at = %(now)s WHERE id = %(id)s"
_OPT_OUT: LiteralString = (
    "UPDATE contacts SET opted_out_at = coalesce(opted_out_at, %(now)s), updated_at = %(now)s WHERE id = %(id)s"
)
# The mark also breaks the link that the ledger makes by phone number (see `store.turns.person`).
_UNLINK: LiteralString = """
    UPDATE contacts SET document = NULL, updated_at = %(now)s,
        facts = facts || jsonb_build_object('wrong_person', %(now)s::timestamptz)
    WHERE id = %(id)s
"""
_SAVE_FIELD: LiteralString = """
    UPDATE contacts SET custom_fields = custom_fields || jsonb_build_object(%(name)s::text, %(value)s::text),
        updated_at = %(now)s
    WHERE id = %(id)s
"""
_MERGE_FACTS: LiteralString = "UPDATE contacts SET facts = facts || %(facts)s, updated_at = %(now)s WHERE id = %(id)s"


async def document_of(connection: Connection, contact_id: UUID) -> str | None:
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_DOCUMENT, {"id": contact_id})
        return await cursor.fetchone()


async def name_of(connection: Connection, contact_id: UUID) -> str | None:
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_NAME, {"id": contact_id})
        return await cursor.fetchone()


async def confirm_document(
    connection: Connection, contact_id: UUID, *, document: str, name: str, now: datetime
) -> bool:
    """Link the document to the contact and forget its tries; False when it is linked to another one."""
    cursor = await connection.execute(_CONFIRM, {"id": contact_id, "document": document, "name": name, "now": now})
    return cursor.rowcount == 1


async def count_try(connection: Connection, contact_id: UUID, *, on: date, now: datetime) -> None:
    """Add one failed identity try of a local day; a new day starts at one."""
    await connection.execute(_COUNT_TRY, {"id": contact_id, "on": on, "now": now})


async def touch(connection: Connection, contact_id: UUID, *, now: datetime) -> None:
    """Hold the person's row: whoever decides on a contact waits for this transaction, or comes first."""
    await connection.execute(_TOUCH, {"id": contact_id, "now": now})


async def opt_out(connection: Connection, contact_id: UUID, *, now: datetime) -> None:
    """Note that the person wants no proactive contact at all; the first refusal's time stays."""
    await connection.execute(_OPT_OUT, {"id": contact_id, "now": now})


async def unlink_document(connection: Connection, contact_id: UUID, *, now: datetime) -> None:
    await connection.execute(_UNLINK, {"id": contact_id, "now": now})


async def save_field(connection: Connection, contact_id: UUID, *, name: str, value: str, now: datetime) -> None:
    await connection.execute(_SAVE_FIELD, {"id": contact_id, "name": name, "value": value, "now": now})


async def merge_facts(connection: Connection, contact_id: UUID, facts: Mapping[str, str], *, now: datetime) -> None:
    """Put these facts over what is known."""
    await connection.execute(_MERGE_FACTS, {"id": contact_id, "facts": Jsonb(dict(facts)), "now": now})
