"""Every recorded payload comes in once; everything hostile is refused in the way its provider expects."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from domain.messages import Provider
from server.webhooks.routes import PREFIXES
from tests.server.conftest import (
    PAYLOADS,
    PUBLIC_URL,
    SECRETS,
    Api,
    MakeAccount,
    make_settings,
    open_api,
    post_webhook,
    signed,
    simulator_body,
    webhook_path,
)

_INBOUND = {
    Provider.META: (
        "meta",
        ("inbound_", "status_", "batch_", "phone_number_", "template_status", "user_pref"),
        ".json",
    ),
    Provider.EVOLUTION: ("evolution", ("messages_", "connection_update", "qrcode_", "send_message_echo"), ".json"),
    Provider.TWILIO_SMS: ("twilio", ("sms_", "status_sms", "voice_"), ".form"),
    Provider.TWILIO_WHATSAPP: ("twilio", ("whatsapp_", "status_whatsapp"), ".form"),
}
RECORDED: list[tuple[Provider, Path]] = [
    (provider, path)
    for provider, (folder, starts, ending) in _INBOUND.items()
    for path in sorted((PAYLOADS / folder).glob(f"*{ending}"))
    if path.name.startswith(starts)
]


def test_there_are_payloads_of_every_provider() -> None:
    assert {provider for provider, _ in RECORDED} == set(_INBOUND)
    assert len(RECORDED) > 60


async def _stored(api: Api) -> tuple[int, int]:
    return await api.count("messages"), await api.count("provider_events")


async def test_every_recorded_payload_is_stored_once(api: Api, account_of: MakeAccount) -> None:
    accounts = {provider: await account_of(provider) for provider in _INBOUND}
    for provider, path in RECORDED:
        account, body = accounts[provider], path.read_bytes()
        expected = 204 if provider.startswith("twilio") else 200
        first = await post_webhook(api, account, body)
        assert first.status_code == expected, path.name
        after_first = await _stored(api)
        second = await post_webhook(api, account, body)
        assert second.status_code == expected, path.name
        assert await _stored(api) == after_first, path.name
    messages, events = await _stored(api)
    assert messages > 30
    assert events > 10


async def test_both_prefixes_lead_to_the_same_door(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.SIMULATOR)
    for number, prefix in enumerate(PREFIXES):
        body = simulator_body(id=f"m-{number}")
        path = f"{prefix}/simulator/{account.webhook_key}"
        assert (await api.http.post(path, content=body, headers=signed(account, path, body))).json() == {}
    assert await api.count("messages") == 2


async def test_message_wakes_the_runner(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.SIMULATOR)
    assert not api.deps.bell.local.is_set()
    await post_webhook(api, account, b"{}")
    assert not api.deps.bell.local.is_set()
    await post_webhook(api, account, simulator_body())
    assert api.deps.bell.local.is_set()


async def test_status_callback_finds_our_message_by_its_reference(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.TWILIO_SMS)
    await post_webhook(api, account, (PAYLOADS / "twilio/sms_inbound.form").read_bytes())
    async with api.database.tenant(account.tenant_id) as connection:
        cursor = await connection.execute(
            "INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind,"
            " sent_at, status) SELECT tenant_id, gen_random_uuid(), id, channel_account_id, 'out', 'agent', 'text',"
            " now(), 'unknown' FROM conversations RETURNING id"
        )
        row = await cursor.fetchone()
    assert row
    body = (PAYLOADS / "twilio/status_sms_delivered.form").read_bytes()
    assert (await post_webhook(api, account, body, query=f"ref={row['id']}")).status_code == 204
    async with api.database.tenant(account.tenant_id) as connection:
        cursor = await connection.execute("SELECT status FROM messages WHERE direction = 'out'")
        assert await cursor.fetchall() == [{"status": "delivered"}]


@pytest.mark.parametrize("provider", list(SECRETS))
async def test_wrong_signature_is_refused_and_stores_nothing(
    api: Api, account_of: MakeAccount, provider: Provider
) -> None:
    account = await account_of(provider)
    path = webhook_path(account)
    body = b"From=%2B5511999990001&Body=oi" if provider.startswith("twilio") else simulator_body()
    good = signed(account, path, body)
    for name in set(good) - {"content-type"}:
        forged = good | {name: good[name][:-1] + ("0" if good[name][-1] != "0" else "1")}
        refused = await api.http.post(path, content=body, headers=forged)
        assert (refused.status_code, refused.content) == (403, b"")
    unsigned = await api.http.post(path, content=body, headers={"content-type": good["content-type"]})
    assert unsigned.status_code == (401 if provider is Provider.META else 403)
    if provider is not Provider.EVOLUTION:  # Evolution's static secret does not cover the body
        changed = await api.http.post(path, content=body + b"&x=1", headers=good)
        assert changed.status_code == 403
    assert await _stored(api) == (0, 0)


async def test_signature_is_checked_against_the_public_url_and_not_the_host(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.TWILIO_SMS)
    body = (PAYLOADS / "twilio/sms_inbound.form").read_bytes()
    path = webhook_path(account, query="a=%C3%A7&b=")
    headers = signed(account, path, body) | {"host": "outro.exemplo", "x-forwarded-host": "mau.exemplo"}
    assert (await api.http.post(path, content=body, headers=headers)).status_code == 204


async def test_meta_handshake(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.META)
    query = {"hub.mode": "subscribe", "hub.verify_token": SECRETS[Provider.META]["verify_token"]}
    good = await api.http.get(webhook_path(account, query=urlencode(query | {"hub.challenge": "1158201444"})))
    assert (good.status_code, good.text) == (200, "1158201444")
    assert good.headers["content-type"].startswith("text/plain")
    bad = await api.http.get(webhook_path(account, query=urlencode(query | {"hub.verify_token": "outro"})))
    assert bad.status_code == 403


async def test_handshake_of_a_provider_that_has_none_is_refused(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.EVOLUTION)
    assert (await api.http.get(webhook_path(account))).status_code == 403


async def test_unknown_key_and_other_providers_key_look_the_same(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.SIMULATOR)
    body = simulator_body()
    paths = [
        "/webhooks/simulator/unknown-key",
        f"/webhooks/meta/{account.webhook_key}",
        f"/webhooks/nobody/{account.webhook_key}",
        f"/webhooks/simulator/{'k' * 5000}",
        "/webhooks/simulator/%00",
        "/webhooks/simulator/%F0%9F%92%A9",
    ]
    answers = [await api.http.post(path, content=body, headers=signed(account, path, body)) for path in paths]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, b"")}


_HOSTILE = {
    "empty": b"",
    "not-json": b"\xff\xfe{{{",
    "deep": b"[" * 60_000 + b"]" * 60_000,
    "deep-object": b'{"a":' * 25_000 + b"1" + b"}" * 25_000,
    "huge-number": b'{"messages":[{"id":' + b"9" * 50_000 + b"}]}",
    "nan": b'{"messages":NaN}',
    "scalar": b"42",
    "nul-and-surrogate": json.dumps(
        {"messages": [{"id": "a\x00b", "from": "\ud800+55", "text": "oi\x00\udfff", "name": "\x00"}]}
    ).encode(),
    "wrong-types": b'{"messages":{"id":[]},"entry":[null,1,{"changes":"x"}],"data":[[]],"event":7}',
    "long-ids": json.dumps({"messages": [{"id": "x" * 9000, "from": "9" * 9000, "text": "y" * 90_000}]}).encode(),
}


@pytest.mark.parametrize("provider", list(SECRETS))
async def test_nonsense_with_a_good_signature_is_kept_once_and_answered(
    api: Api, account_of: MakeAccount, provider: Provider
) -> None:
    account = await account_of(provider)
    path = webhook_path(account)
    for number, (name, body) in enumerate(_HOSTILE.items(), start=1):
        if provider.startswith("twilio"):
            # What is no form cannot be signed as one: it is refused or kept, and never a server error.
            answer = await api.http.post(path, content=body, headers=signed(account, path, b""))
            assert answer.status_code in (204, 403), name
            continue
        for _ in range(2):
            answer = await api.http.post(path, content=body, headers=signed(account, path, body))
            assert answer.status_code == 200, name
        assert sum(await _stored(api)) == number, name


async def test_too_large_a_body_is_refused_declared_or_not(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.SIMULATOR)
    path, body = webhook_path(account), b"x" * 200_001

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(21):
            yield b"x" * 10_000

    declared = await api.http.post(path, content=body, headers=signed(account, path, body))
    chunked = await api.http.post(path, content=chunks())
    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert await _stored(api) == (0, 0)


async def test_other_methods_are_refused(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.SIMULATOR)
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await api.http.request(method, webhook_path(account))).status_code == 405


async def test_secrets_under_a_lost_key_ask_the_provider_to_come_again(
    api: Api, account_of: MakeAccount, database_url: str
) -> None:
    account = await account_of(Provider.SIMULATOR)
    other = make_settings(database_url, encryption_keys="andere:" + "A" * 43 + "=")
    async with open_api(other) as without_key:
        answer = await post_webhook(without_key, account, simulator_body())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.content == b""


async def test_away_database_asks_the_provider_to_come_again(
    api: Api, account_of: MakeAccount, postgres_url: str
) -> None:
    account = await account_of(Provider.SIMULATOR)
    assert (await post_webhook(api, account, simulator_body())).status_code == 200
    name = urlsplit(api.database.url).path.removeprefix("/")
    allow = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    async with await AsyncConnection.connect(postgres_url, autocommit=True) as admin:
        await admin.execute(allow.format(Identifier(name), SQL("false")))
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        away, ready = await asyncio.gather(post_webhook(api, account, simulator_body(id="m-2")), api.http.get("/ready"))
        await admin.execute(allow.format(Identifier(name), SQL("true")))
    assert (away.status_code, away.content) == (503, b"")
    assert int(away.headers["retry-after"]) > 0
    assert ready.status_code == 503
    assert ready.json()["dependencies"]["postgres"]["status"] == "failed"
    back = await post_webhook(api, account, simulator_body(id="m-2"))
    while back.status_code == 503:
        back = await post_webhook(api, account, simulator_body(id="m-2"))
    assert back.status_code == 200
    assert await api.count("messages") == 2


def test_public_url_is_the_one_the_tests_sign() -> None:
    assert make_settings("postgresql://x/y").public_base_url == PUBLIC_URL
