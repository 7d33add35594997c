"""Twilio's calls: what they say, and what becomes of them (spec 3.6 and 5, protocols 4.4)."""

from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response

from channels.twilio_voice import read_report, talk_of
from domain.calls import FINAL_STATUSES
from server.voice import twilio_endings, twilio_events, twilio_inbound, twilio_relay
from server.voice.twilio_requests import (
    XML,
    Refused,
    Verified,
    as_uuid,
    deps_of,
    rendered,
    silent_answer,
    spoken_answer,
    url_of,
    verified,
)
from server.voice.twilio_talk import connected
from services.call_menu import CallMenu, Speech
from services.calls import receive_report
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter(tags=["Voice webhooks"])

_STATUS = "twilio_voice_status"
_TWIML = "twilio_twiml"
_CHOICE = "choice"


@router.post(
    "/webhooks/twilio/status",
    summary="Twilio tells how a call goes on",
    responses={204: {"description": "Taken in"}, 403: {"description": "Wrong signature"}},
    status_code=204,
)
async def call_status(request: Request) -> Response:
    """Take in one event of a call. Late, repeated and unordered events change nothing."""
    deps = deps_of(request)

    async def take() -> str:
        told = await verified(deps, request)
        report = read_report(told.body)
        if report is None:
            logger.warning("voice.status_not_understood", call_id=str(told.owner.id))
            return "not_understood"
        async with deps.database.tenant(told.owner.tenant_id) as connection:
            is_taken = await receive_report(connection, told.owner.id, report, now=deps.clock.now())
        if not is_taken:
            logger.warning("voice.status_of_another_call", call_id=str(told.owner.id))
            return "other_call"
        if report.status in FINAL_STATUSES:
            await deps.queue.ring("post_call")
        return "stored"

    return await silent_answer(_STATUS, take)


@router.post(
    "/twiml/{target_id}",
    summary="Twilio asks what to do in a call of a campaign",
    response_class=Response,
    responses={200: {"content": {XML: {}}, "description": "TwiML"}, 403: {"description": "Wrong signature"}},
)
async def call_instructions(request: Request, target_id: str) -> Response:
    """Connect the debtor to the agent, or give the keypad's notice and what follows a pressed key."""
    deps = deps_of(request)

    async def answer() -> str:
        asked = await verified(deps, request)
        wanted = as_uuid(target_id)
        if wanted is None:
            raise Refused(404, "unknown")
        if asked.query.get("step") != _CHOICE and talk_of(asked.account.channel) != "menu":
            return await _connected(deps, asked, wanted)
        speech = await _keypad(deps, asked, wanted)
        action_url = url_of(deps, f"/twiml/{wanted}", asked.owner.id, step=_CHOICE, round=speech.next_round or 0)
        return rendered(speech, action_url=action_url)

    return await spoken_answer(_TWIML, answer)


@router.post(
    "/twiml/call/{call_id}",
    summary="Twilio asks what to do in a call that a customer asked for",
    response_class=Response,
    responses={200: {"content": {XML: {}}, "description": "TwiML"}, 403: {"description": "Wrong signature"}},
)
async def requested_call_instructions(request: Request, call_id: str) -> Response:
    """Connect the customer to the agent that was asked for."""
    deps = deps_of(request)

    async def answer() -> str:
        asked = await verified(deps, request, call=call_id)
        if as_uuid(call_id) != asked.owner.id:
            raise Refused(404, "unknown")
        return await _connected(deps, asked, None)

    return await spoken_answer(_TWIML, answer)


async def _connected(deps: Deps, asked: Verified, target_id: UUID | None) -> str:
    report = read_report(asked.body)
    speech = await _menu(deps).arrive(asked.owner.tenant_id, asked.owner.id, target_id, report=report)
    if speech is not None:  # a machine is never connected to the agent
        return rendered(speech, action_url="")
    return connected(deps, asked.account, asked.owner.id, asked.fields.get("CallSid", ""))


async def _keypad(deps: Deps, asked: Verified, target_id: UUID) -> Speech:
    owner = asked.owner
    if asked.query.get("step") == _CHOICE:
        spoken_round = 1 if asked.query.get("round") == "1" else 2
        return await _menu(deps).answer(
            owner.tenant_id, owner.id, target_id, digits=asked.fields.get("Digits", ""), spoken_round=spoken_round
        )
    return await _menu(deps).open(owner.tenant_id, owner.id, target_id, report=read_report(asked.body))


def _menu(deps: Deps) -> CallMenu:
    return CallMenu(database=deps.database, tenants=deps.tenants, clock=deps.clock)


for part in (twilio_events, twilio_endings, twilio_inbound, twilio_relay):
    router.include_router(part.router)
