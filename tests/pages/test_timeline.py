"""A contact's timeline in a real browser: reached from the simulator, in one order, masked, usable on a phone."""

import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from playwright.async_api import Page, expect

from server.pages.timeline_words import ENGLISH, PORTUGUESE, TIMELINE_WORDS
from tests.pages.conftest import OpenPage
from tests.pages.service import Service
from tests.pages.test_simulator import PHONE, ask, pick, rows

pytestmark = pytest.mark.browser

TOO_WIDE = """
    [document.documentElement, ...document.querySelectorAll('.timeline, .timeline *')]
        .filter(box => box.getBoundingClientRect().right > innerWidth + 1 || box.scrollWidth > innerWidth)
        .map(box => `${box.tagName}.${box.className}`)
"""


def contact_of(service: Service, name: str) -> UUID:
    return UUID(str(rows(service, "SELECT id FROM contacts WHERE name = %s", [name])[0]["id"]))


def add_call(service: Service, contact_id: UUID) -> str:
    """Let a call have happened two minutes ago, with a talk that was cut once."""
    call_id = str(uuid4())
    rows(
        service,
        "INSERT INTO calls (tenant_id, id, channel_account_id, contact_id, conversation_id, direction, phone, status,"
        " status_at, provider_call_id, created_at, answered_at, ended_at, duration_seconds, purpose, summary,"
        " recording_url, disconnection_reason)"
        " SELECT v.tenant_id, %(call)s::uuid, l.id, v.contact_id, v.id, 'out', '+5511999990001', 'completed', now(),"
        " %(call)s::text, now() - interval '2 minutes', now() - interval '2 minutes', now(), 95, 'requested',"
        " 'Ficou combinado para sexta. CPF 529.982.247-25.', 'https://gravacoes.exemplo.com.br/1.wav', 'user_hangup'"
        " FROM conversations v JOIN channel_accounts l ON l.tenant_id = v.tenant_id AND l.provider = 'retell'"
        " WHERE v.contact_id = %(contact)s LIMIT 1 RETURNING id",
        {"call": call_id, "contact": contact_id},
    )
    for seconds, direction, author, text, content in (
        (1, "out", "agent", "Olá! Aqui é Lia.", "{}"),
        (6, "in", "customer", "sou eu, meu CPF é 529.982.247-25", "{}"),
        (9, "out", "agent", "Obrigada, Maria.", '{"isInterrupted": true, "meant": "Obrigada, Maria. Você tem"}'),
    ):
        rows(
            service,
            "INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text,"
            " content, sent_at, created_at, call_id, status)"
            " SELECT k.tenant_id, gen_random_uuid(), k.conversation_id, k.channel_account_id, %(direction)s,"
            " %(author)s, 'text', %(text)s, %(content)s::jsonb, k.answered_at + make_interval(secs => %(seconds)s),"
            " now(), k.id, CASE WHEN %(direction)s = 'out' THEN 'sent' END FROM calls k"
            " WHERE k.id = %(call)s::uuid RETURNING id",
            {"direction": direction, "author": author, "text": text, "content": content, "seconds": seconds,
             "call": call_id},
        )  # fmt: skip
    return call_id


def add_request_and_promise(service: Service, contact_id: UUID) -> None:
    rows(
        service,
        "INSERT INTO call_requests (tenant_id, id, contact_id, conversation_id, phone, reason, wanted_at, created_at,"
        " updated_at, state)"
        " SELECT tenant_id, gen_random_uuid(), contact_id, id, address_value, 'quer negociar', now(),"
        " now() - interval '3 minutes', now(), 'done' FROM conversations WHERE contact_id = %s LIMIT 1 RETURNING id",
        [contact_id],
    )
    rows(
        service,
        "INSERT INTO promises (tenant_id, id, protocol, document, contact_id, amount_cents, due_on, protected_until,"
        " status, created_at, updated_at, invoices, paid_cents)"
        " SELECT tenant_id, gen_random_uuid(), 'PTESTE1', '52998224725', id, 23980, '2026-11-27', now(), 'broken',"
        " now() - interval '1 minute', now(), '[]', 0 FROM contacts WHERE id = %s RETURNING id",
        [contact_id],
    )


