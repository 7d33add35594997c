"""What Retell tells of calls becomes facts of ours, in any order and as often as it likes (protocols 5.2)."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import structlog

from channels.retell_calls import RetellCall, RetellEvent, Said, Verdict
from domain.calls import FINAL_STATUSES
from domain.errors import NotFound
from domain.messages import ErrorClass, Medium, Provider
from domain.ports import Clock
from services.accounts import AccountDirectory, OpenAccount
from services.call_desk import Arrival, CallDesk
from services.call_events import CallFacts, note_ended
from services.calls import receive_report
from services.contact_results import take_back_call
from services.opt_out import record_opt_out
from store import call_talk, calls, channel_accounts, events, targets
from store.calls import CallRow
from store.database import RETRYABLE, Connection, Database
from store.events import Severity

logger = structlog.get_logger(__name__)

Taken = Literal["stored", "ended", "ignored", "unknown_call"]

_TRIES = 3
_NOT_PLACED = {Verdict.TAKE_BACK: ErrorClass.RETRY, Verdict.STOP: ErrorClass.STOP}
# What the operators are told of, once per call.
_TOLD: dict[Verdict, tuple[str, Severity]] = {
    Verdict.SCAM: ("call_scam_suspected", "warning"),
    Verdict.REPUTATION: ("voice_number_blocked", "error"),
    Verdict.OURS: ("voice_socket_failed", "error"),
    Verdict.CALL_BACK: ("call_back_wanted", "info"),
    Verdict.STOP: ("voice_account_stopped", "error"),
}


class RetellReports:
    """Take in webhooks whose signature was checked."""

    def __init__(self, *, database: Database, accounts: AccountDirectory, desk: CallDesk, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._desk = desk
        self._clock = clock

    async def take(self, account: OpenAccount, event: RetellEvent) -> Taken:
        """Do what an event asks; the same one again changes nothing."""
        if event.call is None or event.kind not in ("started", "updated", "ended", "analyzed", "transfer"):
            return "ignored"
        account = await account_of(self._database, self._accounts, account, event.call.our_number)
        call_id = await self._find(account, event.call)
        if call_id is None:
            return "unknown_call"
        for _ in range(_TRIES - 1):
            try:
                return await self._take(account, call_id, event, event.call)
            except RETRYABLE:
                logger.info("retell_reports.deadlock_retried", call_id=str(call_id))
        return await self._take(account, call_id, event, event.call)

    async def _find(self, account: OpenAccount, told: RetellCall) -> UUID | None:
        """Find our call. Somebody who rang us and is unknown yet gets a row."""
        try:
            arrival = await expected(self._database, account, told)
            if arrival.call_id is not None:
                return arrival.call_id
            return (await self._desk.begin(account, arrival)).call.id
        except NotFound:
            return None

    async def _take(self, account: OpenAccount, call_id: UUID, event: RetellEvent, told: RetellCall) -> Taken:
        now = self._clock.now()
        is_stopped = False
        async with self._database.tenant(account.row.tenant_id) as connection:
            if event.kind in ("ended", "analyzed"):
                is_stopped = await self._end(connection, account, call_id, told, now)
            else:
                report = told.report(has_ended=False)
                if report is not None and not await receive_report(connection, call_id, report, now=now):
                    return "unknown_call"
                if event.kind == "transfer":
                    await _note_transfer(connection, account, call_id, event, told, now)
        if is_stopped:
            self._accounts.forget()
        return "ended" if event.kind in ("ended", "analyzed") else "stored"

    async def _end(
        self, connection: Connection, account: OpenAccount, call_id: UUID, told: RetellCall, now: datetime
    ) -> bool:
        """Take in an ending with all that it means; say whether the account was stopped for it."""
        call, ending = await calls.by_id(connection, call_id), told.ending
        report = told.report(has_ended=True)
        if call is None or report is None:
            return False
        is_news = await events.insert_provider_event(
            connection, tenant_id=account.row.tenant_id, channel_account_id=account.row.id, kind="call_ended",
            key=f"call_ended:{told.provider_call_id}", now=now,
            data={"callId": str(call_id), "reason": told.disconnection_reason},
        )  # fmt: skip
        if is_news and ending.verdict is Verdict.OPT_OUT and call.contact_id is not None:
            # Before the call's own row: debtors are locked first, everywhere.
            await record_opt_out(
                connection, tenant_id=account.row.tenant_id, contact_id=call.contact_id, scope=Medium.VOICE,
                reason="asked for in a call", now=now,
            )  # fmt: skip
        await targets.lock(connection, [call.target_id] if call.target_id else [])
        locked = await calls.lock(connection, call_id)
        had_ended = locked is None or locked.status in FINAL_STATUSES
        if not await receive_report(connection, call_id, report, now=now):
            return False
        await note_ended(connection, call_id, facts_of(told), now=now)
        if not is_news:
            return False
        if not had_ended and ending.verdict in _NOT_PLACED:
            await take_back_call(
                connection, call_id, error_class=_NOT_PLACED[ending.verdict], now=now,
                code=told.disconnection_reason or ending.verdict,
            )  # fmt: skip
        return await self._tell(connection, account, call, told, now)

    async def _tell(
        self, connection: Connection, account: OpenAccount, call: CallRow, told: RetellCall, now: datetime
    ) -> bool:
        verdict = told.ending.verdict
        is_stopped = verdict is Verdict.STOP and await channel_accounts.stop(
            connection, account.row.id, reason=f"provider error {told.disconnection_reason}"
        )
        if verdict in _TOLD and (is_stopped or verdict is not Verdict.STOP):
            kind, severity = _TOLD[verdict]
            await events.record(
                connection, tenant_id=account.row.tenant_id, kind=kind, severity=severity, now=now,
                conversation_id=call.conversation_id,
                data={
                    "callId": str(call.id), "accountId": str(account.row.id), "reason": told.disconnection_reason,
                },
            )  # fmt: skip
        return is_stopped


async def account_of(
    database: Database, accounts: AccountDirectory, account: OpenAccount, our_number: str | None
) -> OpenAccount:
    """Give the account of the number that a call is on: an agent's URLs name one account, and it may serve several."""
    if our_number is None or our_number == account.row.external_id:
        return account
    async with database.tenant(account.row.tenant_id) as connection:
        row = await channel_accounts.by_external_id(connection, Provider.RETELL, our_number)
    found = await accounts.by_id(row.tenant_id, row.id) if row else None
    return found or account


