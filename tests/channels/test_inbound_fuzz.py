"""Nothing that a webhook can hold makes a parser raise, and all it finds can be stored."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.base import WebhookRequest
from channels.evolution_inbound import parse_evolution
from channels.meta_inbound import parse_meta
from channels.simulator import SimulatorChannel
from channels.twilio_inbound import parse_twilio
from domain.messages import ParsedWebhook
from tests.channels.conftest import RECEIVED_AT
from tests.channels.lines import PAYLOADS

Parse = Callable[[bytes], ParsedWebhook]


def _twilio(body: bytes) -> ParsedWebhook:
    return parse_twilio(body, content_type="application/x-www-form-urlencoded", reference=None, received_at=RECEIVED_AT)


def _twilio_json(body: bytes) -> ParsedWebhook:
    return parse_twilio(body, content_type="application/json", reference=None, received_at=RECEIVED_AT)


def _meta(body: bytes) -> ParsedWebhook:
    return parse_meta(body, received_at=RECEIVED_AT)


def _evolution(body: bytes) -> ParsedWebhook:
    return parse_evolution(body, received_at=RECEIVED_AT)


def _simulator(body: bytes) -> ParsedWebhook:
    request = WebhookRequest(method="POST", url="https://x.invalid", headers={}, query={}, body=body)
    return SimulatorChannel().parse(request, received_at=RECEIVED_AT)


PARSERS = {"meta": _meta, "evolution": _evolution, "twilio": _twilio, "json": _twilio_json, "sim": _simulator}
every_parser = pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)


def _storable(text: str | None) -> bool:
    return text is None or ("\x00" not in text and bool(text.encode() or True))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _check(parse: Parse, body: bytes) -> ParsedWebhook:
    """Parse twice, and look at what a database would refuse."""
    parsed = parse(body)
    assert parsed == parse(body)
    assert parsed.messages or parsed.statuses or parsed.events
    for message in parsed.messages:
        assert message.addresses
        assert message.sent_at.tzinfo is not None
        assert 0 < len(message.provider_message_id) <= 600
        assert _storable(message.text)
        assert _storable(message.profile_name)
        assert _storable(message.choice_id)
        assert all(0 < len(address.value) <= 600 and _storable(address.value) for address in message.addresses)
    for event in parsed.events:
        assert 0 < len(event.key) <= 1200
        json.dumps(event.data, allow_nan=False, ensure_ascii=False).encode()
        assert "\x00" not in "".join(_texts(event.data))
    return parsed


ODD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"0",
    b'"x"',
    b"NaN",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b'{"entry":' + b"9" * 10_000 + b"}",
    b'{"entry":[{"changes":[{"field":"messages","value":{"x":1e999,"y":-Infinity,"z":"\\ud800\\u0000"}}]}]}',
    b'{"event":"messages.upsert","instance":"i","data":{"key":{"remoteJid":"@","id":1e400}}}',
    b"&" * 5000,
    b"a=1&" * 5000,
    b"MessageSid=%00&From=%ED%A0%80&To=%FF",
    json.dumps({"entry": [{"changes": [{"field": "x" * 5000, "value": None}]}]}).encode(),
    json.dumps({"event": "x" * 5000, "instance": "y" * 5000, "data": 1}).encode(),
]


@every_parser
@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
def test_odd_bodies(parse: Parse, body: bytes) -> None:
    _check(parse, body)


_NAMES = [
    "audio",
    "body",
    "button",
    "changes",
    "code",
    "contacts",
    "context",
    "conversation",
    "data",
    "edit",
    "editedMessage",
    "entry",
    "errors",
    "event",
    "field",
    "from",
    "fromMe",
    "from_user_id",
    "id",
    "image",
    "imageMessage",
    "instance",
    "interactive",
    "key",
    "keyId",
    "latitude",
    "location",
    "message",
    "messageTimestamp",
    "message_echoes",
    "messages",
    "metadata",
    "order",
    "phone_number_id",
    "profile",
    "protocolMessage",
    "reaction",
    "remoteJid",
    "remoteJidAlt",
    "revoke",
    "status",
    "statuses",
    "system",
    "text",
    "timestamp",
    "type",
    "update",
    "user_id",
    "value",
    "wa_id",
]
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["messages", "messages.upsert", "messages.update", "55@s.whatsapp.net", "text", "system", "301"]),
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6)),
    max_leaves=40,
)


@every_parser
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=_JSON)
def test_random_json(parse: Parse, value: Any) -> None:
    _check(parse, json.dumps(value).encode())


@every_parser
@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=400))
def test_random_bytes(parse: Parse, body: bytes) -> None:
    _check(parse, body)


_JUNK: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "\ud800",
    "\x00",
    "x" * 3000,
    [],
    [[]],
    {},
]


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """List every place of a tree as (container, key)."""
    here: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        here = [(value, key) for key in value]
    elif isinstance(value, list):
        here = [(value, index) for index in range(len(value))]
    return here + [spot for container, key in here for spot in _spots(container[key])]


MUTATED = [
    *(("meta", _meta, path) for path in sorted((PAYLOADS / "meta").glob("*.json"))),
    *(("evolution", _evolution, path) for path in sorted((PAYLOADS / "evolution").glob("*.json"))),
]


@pytest.mark.parametrize(("name", "parse", "path"), MUTATED, ids=[path.stem for _, _, path in MUTATED])
def test_every_value_of_every_payload_replaced_by_junk(name: str, parse: Parse, path: Any) -> None:
    original = path.read_bytes()
    places = len(_spots(json.loads(original)))
    for place in range(places):
        tree = json.loads(original)
        container, key = _spots(tree)[place]
        container[key] = _JUNK[place % len(_JUNK)]
        _check(parse, json.dumps(tree).encode())


@pytest.mark.parametrize("path", sorted((PAYLOADS / "twilio").glob("*.form")), ids=lambda path: str(path.stem))
def test_every_form_cut_and_mixed(path: Any) -> None:
    whole = path.read_bytes()
    chance = random.Random(7)
    for _ in range(60):
        body = bytearray(whole[: chance.randrange(len(whole) + 1)])
        for _ in range(chance.randrange(6)):
            if body:
                body[chance.randrange(len(body))] = chance.randrange(256)
        _check(_twilio, bytes(body))
