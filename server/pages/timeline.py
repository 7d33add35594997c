"""A contact's timeline: messages, calls with their talk, call requests and promises, newest first, kept up to date."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final
from uuid import UUID

from nicegui import ui
from nicegui.element import Element

from domain.errors import NotFound
from domain.masking import mask_document
from domain.ports import Clock
from server.pages.frame import Frame
from server.pages.markup import set_text, tag
from server.pages.patience import AWAY, DATABASE_SECONDS
from server.pages.people_view import avatar
from server.pages.timeline_entries import EntryView
from server.pages.timeline_words import TIMELINE_WORDS
from server.pages.words import WORDS, Language, Words
from services import contact_timeline
from services.contact_timeline import TimelineItem
from services.simulation import Simulation, Simulator
from store.contacts import ContactRow
from store.database import Database

POLL_SECONDS: Final = 3.0
_STEP: Final = 50
_MOST: Final = 1000


@dataclass(slots=True)
class _Day:
    """The entries of one day, as they stand on the page."""

    box: Element
    entries: list[UUID] = field(default_factory=list)


class TimelinePage:
    """One open tab with one contact's timeline. Only contacts of the demo are shown: this page knows no sign-in."""

    def __init__(
        self, *, database: Database, simulation: Simulation, clock: Clock, frame: Frame, language: Language,
        contact_id: UUID | None,
    ) -> None:  # fmt: skip
        self._database = database
        self._simulation = simulation
        self._clock = clock
        self._frame = frame
        self._page_words = WORDS[language]
        self._words = TIMELINE_WORDS[language]
        self._language = language
        self._contact_id = contact_id
        self._limit = _STEP
        self._view: EntryView | None = None
        self._simulator: Simulator | None = None
        self._person: ContactRow | None = None
        self._drawn: dict[UUID, tuple[Element, TimelineItem]] = {}
        self._days: dict[date, _Day] = {}
        self._busy = asyncio.Lock()

    def build(self) -> None:
        """Draw the page; what it shows comes with the first look."""
        words = self._words
        with tag("main", "timeline", attributes={"aria-label": words.title, "data-testid": "timeline"}):
            with tag("header", "timeline-head"):
                self._avatar = tag("div", "timeline-avatar")
                with tag("div", "timeline-who"):
                    self._name = tag("h1", "timeline-name", text="…")
                    self._facts = tag("div", "timeline-facts", text="…")
                hooks = {"href": "/", "data-testid": "timeline-back"}
                self._back = tag("a", "timeline-back", text=words.back, icon="chat", attributes=hooks)
            self._blank = tag("div", "empty", attributes={"data-testid": "timeline-empty"})
            self._list = tag("div", "timeline-days", attributes={"role": "feed"})
            self._older = tag("button", "timeline-older", text=words.older).on("click", self.show_older)
            self._older.props["data-testid"] = "timeline-older"
        self._blank.set_visibility(False)
        self._older.set_visibility(False)
        self._timer = ui.timer(POLL_SECONDS, self.look)

    def set_visible(self, is_visible: bool) -> None:
        """Stop asking the database while nobody looks."""
        self._timer.active = is_visible

    async def show_older(self) -> None:
        """Show more of what lies further back."""
        self._limit = min(self._limit + _STEP, _MOST)
        await self.look()

    async def look(self) -> None:
        """Read what happened and draw what is new or has changed."""
        if self._busy.locked():
            return
        async with self._busy:
            try:
                async with asyncio.timeout(DATABASE_SECONDS):
                    await self._read()
            except AWAY:
                self._frame.set_problem("database", self._page_words.database_down)
                return
            self._frame.set_problem("database", None)

    async def _read(self) -> None:
        if self._simulator is None:
            self._simulator = await self._simulation.find()
            self._frame.set_problem("demo", None if self._simulator else self._page_words.no_demo)
        simulator = self._simulator
        if simulator is None:
            return
        if self._contact_id is None:
            return self._show_missing()
        tenant = simulator.tenant
        try:
            person = await contact_timeline.find_person(self._database, tenant.id, self._contact_id)
            items, total = await contact_timeline.list_timeline(
                self._database, tenant.id, self._contact_id, limit=self._limit, offset=0
            )
        except NotFound:
            return self._show_missing()
        if self._view is None:
            channels = await contact_timeline.list_channels(self._database, tenant.id)
            self._view = EntryView(words=self._words, language=self._language, zone=tenant.time_zone, channels=channels)
            await self._link_back(simulator)
        self._show_person(person, total)
        self._show(self._view, items)
        self._older.set_visibility(total > len(items) and self._limit < _MOST)
        self._fill_blank(None if items else (self._words.empty_title, self._words.empty_text))

    async def _link_back(self, simulator: Simulator) -> None:
        """Lead back to the simulator as the person whose timeline this is."""
        people = await self._simulation.people(simulator)
        number = next((person.number for person in people if person.situation.contact_id == self._contact_id), None)
        if number is not None:
            self._back.props["href"] = f"/?contact={number}"

    def _show_person(self, person: ContactRow, total: int) -> None:
        words = self._words
        count = words.entries_one if total == 1 else words.entries_many.format(count=total)
        facts = [mask_document(person.document) if person.document else "", count]
        facts.append(words.opted_out if person.opted_out_at is not None else "")
        set_text(self._facts, " · ".join(filter(None, facts)))
        if self._person is None or self._person.name != person.name:
            name = person.name or words.unnamed
            set_text(self._name, name)
            self._avatar.clear()
            with self._avatar:
                avatar(name)
        self._person = person

    def _show_missing(self) -> None:
        set_text(self._name, self._words.missing_title)
        set_text(self._facts, "")
        self._fill_blank((self._words.missing_title, self._words.missing_text))

    def _fill_blank(self, said: tuple[str, str] | None) -> None:
        self._blank.set_visibility(said is not None)
        if said is not None and not self._blank.default_slot.children:
            with self._blank:
                tag("div", "empty-icon", text="", icon="clock")
                tag("div", "empty-title", text=said[0])
                tag("div", "empty-text", text=said[1])

    def _show(self, view: EntryView, items: list[TimelineItem]) -> None:
        """Put entries where they belong; what did not change is left alone, so that an opened talk stays open."""
        places: dict[date, int] = {}
        for item in items:
            key = _key(item)
            day = item.at.astimezone(view.zone).date()
            place = places.get(day, 0)
            places[day] = place + 1
            drawn = self._drawn.get(key)
            if drawn is None:
                entry = self._new_entry(view, item, day, place, key)
            elif drawn[1] != item:
                entry = drawn[0]
                entry.clear()
            else:
                continue
            with entry:
                view.draw(item)
            self._drawn[key] = (entry, item)

    def _new_entry(self, view: EntryView, item: TimelineItem, day: date, place: int, key: UUID) -> Element:
        section = self._days.get(day)
        if section is None:
            newer = sum(other > day for other in self._days)
            with self._list:
                box = tag("section", "timeline-day")
            box.move(self._list, newer)
            with box:
                tag("h2", "day", text=view.day(item.at, now=self._clock.now()))
            section = self._days[day] = _Day(box)
        with section.box:
            entry = tag("div", "timeline-entry")
        entry.move(section.box, place + 1)  # behind the day's name
        section.entries.insert(place, key)
        return entry


def _key(item: TimelineItem) -> UUID:
    """Give the id of whatever the entry tells of."""
    call = item.call.call if item.call is not None else None
    found = item.message or item.request or item.promise or call
    if found is None:
        raise LookupError("a timeline names something that is gone")
    return found.id


def timeline_frame_words(language: Language) -> Words:
    """Give the words of the frame around this page."""
    own = TIMELINE_WORDS[language]
    return replace(WORDS[language], title=own.title, subtitle=own.subtitle)
