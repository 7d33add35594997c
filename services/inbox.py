"""Take in what a verified webhook brought: messages once, statuses forward, everything else kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from domain.buffering import QuietWindow
from domain.intents import is_opt_out_keyword
from domain.messages import (
    DeliveryStatus,
    ErrorClass,
    InboundMessage,
    MessageKind,
    ParsedWebhook,
    ProviderEvent,
    StatusUpdate,
    can_become,
)
from services.contact_results import note_status
from services.gathering import Gathering
from services.identity_resolution import resolve_contact
from services.opt_out import record_opt_out
from services.provider_events import act_on_event
from store import channel_accounts, contacts, conversations, deliveries, events, inbox, messages
from store.channel_accounts import AccountRow
from store.database import RETRYABLE, Connection, Database
from store.inbox import NewInbound
from store.messages import MessageRow

logger = structlog.get_logger(__name__)

_TRIES = 3
_KEYWORD_LIMIT = 200  # an opt-out keyword is the whole message; a book is none
# Kinds that are about another message: kept, but nothing that the customer waits an answer for.
_SILENT_KINDS = frozenset({MessageKind.REACTION, MessageKind.EDIT, MessageKind.REVOKE, MessageKind.SYSTEM})


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """What became of one webhook."""

    messages: int = 0
    duplicates: int = 0
    statuses: int = 0
    events: int = 0


class Inbox:
    """The one door in. A webhook is answered 200 only when all of it is stored."""

    def __init__(self, database: Database, quiet: QuietWindow) -> None:
        self._database = database
        self._quiet = quiet
        self._gathering = Gathering(self._store_together)

    async def receive(self, account: AccountRow, parsed: ParsedWebhook, *, now: datetime) -> Received:
        """Store everything in `parsed` exactly once, however often and in whatever order it comes."""
        stored = statuses = recorded = 0
        for message in parsed.messages:
            stored += await self._receive_one(account, message, now)
        for status in parsed.statuses:
            statuses += await self._receive_one(account, status, now)
        for event in parsed.events:
            recorded += await self._receive_one(account, event, now)
        return Received(messages=stored, duplicates=len(parsed.messages) - stored, statuses=statuses, events=recorded)

    async def _receive_one(
        self, account: AccountRow, item: InboundMessage | StatusUpdate | ProviderEvent, now: datetime
    ) -> int:
        """Store one item in a transaction of its own: two webhooks with the same people never wait for each other
        in a circle, and what is stored stays stored when a later item fails and the provider sends all again.

        The usual message, from a known customer with a live conversation, needs one statement and shares it."""
        if (
            isinstance(item, InboundMessage)
            and _is_usual(account, item)
            and await self._gathering.add(self._as_row(account, item, now))
        ):
            return 1
        for _ in range(_TRIES - 1):
            try:
                return await self._store(account, item, now)
            except RETRYABLE:
                logger.info("inbox.deadlock_retried", provider=account.provider)
        return await self._store(account, item, now)

    async def _store_together(self, tenant_id: UUID, given: Sequence[NewInbound]) -> set[UUID]:
        async with self._database.tenant(tenant_id) as connection:
            return await inbox.receive_many(connection, tenant_id, given)

    async def _store(
        self, account: AccountRow, item: InboundMessage | StatusUpdate | ProviderEvent, now: datetime
    ) -> int:
        async with self._database.tenant(account.tenant_id) as connection:
            if isinstance(item, ProviderEvent):
                return await _receive_event(connection, account, item, now)
            owner = await self._owner(connection, account, item.account_external_id)
            if isinstance(item, StatusUpdate):
                return await _receive_status(connection, owner, item, now)
            return await self._receive_message(connection, owner, item, now)

    async def _owner(self, connection: Connection, account: AccountRow, external_id: str) -> AccountRow:
        """Find the tenant's account a message is for: one webhook URL may serve several numbers of one tenant."""
        if external_id == account.external_id:
            return account
        found = await channel_accounts.by_external_id(connection, account.provider, external_id)
        if found is None:
            logger.warning("inbox.unknown_account", provider=account.provider, account_id=str(account.id))
        return found or account

    async def _receive_message(
        self, connection: Connection, account: AccountRow, message: InboundMessage, now: datetime
    ) -> int:
        if not message.addresses:
            return 0
        if message.is_echo:
            return await self._receive_echo(connection, account, message, now)
        row = self._as_row(account, message, now)
        is_opt_out = _is_opt_out(message)
        # The usual case is one statement; a new address or conversation, or an opt-out, needs the contact itself.
        if not is_opt_out and await inbox.receive_known(connection, row):
            return 1
        if await messages.by_provider_id(
            connection, channel_account_id=account.id, provider_message_id=message.provider_message_id
        ):
            return 0
        contact_id = await resolve_contact(
            connection,
            tenant_id=account.tenant_id,
            addresses=message.addresses,
            profile_name=message.profile_name,
        )
        conversation_id = await self._live_conversation(connection, account, contact_id, message, now)
        if not await inbox.receive_in(connection, conversation_id, row):
            return 0
        if is_opt_out:
            await record_opt_out(
                connection, tenant_id=account.tenant_id, contact_id=contact_id, scope="all", reason="keyword", now=now
            )
        return 1

    def _as_row(self, account: AccountRow, message: InboundMessage, now: datetime) -> NewInbound:
        reply_address, *others = message.addresses
        return NewInbound(
            tenant_id=account.tenant_id,
            id=uuid4(),
            channel_account_id=account.id,
            provider_message_id=message.provider_message_id,
            address_kind=reply_address.kind,
            address_value=reply_address.value,
            other_kinds=[address.kind for address in others],
            other_values=[address.value for address in others],
            kind=message.kind,
            text=message.text,
            content=_content(message),
            reply_to=message.reply_to,
            sent_at=min(message.sent_at, now),
            now=now,
            quiet_until=self._quiet.quiet_until(message.text, now=now),
            cap_seconds=self._quiet.cap_seconds,
            # A provider that handles STOP itself refuses any answer to it.
            wants_turn=message.kind not in _SILENT_KINDS and message.provider_opt_out != "stop",
        )

    async def _live_conversation(
        self, connection: Connection, account: AccountRow, contact_id: UUID, message: InboundMessage, now: datetime
    ) -> UUID:
        live = await conversations.live(connection, channel_account_id=account.id, contact_id=contact_id)
        if live is not None:
            return live
        conversation_id = uuid4()
        address = message.addresses[0]
        await conversations.open_conversation(
            connection,
            tenant_id=account.tenant_id,
            conversation_id=conversation_id,
            contact_id=contact_id,
            channel_account_id=account.id,
            address_kind=address.kind,
            address_value=address.value,
            source="customer",
            now=now,
        )
        return conversation_id

    async def _receive_echo(
        self, connection: Connection, account: AccountRow, message: InboundMessage, now: datetime
    ) -> int:
        """Take a message that our side sent: ours comes back, or a human answered from the phone and takes over."""
        if await messages.by_provider_id(
            connection, channel_account_id=account.id, provider_message_id=message.provider_message_id
        ):
            return 0
        contact_id = await resolve_contact(
            connection, tenant_id=account.tenant_id, addresses=message.addresses, profile_name=None
        )
        conversation_id = await self._live_conversation(connection, account, contact_id, message, now)
        if await deliveries.claim_echo_as_ours(
            connection,
            conversation_id=conversation_id,
            text=message.text,
            provider_message_id=message.provider_message_id,
            now=now,
        ):
            return 0
        is_new = await messages.insert_echo(
            connection,
            tenant_id=account.tenant_id,
            message_id=uuid4(),
            conversation_id=conversation_id,
            channel_account_id=account.id,
            kind=message.kind,
            text=message.text,
            content=_content(message),
            provider_message_id=message.provider_message_id,
            sent_at=message.sent_at,
            now=now,
        )
        if not is_new:
            return 0  # our own send was written down as taken a moment ago
        await conversations.mark_answered(connection, conversation_id, now=now)
        if await conversations.hand_off(connection, conversation_id, reason="operator_replied", now=now):
            await events.record(
                connection,
                tenant_id=account.tenant_id,
                kind="handoff",
                severity="info",
                conversation_id=conversation_id,
                data={"reason": "operator_replied"},
                now=now,
            )
        return 1


