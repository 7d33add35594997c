"""Pure checks of webhook signatures over the raw bytes. Every check answers False, never raises, on odd input.

Sources: protocols 1.2, 2.3, 3, 4.1, 5.1, 6.1 and 8. Every secret compares in constant time; an empty secret never
matches.
"""

import base64
import hashlib
import hmac
import re
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeGuard
from urllib.parse import parse_qsl

import jwt
from jwt.warnings import InsecureKeyLengthWarning
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator

_MAX_HEADER_LENGTH = 4096
_MAX_FORM_FIELDS = 1000
_TOLERANCE = timedelta(minutes=5)
_RETELL_HEADER = re.compile(r"v=([0-9]{1,16}),d=([0-9a-f]{64})")
_STRIPE_MAX_SIGNATURES = 20
# Evolution gives its tokens ten minutes; more than an hour was not made by it.
_JWT_LONGEST_LIFE_SECONDS = 3600
_JWT_LEEWAY_SECONDS = 60


def hmac_sha256_hex(secret: str, message: bytes) -> str:
    """Return the lower-case hex HMAC-SHA256 of a message."""
    return hmac.new(secret.encode("utf-8", "replace"), message, hashlib.sha256).hexdigest()


def _same(expected: str, given: str) -> bool:
    # compare_digest refuses non-ASCII text, so both sides go as bytes.
    return hmac.compare_digest(expected.encode("utf-8", "replace"), given.encode("utf-8", "replace"))


def _usable(secret: str, header: str | None) -> bool:
    return bool(secret) and header is not None and 0 < len(header) <= _MAX_HEADER_LENGTH


def verify_sha256_header(body: bytes, *, secret: str, header: str | None) -> bool:
    """Check `sha256=<hex>` over the body: Meta's X-Hub-Signature-256 (with the app secret) and the simulator's."""
    if not _usable(secret, header) or header is None or not header.startswith("sha256="):
        return False
    return _same(hmac_sha256_hex(secret, body), header.removeprefix("sha256="))


def verify_shared_secret(*, secret: str, header: str | None) -> bool:
    """Check a secret sent as it is: X-Vapi-Secret, the bridge's X-Webhook-Secret, Evolution's static header."""
    return _usable(secret, header) and header is not None and _same(secret, header)


class _FormFields(dict[str, list[str]]):
    """Form fields with every value of a repeated name, in the shape Twilio's validator asks for."""

    def getall(self, name: str) -> list[str]:
        return self[name]


def _form_fields(body: bytes) -> _FormFields:
    fields = _FormFields()
    pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS)
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _verify_twilio(
    url: str, params: _FormFields, *, secret: str, header: str | None, algorithm: str = HMAC_SHA1
) -> bool:
    if not _usable(secret, header):
        return False
    try:
        return bool(RequestValidator(secret).validate(url, params, header, algorithm))
    except ValueError:  # a URL that cannot be parsed, text that cannot be encoded
        return False


def verify_twilio_form(url: str, body: bytes, *, auth_token: str, header: str | None) -> bool:
    """Check X-Twilio-Signature of a form POST: HMAC-SHA1 over the public URL and all fields, blank ones too."""
    try:
        fields = _form_fields(body)
    except ValueError:
        return False
    return _verify_twilio(url, fields, secret=auth_token, header=header)


def verify_twilio_shared_key(
    url: str, body: bytes, *, key_id: str, secret: str, header: str | None, settings_header: str | None
) -> bool:
    """Check a form POST signed with a shared key: HMAC-SHA256, and only for the key that the account configured.

    The header names key and algorithm, but it chooses neither: both must be the ones that belong to our key.
    """
    if not _usable(key_id, settings_header) or settings_header is None:
        return False
    named: dict[str, str] = {}
    for item in settings_header.split(","):
        name, _, value = item.partition("=")
        if named.setdefault(name.strip(), value.strip()) != value.strip():
            return False
    if not _same(key_id, named.get("key", "")) or named.get("algorithm", "").upper() != HMAC_SHA256:
        return False
    try:
        fields = _form_fields(body)
    except ValueError:
        return False
    return _verify_twilio(url, fields, secret=secret, header=header, algorithm=HMAC_SHA256)


def verify_twilio_json(url: str, body: bytes, *, auth_token: str, header: str | None) -> bool:
    """Check a JSON POST: the URL carries the body's SHA-256 and the signature covers the URL."""
    named = [value for name, value in parse_qsl(url.partition("?")[2]) if name == "bodySHA256"]
    if len(named) != 1 or not _same(hashlib.sha256(body).hexdigest(), named[0]):
        return False
    return verify_twilio_url(url, auth_token=auth_token, header=header)


def verify_twilio_url(url: str, *, auth_token: str, header: str | None) -> bool:
    """Check a request without body: a GET, or a websocket handshake over the wss:// URL as written in the TwiML."""
    return _verify_twilio(url, _FormFields(), secret=auth_token, header=header)


def verify_retell(body: bytes, *, api_key: str, header: str | None, now: datetime) -> bool:
    """Check X-Retell-Signature `v=<ms>,d=<hex>`: HMAC-SHA256 over body + ms, five minutes old at most.

    retell-sdk's `verify` does the same, but it reads the system clock and importing it takes over a second.
    """
    if not _usable(api_key, header) or header is None:
        return False
    match = _RETELL_HEADER.fullmatch(header)
    if match is None:
        return False
    stamp, given = match.groups()
    if abs(now.timestamp() * 1000 - int(stamp)) > _TOLERANCE.total_seconds() * 1000:
        return False
    return _same(hmac_sha256_hex(api_key, body + stamp.encode()), given)


