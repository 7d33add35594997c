"""The box at the foot of the chat: what is typed, and what one might say."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from server.pages.markup import tag
from server.pages.words import Words
from server.simulation import Draft

_LONGEST_MESSAGE: Final = 4096
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


Say = Callable[[Draft], Awaitable[None]]


class Composer:
    """Hidden until there is somebody to write as."""

    def __init__(self, *, words: Words, on_say: Say) -> None:
        self._on_say = on_say
        with tag("footer", "composer") as self._root:
            group = {"role": "group", "aria-label": words.suggestions}
            self._suggestions = tag("div", "suggestions", attributes=group)
            with tag("div", "entry"):
                box = ui.element("textarea")
                for name, value in {
                    "rows": "1", "placeholder": words.message, "aria-label": words.message, "enterkeyhint": "send",
                    "maxlength": str(_LONGEST_MESSAGE), "data-testid": "message", "autocomplete": "off",
                }.items():  # fmt: skip
                    box.props[name] = value
                box.on("keydown", self._typed, js_handler=_SEND_ON_ENTER).on("input", js_handler=_GROW)
                button = tag("button", "send", text="", icon="send", attributes={"aria-label": words.send})
                button.on("click", self._typed, js_handler=_SEND_ON_CLICK)
        self._root.set_visibility(False)

    def open(self, suggestions: Sequence[str]) -> None:
        """Show the box, with openings: nobody knows a demo document by heart, and the assistant asks for it."""
        self._suggestions.clear()
        with self._suggestions:
            for text in suggestions:
                tag("button", "suggestion", text=text).on("click", self._tap(text))
        self._root.set_visibility(True)

    async def _typed(self, event: GenericEventArguments) -> None:
        await self._on_say(Draft(text=str(event.args)[:_LONGEST_MESSAGE]))

    def _tap(self, text: str) -> Callable[[], Awaitable[None]]:
        async def tapped() -> None:
            await self._on_say(Draft(text=text))

        return tapped
