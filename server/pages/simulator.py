"""The simulator: a customer's phone in the browser, and beside it what the graph did."""

import asyncio
from typing import Final
from uuid import UUID

import structlog
from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from server.pages.chat_view import ChatView
from server.pages.frame import Frame
from server.pages.markup import set_text, tag
from server.pages.people_view import PeopleView, avatar
from server.pages.trace_view import TraceView
from server.pages.words import SUGGESTIONS, WORDS, Language
from server.simulation import ApiUnreachable, Draft, SimulatedCustomer, SimulatorApi
from services.simulation import Changes, DemoPerson, Simulation, Simulator
from store.database import UNAVAILABLE
from wiring.bell import TurnBell

logger = structlog.get_logger(__name__)

POLL_SECONDS: Final = 0.5
_HEALTH_TICKS: Final = 10
_LONGEST_MESSAGE: Final = 4096
DATABASE_SECONDS: Final = 4.0  # the pool itself would wait much longer than somebody looks at a page that says nothing
AWAY: Final = (*UNAVAILABLE, TimeoutError)
# Enter sends, Shift+Enter breaks the line. The box empties in the browser, so fast typing loses nothing.
_SEND_ON_ENTER: Final = """(event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    const text = event.target.value.trim();
    event.target.value = '';
    event.target.style.height = '';
    if (text) emit(text);
}"""
_SEND_ON_CLICK: Final = """(event) => {
    const box = document.querySelector('.composer textarea');
    const text = box.value.trim();
    box.value = '';
    box.style.height = '';
    box.focus();
    if (text) emit(text);
}"""
_GROW: Final = """(event) => {
    event.target.style.height = 'auto';
    event.target.style.height = Math.min(event.target.scrollHeight, 120) + 'px';
}"""


class SimulatorPage:
    """One open browser tab. All that touches the customer goes through `_pump`, one at a time."""

    def __init__(
        self, *, simulation: Simulation, api: SimulatorApi, bell: TurnBell, frame: Frame, language: Language,
        simulator: Simulator | None, number: int | None,
    ) -> None:  # fmt: skip
        self._simulation = simulation
        self._api = api
        self._bell = bell
        self._frame = frame
        self._language = language
        self._words = WORDS[language]
        self._simulator = simulator
        self._wanted = number
        self._people: dict[int, DemoPerson] = {}
        self._customer: SimulatedCustomer | None = None
        self._outgoing: list[Draft] = []
        self._busy = asyncio.Lock()
        self._tick_number = 0
        self._drawn: UUID | None = None
        self._note: str | None = None

    def build(self) -> None:
        """Draw the page; what it shows comes with the first tick."""
        with tag("main", "board", attributes={"data-tab": "people"}) as self._board:
            with tag("section", "panel people", attributes={"aria-label": self._words.tab_people}):
                self._people_view = PeopleView(words=self._words, on_pick=self.pick)
            with tag("section", "panel phone", attributes={"aria-label": self._words.tab_chat}):
                self._build_phone()
            with tag("section", "panel trace", attributes={"aria-label": self._words.tab_trace}):
                tag("div", "panel-title", text=self._words.trace_title)
                self._trace = TraceView(words=self._words, language=self._language)
        self._timer = ui.timer(POLL_SECONDS, self.tick)

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
                again = tag("button", "icon-button", text="", icon="plus").on("click", self.start_over)
                again.props["title"] = again.props["aria-label"] = words.new_conversation
                again.props["data-testid"] = "new-conversation"
            with tag("div", "chat-scroll"):
                self._chat = ChatView(words=words, on_tap=self.say)
                self._blank = tag("div", "empty")
            self._fill_blank(words.pick_title, words.pick_text, None)
            self._composer = self._build_composer()
            self._composer.set_visibility(False)

    def _look_switch(self) -> None:
        with tag("div", "looks", attributes={"role": "group", "aria-label": self._words.look}):
            for look, label in (("whatsapp", "WhatsApp"), ("sms", "SMS")):
                button = tag("button", "look", text=label, attributes={"data-look-of": look})
                button.on("click", js_handler=f"(e) => {{ e.target.closest('.device').dataset.look = '{look}'; }}")

    def _build_composer(self) -> Element:
        words = self._words

        async def typed(event: GenericEventArguments) -> None:
            await self.say(Draft(text=str(event.args)[:_LONGEST_MESSAGE]))

        with tag("footer", "composer") as composer:
            group = {"role": "group", "aria-label": words.suggestions}
            self._suggestions = tag("div", "suggestions", attributes=group)
            with tag("div", "entry"):
                box = ui.element("textarea")
                for name, value in {
                    "rows": "1", "placeholder": words.message, "aria-label": words.message, "enterkeyhint": "send",
                    "maxlength": str(_LONGEST_MESSAGE), "data-testid": "message", "autocomplete": "off",
                }.items():  # fmt: skip
                    box.props[name] = value
                box.on("keydown", typed, js_handler=_SEND_ON_ENTER).on("input", js_handler=_GROW)
                button = tag("button", "send", text="", icon="send", attributes={"aria-label": words.send})
                button.on("click", typed, js_handler=_SEND_ON_CLICK)
        return composer

    def _suggest(self, person: DemoPerson) -> None:
        """Offer openings, and the person's own document: nobody knows it by heart, and the assistant asks for it."""
        self._suggestions.clear()
        with self._suggestions:
            for text in (SUGGESTIONS[0], person.typed_document, *SUGGESTIONS[1:]):
                self._suggestion(text)

    def _suggestion(self, text: str) -> None:
        async def tapped() -> None:
            await self.say(Draft(text=text))

        tag("button", "suggestion", text=text).on("click", tapped)

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
        async with self._busy:
            self._customer = SimulatedCustomer(
                api=self._api, simulation=self._simulation, simulator=self._simulator, contact=person.contact
            )
            self._outgoing.clear()
            self._clear()
        self._people_view.select(number)
        name = person.contact.name
        self._fill_blank(self._words.empty_chat_title, self._words.empty_chat_text.format(name=name.split()[0]), name)
        self._suggest(person)
        self._composer.set_visibility(True)
        ui.run_javascript(
            f"history.replaceState(null, '', '?contact={number}');"
            "const board = document.querySelector('.board');"
            "if (board.dataset.tab === 'people') board.dataset.tab = 'chat';"
        )
        await self._pump()

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
        except AWAY:
            self._frame.set_problem("database", self._words.database_down)
            return
        await self._pump()

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
