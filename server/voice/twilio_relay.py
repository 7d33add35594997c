"""ConversationRelay's websocket: let in whom our own TwiML sent, and carry the talk (spec 5.4, protocols 4.5)."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol, cast
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, WebSocket
from prometheus_client import Counter
from starlette.websockets import WebSocketDisconnect

from channels.base import WebhookRequest
from channels.twilio_relay import (
    CALL_PARAMETER,
    MAX_FRAME_CHARS,
    TOKEN_PARAMETER,
    MalformedFrame,
    Setup,
    end_frame,
    is_session_token,
    read_frame,
)
from domain.calls import FINAL_STATUSES, is_machine
from domain.errors import NotFound
from domain.messages import Provider
from server.voice.relay_memory import REMEMBERED, Memory, Utterance
from server.voice.relay_talk import INTERNAL, REFUSED, Pace, RelayTalk, Session
from server.voice.twilio_requests import as_uuid, line_of
from server.voice.twilio_talk import RELAY_PATH, socket_url
from services.accounts import OpenAccount
from services.call_desk import Arrival
from store import calls, utterances
from store.calls import CallRow
from store.cipher import SecretUnreadable
from store.database import UNAVAILABLE
from store.utterances import UtteranceRow
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter()

RELAYS = Counter("master_ia_relay_sockets_total", "ConversationRelay sockets, by how they ended", ["outcome"])

_TRY_AGAIN: Final = 1013
_SIGNATURE = "x-twilio-signature"
_MOST_FRAMES_BEFORE_SETUP = 20
_MOST_CALLS = 5_000
_RETIRING_SECONDS = 5.0


class Center(Protocol):
    """What opens sessions (`graphs.call_center.CallCenter`, on `app.state.calls`)."""

    async def open(self, account: OpenAccount, arrival: Arrival) -> Session: ...


@dataclass(slots=True)
class RelaySockets:
    """This process's sockets by call, and what is remembered of them for the next one."""

    open: MutableMapping[UUID, asyncio.Task[object]] = field(default_factory=dict)
    memories: MutableMapping[UUID, Memory] = field(default_factory=dict)

    def remember(self, call_id: UUID, memory: Memory) -> None:
        self.memories[call_id] = memory
        while len(self.memories) > _MOST_CALLS:
            self.memories.pop(next(iter(self.memories)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Admitted:
    account: OpenAccount
    call: CallRow
    call_sid: str


class _NotAdmitted(Exception):
    """The socket is not one that our TwiML sent."""


@router.websocket(RELAY_PATH)
async def relay(socket: WebSocket) -> None:
    """Carry one socket of a call. A newer socket of the same call takes its place."""
    await socket.accept()
    try:
        outcome = await _carry(socket)
    except WebSocketDisconnect:
        outcome = "gone_early"
    except (_NotAdmitted, NotFound, TimeoutError) as error:
        logger.warning("relay.not_admitted", reason=str(error)[:60] or type(error).__name__)
        outcome = "refused"
        await _close(socket, REFUSED)
    except (*UNAVAILABLE, SecretUnreadable) as error:
        logger.warning("relay.unavailable", error=type(error).__name__)
        outcome = "unavailable"
        await _close(socket, _TRY_AGAIN)
    except Exception:
        # Twilio comes back, or asks the action URL, which says a polite goodbye.
        logger.exception("relay.failed")
        outcome = "failed"
        await _close(socket, INTERNAL)
    RELAYS.labels(outcome).inc()


async def _carry(socket: WebSocket) -> str:
    deps = cast(Deps, socket.app.state.deps)
    pace = cast(Pace, getattr(socket.app.state, "relay_pace", None) or Pace())
    async with asyncio.timeout(pace.setup_seconds):
        admitted = await _admit(socket, deps)
    call = admitted.call
    structlog.contextvars.bind_contextvars(call_id=str(call.id))
    if call.status in FINAL_STATUSES or is_machine(call.answered_by):
        await socket.send_text(end_frame())
        await _close(socket, 1000)
        return "not_a_person" if is_machine(call.answered_by) else "call_over"
    sockets = _sockets(socket)
    await _retire(sockets, call.id)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  a coroutine of the server always runs in one
    sockets.open[call.id] = task
    try:
        return await _talk(socket, deps, admitted, sockets, pace)
    except asyncio.CancelledError:
        if sockets.open.get(call.id) is task:
            raise  # the server stops
        task.uncancel()
        await _close(socket, 1000)
        return "replaced"
    finally:
        if sockets.open.get(call.id) is task:
            del sockets.open[call.id]


async def _talk(socket: WebSocket, deps: Deps, admitted: _Admitted, sockets: RelaySockets, pace: Pace) -> str:
    call = admitted.call
    arrival = Arrival(
        provider_call_id=admitted.call_sid, direction="in" if call.direction == "in" else "out",
        customer_phone=call.phone, call_id=call.id,
    )  # fmt: skip
    session = await cast(Center, socket.app.state.calls).open(admitted.account, arrival)
    try:
        memory = sockets.memories.get(call.id) or await _remembered(deps, session, pace)
        sockets.remember(call.id, memory)
        talk = RelayTalk(socket, session, socket_name=uuid4().hex[:8], pace=pace, memory=memory)
        outcome = await talk.run()
    finally:
        await session.close()
    if outcome == "session_over":
        await _close(socket, INTERNAL)
    elif outcome == "ended":
        sockets.memories.pop(call.id, None)
    return outcome


async def _remembered(deps: Deps, session: Session, pace: Pace) -> Memory:
    """Give what is known of an earlier socket, which another process held: it may have died before it could speak."""
    memory = Memory()
    if not session.opened.is_resumed:
        return memory
    async with deps.database.tenant(session.opened.tenant_id) as connection:
        rows = await utterances.last_heard(connection, session.opened.call.id, limit=REMEMBERED)
    memory.heard.extend(("prompt", row.text) for row in rows)
    if rows and not _was_heard(rows[-1], pace, deps.clock.now()):
        memory.unanswered = Utterance(key=rows[-1].key, text=rows[-1].text)
    return memory


def _was_heard(row: UtteranceRow, pace: Pace, now: datetime) -> bool:
    """Tell whether there was time to speak the answer: it is written down before its first word is given out."""
    if row.answer is None or row.answered_at is None:
        return False
    needed = pace.voice_delay_seconds + len(row.answer) / pace.characters_per_second
    return now - row.answered_at >= timedelta(seconds=needed)


async def _retire(sockets: RelaySockets, call_id: UUID) -> None:
    """End an older socket of this call, which is dead or will be."""
    older = sockets.open.pop(call_id, None)
    if older is not None:
        older.cancel()
        await asyncio.wait([older], timeout=_RETIRING_SECONDS)


async def _admit(socket: WebSocket, deps: Deps) -> _Admitted:
    """Wait for a setup that fits a call of ours; other frames before it say nothing. Raises _NotAdmitted."""
    for _ in range(_MOST_FRAMES_BEFORE_SETUP):
        text = await _receive(socket)
        if text is None or len(text) > MAX_FRAME_CHARS:
            continue
        try:
            frame = read_frame(text)
        except MalformedFrame:
            continue
        if isinstance(frame, Setup):
            admitted = await _fitting(socket, deps, frame)
            if admitted is not None:
                return admitted
    raise _NotAdmitted("no setup that fits")


async def _receive(socket: WebSocket) -> str | None:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    return text if isinstance(text, str) else None


async def _fitting(socket: WebSocket, deps: Deps, setup: Setup) -> _Admitted | None:
    """Check the setup's token and the handshake's signature against the account of the call that it names."""
    call_id = as_uuid(setup.parameters.get(CALL_PARAMETER, ""))
    if call_id is None:
        return None
    async with deps.database.platform() as connection:
        owner = await calls.owner(connection, call_id)
    account = await deps.accounts.by_id(owner.tenant_id, owner.channel_account_id) if owner else None
    if account is None or account.row.provider is not Provider.TWILIO_VOICE:
        return None
    token = setup.parameters.get(TOKEN_PARAMETER, "")
    if not is_session_token(token, account.row.webhook_key, call_id, setup.call_sid):
        return None
    if not _is_signed(socket, deps, account):
        raise _NotAdmitted("wrong signature")
    async with deps.database.tenant(account.row.tenant_id) as connection:
        call = await calls.by_id(connection, call_id)
    if call is None or call.provider_call_id not in (None, setup.call_sid):
        return None
    return _Admitted(account=account, call=call, call_sid=setup.call_sid)


def _is_signed(socket: WebSocket, deps: Deps, account: OpenAccount) -> bool:
    """Check the handshake's signature over the public URL where Twilio gives one; the token proves the rest."""
    headers = {name.lower(): value for name, value in socket.headers.items()}
    if _SIGNATURE not in headers:
        return True
    url = socket_url(deps, RELAY_PATH)
    handshake = WebhookRequest(method="GET", url=url, headers=headers, query={}, body=b"")
    return line_of(deps).verify(handshake, account.channel)


def _sockets(socket: WebSocket) -> RelaySockets:
    state = socket.app.state
    if not hasattr(state, "relay_sockets"):
        state.relay_sockets = RelaySockets()
    return cast(RelaySockets, state.relay_sockets)


async def _close(socket: WebSocket, code: int) -> None:
    try:
        await socket.close(code)
    except (RuntimeError, WebSocketDisconnect):
        logger.debug("relay.closed_already")
