"""Media Streams' websocket: let in whom our own TwiML sent, and bridge the call to OpenAI Realtime (protocols 4.6, 7).

Whatever goes wrong, the socket is closed: Twilio then goes on with the TwiML after `<Connect>`, a menu or a goodbye.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast

import structlog
from fastapi import APIRouter, WebSocket
from prometheus_client import Counter
from starlette.websockets import WebSocketDisconnect, WebSocketState

from agents.prompts import Prompts
from channels.base import ChannelError, WebhookRequest
from channels.media_streams import (
    MAX_FRAME_CHARS,
    MalformedFrame,
    StreamFrame,
    StreamStarted,
    clear_frame,
    mark_frame,
    read_frame,
    sound_frame,
)
from channels.openai_realtime import RealtimeUnavailable, open_realtime
from channels.twilio_relay import CALL_PARAMETER, TOKEN_PARAMETER, is_session_token
from domain import call_greetings
from domain.calls import FINAL_STATUSES, is_machine
from domain.errors import NotFound
from domain.messages import Provider
from graphs.hosted_tools import HostedTools
from graphs.realtime_brain import CallBrain, open_brain
from graphs.realtime_bridge import RealtimeBridge
from graphs.realtime_dialogue import Dialogue
from graphs.realtime_parts import Ending, Pace
from graphs.realtime_record import CallRecord
from server.voice.twilio_requests import as_uuid, line_of
from server.voice.twilio_talk import MEDIA_PATH, socket_url
from services import call_context
from services.accounts import OpenAccount
from services.call_desk import Arrival, CallDesk, OpenedCall
from services.call_turns import purpose_of
from store import calls
from store.calls import CallRow
from store.cipher import SecretUnreadable
from store.database import UNAVAILABLE
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter()

STREAMS = Counter("master_ia_media_streams_total", "Media Streams sockets, by how they ended", ["outcome"])

_START_SECONDS: Final = 10.0
_MOST_FRAMES_BEFORE_START: Final = 20
_MOST_BROKEN_FRAMES: Final = 50
_REFUSED: Final = 1008
_TRY_AGAIN: Final = 1013
_SIGNATURE = "x-twilio-signature"
_VOICE = "marin"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Admitted:
    account: OpenAccount
    call: CallRow
    started: StreamStarted


class _NotAdmitted(Exception):
    """The socket is not one that our TwiML sent."""


class StreamPhone:
    """The customer's line over a Media Streams socket (`graphs.realtime_parts.Phone`)."""

    def __init__(self, socket: WebSocket, stream_sid: str) -> None:
        self._socket = socket
        self._stream_sid = stream_sid

    async def frames(self) -> AsyncIterator[StreamFrame]:
        """Give the frames that are well formed; too many others end the call."""
        broken = 0
        while True:
            try:
                frame = await _receive(self._socket)
            except MalformedFrame as error:
                broken += 1
                logger.warning("media_stream.frame_not_understood", reason=str(error))
                if broken > _MOST_BROKEN_FRAMES:
                    return
                continue
            except WebSocketDisconnect:
                return
            if frame is not None:
                yield frame

    async def play(self, audio: bytes, mark: str) -> None:
        await self._send(sound_frame(self._stream_sid, audio))
        await self._send(mark_frame(self._stream_sid, mark))

    async def clear(self) -> None:
        await self._send(clear_frame(self._stream_sid))

    async def _send(self, frame: str) -> None:
        # That the line is gone is told by `frames`.
        with suppress(RuntimeError, WebSocketDisconnect, OSError):
            await self._socket.send_text(frame)


