"""The REST API: scopes on every route, one tenant's rows only, errors in one form."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from domain.messages import Provider
from server.api.wire import ErrorAnswer
from server.app import API_PREFIX
from services.api_keys import Scope
from store import custom_fields
from store.custom_fields import CustomFieldRow
from tests.factories import make_tenant
from tests.server.conftest import Api, MakeAccount, post_webhook, simulator_body

OPEN_ROUTES = {"/health", "/ready", "/metrics", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}


def _api_paths(api: Api) -> list[tuple[str, str]]:
    paths = api.app.openapi()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods if path not in OPEN_ROUTES]


@pytest.fixture
async def headers(api: Api, tenant_id: UUID) -> dict[str, str]:
    return await api.key(tenant_id)


@pytest.fixture
async def conversation(api: Api, account_of: MakeAccount, headers: dict[str, str]) -> dict[str, Any]:
    """Give the tenant a customer who wrote once."""
    account = await account_of(Provider.SIMULATOR)
    await post_webhook(api, account, simulator_body("oi, quero ver minha fatura"))
    found = (await api.http.get("/api/v1/conversations", headers=headers)).json()
    assert found["total"] == 1
    item: dict[str, Any] = found["items"][0]
    return item


async def test_every_route_of_the_api_needs_a_scope(api: Api) -> None:
    paths = _api_paths(api)
    assert len(paths) > 30
    schema = api.app.openapi()["paths"]
    for method, path in paths:
        assert path.startswith(API_PREFIX), path
        assert schema[path][method.lower()]["security"], path
        filled = re.sub(r"\{[^}]*\}", str(uuid4()), path)
        answer = await api.http.request(method, filled)
        assert answer.status_code == 401, f"{method} {path}"
        assert answer.json()["error"]["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_key_opens_only_what_its_scopes_name(api: Api, tenant_id: UUID) -> None:
    expected = {
        "conversations": ("conversations:read", "conversations:write"),
        "contacts": ("contacts:read", "contacts:write"),
        "bot": ("conversations:read", "conversations:write"),
        "channel-accounts": ("channels:read", "channels:write"),
        "models": ("models:read", "models:write"),
        "prompts": ("prompts:read", "prompts:write"),
        "api-keys": ("admin", "admin"),
        "invoices": ("invoices:write", "invoices:write"),
        "events": ("conversations:read", ""),
        "usage": ("models:read", ""),
        "voice": ("campaigns:read", "campaigns:write"),
    }
    keys = {scope: await api.key(tenant_id, scope) for scope in Scope}
    for method, path in _api_paths(api):
        # What was said is the conversations', whatever it is listed by.
        is_talk = path.endswith("/timeline") or path.startswith((f"{API_PREFIX}/voice/call", "/api/voice/call"))
        area = "conversations" if is_talk else path.removeprefix(f"{API_PREFIX}/").split("/")[0]
        needed = expected[area][method != "GET"]
        filled = re.sub(r"\{[^}]*\}", str(uuid4()), path)
        for scope, key in keys.items():
            answer = await api.http.request(method, filled, headers=key)
            is_refused = answer.status_code == 403 and answer.json()["error"]["code"] == "scope_missing"
            assert is_refused is (scope not in (needed, "admin")), f"{method} {path} with {scope}"


async def test_wrong_keys_are_refused(api: Api, tenant_id: UUID) -> None:
    made_up = "Bearer mia_aaaaaaaa_" + "b" * 43
    for value in ("", "Bearer", "Bearer x", "Basic mia_a_b", "Bearer mia_", made_up, "Bearer mia_" + "m" * 9000):
        answer = await api.http.get("/api/v1/bot", headers={"authorization": value})
        assert answer.status_code == 401, value


async def test_only_the_hash_of_a_key_is_stored(api: Api, tenant_id: UUID, headers: dict[str, str]) -> None:
    made = await api.http.post("/api/v1/api-keys", headers=headers, json={"name": "ERP", "scopes": ["contacts:read"]})
    assert made.status_code == 201
    key = made.json()["key"]
    assert key.split("_")[1] == made.json()["prefix"]
    listed = await api.http.get("/api/v1/api-keys", headers=headers)
    assert key not in listed.text
    assert listed.json()["total"] == 2
    async with api.database.tenant(tenant_id) as connection:
        cursor = await connection.execute("SELECT row_to_json(k)::text AS row FROM api_keys k")
        assert all(key.split("_", 2)[2] not in row["row"] for row in await cursor.fetchall())


async def test_revoked_key_is_refused_at_once_here(api: Api, headers: dict[str, str]) -> None:
    made = (
        await api.http.post("/api/v1/api-keys", headers=headers, json={"name": "x", "scopes": ["contacts:read"]})
    ).json()
    own = {"authorization": f"Bearer {made['key']}"}
    assert (await api.http.get("/api/v1/contacts", headers=own)).status_code == 200
    revoked = await api.http.delete(f"/api/v1/api-keys/{made['id']}", headers=headers)
    assert revoked.json()["revokedAt"] is not None
    assert (await api.http.get("/api/v1/contacts", headers=own)).status_code == 401


async def test_last_admin_key_cannot_be_revoked(api: Api, headers: dict[str, str]) -> None:
    only = (await api.http.get("/api/v1/api-keys", headers=headers)).json()["items"][0]
    answer = await api.http.delete(f"/api/v1/api-keys/{only['id']}", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "last_admin_key")


async def test_use_of_a_key_is_noted_at_most_once_a_minute(api: Api, tenant_id: UUID, headers: dict[str, str]) -> None:
    async def last_used() -> str:
        api.app.state.api_keys.forget()
        items = (await api.http.get("/api/v1/api-keys", headers=headers)).json()["items"]
        return str(items[0]["lastUsedAt"])

    clock: Any = api.deps.clock
    first = await last_used()
    clock.advance(seconds=59)
    assert await last_used() == first
    clock.advance(seconds=1)
    assert await last_used() > first


async def test_operator_message_goes_to_the_outbox_and_the_bot_steps_back(
    api: Api, headers: dict[str, str], conversation: dict[str, Any]
) -> None:
    path = f"/api/v1/conversations/{conversation['id']}"
    assert conversation["isUnanswered"] is True
    wanted = {"id": str(uuid4()), "text": "Oi, Maria! Aqui é o Paulo."}
    for _ in range(2):
        sent = await api.http.post(f"{path}/messages", headers=headers, json=wanted)
        assert sent.status_code == 202
        assert [item["id"] for item in sent.json()["items"]] == [wanted["id"]]
    page = (await api.http.get(f"{path}/messages", headers=headers)).json()
    assert page["total"] == 2
    assert (page["items"][0]["author"], page["items"][0]["status"]) == ("operator", "sent")
    after = (await api.http.get(path, headers=headers)).json()
    assert (after["handler"], after["handoffReason"], after["isUnanswered"]) == ("human", "operator_replied", False)
    other = await api.http.post(f"{path}/messages", headers=headers, json=wanted | {"text": "outra coisa"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "message_id_taken")


async def test_long_operator_message_is_cut_to_the_channel(
    api: Api, headers: dict[str, str], conversation: dict[str, Any]
) -> None:
    text = "Uma frase inteira. " * 500
    wanted = {"id": str(uuid4()), "text": text}
    path = f"/api/v1/conversations/{conversation['id']}/messages"
    first = (await api.http.post(path, headers=headers, json=wanted)).json()["items"]
    assert len(first) > 1
    again = (await api.http.post(path, headers=headers, json=wanted)).json()["items"]
    assert [item["id"] for item in again] == [item["id"] for item in first]
    assert await api.count("messages") == 1 + len(first)


async def test_handoff_and_handback(api: Api, headers: dict[str, str], conversation: dict[str, Any]) -> None:
    path = f"/api/v1/conversations/{conversation['id']}"
    handed = await api.http.post(f"{path}/handoff", headers=headers, json={"reason": "pediu uma pessoa"})
    assert (handed.json()["handler"], handed.json()["handoffReason"]) == ("human", "pediu uma pessoa")
    twice = await api.http.post(f"{path}/handoff", headers=headers, json={"reason": "de novo"})
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "already_handed_off")
    api.deps.bell.local.clear()
    back = await api.http.post(f"{path}/handback", headers=headers)
    assert back.json()["handler"] == "bot"
    assert api.deps.bell.local.is_set()
    async with api.database.platform() as connection:
        cursor = await connection.execute("SELECT turn_due_at IS NOT NULL AS is_due FROM conversations")
        assert await cursor.fetchall() == [{"is_due": True}]
    twice = await api.http.post(f"{path}/handback", headers=headers)
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "not_handed_off")
    kinds = [item["kind"] for item in (await api.http.get("/api/v1/events", headers=headers)).json()["items"]]
    assert sorted(kinds) == ["handback", "handoff"]


async def test_closed_conversation_takes_nothing_more(
    api: Api, headers: dict[str, str], conversation: dict[str, Any]
) -> None:
    path = f"/api/v1/conversations/{conversation['id']}"
    assert (await api.http.post(f"{path}/close", headers=headers)).json()["status"] == "closed"
    calls = [
        ("POST", f"{path}/close", None),
        ("POST", f"{path}/handoff", {"reason": "x"}),
        ("POST", f"{path}/handback", None),
        ("POST", f"{path}/messages", {"text": "oi"}),
        ("PATCH", path, {"assignedAgent": "sales"}),
    ]
    for method, target, body in calls:
        answer = await api.http.request(method, target, headers=headers, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conversation_closed"), target


async def test_agent_can_be_assigned_and_let_go(
    api: Api, headers: dict[str, str], conversation: dict[str, Any]
) -> None:
    path = f"/api/v1/conversations/{conversation['id']}"
    for agent in ("cobranca", None):
        patched = await api.http.patch(path, headers=headers, json={"assignedAgent": agent})
        assert patched.json()["assignedAgent"] == agent
    assert (await api.http.patch(path, headers=headers, json={"assignedAgent": "nobody"})).status_code == 422


async def test_conversations_are_filtered(api: Api, headers: dict[str, str], conversation: dict[str, Any]) -> None:
    async def total(**query: str) -> int:
        return int((await api.http.get("/api/v1/conversations", headers=headers, params=query)).json()["total"])

    assert await total(status="open", handler="bot", contactId=conversation["contactId"]) == 1
    assert await total(status="closed") == 0
    assert await total(handler="human") == 0
    assert await total(contactId=str(uuid4())) == 0


async def test_timeline_shows_messages_and_turns_in_order(
    api: Api, tenant_id: UUID, headers: dict[str, str], conversation: dict[str, Any]
) -> None:
    clock: Any = api.deps.clock
    clock.advance(seconds=3)
    async with api.database.tenant(tenant_id) as connection:
        await connection.execute(
            "INSERT INTO turns (tenant_id, conversation_id, turn_seq, outcome, agent, verdict, trace, started_at,"
            " finished_at) VALUES (%s, %s, 1, 'committed', 'cobranca', 'approved', '[{\"step\": \"router\"}]', %s, %s)",
            [tenant_id, conversation["id"], clock.now(), clock.now()],
        )
    path = f"/api/v1/conversations/{conversation['id']}"
    await api.http.post(f"{path}/messages", headers=headers, json={"text": "oi"})
    timeline = (await api.http.get(f"{path}/timeline", headers=headers)).json()
    assert timeline["total"] == 3
    assert [entry["type"] for entry in timeline["items"]] == ["message", "turn", "message"]
    assert timeline["items"][1]["turn"]["trace"] == [{"step": "router"}]
    assert timeline["items"][2]["message"]["direction"] == "in"
    second = (await api.http.get(f"{path}/timeline", headers=headers, params={"limit": 1, "offset": 1})).json()
    assert second["items"] == timeline["items"][1:2]
    turns = (await api.http.get(f"{path}/turns", headers=headers)).json()
    assert (turns["total"], turns["items"][0]["verdict"]) == (1, "approved")


async def test_contacts_are_searched_and_changed(
    api: Api, tenant_id: UUID, headers: dict[str, str], conversation: dict[str, Any]
) -> None:
    async with api.database.tenant(tenant_id) as connection:
        await custom_fields.upsert(connection, tenant_id, CustomFieldRow(name="plano", label="Plano"))

    async def found(**query: str) -> int:
        return int((await api.http.get("/api/v1/contacts", headers=headers, params=query)).json()["total"])

    assert await found(search="mari") == 1
    assert await found(search="99999000") == 1
    for text in ("%", "_", "\\", "zé", "' OR 1=1 --"):
        assert await found(search=text) == 0, text
    path = f"/api/v1/contacts/{conversation['contactId']}"
    changes = {"name": "Maria Aparecida", "tags": ["vip", "vip"], "customFields": {"plano": "600 mega"}}
    changed = (await api.http.patch(path, headers=headers, json=changes | {"isBotEnabled": False})).json()
    assert (changed["name"], changed["tags"], changed["customFields"], changed["isBotEnabled"]) == (
        "Maria Aparecida", ["vip"], {"plano": "600 mega"}, False,
    )  # fmt: skip
    kinds = {(address["kind"], address["value"]) for address in changed["addresses"]}
    assert kinds == {("simulated", "+5511999990001"), ("phone", "+5511999990001")}
    assert await found(tag="vip") == 1
    unknown = await api.http.patch(path, headers=headers, json={"customFields": {"cor": "azul"}})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "invalid_input")


async def test_opt_out_is_recorded_and_lifted(api: Api, headers: dict[str, str], conversation: dict[str, Any]) -> None:
    path = f"/api/v1/contacts/{conversation['contactId']}/opt-out"
    for _ in range(2):
        refused = (await api.http.post(path, headers=headers, json={"reason": "pediu por telefone"})).json()
        assert refused["optedOutAt"] is not None
        assert [item["scope"] for item in refused["optOuts"]] == ["all"]
    lifted = (await api.http.delete(path, headers=headers)).json()
    assert (lifted["optedOutAt"], lifted["optOuts"]) == (None, [])


async def test_bot_switch(api: Api, headers: dict[str, str]) -> None:
    assert (await api.http.get("/api/v1/bot", headers=headers)).json() == {"isEnabled": True}
    assert (await api.http.put("/api/v1/bot", headers=headers, json={"isEnabled": False})).status_code == 200
    assert (await api.http.get("/api/v1/bot", headers=headers)).json() == {"isEnabled": False}


async def test_channel_account_lives_without_showing_its_secrets(
    api: Api, tenant_id: UUID, headers: dict[str, str]
) -> None:
    secret = "segredo-muito-secreto-1"
    body = {
        "provider": "twilio_sms", "externalId": "+5511400012340", "displayName": "SMS",
        "secrets": {"account_sid": "AC1", "auth_token": secret},
    }  # fmt: skip
    made = await api.http.post("/api/v1/channel-accounts", headers=headers, json=body)
    assert made.status_code == 201, made.text
    account = made.json()
    assert account["secretNames"] == ["account_sid", "auth_token"]
    assert account["webhookUrl"].startswith("https://ia.exemplo.com.br/webhooks/twilio/")
    again = await api.http.post("/api/v1/channel-accounts", headers=headers, json=body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "channel_account_exists")
    path = f"/api/v1/channel-accounts/{account['id']}"
    patched = await api.http.patch(
        path, headers=headers, json={"displayName": "SMS 2", "secrets": {"account_sid": None, "auth_token": "novo"}}
    )
    assert (patched.json()["displayName"], patched.json()["secretNames"]) == ("SMS 2", ["auth_token"])
    opened = await api.deps.accounts.by_id(tenant_id, UUID(account["id"]))
    assert opened
    assert dict(opened.channel.secrets) == {"auth_token": "novo"}
    assert (await api.http.post(f"{path}/disable", headers=headers)).json()["status"] == "disabled"
    assert (await api.http.post(f"{path}/enable", headers=headers)).json()["status"] == "active"
    listed = await api.http.get("/api/v1/channel-accounts", headers=headers)
    for answer in (made, again, patched, listed, await api.http.get(path, headers=headers)):
        assert secret not in answer.text
        assert "novo" not in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"secrets": {"auth_tokem": "x"}},
        {"secrets": {"api_key": "a\nb"}},
        {"settings": {"base_url": "http://169.254.169.254/latest"}},
        {"settings": {"base_url": "file:///etc/passwd"}},
        {"settings": {"base_url": "http://user:pass@host"}},
        {"settings": {"base_url": "http://[::1"}},
        {"externalId": " "},
        {"provider": "pombo"},
        {"sendsPerSecond": 0},
        {"unknown": 1},
    ],
)
async def test_bad_channel_accounts_are_refused(api: Api, headers: dict[str, str], changes: dict[str, Any]) -> None:
    body = {"provider": "evolution", "externalId": "x", "displayName": "x", "secrets": {}} | changes
    answer = await api.http.post("/api/v1/channel-accounts", headers=headers, json=body)
    assert answer.status_code == 422
    assert await api.count("channel_accounts") == 0


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("holding_sound_url", "https://sons.exemplo.com.br/espera.mp3", "http://sons.exemplo.com.br/espera.mp3"),
        ("transcription_language", "multi", "português!"),
    ],
)
async def test_settings_of_a_line_are_checked(
    api: Api, headers: dict[str, str], name: str, good: str, bad: str
) -> None:
    for place, (value, status) in enumerate(((good, 201), (bad, 422))):
        body = {
            "provider": "twilio_voice", "externalId": f"+55114000123{place}", "displayName": "x", "secrets": {},
            "settings": {name: value},
        }  # fmt: skip
        answer = await api.http.post("/api/v1/channel-accounts", headers=headers, json=body)
        assert answer.status_code == status
    body = {"provider": "retell", "externalId": "x", "displayName": "x", "secrets": {}, "settings": {name: good}}
    assert (await api.http.post("/api/v1/channel-accounts", headers=headers, json=body)).status_code == 422


async def test_check_asks_the_provider(api: Api, headers: dict[str, str], account_of: MakeAccount) -> None:
    account = await account_of(Provider.SIMULATOR)
    answer = await api.http.post(f"/api/v1/channel-accounts/{account.id}/check", headers=headers)
    assert answer.json() == {"isOk": True, "problem": None}
    body = {
        "provider": "evolution", "externalId": "x", "displayName": "x", "secrets": {"api_key": "k"},
        "settings": {"base_url": "http://127.0.0.1:9"},
    }  # fmt: skip
    made = (await api.http.post("/api/v1/channel-accounts", headers=headers, json=body)).json()
    away = (await api.http.post(f"/api/v1/channel-accounts/{made['id']}/check", headers=headers)).json()
    assert away["isOk"] is False
    assert away["problem"]


async def test_models_are_set_and_let_go(api: Api, headers: dict[str, str]) -> None:
    before = (await api.http.get("/api/v1/models", headers=headers)).json()
    assert {item["agent"] for item in before["items"]} >= {"persona", "cobranca", "sales", "*"}
    assert all(item["chain"] == ["offline"] and item["source"] == "default" for item in before["items"])
    put = await api.http.put(
        "/api/v1/models/cobranca", headers=headers, json={"chain": ["offline"], "temperature": 0.5}
    )
    assert put.json() == {"agent": "cobranca", "chain": ["offline"], "temperature": 0.5, "source": "tenant"}
    assert (await api.http.delete("/api/v1/models/cobranca", headers=headers)).status_code == 204
    assert (await api.http.delete("/api/v1/models/cobranca", headers=headers)).status_code == 404
    for agent, chain in (("nobody", ["offline"]), ("cobranca", ["rm -rf"]), ("cobranca", [])):
        bad = await api.http.put(f"/api/v1/models/{agent}", headers=headers, json={"chain": chain})
        assert bad.status_code in (404, 422)


async def test_prompts_are_written_activated_and_let_go(api: Api, headers: dict[str, str]) -> None:
    path = "/api/v1/prompts/cobranca"
    body = "Você é {{assistant.name}}, da {{tenant.name}}."
    for number in (1, 2):
        made = await api.http.post(f"{path}/versions", headers=headers, json={"body": f"{body} v{number}"})
        assert (made.status_code, made.json()["version"], made.json()["isActive"]) == (201, number, False)
    assert (await api.http.put(f"{path}/active", headers=headers, json={"version": 2})).json()["isActive"] is True

    async def active() -> object:
        items = (await api.http.get("/api/v1/prompts", headers=headers)).json()["items"]
        return next(item["activeVersion"] for item in items if item["name"] == "cobranca")

    assert await active() == 2
    missing = await api.http.put(f"{path}/active", headers=headers, json={"version": 9})
    assert missing.status_code == 404
    assert await active() == 2
    assert (await api.http.get(f"{path}/versions/1", headers=headers)).json()["body"] == f"{body} v1"
    assert (await api.http.get(f"{path}/versions", headers=headers)).json()["total"] == 2
    assert (await api.http.delete(f"{path}/active", headers=headers)).status_code == 204
    assert await active() is None
    assert "{{" in (await api.http.get(f"{path}/shipped", headers=headers)).json()["body"]
    refused = await api.http.post(f"{path}/versions", headers=headers, json={"body": "oi {{segredo}}"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid_input")
    assert (await api.http.get("/api/v1/prompts/nobody/versions", headers=headers)).status_code == 404


async def test_invoices_are_written_and_brought_up_to_date(api: Api, headers: dict[str, str]) -> None:
    invoice = {"number": "2026-10-001", "amountCents": 12990, "dueOn": "2026-10-10"}
    body = {"document": "529.982.247-25", "name": "Maria", "phone": "+5511999990001", "invoices": [invoice]}
    for amount in (12990, 9990):
        body["invoices"] = [invoice | {"amountCents": amount}]
        stored = await api.http.post("/api/v1/invoices", headers=headers, json=body)
        assert stored.status_code == 200, stored.text
        assert "52998224725" not in stored.text
    assert await api.count("invoices") == 1
    taken = await api.http.post("/api/v1/invoices", headers=headers, json=body | {"document": "111.444.777-35"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (422, "invoice_refused")
    bad = await api.http.post("/api/v1/invoices", headers=headers, json=body | {"document": "529.982.247-26"})
    assert (bad.status_code, bad.json()["error"]["code"]) == (422, "invalid_document")
    assert "529.982.247-26" not in bad.text


async def test_usage_is_summed_by_the_tenants_day(api: Api, tenant_id: UUID, headers: dict[str, str]) -> None:
    clock: Any = api.deps.clock
    async with api.database.tenant(tenant_id) as connection:
        for hours, tokens in ((0, 10), (0, 5), (-14, 1)):  # 00:00 UTC is still the day before in São Paulo
            await connection.execute(
                "INSERT INTO usage_records (tenant_id, id, agent, feature, provider, model, input_tokens,"
                " output_tokens, cost_usd, created_at) VALUES (%s, gen_random_uuid(), 'cobranca', 'reply', 'openai',"
                " 'm', %s, 2, 0.00000125, %s::timestamptz + make_interval(hours => %s))",
                [tenant_id, tokens, clock.now(), hours],
            )
    usage = (await api.http.get("/api/v1/usage", headers=headers)).json()
    assert [(item["day"], item["calls"], item["inputTokens"], item["costUsd"]) for item in usage["items"]] == [
        ("2026-11-20", 2, 15, "0.00000250"), ("2026-11-19", 1, 1, "0.00000125"),
    ]  # fmt: skip
    one = await api.http.get("/api/v1/usage", headers=headers, params={"from": "2026-11-19", "to": "2026-11-19"})
    assert one.json()["total"] == 1
    for query in ({"from": "2026-11-20", "to": "2026-11-19"}, {"from": "2001-01-01"}, {"to": "9999-12-31"}):
        assert (await api.http.get("/api/v1/usage", headers=headers, params=query)).status_code == 422


async def test_other_tenants_ids_are_unknown_on_every_route(
    api: Api, headers: dict[str, str], conversation: dict[str, Any], account_of: MakeAccount
) -> None:
    await api.http.post("/api/v1/prompts/cobranca/versions", headers=headers, json={"body": "segredo da A"})
    key = (await api.http.get("/api/v1/api-keys", headers=headers)).json()["items"][0]
    accounts = (await api.http.get("/api/v1/channel-accounts", headers=headers)).json()["items"]
    ids = {
        "conversation_id": conversation["id"], "contact_id": conversation["contactId"], "key_id": key["id"],
        "account_id": accounts[0]["id"], "name": "cobranca", "version": "1", "agent": "cobranca",
    }  # fmt: skip
    stranger = await api.key(await make_tenant(api.database, "outra-telecom"))
    bodies: Mapping[str, Any] = {
        "messages": {"text": "oi"}, "handoff": {"reason": "x"}, "active": {"version": 1},
        "{conversation_id}": {"assignedAgent": None}, "{contact_id}": {"name": "x"},
        "{account_id}": {"displayName": "x"},
    }  # fmt: skip
    before = await _everything(api)
    tried = 0
    for method, path in _api_paths(api):
        if "{" not in path or path.startswith(("/api/v1/models", "/api/v1/voice")):
            continue  # models have no ids; the campaigns' are tried in test_campaign_api.py
        filled = path.format(**ids)
        own_status = (await api.http.get(filled, headers=headers)).status_code if method == "GET" else 0
        answer = await api.http.request(method, filled, headers=stranger, json=bodies.get(path.rsplit("/", 1)[1]))
        if "prompts" in path and ("versions/" not in path and method != "PUT"):
            assert "segredo da A" not in answer.text
            continue
        tried += 1
        assert own_status in (0, 200), f"{method} {path}"
        assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
    assert tried >= 15
    for path in ("conversations", "contacts", "channel-accounts", "events", "usage"):
        assert (await api.http.get(f"/api/v1/{path}", headers=stranger)).json()["total"] == 0, path
    assert await _everything(api) == before


async def _everything(api: Api) -> str:
    tables = ("conversations", "contacts", "messages", "channel_accounts", "opt_outs")
    rows = {}
    async with api.database.platform() as connection:
        for table in tables:
            cursor = await connection.execute(f"SELECT to_jsonb(t) AS row FROM {table} t ORDER BY tenant_id, id")
            rows[table] = await cursor.fetchall()
    return json.dumps(rows, default=str)


_BOMBS = {
    "deep": b"[" * 50_000 + b"]" * 50_000,
    "deep-object": b'{"reason":' * 15_000 + b"1" + b"}" * 15_000,
    "broken": b'{"reason": ',
    "not-utf8": b'{"reason": "\xff"}',
    "nul": b'{"reason": "a\\u0000b"}',
    "surrogate": b'{"reason": "a\\ud800b"}',
    "huge-number": b'{"reason": ' + b"9" * 20_000 + b"}",
    "scalar": b"1",
    "empty": b"",
}


async def test_hostile_bodies_get_4xx_in_our_form(
    api: Api, headers: dict[str, str], conversation: dict[str, Any]
) -> None:
    path = f"/api/v1/conversations/{conversation['id']}/handoff"
    for name, body in _BOMBS.items():
        answer = await api.http.post(path, content=body, headers=headers | {"content-type": "application/json"})
        assert answer.status_code in (400, 422), name
        _check_form(answer)


async def test_too_large_bodies_get_413(api: Api, headers: dict[str, str]) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 10_000

    for content in (b" " * 300_000, chunks()):
        answer = await api.http.put(
            "/api/v1/bot", content=content, headers=headers | {"content-type": "application/json"}
        )
        assert answer.status_code == 413
        _check_form(answer)


async def test_bad_paths_and_queries_get_4xx_in_our_form(api: Api, headers: dict[str, str]) -> None:
    for path in (
        "/nothing", "/api/v1/nothing", "/api/v1/conversations/not-a-uuid", "/api/v1/contacts?limit=0",
        "/api/v1/contacts?offset=99999999999999999999", "/api/v1/contacts?search=%00", "/api/v1/bot/",
    ):  # fmt: skip
        answer = await api.http.get(path, headers=headers)
        assert 400 <= answer.status_code < 500, path
        _check_form(answer)


def _check_form(answer: httpx.Response) -> None:
    error = answer.json()["error"]
    assert error["requestId"] == answer.headers["x-request-id"]
    assert error["code"]
    assert "Traceback" not in answer.text


async def test_errors_come_in_the_form_that_is_documented(api: Api, headers: dict[str, str]) -> None:
    schema = api.app.openapi()
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    for method, path in _api_paths(api):
        answers = schema["paths"][path][method.lower()]["responses"]
        form = answers["4XX"]["content"]["application/json"]["schema"]
        assert form == {"$ref": "#/components/schemas/ErrorAnswer"}, f"{method} {path}"
        assert "422" not in answers or "HTTPValidationError" not in json.dumps(answers["422"])
    unfit = await api.http.post("/api/v1/voice/campaigns", headers=headers, json={})
    assert ErrorAnswer.model_validate(unfit.json(), extra="forbid").error.details
    missing = await api.http.get(f"/api/v1/voice/campaigns/{uuid4()}", headers=headers)
    assert ErrorAnswer.model_validate(missing.json(), extra="forbid").error.code == "not_found"


async def test_every_answer_has_safe_headers(api: Api, headers: dict[str, str]) -> None:
    for path in ("/health", "/nothing", "/api/v1/bot"):
        answer = await api.http.get(path, headers=headers)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
