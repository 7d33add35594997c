"""Make the WhatsApp and SMS contacts that are due: rate, CRM, gate, provider, record (spec 3.5, design 4 and 5)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID, uuid4

import structlog

from channels.base import Channel, ChannelError, OutcomeUnknown, RateLimited, Rejected
from domain.campaigns import media_of
from domain.contact_rules import UNKNOWN_CUSTOMER, Reason
from domain.messages import DeliveryStatus, ErrorClass, Provider, SendReceipt, SendRequest
from domain.phones import match_key
from domain.ports import Clock, Crm, CrmUnavailable, CustomerUnknown, Failpoint, RateLimiter
from domain.tenants import Tenant
from services.accounts import AccountDirectory, OpenAccount
from services.contact_guard import ContactGuard, put_off
from services.contact_requests import ContactRequest, Decision
from services.contact_results import take_back_message
from services.contact_senders import choose_account
from services.delivery import SENT
from services.group_commit import GroupCommit
from services.identity_resolution import match_key_of
from services.inbox import note_send_error
from services.tenant_directory import TenantDirectory
from store import contact_facts, contact_writes, deliveries, messages, targets
from store.contact_facts import CampaignAccount
from store.database import UNAVAILABLE, Database
from store.targets import TargetRow

logger = structlog.get_logger(__name__)

_LEASE = timedelta(seconds=60)
_BATCH = 400
_AT_ONCE = 150  # contacts between the CRM's question and the provider's answer
_FEED_SECONDS = 8.0  # one drain feeds no longer than this: one worker may serve all queues
_MOST_INLINE_WAIT_SECONDS = 5.0
_CRM_SECONDS = 10.0
# Between the gate's yes and the provider lie milliseconds. A process that slept meanwhile must ask again.
_STALE = timedelta(seconds=15)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sent:
    decision: Decision
    receipt: SendReceipt


class Outreach:
    """Make contacts. `worker` names this process in the rows it has claimed."""

    def __init__(
        self, *, database: Database, guard: ContactGuard, tenants: TenantDirectory, accounts: AccountDirectory,
        channels: Mapping[Provider, Channel], limiter: RateLimiter, crm_for: Callable[[Tenant], Crm], clock: Clock,
        worker: str, failpoint: Failpoint,
    ) -> None:  # fmt: skip
        self._database = database
        self._guard = guard
        self._tenants = tenants
        self._accounts = accounts
        self._channels = channels
        self._limiter = limiter
        self._crm_for = crm_for
        self._clock = clock
        self._failpoint = failpoint
        self._worker = worker
        self._recording = GroupCommit(self._record_sent)

    async def contact_due(self, limit: int) -> int:
        """Contact up to `limit` targets that are due, for about eight seconds; give how many were looked at."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _FEED_SECONDS
        handled = 0
        async with self._database.platform() as connection:
            await contact_writes.note_replies(connection, now=self._clock.now())
        while handled < limit and loop.time() < until:
            now = self._clock.now()
            async with self._database.platform() as connection:
                rows = await targets.claim_written(
                    connection, worker=self._worker, now=now, locked_until=now + _LEASE,
                    limit=min(_BATCH, limit - handled),
                )  # fmt: skip
            if not rows:
                break
            await self._contact_all(rows, until)
            handled += len(rows)
        return handled

    async def contact(self, request: ContactRequest) -> Decision:
        """Make one contact from its `account_id`, whose rate it waits for up to five seconds; give the decision."""
        account = await self._account(request.tenant_id, request.account_id)
        if account is not None:
            until = asyncio.get_running_loop().time() + _MOST_INLINE_WAIT_SECONDS
            wait = await self._wait_for_token(account, until)
            if wait:
                return await self._rate_limited(request, wait)
        return await self._ask_and_send(request)

    async def _rate_limited(self, request: ContactRequest, wait: float) -> Decision:
        now = self._clock.now()
        decision = _too_fast(request, now, now + timedelta(seconds=wait))
        await put_off(self._database, request.tenant_id, [decision], now=now)
        return decision

    async def _contact_all(self, rows: Sequence[TargetRow], until: float) -> None:
        """Contact claimed targets. No failure of one cuts another one short between the gate and the provider."""
        ordered = sorted(rows, key=lambda row: (row.tenant_id, row.due_at, row.id))
        groups = [
            await self._by_account(tenant_id, list(of_tenant))
            for tenant_id, of_tenant in groupby(ordered, key=lambda row: row.tenant_id)
        ]
        running = asyncio.Semaphore(_AT_ONCE)
        results = await asyncio.gather(
            *(self._feed(account, requests, until, running) for group in groups for account, requests in group.items()),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _by_account(
        self, tenant_id: UUID, rows: Sequence[TargetRow]
    ) -> Mapping[UUID | None, list[ContactRequest]]:
        """Choose the number of each target; None where no number works and the gate is to say what follows."""
        keys = sorted({row.match_key for row in rows})
        async with self._database.tenant(tenant_id) as connection:
            accounts = await contact_facts.accounts_of_campaigns(
                connection, tenant_id, sorted({row.campaign_id for row in rows})
            )
            talked = await contact_facts.numbers_talked_with(connection, tenant_id, keys)
        chosen: dict[UUID | None, list[ContactRequest]] = {}
        for row in rows:
            account_id = _choose(row, accounts, talked)
            chosen.setdefault(account_id, []).append(self._request(row, account_id))
        return chosen

    def _request(self, row: TargetRow, account_id: UUID | None) -> ContactRequest:
        assert row.method is not None  # noqa: S101  # claimed by its method
        return ContactRequest(
            engine="campaign", tenant_id=row.tenant_id, target_id=row.id, document=row.document, phone=row.phone,
            method=row.method, worker=self._worker, account_id=account_id, client_name=row.client_name,
        )  # fmt: skip

    async def _feed(
        self, account_id: UUID | None, requests: Sequence[ContactRequest], until: float, running: asyncio.Semaphore
    ) -> None:
        """Start contacts of one number at its rate; let go of those whose turn does not come in time."""
        account = await self._account(requests[0].tenant_id, account_id)
        tasks: list[asyncio.Task[None]] = []
        try:
            for place, request in enumerate(requests):
                await running.acquire()
                wait = 0.0 if account is None else await self._wait_for_token(account, until)
                is_late = asyncio.get_running_loop().time() > until
                if wait or is_late:
                    running.release()
                    await self._let_go(account, requests[place:], wait)
                    break
                tasks.append(asyncio.create_task(self._contact_or_log(request, running)))
        finally:
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _let_go(self, account: OpenAccount | None, requests: Sequence[ContactRequest], wait: float) -> None:
        """Give back what this drain cannot reach: at once to another one, or when the number's rate allows it."""
        now = self._clock.now()
        tenant_id = requests[0].tenant_id
        if account is None or not wait:
            due_at = {request.target_id: now for request in requests if request.target_id is not None}
            async with self._database.tenant(tenant_id) as connection:
                await contact_writes.release(connection, tenant_id, due_at, worker=self._worker, now=now)
            return
        pace = 1 / account.row.sends_per_second
        decisions = [
            _too_fast(request, now, now + timedelta(seconds=wait + place * pace))
            for place, request in enumerate(requests)
        ]
        await put_off(self._database, tenant_id, decisions, now=now)

    async def _contact_or_log(self, request: ContactRequest, running: asyncio.Semaphore) -> None:
        """The outermost handler of one contact. Its lease, or that of its message, ends by itself."""
        try:
            await self._ask_and_send(request)
        except UNAVAILABLE:
            raise
        except Exception:
            logger.exception("outreach.failed", target_id=str(request.target_id))
        finally:
            running.release()

    async def _ask_and_send(self, request: ContactRequest) -> Decision:
        decision = await self._guard.decide_one(await self._asked(request))
        if decision.is_contact:
            self._failpoint("contact.claimed")
            await self._send(decision)
        return decision

    async def _asked(self, request: ContactRequest) -> ContactRequest:
        """Ask the CRM what is owed now. The tenant's own ledger is left to the gate, which reads it under its locks."""
        if self._guard.is_ledger_used:
            return request
        tenant = (await self._tenants.profile(request.tenant_id)).tenant
        asked_at = self._clock.now()
        try:
            async with asyncio.timeout(_CRM_SECONDS):
                statement = await self._crm_for(tenant).open_invoices(request.document)
        except CustomerUnknown:
            return replace(request, crm_problem=UNKNOWN_CUSTOMER, asked_at=asked_at)
        except CrmUnavailable as error:
            return replace(request, crm_problem=error.reason, asked_at=asked_at)
        except TimeoutError:
            return replace(request, crm_problem="timeout", asked_at=asked_at)
        return replace(request, statement=statement, asked_at=asked_at)

    async def _send(self, decision: Decision) -> None:
        """Call the provider once with what the gate has claimed, and write down what it said."""
        account = await self._account(decision.request.tenant_id, decision.account_id)
        if account is None or decision.address is None or decision.part is None:
            raise LookupError("the gate decided a contact without a number")
        if self._clock.now() - decision.decided_at > _STALE:
            await self._record_refusal(decision, account, None)
            return
        request = SendRequest(to=decision.address, part=decision.part, reference=str(decision.message_id))
        try:
            receipt = await self._channels[account.row.provider].send(account.channel, request)
        except OutcomeUnknown as error:
            await self._record_unknown(decision, account, error)
            return
        except ChannelError as error:
            await self._record_refusal(decision, account, error)
            return
        self._failpoint("contact.accepted")
        await self._recording.add(decision.request.tenant_id, _Sent(decision=decision, receipt=receipt))
        self._failpoint("contact.recorded")
        SENT.labels(account.row.provider, "sent").inc()

    async def _record_sent(self, tenant_id: UUID, sent: Sequence[_Sent]) -> Sequence[None]:
        """Write down together what providers took at the same moment."""
        now = self._clock.now()
        ids = {
            item.decision.message_id: item.receipt.provider_message_id
            for item in sent
            if item.decision.message_id is not None
        }
        aliases = [
            {
                "contact_id": str(item.decision.contact_id), "kind": str(alias.kind), "value": alias.value,
                "match_key": match_key_of(alias),
            }
            for item in sent
            for alias in item.receipt.aliases
            if alias != item.decision.address
        ]  # fmt: skip
        async with self._database.tenant(tenant_id) as connection:
            late = await contact_writes.mark_sent(connection, tenant_id, ids, now=now)
            if late:
                await contact_writes.mark_targets_sent(connection, late, now=now)
            await contact_writes.aliases(connection, tenant_id, aliases)
        return [None] * len(sent)

    async def _record_unknown(self, decision: Decision, account: OpenAccount, error: ChannelError) -> None:
        """Rest the target: it may have gone out, so it is not repeated by itself (design 4)."""
        message_id = decision.message_id
        assert message_id is not None  # noqa: S101  # only messages are sent here
        logger.warning("outreach.outcome_unknown", provider=account.row.provider, code=error.code)
        SENT.labels(account.row.provider, "unknown").inc()
        now = self._clock.now()
        async with self._database.tenant(decision.request.tenant_id) as connection:
            await deliveries.mark_outcome(
                connection, message_id, status=DeliveryStatus.UNKNOWN, due_at=None, error_class=error.error_class,
                error_code=error.code, now=now,
            )  # fmt: skip
            await contact_writes.mark_target_unknown(connection, message_id, now=now)

    async def _record_refusal(self, decision: Decision, account: OpenAccount, error: ChannelError | None) -> None:
        """Void a contact that was surely not made, and act on what the refusal says (protocols 0.5)."""
        message_id = decision.message_id
        assert message_id is not None  # noqa: S101  # only messages are sent here
        error_class = error.error_class if error else None
        code = error.code if error else "stale"
        logger.warning("outreach.refused", provider=account.row.provider, error_class=error_class, code=code)
        SENT.labels(account.row.provider, "failed").inc()
        now = self._clock.now()
        async with self._database.tenant(decision.request.tenant_id) as connection:
            message = await messages.by_id(connection, message_id)
            await deliveries.apply_status(
                connection, message_id, status=DeliveryStatus.FAILED, at=now, provider_message_id=None,
                error_class=error_class, error_code=code,
            )  # fmt: skip
            if error is not None and message is not None and _concerns_somebody(error):
                await note_send_error(
                    connection, account_id=account.row.id, message=message, error_class=error.error_class, code=code,
                    now=now,
                )  # fmt: skip
                self._accounts.forget()
            await take_back_message(
                connection, message_id, error_class=error_class, code=code, now=now, retry_at=_told_to_wait(error, now)
            )

    async def _account(self, tenant_id: UUID, account_id: UUID | None) -> OpenAccount | None:
        return None if account_id is None else await self._accounts.by_id(tenant_id, account_id)

    async def _wait_for_token(self, account: OpenAccount, until: float) -> float:
        """Take a token of the number's rate; give the seconds to come back in when none is free soon."""
        loop = asyncio.get_running_loop()
        key = f"{account.row.tenant_id}:{account.row.id}"
        waited = 0.0
        while True:
            wait = await self._limiter.take(key, per_second=account.row.sends_per_second, burst=account.row.burst)
            if wait == 0:
                return 0.0
            waited += wait
            if waited > _MOST_INLINE_WAIT_SECONDS or loop.time() + wait > until:
                return wait
            await asyncio.sleep(wait)


def _choose(row: TargetRow, accounts: Sequence[CampaignAccount], talked: set[tuple[str, UUID]]) -> UUID | None:
    if row.method is None:
        return None
    media = media_of(row.method)
    working = [
        account for account in accounts
        if account.campaign_id == row.campaign_id and account.medium in media and account.status == "active"
    ]  # fmt: skip
    talked_from = {account_id for key, account_id in talked if key == row.match_key}
    chosen = choose_account(working, key=match_key(row.phone) or row.phone, talked_from=talked_from)
    return chosen.id if chosen else None


def _too_fast(request: ContactRequest, now: datetime, next_at: datetime) -> Decision:
    return Decision(
        id=uuid4(), request=request, verdict="postpone", reason=Reason.RATE_LIMITED, decided_at=now, next_at=next_at
    )


def _concerns_somebody(error: ChannelError) -> bool:
    """Tell whether a refusal says something of the person or the account that is to be kept."""
    return isinstance(error, Rejected) or error.error_class is ErrorClass.STOP


def _told_to_wait(error: ChannelError | None, now: datetime) -> datetime | None:
    if not isinstance(error, RateLimited) or error.retry_after_seconds is None:
        return None
    return now + timedelta(seconds=min(max(error.retry_after_seconds, 1.0), 3600))
