"""The campaigns' API: scopes, tenants, masks, both addresses, and what is said of input that cannot be taken."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.campaigns import TargetOutcome, TargetState
from domain.messages import Provider
from store.targets import TargetRow
from tests.campaign_story import Story, begin_story_of
from tests.factories import make_account, make_tenant
from tests.fakes_clock import DEFAULT_NOW
from tests.server.conftest import Api

VOICE = "/api/v1/voice"
PORTUGUESE = {"accept-language": "pt-BR,pt;q=0.9"}
Headers = dict[str, str]


@pytest.fixture
async def headers(api: Api, tenant_id: UUID) -> Headers:
    return await api.key(tenant_id)


@pytest.fixture
async def story(api: Api, tenant_id: UUID) -> Story:
    return await begin_story_of(api.database, tenant_id)


async def _get(api: Api, path: str, headers: Headers, expected: int = 200, /, **params: Any) -> Any:
    answer = await api.http.get(f"{VOICE}{path}", headers=headers, params=params)
    assert answer.status_code == expected, answer.text
    return answer.json()


async def _send(api: Api, method: str, path: str, headers: Headers, body: Any = None, status: int = 200) -> Any:
    answer = await api.http.request(method, f"{VOICE}{path}", headers=headers, json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def _new(api: Api, headers: Headers, **fields: Any) -> Any:
    return await _send(api, "POST", "/campaigns", headers, {"name": "Novembro"} | fields, 201)


# --- campaigns


async def test_campaign_is_made_with_strict_defaults(api: Api, headers: Headers) -> None:
    made = await _new(api, headers, name="  Vencidos há 30 dias ")
    assert UUID(made.pop("id"))
    moment = made.pop("createdAt")
    assert made == {
        "name": "Vencidos há 30 dias", "status": "draft", "pauseReason": None, "contactMethod": "whatsapp_primary",
        "allowedMethods": ["whatsapp"], "fallbackOrder": ["whatsapp"], "scheduleStart": "08:00:00",
        "scheduleEnd": "20:00:00", "weekdays": [1, 2, 3, 4, 5], "avoidsOptionalHolidays": True,
        "channelAccountIds": [], "templateId": None, "smsText": None, "voicemailPolicy": "hang_up", "maxAttempts": 3,
        "retryGapMinutes": 1440, "unansweredAfterMinutes": 1440, "pacing": "spread", "budgetCents": None,
        "spentCents": 0, "startedAt": None, "completedAt": None, "updatedAt": moment,
    }  # fmt: skip


async def test_campaigns_are_listed_newest_first_and_by_status(api: Api, headers: Headers, story: Story) -> None:
    clock: Any = api.deps.clock
    clock.advance(minutes=1)
    first = await _new(api, headers)
    clock.advance(minutes=1)
    second = await _new(api, headers)
    page = await _get(api, "/campaigns", headers, limit=2)
    assert [item["id"] for item in page["items"]] == [second["id"], first["id"]]
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 0)
    assert (await _get(api, "/campaigns", headers, status="active"))["total"] == 1
    [active] = (await _get(api, "/campaigns", headers, offset=2))["items"]
    assert active["channelAccountIds"] == [str(story.account.id)]


async def test_old_address_answers_the_same(api: Api, headers: Headers) -> None:
    made = await _new(api, headers)
    old = await api.http.get(f"/api/voice/campaigns/{made['id']}", headers=headers)
    assert old.json() == made
    paths = api.app.openapi()["paths"]
    assert not [path for path in paths if path.startswith("/api/voice")]
    assert f"{VOICE}/campaigns/{{campaign_id}}/activate" in paths


async def test_campaign_is_changed_field_by_field(api: Api, headers: Headers) -> None:
    path = f"/campaigns/{(await _new(api, headers, budgetCents=100, smsText='Oi, aqui é a Lia.'))['id']}"
    changed = await _send(api, "PATCH", path, headers, {"scheduleEnd": "18:00", "weekdays": [6, 1, 1]})
    assert (changed["scheduleEnd"], changed["weekdays"], changed["budgetCents"]) == ("18:00:00", [1, 6], 100)
    emptied = await _send(api, "PATCH", path, headers, {"budgetCents": None, "smsText": None})
    assert (emptied["budgetCents"], emptied["smsText"], emptied["scheduleEnd"]) == (None, None, "18:00:00")
    assert await _send(api, "PATCH", path, headers, {}) == emptied


async def test_campaign_goes_through_its_life(api: Api, headers: Headers, story: Story) -> None:
    path = f"/campaigns/{(await _new(api, headers, channelAccountIds=[str(story.account.id)]))['id']}"
    empty = await _send(api, "POST", f"{path}/activate", headers, status=409)
    assert empty["error"]["code"] == "campaign_without_targets"
    await story.execute("UPDATE targets SET campaign_id = %(id)s", id=path.split("/")[-1])
    await story.target(0)
    await story.execute("UPDATE targets SET campaign_id = %(id)s", id=path.split("/")[-1])
    active = await _send(api, "POST", f"{path}/activate", headers)
    assert (active["status"], active["startedAt"] is not None) == ("active", True)
    assert await _send(api, "POST", f"{path}/activate", headers) == active
    paused = await _send(api, "POST", f"{path}/pause", headers, {"reason": "boletos errados"})
    assert (paused["status"], paused["pauseReason"]) == ("paused", "boletos errados")
    assert (await _send(api, "POST", f"{path}/pause", headers))["status"] == "paused"
    assert (await _send(api, "POST", f"{path}/activate", headers))["pauseReason"] is None
    done = await _send(api, "POST", f"{path}/complete", headers)
    assert (done["status"], done["completedAt"] is not None) == ("completed", True)
    for method, step, body, code in (
        ("POST", "/activate", None, "campaign_cannot_become"), ("POST", "/pause", None, "campaign_cannot_become"),
        ("PATCH", "", {"name": "x"}, "campaign_not_editable"),
    ):  # fmt: skip
        refused = await _send(api, method, f"{path}{step}", headers | PORTUGUESE, body, 409)
        assert refused["error"]["code"] == code
        assert re.search(r"campanha", refused["error"]["message"])


async def test_campaign_without_contacts_can_be_deleted(api: Api, headers: Headers, story: Story) -> None:
    mine = await _new(api, headers)
    await _send(api, "DELETE", f"/campaigns/{mine['id']}", headers, status=204)
    await _get(api, f"/campaigns/{mine['id']}", headers, 404)
    await story.contact(await story.target(0))
    kept = await _send(api, "DELETE", f"/campaigns/{story.campaign.id}", headers, status=409)
    assert kept["error"]["code"] == "campaign_has_contacts"
    assert (await _get(api, f"/campaigns/{story.campaign.id}", headers))["status"] == "active"


# --- targets


async def test_targets_are_filtered_and_masked(api: Api, tenant_id: UUID, story: Story) -> None:
    target = await story.target(0)
    await story.move(await story.target(1), TargetState.COMPLETED, TargetOutcome.PAID)
    path = f"/campaigns/{story.campaign.id}/targets"
    reader = await api.key(tenant_id, "campaigns:read")
    page = await _get(api, path, reader)
    assert page["total"] == 2
    text = json.dumps(page)
    assert target.document not in text
    assert target.phone not in text
    assert {(item["clientDocument"], item["phoneNumber"]) for item in page["items"]} == {
        ("***.***.***-25", "***0000"), ("***.***.***-35", "***0001"),
    }  # fmt: skip
    whole = await _get(api, path, await api.key(tenant_id, "campaigns:read", "contacts:read"))
    assert target.phone in json.dumps(whole)
    assert target.document not in json.dumps(whole)
    assert (await _get(api, path, reader, state="completed"))["total"] == 1
    assert (await _get(api, path, reader, outcome="paid", state="pending"))["total"] == 0
    assert (await _get(api, path, reader, limit=1, offset=1))["items"] == page["items"][1:]


async def test_what_the_engines_noted_is_masked(api: Api, headers: Headers, story: Story) -> None:
    call_id = str(uuid4())
    noted: Mapping[str, object] = {"note": "CPF 529.982.247-25", "callId": call_id, "deep": [{"tel": "+5511999990001"}]}
    target = await story.target(0, outcome_details=dict(noted))
    await story.decide(target, "skip", "active_promise", daysLeft=3, seen="11999990001")
    details = (await _get(api, f"/targets/{target.id}", headers))["outcomeDetails"]
    assert details == {"note": "CPF ***.***.***-25", "callId": call_id, "deep": [{"tel": "***0001"}]}
    [decision] = (await _get(api, f"/targets/{target.id}/decisions", headers))["items"]
    assert decision["details"] == {"daysLeft": 3, "seen": "***0001"}


async def test_decisions_are_listed_newest_first(api: Api, headers: Headers, story: Story) -> None:
    target = await story.target(0)
    await story.decide(target, "postpone", "outside_hours")
    await story.decide(target, "skip", "active_promise")
    await story.contact(target)
    page = await _get(api, f"/targets/{target.id}/decisions", headers, limit=2)
    assert [(item["verdict"], item["reason"]) for item in page["items"]] == [
        ("contact", "allowed"), ("skip", "active_promise"),
    ]  # fmt: skip
    assert page["total"] == 3
    assert (page["items"][0]["costCents"], page["items"][0]["voidedAt"]) == (40, None)
    assert page["items"][0]["messageId"] is not None


async def test_target_is_corrected_ended_and_taken_up_again(api: Api, headers: Headers, story: Story) -> None:
    path = f"/targets/{(await story.target(0, invoice_number='1')).id}"
    corrected = await _send(
        api, "PATCH", path, headers,
        {"phoneNumber": "(21) 98888-0002", "clientName": "Maria", "uf": "rj", "debtCents": 100, "invoiceNumber": None},
    )  # fmt: skip
    assert (corrected["phoneNumber"], corrected["clientName"]) == ("+5521988880002", "Maria")
    assert (corrected["uf"], corrected["debtCents"], corrected["invoiceNumber"]) == ("RJ", 100, None)
    ended = await _send(api, "PATCH", path, headers, {"state": "completed"})
    assert (ended["state"], ended["outcome"], ended["dueAt"]) == ("completed", "canceled", None)
    again = await _send(api, "PATCH", path, headers, {"state": "pending"})
    assert (again["state"], again["outcome"]) == ("pending", None)
    refused = await _send(api, "PATCH", path, headers | PORTUGUESE, {"outcome": "failed"}, 422)
    assert refused["error"]["details"] == [{"field": "outcome", "problem": "só vale junto com o estado completed"}]


# --- input that cannot be taken

HUGE = "x" * 100_000
BAD_CAMPAIGNS: list[tuple[Any, str, str, str]] = [
    ({}, "body.name", "Field required", "campo obrigatório"),
    ({"name": ""}, "body.name", "at least 1 character", "de menos (mínimo: 1)"),
    ({"name": "   "}, "name", "must have 1 to 120 characters", "precisa ter de 1 a 120 caracteres"),
    ({"name": HUGE}, "body.name", "at most 120 characters", "caracteres demais (máximo: 120)"),
    ({"name": 7}, "body.name", "valid string", "precisa ser um texto"),
    ({"name": "a\x00b"}, "body.name", "NUL", "não pode conter caracteres NUL"),
    ({"name": "x", "naem": 1}, "body.(", "Extra inputs", "este campo não existe aqui"),
    ({"name": "x", "contactMethod": "pombo"}, "body.contactMethod", "'voice'", "precisa ser um destes: 'voice'"),
    ({"name": "x", "allowedMethods": []}, "allowedMethods", "must not be empty", "não pode ficar vazio"),
    ({"name": "x", "allowedMethods": ["sms"]}, "allowedMethods", "must contain", "precisa incluir o método"),
    ({"name": "x", "allowedMethods": ["fax"]}, "body.allowedMethods.0", "'whatsapp'", "precisa ser um destes"),
    ({"name": "x", "allowedMethods": "sms"}, "body.allowedMethods", "valid list", "precisa ser uma lista"),
    ({"name": "x", "fallbackOrder": ["sms"]}, "fallbackOrder", "may only name allowed", "só pode citar métodos"),
    ({"name": "x", "scheduleStart": "25:00"}, "body.scheduleStart", "time", "precisa ser um horário (HH:MM)"),
    ({"name": "x", "scheduleStart": "08:00Z"}, "scheduleStart", "without a zone", "precisa ser um horário sem fuso"),
    ({"name": "x", "scheduleEnd": "07:00"}, "scheduleEnd", "30 minutes after", "30 minutos depois"),
    ({"name": "x", "weekdays": []}, "body.weekdays", "at least 1 item", "itens de menos (mínimo: 1)"),
    ({"name": "x", "weekdays": [0]}, "body.weekdays.0", "greater than or equal to 1", "precisa ser no mínimo 1"),
    ({"name": "x", "weekdays": [1] * 9}, "body.weekdays", "at most 7", "itens demais (máximo: 7)"),
    ({"name": "x", "maxAttempts": 0}, "body.maxAttempts", "or equal to 1", "precisa ser no mínimo 1"),
    ({"name": "x", "maxAttempts": 10**40}, "body.maxAttempts", "", ""),
    ({"name": "x", "maxAttempts": "três"}, "body.maxAttempts", "valid integer", "precisa ser um número inteiro"),
    ({"name": "x", "retryGapMinutes": 1.5}, "body.retryGapMinutes", "integer", "precisa ser um número inteiro"),
    ({"name": "x", "budgetCents": -1}, "body.budgetCents", "or equal to 0", "precisa ser no mínimo 0"),
    ({"name": "x", "pacing": "já"}, "body.pacing", "'spread' or 'asap'", "'spread' ou 'asap'"),
    ({"name": "x", "channelAccountIds": ["x"]}, "body.channelAccountIds.0", "valid UUID", "precisa ser um UUID"),
    ({"name": "x", "channelAccountIds": [str(UUID(int=7))]}, "channelAccountIds", "names an account", "cita uma conta"),
    ({"name": "x", "templateId": str(UUID(int=7))}, "templateId", "names a template", "cita um modelo"),
    ({"name": "x", "smsText": "Você deve R$ 100,00"}, "smsText", "must be neutral", "precisa ser neutro"),
    ({"name": "x", "smsText": "Oi {{cpf}}"}, "smsText", "may only name the variables", "só aceita as variáveis"),
    ([], "body", "dictionary", "precisa ser um objeto"),
    ("x", "body", "dictionary", "precisa ser um objeto"),
    (None, "body", "required", "campo obrigatório"),
]  # fmt: skip


async def test_bad_campaigns_are_refused_with_field_and_reason(api: Api, headers: Headers) -> None:
    for body, field, english, portuguese in BAD_CAMPAIGNS:
        for language, words in (({}, english), (PORTUGUESE, portuguese)):
            refused = await _send(api, "POST", "/campaigns", headers | language, body, 422)
            [detail] = refused["error"]["details"]
            assert detail["field"].startswith(field), refused
            assert words in detail["problem"], refused
            assert len(json.dumps(refused)) < 2000
    assert await api.count("campaigns") == 0


async def test_nothing_of_a_bad_patch_is_kept(api: Api, headers: Headers) -> None:
    made = await _new(api, headers)
    path = f"/campaigns/{made['id']}"
    for body, field in (
        ({"name": None}, "name"), ({"channelAccountIds": None}, "channelAccountIds"), ({"weekdays": None}, "weekdays"),
        ({"name": "outro", "scheduleEnd": "06:00"}, "scheduleEnd"), ({"status": "active"}, "body.(unknown field)"),
        ({"spentCents": 0}, "body.(unknown field)"),
    ):  # fmt: skip
        refused = await _send(api, "PATCH", path, headers, body, 422)
        assert refused["error"]["details"][0]["field"] == field, body
    assert await _get(api, path, headers) == made


BAD_TARGETS: list[tuple[Any, str]] = [
    ({"phoneNumber": "0800 123 4567"}, "phoneNumber"), ({"phoneNumber": "telefone"}, "phoneNumber"),
    ({"phoneNumber": None}, "phoneNumber"), ({"phoneNumber": "1"}, "body.phoneNumber"),
    ({"phoneNumber": HUGE}, "body.phoneNumber"), ({"clientName": " "}, "clientName"), ({"uf": "XX"}, "uf"),
    ({"uf": "São Paulo"}, "body.uf"), ({"debtCents": 0}, "body.debtCents"),
    ({"debtCents": 1e30}, "body.debtCents"), ({"priority": 10**9}, "body.priority"),
    ({"state": "calling"}, "body.state"), ({"outcome": "paid"}, "body.outcome"),
    ({"clientDocument": "52998224725"}, "body.("), ({"attemptCount": 0}, "body.("),
    ({"invoiceNumber": "\ud800"}, "body"),
]  # fmt: skip


async def test_bad_target_changes_are_refused(api: Api, headers: Headers, story: Story) -> None:
    target = await story.target(0)
    before = await _get(api, f"/targets/{target.id}", headers)
    for body, field in BAD_TARGETS:
        for language in ({}, PORTUGUESE):
            answer = await api.http.patch(
                f"{VOICE}/targets/{target.id}", headers=headers | language | {"content-type": "application/json"},
                content=json.dumps(body),
            )  # fmt: skip
            assert answer.status_code == 422, f"{body}: {answer.text}"
            assert answer.json()["error"]["details"][0]["field"].startswith(field), answer.text
            assert "52998224725" not in answer.text
    assert await _get(api, f"/targets/{target.id}", headers) == before


BAD_QUERIES = [
    ("/campaigns?status=x", "query.status"), ("/campaigns?limit=0", "query.limit"),
    ("/campaigns?limit=201", "query.limit"), ("/campaigns?offset=-1", "query.offset"),
    ("/campaigns?offset=99999999999999999999", "query.offset"), ("/campaigns/nada", "path.campaign_id"),
    ("/campaigns/nada/targets", "path.campaign_id"), ("/campaigns/nada/stats", "path.campaign_id"),
    ("/campaigns/nada/report", "path.campaign_id"), ("/targets/nada", "path.target_id"),
    ("/targets/nada/decisions", "path.target_id"), ("/metrics?format=xml", "query.format"),
    (f"/campaigns/{UUID(int=1)}/report?format=pdf", "query.format"), ("/templates?status=x", "query.status"),
    (f"/campaigns/{UUID(int=1)}/targets?state=x", "query.state"),
    (f"/campaigns/{UUID(int=1)}/targets?outcome=x", "query.outcome"), ("/templates/nada", "path.template_id"),
    ("/templates?channelAccountId=x", "query.channelAccountId"), ("/holidays?firstYear=1", "query.firstYear"),
    ("/holidays?firstYear=2030&lastYear=2029", "lastYear"), ("/holidays?lastYear=x", "query.lastYear"),
    ("/promises?status=x", "query.status"), ("/promises/nada", "path.promise_id"),
]  # fmt: skip


async def test_bad_queries_are_refused(api: Api, headers: Headers) -> None:
    for path, field in BAD_QUERIES:
        for language in ({}, PORTUGUESE):
            answer = await api.http.get(f"{VOICE}{path}", headers=headers | language)
            assert answer.status_code == 422, f"{path}: {answer.text}"
            assert answer.json()["error"]["details"][0]["field"] == field, path
            assert answer.headers["content-language"] == ("pt-BR" if language else "en")


async def test_broken_and_enormous_bodies(api: Api, headers: Headers) -> None:
    kind = {"content-type": "application/json"}
    for body, status in ((b"{", 422), (b"\xff\xfe", 422), (b"[" * 20_000, 422), (b" " * 300_000, 413), (b"", 422)):
        for method, path in (
            ("POST", "/campaigns"), ("POST", "/templates"), ("PUT", "/holidays"), ("PATCH", f"/targets/{uuid4()}"),
            ("PATCH", f"/campaigns/{uuid4()}"), ("POST", f"/templates/{uuid4()}/status"),
        ):  # fmt: skip
            answer = await api.http.request(method, f"{VOICE}{path}", headers=headers | kind | PORTUGUESE, content=body)
            assert answer.status_code in (status, 400), (method, path, answer.text)
            assert "Traceback" not in answer.text


# --- tenants and scopes


async def _all_ids(api: Api, headers: Headers, story: Story) -> dict[str, str]:
    target: TargetRow = await story.target(0)
    await story.contact(target)
    await story.promise(target)
    meta = await make_account(api.database, story.tenant_id, provider=Provider.META, external_id="1065")
    template = await _send(
        api, "POST", "/templates", headers, {"channelAccountId": str(meta.id), "name": "a", "body": "Olá!"}, 201
    )
    [promise] = (await _get(api, "/promises", headers))["items"]
    await story.execute(
        """
        INSERT INTO imports (tenant_id, id, campaign_id, file_name, file_kind, size_bytes, created_at)
        VALUES (%(tenant)s, %(id)s, %(campaign)s, 'a.csv', 'csv', 1, %(now)s)
        """,
        tenant=story.tenant_id, campaign=story.campaign.id, id=(import_id := uuid4()), now=DEFAULT_NOW,
    )  # fmt: skip
    await story.execute(
        """
        WITH account AS (SELECT id FROM channel_accounts WHERE tenant_id = %(tenant)s ORDER BY id LIMIT 1),
        person AS (INSERT INTO contacts (tenant_id, id) VALUES (%(tenant)s, %(contact)s)),
        talk AS (
            INSERT INTO conversations
                (tenant_id, id, contact_id, channel_account_id, address_kind, address_value, source)
            SELECT %(tenant)s, %(talk)s, %(contact)s, id, 'phone', '+5511999990099', 'customer' FROM account),
        call AS (
            INSERT INTO calls (tenant_id, id, channel_account_id, direction, phone, status, status_at, created_at)
            SELECT %(tenant)s, %(call)s, id, 'in', '+5511999990099', 'completed', %(now)s, %(now)s FROM account)
        INSERT INTO call_requests
            (tenant_id, id, contact_id, conversation_id, phone, reason, wanted_at, created_at, updated_at)
        VALUES (%(tenant)s, %(request)s, %(contact)s, %(talk)s, '+5511999990099', 'x', %(now)s, %(now)s, %(now)s)
        """,
        tenant=story.tenant_id, contact=uuid4(), talk=uuid4(), call=(call_id := uuid4()),
        request=(request_id := uuid4()), now=DEFAULT_NOW,
    )  # fmt: skip
    return {
        "campaign_id": str(story.campaign.id), "target_id": str(target.id), "template_id": template["id"],
        "promise_id": promise["id"], "import_id": str(import_id), "call_id": str(call_id),
        "request_id": str(request_id),
    }  # fmt: skip


_TABLES = (
    "campaigns", "targets", "message_templates", "promises", "tenant_holidays", "imports", "calls", "call_requests",
)  # fmt: skip


async def _snapshot(api: Api) -> str:
    async with api.database.platform() as connection:
        found = []
        for table in _TABLES:
            cursor = await connection.execute(
                f"SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x), '[]')::text AS rows FROM {table} x".encode()
            )
            row = await cursor.fetchone()
            assert row
            found.append(str(row["rows"]))
    return "\n".join(found)


async def test_other_tenants_ids_are_unknown_on_every_route(api: Api, headers: Headers, story: Story) -> None:
    ids = await _all_ids(api, headers, story)
    stranger = await api.key(await make_tenant(api.database, "outra-telecom"))
    bodies: Mapping[str, Any] = {
        "{campaign_id}": {"name": "x"}, "{target_id}": {"clientName": "x"}, "{template_id}": {"category": "utility"},
        "{promise_id}": {"status": "broken"}, "status": {"status": "approved"}, "pause": {"reason": "x"},
    }  # fmt: skip
    csv_file = {"file": ("a.csv", b"nome;telefone;cpf;valor\n", "text/csv")}
    before = await _snapshot(api)
    tried = 0
    for path, methods in api.app.openapi()["paths"].items():
        if not path.startswith(VOICE) or "{" not in path:
            continue
        for method in methods:
            sent: dict[str, Any] = {"json": bodies.get(path.split("/")[-1], {})}
            if "multipart/form-data" in json.dumps(methods[method]):
                sent = {"files": csv_file}
            elif method == "get":
                sent = {}
            for language, words in (({}, "There is no such"), (PORTUGUESE, "Não encontramos")):
                answer = await api.http.request(method, path.format(**ids), headers=stranger | language, **sent)
                assert answer.status_code == 404, f"{method} {path}: {answer.text}"
                assert answer.json()["error"]["message"].startswith(words)
            tried += 1
    assert tried >= 18
    assert await _snapshot(api) == before


async def test_lists_show_nothing_of_another_tenant(api: Api, headers: Headers, story: Story) -> None:
    await _all_ids(api, headers, story)
    await _send(api, "PUT", "/holidays", headers, {"day": "2026-12-08", "name": "Padroeira"}, 201)
    stranger = await api.key(await make_tenant(api.database, "outra-telecom"))
    for path in ("/campaigns", "/templates", "/holidays", "/promises"):
        assert (await _get(api, path, headers))["total"] == 1, path
        assert (await _get(api, path, stranger))["total"] == 0, path
    metrics = await _get(api, "/metrics", stranger)
    assert (metrics["totalTargets"], metrics["totalContacts"], metrics["pendingPromises"]) == (0, 0, 0)


async def test_every_voice_route_names_its_scope(api: Api, tenant_id: UUID) -> None:
    reader, writer = await api.key(tenant_id, "campaigns:read"), await api.key(tenant_id, "campaigns:write")
    for path, methods in api.app.openapi()["paths"].items():
        if not path.startswith(VOICE):
            continue
        for method in methods:
            filled = re.sub(r"\{[^}]*\}", str(uuid4()), path)
            wrong = writer if method == "get" else reader
            for prefix in (VOICE, "/api/voice"):
                answer = await api.http.request(
                    method, filled.replace(VOICE, prefix), headers=wrong | PORTUGUESE
                )  # fmt: skip
                assert answer.status_code == 403, f"{method} {path}"
                area = "conversations" if path.startswith(f"{VOICE}/call") else "campaigns"
                assert answer.json()["error"]["message"].startswith(f"Esta chave de API não tem o escopo {area}:")


# --- templates and holidays


async def test_template_goes_through_its_life(api: Api, tenant_id: UUID, headers: Headers) -> None:
    account = await make_account(api.database, tenant_id, provider=Provider.META, external_id="1065")
    wish = {
        "channelAccountId": str(account.id), "name": "aviso", "body": "Olá, {{1}}! Podemos falar?",
        "variables": ["contact.first_name"],
    }  # fmt: skip
    made = await _send(api, "POST", "/templates", headers, wish, 201)
    assert (made["status"], made["language"], made["category"]) == ("pending", "pt_BR", "utility")
    twice = await _send(api, "POST", "/templates", headers | PORTUGUESE, wish, 409)
    assert twice["error"]["code"] == "template_exists"
    path = f"/templates/{made['id']}"
    approved = await _send(api, "POST", f"{path}/status", headers, {"status": "approved"})
    assert approved["status"] == "approved"
    assert (await _get(api, "/templates", headers, status="approved", channelAccountId=str(account.id)))["total"] == 1
    assert (await _get(api, "/templates", headers, channelAccountId=str(uuid4())))["total"] == 0
    changed = await _send(api, "PATCH", path, headers, {"body": "Oi, {{1}}!"})
    assert (changed["status"], changed["body"]) == ("pending", "Oi, {{1}}!")
    campaign = await _new(api, headers, templateId=made["id"], channelAccountIds=[str(account.id)])
    used = await _send(api, "DELETE", path, headers | PORTUGUESE, status=409)
    assert (used["error"]["code"], used["error"]["message"]) == (
        "template_in_use",
        "Uma campanha usa este modelo de mensagem",
    )
    await _send(api, "DELETE", f"/campaigns/{campaign['id']}", headers, status=204)
    await _send(api, "DELETE", path, headers, status=204)
    await _get(api, path, headers, 404)


BAD_TEMPLATES: list[tuple[dict[str, Any], str]] = [
    ({"body": "Sua fatura de R$ 99,90 venceu"}, "body"), ({"body": "Oi {{2}}"}, "body"),
    ({"body": "Oi {{"}, "body"),
    ({"body": ""}, "body.body"), ({"body": HUGE}, "body.body"), ({"variables": ["debt.amount"]}, "variables"),
    ({"variables": ["x"] * 11}, "body.variables"), ({"language": "português"}, "language"),
    ({"category": "spam"}, "body.category"), ({"name": None}, "body.name"),
    ({"channelAccountId": "x"}, "body.channelAccountId"),
    ({"status": "approved"}, "body.(unknown field)"),
]  # fmt: skip


async def test_bad_templates_are_refused(api: Api, tenant_id: UUID, headers: Headers) -> None:
    account = await make_account(api.database, tenant_id, provider=Provider.META, external_id="1065")
    wish = {"channelAccountId": str(account.id), "name": "aviso", "body": "Olá!"}
    for changes, field in BAD_TEMPLATES:
        refused = await _send(api, "POST", "/templates", headers, wish | changes, 422)
        assert refused["error"]["details"][0]["field"] == field, refused
    assert await api.count("message_templates") == 0


async def test_patch_of_a_template_cannot_empty_it(api: Api, headers: Headers) -> None:
    refused = await _send(api, "PATCH", f"/templates/{uuid4()}", headers | PORTUGUESE, {"body": None}, 422)
    assert refused["error"]["details"] == [{"field": "body", "problem": "não pode ser null"}]


class Bells:
    """Hears which drains are rung for."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    async def ring(self, job: str) -> None:
        self.rung.append(job)


