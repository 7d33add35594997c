"""Promises over the API: camelCase, masked documents, 404 for what is another tenant's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from domain.promises import PromisedInvoice, protection_end
from services.ledger import NewInvoice, upsert_customer_invoices
from store import promises
from store.promises import PromiseRow
from tests.business_world import JOAO, MARIA, World, make_world
from tests.fakes_clock import DEFAULT_NOW, FakeClock
from tests.server.conftest import Api, make_settings, open_api

DUE = date(2026, 11, 27)


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """The api with a tenant, its key and the path of promises."""

    api: Api
    world: World
    headers: dict[str, str]
    path: str

    async def promise(self, *, document: str = MARIA, minutes: int = 0, world: World | None = None) -> PromiseRow:
        owner = world or self.world
        row = PromiseRow(
            id=uuid4(), protocol=f"P{uuid4().hex[:6]}", document=document, contact_id=owner.contact_id,
            conversation_id=owner.conversation_id, turn_seq=1, amount_cents=11990, due_on=DUE,
            protected_until=protection_end(DUE, [owner.tenant.time_zone]), method="Pix",
            notes="falar com o CPF 529.982.247-25", status="pending", replaced_by=None,
            created_at=DEFAULT_NOW + timedelta(minutes=minutes), updated_at=DEFAULT_NOW, debt_cents=23980,
            invoices=[PromisedInvoice(number="FAT-1", amount_cents=11990)],
        )  # fmt: skip
        async with self.api.database.tenant(owner.tenant.id) as connection:
            await promises.put(connection, owner.tenant.id, row)
        return row

    async def get(self, path: str = "", **query: Any) -> httpx.Response:
        return await self.api.http.get(self.path + path, params=query, headers=self.headers)

    async def patch(self, promise_id: UUID, body: dict[str, Any]) -> httpx.Response:
        return await self.api.http.patch(f"{self.path}/{promise_id}", json=body, headers=self.headers)


@pytest.fixture
async def voice(database_url: str, clock: FakeClock) -> AsyncIterator[Voice]:
    async with open_api(make_settings(database_url), clock) as api:
        world = await make_world(api.database)
        await upsert_customer_invoices(
            api.database, tenant_id=world.tenant.id, document=MARIA, name="Maria da Silva", phone=None,
            new_invoices=[
                NewInvoice(number=number, amount_cents=11990, due_on=date(2026, 10, 10))
                for number in ("FAT-1", "FAT-2")
            ],
        )  # fmt: skip
        yield Voice(api=api, world=world, headers=await api.key(world.tenant.id), path="/api/v1/voice/promises")


async def test_promise_is_shown_whole_but_for_the_document(voice: Voice) -> None:
    row = await voice.promise()
    answer = await voice.get(f"/{row.id}")
    assert answer.status_code == 200
    assert MARIA not in answer.text
    assert "529.982.247-25" not in answer.text
    body = answer.json()
    assert body.pop("notes").startswith("falar com o CPF")
    assert body == {
        "id": str(row.id), "protocol": row.protocol, "status": "pending", "document": "***.***.***-25",
        "contactId": str(row.contact_id), "conversationId": str(row.conversation_id), "amountCents": 11990,
        "paidCents": 0, "debtCents": 23980, "dueOn": "2026-11-27", "protectedUntil": "2026-11-28T03:00:00Z",
        "method": "Pix", "invoices": [{"number": "FAT-1", "amountCents": 11990}], "replacedBy": None,
        "remindedAt": None, "fulfilledAt": None, "brokenAt": None, "createdAt": "2026-11-20T14:00:00Z",
        "updatedAt": "2026-11-20T14:00:00Z",
    }  # fmt: skip


async def test_list_filters_by_status_and_document(voice: Voice) -> None:
    maria, joao = await voice.promise(), await voice.promise(document=JOAO, minutes=1)
    await voice.patch(joao.id, {"status": "broken"})

    async def ids(**query: Any) -> list[str]:
        answer = await voice.get(**query)
        assert answer.status_code == 200
        assert answer.json()["total"] == len(answer.json()["items"])
        return [item["id"] for item in answer.json()["items"]]

    assert await ids() == [str(joao.id), str(maria.id)]
    assert await ids(status="broken") == [str(joao.id)]
    assert await ids(contactDocument="529.982.247-25") == [str(maria.id)]
    assert await ids(contactDocument=JOAO, status="pending") == []


async def test_pages_of_a_list(voice: Voice) -> None:
    first, _, last = [
        await voice.promise(document=document, minutes=place)
        for place, document in enumerate((MARIA, JOAO, "12345678909"))
    ]
    body = (await voice.get(limit=1, offset=0)).json()
    assert ([item["id"] for item in body["items"]], body["total"], body["limit"]) == ([str(last.id)], 3, 1)
    assert (await voice.get(limit=1, offset=2)).json()["items"][0]["id"] == str(first.id)


@pytest.mark.parametrize("query", [{"status": "lost"}, {"contactDocument": "123"}, {"limit": 0}, {"offset": -1}])
async def test_bad_filters_are_refused(voice: Voice, query: dict[str, Any]) -> None:
    answer = await voice.get(**query)
    assert answer.status_code == 422
    assert "123" not in answer.text.replace(answer.json()["error"]["requestId"], "")


@pytest.mark.parametrize("status", ["fulfilled", "broken", "canceled"])
async def test_operator_ends_a_promise_once(voice: Voice, status: str) -> None:
    row = await voice.promise()
    answer = await voice.patch(row.id, {"status": status})
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert (await voice.patch(row.id, {"status": status})).json() == answer.json()
    other = await voice.patch(row.id, {"amountCents": 5000})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "promise_settled")


async def test_new_day_and_amount_answer_with_the_new_promise(voice: Voice) -> None:
    row = await voice.promise()
    new = (await voice.patch(row.id, {"dueOn": "2026-12-04", "amountCents": 23980})).json()
    assert new["id"] != str(row.id)
    assert (new["status"], new["dueOn"], new["amountCents"]) == ("pending", "2026-12-04", 23980)
    assert [invoice["number"] for invoice in new["invoices"]] == ["FAT-1", "FAT-2"]
    old = (await voice.get(f"/{row.id}")).json()
    assert (old["status"], old["replacedBy"]) == ("renegotiated", new["id"])


@pytest.mark.parametrize(
    "body",
    [
        {"status": "renegotiated"},
        {"status": "pending"},
        {"dueOn": "2026-11-19"},
        {"dueOn": "2027-01-30"},
        {"dueOn": "31/02/2026"},
        {"amountCents": 0},
        {"amountCents": 23981},
        {"amountCents": 119.9},
        {"status": "broken", "dueOn": "2026-12-04"},
        {"valor": 1},
    ],
)
async def test_bad_changes_are_refused_and_change_nothing(voice: Voice, body: dict[str, Any]) -> None:
    row = await voice.promise()
    answer = await voice.patch(row.id, body)
    assert answer.status_code == 422
    assert (await voice.get(f"/{row.id}")).json()["status"] == "pending"


async def test_promise_of_another_tenant_is_not_there(voice: Voice) -> None:
    theirs = await voice.promise(world=await make_world(voice.api.database, slug="outra"))
    for answer in (await voice.get(f"/{theirs.id}"), await voice.patch(theirs.id, {"status": "canceled"})):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await voice.get()).json()["total"] == 0


async def test_scopes_are_asked_for(voice: Voice) -> None:
    row = await voice.promise()
    reader = await voice.api.key(voice.world.tenant.id, "campaigns:read")
    url = f"{voice.path}/{row.id}"
    assert (await voice.api.http.get(url, headers=reader)).status_code == 200
    assert (await voice.api.http.patch(url, json={"status": "broken"}, headers=reader)).status_code == 403
    stranger = await voice.api.key(voice.world.tenant.id, "contacts:read")
    assert (await voice.api.http.get(url, headers=stranger)).status_code == 403
    assert (await voice.api.http.get(url)).status_code == 401


async def test_moved_day_is_kept_in_utc(voice: Voice) -> None:
    row = await voice.promise()
    new = (await voice.patch(row.id, {"dueOn": "2026-12-04"})).json()
    assert datetime.fromisoformat(new["protectedUntil"]) == datetime(2026, 12, 5, 3, tzinfo=UTC)


async def test_old_address_answers_too(voice: Voice) -> None:
    row = await voice.promise()
    answer = await voice.api.http.get(f"/api/voice/promises/{row.id}", headers=voice.headers)
    assert answer.json() == (await voice.get(f"/{row.id}")).json()


async def test_refusal_names_the_field_in_the_callers_language(voice: Voice) -> None:
    row = await voice.promise()
    headers = voice.headers | {"accept-language": "pt-BR"}
    answer = await voice.api.http.patch(f"{voice.path}/{row.id}", json={"dueOn": "2026-11-19"}, headers=headers)
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "dueOn"
    assert "must" not in answer.text
    await voice.patch(row.id, {"status": "broken"})
    settled = await voice.api.http.patch(f"{voice.path}/{row.id}", json={"amountCents": 1}, headers=headers)
    assert settled.json()["error"]["message"].startswith("A promessa está com status broken")
