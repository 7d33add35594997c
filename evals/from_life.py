"""A stored conversation as a scenario: what the customer said, the world as it was, what came of it, nobody's data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import yaml

from domain.documents import find_documents
from evals.scenario import (
    Audio,
    Bubble,
    Channel,
    Expectations,
    ExpectedPromise,
    ExpectedState,
    ExpectedTools,
    Media,
    Say,
    Scenario,
    ScriptUser,
    Seed,
    SeedContact,
    SeedCustomer,
    SeedInvoice,
    SeedPromise,
    Severity,
    Wait,
)
from evals.scrubbing import Scrubber
from services.demo_content import SETTINGS
from store.database import Connection, Database

_LONG_PAUSE: Final = timedelta(minutes=10)
_SOONER: Final = timedelta(seconds=5)  # the talk's clock begins before the first word
_MEDIA: Final = frozenset({"image", "video", "document", "sticker", "location"})
_POLICY: Final = (
    "business_hours", "tone", "rules", "forbidden_words", "allowed_link_hosts", "promise_horizon_days",
    "payment_claim_hold_days", "identity_tries_per_day",
)  # fmt: skip
_CONVERSATION: LiteralString = """
    SELECT v.tenant_id, v.contact_id, v.source, v.handler, v.created_at, a.medium, c.name, c.document,
        c.opted_out_at, t.settings, t.time_zone, t.state_code, a.settings ->> 'transfer_number' AS transfer_number,
        (SELECT d.value FROM addresses d WHERE d.tenant_id = v.tenant_id AND d.contact_id = v.contact_id
            AND d.value ~ '^\\+' ORDER BY d.created_at LIMIT 1) AS phone
    FROM conversations v
    JOIN channel_accounts a ON a.tenant_id = v.tenant_id AND a.id = v.channel_account_id
    JOIN contacts c ON c.tenant_id = v.tenant_id AND c.id = v.contact_id
    JOIN tenants t ON t.id = v.tenant_id
    WHERE v.id = %(id)s
"""
_MESSAGES: LiteralString = """
    SELECT direction, author, kind, text, created_at FROM messages WHERE conversation_id = %(id)s ORDER BY seq
"""
_CUSTOMERS: LiteralString = "SELECT document, name, phone FROM customers WHERE document = ANY(%(documents)s)"
_INVOICES: LiteralString = """
    SELECT document, number, amount_cents, due_on, paid_at FROM invoices
    WHERE document = ANY(%(documents)s) AND (canceled_at IS NULL OR canceled_at > %(since)s) ORDER BY due_on, number
"""
_PROMISES: LiteralString = """
    SELECT document, amount_cents, due_on, status, created_at, updated_at, conversation_id FROM promises
    WHERE document = ANY(%(documents)s) ORDER BY created_at
"""
_TOOLS: LiteralString = """
    SELECT DISTINCT step ->> 'tool' AS tool FROM turns, jsonb_array_elements(trace) AS step
    WHERE conversation_id = %(id)s AND step ->> 'step' = 'tool' ORDER BY 1
"""
_CHANNELS: Final = {
    "whatsapp": Channel.WHATSAPP,
    "simulator": Channel.WHATSAPP,
    "sms": Channel.SMS,
    "voice": Channel.VOICE,
}
Row = dict[str, Any]


class ConversationUnusable(Exception):
    """A conversation that makes no scenario; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Life:
    """Everything of a conversation, as it is stored."""

    conversation: Row
    messages: Sequence[Row]
    customers: Sequence[Row]
    invoices: Sequence[Row]
    promises: Sequence[Row]
    tools: Sequence[str]

    @property
    def began_at(self) -> datetime:
        began: datetime = next(row["created_at"] for row in self.messages if row["direction"] == "in")
        return began - _SOONER


async def scenario_of(database: Database, conversation_id: UUID, *, suite: str, scenario_id: str) -> Scenario:
    """Make the scenario of a stored conversation, scrubbed. Raises ConversationUnusable.

    Its expectations are what really came of it: somebody has to say whether that was right before it judges anything.
    """
    life = await _read(database, conversation_id)
    scrubber = Scrubber()
    seed = _seed(life, scrubber)
    conversation = life.conversation
    return Scenario(
        id=scenario_id, suite=suite, title="Conversa real, a revisar", tags=("da-vida",),
        channel=_CHANNELS[conversation["medium"]], severity=Severity.SERIOUS, now=life.began_at, seed=seed,
        user=ScriptUser(turns=_said(life, scrubber)), expect=_expected(life, scrubber, conversation_id),
    )  # fmt: skip


def as_yaml(scenario: Scenario) -> str:
    """Write a scenario as a file of its own."""
    data = scenario.model_dump(mode="json", exclude_defaults=True)
    data["user"] = {"kind": scenario.user.kind, **data["user"]}
    suite = data.pop("suite")
    return yaml.safe_dump({"suite": suite, "scenarios": [data]}, allow_unicode=True, sort_keys=False, width=120)


async def _read(database: Database, conversation_id: UUID) -> _Life:
    async with database.platform() as connection:
        conversation = await _one(connection, _CONVERSATION, id=conversation_id)
    if conversation is None:
        raise ConversationUnusable(f"there is no conversation {conversation_id}")
    async with database.tenant(conversation["tenant_id"]) as connection:
        messages = await _all(connection, _MESSAGES, id=conversation_id)
        said = [row["text"] or "" for row in messages if row["direction"] == "in"]
        if not said:
            raise ConversationUnusable("the customer says nothing in this conversation")
        documents = {str(document) for text in said for document in find_documents(text)}
        documents |= {conversation["document"]} - {None}
        since = messages[0]["created_at"]
        known = {"documents": list(documents)}
        return _Life(
            conversation=conversation, messages=messages, customers=await _all(connection, _CUSTOMERS, **known),
            invoices=await _all(connection, _INVOICES, **known, since=since),
            promises=await _all(connection, _PROMISES, **known),
            tools=[row["tool"] for row in await _all(connection, _TOOLS, id=conversation_id)],
        )  # fmt: skip


