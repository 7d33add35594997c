"""Calls over the API: camelCase, the talk with its times, requests of calls, 404 and 409 as elsewhere."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from channels.base import Unavailable
from domain.messages import ErrorClass, Provider
from server.api.voice import calls as routes
from store import promises
from store.channel_accounts import AccountRow
from store.promises import PromiseRow
from tests.business_world import PHONE, World, make_world
from tests.factories import make_account
from tests.fakes.voice_line import FakeLine
from tests.fakes_clock import FakeClock
from tests.server.conftest import Api, make_settings, open_api

NOW = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
PREFIX = "/api/v1/voice"
PORTUGUESE = {"accept-language": "pt-BR"}


@dataclass(frozen=True, kw_only=True)
class Calls:
    api: Api
    world: World
    other: World
    account: AccountRow
    line: FakeLine
    headers: dict[str, str]

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.api.http.get(f"{PREFIX}{path}", params=query, headers=self.headers)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> httpx.Response:
        return await self.api.http.post(f"{PREFIX}{path}", json=body, headers={**self.headers, **headers})

    async def call(self, *, status: str = "in_progress", minutes: int = 0, direction: str = "in", **more: Any) -> UUID:
        call_id = uuid4()
        values: dict[str, Any] = {
            "tenant_id": self.world.tenant.id, "id": call_id, "channel_account_id": self.account.id,
            "contact_id": self.world.contact_id, "direction": direction, "phone": PHONE, "status": status,
            "status_at": NOW, "created_at": NOW + timedelta(minutes=minutes),
            "provider_call_id": f"c-{call_id.hex[:8]}",
            "purpose": "inbound" if direction == "in" else "campaign",
        } | more  # fmt: skip
        names = ", ".join(values)
        places = ", ".join(f"%({name})s" for name in values)
        async with self.api.database.tenant(self.world.tenant.id) as connection:
            await connection.execute(f"INSERT INTO calls ({names}) VALUES ({places})".encode(), values)
        return call_id

    async def say(self, call_id: UUID, direction: str, text: str, *, seconds: int, content: str = "{}") -> None:
        async with self.api.database.tenant(self.world.tenant.id) as connection:
            await connection.execute(
                b"INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, "
                b"text, content, sent_at, created_at, call_id) SELECT tenant_id, gen_random_uuid(), id, "
                b"channel_account_id, %(direction)s, %(author)s, 'text', %(text)s, %(content)s::jsonb, %(at)s, %(at)s, "
                b"%(call)s FROM conversations WHERE id = %(conversation)s",
                {
                    "direction": direction, "author": "customer" if direction == "in" else "agent", "text": text,
                    "content": content, "at": NOW + timedelta(seconds=seconds), "call": call_id,
                    "conversation": self.world.conversation_id,
                },
            )  # fmt: skip


@pytest.fixture
async def calls(database_url: str, clock: FakeClock) -> AsyncIterator[Calls]:
    clock.set(NOW)
    async with open_api(make_settings(database_url), clock) as api:
        world, other = await make_world(api.database), await make_world(api.database, slug="outra")
        account = await make_account(
            api.database, world.tenant.id, provider=Provider.RETELL, external_id="+551140001234"
        )
        line = FakeLine(provider=Provider.RETELL)
        if not any(getattr(route, "path", "") == f"{PREFIX}/calls" for route in api.app.routes):
            api.app.include_router(routes.router, prefix=PREFIX)
        _speak_through(api, line)
        yield Calls(
            api=api, world=world, other=other, account=account, line=line, headers=await api.key(world.tenant.id)
        )


def _speak_through(api: Api, line: FakeLine) -> None:
    """Let the api's calls go through a line in memory."""
    api.app.state.deps = replace(api.deps, voice_lines={line.provider: line})


async def test_call_is_shown_with_its_talk_and_times(calls: Calls) -> None:
    call_id = await calls.call(
        status="completed", answered_at=NOW, ended_at=NOW + timedelta(seconds=61), duration_seconds=61, cost_cents=60,
        agent_version="3", disconnection_reason="user_hangup", recording_url="https://g.exemplo/1.wav",
        summary="Resumo",
    )  # fmt: skip
    await calls.say(
        call_id, "out", "Olá! Aqui", seconds=1, content='{"meant": "Olá! Aqui é a Lia.", "isInterrupted": true}'
    )
    await calls.say(call_id, "in", "Oi", seconds=3)
    body = (await calls.get(f"/calls/{call_id}")).json()
    assert body.pop("transcript") == [
        {
            "speaker": "agent", "text": "Olá! Aqui", "meant": "Olá! Aqui é a Lia.", "isInterrupted": True,
            "at": "2026-11-18T14:00:01Z", "startSeconds": 1.0,
        },
        {
            "speaker": "customer", "text": "Oi", "meant": None, "isInterrupted": False, "at": "2026-11-18T14:00:03Z",
            "startSeconds": 3.0,
        },
    ]  # fmt: skip
    assert {name: body[name] for name in ("outcome", "isVoicemail", "durationSeconds", "costCents", "summary")} == {
        "outcome": "answered", "isVoicemail": False, "durationSeconds": 61, "costCents": 60, "summary": "Resumo"
    }  # fmt: skip
    assert (body["agentVersion"], body["disconnectionReason"], body["recordingUrl"]) == (
        "3", "user_hangup", "https://g.exemplo/1.wav"
    )  # fmt: skip
    (listed,) = (await calls.get("/calls")).json()["items"]
    assert listed == body


