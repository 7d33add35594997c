"""Imports over HTTP: statuses, languages, limits, tenants, and no 500 whatever is sent."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.target_lines import REASONS
from jobs.ingest import make_intake
from server.api.voice.import_texts import FILE_REASONS, LINE_REASONS
from services import import_reading, imports
from services.campaigns import NewCampaign, create_campaign
from services.spreadsheets import FileRefused
from tests.factories import make_tenant
from tests.fakes_clock import FakeClock
from tests.server.conftest import Api, make_settings, open_api
from tests.services.debtor_files import csv_of, debtor, xlsx_of

PREFIXES = ("/api/v1/voice", "/api/voice")
PORTUGUESE = {"accept-language": "pt-BR"}


async def make_campaign(api: Api, tenant_id: UUID) -> UUID:
    details = await create_campaign(api.database, tenant_id, NewCampaign(name="Vencidos"), now=api.deps.clock.now())
    return details.row.id


@pytest.fixture
async def campaign_id(api: Api, tenant_id: UUID) -> UUID:
    return await make_campaign(api, tenant_id)


@pytest.fixture
async def key(api: Api, tenant_id: UUID) -> dict[str, str]:
    return await api.key(tenant_id)


async def send(
    api: Api, campaign_id: UUID, headers: Mapping[str, str], data: bytes, *, action: str = "import",
    prefix: str = PREFIXES[0], mapping: str | None = None,
) -> httpx.Response:  # fmt: skip
    return await api.http.post(
        f"{prefix}/campaigns/{campaign_id}/targets/{action}", headers=headers, files={"file": ("vencidos.csv", data)},
        data={} if mapping is None else {"mapping": mapping},
    )  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_small_file_is_answered_at_once(api: Api, campaign_id: UUID, key: dict[str, str], prefix: str) -> None:
    data = csv_of([debtor(1), ("João", "(11) 98000-0002", "111.111.111-11", "1,00", "F"), debtor(1)])
    response = await send(api, campaign_id, key | PORTUGUESE, data, prefix=prefix)
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["imported"], body["rejected"], body["duplicates"]) == ("completed", 1, 1, 1)
    assert body["errors"] == [
        {
            "line": 3, "field": "clientDocument", "reason": "document_repeated",
            "message": "Um documento com um único dígito repetido não é de ninguém",
        },
        {
            "line": 4, "field": "clientDocument", "reason": "duplicate_in_file",
            "message": "Este documento já aparece antes no arquivo; cada devedor entra uma vez na campanha",
        },
    ]  # fmt: skip
    assert "111.111" not in response.text
    read = (await api.http.get(f"{prefix}/imports/{body['importId']}", headers=key)).json()
    assert (read["status"], read["processedLines"], read["totalLines"], read["etaSeconds"]) == ("completed", 3, 3, None)
    assert (read["fileName"], read["fileKind"], read["failure"]) == ("vencidos.csv", "csv", None)
    errors = (await api.http.get(f"{prefix}/imports/{body['importId']}/errors?limit=1&offset=1", headers=key)).json()
    assert (errors["total"], errors["items"][0]["line"]) == (2, 4)
    assert errors["items"][0]["message"].startswith("This document stands further up")
    listed = (await api.http.get(f"{prefix}/campaigns/{campaign_id}/imports", headers=key)).json()
    assert [item["id"] for item in listed["items"]] == [body["importId"]]


async def test_large_file_is_queued_and_can_be_canceled(api: Api, campaign_id: UUID, key: dict[str, str]) -> None:
    data = csv_of(debtor(number) for number in range(2_001))
    response = await send(api, campaign_id, key, data)
    assert (response.status_code, response.json()["status"]) == (202, "queued")
    path = f"{PREFIXES[0]}/imports/{response.json()['importId']}"
    read = (await api.http.get(path, headers=key)).json()
    assert (read["totalLines"], read["processedLines"], read["rowsPerSecond"]) == (2_001, 0, None)
    canceled = await api.http.delete(path, headers=key)
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    again = await api.http.delete(path, headers=key)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "import_ended")


async def test_limit_of_a_small_file_is_two_thousand_lines(api: Api, campaign_id: UUID, key: dict[str, str]) -> None:
    response = await send(api, campaign_id, key, csv_of(debtor(number) for number in range(2_000)))
    assert (response.status_code, response.json()["imported"]) == (200, 2_000)


async def test_canceled_import_says_that_what_was_taken_stays(
    api: Api, campaign_id: UUID, key: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_reading, "BATCH_LINES", 50)
    monkeypatch.setattr(imports, "_BUDGET_SECONDS", 0.0)
    queued = (await send(api, campaign_id, key, csv_of(debtor(number) for number in range(2_001)))).json()
    assert await make_intake(api.deps).drain() < 2_001
    path = f"{PREFIXES[0]}/imports/{queued['importId']}"
    running = (await api.http.get(path, headers=key)).json()
    assert running["status"] == "running"
    assert running["imported"] > 0
    canceled = (await api.http.delete(path, headers=key | PORTUGUESE)).json()
    assert canceled["note"] == f"O que já tinha sido importado ({running['imported']}) permanece na campanha"


async def test_failure_in_the_background_is_told_in_words(
    api: Api, campaign_id: UUID, key: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "SMALL_BYTES", 1000)
    sent = await send(api, campaign_id, key, xlsx_of([debtor(1)[:2]], headers=("Nome", "CPF")))
    assert sent.status_code == 202
    await make_intake(api.deps).drain()
    read = await api.http.get(f"{PREFIXES[0]}/imports/{sent.json()['importId']}", headers=key | PORTUGUESE)
    assert read.json()["status"] == "failed"
    assert read.json()["failure"] == {
        "reason": "missing_columns", "line": 1,
        "message": (
            "Faltam colunas: phoneNumber, debtAmount. Renomeie as colunas ou informe em `mapping` qual é qual"
        ),
    }  # fmt: skip


async def test_preview_shows_the_columns_and_imports_nothing(api: Api, campaign_id: UUID, key: dict[str, str]) -> None:
    headers = ("Nome", "Telefone", "CPF", "Saldo antigo", "Saldo atualizado", "Plano")
    row = (*debtor(1)[:3], "1,00", "1.234,56", "100M")
    data = csv_of([row, (*row[:1], "123", *row[2:])], headers=headers)
    response = await send(api, campaign_id, key, data, action="preview", mapping='{"debtAmount": "Saldo atualizado"}')
    assert response.status_code == 200
    body = response.json()
    assert (body["kind"], body["encoding"], body["delimiter"], body["decimalMark"]) == ("csv", "utf-8", ";", ",")
    assert body["columns"][4] == {"header": "Saldo atualizado", "field": "debtAmount"}
    assert body["unmapped"] == ["Saldo antigo", "Plano"]
    assert body["missing"] == []
    assert body["rows"] == [
        {
            "line": 2, "clientName": "João da Conceição 1", "phoneNumber": "***0001",
            "clientDocument": "***.***.***-08", "debtCents": 123456, "installationPoint": None, "invoiceNumber": None,
            "dueDate": None, "uf": None, "priority": 0,
        }
    ]  # fmt: skip
    assert [(error["line"], error["reason"]) for error in body["errors"]] == [(3, "phone_invalid")]
    assert await api.count("imports") == await api.count("targets") == 0


async def test_preview_names_what_is_missing_where_an_import_refuses(
    api: Api, campaign_id: UUID, key: dict[str, str]
) -> None:
    data = csv_of([], headers=("Nome", "CPF"))
    preview = await send(api, campaign_id, key, data, action="preview")
    assert preview.json()["missing"] == ["phoneNumber", "debtAmount"]
    refused = await send(api, campaign_id, key | PORTUGUESE, data)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == (
        "Faltam colunas: phoneNumber, debtAmount. Renomeie as colunas ou informe em `mapping` qual é qual"
    )
    assert refused.json()["error"]["details"] == [{"field": "file", "problem": "missing_columns"}]


@pytest.mark.parametrize(
    ("data", "status", "code", "reason"),
    [
        (b"", 422, "file_refused", "empty_file"),
        (b"%PDF-1.4", 415, "file_unsupported", "binary_file"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), 415, "file_unsupported", "legacy_xls"),
        (b"a;b\n" + b"x" * 150_000 + b"\n", 413, "file_too_large", "cell_too_long"),
    ],
)
@pytest.mark.parametrize("action", ["import", "preview"])
async def test_files_that_are_not_read(
    api: Api, campaign_id: UUID, key: dict[str, str], action: str, data: bytes, status: int, code: str, reason: str
) -> None:
    response = await send(api, campaign_id, key, data, action=action)
    assert response.status_code == status
    error = response.json()["error"]
    assert (error["code"], error["details"]) == (code, [{"field": "file", "problem": reason}])


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ("nonsense", "body.mapping"), ("[]", "body.mapping"), ('{"debtAmount": 5}', "body.mapping.debtAmount"),
        ('{"valor": "Saldo"}', "body.mapping.valor"), ('{"debtAmount": ""}', "body.mapping.debtAmount"),
        ('{"debtAmount": "a\\u0000"}', "body.mapping.debtAmount"),
    ],
)  # fmt: skip
async def test_mapping_that_is_none_is_refused_with_its_field(
    api: Api, campaign_id: UUID, key: dict[str, str], mapping: str, field: str
) -> None:
    response = await send(api, campaign_id, key, csv_of([debtor(1)]), mapping=mapping)
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["field"].startswith(field)


async def test_request_without_a_file_is_refused(api: Api, campaign_id: UUID, key: dict[str, str]) -> None:
    path = f"{PREFIXES[0]}/campaigns/{campaign_id}/targets/import"
    assert (await api.http.post(path, headers=key, json={"file": "x"})).status_code == 415
    for mapping in (None, {"mapping": "{}"}):
        bare = await api.http.post(path, headers=key, data=mapping)
        assert (bare.status_code, bare.json()["error"]["details"][0]["field"]) == (422, "body.file")
    form = await api.http.post(path, headers=key, files={"other": ("a.csv", b"x")})
    assert (form.status_code, form.json()["error"]["details"][0]["field"]) == (422, "body.file")
    two = await api.http.post(path, headers=key, files=[("file", ("a", b"x")), ("file", ("b", b"y"))])
    assert two.status_code == 400
    broken = await api.http.post(path, headers=key | {"content-type": "multipart/form-data"}, content=b"xx")
    assert broken.status_code == 400


async def test_only_the_tenant_itself_gets_near(api: Api, campaign_id: UUID, key: dict[str, str]) -> None:
    imported = (await send(api, campaign_id, key, csv_of([debtor(1)]))).json()
    other = await api.key(await make_tenant(api.database, "outra"))
    reader = await api.key(await make_tenant(api.database, "leitora"), "campaigns:read")
    path = f"{PREFIXES[0]}/imports/{imported['importId']}"
    for response in (
        await send(api, campaign_id, other, csv_of([debtor(1)])),
        await send(api, campaign_id, other, csv_of([debtor(1)]), action="preview"),
        await send(api, uuid4(), key, csv_of([debtor(1)])),
        await api.http.get(path, headers=other),
        await api.http.get(f"{path}/errors", headers=other),
        await api.http.delete(path, headers=other),
        await api.http.get(f"{PREFIXES[0]}/campaigns/{campaign_id}/imports", headers=other),
    ):
        assert response.status_code == 404
    assert (await send(api, campaign_id, reader, csv_of([debtor(1)]))).status_code == 403
    assert (await send(api, campaign_id, {}, csv_of([debtor(1)]))).status_code == 401


async def test_completed_campaign_is_a_conflict(api: Api, campaign_id: UUID, key: dict[str, str]) -> None:
    async with api.database.platform() as connection:
        await connection.execute("UPDATE campaigns SET status = 'completed'")
    response = await send(api, campaign_id, key, csv_of([debtor(1)]))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "campaign_not_editable")


async def test_uploads_have_a_limit_of_their_own(database_url: str, clock: FakeClock) -> None:
    settings_ = make_settings(database_url, webhook_max_bytes=20_000, import_max_bytes=300_000)
    async with open_api(settings_, clock) as api:
        tenant_id = await make_tenant(api.database)
        key, campaign_id = await api.key(tenant_id), await make_campaign(api, tenant_id)
        data = csv_of(debtor(number) for number in range(1_000))
        assert 20_000 < len(data) < 300_000
        for prefix in PREFIXES:
            assert (await send(api, campaign_id, key, data, prefix=prefix)).status_code == 200
        declared = await send(api, campaign_id, key | PORTUGUESE, data * 5)
        assert (declared.status_code, declared.json()["error"]["code"]) == (413, "too_large")

        async def streamed() -> Any:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
            for _ in range(10):
                yield data
            yield b"\r\n--x--\r\n"

        undeclared = await api.http.post(
            f"{PREFIXES[0]}/campaigns/{campaign_id}/targets/import", content=streamed(),
            headers=key | {"content-type": "multipart/form-data; boundary=x"},
        )  # fmt: skip
        assert undeclared.status_code == 413
        other = await api.http.post(f"{PREFIXES[0]}/campaigns", headers=key, content=b"x" * 30_000)
        assert other.status_code == 413


async def test_spreadsheet_and_its_name_are_taken(api: Api, campaign_id: UUID, key: dict[str, str]) -> None:
    response = await api.http.post(
        f"{PREFIXES[0]}/campaigns/{campaign_id}/targets/import", headers=key,
        files={"file": ("../../etc/\u202eDevedores\n.xls", xlsx_of([debtor(1)]))},
    )  # fmt: skip
    assert response.json()["imported"] == 1
    read = (await api.http.get(f"{PREFIXES[0]}/imports/{response.json()['importId']}", headers=key)).json()
    assert read["fileKind"] == "xlsx"
    assert "\u202e" not in read["fileName"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=600), st.text(max_size=300).map(lambda t: csv_of([]) + b"\n" + t.encode())))
async def test_nothing_that_is_sent_makes_a_500(api: Api, campaign_id: UUID, key: dict[str, str], data: bytes) -> None:
    for action in ("preview", "import"):
        response = await send(api, campaign_id, key, data, action=action)
        assert response.status_code in (200, 413, 415, 422), json.dumps(response.json())


def test_every_reason_has_its_words() -> None:
    assert set(LINE_REASONS) == set(REASONS)
    for table in (LINE_REASONS, FILE_REASONS):
        for said in table.values():
            assert said.english != said.portuguese


def test_every_refusal_of_a_file_has_its_words() -> None:
    found = set()
    services = Path(imports.__file__).parent
    for path in services.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == FileRefused.__name__:
                found |= {
                    part.value for part in ast.walk(node.args[0])
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }  # fmt: skip
    assert len(found) > 12
    assert found <= set(FILE_REASONS)
