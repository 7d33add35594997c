"""What follows the agent's talk in a call: goodbye, a person who takes over, or an apology (protocols 4.5)."""

from typing import Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response

from channels import twilio_twiml
from channels.twilio_relay import as_number_to_call, read_handoff
from channels.twilio_voice import read_report
from domain.calls import FINAL_STATUSES, is_machine
from domain.spoken_style import to_spoken
from server.voice.twilio_requests import Verified, deps_of, rendered, spoken_answer, url_of, verified
from services import call_context
from services.accounts import OpenAccount
from services.call_menu import CallMenu
from services.call_transfers import note_answered, note_unanswered
from store import calls, conversations
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter()

_WHISPER_PATH: Final = "/webhooks/twilio/whisper"
_TRANSFERRED_PATH: Final = "/webhooks/twilio/transferred"
_ENDED: Final = "twilio_talk_ended"
_WHISPER: Final = "twilio_whisper"
_TRANSFERRED: Final = "twilio_transferred"
_WORKED: Final = frozenset({"ended", "completed"})
_TAKEN: Final = frozenset({"completed", "answered"})
_NOBODY_FREE: Final = "Desculpe, ninguém da nossa equipe conseguiu atender agora."
_WILL_WRITE: Final = "Já avisei, e uma pessoa continua com você por mensagem assim que puder. Até logo!"
_IS_NOTED: Final = "Já deixei avisado que você quer falar com uma pessoa. Até logo!"


@router.post("/webhooks/twilio/ended", summary="Twilio asks what follows the agent's talk", response_class=Response)
async def talk_ended(request: Request) -> Response:
    """Hang up, ring a person, or apologise for a talk that broke off and offer the keypad."""
    deps = deps_of(request)

    async def answer() -> str:
        asked = await verified(deps, request)
        report = read_report(asked.body)
        if report is not None and report.status in FINAL_STATUSES:  # the customer has hung up
            return twilio_twiml.end()
        is_transfer, number = read_handoff(asked.fields.get("HandoffData", ""))
        number = number or transfer_number(asked.account)
        if number is not None and (is_transfer or await _waits_for_a_person(deps, asked)):
            return transferred(deps, asked.account, asked.owner.id, number)
        if asked.fields.get("SessionStatus") in _WORKED and not is_transfer:
            return twilio_twiml.end()
        return await _broke_off(deps, asked)

    return await spoken_answer(_ENDED, answer)


async def _waits_for_a_person(deps: Deps, asked: Verified) -> bool:
    """Tell whether the customer was handed over in this call: a stream ends without saying so, or a talk broke off."""
    if asked.fields.get("SessionStatus") in _WORKED:
        return False
    async with deps.database.tenant(asked.owner.tenant_id) as connection:
        call = await calls.by_id(connection, asked.owner.id)
        if call is None or call.conversation_id is None or is_machine(call.answered_by):
            return False
        conversation = await conversations.by_id(connection, call.conversation_id)
    return conversation is not None and conversation.handler == "human"


async def _broke_off(deps: Deps, asked: Verified) -> str:
    logger.warning("voice.talk_broke_off", call_id=str(asked.owner.id), code=asked.fields.get("ErrorCode", "")[:10])
    menu = CallMenu(database=deps.database, tenants=deps.tenants, clock=deps.clock)
    speech, target_id = await menu.resume(asked.owner.tenant_id, asked.owner.id)
    step = url_of(deps, f"/twiml/{target_id}", asked.owner.id, step="choice", round=speech.next_round or 0)
    return rendered(speech, action_url=step)


def transfer_number(account: OpenAccount) -> str | None:
    """Give the number of the person whom this account's callers are handed to."""
    return as_number_to_call(account.channel.settings.get("transfer_number"))


def transferred(deps: Deps, account: OpenAccount, call_id: UUID, number: str, *texts: str) -> str:
    """Give the TwiML that rings a person, who hears first what the call is about."""
    return twilio_twiml.transfer(
        number, *texts, caller_id=account.row.external_id, whisper_url=url_of(deps, _WHISPER_PATH, call_id),
        action_url=url_of(deps, _TRANSFERRED_PATH, call_id, to=number),
    )  # fmt: skip


@router.post(_WHISPER_PATH, summary="Twilio asks what a person who takes over hears first", response_class=Response)
async def whisper(request: Request) -> Response:
    """Say to the person who picks up whom they will speak with, and about what."""
    deps = deps_of(request)

    async def answer() -> str:
        asked = await verified(deps, request)
        try:
            async with deps.database.tenant(asked.owner.tenant_id) as connection:
                text = await call_context.whisper(connection, asked.owner.id)
        except Exception:  # the two are connected also without it
            logger.exception("voice.whisper_failed", call_id=str(asked.owner.id))
            text = ""
        return twilio_twiml.whisper(to_spoken(text))

    return await spoken_answer(_WHISPER, answer)


@router.post(_TRANSFERRED_PATH, summary="Twilio tells whether a person took over", response_class=Response)
async def transfer_ended(request: Request) -> Response:
    """Note who took over; when nobody did, say so and leave the customer to the operators."""
    deps = deps_of(request)

    async def answer() -> str:
        asked = await verified(deps, request)
        now = deps.clock.now()
        async with deps.database.tenant(asked.owner.tenant_id) as connection:
            if asked.fields.get("DialCallStatus") in _TAKEN:
                number = as_number_to_call(asked.query.get("to"))
                await note_answered(connection, asked.owner.id, number=number, now=now)
                return twilio_twiml.end()
            can_write = await note_unanswered(connection, asked.owner.id, now=now)
        return twilio_twiml.say_and_end(_NOBODY_FREE, _WILL_WRITE if can_write else _IS_NOTED)

    return await spoken_answer(_TRANSFERRED, answer)
