"""Whatever the CRM answers, the caller gets a statement that holds or a reason."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from channels.crm import MAX_BODY_BYTES, HttpCrm
from domain.ports import CrmUnavailable, CustomerUnknown, OpenInvoice
from tests.fakes.providers import CRM_KEY, FakeProviders
from tests.fakes_clock import FakeClock

CPF = "52998224725"
OCTOBER = {"numero_fatura": "FAT-1", "valor": 119.90, "data_vencimento": "2026-10-10", "dias_atraso": 41}
NOVEMBER = {"numero_fatura": "FAT-2", "valor": 119.90, "data_vencimento": "2026-11-10", "dias_atraso": 10}


def _answer(*invoices: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "nome": "Maria Aparecida",
        "cpf_cnpj": CPF,
        "valor_total": 119.90 * len(invoices),
        "faturas_em_aberto": len(invoices),
        "faturas": list(invoices),
        **changed,
    }


def _crm(http: httpx.AsyncClient, fake: FakeProviders, *, key: str = CRM_KEY, at: datetime | None = None) -> HttpCrm:
    clock = FakeClock(at or datetime(2026, 11, 20, 18, 0, tzinfo=UTC))
    return HttpCrm(http, url=f"{fake.url}/", api_key=key, clock=clock)


async def test_open_invoices_come_in_the_order_of_their_dates(
    http: httpx.AsyncClient, fake_providers: FakeProviders
) -> None:
    fake_providers.set_customers({CPF: _answer({**NOVEMBER, "linha_digitavel": " 341 "}, OCTOBER)})

    statement = await _crm(http, fake_providers).open_invoices(CPF)

    assert (statement.document, statement.customer_name, statement.total_cents) == (CPF, "Maria Aparecida", 23980)
    assert statement.invoices == (
        OpenInvoice(number="FAT-1", amount_cents=11990, due_on=date(2026, 10, 10), days_late=41),
        OpenInvoice(number="FAT-2", amount_cents=11990, due_on=date(2026, 11, 10), days_late=10, payment_line="341"),
    )


async def test_nothing_open_is_a_statement_too(http: httpx.AsyncClient, fake_providers: FakeProviders) -> None:
    fake_providers.set_customers({CPF: _answer()})

    assert (await _crm(http, fake_providers).open_invoices(CPF)).invoices == ()


async def test_a_stranger_is_unknown(http: httpx.AsyncClient, fake_providers: FakeProviders) -> None:
    with pytest.raises(CustomerUnknown):
        await _crm(http, fake_providers).open_invoices("11144477735")


@pytest.mark.parametrize(
    ("utc", "days"),
    [
        (datetime(2026, 11, 11, 2, 59, tzinfo=UTC), 0),  # still the 10th in Brasília
        (datetime(2026, 11, 11, 3, 0, tzinfo=UTC), 1),
        (datetime(2026, 11, 1, 12, 0, tzinfo=UTC), 0),
    ],
)
async def test_days_late_follow_our_clock_in_brasilia(
    http: httpx.AsyncClient, fake_providers: FakeProviders, utc: datetime, days: int
) -> None:
    fake_providers.set_customers({CPF: _answer({**NOVEMBER, "dias_atraso": 999})})

    statement = await _crm(http, fake_providers, at=utc).open_invoices(CPF)

    assert statement.invoices[0].days_late == days


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-10",
        "10/11/2026",
        "10-11-2026",
        "2026-11-10T00:00:00",
        "2026-11-10T00:00:00Z",
        "2026-11-10T00:00:00-03:00",
        "2026-11-11T02:59:59Z",
        " 10.11.2026 ",
    ],
)
async def test_dates_in_many_shapes(http: httpx.AsyncClient, fake_providers: FakeProviders, written: str) -> None:
    fake_providers.set_customers({CPF: _answer({**NOVEMBER, "data_vencimento": written})})

    statement = await _crm(http, fake_providers).open_invoices(CPF)

    assert statement.invoices[0].due_on == date(2026, 11, 10)


@pytest.mark.parametrize("written", [119.9, "119.90", "119,90", "R$ 119,90", "R$\u00a0119,90", 119.90000000001])
async def test_amounts_in_many_shapes(http: httpx.AsyncClient, fake_providers: FakeProviders, written: object) -> None:
    fake_providers.set_customers({CPF: _answer({**NOVEMBER, "valor": written})})

    statement = await _crm(http, fake_providers).open_invoices(CPF)

    assert statement.invoices[0].amount_cents == 11990


async def test_a_big_amount_with_dots(http: httpx.AsyncClient, fake_providers: FakeProviders) -> None:
    fake_providers.set_customers({CPF: _answer({**NOVEMBER, "valor": "1.234,56"}, valor_total="1.234,56")})

    assert (await _crm(http, fake_providers).open_invoices(CPF)).total_cents == 123456


@pytest.mark.parametrize("document", ["529.982.247-25", 52998224725])
async def test_the_document_may_come_back_masked_or_as_a_number(
    http: httpx.AsyncClient, fake_providers: FakeProviders, document: object
) -> None:
    fake_providers.set_customers({CPF: _answer(NOVEMBER, cpf_cnpj=document)})

    assert (await _crm(http, fake_providers).open_invoices(CPF)).document == CPF


@pytest.mark.parametrize("total", [119.89, 119.91])
async def test_a_cent_of_rounding_is_forgiven(
    http: httpx.AsyncClient, fake_providers: FakeProviders, total: float
) -> None:
    fake_providers.set_customers({CPF: _answer(NOVEMBER, valor_total=total)})

    assert (await _crm(http, fake_providers).open_invoices(CPF)).total_cents == 11990


BAD_AMOUNTS: tuple[object, ...] = (-5, 0, None, True, "x", "", 1e300, 119.895, [])
BAD_DATES: tuple[object, ...] = (
    "31/02/2026",
    "2026-13-01",
    "ontem",
    "",
    None,
    1795197600,
    "0001-01-01",
    "9999-12-31",
    "10/11/26",
)
NONSENSE: list[tuple[Any, str]] = [
    (_answer(NOVEMBER, valor_total=119.92), "total_does_not_add_up"),
    (_answer(NOVEMBER, valor_total=None), "bad_total"),
    (_answer(valor_total=50), "total_does_not_add_up"),
    (_answer(valor_total=-1), "bad_total"),
    (_answer(NOVEMBER, faturas_em_aberto=2), "count_does_not_match"),
    (_answer(NOVEMBER, faturas_em_aberto=True), "count_does_not_match"),
    (_answer(NOVEMBER, cpf_cnpj="11144477735"), "wrong_document"),
    (_answer(NOVEMBER, cpf_cnpj=None), "wrong_document"),
    (_answer(NOVEMBER, cpf_cnpj="***.982.247-**"), "wrong_document"),
    (_answer(NOVEMBER, nome=""), "no_name"),
    (_answer(NOVEMBER, nome=None), "no_name"),
    (_answer(faturas=None, faturas_em_aberto=3), "no_invoice_list"),
    (_answer(faturas={}), "no_invoice_list"),
    (_answer(NOVEMBER, NOVEMBER), "invoice_twice"),
    (_answer(*[{**NOVEMBER, "numero_fatura": str(n)} for n in range(501)]), "too_many_invoices"),
    (_answer(faturas=[1], faturas_em_aberto=1), "bad_invoice"),
    (_answer({**NOVEMBER, "numero_fatura": ""}), "bad_invoice_number"),
    (_answer({**NOVEMBER, "numero_fatura": None}), "bad_invoice_number"),
    *((_answer({**NOVEMBER, "valor": bad}), "bad_amount") for bad in BAD_AMOUNTS),
    *((_answer({**NOVEMBER, "data_vencimento": bad}), "bad_due_date") for bad in BAD_DATES),
    ([], "not_an_object"),
]


@pytest.mark.parametrize(("answer", "reason"), NONSENSE)
async def test_nonsense_proves_nothing(
    http: httpx.AsyncClient, fake_providers: FakeProviders, answer: Any, reason: str
) -> None:
    fake_providers.set_customers({CPF: answer})

    with pytest.raises(CrmUnavailable) as caught:
        await _crm(http, fake_providers).open_invoices(CPF)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"status": 500}, "http_500"),
        ({"status": 503}, "http_503"),
        ({"status": 401}, "key_refused"),
        ({"status": 429}, "too_many_requests"),
        ({"status": 302}, "http_302"),
        ({"status": 404, "body": "<html>nginx</html>"}, "http_404"),
        ({"status": 200, "body": "<html>Manutenção</html>"}, "not_json"),
        ({"status": 200, "body": "", "type": "application/json"}, "not_json"),
        ({"status": 200, "body": '{"valor_total": NaN}'}, "not_json"),
        ({"status": 200, "body": '{"valor_total": ' + "9" * 5000 + "}"}, "not_json"),
        ({"status": 200, "body": '{"valor_total": 1e99999999999999999999}'}, "not_json"),
        ({"status": 200, "body": "[" * 100_000}, "not_json"),
        ({"status": 200, "body": " " * (MAX_BODY_BYTES + 1)}, "answer_too_large"),
        ({"drop_connection": True}, "broken_exchange"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_each_failure_has_its_reason(
    http: httpx.AsyncClient, fake_providers: FakeProviders, step: dict[str, Any], reason: str
) -> None:
    fake_providers.set_customers({CPF: _answer(NOVEMBER)})
    fake_providers.program("crm", step)

    with pytest.raises(CrmUnavailable) as caught:
        await _crm(http, fake_providers).open_invoices(CPF)

    assert caught.value.reason == reason


async def test_a_plain_404_is_an_unknown_customer(http: httpx.AsyncClient, fake_providers: FakeProviders) -> None:
    fake_providers.program("crm", {"status": 404, "body": "Not Found", "type": "text/plain"})

    with pytest.raises(CustomerUnknown):
        await _crm(http, fake_providers).open_invoices(CPF)


async def test_a_refused_connection_and_a_bad_address(http: httpx.AsyncClient) -> None:
    reasons = []
    for url in ("http://127.0.0.1:1", "http://127.0.0.1:99999", "ftp://127.0.0.1"):
        with pytest.raises(CrmUnavailable) as caught:
            await HttpCrm(http, url=url, api_key="k", clock=FakeClock()).open_invoices(CPF)
        reasons.append(caught.value.reason)

    assert reasons == ["connection", "broken_exchange", "broken_exchange"]


class _Silent(httpx.AsyncBaseTransport):
    """A server that takes the request and never answers, without the wait."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no answer", request=request)


@pytest.fixture
async def silent() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=_Silent()) as client:
        yield client


async def test_silence_is_a_timeout(silent: httpx.AsyncClient) -> None:
    with pytest.raises(CrmUnavailable) as caught:
        await HttpCrm(silent, url="http://127.0.0.1:1", api_key="k", clock=FakeClock()).open_invoices(CPF)

    assert caught.value.reason == "timeout"


async def test_the_request_is_the_documented_one(http: httpx.AsyncClient, fake_providers: FakeProviders) -> None:
    fake_providers.set_customers({CPF: _answer()})

    await _crm(http, fake_providers).open_invoices(CPF)

    (request,) = fake_providers.state.requests
    assert request["path"] == "/clientes/consultar_inadimplencia"
    assert json.loads(request["body"]) == {"cpf_cnpj": CPF}


async def test_a_wrong_key_is_said(http: httpx.AsyncClient, fake_providers: FakeProviders) -> None:
    with pytest.raises(CrmUnavailable) as caught:
        await _crm(http, fake_providers, key="outra").open_invoices(CPF)

    assert caught.value.reason == "key_refused"
