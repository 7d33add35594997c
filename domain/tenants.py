"""A tenant and what its settings allow. They live as JSON in its row; odd values fall back to the strict default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class PixKey:
    """The receiver of a Pix: key, and the name and city that the BR Code carries."""

    key: str
    name: str
    city: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BoletoAgreement:
    """The tenant's agreement with its bank: three digits of the bank and the prefix of the 25-digit free field."""

    bank: str
    agreement: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantSettings:
    business_hours: str = "segunda a sexta, das 8h às 20h"
    tone: str = "próxima, educada e objetiva"
    rules: tuple[str, ...] = ()
    forbidden_words: tuple[str, ...] = ()
    allowed_link_hosts: tuple[str, ...] = ()
    promise_horizon_days: int = 30
    payment_claim_hold_days: int = 3
    identity_tries_per_day: int = 3
    idle_hours_until_closed: int = 72
    is_critique_enabled: bool = False
    # Contacts that we start, over all campaigns and channels (compliance.md 3).
    contact_cap_per_day: int = 1
    contact_cap_per_week: int = 3
    live_conversation_hours: int = 24  # after the customer's last message nobody starts another contact
    is_promise_reminder_enabled: bool = False
    reminder_template: str | None = None
    promise_broken_after_days: int = 7
    # What one contact costs, for the budget of a campaign.
    whatsapp_cost_cents: int = 40
    sms_cost_cents: int = 12
    voice_cost_cents: int = 60
    voice_minute_cost_cents: int = 0  # where the provider tells no cost; 0: only the provider's counts
    usd_brl_cents: int = 550  # what a dollar costs: Retell and Vapi bill in dollars, all our sums are in reais
    call_cost_ceiling_cents: int = 0  # a call is ended before it costs more; 0: none
    pix: PixKey | None = None
    boleto: BoletoAgreement | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Read the row's JSON. Unknown keys and wrong types are ignored: a bad setting must not stop a conversation."""

        def text(key: str, default: str) -> str:
            value = data.get(key)
            return value if isinstance(value, str) and value else default

        def number(key: str, default: int, *, most: int, least: int = 1) -> int:
            value = data.get(key)
            return value if type(value) is int and least <= value <= most else default

        def texts(key: str) -> tuple[str, ...]:
            value = data.get(key)
            return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()

        def strings(key: str, *names: str) -> dict[str, str] | None:
            value = data.get(key)
            if not isinstance(value, dict):
                return None
            found = {name: value[name] for name in names if isinstance(value.get(name), str)}
            return found if len(found) == len(names) else None

        pix = strings("pix", "key", "name", "city")
        boleto = strings("boleto", "bank", "agreement")
        return cls(
            business_hours=text("business_hours", "segunda a sexta, das 8h às 20h"),
            tone=text("tone", "próxima, educada e objetiva"),
            rules=texts("rules"),
            forbidden_words=texts("forbidden_words"),
            allowed_link_hosts=texts("allowed_link_hosts"),
            promise_horizon_days=number("promise_horizon_days", 30, most=90),
            payment_claim_hold_days=number("payment_claim_hold_days", 3, most=15),
            identity_tries_per_day=number("identity_tries_per_day", 3, most=5),
            idle_hours_until_closed=number("idle_hours_until_closed", 72, most=24 * 30),
            is_critique_enabled=data.get("is_critique_enabled") is True,
            contact_cap_per_day=number("contact_cap_per_day", 1, most=3),
            contact_cap_per_week=number("contact_cap_per_week", 3, most=7),
            live_conversation_hours=number("live_conversation_hours", 24, most=24 * 7),
            is_promise_reminder_enabled=data.get("is_promise_reminder_enabled") is True,
            reminder_template=text("reminder_template", "") or None,
            promise_broken_after_days=number("promise_broken_after_days", 7, most=30),
            whatsapp_cost_cents=number("whatsapp_cost_cents", 40, least=0, most=10_000),
            sms_cost_cents=number("sms_cost_cents", 12, least=0, most=10_000),
            voice_cost_cents=number("voice_cost_cents", 60, least=0, most=10_000),
            voice_minute_cost_cents=number("voice_minute_cost_cents", 0, least=0, most=10_000),
            usd_brl_cents=number("usd_brl_cents", 550, most=10_000),
            call_cost_ceiling_cents=number("call_cost_ceiling_cents", 0, least=0, most=1_000_000),
            pix=PixKey(**pix) if pix else None,
            boleto=BoletoAgreement(**boleto) if boleto else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    id: UUID
    slug: str
    name: str
    time_zone: ZoneInfo
    state_code: str
    assistant_name: str
    is_bot_enabled: bool
    settings: TenantSettings = field(default_factory=TenantSettings)