async def look(page: Page, name: str) -> None:
    """Keep a picture for a person to look at, where one is wanted."""
    if folder := os.environ.get("PAGE_PICTURES"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"))


async def test_chosen_persons_timeline_tells_everything_in_one_order(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 1)
    await ask(page, "oi, meu cpf é 529.982.247-25")
    contact_id = contact_of(service, "Maria da Silva")
    add_call(service, contact_id)
    add_request_and_promise(service, contact_id)

    await look(page, "simulator-wide")
    await page.get_by_test_id("open-timeline").click()
    await expect(page).to_have_url(f"{service.url('pages')}/contacts/{contact_id}")
    await expect(page.locator(".timeline-name")).to_have_text("Maria da Silva")
    await expect(page.get_by_test_id("entry-call")).to_have_count(1)
    order = await page.locator(".event").evaluate_all("all => all.map(entry => entry.dataset.testid)")
    assert order == ["entry-message", "entry-message", "entry-promise", "entry-call", "entry-request"]

    call = page.get_by_test_id("entry-call")
    told = (PORTUGUESE.call_out_requested, PORTUGUESE.outcomes["answered"], "1:35", "Ficou combinado para sexta.")
    for words in told:
        await expect(call).to_contain_text(words)
    recording = call.get_by_test_id("entry-recording")
    assert await recording.get_attribute("href") == "https://gravacoes.exemplo.com.br/1.wav"
    assert "noopener" in (await recording.get_attribute("rel") or "")
    await expect(call.locator(".entry-line").first).to_be_hidden()
    await call.locator("summary").click()
    await expect(call.locator(".entry-line")).to_have_count(3)
    await expect(call.locator(".entry-line").nth(2)).to_contain_text(PORTUGUESE.interrupted)
    await expect(page.get_by_test_id("entry-promise")).to_contain_text("R$ 239,80")
    await expect(page.get_by_test_id("entry-promise")).to_contain_text(PORTUGUESE.promises["broken"])
    await expect(page.get_by_test_id("entry-request")).to_contain_text("quer negociar")
    text = await page.locator(".timeline").inner_text()
    assert "529.982.247-25" not in text
    assert "52998224725" not in text
    assert text.count("***.***.***-25") == 5  # header, message, summary, talk, promise
    await look(page, "timeline-wide")

    # What happens meanwhile comes by itself, and leaves an opened talk open.
    rows(service, "UPDATE promises SET status = 'fulfilled' WHERE protocol = 'PTESTE1' RETURNING id")
    await expect(page.get_by_test_id("entry-promise")).to_contain_text(PORTUGUESE.promises["fulfilled"])
    await expect(call.locator(".entry-line").first).to_be_visible()

    await page.get_by_test_id("timeline-back").click()
    await expect(page).to_have_url(f"{service.url('pages')}/?contact=1")
    await expect(page.get_by_test_id("mine").first).to_be_visible()


async def test_timeline_fits_a_phone_in_both_languages_and_themes(service: Service, open_page: OpenPage) -> None:
    first = await open_page()
    await pick(first, 2)
    await ask(first, "oi " + "muito-longo-sem-espaço" * 12)
    contact_id = contact_of(service, "João Pereira dos Santos")
    add_call(service, contact_id)
    for options, language in (
        ({**PHONE, "locale": "pt-BR", "color_scheme": "light"}, "pt"),
        ({**PHONE, "locale": "en-US", "color_scheme": "dark"}, "en"),
    ):
        words = TIMELINE_WORDS[language]  # type: ignore[index]
        page = await open_page(**options)
        await page.get_by_test_id("contact-2").tap()
        await page.get_by_test_id("tab-trace").tap()
        await look(page, f"simulator-phone-{language}")
        await page.get_by_test_id("open-timeline").tap()
        await expect(page.get_by_test_id("entry-call")).to_contain_text(words.transcript)
        await page.get_by_test_id("entry-talk").locator("summary").tap()
        await expect(page.locator(".entry-line").first).to_be_visible()
        await look(page, f"timeline-phone-{language}")
        assert await page.evaluate(TOO_WIDE) == []
        await expect(page.get_by_role("heading", name=words.today)).to_be_visible()
        await page.close()


async def test_person_without_a_past_has_an_empty_timeline_that_fills(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 11)
    contact_id = contact_of(service, "Rita de Cássia Nunes")
    await page.goto(f"{service.url('pages')}/contacts/{contact_id}")
    await expect(page.get_by_test_id("timeline-empty")).to_contain_text(PORTUGUESE.empty_title)
    await look(page, "timeline-empty")
    other = await open_page()
    await pick(other, 11)
    await ask(other, "oi")
    await expect(page.get_by_test_id("entry-message")).to_have_count(2)
    await expect(page.get_by_test_id("timeline-empty")).to_be_hidden()


async def test_nobodys_timeline_says_so(service: Service, open_page: OpenPage) -> None:
    page = await open_page(locale="en-US")
    for address in (str(uuid4()), "nobody", "1%27%20OR%201=1"):
        await page.goto(f"{service.url('pages')}/contacts/{address}")
        await expect(page.get_by_test_id("timeline-empty")).to_contain_text(ENGLISH.missing_title)
        await expect(page.get_by_test_id("timeline-back")).to_have_attribute("href", "/")


async def test_contact_of_another_company_is_not_shown(service: Service, open_page: OpenPage) -> None:
    stranger = str(uuid4())
    rows(
        service,
        "WITH t AS (INSERT INTO tenants (id, slug, name) VALUES (gen_random_uuid(), %(slug)s, 'Outra') RETURNING id)"
        " INSERT INTO contacts (tenant_id, id, name) SELECT id, %(id)s, 'Sigilosa' FROM t RETURNING id",
        {"slug": f"outra-{stranger[:8]}", "id": stranger},
    )
    page = await open_page()
    await page.goto(f"{service.url('pages')}/contacts/{stranger}")
    await expect(page.get_by_test_id("timeline-empty")).to_contain_text(PORTUGUESE.missing_title)
    assert "Sigilosa" not in await page.content()
