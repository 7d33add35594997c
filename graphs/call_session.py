"""One call's talk: utterances in, checked sentences out, whichever provider carries the sound (spec 5.4, ADR 15)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4, uuid5

import structlog
from prometheus_client import Counter, Histogram

from agents.speaking import SentenceSplitter
from domain import call_greetings
from domain.call_talk import After, CallEvent, Hold, ReplyDone, Say, ToolUsed
from domain.documents import find_documents
from domain.effects import EndCall, HandOff, MarkWrongPerson, OptOut
from domain.spoken_style import to_spoken
from domain.turns import TurnOutcome
from graphs.turn import Ear
from services.call_desk import OpenedCall
from services.call_turns import CallTurns, HeardTurn, Purpose
from services.turns import Commit, LoadedTurn
from store.call_talk import SpokenRow
from wiring.logging import hide_names

logger = structlog.get_logger(__name__)

CALL_TURNS = Counter("master_ia_call_turns_total", "Spoken turns by how they ended", ["outcome"])
FIRST_WORDS = Histogram("master_ia_call_first_words_seconds", "From an utterance to the first words of its answer")

_HANGS_UP = (EndCall, OptOut, MarkWrongPerson)
_MOST_DIGITS = 14
_Work = Callable[[], Coroutine[Any, Any, None]]
SpokenAnswer = Callable[[LoadedTurn, Ear], Awaitable[tuple[TurnOutcome, str | None]]]
"""Answers a heard turn: the outcome, whose `said` names the sentences that the ear was given already, and the
checkpoint that holds it."""


@dataclass(slots=True)
class _Reply:
    """The newest reply: what was given to the provider of it, and what the provider says was really heard."""

    message_id: UUID
    sentences: list[str] = field(default_factory=list)
    heard: str | None = None
    is_stored: bool = False
    has_asked_for_patience: bool = False
    has_begun_to_answer: bool = False

    @property
    def text(self) -> str:
        return " ".join(self.sentences) if self.heard is None else self.heard


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFrame:
    """What code knows of a call before anybody speaks: who is asked for, how it may end."""

    assistant: str
    tenant: str
    purpose: Purpose
    first_name: str | None
    is_recorded: bool
    transfer_number: str | None
    longest_seconds: int
    holding_seconds: float  # tools may take so long before the customer is asked for patience (protocols 5.5)
    whisper: Callable[[], Awaitable[str | None]]  # what the person who takes the line over hears first


class CallSession:
    """The talk of one call over one socket. Several sockets of a call may exist after a reconnect: the newest one's
    turns are valid, the others' are thrown away."""

    def __init__(self, *, opened: OpenedCall, frame: CallFrame, answer: SpokenAnswer, turns: CallTurns) -> None:
        self.opened = opened
        self._frame = frame
        self._answer_turn = answer
        self._turns = turns
        self._runner = f"call:{uuid4().hex}"
        self._events: asyncio.Queue[CallEvent | None] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._corrections: set[asyncio.Task[None]] = set()
        self._unheard: dict[str, str] = {}  # utterances that are not stored yet, by key, oldest first
        self._number = 0  # of the newest reply that the provider waits for
        self._reply: _Reply | None = None
        self._heard_at = time.perf_counter()
        self._silences = 0
        self._digits = ""
        self._timer: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._holds = 0
        self._is_closed = False

    async def start(self) -> None:
        """Greet as reply 0, unless this is a reconnect. Raises what PostgreSQL raises when it is away."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._frame.longest_seconds, self._end_in_time)
        if self.opened.is_resumed:
            return
        words = call_greetings.greeting(
            assistant=self._frame.assistant, tenant=self._frame.tenant, first_name=self._frame.first_name,
            purpose=self._frame.purpose, is_recorded=self._frame.is_recorded,
        )  # fmt: skip
        await self._say_by_rule(words, name="greeting")

    async def hear(self, text: str, *, key: str, reply: int) -> None:
        """Answer what the customer said; whatever is being answered or spoken is given up.

        `key` names the utterance: the same key again is the same one, longer or corrected. `reply` is the number that
        the events of the answer carry; it only grows.
        """
        if self._is_closed or not text.strip():
            return
        self._unheard[key] = text.strip()
        self._silences = 0
        self._begin(reply, self._answer)

    async def remind(self, *, reply: int) -> None:
        """Ask once whether the customer is still there, then say goodbye; nothing while an answer is being made."""
        if self._is_closed:
            return
        if self._task is not None and not self._task.done():
            self._number = reply  # the answer under way is what will be heard
            return
        self._silences += 1
        if self._silences == 1:
            self._begin(reply, partial(self._say_by_rule, call_greetings.STILL_THERE, name=f"silence:{reply}"))
        else:
            words = call_greetings.NOBODY_THERE
            self._begin(reply, partial(self._say_by_rule, words, name=f"silence:{reply}", then="hang_up"))

    async def press(self, digit: str, *, reply: int) -> None:
        """Collect the digits of a document typed on the keypad; `#` ends them, `*` begins again."""
        if digit == "*":
            self._digits = ""
        elif digit.isascii() and digit.isdigit() and len(digit) == 1:
            self._digits = (self._digits + digit)[-_MOST_DIGITS:]
        if digit == "#" or find_documents(self._digits):
            typed, self._digits = self._digits, ""
            await self.hear(typed, key=f"keypad:{self._runner[-8:]}:{reply}", reply=reply)

    async def cut(self, spoken: str) -> None:
        """Note what was really heard of the newest reply before the customer spoke into it."""
        reply = self._reply
        if reply is None or reply.heard == spoken.strip():
            return
        reply.heard = spoken.strip()
        if reply.is_stored:
            await self._turns.cut(self.opened, reply.message_id, heard=reply.heard)

    async def events(self) -> AsyncIterator[CallEvent]:
        """Give what is to be spoken and done, until the call is closed."""
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        """The socket is gone: give up what is under way, keep what was said. Harmless twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._stop_waiting()
        if self._timer is not None:
            self._timer.cancel()
        tasks = [task for task in (self._task, *self._corrections) if task is not None]
        if self._task is not None:
            self._task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._events.put_nowait(None)

    # --- one reply at a time

    def _begin(self, number: int, work: _Work) -> None:
        if self._task is not None:
            self._task.cancel()
        self._stop_waiting()
        self._number = number
        self._heard_at = time.perf_counter()
        self._task = asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: _Work) -> None:
        """The outermost handler: whoever is on the phone hears an apology, never silence or an error."""
        structlog.contextvars.bind_contextvars(call_id=str(self.opened.call.id))
        try:
            async with self._one_at_a_time:
                await work()
        except asyncio.CancelledError:
            CALL_TURNS.labels("superseded").inc()
            raise
        except Exception:
            CALL_TURNS.labels("failed").inc()
            logger.exception("call.turn_failed")
            self._emit_all([call_greetings.TROUBLE], then="listen")

    async def _answer(self) -> None:
        heard = HeardTurn(turn=None)
        for key, text in list(self._unheard.items()):
            heard = await self._turns.hear(self.opened, runner=self._runner, key=key, text=text)
            if self._unheard.get(key) == text:
                del self._unheard[key]
        if heard.turn is not None:
            await self._run(heard.turn)
        elif heard.is_repeated and heard.last_spoken:
            self._emit_all([heard.last_spoken], then="listen")
        else:
            CALL_TURNS.labels("silent").inc()
            self._emit(ReplyDone(reply=self._number))

    async def _run(self, turn: LoadedTurn) -> None:
        reply = self._reply = _Reply(message_id=turn.context.reply_id)
        try:
            with hide_names(*filter(None, (turn.context.contact.name,))):
                outcome, checkpoint_id = await self._answer_turn(
                    turn, Ear(say=partial(self._say, reply), at_work=partial(self._wait_for_tools, reply))
                )
            rest = [spoken for spoken in map(to_spoken, _sentences(outcome.unsaid)) if spoken]
            await self._commit(turn, outcome, reply, rest=rest, checkpoint_id=checkpoint_id)
        except BaseException:
            if not reply.is_stored:
                reply.is_stored = True
                giving_up = self._turns.give_up(
                    self.opened, turn, spoken=reply.text, is_answer=reply.has_begun_to_answer
                )
                await asyncio.shield(self._keep(giving_up))
            raise
        finally:
            self._stop_waiting()

    async def _commit(
        self, turn: LoadedTurn, outcome: TurnOutcome, reply: _Reply, *, rest: Sequence[str], checkpoint_id: str | None
    ) -> None:
        """Commit, then say what was held back until it was true. A commit that has begun is not given up."""
        whole = " ".join([*reply.sentences, *rest])
        committing = asyncio.ensure_future(
            self._turns.commit(self.opened, turn, outcome, spoken=whole, checkpoint_id=checkpoint_id)
        )
        try:
            result = await asyncio.shield(committing)
        except asyncio.CancelledError:
            reply.is_stored = await committing is Commit.COMMITTED
            if reply.is_stored:
                await self._keep(self._turns.cut(self.opened, reply.message_id, heard=reply.text))
            raise
        CALL_TURNS.labels(str(result)).inc()
        reply.is_stored = True
        if result is not Commit.COMMITTED:
            self._emit(ReplyDone(reply=self._number))
            return
        self._trace(outcome)
        for sentence in rest:
            self._say_spoken(reply, sentence)
        if reply.heard is not None:  # cut while it was being committed
            await self._keep(self._turns.cut(self.opened, reply.message_id, heard=reply.heard))
        self._emit(await self._ending(turn, outcome))

    async def _ending(self, turn: LoadedTurn, outcome: TurnOutcome) -> ReplyDone:
        effects = outcome.effects
        can_transfer = turn.context.call is not None and turn.context.call.can_transfer
        if any(isinstance(effect, HandOff) for effect in effects) and can_transfer:
            return ReplyDone(
                reply=self._number, then="transfer", transfer_to=self._frame.transfer_number,
                whisper=await self._frame.whisper(),
            )  # fmt: skip
        then: After = "hang_up" if any(isinstance(effect, _HANGS_UP) for effect in effects) else "listen"
        return ReplyDone(reply=self._number, then=then)

    def _trace(self, outcome: TurnOutcome) -> None:
        for place, step in enumerate(outcome.trace):
            if step.get("step") == "tool":
                self._emit(
                    ToolUsed(
                        reply=self._number, tool_call_id=f"{self._number}:{place}", name=str(step.get("tool")),
                        arguments=_arguments(step.get("arguments")), result=str(step.get("result", "")),
                    )
                )  # fmt: skip

    # --- what is spoken

    def _say(self, reply: _Reply, sentence: str) -> None:
        spoken = to_spoken(sentence)
        if spoken:
            self._say_spoken(reply, spoken)

    def _say_spoken(self, reply: _Reply, spoken: str) -> None:
        if not reply.has_begun_to_answer:
            reply.has_begun_to_answer = True
            FIRST_WORDS.observe(time.perf_counter() - self._heard_at)
        reply.sentences.append(spoken)
        self._emit(Say(reply=self._number, text=spoken))

    def _wait_for_tools(self, reply: _Reply, is_at_work: bool) -> None:
        """Ask for patience, once in a reply, when tools take long."""
        self._stop_waiting()
        if is_at_work and not reply.has_asked_for_patience and not self._is_closed:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(self._frame.holding_seconds, self._hold, reply)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _hold(self, reply: _Reply) -> None:
        if reply is not self._reply or reply.heard is not None:
            return  # the customer speaks, or is being answered anew
        reply.has_asked_for_patience = True
        choices = call_greetings.HOLDING
        # Who was told "só um instante, vou consultar" by the model needs other words.
        place = max(self._holds, 1) if reply.sentences else self._holds
        words = choices[place % len(choices)]
        self._holds = place + 1
        reply.sentences.append(words)
        self._emit(Hold(reply=self._number, text=words))

    async def _say_by_rule(self, words: str, *, name: str, then: After = "listen") -> None:
        """Say fixed words and keep them in the history."""
        spoken = to_spoken(words)
        row = SpokenRow(
            id=uuid5(self.opened.call.id, f"{name}:{self._runner if name != 'greeting' else ''}"), text=spoken
        )
        self._reply = _Reply(message_id=row.id)
        await self._turns.say(self.opened, row)
        self._reply.is_stored = True
        self._emit_all(_sentences(spoken), then=then)

    def _emit_all(self, sentences: Sequence[str], *, then: After) -> None:
        reply = self._reply = self._reply or _Reply(message_id=uuid4())
        for sentence in sentences:
            reply.sentences.append(sentence)
            self._emit(Say(reply=self._number, text=sentence))
        self._emit(ReplyDone(reply=self._number, then=then))

    def _emit(self, event: CallEvent) -> None:
        if not self._is_closed:
            self._events.put_nowait(replace(event, reply=self._number))

    def _end_in_time(self) -> None:
        words = call_greetings.TIME_IS_UP
        self._begin(self._number, partial(self._say_by_rule, words, name="time", then="hang_up"))

    async def _keep(self, writing: Coroutine[Any, Any, None]) -> None:
        """Write a correction of the history; the talk goes on when it cannot be written."""
        try:
            await writing
        except Exception:
            logger.exception("call.history_not_written")


def _sentences(text: str) -> list[str]:
    splitter = SentenceSplitter()
    return [sentence.strip() for sentence in (*splitter.feed(text), *splitter.finish()) if sentence.strip()]


def _arguments(traced: object) -> Mapping[str, object]:
    """Read the arguments that the trace holds, masked and perhaps cut short."""
    try:
        read = json.loads(str(traced))
    except ValueError:
        return {"…": str(traced)}
    return read if isinstance(read, dict) else {"…": read}
