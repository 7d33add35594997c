"""Figures of campaigns. Each comes from one statement, so that it is one instant's truth and adds up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.rows import class_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodFigures:
    """What was sent by one method, and how far it came."""

    contacts: int
    delivered: int
    read: int
    answered: int
    unknown: int
    spent_cents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What stands and what happened, of one campaign or of a tenant's all."""

    total_targets: int
    imported_rows: int
    pending: int
    scheduled: int
    calling: int
    contacted: int
    completed: int
    without_outcome: int
    outcomes: Mapping[str, int]
    debt_cents: int
    reached: int
    delivered: int
    read: int
    responded: int
    promised: int
    paid: int
    paid_without_contact: int
    reminders: int
    methods: Mapping[str, MethodFigures]
    skipped: Mapping[str, int]
    postponed: Mapping[str, int]
    pending_promises: int
    fulfilled_promises: int
    broken_promises: int
    renegotiated_promises: int
    promised_cents: int
    fulfilled_cents: int
    spent_cents: int
    budget_cents: int | None
    next_contact_at: datetime | None

    def __post_init__(self) -> None:
        methods = {
            name: found if isinstance(found, MethodFigures) else MethodFigures(**found)
            for name, found in self.methods.items()
        }
        object.__setattr__(self, "methods", methods)


@dataclass(frozen=True, kw_only=True, slots=True)
class DayFigures:
    """What happened on one local day."""

    day: date
    contacts: int
    replies: int
    promises: int
    payments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRow:
    """One target as the report lists it, with the promise it made last."""

    id: UUID
    client_name: str
    document: str
    phone: str
    invoice_number: str | None
    debt_cents: int
    state: str
    outcome: str | None
    method: str | None
    contact_count: int
    first_contacted_at: datetime | None
    last_attempt_at: datetime | None
    promised_at: datetime | None
    promise_due_on: date | None
    promise_cents: int | None
    promise_status: str | None
    paid_at: datetime | None


