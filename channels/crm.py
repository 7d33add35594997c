"""The tenant's CRM over HTTP (spec 2.3). Whatever it answers becomes a statement that holds, or a reason why not."""

import asyncio
import json
import re
from datetime import date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import httpx

from channels.transport import checked_url
from domain.ports import Clock, CrmUnavailable, CustomerUnknown, DebtStatement, OpenInvoice

MAX_BODY_BYTES = 1024 * 1024
_PATH = "/clientes/consultar_inadimplencia"
_TIMEOUT = httpx.Timeout(connect=3.0, read=8.0, write=5.0, pool=3.0)
_TOTAL_SECONDS = 10.0
_MAX_INVOICES = 500
_MAX_CENTS = 100_000_000_00
# Sums made in binary fractions are off by a cent at most; more is another sum.
_TOTAL_TOLERANCE_CENTS = 1
_AMOUNT_PTBR = re.compile(r"(?:R\$\s*)?(-?(?:\d{1,3}(?:\.\d{3})+|\d+),\d{2})")
_AMOUNT_PLAIN = re.compile(r"(?:R\$\s*)?(-?\d+(?:\.\d{1,6})?)")
_DATE_DMY = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})")
_EARLIEST, _LATEST = date(2000, 1, 1), date(2100, 1, 1)
_BRASILIA = ZoneInfo("America/Sao_Paulo")


class HttpCrm:
    """The `Crm` port over HTTP: one question, no retry; the caller decides when to ask again."""

    def __init__(
        self, http: httpx.AsyncClient, *, url: str, api_key: str, clock: Clock, zone: tzinfo = _BRASILIA
    ) -> None:
        self._http = http
        self._url = url.rstrip("/") + _PATH
        self._api_key = api_key
        self._clock = clock
        self._zone = zone

    async def open_invoices(self, document: str) -> DebtStatement:
        """Ask for the open invoices of a CPF/CNPJ. Raises CustomerUnknown or CrmUnavailable(reason)."""
        status, content_type, body = await self._ask(document)
        if status == 404 and "html" not in content_type:
            raise CustomerUnknown
        if status != 200:
            raise CrmUnavailable(_reason_of_status(status))
        answer = _read_object(body)
        if _normalised(answer.get("cpf_cnpj"), document) != document:
            raise CrmUnavailable("wrong_document")
        name = answer.get("nome")
        if not isinstance(name, str) or not name.strip():
            raise CrmUnavailable("no_name")
        today = self._clock.now().astimezone(self._zone).date()
        invoices = _read_invoices(answer, today=today, zone=self._zone)
        _check_totals(answer, invoices)
        return DebtStatement(document=document, customer_name=name.strip()[:200], invoices=invoices)

    async def _ask(self, document: str) -> tuple[int, str, bytes]:
        try:
            async with (
                asyncio.timeout(_TOTAL_SECONDS),
                self._http.stream(
                    "POST",
                    checked_url(self._url),
                    json={"cpf_cnpj": document},
                    headers={"authorization": f"Bearer {self._api_key}", "accept": "application/json"},
                    timeout=_TIMEOUT,
                    follow_redirects=False,
                ) as response,
            ):
                received = bytearray()
                async for piece in response.aiter_bytes():
                    received += piece
                    if len(received) > MAX_BODY_BYTES:
                        raise CrmUnavailable("answer_too_large")
                return response.status_code, response.headers.get("content-type", "").lower(), bytes(received)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise CrmUnavailable("timeout") from error
        except httpx.ConnectError as error:
            raise CrmUnavailable("connection") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise CrmUnavailable("broken_exchange") from error


def _reason_of_status(status: int) -> str:
    if status in (401, 403):
        return "key_refused"
    if status == 429:
        return "too_many_requests"
    return f"http_{status}"


