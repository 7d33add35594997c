"""Send what the outbox holds: in order within a conversation, at the account's rate, never twice (design 4)."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random as system_random
from uuid import UUID

import structlog
from prometheus_client import Counter

from channels.base import Channel, ChannelError, OutcomeUnknown, RateLimited, Rejected
from domain.backoff import PAIR_HOLD_SECONDS, retry_at
from domain.messages import (
    Address,
    AddressKind,
    DeliveryStatus,
    ErrorClass,
    Part,
    Provider,
    SendReceipt,
    SendRequest,
    Template,
)
from domain.ports import Clock, Failpoint, RateLimiter
from services.accounts import AccountDirectory, OpenAccount
from services.identity_resolution import match_key_of
from services.inbox import note_send_error
from services.parts import part_from_json, part_text
from store import contacts, conversations, deliveries, events
from store.conversations import ConversationRow
from store.database import UNAVAILABLE, Database
from store.messages import MessageRow

logger = structlog.get_logger(__name__)

SENT = Counter("master_ia_messages_sent_total", "Outbound messages by provider and outcome", ["provider", "outcome"])

# Longer than a provider call may take; a claim of a dead process is free again after it.
_LEASE = timedelta(seconds=25)
_SERVICE_WINDOW = timedelta(hours=24)  # Meta: free-form text only within 24 h of the customer's last message
_WINDOW_PROVIDERS = (Provider.META, Provider.TWILIO_WHATSAPP)
_UNKNOWN_FLAGGED_AFTER = timedelta(minutes=10)
_STOPPED_ACCOUNT_PAUSE = timedelta(minutes=1)
_TOO_OLD = timedelta(hours=24)
_MOST_INLINE_WAIT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DrainResult:
    """What one drain did."""

    handled: int
    unknown: int
    flagged: int


class Delivery:
    """The one way out for messages. `sender` names this process in the rows it has claimed."""

    def __init__(
        self, *, database: Database, channels: Mapping[Provider, Channel], accounts: AccountDirectory,
        limiter: RateLimiter, clock: Clock, sender: str, failpoint: Failpoint,
        random: Callable[[], float] = system_random,
    ) -> None:  # fmt: skip
        self._database = database
        self._channels = channels
        self._accounts = accounts
        self._limiter = limiter
        self._clock = clock
        self._failpoint = failpoint
        self._random = random
        self.sender = sender

    def lease_until(self) -> datetime:
        """Give the end of a claim made now."""
        return self._clock.now() + _LEASE

    async def send_conversation(self, tenant_id: UUID, conversation_id: UUID) -> None:
        """Send what this process has just put into a conversation's outbox, in order; the rest stays for the drain."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await deliveries.claimed_by(connection, conversation_id, sender=self.sender)
            conversation = await conversations.by_id(connection, conversation_id)
        for row in rows:
            if not await self._deliver(row, conversation):
                return

    async def drain(self, limit: int) -> DrainResult:
        """Send what is due, whoever left it, up to `limit` messages; judge the sends that nobody finished."""
        now = self._clock.now()
        async with self._database.platform() as connection:
            unknown = await deliveries.abandon_sending(connection, now=now)
            flagged = await deliveries.flag_unknown(connection, now=now, before=now - _UNKNOWN_FLAGGED_AFTER)
            for tenant_id, message_id, conversation_id in flagged:
                await events.record(
                    connection, tenant_id=tenant_id, kind="send_outcome_unknown", severity="warning",
                    conversation_id=conversation_id, data={"messageId": str(message_id)}, now=now,
                )  # fmt: skip
        handled = 0
        while handled < limit:
            async with self._database.platform() as connection:
                rows = await deliveries.claim_due(
                    connection, sender=self.sender, now=self._clock.now(), locked_until=self.lease_until(),
                    limit=limit - handled,
                )  # fmt: skip
            if not rows:
                break
            await asyncio.gather(*(self._deliver_or_fail(row) for row in rows))
            handled += len(rows)
        return DrainResult(handled=handled, unknown=len(unknown), flagged=len(flagged))

    async def _deliver_or_fail(self, row: MessageRow) -> None:
        """The outermost handler of one message: one that cannot even be read must not hold up the others for ever."""
        try:
            async with self._database.tenant(row.tenant_id) as connection:
                conversation = await conversations.by_id(connection, row.conversation_id)
            await self._deliver(row, conversation)
        except UNAVAILABLE:
            raise
        except Exception:
            logger.exception("delivery.broken_message", message_id=str(row.id))
            await self._fail(row, "internal")

    async def _deliver(self, row: MessageRow, conversation: ConversationRow | None) -> bool:
        """Try to send one claimed message; say whether the conversation's next one may follow."""
        now = self._clock.now()
        account = await self._accounts.by_id(row.tenant_id, row.channel_account_id)
        if conversation is None or account is None or now - row.created_at > _TOO_OLD:
            await self._fail(row, "expired")
            return True
        if account.row.status != "active":
            await self._postpone(row, now + _STOPPED_ACCOUNT_PAUSE)
            return False
        part = self._allowed_part(row, conversation, account, now)
        if part is None:
            await self._record_error(
                row, account, Rejected(error_class=ErrorClass.WINDOW, code="window_closed"), self._clock.now()
            )
            return True
        if not await self._take_turn(row, account):
            return False
        return await self._call_provider(row, conversation, account, part)

    def _allowed_part(
        self, row: MessageRow, conversation: ConversationRow, account: OpenAccount, now: datetime
    ) -> Part | None:
        """Give what may be sent now: the part itself, the template that reopens a closed window, or nothing."""
        part = part_from_json(row.content)
        if isinstance(part, Template) or account.row.provider not in _WINDOW_PROVIDERS:
            return part
        if conversation.last_inbound_at is not None and now - conversation.last_inbound_at < _SERVICE_WINDOW:
            return part
        reopening = account.row.settings.get("reopen_template")
        if not reopening:
            return None
        # Template parameters may hold no line breaks (protocols 1.7).
        words = " ".join((part_text(part) or "").split())
        content_sid = reopening if account.row.provider is Provider.TWILIO_WHATSAPP else None
        return Template(name=reopening, parameters=(words[:900],), content_sid=content_sid)

    async def _take_turn(self, row: MessageRow, account: OpenAccount) -> bool:
        """Wait for the account's rate; a long wait goes back to the outbox."""
        key = f"{row.tenant_id}:{account.row.id}"
        waited = 0.0
        while True:
            wait = await self._limiter.take(key, per_second=account.row.sends_per_second, burst=account.row.burst)
            if wait == 0:
                return True
            if waited + wait > _MOST_INLINE_WAIT_SECONDS:
                await self._postpone(row, self._clock.now() + timedelta(seconds=wait))
                return False
            waited += wait
            await asyncio.sleep(wait)

    async def _call_provider(
        self, row: MessageRow, conversation: ConversationRow, account: OpenAccount, part: Part
    ) -> bool:
        async with self._database.tenant(row.tenant_id) as connection:
            is_ours = await deliveries.mark_sending(
                connection, row.id, sender=self.sender, now=self._clock.now(), locked_until=self.lease_until()
            )
        if not is_ours:
            await self._postpone(row, self._clock.now() + timedelta(seconds=1))
            return False
        self._failpoint("send.sending")
        address = Address(kind=AddressKind(conversation.address_kind), value=conversation.address_value)
        request = SendRequest(to=address, part=part, reference=str(row.id), reply_to=row.reply_to)
        try:
            receipt = await self._channels[account.row.provider].send(account.channel, request)
        except ChannelError as error:
            return await self._record_error(row, account, error, self._clock.now())
        self._failpoint("send.accepted")
        await self._record_sent(row, conversation, receipt)
        self._failpoint("send.recorded")
        SENT.labels(account.row.provider, "sent").inc()
        return True

    async def _record_sent(self, row: MessageRow, conversation: ConversationRow, receipt: SendReceipt) -> None:
        async with self._database.tenant(row.tenant_id) as connection:
            await deliveries.mark_sent(
                connection, row.id, provider_message_id=receipt.provider_message_id, now=self._clock.now()
            )
            for alias in receipt.aliases:
                await contacts.add_address(
                    connection, tenant_id=row.tenant_id, contact_id=conversation.contact_id, address=alias,
                    match_key=match_key_of(alias),
                )  # fmt: skip

    async def _record_error(self, row: MessageRow, account: OpenAccount, error: ChannelError, now: datetime) -> bool:
        """Write down what an error means for the message, the person and the account (protocols 0.5)."""
        attempts = row.attempts + 1
        counts = True
        if isinstance(error, OutcomeUnknown):
            status, due_at = DeliveryStatus.UNKNOWN, None
        elif error.error_class is ErrorClass.STOP:
            # Nothing is wrong with the message: it waits until somebody repairs the account.
            status, due_at, counts = DeliveryStatus.QUEUED, now + _STOPPED_ACCOUNT_PAUSE, False
        elif error.error_class is ErrorClass.PAIR:
            status, due_at, counts = DeliveryStatus.QUEUED, now + timedelta(seconds=PAIR_HOLD_SECONDS), False
        elif isinstance(error, Rejected):
            status, due_at = DeliveryStatus.FAILED, None
        else:
            retry_after = error.retry_after_seconds if isinstance(error, RateLimited) else None
            due_at = retry_at(attempts=attempts, now=now, random=self._random, retry_after_seconds=retry_after)
            status = DeliveryStatus.FAILED if due_at is None else DeliveryStatus.QUEUED
        logger.warning(
            "delivery.error", provider=account.row.provider, error=type(error).__name__, code=error.code,
            status=status, attempts=attempts,
        )  # fmt: skip
        SENT.labels(account.row.provider, str(status)).inc()
        async with self._database.tenant(row.tenant_id) as connection:
            await deliveries.mark_outcome(
                connection, row.id, status=status, due_at=due_at, error_class=error.error_class,
                error_code=error.code, now=now, counts_as_attempt=counts,
            )  # fmt: skip
            if isinstance(error, Rejected) or error.error_class is ErrorClass.STOP or status is DeliveryStatus.FAILED:
                await note_send_error(
                    connection, account_id=row.channel_account_id, message=row, error_class=error.error_class,
                    code=error.code, now=now,
                )  # fmt: skip
                self._accounts.forget()
        return status is not DeliveryStatus.QUEUED

    async def _fail(self, row: MessageRow, code: str) -> None:
        async with self._database.tenant(row.tenant_id) as connection:
            await deliveries.mark_outcome(
                connection, row.id, status=DeliveryStatus.FAILED, due_at=None, error_class=None, error_code=code,
                now=self._clock.now(),
            )  # fmt: skip

    async def _postpone(self, row: MessageRow, due_at: datetime) -> None:
        async with self._database.tenant(row.tenant_id) as connection:
            await deliveries.postpone(connection, row.id, sender=self.sender, due_at=due_at)
