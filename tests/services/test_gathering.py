"""Webhooks that come in at the same moment are stored together, each exactly once and each as if it came alone."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import psycopg

from domain.buffering import QuietWindow
from domain.messages import Address, AddressKind, MessageKind
from services.inbox import Inbox
from store import conversations, messages
from store.channel_accounts import AccountRow
from store.conversations import ConversationRow
from store.database import Database
from store.messages import MessageRow
from tests.factories import inbound, make_account, make_tenant, open_database, phone, webhook
from tests.fakes_clock import DEFAULT_NOW as NOW

BSUID = Address(kind=AddressKind.BSUID, value="BR.1502000000000000001")


async def _everything(database: Database, account: AccountRow) -> tuple[list[ConversationRow], list[MessageRow]]:
    async with database.tenant(account.tenant_id) as connection:
        rows, _ = await conversations.page(connection, status=None, handler=None, contact_id=None, limit=200, offset=0)
        stored = [message for row in rows for message in await messages.after(connection, row.id, seq=0, limit=500)]
    return rows, stored


def _number(at: int) -> Address:
    return phone(f"+55119999900{at:02d}")


async def test_a_crowd_of_webhooks_with_repetitions_is_stored_once_each(database_url: str) -> None:
    async with open_database(database_url) as database:
        account = await make_account(database, await make_tenant(database))
        inboxes = [Inbox(database, QuietWindow()) for _ in range(3)]  # three processes
        sent = [
            inbound(f"m{turn}", id=f"{who}-{turn}", addresses=[_number(who)]) for who in range(20) for turn in range(5)
        ]
        received = await asyncio.gather(
            *(inboxes[at % 3].receive(account, webhook(item), now=NOW) for at, item in enumerate([*sent, *sent]))
        )
        rows, stored = await _everything(database, account)
    assert sum(item.messages for item in received) == 100
    assert sum(item.duplicates for item in received) == 100
    assert Counter(message.provider_message_id for message in stored) == Counter(
        item.provider_message_id for item in sent
    )
    assert len(rows) == 20
    for row in rows:
        own = [message.seq for message in stored if message.conversation_id == row.id]
        assert (len(own), row.last_inbound_seq) == (5, max(own))
        assert row.turn_due_at == NOW + timedelta(seconds=1.5)


async def test_stored_together_is_the_same_as_stored_alone(database_url: str) -> None:
    async with open_database(database_url) as database:
        account = await make_account(database, await make_tenant(database))
        inbox = Inbox(database, QuietWindow())
        people = [(_number(1), BSUID), (_number(2),), (_number(3),)]
        await asyncio.gather(
            *(inbox.receive(account, webhook(inbound("oi", addresses=person)), now=NOW) for person in people)
        )
        later = NOW + timedelta(seconds=9.5)
        await asyncio.gather(
            inbox.receive(account, webhook(inbound("e também", addresses=people[0], sent_at=later)), now=later),
            inbox.receive(
                account,
                webhook(inbound(None, addresses=people[1], kind=MessageKind.REACTION, sent_at=later)),
                now=later,
            ),
            inbox.receive(account, webhook(inbound("pare", addresses=people[2], sent_at=later)), now=later),
        )
        rows, stored = await _everything(database, account)
    by_address = {row.address_value: row for row in rows}
    first, second = by_address[_number(1).value], by_address[_number(2).value]
    newest = max((message for message in stored if message.conversation_id == first.id), key=lambda item: item.seq)
    assert (newest.text, newest.kind, newest.sent_at, newest.content) == ("e também", "text", later, {})
    assert first.last_inbound_seq == newest.seq
    assert first.first_unanswered_at == NOW
    assert first.turn_due_at == NOW + timedelta(seconds=10)  # the cap from the first unanswered message
    assert second.last_inbound_at == later
    assert second.last_inbound_seq < max(item.seq for item in stored if item.conversation_id == second.id)
    assert second.first_unanswered_at == NOW
    assert len(rows) == 3
    assert len(stored) == 6


async def test_a_message_that_cannot_be_stored_fails_alone(database_url: str) -> None:
    async with open_database(database_url) as database:
        account = await make_account(database, await make_tenant(database))
        inbox = Inbox(database, QuietWindow())
        for who in range(6):
            await inbox.receive(account, webhook(inbound("oi", addresses=[_number(who)])), now=NOW)
        items = [inbound("e aí?", id=f"second-{who}", addresses=[_number(who)]) for who in range(6)]
        items[3] = replace(items[3], text="a\x00b")
        results = await asyncio.gather(
            *(inbox.receive(account, webhook(item), now=NOW) for item in items), return_exceptions=True
        )
        _, stored = await _everything(database, account)
    assert isinstance(results[3], psycopg.DataError)
    assert {message.provider_message_id for message in stored if message.text == "e aí?"} == {
        f"second-{who}" for who in range(6) if who != 3
    }
    assert not [result for at, result in enumerate(results) if at != 3 and isinstance(result, BaseException)]


async def test_a_waiting_webhook_that_is_given_up_does_not_hold_the_others_back(database_url: str) -> None:
    async with open_database(database_url, max_connections=1) as database:
        account = await make_account(database, await make_tenant(database))
        inbox = Inbox(database, QuietWindow())
        for who in range(3):
            await inbox.receive(account, webhook(inbound("oi", addresses=[_number(who)])), now=NOW)
        async with database.tenant(account.tenant_id):  # nobody else gets a connection meanwhile
            waiting = [
                asyncio.create_task(inbox.receive(account, webhook(inbound(addresses=[_number(who)])), now=NOW))
                for who in (0, 1, 2)
            ]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting[1].cancel()
        done = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(done[1], asyncio.CancelledError)
    assert [result.messages for result in (done[0], done[2]) if not isinstance(result, BaseException)] == [1, 1]


async def test_an_unreachable_database_is_said_to_everybody(database_url: str) -> None:
    async with open_database(database_url) as database:
        account = await make_account(database, await make_tenant(database))
        inbox = Inbox(database, QuietWindow())
    waiting = [inbox.receive(account, webhook(inbound(addresses=[_number(who)])), now=NOW) for who in range(4)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, psycopg.OperationalError) for result in results), results