# A merged contact's conversations are the other's. What a conversation holds counts from the first contact on.
_AIMED: LiteralString = """
    aimed AS (
        SELECT t.id, t.document, t.state, t.outcome, t.debt_cents, t.first_contacted_at, t.promised_at, t.paid_at,
            coalesce(k.merged_into, t.contact_id) AS contact_id
        FROM targets t LEFT JOIN contacts k ON k.tenant_id = t.tenant_id AND k.id = t.contact_id
        WHERE {of_targets}
    ), made AS (
        SELECT d.target_id, d.engine, d.method, d.cost_cents, d.decided_at, c.answered_at,
            coalesce(m.status IN ('delivered', 'read'), false) AS is_delivered,
            coalesce(m.status = 'read', false) AS is_read,
            coalesce(c.choice IS NOT NULL OR c.answered_by = 'human' OR (c.status = 'completed' AND
                coalesce(c.answered_by NOT LIKE 'machine%%' AND c.answered_by <> 'fax', true)), false) AS is_answered,
            coalesce(m.status, c.status) IS NOT DISTINCT FROM 'unknown' AS is_unknown
        FROM contact_decisions d
        LEFT JOIN messages m ON m.tenant_id = d.tenant_id AND m.id = d.message_id
        LEFT JOIN calls c ON c.tenant_id = d.tenant_id AND c.id = d.call_id
        WHERE d.verdict = 'contact' AND d.voided_at IS NULL AND {of_decisions}
    ), promised AS (
        SELECT p.status, p.amount_cents, p.paid_cents, p.created_at FROM promises p WHERE {of_promises}
    )
"""
# Who promised has responded, and who responded was reached and has read: so no step is larger than the one before it.
_FIGURES: LiteralString = f"""
    WITH {_AIMED}, arrived AS (
        SELECT target_id, bool_or(is_delivered) AS is_delivered, bool_or(is_read) AS is_read,
            bool_or(is_answered) AS is_answered
        FROM made WHERE target_id IS NOT NULL GROUP BY target_id
    ), replied AS (
        SELECT DISTINCT a.id FROM aimed a JOIN conversations v ON v.contact_id = a.contact_id
        WHERE v.last_inbound_at >= date_trunc('second', a.first_contacted_at)  -- some providers give whole seconds
    ), steps AS (
        SELECT a.*, a.first_contacted_at IS NOT NULL AS is_reached,
            a.first_contacted_at IS NOT NULL AND (r.id IS NOT NULL OR coalesce(s.is_answered, false)
                OR coalesce(a.promised_at >= a.first_contacted_at, false)) AS has_responded,
            coalesce(s.is_delivered, false) AS is_delivered, coalesce(s.is_read, false) AS is_read
        FROM aimed a LEFT JOIN arrived s ON s.target_id = a.id LEFT JOIN replied r ON r.id = a.id
    )
    SELECT
        count(*) AS total_targets,
        count(*) FILTER (WHERE state = 'pending') AS pending,
        count(*) FILTER (WHERE state = 'scheduled') AS scheduled,
        count(*) FILTER (WHERE state = 'calling') AS calling,
        count(*) FILTER (WHERE state = 'contacted') AS contacted,
        count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE outcome IS NULL) AS without_outcome,
        coalesce(sum(debt_cents), 0)::bigint AS debt_cents,
        count(*) FILTER (WHERE is_reached) AS reached,
        count(*) FILTER (WHERE is_reached AND (is_delivered OR has_responded)) AS delivered,
        count(*) FILTER (WHERE is_reached AND (is_read OR has_responded)) AS read,
        count(*) FILTER (WHERE has_responded) AS responded,
        count(*) FILTER (WHERE promised_at >= first_contacted_at) AS promised,
        count(*) FILTER (WHERE paid_at >= first_contacted_at) AS paid,
        count(*) FILTER (WHERE paid_at < first_contacted_at OR paid_at IS NOT NULL AND first_contacted_at IS NULL)
            AS paid_without_contact,
        (SELECT coalesce(jsonb_object_agg(o.outcome, o.n), '{{}}') FROM (
            SELECT outcome, count(*) AS n FROM aimed WHERE outcome IS NOT NULL GROUP BY outcome) o) AS outcomes,
        (SELECT coalesce(jsonb_object_agg(g.method, g.figures), '{{}}') FROM (
            SELECT method, jsonb_build_object(
                'contacts', count(*), 'delivered', count(*) FILTER (WHERE is_delivered),
                'read', count(*) FILTER (WHERE is_read), 'answered', count(*) FILTER (WHERE is_answered),
                'unknown', count(*) FILTER (WHERE is_unknown), 'spent_cents', sum(cost_cents)) AS figures
            FROM made WHERE method IS NOT NULL GROUP BY method) g) AS methods,
        (SELECT count(*) FROM made WHERE engine = 'reminder') AS reminders,
        (SELECT coalesce(jsonb_object_agg(g.reason, g.n), '{{}}') FROM (
            SELECT reason, count(*) AS n FROM contact_decisions d
            WHERE verdict = 'skip' AND {{of_decisions}} GROUP BY reason) g) AS skipped,
        (SELECT coalesce(jsonb_object_agg(g.reason, g.n), '{{}}') FROM (
            SELECT reason, count(*) AS n FROM contact_decisions d
            WHERE verdict = 'postpone' AND {{of_decisions}} GROUP BY reason) g) AS postponed,
        (SELECT count(*) FROM promised WHERE status = 'pending') AS pending_promises,
        (SELECT count(*) FROM promised WHERE status = 'fulfilled') AS fulfilled_promises,
        (SELECT count(*) FROM promised WHERE status = 'broken') AS broken_promises,
        (SELECT count(*) FROM promised WHERE status = 'renegotiated') AS renegotiated_promises,
        (SELECT coalesce(sum(amount_cents), 0)::bigint FROM promised WHERE status IN ('pending', 'fulfilled', 'broken'))
            AS promised_cents,
        (SELECT coalesce(sum(amount_cents), 0)::bigint FROM promised WHERE status = 'fulfilled') AS fulfilled_cents,
        (SELECT coalesce(sum(i.imported), 0)::bigint FROM imports i WHERE {{of_imports}}) AS imported_rows,
        (SELECT coalesce(sum(cost_cents), 0)::bigint FROM made) AS spent_cents,
        {{budget}} AS budget_cents,
        {{next_contact}} AS next_contact_at
    FROM steps
"""
# One figure a day of each kind; whoever replies twice on a day is one reply.
_DAYS: LiteralString = f"""
    WITH {_AIMED}, happened AS (
        SELECT decided_at AS at, 'contacts' AS kind, NULL::uuid AS who FROM made
        UNION ALL
        SELECT m.sent_at, 'replies', a.id FROM aimed a
        JOIN conversations v ON v.contact_id = a.contact_id
        JOIN messages m ON m.tenant_id = v.tenant_id AND m.conversation_id = v.id
        WHERE m.direction = 'in' AND m.sent_at >= date_trunc('second', a.first_contacted_at)
        UNION ALL
        SELECT coalesce(answered_at, decided_at), 'replies', target_id FROM made WHERE is_answered
        UNION ALL
        SELECT created_at, 'promises', NULL FROM promised
        UNION ALL
        SELECT paid_at, 'payments', NULL FROM aimed WHERE paid_at >= first_contacted_at
    ), counted AS (
        SELECT (at AT TIME ZONE %(zone)s)::date AS day, kind,
            CASE WHEN kind = 'replies' THEN count(DISTINCT who) ELSE count(*) END AS n
        FROM happened GROUP BY 1, 2
    )
    SELECT day, coalesce(sum(n) FILTER (WHERE kind = 'contacts'), 0)::bigint AS contacts,
        coalesce(sum(n) FILTER (WHERE kind = 'replies'), 0)::bigint AS replies,
        coalesce(sum(n) FILTER (WHERE kind = 'promises'), 0)::bigint AS promises,
        coalesce(sum(n) FILTER (WHERE kind = 'payments'), 0)::bigint AS payments
    FROM counted GROUP BY day ORDER BY day
"""
_OF_CAMPAIGN: LiteralString = "d.campaign_id = %(campaign_id)s"
_PROMISED_IN_CAMPAIGN: LiteralString = (
    "EXISTS (SELECT FROM aimed a WHERE a.document = p.document AND p.created_at >= a.first_contacted_at)"
)
# The head of each of the two indexes of a campaign, as in store/target_planning.py.
_NEXT_CONTACT: LiteralString = """(
    SELECT min(head.due_at) FROM campaigns c CROSS JOIN LATERAL (
        (SELECT t.due_at FROM targets t WHERE t.tenant_id = c.tenant_id AND t.campaign_id = c.id
         AND t.state = 'scheduled' AND t.method IN ('whatsapp', 'sms') ORDER BY t.due_at LIMIT 1)
        UNION ALL
        (SELECT t.due_at FROM targets t WHERE t.tenant_id = c.tenant_id AND t.campaign_id = c.id
         AND t.state = 'scheduled' AND t.method = 'voice' ORDER BY t.due_at LIMIT 1)
    ) AS head
    WHERE c.status = 'active' AND {of_campaigns})"""