async def _receive(socket: WebSocket) -> StreamFrame | None:
    """Wait for one frame. Raises MalformedFrame, and WebSocketDisconnect at the end."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    if not isinstance(text, str):
        raise MalformedFrame("not text")
    if len(text) > MAX_FRAME_CHARS:
        raise MalformedFrame("too long")
    return read_frame(text)


@router.websocket(MEDIA_PATH)
async def media_stream(socket: WebSocket) -> None:
    """Carry one call."""
    await socket.accept()
    code = 1000
    try:
        outcome = await _carry(socket)
    except WebSocketDisconnect:
        outcome = "gone_early"
    except (_NotAdmitted, NotFound, TimeoutError) as error:
        logger.warning("media_stream.not_admitted", reason=str(error)[:60] or type(error).__name__)
        outcome, code = "refused", _REFUSED
    except (*UNAVAILABLE, SecretUnreadable) as error:
        logger.warning("media_stream.unavailable", error=type(error).__name__)
        outcome, code = "unavailable", _TRY_AGAIN
    except Exception:  # the outermost handler: who is on the phone hears what follows in the TwiML
        logger.exception("media_stream.failed")
        outcome = "failed"
    STREAMS.labels(outcome).inc()
    await _close(socket, code)


async def _carry(socket: WebSocket) -> str:
    deps = cast(Deps, socket.app.state.deps)
    async with asyncio.timeout(_START_SECONDS):
        admitted = await _admit(socket, deps)
    call = admitted.call
    structlog.contextvars.bind_contextvars(call_id=str(call.id))
    if call.status in FINAL_STATUSES or is_machine(call.answered_by):
        return "not_a_person" if is_machine(call.answered_by) else "call_over"
    if deps.settings.openai_api_key is None:
        logger.warning("media_stream.no_key")
        return "no_key"
    arrival = Arrival(
        provider_call_id=admitted.started.call_sid, direction="in" if call.direction == "in" else "out",
        customer_phone=call.phone, call_id=call.id,
    )  # fmt: skip
    opened = await CallDesk(deps.database, deps.clock).begin(admitted.account, arrival)
    tools = cast(HostedTools, socket.app.state.hosted_tools)
    brain = await open_brain(tools, Prompts(deps.database, deps.clock), opened)
    if brain is None:
        return "nobody_answers"
    dialogue = Dialogue(opened.call.id)
    ending = await _bridged(socket, deps, opened, admitted.started, brain, dialogue)
    if ending == "hang_up":
        await _hang_up(deps, opened, admitted.started.call_sid)
    await _close(socket, 1000)  # the customer does not wait for what follows
    if dialogue.customer_texts:
        await tools.remember(opened, customer_texts=dialogue.customer_texts, dialogue=dialogue.messages())
    return ending


async def _bridged(
    socket: WebSocket, deps: Deps, opened: OpenedCall, started: StreamStarted, brain: CallBrain, dialogue: Dialogue
) -> Ending:
    settings, account = deps.settings, opened.account.row
    pace = cast(Pace, getattr(socket.app.state, "realtime_pace", None) or await _pace(deps, opened))
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    try:
        async with open_realtime(
            url=settings.openai_realtime_url, model=settings.openai_realtime_model, api_key=key
        ) as voice:
            bridge = RealtimeBridge(
                phone=StreamPhone(socket, started.stream_sid), voice=voice, brain=brain, dialogue=dialogue,
                record=CallRecord(deps, opened, model=settings.openai_realtime_model),
                greeting=None if opened.is_resumed else await _greeting(deps, opened),
                voice_name=account.settings.get("voice") or _VOICE,
                can_transfer=bool(account.settings.get("transfer_number")), pace=pace,
            )  # fmt: skip
            return await bridge.run()
    except RealtimeUnavailable as error:
        logger.warning("media_stream.realtime_unavailable", error=str(error))
        return "fall_back"


async def _pace(deps: Deps, opened: OpenedCall) -> Pace:
    tenant = (await deps.tenants.profile(opened.tenant_id)).tenant
    return Pace(longest=call_context.longest_seconds(tenant, opened.account.row))


async def _greeting(deps: Deps, opened: OpenedCall) -> str:
    tenant = (await deps.tenants.profile(opened.tenant_id)).tenant
    async with deps.database.tenant(opened.tenant_id) as connection:
        known = await call_context.brief(connection, opened.call)
    return call_greetings.greeting(
        assistant=tenant.assistant_name, tenant=tenant.name, first_name=known.first_name,
        purpose=purpose_of(opened), is_recorded=opened.account.row.settings.get("records") == "true",
    )  # fmt: skip


async def _hang_up(deps: Deps, opened: OpenedCall, call_sid: str) -> None:
    """End the call itself; without that Twilio would go on with the TwiML, as after a talk that broke off."""
    try:
        await line_of(deps).hang_up(opened.account.channel, call_sid)
    except ChannelError as error:
        logger.warning("media_stream.hang_up_failed", error=type(error).__name__)


async def _admit(socket: WebSocket, deps: Deps) -> _Admitted:
    """Wait for a start that fits a call of ours; other frames before it say nothing. Raises _NotAdmitted."""
    for _ in range(_MOST_FRAMES_BEFORE_START):
        try:
            frame = await _receive(socket)
        except MalformedFrame:
            continue
        if isinstance(frame, StreamStarted):
            return await _fitting(socket, deps, frame)
    raise _NotAdmitted("no start")


async def _fitting(socket: WebSocket, deps: Deps, started: StreamStarted) -> _Admitted:
    """Check the start's token and the handshake's signature against the account of the call that it names."""
    call_id = as_uuid(started.parameters.get(CALL_PARAMETER, ""))
    if call_id is None:
        raise _NotAdmitted("no call")
    async with deps.database.platform() as connection:
        owner = await calls.owner(connection, call_id)
    account = await deps.accounts.by_id(owner.tenant_id, owner.channel_account_id) if owner else None
    if account is None or account.row.provider is not Provider.TWILIO_VOICE:
        raise _NotAdmitted("no such call")
    token = started.parameters.get(TOKEN_PARAMETER, "")
    if not is_session_token(token, account.row.webhook_key, call_id, started.call_sid):
        raise _NotAdmitted("wrong token")
    if not _is_signed(socket, deps, account):
        raise _NotAdmitted("wrong signature")
    async with deps.database.tenant(account.row.tenant_id) as connection:
        call = await calls.by_id(connection, call_id)
    if call is None or call.provider_call_id not in (None, started.call_sid):
        raise _NotAdmitted("another call")
    return _Admitted(account=account, call=call, started=started)


def _is_signed(socket: WebSocket, deps: Deps, account: OpenAccount) -> bool:
    """Check the handshake's signature over the public URL where Twilio gives one; the token proves the rest."""
    headers = {name.lower(): value for name, value in socket.headers.items()}
    if _SIGNATURE not in headers:
        return True
    url = socket_url(deps, MEDIA_PATH)
    handshake = WebhookRequest(method="GET", url=url, headers=headers, query={}, body=b"")
    return line_of(deps).verify(handshake, account.channel)


async def _close(socket: WebSocket, code: int) -> None:
    if socket.application_state is WebSocketState.DISCONNECTED:
        return
    with suppress(RuntimeError, WebSocketDisconnect, OSError):
        await socket.close(code)