async def test_scheduler_is_rung_for_what_is_due_earlier(api: Api, headers: Headers, story: Story) -> None:
    bells = Bells()
    api.app.state.deps = replace(api.deps, queue=bells)
    draft = f"/campaigns/{(await _new(api, headers))['id']}"
    await _send(api, "PATCH", draft, headers, {"name": "Outra"})
    await _send(api, "PUT", "/holidays", headers, {"day": "2026-12-08", "name": "Padroeira"}, 201)
    await _send(api, "DELETE", "/holidays?day=2026-12-08", headers, status=204)
    assert bells.rung == []
    await story.target(0)
    await story.execute("UPDATE campaigns SET status = 'active' WHERE id = %(id)s", id=story.campaign.id)
    await _send(api, "PATCH", f"/campaigns/{story.campaign.id}", headers, {"scheduleEnd": "18:00"})
    assert bells.rung == ["scheduling"]
    await story.execute(
        "UPDATE targets SET state = 'scheduled', method = 'whatsapp', due_at = '2030-01-02T12:00:00Z', "
        """outcome_details = '{"postponed": {"reason": "holiday", "count": 1}}'"""
    )
    await _send(api, "PUT", "/holidays", headers, {"day": "2026-12-08", "name": "Padroeira"}, 201)
    await _send(api, "DELETE", "/holidays?day=2026-12-08", headers, status=204)
    assert bells.rung == ["scheduling"] * 2