def verify_stripe(
    body: bytes, *, secret: str, header: str | None, now: datetime, tolerance: timedelta = _TOLERANCE
) -> bool:
    """Check Stripe-Signature: any `v1` equal to HMAC-SHA256 over `t.body`; `v0` and unknown schemes do not count."""
    if not _usable(secret, header) or header is None:
        return False
    items = [item.partition("=") for item in header.split(",")]
    stamps = [value for name, _, value in items if name.strip() == "t"]
    given = [value.strip() for name, _, value in items if name.strip() == "v1"]
    if len(stamps) != 1 or not re.fullmatch("[0-9]{1,12}", stamps[0]) or len(given) > _STRIPE_MAX_SIGNATURES:
        return False
    if abs(now.timestamp() - int(stamps[0])) > tolerance.total_seconds():
        return False
    expected = hmac_sha256_hex(secret, stamps[0].encode() + b"." + body)
    return any([_same(expected, signature) for signature in given])


@dataclass(frozen=True, kw_only=True, slots=True)
class VapiPlan:
    """How a Vapi account signs: chosen there, credential by credential, so it is kept here the same (protocols 6.1)."""

    signature_header: str = "x-signature"
    timestamp_header: str = "x-timestamp"
    payload: str = "{timestamp}.{body}"
    prefix: str = ""
    encoding: str = "hex"
    algorithm: str = "sha256"
    is_secret_base64: bool = False
    message_id_header: str = "svix-id"


_VAPI_ALGORITHMS = frozenset({"sha1", "sha256", "sha512"})
_VAPI_TOKEN = re.compile(r"\{(body|timestamp|method|url|svix-id)\}")
_MOST_VAPI_SIGNATURES = 5


def verify_vapi_hmac(
    body: bytes, *, secret: str, signature: str | None, timestamp: str | None, now: datetime,
    plan: VapiPlan = VapiPlan(), method: str = "POST", url: str = "", message_id: str = "",
) -> bool:  # fmt: skip
    """Check Vapi's HMAC by the account's plan; a plan that does not cover the body proves nothing and never matches.

    Vapi does not document the unit of the timestamp, so seconds and milliseconds are both read; five minutes old at
    most. In the style of Svix the header holds several signatures with a space between them.
    """
    if not _usable(secret, signature) or signature is None or "{body}" not in plan.payload:
        return False
    if plan.algorithm not in _VAPI_ALGORITHMS or plan.encoding not in ("hex", "base64"):
        return False
    if "{timestamp}" in plan.payload and not _is_fresh(timestamp, now):
        return False
    key = _vapi_key(secret, plan)
    if not key:
        return False
    values = {
        "body": body, "timestamp": (timestamp or "").encode("utf-8", "replace"), "method": method.encode(),
        "url": url.encode("utf-8", "replace"), "svix-id": message_id.encode("utf-8", "replace"),
    }  # fmt: skip
    # One pass: what the body holds is never taken for a token.
    pieces = _VAPI_TOKEN.split(plan.payload)
    message = b"".join(
        values[piece] if position % 2 else piece.encode("utf-8", "replace") for position, piece in enumerate(pieces)
    )
    made = hmac.new(key, message, plan.algorithm).digest()
    expected = made.hex() if plan.encoding == "hex" else base64.b64encode(made).decode()
    given = signature.split(" ")
    if len(given) > _MOST_VAPI_SIGNATURES:
        return False
    return any(
        [
            one.startswith(plan.prefix)
            and _same(expected, one[len(plan.prefix) :].lower() if plan.encoding == "hex" else one[len(plan.prefix) :])
            for one in given
        ]
    )


def _is_fresh(timestamp: str | None, now: datetime) -> bool:
    if timestamp is None or not re.fullmatch("[0-9]{1,16}", timestamp):
        return False
    seconds = int(timestamp) / (1000 if len(timestamp) > 11 else 1)
    return abs(now.timestamp() - seconds) <= _TOLERANCE.total_seconds()


def _vapi_key(secret: str, plan: VapiPlan) -> bytes:
    if not plan.is_secret_base64:
        return secret.encode("utf-8", "replace")
    try:
        return base64.b64decode(secret, validate=True)
    except ValueError:
        return b""


def verify_evolution_jwt(*, jwt_key: str, header: str | None, now: datetime) -> bool:
    """Check Evolution's `Authorization: Bearer <JWT>`: HS256, its two fixed claims, not expired (protocols 2.3)."""
    if not _usable(jwt_key, header) or header is None:
        return False
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return False
    claims = _hs256_claims(token.strip(), jwt_key)
    if claims is None or claims.get("app") != "evolution" or claims.get("action") != "webhook":
        return False
    issued, expires = claims.get("iat"), claims.get("exp")
    if not _is_number(issued) or not _is_number(expires):
        return False
    present = now.timestamp()
    return (
        issued - _JWT_LEEWAY_SECONDS <= present <= expires + _JWT_LEEWAY_SECONDS
        and expires - issued <= _JWT_LONGEST_LIFE_SECONDS
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hs256_claims(token: str, key: str) -> dict[str, object] | None:
    with warnings.catch_warnings():
        # Evolution's key is whatever the operator typed; a short one is still better than none.
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        try:
            # The times are checked by the caller against its own clock.
            claims: dict[str, object] = jwt.decode(
                token,
                key,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError, RecursionError, TypeError):
            return None
    return claims


SignatureScheme = Literal["form", "json", "none"]


def twilio_scheme(content_type: str, body: bytes) -> SignatureScheme:
    """Say how Twilio signs this request: by form fields, by body hash, or by the URL alone."""
    if not body:
        return "none"
    kind = content_type.partition(";")[0].strip().lower()
    return "json" if kind == "application/json" else "form"
