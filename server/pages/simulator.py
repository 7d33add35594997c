"""The simulator: a customer's phone in the browser, and beside it what the graph did."""

import asyncio
from datetime import datetime
from typing import Final

import structlog
from nicegui import ui

from domain.ports import JobQueue
from server.pages.frame import Frame
from server.pages.markup import tag
from server.pages.patience import AWAY, DATABASE_SECONDS
from server.pages.people_view import PeopleView
from server.pages.phone_calls import Exchange, PhoneCalls
from server.pages.phone_view import PhoneActions, PhoneView
from server.pages.timeline_words import TIMELINE_WORDS
from server.pages.trace_view import TraceView
from server.pages.words import WORDS, Language
from server.simulation import ApiUnreachable, Draft, SimulatedCustomer, SimulatorApi
from services.simulation import Changes, DemoPerson, Simulation, Simulator
from store.simulation import WaitingCallRow
from wiring.bell import TurnBell

logger = structlog.get_logger(__name__)

POLL_SECONDS: Final = 0.5
_HEALTH_TICKS: Final = 10


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
                self._phone = PhoneView(words=self._words, actions=self._actions())
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

    def _actions(self) -> PhoneActions:
        return PhoneActions(
            say=self.say, call=self.call, start_over=self.start_over, hand_back=self.hand_back, ring_now=self.ring_now
        )

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
        self._phone.give_to(person)
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
        self._phone.set_visibility(False)
        self._trace.clear()
        ui.run_javascript("document.querySelector('.board').dataset.tab = 'chat'")

    async def _call_left(self) -> None:
        """Go on with the chat, which may hold the summary by now; the trace is the chat's again."""
        self._phone.set_visibility(True)
        person = self._people.get(self._number) if self._number is not None else None
        if person is not None and self._simulator is not None:
            async with self._busy:
                self._read_from_the_start(self._simulator, person)
                self._phone.begin_again()
                self._trace.clear()
            await self._pump()
            ui.run_javascript("document.querySelector('.composer textarea')?.focus()")

    async def say(self, draft: Draft) -> None:
        """Send a message; it waits here while the api is away."""
        if self._customer is None or not draft.text:
            return
        self._phone.queue(draft)
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
            self._phone.name_assistant(self._simulator.tenant)
            self._board.classes("is-ready")
            if self._wanted in self._people:
                await self.pick(self._wanted)

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
            self._draw(changes, is_awaiting=customer.is_awaiting_delivery)
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
        self._phone.clear()
        self._trace.clear()

    def _draw(self, changes: Changes, *, is_awaiting: bool) -> None:
        talk = changes.conversation
        if talk is not None and self._phone.turn_to(talk.id):
            self._trace.clear()
        for turn in changes.turns:
            self._trace.add(turn)
        self._trace.show_running(changes.is_typing)
        self._phone.draw(changes, is_awaiting=is_awaiting, agreed=self._agreed)