def _is_usual(account: AccountRow, message: InboundMessage) -> bool:
    return (
        bool(message.addresses)
        and not message.is_echo
        and message.account_external_id == account.external_id
        and not _is_opt_out(message)
    )


def _is_opt_out(message: InboundMessage) -> bool:
    text = message.text or ""
    return message.provider_opt_out == "stop" or (len(text) <= _KEYWORD_LIMIT and is_opt_out_keyword(text))


def _content(message: InboundMessage) -> Mapping[str, object]:
    content: dict[str, object] = {}
    if message.media:
        content["media"] = [
            {
                "mediaId": media.media_id, "url": media.url, "mimeType": media.mime_type, "filename": media.filename,
                "sha256": media.sha256, "caption": media.caption, "isVoiceNote": media.is_voice_note,
            }
            for media in message.media
        ]  # fmt: skip
    if message.choice_id is not None:
        content["choiceId"] = message.choice_id
    if message.latitude is not None and message.longitude is not None:
        content["location"] = {"latitude": message.latitude, "longitude": message.longitude}
    return content


async def _receive_status(connection: Connection, account: AccountRow, status: StatusUpdate, now: datetime) -> int:
    message = await _message_of(connection, account, status)
    if message is None:
        await events.insert_provider_event(
            connection,
            tenant_id=account.tenant_id,
            channel_account_id=account.id,
            kind="status_unmatched",
            key=f"status:{status.provider_message_id}:{status.status}",
            data={"providerMessageId": status.provider_message_id, "status": status.status},
            now=now,
        )
        return 0
    if not can_become(DeliveryStatus(message.status or DeliveryStatus.QUEUED), status.status):
        return 0
    await deliveries.apply_status(
        connection,
        message.id,
        status=status.status,
        at=min(status.occurred_at, now),
        provider_message_id=status.provider_message_id,
        error_class=status.error.error_class if status.error else None,
        error_code=status.error.code if status.error else None,
    )
    if status.error is not None:
        await note_send_error(
            connection, account_id=account.id, message=message, error_class=status.error.error_class,
            code=status.error.code, now=now,
        )  # fmt: skip
    await note_status(
        connection, message, status.status, error_class=status.error.error_class if status.error else None,
        code=status.error.code if status.error else "", now=now,
    )  # fmt: skip
    return 1


