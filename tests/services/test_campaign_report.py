"""The report of a campaign: safe to open, whole, bounded, and a page that stands by itself."""

import csv
import io
import re
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from uuid import uuid4

import openpyxl
import pytest

from domain.campaigns import CampaignStatus, Method, TargetOutcome, TargetState
from domain.contact_rules import Reason
from domain.errors import NotFound
from domain.promises import PromiseStatus
from domain.tenants import Tenant
from services.campaign_report import csv_report, html_report, safe_text, xlsx_report
from services.campaign_report_page import curve, funnel
from services.campaign_report_words import COLUMNS, METHODS, OUTCOMES, PROMISES, REASONS, STATES, STATUSES
from store import campaign_stats, tenants
from store.campaign_stats import DayFigures
from store.database import Database
from tests.campaign_rig import add_many, make_campaign
from tests.campaign_story import Story, begin_story
from tests.factories import open_database
from tests.fakes_clock import DEFAULT_NOW

BOM = b"\xef\xbb\xbf"
EVIL = (
    "=1+1", "+55", "-2", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1+1", '=HYPERLINK("http://x";"y")',
    "=cmd|' /C calc'!A0",
)  # fmt: skip


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def story(database: Database) -> Story:
    return await begin_story(database)


async def _tenant(story: Story) -> Tenant:
    async with story.database.tenant(story.tenant_id) as connection:
        tenant = await tenants.by_id(connection, story.tenant_id)
    assert tenant is not None
    return tenant


async def _csv(story: Story) -> bytes:
    tenant = await _tenant(story)
    return b"".join([piece async for piece in csv_report(story.database, tenant, story.campaign.id)])


def _rows(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(BOM)
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";"))


async def _page(story: Story) -> str:
    return await html_report(story.database, await _tenant(story), story.campaign.id, now=DEFAULT_NOW)


async def test_csv_lists_a_target_with_its_promise(story: Story) -> None:
    target = await story.target(0, client_name="José Conceição; Filho", invoice_number="2026-10-001", debt_cents=123456)
    await story.reply(await story.contact(target))
    await story.promise(target, amount_cents=5000)
    data = await _csv(story)
    [row] = _rows(data)
    assert list(row) == list(COLUMNS)
    assert list(row.values()) == [
        "José Conceição; Filho", "***.***.***-25", "***0000", "2026-10-001", "1.234,56", "contatado",
        "prometeu pagar", "WhatsApp", "1", "20/11/2026 11:00", "20/11/2026 11:00", "20/11/2026 11:06", "27/11/2026",
        "50,00", "em aberto", "",
    ]  # fmt: skip
    assert target.document.encode() not in data
    assert target.phone.encode() not in data


async def test_csv_of_an_empty_campaign_has_its_heading(story: Story) -> None:
    assert (await _csv(story)).decode("utf-8-sig").strip() == ";".join(COLUMNS)


@pytest.mark.parametrize("evil", EVIL)
def test_formulas_are_made_inert(evil: str) -> None:
    assert safe_text(evil).startswith("'")
    assert not set(safe_text(evil)) & set("\t\r\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Maria", "Maria"), ("Ana\x00\x1b[31m", "Ana [31m"), ("a\nb", "a b"), ("", ""), ("\ud800x", "x"),
        ("O'Neil", "O'Neil"), ("=", "'="), ("   ", ""), ("x" * 5000, "x" * 300),
    ],
)  # fmt: skip
def test_odd_texts_are_tidied(text: str, shown: str) -> None:
    assert safe_text(text) == shown


async def test_hostile_names_cannot_leave_their_cell(story: Story) -> None:
    names = [*EVIL, 'a";"b', "a;b", "a\nb", "<script>alert(1)</script>"]
    for place, name in enumerate(names):
        await story.target(place, client_name=name, invoice_number=name)
    rows = _rows(await _csv(story))
    assert len(rows) == len(names)
    for row in rows:
        assert None not in row
        assert not row["Nome"].startswith(tuple("=+-@\t\r＝"))
        assert not row["Fatura"].startswith(tuple("=+-@\t\r＝"))


async def test_xlsx_holds_the_same_as_text_and_numbers(story: Story) -> None:
    await story.target(0, client_name="=1+1", debt_cents=123456)
    await story.target(1, client_name="João", invoice_number="007")
    with await xlsx_report(story.database, await _tenant(story), story.campaign.id) as file:
        book = openpyxl.load_workbook(file)
    sheet = book["Alvos"]
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]] == list(COLUMNS)
    by_name = {row[0].value: row for row in rows[1:]}
    assert set(by_name) == {"'=1+1", "João"}
    assert all(cell.data_type != "f" for row in rows for cell in row)
    assert (by_name["'=1+1"][4].value, by_name["'=1+1"][4].number_format) == (1234.56, "#,##0.00")
    assert by_name["João"][3].value == "007"
    assert (by_name["João"][3].data_type, by_name["João"][8].value) == ("s", 0)
    book.close()


async def test_every_target_is_listed_once_over_many_pages(story: Story) -> None:
    await add_many(story.database, story.campaign, 1700)
    other = await make_campaign(story.database, story.tenant_id, story.account.id)
    await story.target(0, campaign=other)
    rows = _rows(await _csv(story))
    assert len(rows) == 1700
    assert len({row["Telefone"] for row in rows}) == 1700
    with await xlsx_report(story.database, await _tenant(story), story.campaign.id) as file:
        book = openpyxl.load_workbook(file, read_only=True)
        assert sum(1 for _ in book["Alvos"].rows) == 1701
        book.close()


