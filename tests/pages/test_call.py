"""Calls on the simulator page, in a real browser over the real api: text, phone, and text again."""

from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from server.pages import phone_calls
from server.pages.words import ENGLISH, PORTUGUESE
from tests.pages.conftest import OpenPage
from tests.pages.service import Service
from tests.pages.test_simulator import NO_BOX_IS_WIDER_THAN_THE_SCREEN, PHONE, ask, pick, rows

pytestmark = pytest.mark.browser


async def call(page: Page, number: int, *, pace: str = "0") -> None:
    await pick(page, number)
    await page.get_by_test_id("call").click()
    await page.get_by_test_id(f"pace-{pace}").click()
    await expect(page.get_by_test_id("call-connected").first).to_be_visible()


async def speak(page: Page, text: str) -> str:
    """Say something, and give what is answered."""
    before = await page.get_by_test_id("call-theirs").count()
    await page.get_by_test_id("call-say").fill(text)
    await page.get_by_test_id("call-say").press("Enter")
    answer = page.get_by_test_id("call-theirs").nth(before)
    await answer.wait_for()
    await expect(page.get_by_test_id("call-view")).to_have_attribute("data-state", "listening")
    return await answer.inner_text()


def call_of(service: Service, name: str) -> dict[str, Any]:
    return rows(
        service,
        "SELECT k.* FROM calls k JOIN contacts c ON c.id = k.contact_id WHERE c.name = %s ORDER BY k.created_at DESC",
        [name],
    )[0]


async def ended_call(page: Page, service: Service, name: str) -> dict[str, Any]:
    """Give somebody's newest call once the telephone's webhook has ended it: the page does not wait for that."""
    for _ in range(300):
        found = call_of(service, name)
        if found["ended_at"] is not None:
            return found
        await page.wait_for_timeout(100)
    raise AssertionError(f"the call of {name} did not end")


def ring(service: Service, phone: str) -> str:
    """Let the assistant call one of the demo's people, as the dialer leaves it with the simulated line."""
    call_id = str(uuid4())
    rows(
        service,
        "INSERT INTO calls (tenant_id, id, channel_account_id, contact_id, direction, phone, status, status_at,"
        " provider_call_id, created_at, purpose)"
        " SELECT a.tenant_id, %s, l.id, a.contact_id, 'out', a.value, 'queued', now(), %s, now(), 'requested'"
        " FROM addresses a JOIN channel_accounts l ON l.tenant_id = a.tenant_id AND l.provider = 'retell'"
        " WHERE a.kind = 'simulated' AND a.value = %s RETURNING id",
        [call_id, f"call_{call_id}", phone],
    )
    return call_id


def agree(service: Service, name: str) -> None:
    """Let one of the demo's people have agreed on a call in half an hour."""
    rows(
        service,
        "INSERT INTO call_requests (tenant_id, id, contact_id, conversation_id, phone, reason, wanted_at, due_at,"
        " created_at, updated_at)"
        " SELECT v.tenant_id, gen_random_uuid(), v.contact_id, v.id, v.address_value, 'quer negociar',"
        " now() + interval '30 minutes', now() + interval '30 minutes', now(), now()"
        " FROM conversations v JOIN contacts c ON c.id = v.contact_id"
        " WHERE c.name = %s AND v.address_kind = 'simulated' RETURNING id",
        [name],
    )