async def test_holidays_are_written_renamed_and_removed(api: Api, headers: Headers) -> None:
    body = {"day": "2026-12-08", "name": "Padroeira"}
    assert await _send(api, "PUT", "/holidays", headers, body, 201) == body | {"uf": None}
    renamed = await _send(api, "PUT", "/holidays", headers, body | {"name": "Nossa Senhora"}, 200)
    assert renamed["name"] == "Nossa Senhora"
    await _send(api, "PUT", "/holidays", headers, body | {"uf": "mg"}, 201)
    await _send(api, "PUT", "/holidays", headers, {"day": "2028-01-02", "name": "Depois"}, 201)
    page = await _get(api, "/holidays", headers, limit=1)
    assert ([item["uf"] for item in page["items"]], page["total"]) == ([None], 2)
    assert (await _get(api, "/holidays", headers, firstYear=2026, lastYear=2028))["total"] == 3
    await _send(api, "DELETE", "/holidays?day=2026-12-08&uf=MG", headers, status=204)
    missing = await _send(api, "DELETE", "/holidays?day=2026-12-08&uf=MG", headers | PORTUGUESE, status=404)
    assert missing["error"]["message"] == "Não encontramos este feriado"
    assert (await _get(api, "/holidays", headers))["total"] == 1


BAD_HOLIDAYS: list[tuple[dict[str, Any], str]] = [
    ({"day": "2026-02-30", "name": "x"}, "body.day"), ({"day": "ontem", "name": "x"}, "body.day"),
    ({"day": "1999-01-01", "name": "x"}, "body.day"), ({"day": "2099-01-01", "name": "x"}, "day"),
    ({"day": "2026-12-08", "name": " "}, "name"), ({"day": "2026-12-08", "name": HUGE}, "body.name"),
    ({"day": "2026-12-08", "name": "x", "uf": "ZZ"}, "uf"),
    ({"day": "2026-12-08", "name": "x", "uf": "Z"}, "body.uf"),
    ({"name": "x"}, "body.day"),
]  # fmt: skip