async def test_transcript_of_a_hosted_agent_is_shown(calls: Calls) -> None:
    entries = '[{"role": "user", "text": "Oi", "startSeconds": 2.5}]'
    call_id = await calls.call(status="completed", provider_transcript=entries)
    (said,) = (await calls.get(f"/calls/{call_id}")).json()["transcript"]
    assert (said["speaker"], said["text"], said["startSeconds"], said["at"]) == ("customer", "Oi", 2.5, None)


async def test_voicemail_is_marked(calls: Calls) -> None:
    call_id = await calls.call(status="completed", direction="out", answered_by="machine_start")
    body = (await calls.get(f"/calls/{call_id}")).json()
    assert (body["isVoicemail"], body["outcome"]) == (True, "voicemail")


async def test_filters(calls: Calls) -> None:
    first = await calls.call(status="completed")
    second = await calls.call(status="busy", direction="out", minutes=10)

    async def found(**query: str) -> list[str]:
        answer = await calls.get("/calls", **query)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await found() == [str(second), str(first)]
    assert await found(status="busy") == [str(second)]
    assert await found(direction="in") == [str(first)]
    assert await found(purpose="campaign") == [str(second)]
    assert await found(contactId=str(calls.world.contact_id), limit="1") == [str(second)]
    assert await found(targetId=str(uuid4())) == []
    assert await found(**{"from": "2026-11-18T14:05:00Z"}) == [str(second)]
    assert await found(to="2026-11-18T14:05:00Z") == [str(first)]
    for bad in ({"status": "quem_sabe"}, {"from": "2026-11-18T14:05:00"}, {"limit": "0"}):
        assert (await calls.get("/calls", **bad)).status_code == 422


async def test_call_of_another_tenant_is_not_there(calls: Calls) -> None:
    call_id = await calls.call()
    headers = await calls.api.key(calls.other.tenant.id)
    for path in (f"/calls/{call_id}", f"/calls/{uuid4()}", f"/call-requests/{uuid4()}"):
        answer = await calls.api.http.get(PREFIX + path, headers={**headers, **PORTUGUESE})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert "pedido de ligação" in answer.json()["error"]["message"]


async def test_live_call_is_hung_up_once_and_ended_ones_are_not(calls: Calls) -> None:
    live, ended = await calls.call(), await calls.call(status="completed")
    answer = await calls.post(f"/calls/{live}/hang-up")
    assert answer.status_code == 202
    assert len(calls.line.hung_up) == 1
    refused = await calls.post(f"/calls/{ended}/hang-up", None, **PORTUGUESE)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "call_not_live")
    assert "completed" in refused.json()["error"]["message"]
    calls.line.errors.append(Unavailable(error_class=ErrorClass.RETRY, code="503"))
    failed = await calls.post(f"/calls/{live}/hang-up")
    assert (failed.status_code, failed.json()["error"]["code"]) == (409, "call_not_hung_up")


async def test_request_is_made_moved_listed_and_withdrawn(calls: Calls) -> None:
    body = {"contactId": str(calls.world.contact_id), "reason": "pediu retorno"}
    made = await calls.post("/call-requests", body)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["wantedAt"], made.json()["phone"]) == (
        "waiting", "2026-11-18T14:02:00Z", PHONE
    )  # fmt: skip
    moved = await calls.post("/call-requests", body | {"wantedAt": "2026-11-19T15:00:00-03:00"})
    assert (moved.json()["id"], moved.json()["wantedAt"]) == (made.json()["id"], "2026-11-19T18:00:00Z")
    listed = (await calls.get("/call-requests", state="waiting", contactId=str(calls.world.contact_id))).json()
    assert (listed["total"], listed["items"]) == (1, [moved.json()])
    request_id = made.json()["id"]
    assert (await calls.get(f"/call-requests/{request_id}")).json() == moved.json()
    gone = await calls.api.http.delete(f"{PREFIX}/call-requests/{request_id}", headers=calls.headers)
    assert (gone.status_code, gone.json()["state"], gone.json()["outcome"]) == (200, "canceled", "operator")


