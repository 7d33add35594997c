"""What a provider's other events mean for us: marketing refusals, templates and numbers in trouble, lost sessions."""

from collections.abc import Mapping
from datetime import datetime

from domain.messages import Address, AddressKind, ProviderEvent
from services.identity_resolution import resolve_contact
from services.message_templates import follow_provider
from store import channel_accounts, events, opt_outs
from store.channel_accounts import AccountRow
from store.database import Connection

MARKETING = "marketing"
_TEMPLATE_TROUBLE = frozenset({"PAUSED", "DISABLED", "REJECTED", "FLAGGED", "PENDING_DELETION"})
# Meta fields that an operator should read (protocols 1.3).
_WATCHED_FIELDS = frozenset(
    {
        "phone_number_quality_update",
        "phone_number_name_update",
        "account_update",
        "account_alerts",
        "account_review_update",
        "business_capability_update",
        "template_category_update",
        "message_template_quality_update",
        "security",
    }
)
# Evolution does not reconnect after these (protocols 2.2): logged out, forbidden, payment, client refused.
_FINAL_REASONS = frozenset({"401", "402", "403", "406"})
_SESSION_LOST = "session lost"


async def act_on_event(connection: Connection, account: AccountRow, event: ProviderEvent, *, now: datetime) -> None:
    """Do what an event asks for. Called once per event, inside the transaction that stores it."""
    if event.kind == "user_preferences":
        await _keep_marketing_preference(connection, account, event.data, now)
    elif event.kind == "message_template_status_update":
        template = _inner(event.data, "value")
        trouble = str(template.get("event"))
        if trouble in _TEMPLATE_TROUBLE:
            name = str(template.get("message_template_name", ""))[:200]
            await _tell(connection, account, "template_trouble", {"template": name, "event": trouble}, now)
        await follow_provider(connection, account, event.data, now=now)
    elif event.kind in _WATCHED_FIELDS:
        await _tell(connection, account, event.kind, {}, now)
    elif event.kind == "connection.update":
        await _follow_connection(connection, account, _inner(event.data, "data"), now)


async def _keep_marketing_preference(
    connection: Connection, account: AccountRow, data: Mapping[str, object], now: datetime
) -> None:
    kinds = (("wa_id", AddressKind.WA_ID), ("user_id", AddressKind.BSUID))
    addresses = [Address(kind=kind, value=str(data[name])) for name, kind in kinds if data.get(name)]
    if not addresses:
        return
    contact_id = await resolve_contact(connection, tenant_id=account.tenant_id, addresses=addresses, profile_name=None)
    if data.get("value") == "stop":
        await opt_outs.put(
            connection, tenant_id=account.tenant_id, contact_id=contact_id, scope=MARKETING,
            reason="stopped marketing in WhatsApp", now=now,
        )  # fmt: skip
    elif data.get("value") in ("resume", "signup"):
        await opt_outs.revoke(connection, contact_id, scope=MARKETING, now=now)


async def _follow_connection(
    connection: Connection, account: AccountRow, data: Mapping[str, object], now: datetime
) -> None:
    state, reason = str(data.get("state")), str(data.get("statusReason"))
    if state in ("close", "refused") and reason in _FINAL_REASONS:
        if await channel_accounts.stop(connection, account.id, reason=f"{_SESSION_LOST} ({reason})"):
            await _tell(connection, account, "session_lost", {"reason": reason}, now, severity="error")
    elif state == "open" and await channel_accounts.resume(connection, account.id, reason_prefix=_SESSION_LOST):
        await _tell(connection, account, "session_restored", {}, now, severity="info")


async def _tell(
    connection: Connection, account: AccountRow, kind: str, data: Mapping[str, object], now: datetime,
    *, severity: events.Severity = "warning",
) -> None:  # fmt: skip
    await events.record(
        connection, tenant_id=account.tenant_id, kind=kind, severity=severity,
        data={"channelAccountId": str(account.id), **data}, now=now,
    )  # fmt: skip


def _inner(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}
