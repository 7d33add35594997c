"""The card of a call that comes in: who rings, and the two buttons every phone has."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from server.pages.markup import set_text, tag
from server.pages.words import Words

Do = Callable[[], Awaitable[None]]


class RingView:
    """Shows one ringing call over whatever the page shows."""

    def __init__(self, *, words: Words, on_answer: Do, on_decline: Do) -> None:
        self._words = words
        self._rings_for: tuple[str, str] | None = None
        hooks = {"role": "alertdialog", "aria-labelledby": "ring-title", "data-testid": "ring"}
        with tag("div", "ring", attributes=hooks) as self._card:
            tag("span", "ring-icon", text="", icon="phone")
            with tag("div", "ring-words"):
                self._title = tag("div", "ring-title", text="…", attributes={"id": "ring-title", "role": "status"})
                self._whom = tag("div", "ring-whom", text="…")
            with tag("div", "ring-buttons"):
                decline = tag("button", "ring-decline", text=words.ring_decline, icon="hang-up")
                decline.on("click", on_decline).props["data-testid"] = "ring-decline"
                answer = tag("button", "ring-answer", text=words.ring_answer, icon="phone")
                answer.on("click", on_answer).props["data-testid"] = "ring-answer"
        self._card.set_visibility(False)

    def show(self, *, assistant: str, name: str) -> None:
        """Ring for somebody; drawn once."""
        if self._rings_for == (assistant, name):
            return
        self._rings_for = (assistant, name)
        set_text(self._title, self._words.ring_title.format(assistant=assistant))
        set_text(self._whom, self._words.ring_for.format(name=name))
        self._card.set_visibility(True)
        ui.run_javascript("requestAnimationFrame(() => document.querySelector('.ring-answer')?.focus())")

    def hide(self) -> None:
        if self._rings_for is not None:
            self._rings_for = None
            self._card.set_visibility(False)
