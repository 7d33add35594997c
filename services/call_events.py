"""What providers tell of a call besides its status: why it ended, what it cost, what was said (spec 5.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.calls import cost_in_reais
from domain.tenants import TenantSettings
from store import calls, tenants
from store.database import Connection

_LONGEST_WORD = 120
_LONGEST_URL = 2000
_LONGEST_TEXT = 4000
_MOST_ENTRIES = 2000
_MOST_CENTS = 10_000_000
_MOST_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFacts:
    """None means that the provider did not say.

    `provider_transcript`: `[{"role": "user"|"agent", "text", "startSeconds"}]`, of agents hosted at the provider.
    """

    disconnection_reason: str | None = None  # the provider's own word
    recording_url: str | None = None
    cost_usd_cents: int | None = None  # Retell and Vapi bill in dollars
    provider_transcript: Sequence[Mapping[str, object]] | None = None
    agent_version: str | None = None
    answered_by: str | None = None
    transferred_to: str | None = None  # E.164
    duration_seconds: int | None = None


async def note_ended(connection: Connection, call_id: UUID, facts: CallFacts, *, now: datetime) -> bool:
    """Keep what a provider tells of a call, in any order and as often as it likes. False: there is no such call.

    The status itself moves through `services.calls.receive_report` alone. Costs are kept in reais, at the tenant's
    rate of the moment.
    """
    call = await calls.lock(connection, call_id)
    if call is None:
        return False
    tenant = await tenants.by_id(connection, call.tenant_id)
    rate = (tenant.settings if tenant else TenantSettings()).usd_brl_cents
    billed = _within(facts.cost_usd_cents, _MOST_CENTS)
    await calls.note_facts(
        connection, call_id,
        disconnection_reason=_word(facts.disconnection_reason), recording_url=_url(facts.recording_url),
        cost_cents=None if billed is None else cost_in_reais(billed, usd_brl_cents=rate),
        provider_transcript=_transcript(facts.provider_transcript),
        agent_version=_word(facts.agent_version), answered_by=_word(facts.answered_by),
        transferred_to=_word(facts.transferred_to), duration_seconds=_within(facts.duration_seconds, _MOST_SECONDS),
    )  # fmt: skip
    await calls.want_summary(connection, call_id, due_at=now)  # the transcript may come after the ending was settled
    return True


def _word(text: str | None) -> str | None:
    kept = "".join(character for character in text or "" if character.isprintable())[:_LONGEST_WORD].strip()
    return kept or None


def _url(text: str | None) -> str | None:
    if not text or len(text) > _LONGEST_URL or not text.startswith(("https://", "http://")):
        return None
    return text if text.isprintable() and " " not in text else None


def _within(value: int | None, most: int) -> int | None:
    return value if value is not None and 0 <= value <= most else None


def _transcript(entries: Sequence[Mapping[str, object]] | None) -> list[dict[str, object]] | None:
    """Keep what was said, by whom and when; whatever else a provider puts there is left out."""
    if entries is None:
        return None
    kept: list[dict[str, object]] = []
    for entry in entries[:_MOST_ENTRIES]:
        text, role, seconds = entry.get("text"), entry.get("role"), entry.get("startSeconds")
        if isinstance(text, str) and text.strip() and role in ("user", "agent"):
            start = seconds if isinstance(seconds, int | float) and 0 <= seconds <= _MOST_SECONDS else None
            kept.append({"role": role, "text": text.strip().replace("\0", "")[:_LONGEST_TEXT], "startSeconds": start})
    return kept
