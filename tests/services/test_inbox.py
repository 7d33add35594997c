"""The inbox on a real PostgreSQL: once, in order, by the right person, with the right timer (N1, design 3 and 6)."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from domain.buffering import QuietWindow
from domain.messages import (
    Address,
    AddressKind,
    DeliveryStatus,
    ErrorClass,
    MessageKind,
    ParsedWebhook,
    Provider,
    ProviderError,
    ProviderEvent,
    StatusUpdate,
)
from services.inbox import Inbox
from store import contact_search, conversations, deliveries, messages
from store.channel_accounts import AccountRow
from store.contacts import ContactRow
from store.conversations import ConversationRow
from store.database import Database
from store.messages import MessageRow, NewOutbound
from tests.factories import inbound, make_account, make_tenant, open_database, phone, webhook
from tests.fakes_clock import DEFAULT_NOW as NOW

BSUID = Address(kind=AddressKind.BSUID, value="BR.1502000000000000001")
WA_ID = Address(kind=AddressKind.WA_ID, value="5511999990001")
WA_ID_WITHOUT_NINE = Address(kind=AddressKind.WA_ID, value="551199990001")


@dataclass
class World:
    database: Database
    tenant_id: UUID
    account: AccountRow
    inbox: Inbox

    async def contacts(self) -> list[ContactRow]:
        async with self.database.tenant(self.tenant_id) as connection:
            return (await contact_search.search(connection, text=None, tag=None, limit=100, offset=0))[0]

    async def conversations(self) -> list[ConversationRow]:
        async with self.database.tenant(self.tenant_id) as connection:
            rows, _ = await conversations.page(
                connection, status=None, handler=None, contact_id=None, limit=100, offset=0
            )
            return rows

    async def messages(self, conversation_id: UUID) -> list[MessageRow]:
        async with self.database.tenant(self.tenant_id) as connection:
            return await messages.after(connection, conversation_id, seq=0, limit=1000)

    async def scalar(self, query: str) -> object:
        async with self.database.tenant(self.tenant_id) as connection:
            cursor = await connection.execute(query.encode())
            row = await cursor.fetchone()
        assert row is not None
        return next(iter(row.values()))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_database(database_url) as database:
        tenant_id = await make_tenant(database)
        account = await make_account(database, tenant_id)
        yield World(database, tenant_id, account, Inbox(database, QuietWindow()))


async def _queue_reply(world: World, conversation: ConversationRow, text: str = "Oi!") -> UUID:
    message = NewOutbound(
        id=UUID(int=7), author="agent", kind="text", text=text, content={"part": "text", "text": text}, turn_seq=1
    )
    async with world.database.tenant(world.tenant_id) as connection:
        await messages.insert_outbound(
            connection, [message], tenant_id=world.tenant_id, conversation_id=conversation.id,
            channel_account_id=world.account.id, now=NOW,
        )  # fmt: skip
    return message.id


async def test_first_message_makes_contact_conversation_and_timer(world: World) -> None:
    received = await world.inbox.receive(world.account, webhook(inbound("quero minha fatura.")), now=NOW)
    assert received.messages == 1
    (contact,) = await world.contacts()
    (conversation,) = await world.conversations()
    assert contact.name == "Maria"
    assert conversation.contact_id == contact.id
    assert conversation.turn_due_at == NOW + timedelta(seconds=1.5)


async def test_redelivery_is_stored_once_and_does_not_move_the_timer(world: World) -> None:
    message = inbound(id="wamid.1")
    await world.inbox.receive(world.account, webhook(message), now=NOW)
    (before,) = await world.conversations()
    again = await world.inbox.receive(world.account, webhook(message), now=NOW + timedelta(hours=3))
    (after,) = await world.conversations()
    assert (again.messages, again.duplicates) == (0, 1)
    assert after == before


async def test_burst_is_capped_ten_seconds_after_its_first_message(world: World) -> None:
    for second in range(12):
        await world.inbox.receive(world.account, webhook(inbound("e")), now=NOW + timedelta(seconds=second))
    (conversation,) = await world.conversations()
    assert conversation.turn_due_at == NOW + timedelta(seconds=10)


async def test_broken_off_text_waits_longer_than_a_complete_one(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound("eu queria saber se")), now=NOW)
    (conversation,) = await world.conversations()
    assert conversation.turn_due_at == NOW + timedelta(seconds=6)


async def test_reaction_is_kept_and_asks_for_no_turn(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound("👍", kind=MessageKind.REACTION)), now=NOW)
    (conversation,) = await world.conversations()
    assert conversation.turn_due_at is None
    assert [row.kind for row in await world.messages(conversation.id)] == ["reaction"]


@pytest.mark.parametrize(
    "spelling",
    ["+551199990001", "+5511999990001"],
)
async def test_ninth_digit_does_not_make_a_second_person(world: World, spelling: str) -> None:
    await world.inbox.receive(world.account, webhook(inbound(addresses=[phone("+5511999990001")])), now=NOW)
    await world.inbox.receive(world.account, webhook(inbound(addresses=[phone(spelling)])), now=NOW)
    assert len(await world.contacts()) == 1
    assert len(await world.conversations()) == 1


async def test_reply_goes_to_the_address_as_it_came_last(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound(addresses=[WA_ID])), now=NOW)
    await world.inbox.receive(world.account, webhook(inbound(addresses=[WA_ID_WITHOUT_NINE])), now=NOW)
    (conversation,) = await world.conversations()
    assert conversation.address_value == "551199990001"


async def test_addresses_seen_together_merge_two_contacts_and_keep_the_stricter_flags(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound("PARE", addresses=[BSUID])), now=NOW)
    await world.inbox.receive(world.account, webhook(inbound("oi", addresses=[WA_ID])), now=NOW)
    assert len(await world.contacts()) == 2
    await world.inbox.receive(world.account, webhook(inbound("sou eu", addresses=[WA_ID, BSUID])), now=NOW)
    (contact,) = await world.contacts()
    assert contact.opted_out_at == NOW
    assert await world.scalar("SELECT count(*) FROM messages WHERE direction = 'in'") == 3
    # Nothing that waits for an answer was closed by the merge.
    assert await world.scalar("SELECT count(*) FROM conversations WHERE turn_due_at IS NOT NULL") == 2


@pytest.mark.parametrize("word", ["PARE", "sair", "Stop!", "descadastrar"])
async def test_opt_out_keyword_counts_at_once(world: World, word: str) -> None:
    await world.inbox.receive(world.account, webhook(inbound("oi")), now=NOW)
    await world.inbox.receive(world.account, webhook(inbound(word)), now=NOW + timedelta(seconds=5))
    (contact,) = await world.contacts()
    assert contact.opted_out_at == NOW + timedelta(seconds=5)
    assert await world.scalar("SELECT count(*) FROM opt_outs WHERE scope = 'all' AND revoked_at IS NULL") == 1


async def test_status_goes_forward_only(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound()), now=NOW)
    (conversation,) = await world.conversations()
    reply_id = await _queue_reply(world, conversation)

    async def status(new: DeliveryStatus) -> str:
        update = StatusUpdate(
            account_external_id="simulador", provider_message_id="out-1", status=new, occurred_at=NOW,
            reference=str(reply_id),
        )  # fmt: skip
        await world.inbox.receive(world.account, ParsedWebhook(statuses=[update]), now=NOW)
        return str(await world.scalar("SELECT status FROM messages WHERE direction = 'out'"))

    # The reference brings the status home before the provider's answer does.
    assert await status(DeliveryStatus.SENT) == "sent"
    assert await status(DeliveryStatus.READ) == "read"
    assert await status(DeliveryStatus.DELIVERED) == "read"
    assert await status(DeliveryStatus.FAILED) == "read"


async def test_failed_status_marks_address_and_account_by_error_class(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound()), now=NOW)
    (conversation,) = await world.conversations()
    reply_id = await _queue_reply(world, conversation)

    async def fail(error_class: ErrorClass) -> None:
        async with world.database.tenant(world.tenant_id) as connection:
            await connection.execute("UPDATE messages SET status = 'sent' WHERE direction = 'out'")
        update = StatusUpdate(
            account_external_id="simulador", provider_message_id="out-1", status=DeliveryStatus.FAILED,
            occurred_at=NOW, reference=str(reply_id), error=ProviderError(error_class=error_class, code="x"),
        )  # fmt: skip
        await world.inbox.receive(world.account, ParsedWebhook(statuses=[update]), now=NOW)

    await fail(ErrorClass.ADDRESS)
    assert await world.scalar("SELECT is_unreachable FROM addresses") is True
    await fail(ErrorClass.OPTOUT)
    assert (await world.contacts())[0].opted_out_at == NOW
    await fail(ErrorClass.STOP)
    assert await world.scalar("SELECT status FROM channel_accounts") == "stopped"


async def test_echo_of_our_own_send_is_recognised_and_a_humans_is_not(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound()), now=NOW)
    (conversation,) = await world.conversations()
    await _queue_reply(world, conversation, "Oi, Maria!")
    async with world.database.tenant(world.tenant_id) as connection:
        await connection.execute("UPDATE messages SET status = 'unknown' WHERE direction = 'out'")
    await world.inbox.receive(world.account, webhook(inbound("Oi, Maria!", id="e1", is_echo=True)), now=NOW)
    (conversation,) = await world.conversations()
    assert conversation.handler == "bot"
    assert await world.scalar("SELECT status FROM messages WHERE direction = 'out'") == "sent"

    await world.inbox.receive(world.account, webhook(inbound("deixa comigo", id="e2", is_echo=True)), now=NOW)
    (conversation,) = await world.conversations()
    assert (conversation.handler, conversation.handoff_reason) == ("human", "operator_replied")
    assert conversation.turn_due_at is None
    assert await world.scalar("SELECT count(*) FROM messages WHERE author = 'operator'") == 1


async def test_echo_that_comes_while_the_send_is_written_down_is_ours(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound()), now=NOW)
    (conversation,) = await world.conversations()
    reply_id = await _queue_reply(world, conversation, "Oi, Maria!")
    async with world.database.tenant(world.tenant_id) as connection:
        await connection.execute("UPDATE messages SET status = 'sending' WHERE direction = 'out'")
    async with world.database.tenant(world.tenant_id) as connection:
        await deliveries.mark_sent(connection, reply_id, provider_message_id="e1", now=NOW)
        echo = webhook(inbound("Oi, Maria!", id="e1", is_echo=True))
        receiving = asyncio.create_task(world.inbox.receive(world.account, echo, now=NOW))
        async with asyncio.timeout(10):
            while not await world.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # PostgreSQL tells nobody who begins to wait
    await receiving
    (conversation,) = await world.conversations()
    assert conversation.handler == "bot"
    assert await world.scalar("SELECT count(*) FROM messages WHERE author = 'operator'") == 0


async def test_no_turn_is_due_while_a_human_has_the_conversation(world: World) -> None:
    await world.inbox.receive(world.account, webhook(inbound("vou atender", id="e", is_echo=True)), now=NOW)
    await world.inbox.receive(world.account, webhook(inbound("obrigada")), now=NOW)
    (conversation,) = await world.conversations()
    assert (conversation.handler, conversation.turn_due_at) == ("human", None)


async def test_unknown_event_is_stored_once(world: World) -> None:
    event = ProviderEvent(account_external_id=None, kind="security", key="k1", data={"field": "security"})
    for _ in range(3):
        await world.inbox.receive(world.account, ParsedWebhook(events=[event]), now=NOW)
    assert await world.scalar("SELECT count(*) FROM provider_events") == 1


async def test_message_for_another_number_of_the_tenant_lands_there(world: World) -> None:
    other = await make_account(world.database, world.tenant_id, provider=Provider.SIMULATOR, external_id="outro")
    await world.inbox.receive(world.account, webhook(inbound(account="outro")), now=NOW)
    (conversation,) = await world.conversations()
    assert conversation.channel_account_id == other.id


async def test_concurrent_first_messages_of_one_person_make_one_conversation(world: World) -> None:
    spellings = [phone("+5511999990001"), phone("+551199990001"), WA_ID, WA_ID_WITHOUT_NINE]
    await asyncio.gather(
        *(
            world.inbox.receive(world.account, webhook(inbound(f"m{n}", addresses=[spellings[n % 4]])), now=NOW)
            for n in range(16)
        )
    )
    assert len(await world.contacts()) == 1
    (conversation,) = await world.conversations()
    assert len(await world.messages(conversation.id)) == 16


@pytest.mark.parametrize("seed", range(4))
async def test_any_interleaving_of_redeliveries_stores_each_message_once(world: World, seed: int) -> None:
    shuffle = random.Random(seed)
    sent = [inbound(f"mensagem {n}", id=f"m{n}", addresses=[phone(f"+55119999900{n % 3:02d}")]) for n in range(20)]
    deliveries = [*sent, *shuffle.choices(sent, k=30)]
    shuffle.shuffle(deliveries)
    batches = [deliveries[i : i + shuffle.randint(1, 4)] for i in range(0, len(deliveries), 2)]
    await asyncio.gather(*(world.inbox.receive(world.account, webhook(*batch), now=NOW) for batch in batches))
    for message in sent:
        await world.inbox.receive(world.account, webhook(message), now=NOW)
    assert await world.scalar("SELECT count(*) FROM messages") == 20
    assert await world.scalar("SELECT count(DISTINCT provider_message_id) FROM messages") == 20
    assert len(await world.contacts()) == 3


def _event(kind: str, key: str, **data: object) -> ParsedWebhook:
    return ParsedWebhook(events=[ProviderEvent(account_external_id=None, kind=kind, key=key, data=data)])


async def test_marketing_refusal_made_in_whatsapp_is_kept_and_lifted(world: World) -> None:
    live = "SELECT count(*) FROM opt_outs WHERE scope = 'marketing' AND revoked_at IS NULL"
    stop = _event("user_preferences", "1", wa_id="5511999990001", value="stop")
    await world.inbox.receive(world.account, stop, now=NOW)
    await world.inbox.receive(world.account, stop, now=NOW)
    assert await world.scalar(live) == 1
    assert (await world.contacts())[0].opted_out_at is None
    await world.inbox.receive(
        world.account, _event("user_preferences", "2", wa_id="5511999990001", value="resume"), now=NOW
    )
    assert await world.scalar(live) == 0


async def test_lost_session_stops_the_account_until_it_is_open_again(world: World) -> None:
    closed = _event("connection.update", "1", data={"state": "close", "statusReason": 401})
    await world.inbox.receive(world.account, closed, now=NOW)
    assert await world.scalar("SELECT status FROM channel_accounts") == "stopped"
    await world.inbox.receive(world.account, _event("connection.update", "2", data={"state": "open"}), now=NOW)
    assert await world.scalar("SELECT status FROM channel_accounts") == "active"


async def test_paused_template_is_told_to_operators(world: World) -> None:
    paused = _event("message_template_status_update", "1", value={"event": "PAUSED", "message_template_name": "x"})
    await world.inbox.receive(world.account, paused, now=NOW)
    assert await world.scalar("SELECT kind FROM events") == "template_trouble"


@pytest.mark.parametrize("kind", ["user_preferences", "connection.update", "message_template_status_update"])
@pytest.mark.parametrize(
    "data",
    [
        {},
        {"value": None},
        {"data": [1]},
        {"value": {"event": ["x"]}},
        {"data": {"state": [], "statusReason": {}}},
        {"wa_id": 3},
    ],
)
async def test_malformed_event_is_stored_and_does_nothing(world: World, kind: str, data: dict[str, object]) -> None:
    await world.inbox.receive(world.account, _event(kind, "1", **data), now=NOW)
    assert await world.scalar("SELECT count(*) FROM provider_events") == 1
    assert await world.scalar("SELECT count(*) FROM opt_outs") == 0
    assert await world.scalar("SELECT status FROM channel_accounts") == "active"
