"""What whoever speaks a call, or takes it over, must know of it: why it is made, to whom, what was agreed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from domain.calls import CallPurpose
from domain.dates_ptbr import format_date_long
from domain.masking import mask_text
from domain.money import format_brl
from domain.reply_rules import find_debt_told
from domain.tenants import Tenant
from services.call_outcomes import first_name_of
from services.plain_text import tidy_line
from store import call_facts, call_requests, calls, campaigns, channel_accounts, contacts, targets
from store.calls import CallRow
from store.channel_accounts import AccountRow
from store.contacts import ContactRow
from store.database import Connection

LONGEST_SECONDS = 1200
"""No call of ours lasts longer: what is not settled by then goes on in writing."""
_SHORTEST_SECONDS = 60  # a ceiling below one minute would end calls before anything is said
_SERVICE_WINDOW = timedelta(hours=24)
_LONGEST_REASON = 160
_MASKED = re.compile(r"\S*\*\S*")  # what domain.masking leaves of a document ends in digits of it
_PURPOSES: Mapping[CallPurpose, str] = {"campaign": "campanha", "requested": "pedida", "inbound": "recebida"}


@dataclass(frozen=True, kw_only=True, slots=True)
class CallBrief:
    """`reason`: in the customer's own words, of a call that they asked for; documents masked."""

    purpose: CallPurpose
    first_name: str | None = None
    target_id: UUID | None = None
    campaign: str | None = None
    reason: str | None = None
    has_text_thread: bool = False  # codes and summaries can go to the customer by message
    can_transfer: bool = False
    transfer_number: str | None = None  # E.164


def longest_seconds(tenant: Tenant, account: AccountRow) -> int:
    """Say after how many seconds a call is ended: the account's own limit, and what the ceiling of costs pays for."""
    given = account.settings.get("longest_seconds", "")
    longest = min(int(given), LONGEST_SECONDS) if given.isascii() and given.isdigit() else LONGEST_SECONDS
    settings = tenant.settings
    if settings.call_cost_ceiling_cents and settings.voice_minute_cost_cents:
        paid = settings.call_cost_ceiling_cents // settings.voice_minute_cost_cents * 60
        longest = min(longest, paid)
    return max(longest, _SHORTEST_SECONDS)


async def brief(connection: Connection, call: CallRow) -> CallBrief:
    """Gather what an agent needs before it says a word. Nothing of it may be told before the identity is confirmed."""
    contact = await contacts.by_id(connection, call.contact_id) if call.contact_id else None
    target = await targets.by_id(connection, call.target_id) if call.target_id else None
    campaign = await campaigns.by_id(connection, target.campaign_id) if target else None
    request = await call_requests.by_id(connection, call.request_id) if call.request_id else None
    account = await channel_accounts.by_id(connection, call.channel_account_id)
    thread = await call_requests.newest_thread(connection, call.contact_id) if call.contact_id else None
    number = (account.settings.get("transfer_number") if account else None) or None
    return CallBrief(
        purpose=call.purpose, first_name=first_name_of(contact), target_id=call.target_id,
        campaign=campaign.name if campaign else None,
        reason=mask_text(tidy_line(request.reason, limit=_LONGEST_REASON)) if request else None,
        has_text_thread=thread is not None, can_transfer=number is not None, transfer_number=number,
    )  # fmt: skip


def call_variables(tenant: Tenant, known: CallBrief) -> dict[str, str]:
    """Give what an agent hosted at the provider may know before anybody answers: no document, no word of a debt."""
    variables = {
        "purpose": _PURPOSES[known.purpose], "first_name": known.first_name or "", "company": tenant.name,
        "assistant": tenant.assistant_name,
    }  # fmt: skip
    if known.reason and not find_debt_told(known.reason, customer_texts=(), known_texts=(), known_amounts=set()):
        variables["reason"] = known.reason
    return variables


async def whisper(connection: Connection, call_id: UUID) -> str:
    """Say in a sentence or two what the person who takes the line over hears first; no digit of a document."""
    call = await calls.by_id(connection, call_id)
    if call is None:
        return ""
    known = await brief(connection, call)
    contact = await contacts.by_id(connection, call.contact_id) if call.contact_id else None
    facts = await call_facts.of_conversation(connection, call.conversation_id) if call.conversation_id else None
    who = f"Cliente {known.first_name}" if known.first_name else "Cliente sem nome cadastrado"
    parts = [f"{who}, {_about(known)}"]
    is_confirmed = facts is not None and facts.is_identity_confirmed
    parts.append("já confirmou a identidade" if is_confirmed else "ainda não confirmou a identidade")
    sentence = "; ".join(parts) + "."
    if facts is not None and facts.promise is not None:
        agreed = f"{format_brl(facts.promise.amount_cents)} para {format_date_long(facts.promise.due_on)}"
        return f"{sentence} Combinou pagar {agreed}."
    if facts is not None and facts.has_payment_claim:
        return f"{sentence} Diz que já pagou."
    return f"{sentence} {_asked(contact, call)}".strip()


def _about(known: CallBrief) -> str:
    if known.reason:
        return f"pediu a ligação: {_MASKED.sub('…', known.reason).rstrip('.')}"
    return {
        "campaign": "sobre o contrato", "requested": "pediu a ligação", "inbound": "ligou para nós",
    }[known.purpose]  # fmt: skip


def _asked(contact: ContactRow | None, call: CallRow) -> str:
    return "Ainda não há acordo." if contact is not None and call.purpose == "campaign" else ""
