"""One ConversationRelay socket and the session that speaks through it (protocols 4.5, spec 5.4)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from channels.twilio_relay import (
    MAX_FRAME_CHARS,
    Digit,
    Interrupt,
    MalformedFrame,
    Played,
    Prompt,
    RelayFrame,
    RelayTrouble,
    Speaking,
    as_language,
    end_frame,
    is_same_language,
    language_frame,
    play_frame,
    read_frame,
    text_frame,
)
from channels.twilio_twiml import LANGUAGE
from domain.call_talk import CallEvent, Hold, ReplyDone, Say
from server.voice.relay_memory import Heard, Memory, Replays, Utterance
from server.voice.relay_voice import RelayVoice
from services.call_desk import OpenedCall

logger = structlog.get_logger(__name__)

BAD_DATA: Final = 1007
REFUSED: Final = 1008
TOO_BIG: Final = 1009
INTERNAL: Final = 1011
_GOOD_BYE: Final = 1000
_MOST_MALFORMED = 5
_MOST_HUGE = 2


class Session(Protocol):
    """What a socket needs of a call's session (`graphs.call_session.CallSession`)."""

    opened: OpenedCall

    async def start(self) -> None: ...
    async def hear(self, text: str, *, key: str, reply: int) -> None: ...
    async def remind(self, *, reply: int) -> None: ...
    async def press(self, digit: str, *, reply: int) -> None: ...
    async def cut(self, spoken: str) -> None: ...
    def events(self) -> AsyncIterator[CallEvent]: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How long things take on the phone."""

    setup_seconds: float = 10.0
    replay_seconds: float = 3.0  # what comes so soon after a reconnect may be a replay
    silence_seconds: float = 12.0  # until the customer is asked whether anybody is there
    characters_per_second: float = 13.0  # of a voice that speaks Portuguese
    voice_delay_seconds: float = 1.5  # until the first sound of a text
    breath_seconds: float = 0.4  # between the last word and the end of the call
    closing_seconds: float = 5.0  # Twilio closes the socket after `end`


@dataclass(frozen=True, kw_only=True, slots=True)
class LineManners:
    """What the account's settings say of a call's sound."""

    holding_sound_url: str | None = None
    listens_in: str = LANGUAGE

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "LineManners":
        url = settings.get("holding_sound_url", "")
        return cls(
            holding_sound_url=url if url.lower().startswith("https://") else None,
            listens_in=as_language(settings.get("transcription_language")) or LANGUAGE,
        )

    @property
    def languages(self) -> str:
        """Give the frame that sets the line to them."""
        return language_frame(spoken=LANGUAGE, heard=self.listens_in)


class RelayTalk:
    """Reads what the customer does and writes what the session says. The reader never waits for an answer."""

    def __init__(self, socket: WebSocket, session: Session, *, socket_name: str, pace: Pace, memory: Memory) -> None:
        self._socket = socket
        self._session = session
        self._name = socket_name
        self._pace = pace
        self._now = asyncio.get_running_loop().time
        self._memory = memory
        self._line = LineManners.of(session.opened.account.channel.settings)
        self._heard_in = LANGUAGE  # what the customer was heard in last
        replayed = list(memory.heard) if session.opened.is_resumed else []
        self._replays = Replays(replayed, until=self._now() + pace.replay_seconds)
        self._voice = RelayVoice(
            characters_per_second=pace.characters_per_second, delay_seconds=pace.voice_delay_seconds, now=self._now
        )
        self._sending = asyncio.Lock()
        self._utterances = 0
        self._replies = 0
        self._floor = 0  # replies before this one are no longer wanted
        self._cycle: int | None = None  # the reply whose talk cycle is open
        self._held: int | None = None  # the reply during which a sound is played
        self._muted: int | None = None  # the reply that the customer cut while it was still being made
        self._ending: asyncio.Task[None] | None = None
        self._has_ended = False
        self._listens_until: float | None = None
        self._stirred = asyncio.Event()
        self._malformed = 0
        self._huge = 0

    async def run(self) -> str:
        """Carry the talk until either side ends it; give how it ended."""
        if self._line.listens_in != LANGUAGE:
            await self._send(self._line.languages)
        await self._session.start()
        if self._session.opened.is_resumed:
            await self._resume()
        reader = asyncio.create_task(self._read(), name="reader")
        writer = asyncio.create_task(self._write(), name="writer")
        silence = asyncio.create_task(self._watch_silence(), name="silence")
        tasks = {reader, writer, silence}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return reader.result() if reader in done else "session_over"
        finally:
            if self._ending is not None:
                tasks.add(self._ending)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _resume(self) -> None:
        """Go on where the earlier socket was lost: end the call, answer what was not answered, or listen."""
        unanswered, ending = self._memory.unanswered, self._memory.ending
        if ending is not None:
            self._ending = asyncio.create_task(self._end_after_speech(ending))
        elif unanswered is not None:
            await self._tell(unanswered)
        else:
            self._listen(self._now() + self._pace.silence_seconds)

    # --- what the customer does

    async def _read(self) -> str:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return "ended" if self._has_ended else "closed"
            text = message.get("text")
            if text is None:
                self._malformed += 1
            elif len(text) > MAX_FRAME_CHARS:
                self._huge += 1
            else:
                await self._take(text)
            if self._malformed > _MOST_MALFORMED or self._huge > _MOST_HUGE:
                await self._close(BAD_DATA if self._malformed > _MOST_MALFORMED else TOO_BIG)
                return "bad_frames"

    async def _take(self, text: str) -> None:
        try:
            frame = read_frame(text)
        except MalformedFrame as error:
            self._malformed += 1
            logger.warning("relay.frame_not_understood", reason=str(error)[:60])
            return
        if frame is not None and not self._has_ended:
            await self._follow(frame)

    async def _follow(self, frame: RelayFrame) -> None:
        match frame:
            case Prompt(is_last=True):
                await self._keep_language(frame.language)
                await self._hear(frame.text)
            case Prompt():
                self._stay()
            case Interrupt():
                await self._be_cut(frame.spoken)
            case Digit():
                await self._press(frame.digit)
            case Played():
                self._voice.played(frame.text)
            case Speaking():
                self._voice.turn(is_on=frame.is_on)
                if self._listens_until is not None:
                    self._listen(self._voice.silent_at + self._pace.silence_seconds)
            case RelayTrouble():
                logger.warning("relay.twilio_complains", kind=frame.kind)
            case _:  # a second setup tells nothing new
                pass

    async def _keep_language(self, language: str | None) -> None:
        """Set the line back when the customer was heard in another language: our voice speaks no other."""
        if language is None or language in (self._heard_in, self._line.listens_in):
            return
        self._heard_in = language
        if not is_same_language(language, LANGUAGE):
            logger.info("relay.other_language", language=language)
            await self._send(self._line.languages)

    async def _hear(self, text: str) -> None:
        self._stay()
        if not text or self._is_replay(("prompt", text)):
            return
        self._utterances += 1
        await self._tell(Utterance(key=f"{self._name}:{self._utterances}", text=text))

    async def _tell(self, utterance: Utterance) -> None:
        self._memory.unanswered = utterance
        self._replies += 1
        self._floor = self._replies
        self._muted = self._held = None
        self._listen(None)  # until the answer is complete
        await self._session.hear(utterance.text, key=utterance.key, reply=self._replies)

    async def _be_cut(self, spoken: str) -> None:
        self._stay()
        if self._is_replay(("interrupt", spoken)):
            return
        self._voice.begin()
        self._muted = self._held if self._cycle is None else self._cycle
        await self._close_cycle()
        await self._session.cut(spoken)

    async def _press(self, digit: str) -> None:
        self._stay()
        if self._is_replay(("dtmf", digit)):
            return
        self._replies += 1
        await self._session.press(digit, reply=self._replies)

    def _is_replay(self, item: Heard) -> bool:
        if self._replays.is_repeat(item, now=self._now()):
            logger.info("relay.replay_ignored", kind=item[0])
            return True
        self._memory.heard.append(item)
        return False

    def _stay(self) -> None:
        """The customer does something: neither a goodbye nor a question whether anybody is there fits now."""
        self._give_up_ending()
        self._listen(self._now() + self._pace.silence_seconds)

    def _give_up_ending(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
            self._memory.ending = None

    # --- what is spoken

    async def _write(self) -> None:
        async for event in self._session.events():
            match event:
                case Hold() if self._is_wanted(event) and self._line.holding_sound_url is not None:
                    await self._hold(event, self._line.holding_sound_url)
                case Say() if self._is_wanted(event):
                    await self._say(event)
                case ReplyDone() if event.reply >= self._floor:
                    await self._finish(event)
                case _:
                    pass

    def _is_wanted(self, say: Say) -> bool:
        return say.reply >= self._floor and say.reply != self._muted

    async def _hold(self, hold: Hold, sound_url: str) -> None:
        """Ask for patience, then play the sound. It ends with the next words; the sentence before it does not."""
        await self._say(hold, is_preemptible=False)
        await self._close_cycle()
        self._held = hold.reply
        if not self._has_ended:
            await self._send(play_frame(sound_url))

    async def _say(self, say: Say, *, is_preemptible: bool | None = None) -> None:
        if self._has_ended:
            return
        if self._cycle not in (None, say.reply):
            await self._close_cycle()
        if self._cycle is None and self._held != say.reply:
            self._voice.begin()
        self._give_up_ending()
        self._listen(None)
        self._cycle = say.reply
        self._voice.say(say.text)
        await self._send(
            text_frame(
                f"{say.text} ", is_last=False, is_interruptible=say.is_interruptible, is_preemptible=is_preemptible
            )
        )

    async def _finish(self, done: ReplyDone) -> None:
        await self._close_cycle()
        was_cut, self._muted, self._held = self._muted == done.reply, None, None
        self._memory.unanswered = None
        if done.then == "listen" or was_cut:
            self._listen(self._voice.silent_at + self._pace.silence_seconds)
            return
        self._listen(None)
        self._give_up_ending()
        frame = end_frame(transfer_to=done.transfer_to if done.then == "transfer" else None)
        self._memory.ending = frame
        self._ending = asyncio.create_task(self._end_after_speech(frame))

    async def _close_cycle(self) -> None:
        if self._cycle is not None:
            self._cycle = None
            await self._send(text_frame("", is_last=True))

    async def _end_after_speech(self, frame: str) -> None:
        await self._voice.until_silent()
        await asyncio.sleep(self._pace.breath_seconds)
        self._has_ended = True  # from here on nothing is taken back
        await self._send(frame)
        await asyncio.sleep(self._pace.closing_seconds)
        await self._close(_GOOD_BYE)

    async def _send(self, frame: str) -> None:
        async with self._sending:
            with suppress(WebSocketDisconnect, RuntimeError):  # the reader learns of it, and ends the talk
                await self._socket.send_text(frame)

    async def _close(self, code: int) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._socket.close(code)

    # --- when nobody says anything

    def _listen(self, until: float | None) -> None:
        self._listens_until = until
        self._stirred.set()

    async def _watch_silence(self) -> None:
        while True:
            self._stirred.clear()
            wait = None if self._listens_until is None else self._listens_until - self._now()
            if wait is None or wait > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._stirred.wait()
                continue
            self._listen(None)
            self._replies += 1
            await self._session.remind(reply=self._replies)
