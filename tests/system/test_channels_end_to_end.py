"""Every recorded webhook at the running service, and a whole negotiation through each channel's real protocol."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from domain.messages import Provider
from domain.pix import parse_pix
from domain.reply_rules import find_foreign_or_internal
from tests.fakes.providers import TWILIO_TOKEN
from tests.system.conftest import NewDatabase
from tests.system.customers import (
    AMOUNT_CENTS,
    Customer,
    add_debtors,
    post,
    received,
    say,
    signed_webhook,
)
from tests.system.stack import EVOLUTION_SECRET, META_APP_SECRET, PROVIDERS, Stack, open_stack, wait_for

_PAYLOADS = Path(__file__).parents[1] / "payloads"
_FRIDAY = 4


def _recorded() -> Iterator[tuple[Provider, Path]]:
    """List what providers post at us, as opposed to what we post and what they answer."""
    for path in sorted((_PAYLOADS / "meta").glob("*.json")):
        body = json.loads(path.read_bytes())
        if isinstance(body, dict) and body.get("object") == "whatsapp_business_account":
            yield Provider.META, path
    for path in sorted((_PAYLOADS / "evolution").glob("*.json")):
        body = json.loads(path.read_bytes())
        if isinstance(body, dict) and "event" in body:
            yield Provider.EVOLUTION, path
    for path in sorted((_PAYLOADS / "twilio").glob("*.form")):
        fields = dict(parse_qsl(path.read_text("utf-8"), keep_blank_values=True))
        if "MessageStatus" in fields or "SmsStatus" in fields:
            is_whatsapp = "whatsapp:" in fields.get("From", "") + fields.get("To", "")
            yield (Provider.TWILIO_WHATSAPP if is_whatsapp else Provider.TWILIO_SMS), path


RECORDED = list(_recorded())


@pytest.fixture(scope="module")
def stack(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run one api for all tests here; each has its own customers."""
    with open_stack(new_database(None), tmp_path_factory.mktemp("channels"), redis_url="redis://127.0.0.1:1/0") as made:

        async def start() -> None:
            await made.create_tenant()
            await made.start()

        asyncio.run(start())
        _report_statuses(made)
        yield made


def _report_statuses(stack: Stack) -> None:
    """Let the fake providers report on whatever they take, signed, at the account's own webhook."""
    statuses = ["sent", "delivered", "read"]
    keys = {provider: account.webhook_key for provider, account in stack.accounts.items()}
    base = stack.base_url()
    stack.fakes.report_to(
        "meta", url=f"{base}/webhooks/meta/{keys[Provider.META]}", secret=META_APP_SECRET, statuses=statuses
    )
    stack.fakes.report_to(
        "evolution", url=f"{base}/webhooks/evolution/{keys[Provider.EVOLUTION]}", secret=EVOLUTION_SECRET,
        statuses=["echo", *statuses],
    )  # fmt: skip
    stack.fakes.report_to("twilio", secret=TWILIO_TOKEN, statuses=statuses)


def test_recordings_of_every_provider_are_there() -> None:
    assert {provider for provider, _ in RECORDED} == set(PROVIDERS)
    assert len(RECORDED) >= 55


async def test_every_recorded_webhook_is_stored_once(new_database: NewDatabase, tmp_path: Path) -> None:
    with open_stack(new_database(None), tmp_path, redis_url="redis://127.0.0.1:1/0") as stack:
        await stack.create_tenant()
        await stack.start()
        reported: set[tuple[str, str]] = set()
        for provider, path in RECORDED:
            webhook = signed_webhook(stack, provider, path.read_bytes())
            before = await _stored(stack)
            expected = 204 if provider.startswith("twilio") else 200
            assert await post(stack, webhook) == expected, path.name
            after = await _stored(stack)
            reports = _reports(path)
            if not reports or not reports <= reported:  # several recordings report the same of one message
                assert after > before, f"{path.name} left nothing behind"
            reported |= reports
            assert await post(stack, webhook) == expected, path.name
            assert await _stored(stack) == after, f"{path.name} was stored twice"
        stored = await stack.query("SELECT count(*) AS n FROM messages WHERE direction = 'in'")
        assert stored[0]["n"] > 25


def _reports(path: Path) -> set[tuple[str, str]]:
    """List (message, status) of the reports in a recording of Meta's or Twilio's; one message has several."""
    if path.suffix == ".form":
        fields = dict(parse_qsl(path.read_text("utf-8"), keep_blank_values=True))
        return {(fields["MessageSid"], fields["MessageStatus"])} if "MessageStatus" in fields else set()
    return {
        (status["id"], status["status"])
        for entry in json.loads(path.read_bytes()).get("entry", [])
        for change in entry["changes"]
        for status in change["value"].get("statuses", [])
    }


async def _stored(stack: Stack) -> int:
    """Count what webhooks may leave: messages received or echoed, and events. Our own replies do not count."""
    rows = await stack.query(
        "SELECT (SELECT count(*) FROM messages WHERE author <> 'agent') + (SELECT count(*) FROM provider_events) AS n"
    )
    return int(rows[0]["n"])


