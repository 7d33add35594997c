"""Make the calls that are due: rate, CRM, gate, provider, record (spec 3.6, design 4 and 5)."""

import asyncio
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from channels.base import ChannelError, OutcomeUnknown, RateLimited, Rejected
from channels.voice import DialRequest, VoiceLine
from domain.call_requests import PATIENCE, RETRY_AFTER
from domain.campaigns import Method
from domain.contact_rules import Reason
from domain.messages import ErrorClass, Provider
from domain.ports import Clock, Crm, Failpoint, RateLimiter
from domain.tenants import Tenant
from services import call_outcomes
from services.accounts import VOICE_STATUS_PATH, AccountDirectory, OpenAccount
from services.call_context import CallBrief, brief, call_variables, longest_seconds
from services.call_requests import voice_accounts
from services.calls import ASK_AFTER, rest_unknown
from services.contact_guard import ContactGuard
from services.contact_requests import ContactRequest, Decision
from services.contact_results import take_back_call
from services.outreach import Outreach
from services.tenant_directory import TenantDirectory
from store import call_requests, calls, campaigns, channel_accounts, contacts, events, targets
from store.call_requests import CallRequestRow
from store.database import UNAVAILABLE, Connection, Database

logger = structlog.get_logger(__name__)

DIALED = Counter("master_ia_calls_dialed_total", "Calls asked for, by what the provider made of it", ["outcome"])

TWIML_PATH = "/api/v1/voice/twiml"
REQUESTED_TWIML_PATH = f"{TWIML_PATH}/call"
_LEASE = timedelta(seconds=60)
_BATCH = 100
_REQUEST_BATCH = 50
_FEED_SECONDS = 8.0  # one drain feeds no longer than this: one worker may serve all queues
_STALE = timedelta(seconds=15)  # as in services/outreach.py: the gate's yes is good for seconds
_LEAVES_MESSAGES = "leave_message"
_UNJUDGED = frozenset({Reason.RATE_LIMITED, Reason.INTERNAL})  # the gate has not looked at the request's row


