"""A customer calls: the call's row is opened, and the agent answers (spec 5.2)."""

from typing import Final

import structlog
from fastapi import APIRouter, Request, Response

from channels.reading import as_id
from channels.twilio_relay import as_number_to_call
from channels.twilio_voice import read_fields, talk_of
from server.voice.twilio_endings import transfer_number, transferred
from server.voice.twilio_requests import Refused, deps_of, rendered, spoken_answer, verified_account
from server.voice.twilio_talk import connected
from services.accounts import OpenAccount
from services.call_desk import Arrival, CallDesk, OpenedCall
from services.call_menu import CallMenu
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter()

_INBOUND: Final = "twilio_inbound"
# What stands in `From` when the caller hides the number: letters of a keypad, with a plus before them.
_HIDDEN: Final = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "+464"})


@router.post("/twilio/inbound/{webhook_key}", summary="A customer calls", response_class=Response)
async def inbound_call(request: Request, webhook_key: str) -> Response:
    """Connect a caller to the agent; where none takes calls, to a person, or say a polite goodbye."""
    deps = deps_of(request)

    async def answer() -> str:
        account, body = await verified_account(deps, request, webhook_key)
        fields = read_fields(body)
        call_sid = as_id(fields.get("CallSid"))
        if call_sid is None:
            raise Refused(404, "unknown")
        arrival = Arrival(provider_call_id=call_sid, direction="in", customer_phone=caller(fields.get("From")))
        opened = await CallDesk(deps.database, deps.clock).begin(account, arrival)
        if _has_agent(account):
            return connected(deps, account, opened.call.id, call_sid, is_inbound=True)
        return await _without_agent(deps, account, opened)

    return await spoken_answer(_INBOUND, answer)


def caller(given: str | None) -> str | None:
    """Give the caller's phone; None when it is hidden or no phone at all."""
    return None if given in _HIDDEN else as_number_to_call(given)


def _has_agent(account: OpenAccount) -> bool:
    """A number that is stopped for calling too much is still answered; one that is switched off is not."""
    return account.row.is_bot_enabled and account.row.status != "disabled" and talk_of(account.channel) != "menu"


async def _without_agent(deps: Deps, account: OpenAccount, opened: OpenedCall) -> str:
    number = transfer_number(account)
    if number is not None:
        return transferred(deps, account, opened.call.id, number)
    menu = CallMenu(database=deps.database, tenants=deps.tenants, clock=deps.clock)
    return rendered(await menu.to_nobody(opened.tenant_id), action_url="")
