"""Twilio's calls: what they say, and what becomes of them (spec 3.6, protocols 4.4).

Both routes check the signature over the raw bytes and the public URL before anything else. What is spoken never fails
aloud: whoever holds the phone hears a polite goodbye, not an error.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from channels import twilio_twiml
from channels.twilio_voice import read_fields, read_report
from domain import spoken_texts
from domain.calls import FINAL_STATUSES
from domain.errors import NotFound
from domain.messages import Provider
from server.errors import RETRY_AFTER_SECONDS
from server.observability import WEBHOOKS
from server.webhooks.routes import read_webhook
from services.call_menu import CallMenu, Speech
from services.calls import receive_report
from store import calls
from store.calls import CallOwner
from store.cipher import SecretUnreadable
from store.database import UNAVAILABLE
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter(tags=["Voice webhooks"])

_STORE_SECONDS = 5.0  # Twilio waits 15 s in all, and the person hears nothing meanwhile
_LONGEST_SID = 64
_XML = "text/xml"
_STATUS = "twilio_voice_status"
_TWIML = "twilio_twiml"
_CHOICE = "choice"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Verified:
    """A request that the provider has signed, and the call it is about."""

    owner: CallOwner
    body: bytes
    query: Mapping[str, str]


class _Refused(Exception):
    """The request is not answered: unknown call, or not signed by its account."""

    def __init__(self, status: int, outcome: str) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome


@router.post(
    "/webhooks/twilio/status",
    summary="Twilio tells how a call goes on",
    responses={204: {"description": "Taken in"}, 403: {"description": "Wrong signature"}},
    status_code=204,
)
async def call_status(request: Request) -> Response:
    """Take in one event of a call. Late, repeated and unordered events change nothing."""
    deps = _deps(request)
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            verified = await _verified(deps, request)
            report = read_report(verified.body)
            if report is None:
                logger.warning("voice.status_not_understood", call_id=str(verified.owner.id))
                return _counted(_STATUS, "not_understood", Response(status_code=204))
            async with deps.database.tenant(verified.owner.tenant_id) as connection:
                is_taken = await receive_report(connection, verified.owner.id, report, now=deps.clock.now())
    except _Refused as refused:
        return _counted(_STATUS, refused.outcome, Response(status_code=refused.status))
    except (*UNAVAILABLE, TimeoutError, SecretUnreadable) as error:
        logger.warning("voice.status_unavailable", error=type(error).__name__)
        return _counted(_STATUS, "unavailable", _try_again())
    if not is_taken:
        logger.warning("voice.status_of_another_call", call_id=str(verified.owner.id))
    elif report.status in FINAL_STATUSES:
        await deps.queue.ring("post_call")
    return _counted(_STATUS, "stored" if is_taken else "other_call", Response(status_code=204))


@router.post(
    "/twiml/{target_id}",
    summary="Twilio asks what to say in a call",
    response_class=Response,
    responses={200: {"content": {_XML: {}}, "description": "TwiML"}, 403: {"description": "Wrong signature"}},
)
async def call_instructions(request: Request, target_id: str) -> Response:
    """Give the spoken notice of a campaign, or what follows a pressed key."""
    deps = _deps(request)
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            verified = await _verified(deps, request)
            wanted = _uuid(target_id)
            if wanted is None:
                raise _Refused(404, "unknown")
            speech = await _speech(deps, verified, wanted)
    except _Refused as refused:
        return _counted(_TWIML, refused.outcome, Response(status_code=refused.status))
    except NotFound:
        return _counted(_TWIML, "unknown", Response(status_code=404))
    except ClientDisconnect:
        return _counted(_TWIML, "disconnected", Response(status_code=400))
    except Exception:
        logger.exception("voice.twiml_failed")
        return _counted(_TWIML, "failed", _xml(twilio_twiml.say_and_end(spoken_texts.APOLOGY)))
    return _counted(_TWIML, "answered", _xml(_rendered(speech, _action_url(deps, request, verified, speech))))


async def _speech(deps: Deps, verified: _Verified, target_id: UUID) -> Speech:
    menu = CallMenu(database=deps.database, tenants=deps.tenants, clock=deps.clock)
    fields = read_fields(verified.body)
    owner = verified.owner
    if verified.query.get("step") == _CHOICE:
        spoken_round = 1 if verified.query.get("round") == "1" else 2
        return await menu.answer(
            owner.tenant_id, owner.id, target_id, digits=fields.get("Digits", ""), spoken_round=spoken_round
        )
    report = read_report(verified.body)
    return await menu.open(
        owner.tenant_id, owner.id, target_id, report=report, answered_by=report.answered_by if report else None
    )


async def _verified(deps: Deps, request: Request) -> _Verified:
    """Find the call and check the signature of its account."""
    body = await request.body()  # 413 beyond the limit of `RequestFrame`
    webhook = read_webhook(deps, request, body)
    owner = await _owner(deps, webhook.query, body)
    account = await deps.accounts.by_id(owner.tenant_id, owner.channel_account_id) if owner else None
    if owner is None or account is None or account.row.provider is not Provider.TWILIO_VOICE:
        raise _Refused(404, "unknown")
    if not deps.voice_line.verify(webhook, account.channel):
        logger.warning("voice.signature_wrong", account_id=str(account.row.id), bytes=len(body))
        raise _Refused(403, "refused")
    return _Verified(owner=owner, body=body, query=webhook.query)


async def _owner(deps: Deps, query: Mapping[str, str], body: bytes) -> CallOwner | None:
    """Find whose call it is: by our own id in the URL, which is right also when we never learned Twilio's."""
    named = query.get("call")
    call_id = _uuid(named or "")
    sid = read_fields(body).get("CallSid", "")
    if named is not None and call_id is None:
        return None
    async with deps.database.platform() as connection:
        if call_id is not None:
            return await calls.owner(connection, call_id)
        if not sid or len(sid) > _LONGEST_SID:
            return None
        return await calls.owner_by_provider_id(connection, sid)


def _rendered(speech: Speech, action_url: str) -> str:
    if not speech.texts:
        return twilio_twiml.end()
    if speech.is_voicemail:
        return twilio_twiml.leave_message(speech.texts[0])
    if speech.next_round is None:
        return twilio_twiml.say_and_end(*speech.texts)
    return twilio_twiml.ask_for_key(*speech.texts, action_url=action_url)


def _action_url(deps: Deps, request: Request, verified: _Verified, speech: Speech) -> str:
    """Give the same address with the step that a pressed key leads to."""
    query = urlencode({"call": str(verified.owner.id), "step": _CHOICE, "round": speech.next_round or 0})
    return f"{deps.settings.public_base_url}{request.url.path}?{query}"


def _deps(request: Request) -> Deps:
    return cast(Deps, request.app.state.deps)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _xml(twiml: str) -> Response:
    return Response(twiml, media_type=_XML)


def _try_again() -> Response:
    return Response(status_code=503, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


def _counted(name: str, outcome: str, response: Response) -> Response:
    WEBHOOKS.labels(name, outcome).inc()
    return response