_CAMPAIGN_FIGURES: LiteralString = (
    _FIGURES.replace("{of_targets}", "t.campaign_id = %(campaign_id)s")
    .replace("{of_decisions}", _OF_CAMPAIGN)
    .replace("{of_promises}", _PROMISED_IN_CAMPAIGN)
    .replace("{of_imports}", "i.campaign_id = %(campaign_id)s")
    .replace("{budget}", "(SELECT c.budget_cents FROM campaigns c WHERE c.id = %(campaign_id)s)")
    .replace("{next_contact}", _NEXT_CONTACT.replace("{of_campaigns}", "c.id = %(campaign_id)s"))
)
_TENANT_FIGURES: LiteralString = (
    _FIGURES.replace("{of_targets}", "true")
    .replace("{of_decisions}", "true")
    .replace("{of_promises}", "true")
    .replace("{of_imports}", "true")
    .replace("{budget}", "NULL::bigint")
    .replace("{next_contact}", _NEXT_CONTACT.replace("{of_campaigns}", "true"))
)
_CAMPAIGN_DAYS: LiteralString = (
    _DAYS.replace("{of_targets}", "t.campaign_id = %(campaign_id)s")
    .replace("{of_decisions}", _OF_CAMPAIGN)
    .replace("{of_promises}", _PROMISED_IN_CAMPAIGN)
)
# By document: the unique key of a campaign's targets, so that a page begins where the last one ended.
_REPORT_PAGE: LiteralString = """
    SELECT t.id, t.client_name, t.document, t.phone, t.invoice_number, t.debt_cents, t.state, t.outcome, t.method,
        (SELECT count(*) FROM contact_decisions d
         WHERE d.target_id = t.id AND d.verdict = 'contact' AND d.voided_at IS NULL) AS contact_count,
        t.first_contacted_at, t.last_attempt_at, t.promised_at, p.due_on AS promise_due_on,
        p.amount_cents AS promise_cents, p.status AS promise_status, t.paid_at
    FROM targets t LEFT JOIN LATERAL (
        SELECT p.due_on, p.amount_cents, p.status FROM promises p
        WHERE p.tenant_id = t.tenant_id AND p.document = t.document AND p.created_at >= t.first_contacted_at
        ORDER BY p.created_at DESC, p.id LIMIT 1
    ) p ON true
    WHERE t.campaign_id = %(campaign_id)s AND t.document > %(after)s
    ORDER BY t.document LIMIT %(limit)s
"""


async def of_campaign(connection: Connection, campaign_id: UUID) -> Figures:
    """Count a campaign; all noughts for one that does not exist."""
    return await _figures(connection, _CAMPAIGN_FIGURES, {"campaign_id": campaign_id})


async def of_tenant(connection: Connection) -> Figures:
    """Count all campaigns of the tenant; promises and decisions also outside of them."""
    return await _figures(connection, _TENANT_FIGURES, {})


async def days_of_campaign(connection: Connection, campaign_id: UUID, zone: ZoneInfo) -> list[DayFigures]:
    """Count what happened on each local day; days without anything are left out."""
    async with connection.cursor(row_factory=class_row(DayFigures)) as cursor:
        await cursor.execute(_CAMPAIGN_DAYS, {"campaign_id": campaign_id, "zone": zone.key})
        return await cursor.fetchall()


async def report_page(connection: Connection, campaign_id: UUID, *, after_document: str, limit: int) -> list[ReportRow]:
    """List targets by document, from the one after `after_document` on."""
    async with connection.cursor(row_factory=class_row(ReportRow)) as cursor:
        await cursor.execute(_REPORT_PAGE, {"campaign_id": campaign_id, "after": after_document, "limit": limit})
        return await cursor.fetchall()


async def _figures(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> Figures:
    async with connection.cursor(row_factory=class_row(Figures)) as cursor:
        await cursor.execute(statement, parameters)
        row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY gives one row
    return row