async def test_wrong_signature_is_refused_by_each_provider(stack: Stack) -> None:
    for provider, path in RECORDED:
        webhook = signed_webhook(stack, provider, path.read_bytes())
        name = next(name for name in webhook.headers if name != "content-type")
        value = webhook.headers[name]
        webhook.headers[name] = value[:5] + ("A" if value[5] != "A" else "B") + value[6:]
        before = await _stored(stack)
        assert await post(stack, webhook) == 403, path.name
        assert await _stored(stack) == before


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_negotiation_ends_in_a_promise_on_every_channel(stack: Stack, provider: Provider) -> None:
    customer = Customer(number=300 + PROVIDERS.index(provider), provider=provider)
    await add_debtors(stack, [customer])
    await _negotiate(stack, customer)
    due_on = await _check_promise(stack, customer)
    await _check_code(stack, customer)
    texts = received(stack, customer)
    assert sum("Registrei" in text for text in texts) == 1
    assert f"{due_on:%d/%m/%Y}" in next(text for text in texts if "Registrei" in text)
    for text in texts[:-1]:
        assert not list(find_foreign_or_internal(text, allowed_words=("TR Telecom", "Lia")))
        assert customer.document not in text
    await _check_rows(stack, customer, texts)


async def _negotiate(stack: Stack, customer: Customer) -> None:
    (hello,) = await say(stack, customer, "oi")
    assert "Lia" in hello
    (asked,) = await say(stack, customer, "quero ver minha fatura")
    assert "CPF" in asked
    assert "119,90" not in asked
    (told,) = await say(stack, customer, customer.document)
    assert "R$ 119,90" in told
    (proposed,) = await say(stack, customer, "sexta que vem")
    if "Posso registrar?" not in proposed:  # on some weekdays "sexta que vem" may be either of two Fridays: it asks
        today = datetime.now(UTC).date()
        friday = today + timedelta(days=7 + (_FRIDAY - today.weekday()) % 7)
        (proposed,) = await say(stack, customer, f"dia {friday:%d/%m}")
    (proposed,) = await say(stack, customer, "tudo")
    assert "sexta-feira" in proposed
    assert "R$ 119,90" in proposed
    (confirmed,) = await say(stack, customer, "sim")
    assert "Registrei" in confirmed


async def _check_promise(stack: Stack, customer: Customer) -> date:
    rows = await stack.query("SELECT * FROM promises WHERE document = %s", customer.document)
    (promise,) = rows
    due_on = promise["due_on"]
    assert isinstance(due_on, date)
    assert (promise["amount_cents"], promise["status"], due_on.weekday()) == (AMOUNT_CENTS, "pending", _FRIDAY)
    return due_on


async def _check_code(stack: Stack, customer: Customer) -> None:
    announced, code = await say(stack, customer, "me manda o pix")
    assert "código Pix" in announced
    pix = parse_pix(code)  # refuses a wrong CRC
    assert (pix.amount_cents, pix.key) == (AMOUNT_CENTS, "financeiro@trtelecom.example")
    stored = await stack.query("SELECT text FROM messages WHERE direction = 'out' ORDER BY seq DESC LIMIT 1")
    assert stored[0]["text"] == code


async def _check_rows(stack: Stack, customer: Customer, texts: list[str]) -> None:
    """The rows say what the provider took, in order, and its reports brought each to `read`."""

    async def rows() -> list[tuple[str, str]]:
        found = await stack.query(
            """
            SELECT m.text, m.status FROM messages m JOIN conversations c ON c.id = m.conversation_id
            WHERE m.direction = 'out' AND m.channel_account_id = %s ORDER BY m.seq
            """,
            stack.accounts[customer.provider].id,
        )
        return [(row["text"], row["status"]) for row in found]

    async def is_all_read() -> bool:
        return all(status == "read" for _, status in await rows())

    await wait_for("every message is read", is_all_read)
    assert [text for text, _ in await rows()] == texts


async def test_typed_by_hand_at_the_provider_the_answer_pauses_the_assistant(stack: Stack) -> None:
    customer = Customer(number=390, provider=Provider.EVOLUTION)
    await say(stack, customer, "oi")
    key = {"remoteJid": f"{customer.digits}@s.whatsapp.net", "fromMe": True, "id": "ECOHUMANO1"}
    data = {"key": key, "message": {"conversation": "Oi, aqui é o Paulo do financeiro"}, "messageTimestamp": 1795197600}
    body = json.dumps({"event": "send.message", "instance": "tr-telecom", "data": data}).encode()
    assert await post(stack, signed_webhook(stack, Provider.EVOLUTION, body)) == 200
    rows = await stack.query(
        """
        SELECT c.handler FROM conversations c JOIN addresses a ON a.contact_id = c.contact_id
        WHERE a.value LIKE %s
        """,
        f"%{customer.digits}%",
    )
    assert {row["handler"] for row in rows} == {"human"}