async def test_memory_does_not_grow_with_the_targets(story: Story) -> None:
    await add_many(story.database, story.campaign, 12_000)
    tenant = await _tenant(story)
    size = 0
    tracemalloc.start()
    try:
        async for piece in csv_report(story.database, tenant, story.campaign.id):
            size += len(piece)
            del piece
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 700_000
    assert peak < 5_000_000  # the rows of one page; all of them at once are several times that


async def test_another_tenants_campaign_is_not_reported(story: Story, database: Database) -> None:
    await story.target(0)
    other = await begin_story(database, slug="outra")
    tenant = await _tenant(other)
    with pytest.raises(NotFound):
        await html_report(database, tenant, story.campaign.id, now=DEFAULT_NOW)
    with pytest.raises(NotFound):
        await html_report(database, tenant, uuid4(), now=DEFAULT_NOW)
    pieces = [piece async for piece in csv_report(database, tenant, story.campaign.id)]
    assert len(pieces) == 1  # the heading alone


class _Links(HTMLParser):
    """Notes whatever a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loaded += [f"{tag}.{name}" for name, _ in attrs if name in {"src", "href", "srcset", "data", "action"}]
        self.loaded += [f"{tag}.{name}" for name, _ in attrs if name.startswith("on") or name == "style"]


async def test_page_stands_by_itself_and_escapes(story: Story) -> None:
    await story.execute(
        "UPDATE campaigns SET name = %(name)s, pause_reason = %(name)s", name="<script>alert('x')</script> & \"Cia\""
    )
    page = await _page(story)
    links = _Links()
    links.feed(page)
    assert links.loaded == []
    assert not links.tags & {"script", "img", "link", "iframe", "object", "form"}
    assert not re.search(r"url\(|@import|https?://", page)
    assert "&lt;script&gt;alert" in page
    assert 'lang="pt-BR"' in page
    assert "@page { size: A4" in page


async def test_page_shows_funnel_rates_outcomes_and_reasons(story: Story) -> None:
    for place in range(3):
        target = await story.target(place)
        await story.reply(await story.contact(target, status="read"))
        await story.promise(target, status="fulfilled" if place else "broken")
    await story.decide(await story.target(3), "skip", "already_paid")
    page = await _page(story)
    for text in (
        "Na lista", "Contatados", "75,0%", "prometeu pagar", "ainda sem resultado", "66,7%", "já estava pago",
        "Contatos evitados", "R$ 1,20", "20/11/2026 11:00", "TR Telecom", "seg, ter, qua, qui, sex",
    ):  # fmt: skip
        assert text in page, text
    assert "Contatos adiados" not in page


async def test_page_of_an_empty_campaign(story: Story) -> None:
    page = await _page(story)
    assert "Ainda não houve nenhum contato." in page
    assert "A lista está vazia." in page
    body = page[page.index("<body>") :]
    assert not re.search(r"None|\bnan\b|undefined", body)
    assert "<rect" in body
    assert body.count("–") == 5  # the rates


def test_funnel_never_grows_wider_than_the_list() -> None:
    figures = campaign_stats.Figures(
        total_targets=4, imported_rows=4, pending=0, scheduled=0, calling=0, contacted=4, completed=0,
        without_outcome=0, outcomes={}, debt_cents=0, reached=4, delivered=3, read=2, responded=2, promised=1, paid=0,
        paid_without_contact=0, reminders=0, methods={}, skipped={}, postponed={}, pending_promises=0,
        fulfilled_promises=0, broken_promises=0, renegotiated_promises=0, promised_cents=0, fulfilled_cents=0,
        spent_cents=0, budget_cents=None, next_contact_at=None,
    )  # fmt: skip
    assert [(step.count, step.width) for step in funnel(figures)] == [
        (4, "100.00"), (4, "100.00"), (3, "75.00"), (2, "50.00"), (2, "50.00"), (1, "25.00"), (0, "0.00"),
    ]  # fmt: skip
    empty = funnel(replace(figures, total_targets=0, reached=0, delivered=0, read=0, responded=0, promised=0))
    assert {step.width for step in empty} == {"0.00"}


def _day(number: int, **counts: int) -> DayFigures:
    given = {"contacts": 0, "replies": 0, "promises": 0, "payments": 0} | counts
    return DayFigures(day=date(2026, 1, 1) + timedelta(days=number), **given)


@pytest.mark.parametrize(("length", "span"), [(1, 1), (30, 1), (92, 1), (93, 2), (365, 4), (3000, 33)])
def test_curve_keeps_every_event_however_long_the_campaign(length: int, span: int) -> None:
    days = [_day(number, contacts=number % 7, payments=1) for number in range(length)]
    drawn = curve(days, last_day=days[-1].day)
    assert drawn is not None
    assert drawn.span_days == span
    assert [panel.total for panel in drawn.panels] == [sum(n % 7 for n in range(length)), 0, 0, length]
    for panel in drawn.panels:
        for bar in panel.bars:
            assert 0 <= float(bar.x) <= 640 >= float(bar.x) + float(bar.width)
            assert 0 <= float(bar.y) <= 63.01
            assert float(bar.y) + float(bar.height) == pytest.approx(64, abs=0.02)


def test_curve_of_nothing_is_none() -> None:
    assert curve([], last_day=date(2026, 1, 1)) is None


def test_every_word_of_the_domain_has_its_portuguese() -> None:
    assert set(STATES) == set(TargetState)
    assert set(OUTCOMES) == set(TargetOutcome)
    assert set(METHODS) == set(Method)
    assert set(STATUSES) == set(CampaignStatus)
    assert set(PROMISES) == set(PromiseStatus)
    assert set(REASONS) == set(Reason) - {Reason.ALLOWED}
