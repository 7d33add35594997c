"""Every signature vector passes, and nothing that was touched does."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import signatures
from channels.base import ChannelAccount, Secrets, WebhookRequest
from channels.evolution import EvolutionChannel
from channels.meta import MetaChannel
from channels.twilio import TwilioSms
from domain.messages import Provider

PAYLOADS = Path(__file__).parents[1] / "payloads"
NOW = datetime(2026, 11, 20, 18, 0, 0, tzinfo=UTC)  # 1795197600, the clock of the vectors
VECTORS: list[dict[str, Any]] = json.loads((PAYLOADS / "signatures/vectors.json").read_text())["vectors"]

Check = Callable[..., bool]


def _check(vector: dict[str, Any], *, body: bytes, secret: str, header: str | None, now: datetime = NOW) -> bool:
    url = vector.get("url", "")
    checks: dict[str, Callable[[], bool]] = {
        "meta_x_hub_signature_256": lambda: signatures.verify_sha256_header(body, secret=secret, header=header),
        "twilio_form_sha1": lambda: signatures.verify_twilio_form(url, body, auth_token=secret, header=header),
        "twilio_form_sha256": lambda: signatures.verify_twilio_shared_key(
            url,
            body,
            key_id="webhooks_sharedkey_ficticia",
            secret=secret,
            header=header,
            settings_header=vector["extra_header"]["X-Twilio-Webhooks-Signature-Settings"],
        ),
        "twilio_json_body_sha256": lambda: signatures.verify_twilio_json(url, body, auth_token=secret, header=header),
        "twilio_websocket_handshake": lambda: signatures.verify_twilio_url(url, auth_token=secret, header=header),
        "retell_v_d": lambda: signatures.verify_retell(body, api_key=secret, header=header, now=now),
        "stripe_v1": lambda: signatures.verify_stripe(body, secret=secret, header=header, now=now),
        "vapi_hmac_default": lambda: signatures.verify_vapi_hmac(
            body, secret=secret, signature=header, timestamp=vector["headers"]["x-timestamp"], now=now
        ),
        "vapi_secret": lambda: signatures.verify_shared_secret(secret=secret, header=header),
        "bridge_secret": lambda: signatures.verify_shared_secret(secret=secret, header=header),
    }
    return checks[vector["scheme"]]()


def _parts(vector: dict[str, Any]) -> tuple[bytes, str, str]:
    body = (PAYLOADS / vector["body_file"]).read_bytes() if "body_file" in vector else b""
    header = vector["value"] if "value" in vector else vector["headers"]["x-signature"]
    return body, vector.get("secret", header), header


def _id(vector: dict[str, Any]) -> str:
    return f"{vector['scheme']}-{vector.get('body_file', 'none')}"


every_vector = pytest.mark.parametrize("vector", VECTORS, ids=_id)
signed_bodies = pytest.mark.parametrize("vector", [v for v in VECTORS if "body_file" in v], ids=_id)
timed = pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["scheme"] in ("retell_v_d", "stripe_v1", "vapi_hmac_default")], ids=_id
)


def test_the_vector_file_is_whole() -> None:
    assert len(VECTORS) == 14


@every_vector
def test_vector_passes(vector: dict[str, Any]) -> None:
    body, secret, header = _parts(vector)

    assert _check(vector, body=body, secret=secret, header=header)


@signed_bodies
def test_a_flipped_byte_fails(vector: dict[str, Any]) -> None:
    body, secret, header = _parts(vector)
    middle = len(body) // 2

    flipped = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]

    assert not _check(vector, body=flipped, secret=secret, header=header)


@every_vector
@pytest.mark.parametrize("secret", ["", "outro-segredo"])
def test_a_wrong_secret_fails(vector: dict[str, Any], secret: str) -> None:
    body, _, header = _parts(vector)

    assert not _check(vector, body=body, secret=secret, header=header)


BAD_HEADERS = [None, "", "x", "sha256=", "sha256=zz", "v=1,d=0", "t=1,v1=00", "é", "\ud800", "A" * 1_000_000, "v=,d="]


@every_vector
@pytest.mark.parametrize("header", BAD_HEADERS, ids=lambda header: repr(header)[:20])
def test_a_bad_header_fails_without_raising(vector: dict[str, Any], header: str | None) -> None:
    body, secret, _ = _parts(vector)

    assert not _check(vector, body=body, secret=secret, header=header)


@timed
@pytest.mark.parametrize(("minutes", "accepted"), [(-6, False), (-4, True), (4, True), (6, False)])
def test_an_old_signature_fails(vector: dict[str, Any], minutes: int, *, accepted: bool) -> None:
    body, secret, header = _parts(vector)

    now = NOW + timedelta(minutes=minutes)

    assert _check(vector, body=body, secret=secret, header=header, now=now) is accepted


@settings(deadline=None)
@given(body=st.binary(max_size=200), header=st.one_of(st.none(), st.text(max_size=200)))
def test_no_check_raises(body: bytes, header: str | None) -> None:
    for vector in VECTORS:
        assert not _check(vector, body=body, secret="segredo", header=header)


SHARED = next(vector for vector in VECTORS if vector["scheme"] == "twilio_form_sha256")


@pytest.mark.parametrize(
    "settings",
    [
        "key=outra_chave,algorithm=HMAC_SHA256",
        "key=webhooks_sharedkey_ficticia,algorithm=HMAC_SHA1",
        "key=webhooks_sharedkey_ficticia",
        "algorithm=HMAC_SHA256",
        "key=webhooks_sharedkey_ficticia,algorithm=HMAC_SHA256,algorithm=HMAC_SHA1",
        "",
    ],
)
def test_the_header_cannot_choose_key_or_algorithm(settings: str) -> None:
    body, secret, header = _parts(SHARED)

    assert not signatures.verify_twilio_shared_key(
        SHARED["url"],
        body,
        key_id="webhooks_sharedkey_ficticia",
        secret=secret,
        header=header,
        settings_header=settings,
    )


def _twilio_account(**secrets: str) -> ChannelAccount:
    return ChannelAccount(
        provider=Provider.TWILIO_SMS, external_id="+5511400012340", secrets=Secrets(secrets), settings={}
    )


def _twilio_request(vector: dict[str, Any], **headers: str) -> WebhookRequest:
    kind = "application/json" if "json" in vector["scheme"] else "application/x-www-form-urlencoded"
    return WebhookRequest(
        method="POST" if "body_file" in vector else "GET",
        url=vector["url"],
        headers={"content-type": kind, "x-twilio-signature": vector["value"], **headers},
        query={},
        body=_parts(vector)[0],
    )


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["scheme"].startswith("twilio")], ids=_id)
async def test_twilio_channel_takes_each_way_of_signing(vector: dict[str, Any], http: Any) -> None:
    settings = vector.get("extra_header", {})
    account = _twilio_account(
        auth_token="token-ficticio-twilio",
        shared_key_id="webhooks_sharedkey_ficticia",
        shared_key="chave-compartilhada-ficticia",
    )
    request = _twilio_request(vector, **{name.lower(): value for name, value in settings.items()})

    assert TwilioSms(http).verify(request, account)
    assert not TwilioSms(http).verify(request, _twilio_account(auth_token="outro", shared_key="outro"))


async def test_a_shared_key_header_on_an_auth_token_signature_fails(http: Any) -> None:
    vector = next(v for v in VECTORS if v["scheme"] == "twilio_form_sha1")
    request = _twilio_request(
        vector, **{"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_ficticia,algorithm=HMAC_SHA1"}
    )

    account = _twilio_account(auth_token="token-ficticio-twilio", shared_key_id="webhooks_sharedkey_ficticia")

    assert not TwilioSms(http).verify(request, account)


async def test_meta_handshake_answers_the_challenge_only_for_the_right_token(http: Any) -> None:
    recorded = json.loads((PAYLOADS / "meta/verify_handshake_query.json").read_text())
    account = ChannelAccount(
        provider=Provider.META,
        external_id="301500000000001",
        secrets=Secrets(verify_token="token-de-verificacao-ficticio"),
        settings={},
    )

    def ask(**changed: str) -> str | None:
        query = {**recorded["query"], **changed}
        request = WebhookRequest(method="GET", url="https://x.invalid", headers={}, query=query, body=b"")
        return MetaChannel(http).handshake(request, account)

    assert ask() == recorded["expected_response"]["body"]
    assert ask(**{"hub.verify_token": "errado"}) is None
    assert ask(**{"hub.verify_token": ""}) is None
    assert ask(**{"hub.mode": "unsubscribe"}) is None


class _FixedClock:
    def now(self) -> datetime:
        return NOW


def _evolution(http: Any, headers: dict[str, str], settings: dict[str, str] | None = None, **secrets: str) -> bool:
    account = ChannelAccount(
        provider=Provider.EVOLUTION, external_id="tr-telecom", secrets=Secrets(secrets), settings=settings or {}
    )
    request = WebhookRequest(method="POST", url="https://x.invalid", headers=headers, query={}, body=b"{}")
    return EvolutionChannel(http, clock=_FixedClock()).verify(request, account)


async def test_evolution_static_header(http: Any) -> None:
    assert _evolution(http, {"x-webhook-secret": "segredo"}, webhook_secret="segredo")
    assert _evolution(http, {"x-tr": "segredo"}, {"webhook_header": "X-TR"}, webhook_secret="segredo")
    assert not _evolution(http, {"x-webhook-secret": "outro"}, webhook_secret="segredo")
    assert not _evolution(http, {}, webhook_secret="segredo")
    assert not _evolution(http, {"x-webhook-secret": ""})


KEY = "segredo-jwt-ficticio-com-trinta-e-dois-bytes"
CLAIMS = {"iat": 1795197600, "exp": 1795198200, "app": "evolution", "action": "webhook"}


def _token(key: str = KEY, algorithm: str = "HS256", **changed: object) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, key if algorithm != "none" else "", algorithm=algorithm)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (f"Bearer {_token()}", True),
        (f"Bearer {_token(key='outra-chave-ficticia-com-trinta-e-dois-bytes')}", False),
        (f"Bearer {_token(algorithm='none')}", False),
        (f"Bearer {_token(exp=1795197500)}", False),
        (f"Bearer {_token(iat=1795198000)}", False),
        (f"Bearer {_token(exp=1895198200)}", False),
        (f"Bearer {_token(exp=None)}", False),
        (f"Bearer {_token(app='outro')}", False),
        (f"Bearer {_token(action='login')}", False),
        (f"Basic {_token()}", False),
        ("Bearer a.b.c", False),
        ("Bearer", False),
    ],
)
async def test_evolution_jwt(http: Any, header: str, *, accepted: bool) -> None:
    assert _evolution(http, {"authorization": header}, jwt_key=KEY) is accepted


async def test_evolution_static_header_is_not_enough_where_a_jwt_is_expected(http: Any) -> None:
    assert not _evolution(http, {"x-webhook-secret": "segredo"}, jwt_key=KEY, webhook_secret="segredo")


def test_a_short_jwt_key_works_without_a_warning() -> None:
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        token = _token(key="segredo-jwt-ficticio")

    assert signatures.verify_evolution_jwt(jwt_key="segredo-jwt-ficticio", header=f"Bearer {token}", now=NOW)