class Dialer(Outreach):
    """Contacts by phone: chosen, paced and judged like all others; only the last step is a call."""

    def __init__(
        self, *, database: Database, guard: ContactGuard, tenants: TenantDirectory, accounts: AccountDirectory,
        lines: Mapping[Provider, VoiceLine], limiter: RateLimiter, crm_for: Callable[[Tenant], Crm], clock: Clock,
        worker: str, failpoint: Failpoint, public_base_url: str,
    ) -> None:  # fmt: skip
        super().__init__(
            database=database, guard=guard, tenants=tenants, accounts=accounts, channels={}, limiter=limiter,
            crm_for=crm_for, clock=clock, worker=worker, failpoint=failpoint,
        )  # fmt: skip
        self._lines = lines
        self._public_base_url = public_base_url

    async def contact_due(self, limit: int) -> int:
        """Call who asked for it, then targets that are due, for about eight seconds; give how many were looked at."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _FEED_SECONDS
        handled = 0
        handled += await self._call_requested(limit)  # somebody waits by the phone: before those who do not
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

    async def _call_requested(self, limit: int) -> int:
        """Make the calls that customers asked for and whose hour has come."""
        now = self._clock.now()
        async with self._database.platform() as connection:
            rows = await call_requests.claim_due(
                connection, worker=self._worker, now=now, locked_until=now + _LEASE, limit=min(_REQUEST_BATCH, limit)
            )
        results = await asyncio.gather(*(self._call_back_or_log(row) for row in rows), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(rows)

    async def _call_back_or_log(self, row: CallRequestRow) -> None:
        """The outermost handler of one request: one that fails comes again when its lease ends."""
        try:
            await self._call_back(row)
        except UNAVAILABLE:
            raise
        except Exception:
            logger.exception("dialing.request_failed", request_id=str(row.id))

    async def _call_back(self, row: CallRequestRow) -> None:
        now = self._clock.now()
        latest = row.wanted_at + PATIENCE
        if now >= latest:
            async with self._database.tenant(row.tenant_id) as connection:
                await call_outcomes.expire(connection, row.id, now=now)
            return
        async with self._database.tenant(row.tenant_id) as connection:
            accounts = await voice_accounts(connection)
            contact = await contacts.by_id(connection, row.contact_id)
            if not accounts or contact is None:
                logger.warning("dialing.no_number_for_request", request_id=str(row.id))
                due_at = min(now + RETRY_AFTER, latest)
                await call_requests.release(connection, row.id, worker=self._worker, due_at=due_at)
                return
        decision = await self.contact(
            ContactRequest(
                engine="escalation", tenant_id=row.tenant_id, request_id=row.id, document=contact.document or "",
                phone=row.phone, method=Method.VOICE, worker=self._worker, client_name=contact.name or "",
                account_id=accounts[zlib.crc32(row.phone.encode()) % len(accounts)].id,
            )
        )  # fmt: skip
        if decision.reason in _UNJUDGED:
            async with self._database.tenant(row.tenant_id) as connection:
                due_at = min(decision.next_at or now + RETRY_AFTER, latest)
                await call_requests.release(connection, row.id, worker=self._worker, due_at=due_at)

    async def _asked(self, request: ContactRequest) -> ContactRequest:
        """Ask the CRM for debtors alone: who wants to be called may owe nothing."""
        return request if request.engine == "escalation" else await super()._asked(request)

    async def _send(self, decision: Decision) -> None:
        """Ask the provider for the call once, and write down what it said."""
        account = await self._account(decision.request.tenant_id, decision.account_id)
        if account is None or decision.address is None or decision.call_id is None:
            raise LookupError("the gate decided a call without a number")
        if self._clock.now() - decision.decided_at > _STALE:
            await self._record_refusal(decision, account, None)
            return
        request = await self._dial_request(decision, decision.call_id, account)
        try:
            receipt = await self._lines[account.row.provider].dial(account.channel, request)
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

    async def _dial_request(self, decision: Decision, call_id: UUID, account: OpenAccount) -> DialRequest:
        tenant_id, target_id = decision.request.tenant_id, decision.request.target_id
        tenant = (await self._tenants.profile(tenant_id)).tenant
        async with self._database.tenant(tenant_id) as connection:
            call = await calls.by_id(connection, call_id)
            known = await brief(connection, call) if call else CallBrief(purpose="campaign")
            waits_for_beep = await _leaves_messages(connection, target_id)
        path = f"{REQUESTED_TWIML_PATH}/{call_id}" if target_id is None else f"{TWIML_PATH}/{target_id}"
        return DialRequest(
            call_id=call_id,
            to=decision.address.value if decision.address else decision.request.phone,
            instructions_url=self._url(path, call_id),
            status_url=self._url(VOICE_STATUS_PATH, call_id),
            waits_for_beep=waits_for_beep,
            longest_seconds=longest_seconds(tenant, account.row),
            variables=call_variables(tenant, known),
        )

    def _url(self, path: str, call_id: UUID) -> str:
        return f"{self._public_base_url}{path}?call={call_id}"

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
                await rest_unknown(
                    connection, decision.call_id, decision.request.target_id, now=self._clock.now(),
                    request_id=decision.request.request_id,
                )  # fmt: skip

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
            wanted = await call_outcomes.hold(connection, decision.request.request_id)
            await targets.lock(connection, [target_id] if target_id else [])
            if not await calls.refuse(connection, call_id, error_code=code, now=now):
                return  # a callback knows better
            if isinstance(error, Rejected):
                await self._note_refusal(connection, decision, account, error)
            wait = error.retry_after_seconds if isinstance(error, RateLimited) else None
            retry_at = None if wait is None else now + timedelta(seconds=min(max(wait, 1.0), 3600))
            await take_back_call(connection, call_id, error_class=error_class, code=code, now=now, retry_at=retry_at)
            if wanted is not None:
                await call_outcomes.refused(
                    connection, wanted, error_class=error_class, code=code, retry_at=retry_at, now=now
                )

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


async def _leaves_messages(connection: Connection, target_id: UUID | None) -> bool:
    """Tell whether a campaign talks to answering machines. A call that was asked for never does: a message follows."""
    target = await targets.by_id(connection, target_id) if target_id else None
    campaign = await campaigns.by_id(connection, target.campaign_id) if target else None
    return campaign is not None and campaign.voicemail_policy == _LEAVES_MESSAGES
