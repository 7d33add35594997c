"""Calls on the simulator page: the customer calls, the assistant calls the customer, and what is left afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx
import structlog
from nicegui import background_tasks, ui

from domain.ports import Clock
from server.call_phone import SILENCE_SECONDS, CallPhone, NotAnswered, PhoneEvent
from server.pages.call_view import PACES, CallActions, CallView
from server.pages.patience import AWAY, DATABASE_SECONDS
from server.pages.ring_view import RingView
from server.pages.words import SPOKEN_SUGGESTIONS, Words
from server.phone_line import PhoneCall, PhoneLine, PhoneReports
from server.spoken_pace import CALM
from services.simulation import DemoPerson, Simulation, Simulator
from store.simulation import RingingCallRow, SimulatedTurnRow

logger = structlog.get_logger(__name__)

RINGS_SECONDS: Final = 25.0
_LOOK_SECONDS: Final = 0.5
_SUMMARY_SECONDS: Final = 60.0  # post-call drain, a quarter of a minute of patience, a model
_ENDINGS: Final[Mapping[str, str]] = {
    "user_hangup": "call_ended_user",
    "agent_hangup": "call_ended_agent",
    "call_transfer": "call_ended_transfer",
    "inactivity": "call_ended_silence",
    "error_llm_websocket_lost_connection": "call_ended_lost",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """What calls are made with, shared by all pages of the process."""

    simulation: Simulation
    api_url: str
    http: httpx.AsyncClient
    clock: Clock


class PhoneCalls:
    """The telephone of one open page. One call at a time; while there is one, nothing else rings."""

    def __init__(
        self, exchange: Exchange, *, words: Words, on_begin: Callable[[DemoPerson], Awaitable[None]],
        on_turn: Callable[[SimulatedTurnRow], None], on_thinking: Callable[[bool], None],
        on_leave: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._exchange = exchange
        self._words = words
        self._on_begin = on_begin
        self._on_turn = on_turn
        self._on_thinking = on_thinking
        self._on_leave = on_leave
        self._simulator: Simulator | None = None
        self._person: DemoPerson | None = None
        self._phone: CallPhone | None = None
        self._ringing: RingingCallRow | None = None
        self._rings_for: DemoPerson | None = None
        self._refused: set[str] = set()
        self._pace = "1"
        self._ignores_silence = False
        self._last_turn = 0
        self._ended_at: float | None = None
        self._is_gone = False

    def build(self) -> None:
        """Draw the call's screen, hidden, where the chat stands."""
        actions = CallActions(
            say=self._say, typing=self._typing, hang_up=self._hang_up, drop=self._drop, set_pace=self._set_pace,
            set_silence=self._set_silence, leave=self.leave, again=self._again,
        )  # fmt: skip
        self._view = CallView(words=self._words, actions=actions)
        self._timer = ui.timer(_LOOK_SECONDS, self._look, active=False)
        ui.context.client.on_delete(self._gone)

    def build_ring(self) -> None:
        """Draw the card of a ringing call, hidden, over the page."""
        self._ring = RingView(words=self._words, on_answer=self._answer, on_decline=self._decline)

    @property
    def is_open(self) -> bool:
        """Say whether the screen shows a call, be it over or not."""
        return self._person is not None

    @property
    def is_talking(self) -> bool:
        return self._phone is not None and not self._phone.is_over

    # --- calls of the customer

    async def call(self, simulator: Simulator, person: DemoPerson) -> None:
        """Call the assistant as this person."""
        if simulator.phone is None:
            ui.notify(self._words.call_unavailable, type="warning", position="top")
            return
        if not self.is_talking:
            await self._begin(simulator, person, None)

    async def _begin(self, simulator: Simulator, person: DemoPerson, ringing: RingingCallRow | None) -> None:
        if simulator.phone is None:
            return
        self._simulator, self._person = simulator, person
        self._last_turn, self._ended_at = 0, None
        await self._on_begin(person)
        tenant = simulator.tenant
        self._view.open(
            assistant=tenant.assistant_name, company=tenant.name, name=person.contact.name,
            suggestions=(SPOKEN_SUGGESTIONS[0], person.typed_document, *SPOKEN_SUGGESTIONS[1:]),
        )  # fmt: skip
        self._view.show_silence(self._ignores_silence)
        self._view.show_pace(self._pace)
        phone = self._phone = CallPhone(
            PhoneLine.of(simulator.phone, api_url=self._exchange.api_url), customer_phone=person.contact.phone,
            http=self._exchange.http, clock=self._exchange.clock, pace=_characters(self._pace),
            silence_seconds=None if self._ignores_silence else SILENCE_SECONDS,
            call_id=ringing.provider_call_id if ringing else None,
            direction="outbound" if ringing else "inbound", metadata={"call_id": str(ringing.id)} if ringing else None,
        )  # fmt: skip
        self._timer.active = True
        try:
            await phone.dial()
        except NotAnswered as error:
            logger.warning("phone_calls.not_answered", error=str(error))
            self._phone = None
            self._view.finish(reason=self._words.call_failed_text, is_failed=True)
            return
        if self._is_gone:
            await phone.hang_up()
            return
        background_tasks.create(self._follow(phone), name="phone call")

    async def _follow(self, phone: CallPhone) -> None:
        """Draw what happens until the call is over."""
        async for event in phone.events():
            if self._is_gone or phone is not self._phone:
                continue
            with self._view.root:
                self._view.show(event)
                self._show_state(event)
                if event.kind == "ended":
                    self._finish(phone, event.text)

    def _show_state(self, event: PhoneEvent) -> None:
        words = self._words
        match event.kind:
            case "heard":
                self._view.show_state("thinking", words.call_thinking)
                self._on_thinking(True)
            case "speaking":
                self._view.show_state("speaking", words.call_on)
                self._on_thinking(False)
            case "listening" | "connected" | "cut":
                self._view.show_state("listening", words.call_on)
            case "lost":
                self._view.show_state("lost", words.call_lost)
            case "transferred":
                self._view.show_state("transferred", words.call_transferred)

    def _finish(self, phone: CallPhone, reason: str) -> None:
        self._ended_at = asyncio.get_running_loop().time()
        self._on_thinking(False)
        self._view.show_time(phone.seconds)
        self._view.finish(reason=getattr(self._words, _ENDINGS.get(reason, "call_ended_other")))
        self._view.show_summary(self._words.call_summary_coming, is_coming=True)

    # --- what the buttons do

    async def _say(self, text: str) -> None:
        if self._phone is not None:
            await self._phone.say(text)

    async def _typing(self) -> None:
        if self._phone is not None:
            self._phone.note_typing()

    async def _hang_up(self) -> None:
        if self._phone is not None:
            await self._phone.hang_up()

    async def _drop(self) -> None:
        if self._phone is not None:
            await self._phone.drop()

    async def _set_pace(self, pace: str) -> None:
        self._pace = pace
        if self._phone is not None:
            self._phone.set_pace(_characters(pace))

    async def _set_silence(self, is_ignored: bool) -> None:
        self._ignores_silence = is_ignored
        if self._phone is not None:
            self._phone.set_silence(None if is_ignored else SILENCE_SECONDS)

    async def leave(self) -> None:
        """Go back to the chat; a call that goes on is not left."""
        if self.is_talking or self._person is None:
            return
        self._timer.active = False
        self._phone, self._person = None, None
        self._view.close()
        await self._on_leave()

    async def _again(self) -> None:
        if self._simulator is not None and self._person is not None and not self.is_talking:
            with self._view.root:  # the button that was pressed goes away meanwhile
                await self._begin(self._simulator, self._person, None)

    # --- what happens by itself

    async def _look(self) -> None:
        """Bring time, trace and summary up to date."""
        phone = self._phone
        if phone is None or self._simulator is None:
            return
        if not phone.is_over:
            self._view.show_time(phone.seconds)
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                changes = await self._exchange.simulation.look_at_call(
                    self._simulator, phone.call_id, after_turn=self._last_turn
                )
        except AWAY as error:
            logger.warning("phone_calls.database_unavailable", error=type(error).__name__)
            return
        if phone is not self._phone:
            return
        for turn in changes.turns:
            if turn.turn_seq > self._last_turn:
                self._last_turn = turn.turn_seq
                self._on_turn(turn)
        if self._ended_at is not None:
            self._look_for_summary(changes.call.summary if changes.call else None, will_come=changes.will_have_summary)

    def _look_for_summary(self, summary: str | None, *, will_come: bool) -> None:
        words = self._words
        waited = asyncio.get_running_loop().time() - (self._ended_at or 0.0)
        if summary:
            self._view.show_summary(summary)
        elif not will_come:
            self._view.show_summary(words.call_summary_none)
        elif waited > _SUMMARY_SECONDS:
            self._view.show_summary(words.call_summary_late)
        else:
            return
        self._timer.active = False

    def _gone(self) -> None:
        """The page was closed: who closes it hangs up."""
        self._is_gone = True
        if self._phone is not None and not self._phone.is_over:
            background_tasks.create(self._phone.hang_up(), name="hang up")

    # --- calls of the assistant

    async def listen(self, simulator: Simulator, people: Mapping[int, DemoPerson]) -> None:
        """See who is being called. What nobody takes in time was not answered. Raises what a database away raises."""
        now = self._exchange.clock.now()
        ringing: RingingCallRow | None = None
        for row in await self._exchange.simulation.ringing(simulator):
            if row.provider_call_id in self._refused:
                continue
            if now - row.rung_at > timedelta(seconds=RINGS_SECONDS):
                self._refused.add(row.provider_call_id)
                background_tasks.create(self._refuse(simulator, row, "dial_no_answer"), name="not answered")
            elif ringing is None:
                ringing = row
        person = next((one for one in people.values() if ringing and one.contact.phone == ringing.address), None)
        if ringing is None or person is None or self.is_talking:
            self._ringing = self._rings_for = None
            self._ring.hide()
            return
        self._simulator, self._ringing, self._rings_for = simulator, ringing, person
        self._ring.show(assistant=simulator.tenant.assistant_name, name=person.contact.name)

    async def _answer(self) -> None:
        simulator, ringing, person = self._simulator, self._ringing, self._rings_for
        if simulator is None or ringing is None or person is None or self.is_talking:
            return
        self._refused.add(ringing.provider_call_id)  # taken: it rings no more, whatever comes of it
        self._ringing = None
        self._ring.hide()
        await self._begin(simulator, person, ringing)
        if self._phone is None:
            self._refused.discard(ringing.provider_call_id)  # the api was away: it still rings

    async def _decline(self) -> None:
        simulator, ringing = self._simulator, self._ringing
        if simulator is None or ringing is None:
            return
        self._ringing = None
        self._ring.hide()
        await self._refuse(simulator, ringing, "user_declined")

    async def _refuse(self, simulator: Simulator, row: RingingCallRow, reason: str) -> None:
        if simulator.phone is None:
            return
        self._refused.add(row.provider_call_id)
        line = PhoneLine.of(simulator.phone, api_url=self._exchange.api_url)
        rung = PhoneCall(
            call_id=row.provider_call_id, customer_phone=row.address, direction="outbound",
            metadata={"call_id": str(row.id)},
        )  # fmt: skip
        reports = PhoneReports(line, http=self._exchange.http, clock=self._exchange.clock)
        if not await reports.not_taken(rung, reason=reason):
            self._refused.discard(row.provider_call_id)  # the api is away: told again later


def _characters(pace: str) -> float | None:
    factor = PACES.get(pace, 1.0)
    return None if factor is None else CALM * factor
