"""What a turn needs to know and what it leaves: context in one read, trace and usage in one write each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.turns import ModelUsage
from store.database import Connection

_PERSON: LiteralString = """
    SELECT c.id, c.name, c.document, c.custom_fields, c.is_bot_enabled, c.opted_out_at, c.identity_tries,
        c.identity_tries_on,
        ARRAY(SELECT a.match_key FROM addresses a
              WHERE a.tenant_id = c.tenant_id AND a.contact_id = c.id AND a.match_key IS NOT NULL
                AND NOT c.facts ? 'wrong_person') AS match_keys,
        coalesce((SELECT s.value <> 'false' FROM platform_settings s WHERE s.key = 'is_bot_enabled'), true)
            AS is_platform_bot_enabled,
        newer.id AS newer_conversation_id, newer.checkpoint_id AS newer_checkpoint_id, newer.medium AS newer_medium
    FROM contacts c
    LEFT JOIN LATERAL (
        SELECT o.id, o.checkpoint_id, a.medium
        FROM conversations o JOIN channel_accounts a ON a.tenant_id = o.tenant_id AND a.id = o.channel_account_id
        WHERE o.tenant_id = c.tenant_id AND o.contact_id = c.id AND o.id <> %(conversation_id)s
          AND o.checkpoint_id IS NOT NULL AND o.last_turn_at > %(since)s AND (%(is_call)s OR a.medium = 'voice')
        ORDER BY o.last_turn_at DESC LIMIT 1
    ) newer ON true
    WHERE c.id = %(id)s
"""
_TRACE: LiteralString = """
    INSERT INTO turns (tenant_id, conversation_id, turn_seq, outcome, agent, verdict, model, prompt_version, trace,
                       reruns, started_at, finished_at)
    VALUES (%(tenant_id)s, %(conversation_id)s, %(turn_seq)s, %(outcome)s, %(agent)s, %(verdict)s, %(model)s,
            %(prompt_version)s, %(trace)s, %(reruns)s, %(started_at)s, %(finished_at)s)
    ON CONFLICT (tenant_id, conversation_id, turn_seq) DO UPDATE SET
        outcome = excluded.outcome, trace = excluded.trace, finished_at = excluded.finished_at
"""
_USAGE: LiteralString = """
    INSERT INTO usage_records (tenant_id, id, conversation_id, turn_seq, agent, feature, provider, model, input_tokens,
                               output_tokens, cost_usd, created_at)
    SELECT %(tenant_id)s, gen_random_uuid(), %(conversation_id)s::uuid, %(turn_seq)s::bigint, agent, feature, provider,
           model, input_tokens, output_tokens, cost_usd, %(now)s
    FROM jsonb_to_recordset(%(usage)s) AS used (agent text, feature text, provider text, model text,
                                                input_tokens int, output_tokens int, cost_usd numeric)
"""
_TRACES: LiteralString = """
    SELECT turn_seq, outcome, agent, verdict, model, prompt_version, trace, reruns, started_at, finished_at FROM turns
    WHERE conversation_id = %(conversation_id)s ORDER BY turn_seq DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonRow:
    id: UUID
    name: str | None
    document: str | None
    custom_fields: dict[str, str]
    is_bot_enabled: bool
    opted_out_at: datetime | None
    identity_tries: int
    identity_tries_on: date | None
    match_keys: list[str]
    is_platform_bot_enabled: bool  # the global switch (store/platform_settings), read along with the person
    # The contact's conversation whose last turn is newer than ours, when one of the two is a call (ADR 15).
    newer_conversation_id: UUID | None
    newer_checkpoint_id: str | None
    newer_medium: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnRow:
    turn_seq: int
    outcome: str
    agent: str | None
    verdict: str | None
    model: str | None
    prompt_version: str | None
    trace: list[dict[str, object]]
    reruns: int
    started_at: datetime
    finished_at: datetime


async def person(
    connection: Connection, contact_id: UUID, *, conversation_id: UUID, since: datetime, is_call: bool
) -> PersonRow | None:
    """Read a contact with the match keys of its phones (none when the phone turned out to be another person's), and
    with what it said elsewhere since: a call takes up any conversation, a conversation takes up calls."""
    parameters = {"id": contact_id, "conversation_id": conversation_id, "since": since, "is_call": is_call}
    async with connection.cursor(row_factory=class_row(PersonRow)) as cursor:
        await cursor.execute(_PERSON, parameters)
        return await cursor.fetchone()


async def insert_trace(connection: Connection, *, trace: Sequence[Mapping[str, object]], **values: object) -> None:
    """Keep what the graph did in a turn; the same turn written again replaces it."""
    await connection.execute(_TRACE, values | {"trace": Jsonb([dict(step) for step in trace])})


async def insert_usage(
    connection: Connection, usage: Sequence[ModelUsage], *, price: Callable[[ModelUsage], Decimal], tenant_id: UUID,
    conversation_id: UUID | None, turn_seq: int | None, now: datetime,
) -> None:  # fmt: skip
    """Keep what calls of models took and cost; `turn_seq` None for what no turn asked for."""
    if not usage:
        return
    used = [asdict(item) | {"cost_usd": str(price(item))} for item in usage]
    common = {"tenant_id": tenant_id, "conversation_id": conversation_id, "turn_seq": turn_seq, "now": now}
    await connection.execute(_USAGE, common | {"usage": Jsonb(used)})


async def traces(connection: Connection, conversation_id: UUID, *, limit: int) -> list[TurnRow]:
    """List a conversation's turns, newest first."""
    async with connection.cursor(row_factory=class_row(TurnRow)) as cursor:
        await cursor.execute(_TRACES, {"conversation_id": conversation_id, "limit": limit})
        return await cursor.fetchall()
