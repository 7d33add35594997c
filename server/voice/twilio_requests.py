"""What all of Twilio's voice routes share: whose call it is, whether its account signed, how it is answered.

Signatures are checked over the raw bytes and the public URL before anything else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode
from uuid import UUID

import structlog
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from channels import twilio_twiml
from channels.twilio_twiml import retried
from channels.twilio_voice import TwilioVoice, read_fields
from domain import spoken_texts
from domain.errors import NotFound
from domain.messages import Provider
from server.errors import RETRY_AFTER_SECONDS
from server.observability import WEBHOOKS
from server.webhooks.routes import read_webhook
from services.accounts import OpenAccount
from services.call_menu import Speech
from store import calls
from store.calls import CallOwner
from store.cipher import SecretUnreadable
from store.database import UNAVAILABLE
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

PREFIX = "/api/v1/voice"
XML = "text/xml"
_STORE_SECONDS = 5.0  # Twilio waits 15 s in all, and the person hears nothing meanwhile
_LONGEST_SID = 64
_LONGEST_KEY = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A request that the provider has signed, and the call it is about."""

    owner: CallOwner
    account: OpenAccount
    body: bytes
    query: Mapping[str, str]

    @property
    def fields(self) -> Mapping[str, str]:
        return read_fields(self.body)


class Refused(Exception):
    """The request is not answered: unknown call, or not signed by its account."""

    def __init__(self, status: int, outcome: str) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome


async def verified(deps: Deps, request: Request, *, call: str | None = None) -> Verified:
    """Find the call and check the signature of its account. `call` is its id where the path names it."""
    body = await request.body()  # 413 beyond the limit of `RequestFrame`
    webhook = read_webhook(deps, request, body)
    owner = await _owner(deps, webhook.query.get("call", call), body)
    account = await deps.accounts.by_id(owner.tenant_id, owner.channel_account_id) if owner else None
    if owner is None or account is None or account.row.provider is not Provider.TWILIO_VOICE:
        raise Refused(404, "unknown")
    if not line_of(deps).verify(webhook, account.channel):
        logger.warning("voice.signature_wrong", account_id=str(account.row.id), bytes=len(body))
        raise Refused(403, "refused")
    return Verified(owner=owner, account=account, body=body, query=webhook.query)


async def verified_account(deps: Deps, request: Request, webhook_key: str) -> tuple[OpenAccount, bytes]:
    """Find the account that a URL names and check its signature."""
    body = await request.body()
    is_key = len(webhook_key) <= _LONGEST_KEY and webhook_key.isascii() and webhook_key.isprintable()
    account = await deps.accounts.by_webhook_key(webhook_key) if is_key else None
    if account is None or account.row.provider is not Provider.TWILIO_VOICE:
        raise Refused(404, "unknown")
    if not line_of(deps).verify(read_webhook(deps, request, body), account.channel):
        logger.warning("voice.signature_wrong", account_id=str(account.row.id), bytes=len(body))
        raise Refused(403, "refused")
    return account, body


async def _owner(deps: Deps, named: str | None, body: bytes) -> CallOwner | None:
    """Find whose call it is: by our own id in the URL, which is right also when we never learned Twilio's."""
    call_id = as_uuid(named or "")
    sid = read_fields(body).get("CallSid", "")
    if named is not None and call_id is None:
        return None
    async with deps.database.platform() as connection:
        if call_id is not None:
            return await calls.owner(connection, call_id)
        if not sid or len(sid) > _LONGEST_SID:
            return None
        return await calls.owner_by_provider_id(connection, sid)


async def spoken_answer(name: str, answer: Callable[[], Awaitable[str]]) -> Response:
    """Answer a request for TwiML. Nothing fails aloud: who holds the phone hears a polite goodbye, not an error."""
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            twiml = await answer()
    except Refused as refused:
        return counted(name, refused.outcome, Response(status_code=refused.status))
    except NotFound:
        return counted(name, "unknown", Response(status_code=404))
    except ClientDisconnect:
        return counted(name, "disconnected", Response(status_code=400))
    except Exception:
        logger.exception("voice.twiml_failed", route=name)
        return counted(name, "failed", xml(twilio_twiml.say_and_end(spoken_texts.APOLOGY)))
    return counted(name, "answered", xml(twiml))


async def silent_answer(name: str, take: Callable[[], Awaitable[str]]) -> Response:
    """Answer a callback that wants no TwiML: 204, or 503 so that it comes again. `take` gives the outcome to count."""
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            outcome = await take()
    except Refused as refused:
        return counted(name, refused.outcome, Response(status_code=refused.status))
    except (*UNAVAILABLE, TimeoutError, SecretUnreadable) as error:
        logger.warning("voice.callback_unavailable", route=name, error=type(error).__name__)
        again = Response(status_code=503, headers={"retry-after": str(RETRY_AFTER_SECONDS)})
        return counted(name, "unavailable", again)
    return counted(name, outcome, Response(status_code=204))


def rendered(speech: Speech, *, action_url: str) -> str:
    """Give the TwiML of what the call does next."""
    if not speech.texts:
        return twilio_twiml.end()
    if speech.is_voicemail:
        return twilio_twiml.leave_message(speech.texts[0])
    if speech.next_round is None:
        return twilio_twiml.say_and_end(*speech.texts)
    return twilio_twiml.ask_for_key(*speech.texts, action_url=action_url)


def url_of(deps: Deps, path: str, call_id: UUID, **query: object) -> str:
    """Give a route's public address for one call, tried again when it does not answer."""
    return retried(f"{deps.settings.public_base_url}{PREFIX}{path}?{urlencode({'call': call_id, **query})}")


def line_of(deps: Deps) -> TwilioVoice:
    return TwilioVoice(deps.http, base_url=deps.settings.twilio_api_url)


def deps_of(request: Request) -> Deps:
    return cast(Deps, request.app.state.deps)


def as_uuid(text: str) -> UUID | None:
    """Read an id; None when it is none."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def xml(twiml: str) -> Response:
    return Response(twiml, media_type=XML)


def counted(name: str, outcome: str, response: Response) -> Response:
    WEBHOOKS.labels(name, outcome).inc()
    return response
