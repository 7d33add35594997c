"""The simulator page in a real browser, over the real api, runner, graph and PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.async_api import Page, expect
from psycopg import sql
from psycopg.rows import dict_row

from server.pages.words import ENGLISH, PORTUGUESE
from tests.pages.conftest import OpenPage
from tests.pages.service import Service

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

NO_BOX_IS_WIDER_THAN_THE_SCREEN = """
    [document.documentElement, ...document.querySelectorAll('.panel, .people-list, .chat-scroll, .turns-scroll')]
        .every(box => box.scrollWidth <= innerWidth)
"""


def rows(
    service: Service, statement: LiteralString, parameters: Sequence[object] | Mapping[str, object] = ()
) -> list[dict[str, Any]]:
    with psycopg.connect(service.database_url, row_factory=dict_row) as connection:
        return connection.execute(statement, parameters).fetchall()


async def pick(page: Page, number: int) -> None:
    await page.get_by_test_id(f"contact-{number}").click()
    await expect(page.get_by_test_id("message")).to_be_visible()


async def send(page: Page, *texts: str) -> None:
    for text in texts:
        await page.get_by_test_id("message").fill(text)
        await page.get_by_test_id("message").press("Enter")


async def ask(page: Page, text: str) -> str:
    """Send a message and give the first bubble that answers it."""
    before = await page.get_by_test_id("theirs").count()
    await send(page, text)
    answer = page.get_by_test_id("theirs").nth(before)
    await answer.wait_for()
    return await answer.inner_text()


async def test_negotiation_ends_in_a_stored_promise_and_the_trace_tells_how(
    service: Service, open_page: OpenPage, requested: list[str]
) -> None:
    page = await open_page()
    await expect(page.get_by_test_id("contact-2")).to_contain_text("1 fatura vencida")
    await pick(page, 2)

    assert "CPF" in await ask(page, "oi, quero ver minha fatura")
    debt = await ask(page, "111.444.777-35")
    assert "R$ 99,90" in debt
    read_back = await ask(page, "posso pagar sexta que vem")
    assert "sexta" in read_back
    assert "99,90" in read_back
    assert not rows(service, "SELECT 1 FROM promises WHERE document = '11144477735'")
    await ask(page, "sim")

    promises = rows(
        service,
        "SELECT p.amount_cents, p.status, p.due_on, t.turn_seq FROM promises p"
        " JOIN turns t ON t.conversation_id = p.conversation_id AND t.turn_seq = p.turn_seq"
        " WHERE p.document = '11144477735'",
    )
    assert [(row["amount_cents"], row["status"], row["due_on"].isoweekday()) for row in promises] == [
        (9990, "pending", 5)
    ]
    await expect(page.get_by_test_id("contact-2")).to_contain_text("promessa ativa")

    await expect(page.get_by_test_id("turn")).to_have_count(4)
    newest = page.get_by_test_id("turn").first
    await expect(newest.get_by_test_id("step-route")).to_contain_text("cobranca")
    await expect(newest.get_by_test_id("step-tool").first).to_contain_text("registrar_promessa_pagamento")
    await expect(newest.get_by_test_id("step-tool").first).to_contain_text("***.***.***-35")
    await expect(newest.get_by_test_id("step-observer")).to_contain_text(PORTUGUESE.verdict_approved)
    stored = rows(service, "SELECT prompt_version, model FROM turns WHERE turn_seq = %s AND agent = 'cobranca'",
                  [promises[0]["turn_seq"]])[0]  # fmt: skip
    await expect(newest.get_by_test_id("figure-prompt")).to_have_text(stored["prompt_version"])
    await expect(newest.get_by_test_id("figure-model")).to_have_text(stored["model"])
    await expect(newest.get_by_test_id("figure-tokens")).not_to_have_text("0")
    assert "11144477735" not in await page.locator(".trace").inner_text()
    assert "111.444.777-35" not in await page.locator(".trace").inner_text()

    # Every bubble ends up read, and the database heard it from the webhook.
    await expect(page.locator(".bubble .tick:not(.is-read)")).to_have_count(0)
    statuses = rows(service, "SELECT DISTINCT status FROM messages WHERE direction = 'out'")
    assert statuses == [{"status": "read"}]
    assert {urlsplit(url).hostname for url in requested if urlsplit(url).hostname} == {"127.0.0.1"}


async def test_bubbles_written_in_a_row_get_one_answer(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 4)
    bubbles = ["oi,", "queria saber se", "vocês abrem sábado?"]  # who breaks off is waited for longest
    await send(page, *bubbles)
    await expect(page.get_by_test_id("state")).to_have_text(PORTUGUESE.typing)
    await page.get_by_test_id("theirs").first.wait_for()
    await expect(page.get_by_test_id("mine")).to_have_count(3)
    await expect(page.get_by_test_id("state")).to_have_text(PORTUGUESE.online)
    texts = await page.locator("[data-testid=mine] .text").all_inner_texts()
    assert texts == bubbles
    await expect(page.get_by_test_id("turn")).to_have_count(1)


async def test_payment_code_is_copied_as_it_must_be_pasted(service: Service, open_page: OpenPage) -> None:
    page = await open_page(permissions=["clipboard-read", "clipboard-write"])
    await pick(page, 10)
    await ask(page, "oi, quero ver minha fatura")
    await ask(page, "223.606.797-67")
    await ask(page, "me manda o pix")
    await page.get_by_test_id("copy").click()
    await expect(page.get_by_text(PORTUGUESE.copied)).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    sent = rows(service, "SELECT text FROM messages WHERE direction = 'out' AND text LIKE '000201%%'")
    assert [row["text"] for row in sent] == [copied]


async def test_person_takes_over_and_gives_back(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 7)
    await ask(page, "quero falar com uma pessoa")
    await expect(page.get_by_test_id("handed-off")).to_contain_text(PORTUGUESE.handed_off)
    await expect(page.get_by_test_id("state")).to_have_text(PORTUGUESE.with_person)
    await page.get_by_test_id("hand-back").click()
    await expect(page.get_by_test_id("handed-off")).to_have_count(0)
    await expect(page.get_by_test_id("state")).to_have_text(PORTUGUESE.online)
    handlers = rows(
        service,
        "SELECT c.handler FROM conversations c JOIN contacts p ON p.id = c.contact_id"
        " WHERE p.name = 'Juliana Rocha Almeida'",
    )
    assert handlers == [{"handler": "bot"}]


async def test_new_conversation_closes_the_old_one(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 8)
    await ask(page, "oi")
    await page.get_by_test_id("new-conversation").click()
    await expect(page.get_by_test_id("mine")).to_have_count(0)
    await expect(page.get_by_test_id("turn")).to_have_count(0)
    await ask(page, "oi de novo")
    await expect(page.get_by_test_id("mine")).to_have_count(1)
    states = rows(
        service,
        "SELECT c.status, c.closing_reason FROM conversations c JOIN contacts p ON p.id = c.contact_id"
        " WHERE p.name = 'Pedro Henrique Costa' ORDER BY c.created_at",
    )
    assert [(row["status"], row["closing_reason"]) for row in states] == [("closed", "simulator"), ("waiting", None)]


async def test_hostile_text_stays_text(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 5)
    hostile = "<img src=x onerror=\"document.title='pwned'\"> <script>document.title='pwned'</script> *forte*"
    await send(page, hostile)
    bubble = page.get_by_test_id("mine").first
    await expect(bubble).to_contain_text("<img src=x")
    assert await bubble.locator("img, script").count() == 0
    assert await bubble.locator("b").inner_text() == "forte"
    assert "pwned" not in await page.title()


async def test_language_follows_the_browser_and_the_switch(service: Service, open_page: OpenPage) -> None:
    page = await open_page(locale="en-US")
    await expect(page.get_by_text(ENGLISH.people_hint)).to_be_visible()
    await expect(page.get_by_test_id("contact-9")).to_contain_text(ENGLISH.opted_out)
    assert await page.evaluate("document.documentElement.lang") == "en"
    await pick(page, 3)
    await page.get_by_test_id("language-pt").click()
    await expect(page.get_by_text(PORTUGUESE.people_hint)).to_be_visible()
    # The contact is kept across the switch, and the choice across a visit.
    await expect(page.get_by_test_id("contact-3")).to_have_attribute("aria-selected", "true")
    assert await page.evaluate("document.documentElement.lang") == "pt-BR"
    await page.goto(service.url("pages"))
    await expect(page.get_by_text(PORTUGUESE.people_hint)).to_be_visible()


async def test_theme_is_remembered(service: Service, open_page: OpenPage) -> None:
    page = await open_page(color_scheme="light")
    await expect(page.locator("body")).not_to_have_class("body--dark")
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.get_by_test_id("theme").click()
    await page.wait_for_function("document.cookie.includes('theme=dark')")
    await page.reload()
    await page.wait_for_function("document.body.classList.contains('body--dark')")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != light


async def test_phone_shows_one_panel_at_a_time_without_sideways_scrolling(
    service: Service, open_page: OpenPage
) -> None:
    page = await open_page(**PHONE)
    await pick(page, 11)
    await ask(page, "oi, quero ver minha fatura")
    for tab, panel in (("people", ".people"), ("chat", ".phone"), ("trace", ".trace")):
        await page.get_by_test_id(f"tab-{tab}").click()
        await expect(page.locator(panel)).to_be_visible()
        assert await page.locator(".panel:visible").count() == 1
        assert await page.evaluate(NO_BOX_IS_WIDER_THAN_THE_SCREEN)


async def test_forgotten_tab_asks_nothing_until_it_is_looked_at(service: Service, open_page: OpenPage) -> None:
    forgotten, active = await open_page("/?contact=12"), await open_page("/?contact=12")
    await expect(forgotten.get_by_test_id("message")).to_be_visible()
    hide = (
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    await forgotten.evaluate(hide, True)
    await ask(active, "oi")
    assert await forgotten.get_by_test_id("mine").count() == 0
    await forgotten.evaluate(hide, False)
    await expect(forgotten.get_by_test_id("mine")).to_have_count(1)
    await expect(forgotten.get_by_test_id("theirs").first).to_be_visible()


async def test_message_waits_for_the_api_and_is_stored_once(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 6)
    service.stop("api")
    try:
        await send(page, "vocês atendem no domingo?")
        await expect(page.get_by_test_id("banner")).to_contain_text(PORTUGUESE.api_down)
        await expect(page.get_by_test_id("pending")).to_have_count(1)
    finally:
        service.start("api")
    await page.get_by_test_id("theirs").first.wait_for()
    await expect(page.get_by_test_id("banner")).to_be_hidden()
    await expect(page.get_by_test_id("pending")).to_have_count(0)
    stored = rows(service, "SELECT count(*) AS n FROM messages WHERE text = 'vocês atendem no domingo?'")
    assert stored == [{"n": 1}]


async def test_database_outage_is_told_and_survived(service: Service, open_page: OpenPage, postgres_url: str) -> None:
    page = await open_page()
    await pick(page, 9)
    name = sql.Identifier(urlsplit(service.database_url).path.lstrip("/"))
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [urlsplit(service.database_url).path.lstrip("/")],
            )
            await expect(page.get_by_test_id("banner")).to_contain_text(PORTUGUESE.database_down, timeout=20_000)
            await send(page, "oi, tem alguém aí?")
            await expect(page.get_by_test_id("pending")).to_have_count(1)
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
    await expect(page.get_by_test_id("theirs").first).to_be_visible(timeout=60_000)
    await expect(page.get_by_test_id("banner")).to_be_hidden()
    await expect(page.get_by_test_id("mine")).to_have_count(1)
