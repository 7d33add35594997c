"""Targets: one debtor in one campaign, a row that is work from its import to its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from domain.campaigns import Method, TargetOutcome, TargetState
from store.database import Connection

COLUMNS: LiteralString = """
    tenant_id, id, campaign_id, import_id, client_name, phone, match_key, document, installation_point, debt_cents,
    invoice_number, uf, priority, state, outcome, outcome_details, method, attempt_count, first_contacted_at,
    last_attempt_at, call_sid, contact_id, conversation_id, promised_at, paid_at, due_at, locked_by, locked_until,
    created_at, updated_at
"""
_PREFIXED: LiteralString = ", ".join("t." + name.strip() for name in COLUMNS.split(","))


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetRow:
    tenant_id: UUID
    id: UUID
    campaign_id: UUID
    import_id: UUID | None
    client_name: str
    phone: str
    match_key: str
    document: str
    installation_point: str | None
    debt_cents: int
    invoice_number: str | None
    uf: str | None
    priority: int
    state: TargetState
    outcome: TargetOutcome | None
    outcome_details: Mapping[str, object]
    method: Method | None
    attempt_count: int
    first_contacted_at: datetime | None
    last_attempt_at: datetime | None
    call_sid: str | None
    contact_id: UUID | None
    conversation_id: UUID | None
    promised_at: datetime | None
    paid_at: datetime | None
    due_at: datetime | None
    locked_by: str | None
    locked_until: datetime | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", TargetState(self.state))
        object.__setattr__(self, "outcome", TargetOutcome(self.outcome) if self.outcome else None)
        object.__setattr__(self, "method", Method(self.method) if self.method else None)


_BY_ID: LiteralString = f"SELECT {COLUMNS} FROM targets WHERE id = %(id)s"
# In one order, so that two transactions that want the same targets do not wait in a circle.
_LOCK: LiteralString = f"SELECT {COLUMNS} FROM targets WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
_OF_DOCUMENT: LiteralString = f"""
    SELECT {COLUMNS} FROM targets WHERE document = %(document)s AND state <> 'completed' ORDER BY id FOR UPDATE
"""
_OF_PHONES: LiteralString = f"""
    SELECT {COLUMNS} FROM targets WHERE match_key = ANY(%(match_keys)s) AND state <> 'completed' ORDER BY id FOR UPDATE
"""
_OF_DEBTOR: LiteralString = f"""
    SELECT {COLUMNS} FROM targets WHERE document = %(document)s ORDER BY id FOR NO KEY UPDATE
"""
# By what the contact is known: its document, its phones, the contacts made. An array, because a subquery with IN would
# be looked for in the whole table.
_OF_CONTACT: LiteralString = f"""
    SELECT {COLUMNS} FROM targets WHERE state <> 'completed' AND (
        contact_id = %(contact_id)s
        OR document = (SELECT document FROM contacts WHERE id = %(contact_id)s)
        OR match_key = ANY(ARRAY(SELECT match_key FROM addresses WHERE contact_id = %(contact_id)s)))
    ORDER BY id FOR NO KEY UPDATE
"""
_DEBTORS_OF_CONTACT: LiteralString = """
    SELECT DISTINCT document FROM targets WHERE state <> 'completed' AND (
        contact_id = %(contact_id)s
        OR match_key = ANY(ARRAY(SELECT match_key FROM addresses WHERE contact_id = %(contact_id)s)))
    UNION SELECT document FROM contacts WHERE id = %(contact_id)s AND document IS NOT NULL
    ORDER BY 1
"""
_DOCUMENTS_OF_PHONES: LiteralString = """
    SELECT DISTINCT t.document FROM targets t
    WHERE t.match_key = ANY(%(match_keys)s) AND NOT EXISTS (
        SELECT FROM wrong_numbers w WHERE w.document = t.document AND w.match_key = t.match_key)
    ORDER BY 1
"""
_DOCUMENT_OF_CONVERSATION: LiteralString = """
    SELECT t.document FROM conversations c JOIN targets t ON t.tenant_id = c.tenant_id AND t.id = c.target_id
    WHERE c.id = %(id)s
"""
_INSERT: LiteralString = f"""
    INSERT INTO targets ({COLUMNS})
    VALUES (%(tenant_id)s, %(id)s, %(campaign_id)s, %(import_id)s, %(client_name)s, %(phone)s, %(match_key)s,
        %(document)s, %(installation_point)s, %(debt_cents)s, %(invoice_number)s, %(uf)s, %(priority)s, %(state)s,
        %(outcome)s, %(outcome_details)s, %(method)s, %(attempt_count)s, %(first_contacted_at)s, %(last_attempt_at)s,
        %(call_sid)s, %(contact_id)s, %(conversation_id)s, %(promised_at)s, %(paid_at)s, %(due_at)s, %(locked_by)s,
        %(locked_until)s, %(created_at)s, %(updated_at)s)
    ON CONFLICT (tenant_id, campaign_id, document) DO NOTHING
