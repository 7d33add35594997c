"""Everything the contact gate looks at, locked in the one order of design 5 and read after the locks are held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow, class_row, tuple_row

from domain.messages import Medium, Provider
from store.call_requests import COLUMNS as REQUEST_COLUMNS
from store.call_requests import CallRequestRow
from store.campaigns import CampaignRow
from store.database import Connection
from store.message_templates import COLUMNS as TEMPLATE_COLUMNS
from store.message_templates import TemplateRow
from store.targets import COLUMNS as TARGET_COLUMNS
from store.targets import TargetRow


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAddress:
    contact_id: UUID
    kind: str
    value: str
    match_key: str
    is_unreachable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldConversation:
    """A conversation that has not ended; nothing is received or answered in it meanwhile."""

    id: UUID
    contact_id: UUID
    channel_account_id: UUID
    address_kind: str
    address_value: str
    handler: str
    turn_due_at: datetime | None
    locked_until: datetime | None
    last_outbound_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonFacts:
    id: UUID
    document: str | None
    is_bot_enabled: bool
    opted_out_at: datetime | None
    scopes: list[str]
    scopes_since: list[datetime]  # when each of the scopes was refused
    last_inbound_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecentContact:
    id: UUID
    document: str | None
    match_key: str | None
    decided_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignAccount:
    campaign_id: UUID | None
    id: UUID
    provider: Provider
    medium: Medium
    status: str
    is_bot_enabled: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "provider", Provider(self.provider))
        object.__setattr__(self, "medium", Medium(self.medium))


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What a batch is about: who is asked for, and which rows it may change."""

    tenant_id: UUID
    match_keys: Sequence[str]
    documents: Sequence[str]
    target_ids: Sequence[UUID]
    promise_ids: Sequence[UUID]
    account_ids: Sequence[UUID]  # named by requests that belong to no campaign
    template_names: Sequence[str]
    request_ids: Sequence[UUID] = ()  # calls that customers asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """Who is reached at the phones, and who bears the documents."""

    addresses: Sequence[KnownAddress]
    of_documents: Mapping[UUID, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """All facts of a batch. Whatever was committed before the locks is in them."""

    conversations: Sequence[HeldConversation]
    people: Mapping[UUID, PersonFacts]
    targets: Mapping[UUID, TargetRow]
    campaigns: Mapping[UUID, CampaignRow]
    open_outcomes: Mapping[UUID, str]
    protections: Mapping[str, datetime]
    pending_promises: frozenset[UUID]
    holds: Mapping[str, datetime]
    wrong_numbers: frozenset[tuple[str, str]]
    recent: Sequence[RecentContact]
    accounts: Sequence[CampaignAccount]
    templates: Sequence[TemplateRow]
    holidays: Mapping[tuple[date, str], str]
    is_bot_enabled: bool
    call_requests: Mapping[UUID, CallRequestRow] = field(default_factory=dict)


# The same locks as store.contacts.lock_identity and store.locks.lock_debtor, in the order of the given arrays.
_LOCK_IDENTITIES: LiteralString = """
    SELECT pg_advisory_xact_lock(hashtextextended(%(tenant_id)s::text || key, 1)) FROM unnest(%(keys)s::text[]) AS key
"""
_LOCK_DEBTORS: LiteralString = """
    SELECT pg_advisory_xact_lock(hashtextextended(%(tenant_id)s::text || document, 0))
    FROM unnest(%(documents)s::text[]) AS document
"""
_ADDRESSES: LiteralString = """
    SELECT contact_id, kind, value, match_key, is_unreachable FROM addresses
    WHERE tenant_id = %(tenant_id)s AND match_key = ANY(%(match_keys)s) ORDER BY created_at, id
"""
_OF_DOCUMENTS: LiteralString = """
    SELECT id, document FROM contacts WHERE tenant_id = %(tenant_id)s AND document = ANY(%(documents)s)
"""
_LOCK_CONVERSATIONS: LiteralString = """
    SELECT id, contact_id, channel_account_id, address_kind, address_value, handler, turn_due_at, locked_until,
        last_outbound_at
    FROM conversations
    WHERE tenant_id = %(tenant_id)s AND contact_id = ANY(%(contact_ids)s) AND status IN ('open', 'waiting')
    ORDER BY id FOR UPDATE
"""
# An opt-out of any scope touches the row (services/opt_out.py), so it waits here or we wait for it.
_LOCK_CONTACTS: LiteralString = """
    SELECT id FROM contacts WHERE tenant_id = %(tenant_id)s AND id = ANY(%(contact_ids)s)
    ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_TARGETS: LiteralString = f"""
    SELECT {TARGET_COLUMNS} FROM targets WHERE tenant_id = %(tenant_id)s AND id = ANY(%(target_ids)s)
    ORDER BY id FOR UPDATE
"""
_LOCK_REQUESTS: LiteralString = f"""
    SELECT {REQUEST_COLUMNS} FROM call_requests WHERE tenant_id = %(tenant_id)s AND id = ANY(%(request_ids)s)
    ORDER BY id FOR UPDATE
"""
# Without a ceiling nothing of the row changes here, so gates share it, and the scheduler may write its own columns. A
# pause locks the row as a whole (store.campaigns.lock): it waits for the gates, and they for it.
_CAMPAIGNS: LiteralString = """
    SELECT c.* FROM campaigns c
    WHERE c.tenant_id = %(tenant_id)s AND c.id IN (
        SELECT t.campaign_id FROM targets t WHERE t.tenant_id = %(tenant_id)s AND t.id = ANY(%(target_ids)s))
"""
_LOCK_CAMPAIGNS: LiteralString = f"{_CAMPAIGNS} AND c.budget_cents IS NULL ORDER BY c.id FOR KEY SHARE"
_LOCK_BUDGETS: LiteralString = f"{_CAMPAIGNS} AND c.budget_cents IS NOT NULL ORDER BY c.id FOR NO KEY UPDATE"
_PEOPLE: LiteralString = """
    SELECT c.id, c.document, c.is_bot_enabled, c.opted_out_at,
        ARRAY(SELECT o.scope FROM opt_outs o
              WHERE o.tenant_id = c.tenant_id AND o.contact_id = c.id AND o.revoked_at IS NULL
              ORDER BY o.id) AS scopes,
        ARRAY(SELECT o.created_at FROM opt_outs o
              WHERE o.tenant_id = c.tenant_id AND o.contact_id = c.id AND o.revoked_at IS NULL
              ORDER BY o.id) AS scopes_since,
        (SELECT max(v.last_inbound_at) FROM conversations v
         WHERE v.tenant_id = c.tenant_id AND v.contact_id = c.id) AS last_inbound_at
    FROM contacts c WHERE c.tenant_id = %(tenant_id)s AND c.id = ANY(%(contact_ids)s)
"""
# Of each target the newest contact that counts: `sending` and `dialing` are on their way, `unknown` is never repeated.
_OPEN_OUTCOMES: LiteralString = """
    SELECT g.id, coalesce(m.status, k.status) AS status
    FROM unnest(%(target_ids)s::uuid[]) AS g (id)
    CROSS JOIN LATERAL (
        SELECT d.message_id, d.call_id FROM contact_decisions d
        WHERE d.tenant_id = %(tenant_id)s AND d.target_id = g.id AND d.verdict = 'contact' AND d.voided_at IS NULL
        ORDER BY d.seq DESC LIMIT 1
    ) AS d
    LEFT JOIN messages m ON m.tenant_id = %(tenant_id)s AND m.id = d.message_id
    LEFT JOIN calls k ON k.tenant_id = %(tenant_id)s AND k.id = d.call_id
    WHERE m.status IN ('sending', 'unknown') OR k.status IN ('dialing', 'unknown', 'queued', 'ringing', 'in_progress')
"""
_PROMISES: LiteralString = """
    SELECT id, document, protected_until FROM promises
    WHERE tenant_id = %(tenant_id)s AND status = 'pending'
      AND (document = ANY(%(documents)s) OR id = ANY(%(promise_ids)s))
"""
_CLAIMS: LiteralString = """
    SELECT document, hold_until FROM payment_claims
    WHERE tenant_id = %(tenant_id)s AND document = ANY(%(documents)s) AND status = 'open'
"""
_WRONG_NUMBERS: LiteralString = """
    SELECT document, match_key FROM wrong_numbers
    WHERE tenant_id = %(tenant_id)s AND document = ANY(%(documents)s)
"""
_RECENT: LiteralString = """
    SELECT id, document, match_key, decided_at FROM contact_decisions
    WHERE tenant_id = %(tenant_id)s AND document = ANY(%(documents)s) AND decided_at > %(since)s
      AND verdict = 'contact' AND voided_at IS NULL AND engine NOT IN ('reminder', 'escalation')
    UNION
    SELECT id, document, match_key, decided_at FROM contact_decisions
    WHERE tenant_id = %(tenant_id)s AND match_key = ANY(%(match_keys)s) AND decided_at > %(since)s
      AND verdict = 'contact' AND voided_at IS NULL AND engine NOT IN ('reminder', 'escalation')
"""
_ACCOUNTS: LiteralString = """
    SELECT ca.campaign_id, a.id, a.provider, a.medium, a.status, a.is_bot_enabled
    FROM campaign_accounts ca
    JOIN channel_accounts a ON a.tenant_id = ca.tenant_id AND a.id = ca.channel_account_id
    WHERE ca.tenant_id = %(tenant_id)s AND ca.campaign_id IN (
        SELECT t.campaign_id FROM targets t WHERE t.tenant_id = %(tenant_id)s AND t.id = ANY(%(target_ids)s))
    UNION ALL
    SELECT NULL, a.id, a.provider, a.medium, a.status, a.is_bot_enabled FROM channel_accounts a
    WHERE a.tenant_id = %(tenant_id)s AND a.id = ANY(%(account_ids)s)
    ORDER BY 2
"""
_TEMPLATES: LiteralString = f"""
    SELECT {TEMPLATE_COLUMNS} FROM message_templates
    WHERE tenant_id = %(tenant_id)s AND (name = ANY(%(template_names)s) OR name IN (
        SELECT used.name FROM campaigns c
        JOIN message_templates used ON used.tenant_id = c.tenant_id AND used.id = c.template_id
        WHERE c.tenant_id = %(tenant_id)s AND c.id IN (
            SELECT t.campaign_id FROM targets t WHERE t.tenant_id = %(tenant_id)s AND t.id = ANY(%(target_ids)s))))
"""
_HOLIDAYS: LiteralString = """
    SELECT day, uf, name FROM tenant_holidays
    WHERE tenant_id = %(tenant_id)s AND day BETWEEN %(now)s::date - 2 AND %(now)s::date + 70
"""
_SWITCHES: LiteralString = """
    SELECT is_bot_enabled AND coalesce((
        SELECT s.value <> 'false' FROM platform_settings s WHERE s.key = 'is_bot_enabled'), true) AS is_enabled
    FROM tenants WHERE id = %(tenant_id)s
"""


async def find_people(connection: Connection, question: Question) -> People:
    """Hold the identities of the phones, and find who is reached at them or bears the documents."""
    parameters: dict[str, object] = {
        "tenant_id": question.tenant_id, "keys": sorted(question.match_keys),
        "match_keys": list(question.match_keys), "documents": list(question.documents),
    }  # fmt: skip
    async with connection.pipeline():
        await connection.execute(_LOCK_IDENTITIES, parameters)
        addresses = connection.cursor(row_factory=class_row(KnownAddress))
        await addresses.execute(_ADDRESSES, parameters)
        documents = await _tuples(connection, _OF_DOCUMENTS, parameters)
        return People(addresses=await addresses.fetchall(), of_documents=dict(await documents.fetchall()))


class _Cursors(NamedTuple):
    conversations: AsyncCursor[HeldConversation]
    targets: AsyncCursor[TargetRow]
    campaigns: AsyncCursor[CampaignRow]
    budgets: AsyncCursor[CampaignRow]
    people: AsyncCursor[PersonFacts]
    recent: AsyncCursor[RecentContact]
    accounts: AsyncCursor[CampaignAccount]
    templates: AsyncCursor[TemplateRow]


async def gather(
    connection: Connection, question: Question, people: People, *, now: datetime, since: datetime
) -> Gathered:
    """Hold conversations, debtors, people, targets and campaigns, in this order; then read all facts.

    One flight to the server: each statement begins when the one before it has its locks, so it sees what was
    committed meanwhile.
    """
    contact_ids = {address.contact_id for address in people.addresses} | set(people.of_documents)
    parameters: dict[str, object] = {name: getattr(question, name) for name in Question.__slots__}
    parameters |= {"documents": sorted(question.documents), "contact_ids": list(contact_ids)}
    parameters |= {"now": now, "since": since}
    requests = await _lock_requests(connection, parameters) if question.request_ids else {}
    async with connection.pipeline():
        cursors = _Cursors(
            conversations=connection.cursor(row_factory=class_row(HeldConversation)),
            targets=connection.cursor(row_factory=class_row(TargetRow)),
            campaigns=connection.cursor(row_factory=class_row(CampaignRow)),
            budgets=connection.cursor(row_factory=class_row(CampaignRow)),
            people=connection.cursor(row_factory=class_row(PersonFacts)),
            recent=connection.cursor(row_factory=class_row(RecentContact)),
            accounts=connection.cursor(row_factory=class_row(CampaignAccount)),
            templates=connection.cursor(row_factory=class_row(TemplateRow)),
        )
        await cursors.conversations.execute(_LOCK_CONVERSATIONS, parameters)
        await connection.execute(_LOCK_DEBTORS, parameters)
        await connection.execute(_LOCK_CONTACTS, parameters)
        await cursors.targets.execute(_LOCK_TARGETS, parameters)
        await cursors.campaigns.execute(_LOCK_CAMPAIGNS, parameters)
        await cursors.budgets.execute(_LOCK_BUDGETS, parameters)
        await cursors.people.execute(_PEOPLE, parameters)
        await cursors.recent.execute(_RECENT, parameters)
        await cursors.accounts.execute(_ACCOUNTS, parameters)
        await cursors.templates.execute(_TEMPLATES, parameters)
        outcomes, promises, claims, wrong, holidays, switches = [
            await _tuples(connection, statement, parameters)
            for statement in (_OPEN_OUTCOMES, _PROMISES, _CLAIMS, _WRONG_NUMBERS, _HOLIDAYS, _SWITCHES)
        ]
        conversations = await cursors.conversations.fetchall()
        targets = {row.id: row for row in await cursors.targets.fetchall()}
        campaigns = {row.id: row for row in [*await cursors.campaigns.fetchall(), *await cursors.budgets.fetchall()]}
        persons = {row.id: row for row in await cursors.people.fetchall()}
        recent = await cursors.recent.fetchall()
        accounts = await cursors.accounts.fetchall()
        templates = await cursors.templates.fetchall()
        open_outcomes: dict[UUID, str] = dict(await outcomes.fetchall())
        pending = await promises.fetchall()
        return Gathered(
            conversations=conversations, people=persons, targets=targets, campaigns=campaigns,
            open_outcomes=open_outcomes,
            protections={document: until for _, document, until in pending},
            pending_promises=frozenset(promise_id for promise_id, _, _ in pending),
            holds=dict(await claims.fetchall()),
            wrong_numbers=frozenset(await wrong.fetchall()),
            recent=recent, accounts=accounts, templates=templates,
            holidays={(day, uf): name for day, uf, name in await holidays.fetchall()},
            is_bot_enabled=any(row[0] for row in await switches.fetchall()),
            call_requests=requests,
        )  # fmt: skip


async def _lock_requests(connection: Connection, parameters: Mapping[str, object]) -> Mapping[UUID, CallRequestRow]:
    """Hold requests; their conversations before them, as whoever asks for a call and whoever ends one does."""
    await connection.execute(_LOCK_CONVERSATIONS, parameters)
    async with connection.cursor(row_factory=class_row(CallRequestRow)) as cursor:
        await cursor.execute(_LOCK_REQUESTS, parameters)
        return {row.id: row for row in await cursor.fetchall()}


_NUMBERS: LiteralString = """
    SELECT DISTINCT a.match_key, c.channel_account_id
    FROM addresses a JOIN conversations c ON c.tenant_id = a.tenant_id AND c.contact_id = a.contact_id
    WHERE a.tenant_id = %(tenant_id)s AND a.match_key = ANY(%(match_keys)s) AND c.status IN ('open', 'waiting')
"""
_ACCOUNTS_OF_CAMPAIGNS: LiteralString = """
    SELECT ca.campaign_id, a.id, a.provider, a.medium, a.status, a.is_bot_enabled
    FROM campaign_accounts ca
    JOIN channel_accounts a ON a.tenant_id = ca.tenant_id AND a.id = ca.channel_account_id
    WHERE ca.tenant_id = %(tenant_id)s AND ca.campaign_id = ANY(%(campaign_ids)s) ORDER BY a.id
"""


_CAMPAIGNS_OF: LiteralString = "SELECT id, campaign_id FROM targets WHERE id = ANY(%(ids)s)"


async def campaigns_of(connection: Connection, target_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Say which campaigns targets belong to; those that are gone are left out."""
    cursor = await _tuples(connection, _CAMPAIGNS_OF, {"ids": list(target_ids)})
    return dict(await cursor.fetchall())


async def accounts_of_campaigns(
    connection: Connection, tenant_id: UUID, campaign_ids: Sequence[UUID]
) -> list[CampaignAccount]:
    """List the accounts that campaigns may use, without any lock."""
    async with connection.cursor(row_factory=class_row(CampaignAccount)) as cursor:
        await cursor.execute(_ACCOUNTS_OF_CAMPAIGNS, {"tenant_id": tenant_id, "campaign_ids": list(campaign_ids)})
        return await cursor.fetchall()


async def numbers_talked_with(
    connection: Connection, tenant_id: UUID, match_keys: Sequence[str]
) -> set[tuple[str, UUID]]:
    """List which of our accounts have a conversation that has not ended with which phones, without any lock."""
    cursor = await _tuples(connection, _NUMBERS, {"tenant_id": tenant_id, "match_keys": list(match_keys)})
    return set(await cursor.fetchall())


async def _tuples(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> AsyncCursor[TupleRow]:
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(statement, parameters)
    return cursor