def _read_object(body: bytes) -> dict[str, object]:
    try:
        answer = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise CrmUnavailable("not_json") from error
    if not isinstance(answer, dict):
        raise CrmUnavailable("not_an_object")
    return answer


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _normalised(value: object, like: str) -> str:
    """Read a document as text or as a number, whose leading zeros are lost."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value).zfill(len(like))
    return re.sub(r"[^0-9A-Z]", "", value.upper()) if isinstance(value, str) else ""


def _read_invoices(answer: dict[str, object], *, today: date, zone: tzinfo) -> tuple[OpenInvoice, ...]:
    listed = answer.get("faturas")
    if listed is None and answer.get("faturas_em_aberto") == 0:
        listed = []
    if not isinstance(listed, list):
        raise CrmUnavailable("no_invoice_list")
    if len(listed) > _MAX_INVOICES:
        raise CrmUnavailable("too_many_invoices")
    invoices = [_read_invoice(item, today=today, zone=zone) for item in listed]
    if len({invoice.number for invoice in invoices}) != len(invoices):
        raise CrmUnavailable("invoice_twice")
    return tuple(sorted(invoices, key=lambda invoice: (invoice.due_on, invoice.number)))


def _read_invoice(item: object, *, today: date, zone: tzinfo) -> OpenInvoice:
    if not isinstance(item, dict):
        raise CrmUnavailable("bad_invoice")
    number = item.get("numero_fatura")
    if isinstance(number, bool) or not isinstance(number, str | int) or not 0 < len(str(number).strip()) <= 100:
        raise CrmUnavailable("bad_invoice_number")
    cents = _cents(item.get("valor"))
    if cents is None or not 0 < cents <= _MAX_CENTS:
        raise CrmUnavailable("bad_amount")
    due_on = _date(item.get("data_vencimento"), zone)
    if due_on is None:
        raise CrmUnavailable("bad_due_date")
    line = item.get("linha_digitavel")
    return OpenInvoice(
        number=str(number).strip(),
        amount_cents=cents,
        due_on=due_on,
        # The CRM's own count may be of yesterday or of another zone; the due date and our clock say it right.
        days_late=max((today - due_on).days, 0),
        payment_line=line.strip() if isinstance(line, str) and line.strip() else None,
    )


def _check_totals(answer: dict[str, object], invoices: tuple[OpenInvoice, ...]) -> None:
    count = answer.get("faturas_em_aberto")
    if count is not None and (isinstance(count, bool) or count not in (len(invoices), str(len(invoices)))):
        raise CrmUnavailable("count_does_not_match")
    if answer.get("valor_total") is None and not invoices:
        return
    total = _cents(answer.get("valor_total"))
    if total is None or total < 0:
        raise CrmUnavailable("bad_total")
    if abs(total - sum(invoice.amount_cents for invoice in invoices)) > _TOTAL_TOLERANCE_CENTS:
        raise CrmUnavailable("total_does_not_add_up")


def _cents(value: object) -> int | None:
    """Read an amount in reais, as a number or as text in either notation; None when it is not one."""
    amount = _decimal(value)
    if amount is None or not amount.is_finite() or abs(amount) > _MAX_CENTS:
        return None
    cents = (amount * 100).to_integral_value()
    # 119.89999999999999 is what a sum of binary fractions looks like; 119.895 is half a cent, and nonsense.
    return int(cents) if abs(amount * 100 - cents) < Decimal("0.01") else None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal | int):
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
    if not isinstance(value, str) or len(value) > 40:
        return None
    text = value.replace("\u00a0", " ").strip()
    if match := _AMOUNT_PTBR.fullmatch(text):
        return Decimal(match[1].replace(".", "").replace(",", "."))
    if match := _AMOUNT_PLAIN.fullmatch(text):
        return Decimal(match[1])
    return None


def _date(value: object, zone: tzinfo) -> date | None:
    """Read `2026-10-10`, an ISO instant, or `10/10/2026`; None when it is no date or an absurd one."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    text = value.strip()
    match = _DATE_DMY.fullmatch(text)
    try:
        if match:
            found = date(int(match[3]), int(match[2]), int(match[1]))
        else:
            found = _day_of(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        return None
    return found if _EARLIEST <= found < _LATEST else None


def _day_of(instant: datetime, zone: tzinfo) -> date:
    # Midnight, in whatever zone, is how serialisers write a bare date; another time of day is a real instant.
    if instant.tzinfo is None or instant.time() == time():
        return instant.date()
    return instant.astimezone(zone).date()
