"""What Twilio finds out while a call goes on: that a machine has answered, that a recording is ready."""

import structlog
from fastapi import APIRouter, Request, Response

from channels.base import ChannelError
from channels.twilio_voice import read_detection, read_recording
from domain.calls import is_machine
from server.voice.twilio_requests import Refused, Verified, deps_of, line_of, rendered, silent_answer, verified
from services.call_events import CallFacts, note_ended
from services.call_menu import CallMenu
from store import calls
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter()

_DETECTION = "twilio_detection"
_RECORDING = "twilio_recording"


@router.post("/webhooks/twilio/amd", summary="Twilio tells whether a machine has answered", status_code=204)
async def detection(request: Request) -> Response:
    """Take the call away from the agent when a machine answered: a neutral message, or nothing (compliance 3)."""
    deps = deps_of(request)

    async def take() -> str:
        told = await verified(deps, request)
        report = read_detection(told.body)
        if report is None:
            return "not_understood"
        menu = CallMenu(database=deps.database, tenants=deps.tenants, clock=deps.clock)
        owner = told.owner
        async with deps.database.tenant(owner.tenant_id) as connection:
            call = await calls.by_id(connection, owner.id)
        if call is None or call.provider_call_id not in (None, report.provider_call_id):
            return "other_call"
        speech = await menu.arrive(owner.tenant_id, owner.id, call.target_id, report=report)
        if speech is None or not is_machine(report.answered_by):
            return "person"
        await _instruct(deps, told, report.provider_call_id, rendered(speech, action_url=""))
        return "machine"

    return await silent_answer(_DETECTION, take)


async def _instruct(deps: Deps, told: Verified, call_sid: str, twiml: str) -> None:
    """Replace what the call does; Twilio closes the agent's socket itself then."""
    try:
        await line_of(deps).instruct(told.account.channel, call_sid, twiml)
    except ChannelError as error:
        logger.warning("voice.machine_not_taken_over", call_id=str(told.owner.id), code=error.code)
        raise Refused(503, "not_taken_over") from error  # so that Twilio tells us again


@router.post("/webhooks/twilio/recording", summary="Twilio tells that a recording is ready", status_code=204)
async def recording(request: Request) -> Response:
    """Keep the address of a recording; fetching it needs the account's key."""
    deps = deps_of(request)

    async def take() -> str:
        told = await verified(deps, request)
        found = read_recording(told.body)
        if found is None:
            return "not_understood"
        owner = told.owner
        async with deps.database.tenant(owner.tenant_id) as connection:
            call = await calls.by_id(connection, owner.id)
            if call is None or call.provider_call_id not in (None, found.provider_call_id):
                return "other_call"
            await note_ended(connection, owner.id, CallFacts(recording_url=found.url), now=deps.clock.now())
        return "stored"

    return await silent_answer(_RECORDING, take)
