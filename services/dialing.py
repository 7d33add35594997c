"""Make the calls that are due: rate, CRM, gate, provider, record (spec 3.6, design 4 and 5)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from channels.base import ChannelError, OutcomeUnknown, RateLimited, Rejected
from channels.voice import DialRequest, VoiceLine
from domain.messages import ErrorClass
from domain.ports import Clock, Crm, Failpoint, RateLimiter
from domain.tenants import Tenant
from services.accounts import VOICE_STATUS_PATH, AccountDirectory, OpenAccount
from services.calls import ASK_AFTER, rest_unknown
from services.contact_guard import ContactGuard
from services.contact_requests import Decision
from services.contact_results import take_back_call
from services.outreach import Outreach
from services.tenant_directory import TenantDirectory
from store import calls, campaigns, channel_accounts, events, targets
from store.database import Connection, Database

logger = structlog.get_logger(__name__)

DIALED = Counter("master_ia_calls_dialed_total", "Calls asked for, by what the provider made of it", ["outcome"])

TWIML_PATH = "/api/v1/voice/twiml"
_LEASE = timedelta(seconds=60)
_BATCH = 100
_FEED_SECONDS = 8.0  # one drain feeds no longer than this: one worker may serve all queues
_STALE = timedelta(seconds=15)  # as in services/outreach.py: the gate's yes is good for seconds
_LEAVES_MESSAGES = "leave_message"


class Dialer(Outreach):
    """Contacts by phone: chosen, paced and judged like all others; only the last step is a call."""

    def __init__(
        self, *, database: Database, guard: ContactGuard, tenants: TenantDirectory, accounts: AccountDirectory,
        line: VoiceLine, limiter: RateLimiter, crm_for: Callable[[Tenant], Crm], clock: Clock, worker: str,
        failpoint: Failpoint, public_base_url: str,
    ) -> None:  # fmt: skip
        super().__init__(
            database=database, guard=guard, tenants=tenants, accounts=accounts, channels={}, limiter=limiter,
            crm_for=crm_for, clock=clock, worker=worker, failpoint=failpoint,
        )  # fmt: skip
        self._line = line
        self._public_base_url = public_base_url

    async def contact_due(self, limit: int) -> int:
        """Call up to `limit` targets that are due, for about eight seconds; give how many were looked at."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _FEED_SECONDS
        handled = 0
        while handled < limit and loop.time() < until:
            now = self._clock.now()
            async with self._database.platform() as connection:
                rows = await targets.claim_calls(
                    connection, worker=self._worker, now=now, locked_until=now + _LEASE,
                    limit=min(_BATCH, limit - handled),
                )  # fmt: skip
            if not rows:
                break
            await self._contact_all(rows, until)
            handled += len(rows)
        return handled

    async def _send(self, decision: Decision) -> None:
        """Ask the provider for the call once, and write down what it said."""
        account = await self._account(decision.request.tenant_id, decision.account_id)
        if account is None or decision.address is None or decision.call_id is None:
            raise LookupError("the gate decided a call without a number")
        if self._clock.now() - decision.decided_at > _STALE:
            await self._record_refusal(decision, account, None)
            return
        request = DialRequest(
            to=decision.address.value,
            instructions_url=self._url(f"{TWIML_PATH}/{decision.request.target_id}", decision.call_id),
            status_url=self._url(VOICE_STATUS_PATH, decision.call_id),
            waits_for_beep=await self._leaves_messages(decision),
        )
        try:
            receipt = await self._line.dial(account.channel, request)
        except OutcomeUnknown as error:
            await self._record_unknown(decision, account, error)
            return
        except ChannelError as error:
            await self._record_refusal(decision, account, error)
            return
        self._failpoint("contact.accepted")
        await self._record_taken(decision, decision.call_id, receipt.provider_call_id)
        self._failpoint("contact.recorded")
        DIALED.labels("taken").inc()

    def _url(self, path: str, call_id: UUID) -> str:
        return f"{self._public_base_url}{path}?call={call_id}"

    async def _leaves_messages(self, decision: Decision) -> bool:
        if decision.request.target_id is None:
            return False
        async with self._database.tenant(decision.request.tenant_id) as connection:
            target = await targets.by_id(connection, decision.request.target_id)
            campaign = await campaigns.by_id(connection, target.campaign_id) if target else None
        return campaign is not None and campaign.voicemail_policy == _LEAVES_MESSAGES

    async def _record_taken(self, decision: Decision, call_id: UUID, provider_call_id: str) -> None:
        now = self._clock.now()
        async with self._database.tenant(decision.request.tenant_id) as connection:
            if decision.request.target_id is not None:
                await calls.note_on_target(
                    connection, decision.request.target_id, call_sid=provider_call_id,
                    decided_at=decision.decided_at, now=now,
                )  # fmt: skip
            await calls.note_taken(
                connection, call_id, provider_call_id=provider_call_id, due_at=now + ASK_AFTER, now=now
            )

    async def _record_unknown(self, decision: Decision, account: OpenAccount, error: ChannelError) -> None:
        """Rest the target: the phone may ring, so it is not called again by itself (design 4)."""
        logger.warning("dialing.outcome_unknown", code=error.code)
        DIALED.labels("unknown").inc()
        if decision.call_id is not None:
            async with self._database.tenant(decision.request.tenant_id) as connection:
                await rest_unknown(connection, decision.call_id, decision.request.target_id, now=self._clock.now())

    async def _record_refusal(self, decision: Decision, account: OpenAccount, error: ChannelError | None) -> None:
        """Void a call that was surely not placed, and act on what the refusal says (protocols 0.5)."""
        error_class = error.error_class if error else None
        code = error.code if error else "stale"
        logger.warning("dialing.refused", error_class=error_class, code=code)
        DIALED.labels("refused").inc()
        now = self._clock.now()
        call_id, target_id = decision.call_id, decision.request.target_id
        if call_id is None:
            return
        async with self._database.tenant(decision.request.tenant_id) as connection:
            await targets.lock(connection, [target_id] if target_id else [])
            if not await calls.refuse(connection, call_id, error_code=code, now=now):
                return  # a callback knows better
            if isinstance(error, Rejected):
                await self._note_refusal(connection, decision, account, error)
            wait = error.retry_after_seconds if isinstance(error, RateLimited) else None
            await take_back_call(
                connection, call_id, error_class=error_class, code=code, now=now,
                retry_at=None if wait is None else now + timedelta(seconds=min(max(wait, 1.0), 3600)),
            )  # fmt: skip

    async def _note_refusal(
        self, connection: Connection, decision: Decision, account: OpenAccount, error: Rejected
    ) -> None:
        """Tell the operators, and stop a number that the provider refuses as a whole."""
        is_stop = error.error_class is ErrorClass.STOP
        if is_stop:
            await channel_accounts.stop(connection, account.row.id, reason=f"provider error {error.code}")
            self._accounts.forget()
        await events.record(
            connection, tenant_id=decision.request.tenant_id, kind="call_refused",
            severity="error" if is_stop else "warning", now=self._clock.now(),
            data={"errorClass": error.error_class, "code": error.code, "callId": str(decision.call_id)},
        )  # fmt: skip
