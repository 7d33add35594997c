"""Each channel sorts every failure by what it says of the message: sent, not sent, unknown."""

import asyncio

import httpx
import pytest

from channels.base import (
    ChannelAccount,
    ChannelError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Secrets,
    Unavailable,
)
from channels.transport import exchange
from domain.messages import (
    ErrorClass,
    Provider,
    SendRequest,
    Text,
)
from tests.channels.lines import PHONE, PROVIDERS, TEXT, Line, build
from tests.fakes.providers import META_TOKEN, TWILIO_SID, FakeProviders


async def test_a_text_arrives_once(line: Line) -> None:
    receipt = await line.send()

    (row,) = line.fake.ledger
    assert receipt.provider_message_id == row["provider_message_id"]
    assert row["text"] == TEXT.text
    assert row["provider"] == line.account.provider
    assert row["account"] == line.account.external_id
    # Evolution has no place for a reference (protocols 2.1).
    assert row["reference"] == (None if line.name == "evolution" else "msg-1")


async def test_check_says_nothing_when_all_is_well(line: Line) -> None:
    assert await line.channel.check(line.account) is None


async def test_check_names_a_wrong_key(line: Line) -> None:
    wrong = ChannelAccount(
        provider=line.account.provider,
        external_id=line.account.external_id,
        secrets=Secrets(access_token="x", api_key="x", account_sid=TWILIO_SID, auth_token="segredo-errado"),
        settings=line.account.settings,
    )

    problem = await line.channel.check(wrong)

    assert problem is not None
    assert "refused" in problem
    assert "segredo-errado" not in problem


async def test_check_names_a_closed_instance_and_a_suspended_account(evolution: Line, sms: Line) -> None:
    evolution.fake.state.states.update({"tr-telecom": "close", "twilio": "suspended"})

    assert await evolution.channel.check(evolution.account) == "The instance tr-telecom is not connected: close"
    assert await sms.channel.check(sms.account) == "The Twilio account is suspended"


async def test_a_wrong_key_stops_the_sender(line: Line) -> None:
    wrong = Secrets(access_token="x", api_key="x", account_sid=TWILIO_SID, auth_token="x")
    line.account = ChannelAccount(
        provider=line.account.provider,
        external_id=line.account.external_id,
        secrets=wrong,
        settings=line.account.settings,
    )

    with pytest.raises(Rejected) as caught:
        await line.send()

    assert caught.value.error_class is ErrorClass.STOP
    assert line.fake.ledger == []


async def test_a_429_waits_as_long_as_told(line: Line) -> None:
    line.fake.program(line.name, {"status": 429, "retry_after": 7})

    with pytest.raises(RateLimited) as caught:
        await line.send()

    assert caught.value.retry_after_seconds == 7
    assert caught.value.error_class is ErrorClass.RETRY
    assert line.fake.ledger == []


async def test_retry_after_may_be_a_date(line: Line) -> None:
    line.fake.program(line.name, {"status": 429, "retry_after": "Fri, 01 Jan 2100 00:00:00 GMT"})

    with pytest.raises(RateLimited) as caught:
        await line.send()

    assert caught.value.retry_after_seconds == 86_400


@pytest.mark.parametrize("retry_after", ["soon", "nan", "-5"])
async def test_an_odd_retry_after_does_no_harm(meta: Line, retry_after: str) -> None:
    meta.fake.program("meta", {"status": 429, "retry_after": retry_after})

    with pytest.raises(RateLimited) as caught:
        await meta.send()

    assert caught.value.retry_after_seconds in (None, 0.0)


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("body", [None, "<html>oops</html>"])
async def test_a_5xx_is_sent_again_later(line: Line, status: int, body: str | None) -> None:
    line.fake.program(line.name, {"status": status, **({"body": body} if body else {})})

    with pytest.raises(Unavailable) as caught:
        await line.send()

    assert caught.value.error_class is ErrorClass.RETRY


async def test_a_gateway_timeout_may_have_sent_it(line: Line) -> None:
    line.fake.program(line.name, {"status": 504, "body": "<html>gateway timeout</html>"})

    with pytest.raises(OutcomeUnknown):
        await line.send()


@pytest.mark.parametrize("step", ["accept_then_drop", "accept_then_garbage"])
async def test_an_accepted_message_without_a_readable_answer_is_unknown(line: Line, step: str) -> None:
    line.fake.program(line.name, {step: True})

    with pytest.raises(OutcomeUnknown):
        await line.send()

    assert len(line.fake.ledger) == 1


async def test_a_connection_cut_before_the_answer_is_unknown(line: Line) -> None:
    line.fake.program(line.name, {"drop_connection": True})

    with pytest.raises(OutcomeUnknown):
        await line.send()


async def test_silence_after_accepting_is_unknown(http: httpx.AsyncClient, fake_providers: FakeProviders) -> None:
    fake_providers.program("meta", {"accept_then_timeout": True})
    body = {"messaging_product": "whatsapp", "to": "5511999990001", "type": "text", "text": {"body": "oi"}}

    with pytest.raises(OutcomeUnknown):
        await exchange(
            http,
            "POST",
            f"{fake_providers.url}/v26.0/301500000000001/messages",
            headers={"authorization": f"Bearer {META_TOKEN}"},
            json_body=body,
            total_seconds=0.3,
        )

    assert len(fake_providers.ledger) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_refused_connection_sent_nothing(http: httpx.AsyncClient, provider: Provider) -> None:
    channel, account = build(provider, http, "http://127.0.0.1:1")

    with pytest.raises(Unavailable):
        await channel.send(account, SendRequest(to=PHONE, part=TEXT, reference="msg-1"))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://127.0.0.1:x"])
async def test_a_bad_address_of_the_provider_is_a_channel_error(
    http: httpx.AsyncClient, provider: Provider, url: str
) -> None:
    channel, account = build(provider, http, url)

    with pytest.raises(ChannelError) as caught:
        await channel.send(account, SendRequest(to=PHONE, part=TEXT, reference="msg-1"))

    assert not isinstance(caught.value, OutcomeUnknown)


async def test_a_secret_with_a_line_break_is_refused_before_it_leaves(meta: Line) -> None:
    meta.account = ChannelAccount(
        provider=Provider.META, external_id="301", secrets=Secrets(access_token="a\r\nb"), settings={}
    )

    with pytest.raises(Rejected):
        await meta.send()

    assert meta.fake.state.requests == []


async def test_text_that_cannot_be_encoded_is_our_fault(meta: Line) -> None:
    with pytest.raises(Rejected) as caught:
        await meta.send(Text(text="\ud800"))

    assert caught.value.error_class is ErrorClass.CONTENT


async def test_a_huge_answer_is_not_read_to_its_end(line: Line) -> None:
    line.fake.program(line.name, {"status": 200, "body": "x" * 2_000_000})

    with pytest.raises(OutcomeUnknown):
        await line.send()


async def test_cancelling_a_send_is_not_swallowed(meta: Line) -> None:
    meta.fake.program("meta", {"accept_then_timeout": True})

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(meta.send(), timeout=0.2)