async def test_talk_goes_from_text_to_phone_and_back_with_one_memory(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 2)
    await ask(page, "oi, quero ver minha fatura")
    assert "R$ 99,90" in await ask(page, "111.444.777-35")
    await page.get_by_test_id("call").click()
    await page.get_by_test_id("pace-0").click()
    await expect(page.get_by_test_id("call-theirs").first).to_contain_text("assistente virtual")
    await expect(page.get_by_test_id("call-view")).to_have_attribute("data-state", "listening")
    await expect(page.get_by_test_id("message")).to_be_hidden()

    await speak(page, "sim, sou eu")
    await speak(page, "cento e onze, quatro quatro quatro, sete sete sete, trinta e cinco")
    assert "sexta" in await speak(page, "posso pagar sexta que vem")
    await speak(page, "sim")
    tool = page.get_by_test_id("call-tool").filter(has_text="registrar_promessa_pagamento").first
    await expect(tool).to_be_visible()
    assert "11144477735" not in await page.locator(".call-timeline").inner_text()
    await expect(page.get_by_test_id("turn").first).to_be_visible()
    promised = rows(service, "SELECT amount_cents FROM promises WHERE document = '11144477735'")
    assert promised == [{"amount_cents": 9990}]

    await page.get_by_test_id("hang-up").click()
    await expect(page.get_by_test_id("call-reason")).to_have_text(PORTUGUESE.call_ended_user)
    await expect(page.get_by_test_id("call-summary")).to_contain_text(PORTUGUESE.call_summary_coming)
    ended = await ended_call(page, service, "João Pereira dos Santos")
    assert (ended["status"], ended["disconnection_reason"]) == ("completed", "user_hangup")
    assert ended["duration_seconds"] is not None
    rows(service, "UPDATE calls SET summary = 'Ficou combinado para sexta.', processed_at = now() WHERE id = %s"
         " RETURNING id", [ended["id"]])  # fmt: skip
    await expect(page.get_by_test_id("call-summary")).to_contain_text("Ficou combinado para sexta.")

    await page.get_by_test_id("call-back").click()
    await expect(page.get_by_test_id("message")).to_be_visible()
    await expect(page.get_by_test_id("mine")).to_have_count(2)
    await expect(page.get_by_test_id("contact-2")).to_contain_text("promessa ativa")
    assert "CPF" not in await ask(page, "qual foi mesmo o dia que combinamos?")