"""
_PAGE_WHERE: LiteralString = """
    WHERE campaign_id = %(campaign_id)s AND (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
"""
_PAGE: LiteralString = f"""
    SELECT {COLUMNS} FROM targets {_PAGE_WHERE} ORDER BY created_at, line, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = f"SELECT count(*) FROM targets {_PAGE_WHERE}"
# By campaign, in the order of the partial index: fair to all of them, and what is paused is never looked at.
_CLAIM: LiteralString = """
    WITH due AS (
        SELECT d.tenant_id, d.id FROM campaigns c CROSS JOIN LATERAL (
            SELECT t.tenant_id, t.id FROM targets t
            WHERE t.tenant_id = c.tenant_id AND t.campaign_id = c.id AND t.state = 'scheduled' AND {methods}
              AND t.due_at <= %(now)s AND (t.locked_until IS NULL OR t.locked_until <= %(now)s)
            ORDER BY t.due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        ) d
        WHERE c.status = 'active' LIMIT %(limit)s
    )
    UPDATE targets t SET locked_by = %(worker)s, locked_until = %(locked_until)s
    FROM due WHERE t.tenant_id = due.tenant_id AND t.id = due.id
    RETURNING {columns}
"""
_WRITTEN: LiteralString = "t.method IN ('whatsapp', 'sms')"
_CALLED: LiteralString = "t.method = 'voice'"
_CLAIM_WRITTEN: LiteralString = _CLAIM.replace("{methods}", _WRITTEN).replace("{columns}", _PREFIXED)
_CLAIM_CALLS: LiteralString = _CLAIM.replace("{methods}", _CALLED).replace("{columns}", _PREFIXED)
# The head of each campaign's index, as in store/target_planning.py.
_HAS_DUE: LiteralString = """
    SELECT EXISTS (
        SELECT FROM campaigns c CROSS JOIN LATERAL (
            SELECT t.due_at FROM targets t
            WHERE t.tenant_id = c.tenant_id AND t.campaign_id = c.id AND t.state = 'scheduled' AND {methods}
            ORDER BY t.due_at LIMIT 1
        ) d
        WHERE c.status = 'active' AND d.due_at <= %(now)s
    ) AS has_due
"""
_HAS_WRITTEN_DUE: LiteralString = _HAS_DUE.replace("{methods}", _WRITTEN)
_HAS_CALLS_DUE: LiteralString = _HAS_DUE.replace("{methods}", _CALLED)
_CHANGE: LiteralString = """
    UPDATE targets SET state = %(state)s, outcome = %(outcome)s, outcome_details = %(outcome_details)s,
        method = %(method)s, due_at = %(due_at)s, promised_at = %(promised_at)s, paid_at = %(paid_at)s,
        attempt_count = CASE WHEN %(is_new_round)s THEN 0 ELSE attempt_count END,
        locked_by = NULL, locked_until = NULL, updated_at = %(now)s
    WHERE id = %(id)s
"""
# Rows that the gate holds right now are left to it: it judges them by the campaign as it is then.
_UNSCHEDULE: LiteralString = """
    WITH held AS (
        SELECT tenant_id, id FROM targets
        WHERE campaign_id = %(campaign_id)s AND state = 'scheduled'
          AND (%(due_before)s::timestamptz IS NULL OR due_at < %(due_before)s)
          AND (locked_until IS NULL OR locked_until <= %(now)s)
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE targets t SET state = 'pending', due_at = %(now)s, locked_by = NULL, locked_until = NULL,
        updated_at = %(now)s, method = (
            SELECT d.method FROM contact_decisions d
            WHERE d.tenant_id = t.tenant_id AND d.target_id = t.id AND d.verdict = 'contact' AND d.voided_at IS NULL
            ORDER BY d.seq DESC LIMIT 1)
    FROM held WHERE t.tenant_id = held.tenant_id AND t.id = held.id
"""
# What the gate put off for a day that is no holiday any more; whom another rule put off meanwhile keeps its time.
_UNSCHEDULE_HOLIDAYS: LiteralString = """
    WITH held AS (
        SELECT t.tenant_id, t.id FROM targets t JOIN campaigns c ON c.tenant_id = t.tenant_id AND c.id = t.campaign_id
        WHERE c.status IN ('active', 'paused') AND t.state = 'scheduled' AND t.due_at > %(now)s
          AND t.outcome_details -> 'postponed' ->> 'reason' = 'holiday'
          AND (t.locked_until IS NULL OR t.locked_until <= %(now)s)
        FOR NO KEY UPDATE OF t SKIP LOCKED
    ), moved AS (
        UPDATE targets t SET state = 'pending', due_at = %(now)s, updated_at = %(now)s, method = (
            SELECT d.method FROM contact_decisions d
            WHERE d.tenant_id = t.tenant_id AND d.target_id = t.id AND d.verdict = 'contact' AND d.voided_at IS NULL
            ORDER BY d.seq DESC LIMIT 1)
        FROM held WHERE t.tenant_id = held.tenant_id AND t.id = held.id
        RETURNING t.campaign_id
    )
    SELECT DISTINCT campaign_id FROM moved ORDER BY 1
"""
_LOCK_ALL: LiteralString = "SELECT id FROM targets WHERE campaign_id = %(campaign_id)s ORDER BY id FOR UPDATE"
_EDIT: LiteralString = """
    UPDATE targets SET client_name = %(client_name)s, phone = %(phone)s, match_key = %(match_key)s,
        installation_point = %(installation_point)s, debt_cents = %(debt_cents)s, invoice_number = %(invoice_number)s,
        uf = %(uf)s, priority = %(priority)s, state = %(state)s, outcome = %(outcome)s,
        outcome_details = %(outcome_details)s, method = %(method)s, attempt_count = %(attempt_count)s,
        contact_id = %(contact_id)s, conversation_id = %(conversation_id)s, due_at = %(due_at)s,
        locked_by = %(locked_by)s, locked_until = %(locked_until)s, updated_at = %(updated_at)s
    WHERE id = %(id)s
"""
_PUT_WRONG_NUMBER: LiteralString = """
    INSERT INTO wrong_numbers (tenant_id, document, match_key, protocol, reported_at)
    VALUES (%(tenant_id)s, %(document)s, %(match_key)s, %(protocol)s, %(now)s)
    ON CONFLICT (tenant_id, document, match_key) DO UPDATE SET reported_at = wrong_numbers.reported_at
    RETURNING protocol
"""
_RELEASE: LiteralString = """
    UPDATE targets SET due_at = %(due_at)s, locked_by = NULL, locked_until = NULL, updated_at = %(now)s
    WHERE id = %(id)s AND locked_by = %(worker)s AND state = 'scheduled'
"""


async def by_id(connection: Connection, target_id: UUID) -> TargetRow | None:
    return await _one(connection, _BY_ID, {"id": target_id})


async def lock(connection: Connection, target_ids: Sequence[UUID]) -> list[TargetRow]:
    """Read targets and hold their rows. Hold the locks of their debtors first (store.locks)."""
    return await _many(connection, _LOCK, {"ids": list(target_ids)})


async def of_document(connection: Connection, document: str) -> list[TargetRow]:
    """List and hold the targets of a debtor that have not ended, in all campaigns. Hold the debtor's lock."""
    return await _many(connection, _OF_DOCUMENT, {"document": document})


async def of_phones(connection: Connection, match_keys: Sequence[str]) -> list[TargetRow]:
    """List and hold the targets at these phones that have not ended. Hold their debtors' locks."""
    return await _many(connection, _OF_PHONES, {"match_keys": list(match_keys)})


async def of_debtor(connection: Connection, document: str) -> list[TargetRow]:
    """List and hold all targets of a debtor, ended ones too, in all campaigns. Hold the debtor's lock."""
    return await _many(connection, _OF_DEBTOR, {"document": document})


async def of_contact(connection: Connection, contact_id: UUID) -> list[TargetRow]:
    """List and hold the targets of a person that have not ended, by phone or document. Hold their debtors' locks."""
    return await _many(connection, _OF_CONTACT, {"contact_id": contact_id})


async def debtors_of_contact(connection: Connection, contact_id: UUID) -> list[str]:
    """List the documents whose targets a word of this person may end, in the order of their locks."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_DEBTORS_OF_CONTACT, {"contact_id": contact_id})
        return await cursor.fetchall()


async def documents_of_phones(connection: Connection, match_keys: Sequence[str]) -> list[str]:
    """List the documents that campaigns contact at any of these phones, but for numbers reported as wrong."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_DOCUMENTS_OF_PHONES, {"match_keys": list(match_keys)})
        return await cursor.fetchall()


async def document_of_conversation(connection: Connection, conversation_id: UUID) -> str | None:
    """Give the document of the target that a conversation was opened for."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_DOCUMENT_OF_CONVERSATION, {"id": conversation_id})
        return await cursor.fetchone()


async def insert(connection: Connection, row: TargetRow) -> bool:
    """Insert one target; False when the campaign has this debtor already."""
    parameters: dict[str, object] = {name: getattr(row, name) for name in TargetRow.__slots__}
    cursor = await connection.execute(_INSERT, parameters | {"outcome_details": Jsonb(dict(row.outcome_details))})
    return cursor.rowcount == 1


async def page(
    connection: Connection, campaign_id: UUID, *, state: TargetState | None, outcome: TargetOutcome | None, limit: int,
    offset: int,
) -> tuple[list[TargetRow], int]:  # fmt: skip
    """List targets in the order they came, those of a file by their lines, and count all that fit."""
    parameters = {"campaign_id": campaign_id, "state": state, "outcome": outcome, "limit": limit, "offset": offset}
    rows = await _many(connection, _PAGE, parameters)
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        return rows, (await counter.fetchone()) or 0


async def claim_written(
    connection: Connection, *, worker: str, now: datetime, locked_until: datetime, limit: int
) -> list[TargetRow]:
    """Take targets whose WhatsApp or SMS contact is due in active campaigns, for one worker (platform role)."""
    parameters = {"worker": worker, "now": now, "locked_until": locked_until, "limit": limit}
    return await _many(connection, _CLAIM_WRITTEN, parameters)


async def claim_calls(
    connection: Connection, *, worker: str, now: datetime, locked_until: datetime, limit: int
) -> list[TargetRow]:
    """Take targets whose call is due in active campaigns, for one worker (platform role)."""
    parameters = {"worker": worker, "now": now, "locked_until": locked_until, "limit": limit}
    return await _many(connection, _CLAIM_CALLS, parameters)


async def has_written_due(connection: Connection, *, now: datetime) -> bool:
    return await _is_true(connection, _HAS_WRITTEN_DUE, now)


async def has_calls_due(connection: Connection, *, now: datetime) -> bool:
    return await _is_true(connection, _HAS_CALLS_DUE, now)


async def change(
    connection: Connection, target: TargetRow, *, state: TargetState, outcome: TargetOutcome | None,
    details: Mapping[str, object], method: Method | None, due_at: datetime | None, now: datetime,
    promised_at: datetime | None = None, paid_at: datetime | None = None, is_new_round: bool = False,
) -> None:  # fmt: skip
    """Move a target that the caller holds, and let go of it; `promised_at` and `paid_at` stay where None is given."""
    await connection.execute(
        _CHANGE,
        {
            "id": target.id, "state": state, "outcome": outcome, "outcome_details": Jsonb(dict(details)),
            "method": method, "due_at": due_at, "now": now, "promised_at": promised_at or target.promised_at,
            "paid_at": paid_at or target.paid_at, "is_new_round": is_new_round,
        },
    )  # fmt: skip


async def edit(connection: Connection, row: TargetRow) -> None:
    """Write what a person of the tenant may change of a target, as the row has it. Hold the target."""
    parameters: dict[str, object] = {name: getattr(row, name) for name in TargetRow.__slots__}
    await connection.execute(_EDIT, parameters | {"outcome_details": Jsonb(dict(row.outcome_details))})


async def unschedule(connection: Connection, campaign_id: UUID, *, due_before: datetime | None, now: datetime) -> int:
    """Take back the slots before an instant (None: all) that nobody works on; their targets wait to be planned.

    `method` is again that of the last contact made: what was only planned has not been tried.
    """
    parameters = {"campaign_id": campaign_id, "due_before": due_before, "now": now}
    cursor = await connection.execute(_UNSCHEDULE, parameters)
    return cursor.rowcount


async def unschedule_holidays(connection: Connection, *, now: datetime) -> list[UUID]:
    """Take back the slots of the tenant that a holiday has put off, as `unschedule` does; give their campaigns."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_UNSCHEDULE_HOLIDAYS, {"now": now})
        return await cursor.fetchall()


async def lock_all(connection: Connection, campaign_id: UUID) -> None:
    """Hold every target of a campaign that is to be deleted."""
    await connection.execute(_LOCK_ALL, {"campaign_id": campaign_id})


async def put_wrong_number(
    connection: Connection, *, tenant_id: UUID, document: str, match_key: str, protocol: str, now: datetime
) -> str:
    """Note that a number is not of this debtor; give the protocol of the first report."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            _PUT_WRONG_NUMBER,
            {"tenant_id": tenant_id, "document": document, "match_key": match_key, "protocol": protocol, "now": now},
        )
        return str(await cursor.fetchone())


async def release(connection: Connection, target_id: UUID, *, worker: str, due_at: datetime, now: datetime) -> bool:
    """Let go of a claimed target whose contact must wait; False when the claim was lost."""
    cursor = await connection.execute(_RELEASE, {"id": target_id, "worker": worker, "due_at": due_at, "now": now})
    return cursor.rowcount == 1


async def _is_true(connection: Connection, statement: LiteralString, now: datetime) -> bool:
    cursor = await connection.execute(statement, {"now": now})
    row = await cursor.fetchone()
    return bool(row and row["has_due"])


async def _one(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> TargetRow | None:
    async with connection.cursor(row_factory=class_row(TargetRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()


async def _many(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> list[TargetRow]:
    async with connection.cursor(row_factory=class_row(TargetRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()