async def _message_of(connection: Connection, account: AccountRow, status: StatusUpdate) -> MessageRow | None:
    found = await messages.by_provider_id(
        connection, channel_account_id=account.id, provider_message_id=status.provider_message_id
    )
    if found is None and status.reference is not None:
        try:
            reference = UUID(status.reference)
        except ValueError:
            return None
        found = await messages.by_id(connection, reference)
    return found if found is not None and found.direction == "out" else None


async def note_send_error(
    connection: Connection, *, account_id: UUID, message: MessageRow, error_class: ErrorClass, code: str, now: datetime
) -> None:
    """Act on what a provider's refusal says about the person or the account (protocols 0.5)."""
    severity: events.Severity = "warning"
    conversation = await conversations.by_id(connection, message.conversation_id)
    if error_class is ErrorClass.STOP:
        severity = "error"
        await channel_accounts.stop(connection, account_id, reason=f"provider error {code}")
    elif error_class is ErrorClass.OPTOUT and conversation is not None:
        await record_opt_out(
            connection,
            tenant_id=message.tenant_id,
            contact_id=conversation.contact_id,
            scope="all",
            reason=f"provider error {code}",
            now=now,
        )
    elif error_class is ErrorClass.ADDRESS and conversation is not None:
        await contacts.mark_unreachable(connection, kind=conversation.address_kind, value=conversation.address_value)
    await events.record(
        connection,
        tenant_id=message.tenant_id,
        kind="send_failed",
        severity=severity,
        conversation_id=message.conversation_id,
        data={"errorClass": error_class, "code": code, "messageId": str(message.id)},
        now=now,
    )


async def _receive_event(connection: Connection, account: AccountRow, event: ProviderEvent, now: datetime) -> int:
    is_new = await events.insert_provider_event(
        connection,
        tenant_id=account.tenant_id,
        channel_account_id=account.id,
        kind=event.kind,
        key=event.key,
        data=event.data,
        now=now,
    )
    if is_new:
        logger.info("inbox.provider_event", kind=event.kind, provider=account.provider)
        await act_on_event(connection, account, event, now=now)
    return int(is_new)
