"""A phone in a call: who is on the line, what was said sentence by sentence, and what one can do meanwhile."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from domain.masking import mask_text
from server.call_phone import PhoneEvent
from server.pages.markup import chat_text, set_text, tag
from server.pages.words import Words

PACES: Final[Mapping[str, float | None]] = {"1": 1.0, "2": 2.0, "0": None}
_LONGEST: Final = 1000
# Enter says it; Escape asks whether to hang up. The box empties in the browser, so fast typing loses nothing.
_KEYS: Final = """(event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    const text = event.target.value.trim();
    event.target.value = '';
    if (text) emit(text);
}"""
_CLICK: Final = """(event) => {
    const box = document.querySelector('.call-entry input');
    const text = box.value.trim();
    box.value = '';
    box.focus();
    if (text) emit(text);
}"""
_ESCAPE: Final = """(event) => {
    if (event.key !== 'Escape' || event.isComposing) return;
    event.preventDefault();
    emit();
}"""
_FOCUS: Final = "requestAnimationFrame(() => {{ const e = document.querySelector('{}'); if (e) e.focus(); }})"

Say = Callable[[str], Awaitable[None]]
Do = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class CallActions:
    """What the buttons do."""

    say: Say
    typing: Do
    hang_up: Do
    drop: Do
    set_pace: Callable[[str], Awaitable[None]]
    set_silence: Callable[[bool], Awaitable[None]]
    leave: Do
    again: Do


@dataclass(slots=True)
class _Drawn:
    """One reply on the screen, and the sentence of it that is being spoken."""

    box: Element
    sentences: list[Element] = field(default_factory=list)


class CallView:
    """Draws one call at a time. Knows neither the telephone nor the database."""

    def __init__(self, *, words: Words, actions: CallActions) -> None:
        self._words = words
        self._actions = actions
        self._replies: dict[int, _Drawn] = {}
        self._sentence: tuple[Element, str] | None = None
        self._tools: dict[str, Element] = {}
        with tag("div", "device call", attributes={"data-testid": "call-view"}) as self.root:
            self._build_header()
            with tag("div", "call-scroll"):
                log = {"role": "log", "aria-live": "polite", "aria-label": words.call_timeline}
                self._timeline = tag("div", "call-timeline", attributes=log)
            self._controls = self._build_controls()
            self._after = tag("footer", "call-after")
        self.root.on("keydown", self._ask_to_hang_up, js_handler=_ESCAPE)
        self.root.set_visibility(False)

    # --- its parts

    def _build_header(self) -> None:
        with tag("header", "call-header"):
            self._avatar = tag("span", "avatar is-assistant", text="…")
            with tag("div", "chat-who"):
                self._name = tag("div", "chat-name", text="…")
                hooks = {"role": "status", "data-testid": "call-state"}
                self._state = tag("div", "chat-state", text="…", attributes=hooks)
            with tag("div", "wave", attributes={"aria-hidden": "true"}) as self._wave:
                for _ in range(4):
                    tag("span")
            self._time = tag("div", "call-time", text="0:00", attributes={"role": "timer", "data-testid": "call-time"})

    def _build_controls(self) -> Element:
        words, actions = self._words, self._actions

        async def typed(event: GenericEventArguments) -> None:
            await actions.say(str(event.args)[:_LONGEST])

        with tag("footer", "composer call-controls") as controls:
            # A click leaves the cursor in the box: whoever is on the phone types on. Tab reaches the buttons.
            controls.on("mousedown", js_handler="(e) => { if (e.target.closest('button')) e.preventDefault(); }")
            self._suggestions = tag("div", "suggestions", attributes={"role": "group", "aria-label": words.suggestions})
            with tag("div", "entry call-entry"):
                self._box = ui.element("input")
                for name, value in {
                    "type": "text", "aria-label": words.call_say, "enterkeyhint": "send", "maxlength": str(_LONGEST),
                    "autocomplete": "off", "data-testid": "call-say",
                }.items():  # fmt: skip
                    self._box.props[name] = value
                self._box.on("keydown", typed, js_handler=_KEYS)
                self._box.on("input", actions.typing, throttle=1.0)
                button = tag("button", "send", text="", icon="send", attributes={"aria-label": words.call_say})
                button.on("click", typed, js_handler=_CLICK)
            with tag("div", "call-buttons"):
                self._build_paces()
                self._silence = self._button("hush", words.call_mute, "call-silence", self._toggle_silence)
                self._silence.props["aria-pressed"] = "false"
                self._button("unplug", words.call_drop, "call-drop", actions.drop)
                tag("span", "grow")
                hang_up = tag("button", "hang-up", text=words.call_hang_up, icon="hang-up")
                hang_up.on("click", actions.hang_up).props["data-testid"] = "hang-up"
            self._sure = self._build_question()
        return controls

    def _build_paces(self) -> None:
        words = self._words
        names = {"1": "1×", "2": "2×", "0": words.call_at_once}
        self._paces: dict[str, Element] = {}
        with tag("div", "switch", attributes={"role": "group", "aria-label": words.call_pace}):
            for pace, name in names.items():
                button = tag("button", "switch-item", text=name, attributes={"data-testid": f"pace-{pace}"})
                button.on("click", self._pick_pace(pace))
                self._paces[pace] = button
        self.show_pace("1")

    def _pick_pace(self, pace: str) -> Do:
        async def picked() -> None:
            self.show_pace(pace)
            await self._actions.set_pace(pace)

        return picked

    def _button(self, icon: str, label: str, name: str, work: Do) -> Element:
        hooks = {"title": label, "aria-label": label, "data-testid": name}
        return tag("button", "icon-button", text="", icon=icon, attributes=hooks).on("click", work)

    def _build_question(self) -> Element:
        words = self._words
        hooks = {"role": "alertdialog", "aria-label": words.call_hang_up_sure, "data-testid": "hang-up-question"}
        with tag("div", "call-question", attributes=hooks) as question:
            tag("span", "call-question-text", text=words.call_hang_up_sure)
            stay = tag("button", "note-button call-stay", text=words.call_stay).on("click", self._stay)
            stay.props["data-testid"] = "call-stay"
            sure = tag("button", "hang-up", text=words.call_hang_up, icon="hang-up").on("click", self._actions.hang_up)
            sure.props["data-testid"] = "hang-up-sure"
        question.set_visibility(False)
        return question

    # --- what the page tells

    def open(self, *, assistant: str, company: str, name: str, suggestions: tuple[str, ...]) -> None:
        """Begin with an empty screen, on the line to the assistant."""
        self._replies.clear()
        self._tools.clear()
        self._sentence = None
        self._timeline.clear()
        self._after.clear()
        self._after.set_visibility(False)
        self._sure.set_visibility(False)
        self._controls.set_visibility(True)
        set_text(self._avatar, assistant[:1])
        set_text(self._name, f"{assistant} · {company}")
        self._box.props["placeholder"] = self._words.call_box.format(name=name.split()[0])
        self._box.update()
        self._suggestions.clear()
        with self._suggestions:
            for text in suggestions:
                tag("button", "suggestion", text=text).on("click", self._suggest(text))
        self.show_state("calling", self._words.call_calling)
        self.show_time(0)
        self.root.set_visibility(True)
        ui.run_javascript(_FOCUS.format(".call-entry input"))

    def _suggest(self, text: str) -> Do:
        async def tapped() -> None:
            await self._actions.say(text)

        return tapped

    def close(self) -> None:
        self.root.set_visibility(False)

    def show_state(self, name: str, text: str) -> None:
        """Say how the call stands; the name is for styles and tests."""
        set_text(self._state, text)
        if self.root.props.get("data-state") != name:
            self.root.props["data-state"] = name
            self.root.update()

    def show_time(self, seconds: float) -> None:
        set_text(self._time, minutes(seconds))

    def show_pace(self, pace: str) -> None:
        for other, button in self._paces.items():
            button.props["aria-pressed"] = "true" if other == pace else "false"
            button.update()

    def show_silence(self, is_ignored: bool) -> None:
        self._silence.props["aria-pressed"] = "true" if is_ignored else "false"
        self._silence.classes(add="is-on" if is_ignored else "", remove="" if is_ignored else "is-on")

    def show(self, event: PhoneEvent) -> None:
        """Draw one thing that happened."""
        words = self._words
        match event.kind:
            case "connected":
                again = bool(event.details.get("is_again"))
                self._line(words.call_again if again else words.call_connected, event, "connected")
            case "lost":
                self._line(words.call_dropped, event, "lost")
            case "silence":
                self._line(words.call_silence, event, "silence")
            case "transferred":
                self._line(words.call_to_person.format(number=event.text), event, "transferred")
            case "heard":
                self._heard(event)
            case "speaking":
                self._speaking(event)
            case "pace":
                self._animate(event)
            case "spoken":
                self._spoken()
            case "cut":
                self._cut(event)
            case "tool":
                self._tool(event)
            case "tool_result":
                self._tool_result(event)

    # --- the timeline

    def _line(self, text: str, event: PhoneEvent, name: str) -> None:
        with self._timeline:
            shown = f"{minutes(event.seconds)} · {text}"
            tag("div", f"call-line is-{name}", text=shown, attributes={"data-testid": f"call-{name}"})

    def _heard(self, event: PhoneEvent) -> None:
        with self._timeline, tag("div", "bubble is-mine", attributes={"data-testid": "call-mine"}):
            ui.html(chat_text(event.text), sanitize=False, tag="div").classes("text")
            self._stamp(event)

    def _stamp(self, event: PhoneEvent) -> None:
        with tag("div", "meta"):
            tag("span", "time", text=minutes(event.seconds))

    def _reply(self, event: PhoneEvent) -> _Drawn:
        drawn = self._replies.get(event.reply)
        if drawn is None:
            with self._timeline, tag("div", "bubble is-theirs", attributes={"data-testid": "call-theirs"}):
                box = tag("div", "text spoken-text")
                self._stamp(event)
            drawn = self._replies[event.reply] = _Drawn(box=box)
        return drawn

    def _speaking(self, event: PhoneEvent) -> None:
        drawn = self._reply(event)
        with drawn.box:
            sentence = tag("span", "sentence is-speaking", text=event.text)
            sentence.props["data-testid"] = "sentence"
        drawn.sentences.append(sentence)
        self._sentence = (sentence, event.text)
        self._animate(event)

    def _animate(self, event: PhoneEvent) -> None:
        """Let the browser draw how far the voice is: it knows the pace and where it began."""
        if self._sentence is None:
            return
        total, part = _number(event.details.get("seconds")), _number(event.details.get("part"))
        self._sentence[0].style(f"animation-duration: {total:.2f}s; animation-delay: {-total * part:.2f}s")

    def _spoken(self) -> None:
        if self._sentence is not None:
            self._sentence[0].classes(remove="is-speaking").style(replace="")
            self._sentence = None

    def _cut(self, event: PhoneEvent) -> None:
        words = self._words
        if self._sentence is not None:
            sentence, whole = self._sentence
            rest = whole[len(event.text) :].lstrip()
            if isinstance(sentence, ui.html):
                why = escape(words.call_unsaid)
                sentence.content = f'{escape(event.text)} <span class="unheard" title="{why}">{escape(rest)}</span>'
            sentence.classes(remove="is-speaking", add="is-cut").style(replace="")
            self._sentence = None
        unspoken = event.details.get("unspoken")
        drawn = self._replies.get(event.reply)
        if drawn is None:
            return
        with drawn.box:
            for text in unspoken if isinstance(unspoken, list) else ():
                tag("span", "sentence unheard", text=str(text), attributes={"title": words.call_unsaid})
            tag("span", "cut-mark", text=words.call_cut, attributes={"data-testid": "call-cut"})

    def _tool(self, event: PhoneEvent) -> None:
        with self._timeline, ui.element("details").classes("call-tool") as tool:
            tool.props["data-testid"] = "call-tool"
            with ui.element("summary"):
                tag("span", text=self._words.call_tool, icon="wrench")
                tag("code", "tool-name", text=event.text)
            tag("pre", text=mask_text(readable(str(event.details.get("arguments") or ""))))
        self._tools[str(event.details.get("id"))] = tool

    def _tool_result(self, event: PhoneEvent) -> None:
        tool = self._tools.get(str(event.details.get("id")))
        if tool is not None:
            with tool:
                tag("pre", "call-tool-result", text=mask_text(readable(event.text)))

    # --- asking, and the end

    async def _ask_to_hang_up(self) -> None:
        if not self._controls.visible:
            return await self._actions.leave()
        if self._sure.visible:
            return await self._stay()
        self._sure.set_visibility(True)
        ui.run_javascript(_FOCUS.format(".call-stay"))

    async def _stay(self) -> None:
        self._sure.set_visibility(False)
        ui.run_javascript(_FOCUS.format(".call-entry input"))

    async def _toggle_silence(self) -> None:
        is_ignored = self._silence.props.get("aria-pressed") != "true"
        self.show_silence(is_ignored)
        await self._actions.set_silence(is_ignored)

    def finish(self, *, reason: str, is_failed: bool = False) -> None:
        """Show that it is over, why, and where to go from here."""
        words = self._words
        self._spoken()
        self._sure.set_visibility(False)
        self._controls.set_visibility(False)
        self.show_state("failed" if is_failed else "ended", words.call_failed if is_failed else words.call_over)
        self._after.clear()
        with self._after:
            tag("div", "call-reason", text=reason, attributes={"data-testid": "call-reason"})
            self._summary = tag("div", "call-summary", attributes={"data-testid": "call-summary", "role": "status"})
            self._summary.set_visibility(False)
            with tag("div", "call-ways"):
                back = tag("button", "call-back", text=words.call_back_to_chat, icon="chat")
                back.on("click", self._actions.leave).props["data-testid"] = "call-back"
                again = tag("button", "call-once-more", text=words.call_once_more, icon="phone")
                again.on("click", self._actions.again).props["data-testid"] = "call-again"
        self._after.set_visibility(True)
        ui.run_javascript(_FOCUS.format(".call-back"))

    def show_summary(self, text: str, *, is_coming: bool = False) -> None:
        """Show the summary, or what there is instead of one."""
        self._summary.clear()
        with self._summary:
            tag("div", "panel-title", text=self._words.call_summary)
            tag("div", "call-summary-text is-coming" if is_coming else "call-summary-text", text=text)
        self._summary.set_visibility(True)


def minutes(seconds: float) -> str:
    """Write a duration as phones do."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def readable(text: str) -> str:
    """Write JSON out line by line; the rest stays as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
