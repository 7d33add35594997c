"""The phone: bubbles in order, ticks, codes to copy, choices to tap."""

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Final, cast
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.element import Element

from domain.messages import DeliveryStatus
from server.pages.copyable import payment_code
from server.pages.markup import ICONS, chat_text, set_text, tag
from server.pages.words import Words
from server.simulation import Draft
from store.simulation import SimulatedMessageRow

_BRAZIL: Final = ZoneInfo("America/Sao_Paulo")
Tap = Callable[[Draft], Awaitable[None]]
# Runs in the browser: copies what stands in the attribute, with the old way where the clipboard is closed to pages.
COPY_CODE: Final = """(event) => {
    const button = event.currentTarget, code = button.dataset.code;
    const old = () => {
        const area = document.createElement('textarea');
        area.value = code; area.style.position = 'fixed'; area.style.opacity = '0';
        document.body.appendChild(area); area.select(); document.execCommand('copy'); area.remove();
    };
    const done = () => {
        button.classList.add('is-copied');
        setTimeout(() => button.classList.remove('is-copied'), 1800);
    };
    if (navigator.clipboard && window.isSecureContext) {
        navigator.clipboard.writeText(code).catch(old).finally(done);
    } else { old(); done(); }
}"""


class ChatView:
    """The messages of one conversation. Draws what it is told; knows neither database nor api."""

    def __init__(self, *, words: Words, on_tap: Tap) -> None:
        self._words = words
        self.zone = _BRAZIL  # of the times shown; the tenant's once it is known
        self._on_tap = on_tap
        self._ticks: dict[str, Element] = {}
        self._unread: dict[str, int] = {}  # our bubbles that the assistant has not read, with their numbers
        self._pending: dict[str, Element] = {}
        self._last_day = ""
        with tag("div", "talk"):
            self._messages = tag("div", "bubbles", attributes={"role": "log", "aria-live": "polite"})
            self._queue = tag("div", "bubbles is-queue")
            self._notes = tag("div", "notes")
            self._typing = tag("div", "typing-row", attributes={"data-testid": "typing", "aria-hidden": "true"})
            with self._typing, tag("div", "bubble is-theirs is-typing"):
                for _ in range(3):
                    tag("span", "dot")
        self._typing.set_visibility(False)

    def clear(self, *, keep_queue: bool = False) -> None:
        """Empty the phone; what waits to be sent may stay."""
        self._messages.clear()
        self._notes.clear()
        if not keep_queue:
            self._queue.clear()
            self._pending.clear()
        self._ticks.clear()
        self._unread.clear()
        self._last_day = ""
        self._typing.set_visibility(False)

    @property
    def is_empty(self) -> bool:
        return not self._ticks and not self._pending

    def show_typing(self, is_typing: bool) -> None:
        self._typing.set_visibility(is_typing)

    def note(self, text: str, *, icon: str, name: str) -> Element:
        """Replace the note below the messages; give it, for a button inside."""
        self._notes.clear()
        with self._notes:
            box = tag("div", "note", attributes={"data-testid": name})
            with box:
                tag("span", "note-text", text=text, icon=icon)
        return box

    def clear_note(self) -> None:
        if self._notes.default_slot.children:
            self._notes.clear()

    def queue(self, draft: Draft) -> None:
        """Show a message that is not with the service yet."""
        with self._queue:
            bubble = tag("div", "bubble is-mine is-pending", attributes={"data-testid": "pending"})
            with bubble:
                ui.html(chat_text(draft.text), sanitize=False, tag="div").classes("text")
                with tag("div", "meta"):
                    _tick("clock", self._words.sending)
        self._pending[draft.id] = bubble

    def put(self, row: SimulatedMessageRow) -> None:
        """Show a message, or bring its ticks up to date."""
        key = str(row.id)
        if key in self._ticks:
            self._update(row, self._ticks[key])
            return
        waiting = self._pending.pop(row.provider_message_id or "", None)
        if waiting is not None:
            waiting.delete()
        with self._messages:
            self._day(row)
            is_mine = row.direction == "in"
            side = "is-mine" if is_mine else "is-theirs"
            bubble = tag("div", f"bubble {side}", attributes={"data-testid": "mine" if is_mine else "theirs"})
            if row.author == "operator":
                bubble.classes("is-person")
            with bubble:
                self._body(row)
                self._ticks[key] = self._meta(row)
        if is_mine:
            self._unread[key] = row.seq

    def mark_read(self, answered_seq: int, *, is_running: bool) -> None:
        """Colour the ticks of what the assistant has read: all that is answered, or being answered."""
        for key, seq in list(self._unread.items()):
            if seq <= answered_seq or is_running:
                del self._unread[key]
                _set_tick(self._ticks[key], "ticks", self._words.seen, is_read=True)

    def _day(self, row: SimulatedMessageRow) -> None:
        day = row.created_at.astimezone(self.zone).strftime("%d/%m/%Y")
        if day != self._last_day:
            self._last_day = day
            tag("div", "day", text=day)

    def _body(self, row: SimulatedMessageRow) -> None:
        if row.author == "operator":
            tag("div", "author", text=self._words.by_person)
        code = payment_code(row.text or "") if row.direction == "out" else None
        if code is not None and code == (row.text or "").strip():
            tag("div", "text code", text=code)
        elif row.text:
            ui.html(chat_text(row.text), sanitize=False, tag="div").classes("text")
        self._extras(row)
        if code is not None:
            button = ui.html(
                f"{ICONS['copy']}<span class=before>{escape(self._words.copy)}</span>"
                f"{ICONS['tick']}<span class=after>{escape(self._words.copied)}</span>",
                sanitize=False, tag="button",
            ).classes("copy")  # fmt: skip
            button.props["data-code"] = code
            button.props["data-testid"] = "copy"
            button.on("click", js_handler=COPY_CODE)

    def _extras(self, row: SimulatedMessageRow) -> None:
        match row.content.get("part"):
            case "media":
                name = row.content.get("filename") or self._words.opened_file
                link = {"href": _web_url(row.content.get("url")), "target": "_blank", "rel": "noopener noreferrer"}
                tag("a", "attachment", text=str(name), icon="file", attributes=link)
            case "location":
                tag("div", "attachment", text=str(row.content.get("address") or self._words.place), icon="file")
            case "buttons" | "menu":
                with tag("div", "choices"):
                    for choice in _choices(row.content):
                        self._choice(choice)

    def _choice(self, choice: Mapping[str, str]) -> None:
        title = choice.get("title", "")
        button = tag("button", "choice", text=title)

        async def tapped() -> None:
            await self._on_tap(Draft(text=title, choice_id=choice.get("id")))

        button.on("click", tapped)

    def _meta(self, row: SimulatedMessageRow) -> Element:
        with tag("div", "meta"):
            tag("span", "time", text=row.created_at.astimezone(self.zone).strftime("%H:%M"))
            if row.direction == "in":
                return _tick("ticks", self._words.stored)
            tick = _tick("tick", self._words.sent)
            self._update(row, tick)
            return tick

    def _update(self, row: SimulatedMessageRow, tick: Element) -> None:
        if row.direction == "in":
            return
        words = self._words
        match DeliveryStatus(row.status or DeliveryStatus.QUEUED):
            case DeliveryStatus.QUEUED | DeliveryStatus.SENDING:
                _set_tick(tick, "clock", words.queued)
            case DeliveryStatus.SENT:
                _set_tick(tick, "tick", words.sent)
            case DeliveryStatus.DELIVERED:
                _set_tick(tick, "ticks", words.delivered)
            case DeliveryStatus.READ:
                _set_tick(tick, "ticks", words.read, is_read=True)
            case DeliveryStatus.UNKNOWN:
                _set_tick(tick, "clock", words.unknown)
            case _:
                _set_tick(tick, "alert", words.failed)


def _tick(icon: str, label: str) -> Element:
    tick = tag("span", "tick", text="", icon=icon)
    _set_tick(tick, icon, label)
    return tick


def _set_tick(tick: Element, icon: str, label: str, *, is_read: bool = False) -> None:
    set_text(tick, "", icon=icon)
    for name, value in (("title", label), ("aria-label", label), ("role", "img")):
        if tick.props.get(name) != value:
            tick.props[name] = value
    if is_read:
        tick.classes("is-read")


def _web_url(value: object) -> str:
    """Let a link lead to the web only: the address comes from data."""
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else "#"


def _choices(content: Mapping[str, object]) -> list[Mapping[str, str]]:
    found = content.get("choices")
    return cast(list[Mapping[str, str]], found) if isinstance(found, list) else []