async def test_typing_interrupts_and_shows_what_was_not_heard(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await call(page, 1, pace="1")
    await expect(page.locator(".sentence.is-speaking")).to_have_count(1)
    await page.get_by_test_id("call-say").fill("quero ver minha fatura")
    await page.get_by_test_id("call-say").press("Enter")
    await expect(page.get_by_test_id("call-cut").first).to_be_visible()
    await expect(page.locator(".unheard").first).to_be_visible()
    await expect(page.get_by_test_id("call-mine")).to_contain_text("quero ver minha fatura")
    await page.get_by_test_id("pace-0").click()
    await expect(page.get_by_test_id("call-view")).to_have_attribute("data-state", "listening")
    await page.get_by_test_id("hang-up").click()
    await expect(page.get_by_test_id("call-back")).to_be_focused()


async def test_escape_asks_before_it_hangs_up(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await call(page, 3)
    await expect(page.get_by_test_id("call-say")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("hang-up-question")).to_be_visible()
    await expect(page.get_by_test_id("call-stay")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("hang-up-question")).to_be_hidden()
    await expect(page.get_by_test_id("call-say")).to_be_focused()
    await page.get_by_test_id("contact-4").click()
    await expect(page.get_by_text(PORTUGUESE.call_first_hang_up)).to_be_visible()
    await page.get_by_test_id("call-say").press("Escape")
    await page.get_by_test_id("hang-up-sure").click()
    await expect(page.get_by_test_id("call-reason")).to_have_text(PORTUGUESE.call_ended_user)
    await page.get_by_test_id("call-again").click()
    await expect(page.get_by_test_id("call-connected").first).to_be_visible()
    await page.get_by_test_id("hang-up").click()
    await page.get_by_test_id("call-back").click()
    await expect(page.get_by_test_id("message")).to_be_focused()


async def test_lost_connection_comes_back_in_the_same_call(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await call(page, 4)
    await expect(page.get_by_test_id("call-view")).to_have_attribute("data-state", "listening")
    await page.get_by_test_id("call-drop").click()
    await expect(page.get_by_test_id("call-lost")).to_be_visible()
    await expect(page.get_by_test_id("call-connected")).to_have_count(2)
    assert "CPF" in await speak(page, "quero ver minha fatura")
    await page.get_by_test_id("hang-up").click()
    await expect(page.get_by_test_id("call-reason")).to_be_visible()
    assert (await ended_call(page, service, "Carlos Eduardo Souza"))["status"] == "completed"


async def test_assistant_rings_and_is_answered(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 5)
    call_id = ring(service, "+5511999990005")
    await expect(page.get_by_test_id("ring")).to_contain_text("Lia está ligando…")
    await expect(page.get_by_test_id("ring-answer")).to_be_focused()
    await page.get_by_test_id("ring-answer").click()
    await page.get_by_test_id("pace-0").click()
    await expect(page.get_by_test_id("call-theirs").first).to_contain_text("porque você pediu")
    await expect(page.get_by_test_id("ring")).to_be_hidden()
    await page.get_by_test_id("hang-up").click()
    await expect(page.get_by_test_id("call-reason")).to_be_visible()
    answered = await ended_call(page, service, "Francisca Lima")
    assert (str(answered["id"]), answered["status"]) == (call_id, "completed")


async def test_agreed_call_is_shown_until_it_is_made(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 9)
    await ask(page, "oi")
    agree(service, "Luiza Martins")
    await expect(page.get_by_test_id("agreed")).to_contain_text(PORTUGUESE.ring_agreed.split("{")[0])
    await expect(page.get_by_test_id("ring-now")).to_be_visible()
    rows(service, "UPDATE call_requests SET state = 'calling' RETURNING id")
    await expect(page.get_by_test_id("agreed")).to_have_count(0)


async def test_declined_call_of_somebody_else_is_told_and_rings_no_more(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 7)
    call_id = ring(service, "+5511999990006")
    await expect(page.get_by_test_id("ring")).to_contain_text("Antônio Ferreira")
    await page.get_by_test_id("ring-decline").click()
    await expect(page.get_by_test_id("ring")).to_be_hidden()
    await page.wait_for_function("document.querySelector('.ring').offsetParent === null")
    declined = await ended_call(page, service, "Antônio Ferreira")
    assert (str(declined["id"]), declined["status"], declined["disconnection_reason"]) == (
        call_id, "busy", "user_declined",
    )  # fmt: skip


async def test_call_that_nobody_takes_was_not_answered(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    call_id = ring(service, "+5511999990008")
    await expect(page.get_by_test_id("ring")).to_be_visible()
    rows(
        service,
        "UPDATE calls SET status_at = now() - make_interval(secs => %s) WHERE id = %s RETURNING id",
        [phone_calls.RINGS_SECONDS + 1, call_id],
    )
    await expect(page.get_by_test_id("ring")).to_be_hidden()
    assert (await ended_call(page, service, "Pedro Henrique Costa"))["disconnection_reason"] == "dial_no_answer"


async def test_closing_the_page_hangs_up(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await call(page, 10)
    await page.close()
    other = await open_page()
    assert (await ended_call(other, service, "Marcos Vinícius Barbosa"))["disconnection_reason"] == "user_hangup"


async def test_call_without_the_api_says_so_and_can_be_tried_again(service: Service, open_page: OpenPage) -> None:
    page = await open_page()
    await pick(page, 11)
    service.stop("api")
    try:
        await page.get_by_test_id("call").click()
        await expect(page.get_by_test_id("call-reason")).to_have_text(PORTUGUESE.call_failed_text)
    finally:
        service.start("api")
    await page.get_by_test_id("call-again").click()
    await expect(page.get_by_test_id("call-connected").first).to_be_visible()
    await page.get_by_test_id("hang-up").click()


async def test_call_fits_a_phone_in_both_languages_and_themes(service: Service, open_page: OpenPage) -> None:
    for options, words in (
        ({**PHONE, "locale": "pt-BR", "color_scheme": "light"}, PORTUGUESE),
        ({**PHONE, "locale": "en-US", "color_scheme": "dark"}, ENGLISH),
    ):
        page = await open_page(**options)
        await call(page, 12)
        await speak(page, "oi, tudo bem?")
        assert await page.evaluate(NO_BOX_IS_WIDER_THAN_THE_SCREEN)
        inside = "[...document.querySelectorAll('.call-buttons *, .call-header *')].every(e => {"
        inside += " const b = e.getBoundingClientRect(); return b.right <= innerWidth + 1 && b.left >= -1; })"
        assert await page.evaluate(inside)
        await page.get_by_test_id("hang-up").click()
        await expect(page.get_by_test_id("call-reason")).to_have_text(words.call_ended_user)
        await expect(page.locator(".call-back")).to_be_in_viewport()
        await page.close()
