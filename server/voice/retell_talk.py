"""Retell's custom-LLM websocket: what the customer says goes to the call's session, its sentences go back
(protocols 5.5).

Retell dials us, and knows no password: the secret is the account's key in the path. Three tasks share a socket. One
reads and never waits for anything else, so that keep-alives are echoed at once; one writes; one talks to the session.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from hmac import compare_digest
from typing import Any, Protocol, cast
from uuid import UUID

import structlog
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from channels.base import ChannelError
from channels.reading import Unreadable
from channels.retell import RetellVoice
from channels.retell_calls import RetellCall
from channels.retell_frames import (
    CallDetails,
    Frame,
    Ping,
    Transcript,
    Turn,
    Update,
    Wanted,
    config_frame,
    done_frame,
    pong_frame,
    read_frame,
    say_frame,
    tool_frames,
)
from channels.retell_speech import SpokenReply
from domain.call_talk import CallEvent, ReplyDone, Say, ToolUsed
from domain.errors import NotFound
from server.voice.retell import account_by_key, line
from services.accounts import OpenAccount
from services.call_desk import Arrival, OpenedCall
from services.retell_reports import account_of, expected
from store.cipher import SecretUnreadable
from store.database import UNAVAILABLE
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter()

# 1000 would be a hang-up (protocols 5.5): only Retell closes so.
DISPLACED = 1001
PROTOCOL_ERROR = 1002
NOT_TEXT = 1007
NOT_ALLOWED = 1008
FAULT = 1011
_ACCOUNT_SECONDS = 5.0
_DETAILS_SECONDS = 5.0
_SILENT_SECONDS = 30.0  # Retell pings every two seconds: a socket this silent died without a word
_DISPLACE_SECONDS = 3.0
_MOST_UNREADABLE = 5  # in a row
_MOST_WAITING = 1000  # frames to a peer that does not read, or commands for a session that does not answer
_LONGEST_ID = 100
_START = Transcript()


class Session(Protocol):
    """The talk of one call, as `graphs.call_session` gives it."""

    opened: OpenedCall

    async def start(self) -> None: ...
    async def hear(self, text: str, *, key: str, reply: int) -> None: ...
    async def remind(self, *, reply: int) -> None: ...
    async def press(self, digit: str, *, reply: int) -> None: ...
    async def cut(self, spoken: str) -> None: ...
    def events(self) -> AsyncIterator[CallEvent]: ...
    async def close(self) -> None: ...


class Center(Protocol):
    """Where sessions come from, as `graphs.call_center` gives it."""

    async def open(self, account: OpenAccount, arrival: Arrival) -> Session: ...


class _Overwhelmed(RuntimeError):
    """The other side takes nothing any more."""


@router.websocket("/retell/llm/{webhook_key}/{call_id}")
async def talk(websocket: WebSocket, webhook_key: str, call_id: str) -> None:
    """Hold the talk of one call until one side ends it."""
    await websocket.accept()
    deps = cast(Deps, websocket.app.state.deps)
    try:
        async with asyncio.timeout(_ACCOUNT_SECONDS):
            account = await account_by_key(deps, webhook_key)
    except (*UNAVAILABLE, TimeoutError, SecretUnreadable) as error:
        logger.warning("retell_talk.account_unavailable", error=type(error).__name__)
        return await _close(websocket, FAULT)
    is_ours = account is not None and compare_digest(account.row.webhook_key.encode(), webhook_key.encode())
    if account is None or not is_ours or not _is_id(call_id):
        logger.warning("retell_talk.refused")
        return await _close(websocket, NOT_ALLOWED)
    talks = _talks(websocket)
    conversation = RetellTalk(websocket, account=account, provider_call_id=call_id, deps=deps)
    with structlog.contextvars.bound_contextvars(provider_call_id=call_id):
        async with _only_one(talks, (account.row.tenant_id, call_id), conversation):
            code = await conversation.run(cast(Center, websocket.app.state.calls))
    if code is not None:
        await _close(websocket, code)


class RetellTalk:
    """One socket of one call."""

    def __init__(self, websocket: WebSocket, *, account: OpenAccount, provider_call_id: str, deps: Deps) -> None:
        self._websocket = websocket
        self._account = account
        self._provider_call_id = provider_call_id
        self._deps = deps
        self._line: RetellVoice = line(deps)
        self._out: asyncio.Queue[str | CallEvent] = asyncio.Queue(_MOST_WAITING)
        self._commands: asyncio.Queue[str | Wanted] = asyncio.Queue(_MOST_WAITING)  # a text is what was heard of a cut
        self._told: asyncio.Future[RetellCall] = asyncio.get_running_loop().create_future()
        self._displaced = asyncio.Event()
        self.has_ended = asyncio.Event()
        self._session: Session | None = None
        self._latest = 0  # the number of the answer that Retell waits for; 0 is the greeting
        self._floor = 0  # the number of the oldest answer that is still good for it
        self._wanted = -1
        self._spoken = SpokenReply(asked=_START)
        self._transcript = _START
        self._turn: Turn = "agent"
        self._interrupt_id = 0
        self._is_interrupting = False
        self._heard: tuple[int, str] | None = None
        self._digits_seen: int | None = None

    def displace(self) -> None:
        """Give way to a newer socket of the same call."""
        self._displaced.set()

    async def run(self, center: Center) -> int | None:
        """Talk until the end; give the code to close with, None when the other side has closed."""
        self._put(config_frame())
        tasks = [self._task(work) for work in (self._read(), self._write(), self._converse(center), self._give_way())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next((task.result() for task in tasks if task in done), None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.shield(self._leave())
            self.has_ended.set()

    def _task(self, work: Coroutine[Any, Any, int | None]) -> asyncio.Task[int | None]:
        return asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, int | None]) -> int | None:
        """The outermost handler of a socket: every end has a code."""
        try:
            return await work
        except WebSocketDisconnect:
            return None
        except NotFound:
            logger.warning("retell_talk.unknown_call")
            return NOT_ALLOWED
        except (*UNAVAILABLE, ChannelError, TimeoutError) as error:
            logger.warning("retell_talk.unavailable", error=type(error).__name__)
            return FAULT
        except Exception:
            logger.exception("retell_talk.failed")
            return FAULT

    async def _leave(self) -> None:
        session = self._session
        if session is None:
            return
        try:
            heard = self._spoken.hung_up_at(self._transcript)
            if heard is not None:
                await session.cut(heard)
        except Exception:
            logger.exception("retell_talk.cut_not_noted")
        finally:
            await session.close()

    async def _give_way(self) -> int:
        await self._displaced.wait()
        logger.info("retell_talk.displaced")
        return DISPLACED

    # --- reading: never waits but for the next frame

    async def _read(self) -> int | None:
        unreadable = 0
        while True:
            try:
                async with asyncio.timeout(_SILENT_SECONDS):
                    message = await self._websocket.receive()
            except TimeoutError:
                logger.warning("retell_talk.silent")
                return FAULT
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            if text is None:
                return NOT_TEXT
            try:
                frame = read_frame(text)
            except Unreadable as error:
                unreadable += 1
                logger.warning("retell_talk.frame_unreadable", problem=str(error), characters=len(text))
                if unreadable >= _MOST_UNREADABLE:
                    return PROTOCOL_ERROR
                continue
            unreadable = 0
            if frame is not None and not self._take(frame):
                return NOT_ALLOWED

    def _take(self, frame: Frame) -> bool:
        match frame:
            case Ping():
                self._put(pong_frame(frame))
            case CallDetails(call=call):
                if call.provider_call_id != self._provider_call_id:
                    logger.warning("retell_talk.details_of_another_call")
                    return False
                if not self._told.done():
                    self._told.set_result(call)
            case Update():
                self._follow(frame)
            case Wanted():
                self._want(frame)
        return True

    def _follow(self, update: Update) -> None:
        """Notice when the customer speaks into a reply. An update asks for nothing and supersedes nothing."""
        self._transcript = update.transcript
        self._turn = update.turn or self._turn
        if self._turn == "user":
            heard = self._spoken.interrupted_by(update.transcript)
            if heard is not None:
                self._command(heard)

    def _want(self, wanted: Wanted) -> None:
        """Turn to a newer question; what is under way for an older one is not sent any more."""
        if wanted.response_id <= self._wanted:
            logger.info("retell_talk.stale_request", response_id=wanted.response_id, newest=self._wanted)
            return
        self._wanted = self._latest = wanted.response_id
        self._transcript = wanted.transcript
        is_under_way = not self._spoken.is_done and self._floor > 0
        if not (wanted.is_reminder and is_under_way):  # a reminder waits for the answer that is being made
            heard = self._spoken.left_at(wanted.transcript)
            if heard is not None:
                self._command(heard)
            self._floor = wanted.response_id
            self._spoken = SpokenReply(asked=wanted.transcript)
            self._is_interrupting = False
        self._turn = "agent"
        self._command(wanted)

    # --- writing

    async def _write(self) -> None:
        while True:
            item = await self._out.get()
            for frame in [item] if isinstance(item, str) else self._frames(item):
                await self._websocket.send_text(frame)

    def _frames(self, event: CallEvent) -> tuple[str, ...]:
        """Write an event down, unless its answer is not wanted any more by now."""
        if isinstance(event, ToolUsed):
            return tool_frames(event)  # what was done was done, whoever still waits for the answer
        if event.reply < self._floor:
            return ()
        event = replace(event, reply=max(event.reply, self._latest))
        match event:
            case Say():
                interrupt_id = self._interruption()
                self._spoken.say(event.text)
                return (say_frame(event, interrupt_id=interrupt_id),)
            case ReplyDone():
                interrupt_id = self._interruption()
                self._spoken.finish()
                self._is_interrupting = False
                return (done_frame(event, interrupt_id=interrupt_id),)

    def _interruption(self) -> int | None:
        """Number what is said after the answer was complete: Retell takes no more for it, but lets us speak up."""
        if self._spoken.is_done and not self._is_interrupting:
            self._is_interrupting = True
            self._interrupt_id += 1
        return self._interrupt_id if self._is_interrupting else None

    # --- talking

    async def _converse(self, center: Center) -> int:
        told = await self._details()
        account = await account_of(self._deps.database, self._deps.accounts, self._account, told.our_number)
        self._session = session = await center.open(account, await expected(self._deps.database, account, told))
        await session.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._obey(session))
            async for event in session.events():
                self._put(event)
            raise RuntimeError("the session ended by itself")

    async def _details(self) -> RetellCall:
        """Wait for what Retell tells of the call; where that is lost, ask. Raises NotFound for a call of nobody."""
        try:
            async with asyncio.timeout(_DETAILS_SECONDS):
                return await asyncio.shield(self._told)
        except TimeoutError:
            logger.warning("retell_talk.no_details")
        told = await self._line.describe(self._account.channel, self._provider_call_id)
        if told is None:
            raise NotFound("call")
        return told

    async def _obey(self, session: Session) -> None:
        while True:
            command = await self._commands.get()
            if isinstance(command, str):
                await session.cut(command)
            else:
                await self._answer(session, command)

    async def _answer(self, session: Session, wanted: Wanted) -> None:
        """Hand over what the customer said or typed since the agent spoke; nothing of both is silence."""
        transcript, reply = wanted.transcript, wanted.response_id
        typed = self._typed(session, transcript)
        for digit in typed:
            await session.press(digit, reply=reply)
        said = (transcript.user_index, transcript.user_text)
        if wanted.is_reminder:
            await session.remind(reply=reply)
        elif transcript.user_text and not (typed and said == self._heard):
            self._heard = said
            await session.hear(transcript.user_text, key=str(transcript.user_index), reply=reply)
        elif not typed:
            await session.remind(reply=reply)

    def _typed(self, session: Session, transcript: Transcript) -> str:
        """Give the keys that are new. After a reconnect the earlier ones are known already."""
        if self._digits_seen is None:
            self._digits_seen = len(transcript.digits) if session.opened.is_resumed else 0
        typed = transcript.digits[self._digits_seen :]
        self._digits_seen = len(transcript.digits)
        return typed

    def _put(self, item: str | CallEvent) -> None:
        try:
            self._out.put_nowait(item)
        except asyncio.QueueFull:
            raise _Overwhelmed("the other side does not read") from None

    def _command(self, command: str | Wanted) -> None:
        try:
            self._commands.put_nowait(command)
        except asyncio.QueueFull:
            raise _Overwhelmed("the session does not answer") from None


_Talks = MutableMapping[tuple[UUID, str], RetellTalk]


def _talks(websocket: WebSocket) -> _Talks:
    state = websocket.app.state
    if not hasattr(state, "retell_talks"):
        state.retell_talks = {}
    return cast(_Talks, state.retell_talks)


@asynccontextmanager
async def _only_one(talks: _Talks, key: tuple[UUID, str], talk: RetellTalk) -> AsyncIterator[None]:
    """Let the newest socket of a call be the only one: Retell has given the older one up."""
    older = talks.get(key)
    talks[key] = talk
    try:
        if older is not None:
            older.displace()
            with suppress(TimeoutError):
                async with asyncio.timeout(_DISPLACE_SECONDS):
                    await older.has_ended.wait()
        yield
    finally:
        if talks.get(key) is talk:
            del talks[key]


def _is_id(call_id: str) -> bool:
    return len(call_id) <= _LONGEST_ID and call_id.isascii() and call_id.isprintable()


async def _close(websocket: WebSocket, code: int) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):  # the other side was faster
        await websocket.close(code)