def _seed(life: _Life, scrubber: Scrubber) -> Seed:
    conversation, began_at = life.conversation, life.began_at
    customers = []
    for row in life.customers:
        invoices = [
            SeedInvoice(
                number=f"FAT-{number:04d}", amount_cents=item["amount_cents"], due_on=item["due_on"],
                is_paid=item["paid_at"] is not None and item["paid_at"] <= began_at,
            )
            for number, item in enumerate(life.invoices, 1)
            if item["document"] == row["document"]
        ]  # fmt: skip
        customers.append(
            SeedCustomer(
                document=scrubber.document(row["document"]),
                name=scrubber.name(row["name"], is_company=len(row["document"]) > 11),
                phone=scrubber.phone(row["phone"]) if row["phone"] else None, invoices=tuple(invoices),
            )
        )  # fmt: skip
    return Seed(
        contact=_contact(conversation, life, scrubber), customers=tuple(customers),
        promises=tuple(_promise_then(row, scrubber) for row in life.promises if row["created_at"] < began_at),
        policy={key: value for key, value in _policy(conversation).items()},
        campaign="campaign" in conversation["source"],
        campaign_text=scrubber.text(_campaign_text(life) or Seed().campaign_text),
        time_zone=conversation["time_zone"], state=conversation["state_code"],
        can_transfer=conversation["medium"] != "voice" or bool(conversation["transfer_number"]),
    )  # fmt: skip


def _contact(conversation: Row, life: _Life, scrubber: Scrubber) -> SeedContact:
    # Whose it was before the talk is not stored: in a campaign we knew, otherwise it was confirmed in the talk.
    is_known = "campaign" in conversation["source"] and conversation["document"]
    opted_out_at = conversation["opted_out_at"]
    return SeedContact(
        phone=scrubber.phone(conversation["phone"] or "+5511000000000"),
        name=scrubber.name(conversation["name"]) if conversation["name"] else None,
        document=scrubber.document(conversation["document"]) if is_known else None,
        is_opted_out=opted_out_at is not None and opted_out_at < life.began_at,
    )  # fmt: skip


def _promise_then(row: Row, scrubber: Scrubber) -> SeedPromise:
    return SeedPromise(
        document=scrubber.document(row["document"]), amount_cents=row["amount_cents"], due_on=row["due_on"]
    )


def _policy(conversation: Row) -> dict[str, object]:
    settings = conversation["settings"]
    return {key: settings[key] for key in _POLICY if key in settings and settings[key] != SETTINGS.get(key)}


def _campaign_text(life: _Life) -> str | None:
    return next((row["text"] for row in life.messages if row["author"] == "campaign" and row["text"]), None)


def _said(life: _Life, scrubber: Scrubber) -> tuple[Say, ...]:
    """Put what came between two replies into one turn; a long silence is a wait."""
    turns: list[Say] = []
    bubbles: list[Bubble] = []
    last_at: datetime | None = None
    for row in life.messages:
        if row["direction"] == "out":
            _end_turn(turns, bubbles)
        else:
            bubble = _bubble(row, scrubber)
            if bubble is None:
                continue
            if last_at is not None and row["created_at"] - last_at >= _LONG_PAUSE:
                _end_turn(turns, bubbles)
                turns.append(Wait(wait_minutes=int((row["created_at"] - last_at) / timedelta(minutes=1))))
            bubbles.append(bubble)
        last_at = row["created_at"]
    _end_turn(turns, bubbles)
    return tuple(turns)


def _end_turn(turns: list[Say], bubbles: list[Bubble]) -> None:
    if bubbles:
        turns.append(bubbles[0] if len(bubbles) == 1 else tuple(bubbles))
        bubbles.clear()


def _bubble(row: Row, scrubber: Scrubber) -> Bubble | None:
    if row["text"]:
        return scrubber.text(row["text"])
    if row["kind"] == "audio":
        return Audio()
    return Media(media=row["kind"]) if row["kind"] in _MEDIA else None


def _expected(life: _Life, scrubber: Scrubber, conversation_id: UUID) -> Expectations:
    promised = [row for row in life.promises if row["conversation_id"] == conversation_id]
    opted_out_at = life.conversation["opted_out_at"]
    return Expectations(
        state=ExpectedState(
            promises=tuple(
                ExpectedPromise(
                    document=scrubber.document(row["document"]), amount_cents=row["amount_cents"], due_on=row["due_on"]
                )
                for row in promised[-1:]
            )
            if promised or not life.promises
            else None,
            handler=life.conversation["handler"],
            is_opted_out=opted_out_at is not None,
        ),
        tools=ExpectedTools(required=tuple(tool for tool in life.tools if tool)),
    )  # fmt: skip


async def _one(connection: Connection, query: LiteralString, **parameters: object) -> Row | None:
    return await (await connection.execute(query, parameters)).fetchone()


async def _all(connection: Connection, query: LiteralString, **parameters: object) -> list[Row]:
    return await (await connection.execute(query, parameters)).fetchall()