async def test_bad_holidays_are_refused(api: Api, headers: Headers) -> None:
    for body, field in BAD_HOLIDAYS:
        refused = await _send(api, "PUT", "/holidays", headers | PORTUGUESE, body, 422)
        assert refused["error"]["details"][0]["field"] == field, refused
    assert await api.count("tenant_holidays") == 0


# --- figures


async def _told(story: Story) -> None:
    replier, silent = await story.target(0), await story.target(1)
    await story.target(2)
    await story.reply(await story.contact(replier, status="read"))
    await story.promise(replier, status="fulfilled")
    await story.call(silent, status="no_answer", answered_by=None)
    await story.decide(silent, "postpone", "outside_hours")


async def test_stats_add_up_and_mean_what_they_say(api: Api, headers: Headers, story: Story) -> None:
    await _told(story)
    stats = await _get(api, f"/campaigns/{story.campaign.id}/stats", headers)
    assert (
        stats["totalTargets"]
        == 3
        == sum(stats[state] for state in ("pending", "scheduled", "calling", "contacted", "completed"))
    )
    assert sum(stats["outcomes"].values()) + stats["withoutOutcome"] == 3
    assert stats["funnel"] == {
        "imported": 3, "contacted": 2, "delivered": 1, "read": 1, "responded": 1, "promised": 1, "paid": 0,
        "paidWithoutContact": 0,
    }  # fmt: skip
    assert stats["rates"] == {
        "contactRate": 0.6667, "responseRate": 0.5, "promiseRate": 1.0, "fulfilmentRate": 1.0, "conversionRate": 0.0,
    }  # fmt: skip
    assert (stats["attempts"], stats["calls"], stats["spentCents"], stats["postponed"]) == (
        2,
        1,
        100,
        {"outside_hours": 1},
    )
    assert stats["nextContactAt"] is None
    await story.execute("UPDATE targets SET state = 'scheduled', method = 'voice', due_at = '2030-01-02T12:00:00Z'")
    await story.execute(
        "UPDATE targets SET method = 'sms', due_at = '2030-01-01T12:00:00Z' "
        "WHERE id = (SELECT min(id::text)::uuid FROM targets)"
    )
    for status, at in (("active", "2030-01-01T12:00:00Z"), ("paused", None)):
        await story.execute(
            "UPDATE campaigns SET status = %(status)s WHERE id = %(id)s", status=status, id=story.campaign.id
        )
        assert (await _get(api, f"/campaigns/{story.campaign.id}/stats", headers))["nextContactAt"] == at
    empty = await _new(api, headers)
    rates = (await _get(api, f"/campaigns/{empty['id']}/stats", headers))["rates"]
    assert set(rates.values()) == {None}


