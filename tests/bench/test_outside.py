"""The outside world of the bench answers as a CRM and Meta do, late, and counts who was written to."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta

import httpx
import pytest

from bench.debtors import open_instant, phone_of
from bench.outside import CRM_PATH, Outside
from channels.crm import HttpCrm
from domain.campaigns import Method
from domain.contact_hours import ContactWindow, closed_reason, place_of
from domain.phones import PhoneKind, phone_kind
from tests.fakes_clock import FakeClock

DOCUMENT = "52998224725"


@pytest.fixture
async def outside_url() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.outside", "--delay-seconds", "0.01",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    yield f"http://127.0.0.1:{port}"
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_crm_answers_what_the_service_reads_as_an_overdue_debt(outside_url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        crm = HttpCrm(http, url=outside_url, api_key="bench", clock=FakeClock())
        statement = await crm.open_invoices(DOCUMENT)
    assert statement.document == DOCUMENT
    assert statement.total_cents == 11990
    assert statement.invoices[0].due_on < datetime.now(UTC).date()


async def test_requests_over_kept_connections_are_counted(outside_url: str) -> None:
    body = {"to": "5511999990001", "text": {"body": "Olá, João! 🙏"}}
    async with httpx.AsyncClient(base_url=outside_url, trust_env=False) as http:
        for _ in range(3):
            answer = await http.post("/v26.0/1/messages", json=body)
            assert answer.json()["messages"][0]["id"]
        await http.post(CRM_PATH, json={"cpf_cnpj": DOCUMENT})
        counts = (await http.get("/")).json()
    assert counts == {"asked": 1, "sent": 3, "phones": 1}


def test_who_is_written_to_twice_shows() -> None:
    outside = Outside(today=date(2026, 11, 20))
    for phone in ("5511999990001", "5511999990002", "5511999990001"):
        outside.answer("/v26.0/1/messages", json.dumps({"to": phone}).encode())
    assert outside.answer("/", b"") == {"asked": 0, "sent": 3, "phones": 2}


@pytest.mark.parametrize("place", [0, 1, 999_999, 5_000_000])
def test_debtors_have_phones_that_may_be_contacted(place: int) -> None:
    assert phone_kind(phone_of(place)) is PhoneKind.MOBILE


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 19, 14, 0, tzinfo=UTC),
        datetime(2026, 11, 20, 14, 0, tzinfo=UTC),  # a holiday
        datetime(2026, 11, 21, 23, 0, tzinfo=UTC),  # a Saturday night
        datetime(2026, 12, 25, 14, 0, tzinfo=UTC),
    ],
)
def test_the_clock_is_set_to_an_instant_open_for_hours(now: datetime) -> None:
    place = place_of(phone_of(0))
    assert place is not None
    window = ContactWindow(
        start=time(8),
        end=time(20),
        weekdays=frozenset(range(1, 6)),
    )
    instant = open_instant(now)
    assert instant >= now
    for minutes in (0, 60, 240):
        later = instant + timedelta(minutes=minutes)
        assert closed_reason(later, place=place, window=window, method=Method.WHATSAPP, tenant_holidays={}) is None
