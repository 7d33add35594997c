"""The simulator: a customer's phone in the browser, and beside it what the graph did."""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from nicegui import ui

from domain.ports import JobQueue
from server.pages.chat_view import ChatView
from server.pages.composer import Composer
from server.pages.frame import Frame
from server.pages.markup import set_text, tag
from server.pages.people_view import PeopleView, avatar
from server.pages.phone_calls import Exchange, PhoneCalls
from server.pages.timeline_words import TIMELINE_WORDS
from server.pages.trace_view import TraceView
from server.pages.words import SUGGESTIONS, WORDS, Language
from server.simulation import ApiUnreachable, Draft, SimulatedCustomer, SimulatorApi
from services.simulation import Changes, DemoPerson, Simulation, Simulator
from store.database import UNAVAILABLE
from store.simulation import WaitingCallRow
from wiring.bell import TurnBell

logger = structlog.get_logger(__name__)

POLL_SECONDS: Final = 0.5
_HEALTH_TICKS: Final = 10
DATABASE_SECONDS: Final = 4.0  # the pool itself would wait much longer than somebody looks at a page that says nothing
AWAY: Final = (*UNAVAILABLE, TimeoutError)


class SimulatorPage:
    """One open browser tab. All that touches the customer goes through `_pump`, one at a time."""

    def __init__(
        self, *, simulation: Simulation, api: SimulatorApi, bell: TurnBell, queue: JobQueue, exchange: Exchange,
        frame: Frame, language: Language, simulator: Simulator | None, number: int | None,
    ) -> None:  # fmt: skip
        self._simulation = simulation
        self._api = api
        self._bell = bell
        self._queue = queue
        self._frame = frame
        self._language = language
        self._words = WORDS[language]
        self._simulator = simulator
        self._wanted = number
        self._number: int | None = None  # of the person whose chat is shown
        self._people: dict[int, DemoPerson] = {}
        self._customer: SimulatedCustomer | None = None
        self._outgoing: list[Draft] = []
        self._busy = asyncio.Lock()
        self._tick_number = 0
        self._drawn: UUID | None = None
        self._note: str | None = None
        self._agreed: WaitingCallRow | None = None
        self._rung_for: datetime | None = None
        self._calls = PhoneCalls(
            exchange, words=self._words, on_begin=self._call_begins, on_turn=lambda turn: self._trace.add(turn),
            on_thinking=lambda is_it: self._trace.show_running(is_it), on_leave=self._call_left,
        )  # fmt: skip

    def build(self) -> None:
        """Draw the page; what it shows comes with the first tick."""
        with tag("main", "board", attributes={"data-tab": "people"}) as self._board:
            with tag("section", "panel people", attributes={"aria-label": self._words.tab_people}):
                self._people_view = PeopleView(words=self._words, on_pick=self.pick)
            with tag("section", "panel phone", attributes={"aria-label": self._words.tab_chat}):
                self._build_phone()
                self._calls.build()
            with tag("section", "panel trace", attributes={"aria-label": self._words.tab_trace}):
                with tag("div", "panel-title trace-title"):
                    tag("span", text=self._words.trace_title)
                    history = TIMELINE_WORDS[self._language].open_timeline
                    self._timeline = tag("a", "trace-link", text=history, icon="clock")
                    self._timeline.props["data-testid"] = "open-timeline"
                    self._timeline.set_visibility(False)  # until somebody is there whose it is
                self._trace = TraceView(words=self._words, language=self._language)
        self._timer = ui.timer(POLL_SECONDS, self.tick)

    def build_ring(self) -> None:
        """Draw what rings, over everything else."""
        self._calls.build_ring()

    def set_visible(self, is_visible: bool) -> None:
        """Stop asking the database while nobody looks."""
        self._timer.active = is_visible

    def _build_phone(self) -> None:
        words = self._words
        with tag("div", "device", attributes={"data-look": "whatsapp"}) as self._device:
            with tag("header", "chat-header"):
                self._avatar = tag("span", "avatar is-assistant", text="…")
                with tag("div", "chat-who"):
                    self._title = tag("div", "chat-name", text="Master IA")
                    self._state = tag("div", "chat-state", text=words.pick_title, attributes={"data-testid": "state"})
                self._look_switch()
                call = self._call_button = tag("button", "icon-button", text="", icon="phone").on("click", self.call)
                call.props["title"] = call.props["aria-label"] = words.call
                call.props["data-testid"] = "call"
                call.set_visibility(False)  # until somebody is there to call
                again = tag("button", "icon-button", text="", icon="plus").on("click", self.start_over)
                again.props["title"] = again.props["aria-label"] = words.new_conversation
                again.props["data-testid"] = "new-conversation"
            with tag("div", "chat-scroll"):
                self._chat = ChatView(words=words, on_tap=self.say)
                self._blank = tag("div", "empty")
            self._fill_blank(words.pick_title, words.pick_text, None)
            self._composer = Composer(words=words, on_say=self.say)

    def _look_switch(self) -> None:
        with tag("div", "looks", attributes={"role": "group", "aria-label": self._words.look}):
            for look, label in (("whatsapp", "WhatsApp"), ("sms", "SMS")):
                button = tag("button", "look", text=label, attributes={"data-look-of": look})
                button.on("click", js_handler=f"(e) => {{ e.target.closest('.device').dataset.look = '{look}'; }}")

    def _fill_blank(self, title: str, text: str, name: str | None) -> None:
        self._blank.clear()
        with self._blank:
            if name:
                avatar(name)
            else:
                tag("div", "empty-icon", text="", icon="chat")
            tag("div", "empty-title", text=title)
            tag("div", "empty-text", text=text)

    # What the user does

    async def pick(self, number: int) -> None:
        """Become one of the demo's people, in their own conversation."""
        person = self._people.get(number)
        if person is None or self._simulator is None:
            return
        if self._calls.is_open:
            if self._calls.is_talking:
                ui.notify(self._words.call_first_hang_up, type="warning", position="top")
                return
            await self._calls.leave()
        await self._become(person)
        await self._pump()

    async def _become(self, person: DemoPerson) -> None:
        """Show this person's chat from its beginning."""
        if self._simulator is None:
            return
        number = person.number
        self._number = number
        async with self._busy:
            self._read_from_the_start(self._simulator, person)
            self._outgoing.clear()
            self._clear()
        self._people_view.select(number)
        name = person.contact.name
        self._fill_blank(self._words.empty_chat_title, self._words.empty_chat_text.format(name=name.split()[0]), name)
        self._composer.open((SUGGESTIONS[0], person.typed_document, *SUGGESTIONS[1:]))
        self._call_button.set_visibility(True)
        self._link_timeline()
        ui.run_javascript(
            f"history.replaceState(null, '', '?contact={number}');"
            "const board = document.querySelector('.board');"
            "if (board.dataset.tab === 'people') board.dataset.tab = 'chat';"
        )

    def _link_timeline(self) -> None:
        """Lead to the timeline of whoever is chosen, once the person is known to the service."""
        person = self._people.get(self._number) if self._number is not None else None
        contact_id = person.situation.contact_id if person is not None else None
        if contact_id is not None:
            self._timeline.props["href"] = f"/contacts/{contact_id}"
        self._timeline.set_visibility(contact_id is not None)

    def _read_from_the_start(self, simulator: Simulator, person: DemoPerson) -> None:
        self._customer = SimulatedCustomer(
            api=self._api, simulation=self._simulation, simulator=simulator, contact=person.contact
        )

    async def call(self) -> None:
        """Call the assistant as whoever was picked."""
        person = self._people.get(self._number) if self._number is not None else None
        if person is not None and self._simulator is not None:
            await self._calls.call(self._simulator, person)

    async def _call_begins(self, person: DemoPerson) -> None:
        if self._number != person.number:  # the call that was taken is somebody else's
            await self._become(person)
        self._device.set_visibility(False)
        self._trace.clear()
        ui.run_javascript("document.querySelector('.board').dataset.tab = 'chat'")

    async def _call_left(self) -> None:
        """Go on with the chat, which may hold the summary by now; the trace is the chat's again."""
        self._device.set_visibility(True)
        person = self._people.get(self._number) if self._number is not None else None
        if person is not None and self._simulator is not None:
            async with self._busy:
                self._read_from_the_start(self._simulator, person)
                self._drawn = None
                self._trace.clear()
            await self._pump()
            ui.run_javascript("document.querySelector('.composer textarea')?.focus()")

    async def say(self, draft: Draft) -> None:
        """Send a message; it waits here while the api is away."""
        if self._customer is None or not draft.text:
            return
        self._blank.set_visibility(False)
        self._chat.queue(draft)
        self._outgoing.append(draft)
        await self._pump()

    async def start_over(self) -> None:
        """Close the conversation and begin with an empty one."""
        if self._customer is None:
            return
        async with self._busy:
            try:
                async with asyncio.timeout(DATABASE_SECONDS):
                    await self._customer.start_over()
            except AWAY:
                self._frame.set_problem("database", self._words.database_down)
                return
            self._outgoing.clear()
            self._clear()

    async def hand_back(self) -> None:
        """Give the conversation back to the bot."""
        if self._customer is None:
            return
        async with self._busy:
            try:
                async with asyncio.timeout(DATABASE_SECONDS):
                    is_changed = await self._customer.hand_back()
            except AWAY:
                self._frame.set_problem("database", self._words.database_down)
                return
        if is_changed:
            self._bell.ring()  # what the person left unanswered is due now
        ui.notify(self._words.handed_back, type="positive", position="top")
        await self._pump()

    async def ring_now(self) -> None:
        """Bring the agreed call forward: nobody has to wait to try it."""
        if self._simulator is None or self._agreed is None:
            return
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                is_moved = await self._simulation.call_now(self._simulator, self._agreed)
        except AWAY:
            self._frame.set_problem("database", self._words.database_down)
            return
        if is_moved:
            await self._queue.ring("dialer")
        else:
            with self._board:  # the button's note may be gone by now
                ui.notify(self._words.ring_now_refused, type="warning", position="top")

    # What happens by itself

    async def tick(self) -> None:
        """Look once; skipped while the previous look is still going on."""
        self._tick_number += 1
        if self._busy.locked():
            return
        try:
            if self._simulator is None:
                await self._find_simulator()
            elif not self._people:
                await self._load_people()
            if self._tick_number % _HEALTH_TICKS == 1 and not self._outgoing:
                self._frame.set_problem("api", None if await self._api.is_reachable() else self._words.api_down)
            await self._listen()
        except AWAY:
            self._frame.set_problem("database", self._words.database_down)
            return
        if not self._calls.is_open:
            await self._pump()

    async def _listen(self) -> None:
        """See whether a phone rings, or is to ring soon."""
        simulator = self._simulator
        if simulator is None or not self._people:
            return
        async with asyncio.timeout(DATABASE_SECONDS):
            await self._calls.listen(simulator, self._people)
            if self._customer is None or self._calls.is_open:
                return
            agreed = self._agreed = await self._simulation.waiting_call(simulator, self._customer.contact.phone)
        if agreed is not None and agreed.due_at != self._rung_for and self._simulation.is_due(agreed):
            self._rung_for = agreed.due_at
            await self._queue.ring("dialer")  # the tick would, a quarter of a minute later

    async def _find_simulator(self) -> None:
        async with asyncio.timeout(DATABASE_SECONDS):
            self._simulator = await self._simulation.find()
        self._frame.set_problem("demo", None if self._simulator else self._words.no_demo)

    async def _load_people(self) -> None:
        if self._simulator is None:
            return
        async with asyncio.timeout(DATABASE_SECONDS):
            people = await self._simulation.people(self._simulator)
        is_first = not self._people
        self._people = {person.number: person for person in people}
        self._people_view.show(people)
        self._link_timeline()
        if is_first:
            self._name_assistant(self._simulator)
            self._board.classes("is-ready")
            if self._wanted in self._people:
                await self.pick(self._wanted)

    def _name_assistant(self, simulator: Simulator) -> None:
        tenant = simulator.tenant
        self._chat.zone = tenant.time_zone
        set_text(self._title, f"{tenant.assistant_name} · {tenant.name}")
        set_text(self._avatar, tenant.assistant_name[:1])

    async def _pump(self) -> None:
        """Send what waits, read what is new, say what arrived. Problems become the banner, and are tried again."""
        async with self._busy:
            customer = self._customer
            if customer is None:
                return
            try:
                await self._send_waiting(customer)
                async with asyncio.timeout(DATABASE_SECONDS):
                    changes = await customer.follow()
                self._frame.set_problem("database", None)
            except AWAY as error:
                logger.warning("simulator.database_unavailable", error=type(error).__name__)
                self._frame.set_problem("database", self._words.database_down)
                return
            self._draw(changes)
            try:
                await customer.acknowledge()
            except ApiUnreachable:
                self._frame.set_problem("api", self._words.api_down)
            if changes.turns:
                await self._refresh_people()

    async def _send_waiting(self, customer: SimulatedCustomer) -> None:
        while self._outgoing:
            try:
                await customer.say(self._outgoing[0])
            except ApiUnreachable as error:
                logger.warning("simulator.api_unreachable", error=str(error))
                self._frame.set_problem("api", self._words.api_down)
                return
            self._frame.set_problem("api", None)
            self._outgoing.pop(0)

    async def _refresh_people(self) -> None:
        try:
            await self._load_people()
        except AWAY:
            return  # the next look says so

    def _clear(self) -> None:
        self._chat.clear()
        self._trace.clear()
        self._blank.set_visibility(True)
        self._drawn = None
        self._note = None
        set_text(self._state, self._words.online)

    def _draw(self, changes: Changes) -> None:
        talk = changes.conversation
        if talk is not None and talk.id != self._drawn:
            self._chat.clear(keep_queue=True)
            self._trace.clear()
            self._drawn, self._note = talk.id, None
        for row in changes.messages:
            self._chat.put(row)
        for turn in changes.turns:
            self._trace.add(turn)
        self._blank.set_visibility(self._chat.is_empty)
        is_awaiting = self._customer is not None and self._customer.is_awaiting_delivery
        self._chat.show_typing(changes.is_typing)
        self._trace.show_running(changes.is_typing)
        if talk is not None:
            self._chat.mark_read(talk.answered_seq, is_running=changes.is_running)
        self._draw_state(changes, is_typing=changes.is_typing or is_awaiting)
        self._draw_note(changes)

    def _draw_state(self, changes: Changes, *, is_typing: bool) -> None:
        words = self._words
        if changes.is_with_a_person:
            text, name = words.with_person, "person"
        elif is_typing:
            text, name = words.typing, "typing"
        else:
            text, name = words.online, "online"
        set_text(self._state, text)
        self._state.props["data-state"] = name

    def _draw_note(self, changes: Changes) -> None:
        if changes.is_with_a_person:
            kind = "handed-off"
        elif changes.conversation is not None and not changes.is_live:
            kind = "ended"
        elif self._agreed is not None:
            kind = f"agreed {self._agreed.wanted_at.isoformat()}"
        else:
            kind = None
        if kind == self._note:
            return
        self._note = kind
        self._chat.clear_note()
        if kind == "handed-off":
            with self._chat.note(self._words.handed_off, icon="person", name="handed-off"):
                button = tag("button", "note-button", text=self._words.hand_back).on("click", self.hand_back)
                button.props["data-testid"] = "hand-back"
        elif kind == "ended":
            self._chat.note(self._words.ended, icon="clock", name="ended")
        elif self._agreed is not None:
            at = self._agreed.wanted_at.astimezone(self._chat.zone).strftime("%H:%M")
            with self._chat.note(self._words.ring_agreed.format(time=at), icon="phone", name="agreed"):
                button = tag("button", "note-button", text=self._words.ring_now).on("click", self.ring_now)
                button.props["data-testid"] = "ring-now"
