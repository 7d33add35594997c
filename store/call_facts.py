"""What a call left in the tables, beside its talk: the rows that a summary or a person taking over may rely on."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class CallPromise:
    protocol: str
    amount_cents: int
    due_on: date
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRecord:
    """Of one call's conversation. Who promised or said that it is paid had proved who they are before."""

    promise: CallPromise | None
    has_payment_claim: bool
    is_identity_confirmed: bool
    is_wrong_person: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Flags:
    has_payment_claim: bool
    has_confirmed: bool
    is_wrong_person: bool


_PROMISE: LiteralString = """
    SELECT protocol, amount_cents, due_on, created_at FROM promises
    WHERE conversation_id = %(conversation_id)s AND status IN ('pending', 'fulfilled')
    ORDER BY created_at DESC LIMIT 1
"""
_FLAGS: LiteralString = """
    SELECT EXISTS (SELECT FROM payment_claims WHERE conversation_id = %(conversation_id)s) AS has_payment_claim,
        EXISTS (SELECT FROM events WHERE conversation_id = %(conversation_id)s AND kind = 'identity_confirmed')
            AS has_confirmed,
        EXISTS (SELECT FROM events WHERE conversation_id = %(conversation_id)s AND kind = 'wrong_person')
            AS is_wrong_person
"""


async def of_conversation(connection: Connection, conversation_id: UUID) -> CallRecord:
    """Read what was agreed and proved in a call."""
    parameters = {"conversation_id": conversation_id}
    async with connection.cursor(row_factory=class_row(CallPromise)) as cursor:
        await cursor.execute(_PROMISE, parameters)
        promise = await cursor.fetchone()
    async with connection.cursor(row_factory=class_row(_Flags)) as cursor:
        await cursor.execute(_FLAGS, parameters)
        flags = await cursor.fetchone()
    assert flags is not None  # noqa: S101  # one row of sub-selects
    is_confirmed = promise is not None or flags.has_payment_claim or flags.has_confirmed
    return CallRecord(
        promise=promise, has_payment_claim=flags.has_payment_claim,
        is_identity_confirmed=is_confirmed and not flags.is_wrong_person, is_wrong_person=flags.is_wrong_person,
    )  # fmt: skip