async def expected(database: Database, account: OpenAccount, told: RetellCall) -> Arrival:
    """Say who is on the phone, with our id of the call where it has one.

    Raises NotFound for a call out that we did not ask for: whom the contact gate let nobody call is not talked to.
    """
    async with database.tenant(account.row.tenant_id) as connection:
        known = await call_talk.find(connection, account_id=account.row.id, provider_call_id=told.provider_call_id)
        if known is None and told.call_id is not None:
            row = await calls.by_id(connection, told.call_id)
            is_it = row is not None and row.channel_account_id == account.row.id
            known = row.id if row and is_it and row.provider_call_id in (None, told.provider_call_id) else None
    if known is None and told.direction == "out":
        raise NotFound("call")
    return Arrival(
        provider_call_id=told.provider_call_id, direction=told.direction, customer_phone=told.customer_phone,
        call_id=known, agent_version=told.agent_version,
    )  # fmt: skip


def facts_of(told: RetellCall) -> CallFacts:
    return CallFacts(
        disconnection_reason=told.disconnection_reason, recording_url=told.recording_url,
        cost_usd_cents=told.cost_usd_cents,
        provider_transcript=[_entry(said) for said in told.transcript] or None, agent_version=told.agent_version,
        answered_by=told.ending.answered_by, transferred_to=told.transferred_to,
        duration_seconds=told.duration_seconds,
    )  # fmt: skip


def _entry(said: Said) -> dict[str, object]:
    return {"role": said.role, "text": said.text, "startSeconds": said.start_seconds}


async def _note_transfer(
    connection: Connection, account: OpenAccount, call_id: UUID, event: RetellEvent, told: RetellCall, now: datetime
) -> None:
    is_news = await events.insert_provider_event(
        connection, tenant_id=account.row.tenant_id, channel_account_id=account.row.id, kind=event.name,
        key=f"{event.name}:{told.provider_call_id}", data={"callId": str(call_id)}, now=now,
    )  # fmt: skip
    if is_news and event.name == "transfer_bridged":
        await note_ended(connection, call_id, CallFacts(transferred_to=told.transferred_to), now=now)