async def test_metrics_as_json(api: Api, headers: Headers, story: Story) -> None:
    await _told(story)
    metrics = await _get(api, "/metrics", headers)
    assert (metrics["totalCalls"], metrics["totalWhatsAppMessages"], metrics["totalSmsMessages"]) == (1, 1, 0)
    assert (metrics["totalContacts"], metrics["pendingPromises"], metrics["fulfilledPromises"]) == (2, 0, 1)
    assert (metrics["conversionRate"], metrics["contactRate"], metrics["spentCents"]) == (0.0, 0.6667, 100)
    assert metrics["channels"]["voice"] == {
        "contacts": 1, "delivered": 0, "read": 0, "answered": 0, "unknown": 0, "spentCents": 60,
    }  # fmt: skip


METRICS_FORMS = [
    ("?format=prometheus", "application/json", True), ("?format=json", "text/plain", False),
    ("", "text/plain", True),
    ("", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
    ("", "*/*", False), ("", "application/json, text/plain", False), ("", "text/html", False),
    ("", "," * 50_000 + "text/plain", False),
]  # fmt: skip


async def test_metrics_come_as_the_caller_asks(api: Api, headers: Headers, story: Story) -> None:
    await _told(story)
    for query, accept, is_text in METRICS_FORMS:
        answer = await api.http.get(f"{VOICE}/metrics{query}", headers=headers | {"accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain") is is_text, (query, accept[:99])
        assert is_text or answer.json()["totalTargets"] == 3


async def test_metrics_for_prometheus(api: Api, headers: Headers, story: Story) -> None:
    await _told(story)
    answer = await api.http.get(f"{VOICE}/metrics?format=prometheus", headers=headers)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["master_ia_campaign_contacts", "whatsapp"] == 1
    assert samples["master_ia_campaign_targets", "pending"] == 1
    assert samples["master_ia_campaign_rate", "contact"] == 0.6667
    assert samples["master_ia_campaign_promises", "fulfilled"] == 1
    assert samples[("master_ia_campaign_spent_cents",)] == 100
    assert "Novembro" not in answer.text


async def test_report_in_each_form(api: Api, headers: Headers, story: Story) -> None:
    await _told(story)
    path = f"{VOICE}/campaigns/{story.campaign.id}/report"
    answers = {
        form: await api.http.get(path, headers=headers, params={"format": form}) for form in ("csv", "xlsx", "html")
    }
    for form, answer in answers.items():
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == f'attachment; filename="campanha-{story.campaign.id}.{form}"'
        assert answer.headers["cache-control"] == "no-store"
    assert answers["csv"].headers["content-type"] == "text/csv; charset=utf-8"
    assert answers["csv"].content.startswith(b"\xef\xbb\xbf")
    assert len(answers["csv"].text.strip().splitlines()) == 4
    book = openpyxl.load_workbook(BytesIO(answers["xlsx"].content))
    assert book["Alvos"].max_row == 4
    book.close()
    assert answers["html"].headers["content-type"] == "text/html; charset=utf-8"
    assert "relatório da campanha" in answers["html"].text
    for answer in answers.values():
        assert b"52998224725" not in answer.content
    assert (await api.http.get(path, headers=headers)).content == answers["csv"].content


async def test_openapi_explains_every_voice_route(api: Api) -> None:
    schema = api.app.openapi()
    for path, methods in schema["paths"].items():
        if path.startswith(VOICE):
            for method, operation in methods.items():
                assert operation["summary"], f"{method} {path}"
                assert operation["tags"], f"{method} {path}"
    rates = schema["paths"][f"{VOICE}/campaigns/{{campaign_id}}/stats"]["get"]["description"]
    for name in ("contactRate", "responseRate", "promiseRate", "fulfilmentRate", "conversionRate"):
        assert name in rates
    for name in ("Campaign", "CampaignWish", "Target", "Decision", "StatsGiven", "MetricsGiven", "Template", "Holiday"):
        assert schema["components"]["schemas"][name]["examples"], name


async def test_examples_of_the_documentation_are_taken(api: Api, headers: Headers, story: Story) -> None:
    schemas = api.app.openapi()["components"]["schemas"]
    for example in schemas["CampaignWish"]["examples"]:
        accounts = [str(story.account.id)] if example.get("channelAccountIds") else []
        sms = {"allowedMethods": ["whatsapp"], "fallbackOrder": ["whatsapp"]} if accounts else {}
        await _send(api, "POST", "/campaigns", headers, example | {"channelAccountIds": accounts} | sms, 201)
    for example in schemas["NewHoliday"]["examples"]:
        await _send(api, "PUT", "/holidays", headers, example, 201)
    target = await story.target(0)
    for example in schemas["TargetChanges"]["examples"]:
        await _send(api, "PATCH", f"/targets/{target.id}", headers, example)
    made = await _new(api, headers)
    for example in schemas["CampaignChanges"]["examples"]:
        await _send(api, "PATCH", f"/campaigns/{made['id']}", headers, example)


async def test_instants_are_utc(api: Api, headers: Headers, story: Story) -> None:
    target = await story.target(0)
    await story.contact(target, at=DEFAULT_NOW - timedelta(hours=1))
    given = (await _get(api, f"/targets/{target.id}", headers))["firstContactedAt"]
    assert datetime.fromisoformat(given) == DEFAULT_NOW - timedelta(hours=1)
    assert datetime.fromisoformat(given).tzinfo == UTC
    assert date.fromisoformat(given[:10]) == date(2026, 11, 20)
