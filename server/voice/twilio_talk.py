"""Hand a call that a person is on to whoever talks on this account: ConversationRelay, or OpenAI Realtime."""

from uuid import UUID

from channels import twilio_twiml
from channels.twilio_relay import CALL_PARAMETER, TOKEN_PARAMETER, session_token
from channels.twilio_voice import has_recording, talk_of
from server.voice.twilio_requests import PREFIX, url_of
from services.accounts import OpenAccount
from wiring.deps import Deps

RELAY_PATH = "/webhooks/twilio/connect"
MEDIA_PATH = "/twilio/media"
ENDED_PATH = "/webhooks/twilio/ended"
RECORDING_PATH = "/webhooks/twilio/recording"


def socket_url(deps: Deps, path: str) -> str:
    """Give a websocket's public address: wss where the service is reached by https."""
    base = deps.settings.public_base_url
    return f"ws{base.removeprefix('http')}{PREFIX}{path}"


def connected(deps: Deps, account: OpenAccount, call_id: UUID, call_sid: str, *, is_inbound: bool = False) -> str:
    """Give the TwiML that connects a call to its agent. Calls of ours were asked to be recorded when they were made."""
    parameters = {
        CALL_PARAMETER: str(call_id),
        TOKEN_PARAMETER: session_token(account.row.webhook_key, call_id, call_sid),
    }
    is_recorded_here = is_inbound and has_recording(account.channel)
    recording_url = url_of(deps, RECORDING_PATH, call_id) if is_recorded_here else None
    if talk_of(account.channel) == "realtime":
        return twilio_twiml.connect_stream(
            socket_url(deps, MEDIA_PATH), parameters, recording_url=recording_url,
            next_url=url_of(deps, ENDED_PATH, call_id, after="stream"),
        )  # fmt: skip
    return twilio_twiml.connect_relay(
        url=socket_url(deps, RELAY_PATH), action_url=url_of(deps, ENDED_PATH, call_id), parameters=parameters,
        voice=account.channel.settings.get("voice"), recording_url=recording_url,
    )  # fmt: skip