@pytest.mark.parametrize(
    ("change", "status", "code", "words"),
    [
        ({"wantedAt": "2026-11-18T23:30:00Z"}, 409, "outside_call_hours", "19/11/2026 11:00"),
        ({"wantedAt": "2026-11-17T14:00:00Z"}, 422, "invalid_input", "wantedAt: não pode estar no passado"),
        ({"wantedAt": "2027-11-17T14:00:00Z"}, 422, "invalid_input", "no máximo 7 dias"),
        ({"wantedAt": "2026-11-18T15:00:00"}, 422, "invalid_request", "detalhes"),
        ({"reason": ""}, 422, "invalid_request", "detalhes"),
        ({"contactId": str(uuid4())}, 404, "not_found", "este contato"),
        ({"more": 1}, 422, "invalid_request", "detalhes"),
    ],
)
async def test_request_that_cannot_be_made(
    calls: Calls, change: Mapping[str, Any], status: int, code: str, words: str
) -> None:
    body = {"contactId": str(calls.world.contact_id), "reason": "x"} | dict(change)
    answer = await calls.post("/call-requests", body, **PORTUGUESE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE contacts SET opted_out_at = now()", "call_not_allowed"),
        ("UPDATE channel_accounts SET status = 'stopped' WHERE medium = 'voice'", "no_voice_account"),
        ("UPDATE conversations SET address_kind = 'lid'", "no_phone"),
        ("DELETE FROM conversations", "contact_without_conversation"),
    ],
)
async def test_conflicts_are_told_in_portuguese(calls: Calls, statement: str, code: str) -> None:
    async with calls.api.database.tenant(calls.world.tenant.id) as connection:
        await connection.execute(statement.encode())
    body = {"contactId": str(calls.world.contact_id), "reason": "x"}
    english, portuguese = (
        await calls.post("/call-requests", body),
        await calls.post("/call-requests", body, **PORTUGUESE),
    )
    assert english.status_code == portuguese.status_code == 409
    assert english.json()["error"]["code"] == code
    assert english.json()["error"]["message"] != portuguese.json()["error"]["message"]


async def test_scopes(calls: Calls) -> None:
    reader = await calls.api.key(calls.world.tenant.id, "conversations:read")
    assert (await calls.api.http.get(f"{PREFIX}/calls", headers=reader)).status_code == 200
    denied = await calls.api.http.post(f"{PREFIX}/calls/{uuid4()}/hang-up", headers=reader)
    assert denied.status_code == 403
    assert (await calls.api.http.get(f"{PREFIX}/calls")).status_code == 401


async def test_short_calls_of_the_day_are_counted_per_number(calls: Calls) -> None:
    for seconds in (2, 90):
        await calls.call(status="completed", direction="out", duration_seconds=seconds)
    await calls.call(status="completed", direction="out", duration_seconds=1, minutes=-24 * 60)
    await calls.call(status="completed", duration_seconds=1)  # they rang us
    assert (await calls.get("/calls/figures")).json()["items"] == [
        {
            "accountId": str(calls.account.id), "provider": "retell", "displayName": "+551140001234",
            "status": "active", "ended": 2, "short": 1, "shortShare": 0.5,
        }
    ]  # fmt: skip


async def test_timeline_of_a_contact_holds_promises_with_the_document_masked(calls: Calls) -> None:
    promise = PromiseRow(
        id=uuid4(), protocol="P1", document="52998224725", contact_id=calls.world.contact_id, conversation_id=None,
        turn_seq=None, amount_cents=11990, due_on=NOW.date(), protected_until=NOW, method="Pix", notes=None,
        status="pending", replaced_by=None, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    await calls.call(status="completed", minutes=-2)
    async with calls.api.database.tenant(calls.world.tenant.id) as connection:
        await promises.put(connection, calls.world.tenant.id, promise)
    path = f"/api/v1/contacts/{calls.world.contact_id}/timeline"
    body = (await calls.api.http.get(path, headers=calls.headers)).json()
    assert (body["total"], [item["type"] for item in body["items"]]) == (2, ["promise", "call"])
    told = body["items"][0]["promise"]
    assert (told["amountCents"], told["document"], told["protocol"]) == (11990, "***.***.***-25", "P1")


async def test_timeline_of_a_contact_holds_messages_calls_and_requests(calls: Calls) -> None:
    made = await calls.post("/call-requests", {"contactId": str(calls.world.contact_id), "reason": "x"})
    call_id = await calls.call(status="completed", minutes=2, summary="Resumo da ligação")
    await calls.say(call_id, "in", "Oi", seconds=121)
    path = f"/api/v1/contacts/{calls.world.contact_id}/timeline"
    body = (await calls.api.http.get(path, headers=calls.headers)).json()
    assert body["total"] == 2
    call, request = body["items"]
    assert (call["type"], call["call"]["summary"], call["call"]["transcript"][0]["text"], call["message"]) == (
        "call", "Resumo da ligação", "Oi", None
    )  # fmt: skip
    assert (request["type"], request["callRequest"]["id"]) == ("call_request", made.json()["id"])
    async with calls.api.database.tenant(calls.world.tenant.id) as connection:
        await connection.execute(b"UPDATE messages SET call_id = NULL")
    newest = (await calls.api.http.get(path, params={"limit": 1}, headers=calls.headers)).json()
    assert (newest["total"], newest["items"][0]["type"], newest["items"][0]["message"]["text"]) == (3, "message", "Oi")
    missing = await calls.api.http.get(f"/api/v1/contacts/{uuid4()}/timeline", headers=calls.headers)
    assert missing.status_code == 404
