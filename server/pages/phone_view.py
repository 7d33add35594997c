"""The customer's phone with its chat: header and buttons, bubbles, the note below them, the box to type in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from domain.tenants import Tenant
from server.pages.chat_view import ChatView
from server.pages.composer import Composer
from server.pages.markup import set_text, tag
from server.pages.people_view import avatar
from server.pages.words import SUGGESTIONS, Words
from server.simulation import Draft
from services.simulation import Changes, DemoPerson
from store.simulation import WaitingCallRow

Do = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneActions:
    """What the user does on the phone."""

    say: Callable[[Draft], Awaitable[None]]
    call: Do
    start_over: Do
    hand_back: Do
    ring_now: Do


class PhoneView:
    """Draws one conversation as a phone shows it. Draws what it is told; knows neither database nor api."""

    def __init__(self, *, words: Words, actions: PhoneActions) -> None:
        self._words = words
        self._actions = actions
        self._drawn: UUID | None = None  # the conversation
        self._note: str | None = None
        with tag("div", "device", attributes={"data-look": "whatsapp"}) as self._device:
            with tag("header", "chat-header"):
                self._build_header()
            with tag("div", "chat-scroll"):
                self._chat = ChatView(words=words, on_tap=actions.say)
                self._blank = tag("div", "empty")
            self._fill_blank(words.pick_title, words.pick_text, None)
            self._composer = Composer(words=words, on_say=actions.say)

    def _build_header(self) -> None:
        words = self._words
        self._avatar = tag("span", "avatar is-assistant", text="…")
        with tag("div", "chat-who"):
            self._title = tag("div", "chat-name", text="Master IA")
            self._state = tag("div", "chat-state", text=words.pick_title, attributes={"data-testid": "state"})
        self._look_switch()
        call = self._call_button = tag("button", "icon-button", text="", icon="phone").on("click", self._actions.call)
        call.props["title"] = call.props["aria-label"] = words.call
        call.props["data-testid"] = "call"
        call.set_visibility(False)  # until somebody is there to call
        again = tag("button", "icon-button", text="", icon="plus").on("click", self._actions.start_over)
        again.props["title"] = again.props["aria-label"] = words.new_conversation
        again.props["data-testid"] = "new-conversation"

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

    def set_visibility(self, is_visible: bool) -> None:
        """Show the chat, or nothing while a call has the phone."""
        self._device.set_visibility(is_visible)

    def name_assistant(self, tenant: Tenant) -> None:
        """Say who answers, and show times as they are where the tenant is."""
        self._chat.zone = tenant.time_zone
        set_text(self._title, f"{tenant.assistant_name} · {tenant.name}")
        set_text(self._avatar, tenant.assistant_name[:1])

    def give_to(self, person: DemoPerson) -> None:
        """Make it this person's phone, ready to write and to call."""
        words, name = self._words, person.contact.name
        self._fill_blank(words.empty_chat_title, words.empty_chat_text.format(name=name.split()[0]), name)
        self._composer.open((SUGGESTIONS[0], person.typed_document, *SUGGESTIONS[1:]))
        self._call_button.set_visibility(True)

    def clear(self) -> None:
        """Show an empty chat."""
        self._chat.clear()
        self._blank.set_visibility(True)
        self._drawn = None
        self._note = None
        set_text(self._state, self._words.online)

    def queue(self, draft: Draft) -> None:
        """Show a message that is not with the service yet."""
        self._blank.set_visibility(False)
        self._chat.queue(draft)

    def begin_again(self) -> None:
        """Draw the conversation anew at the next look."""
        self._drawn = None

    def turn_to(self, conversation_id: UUID) -> bool:
        """Empty the chat for another conversation than the one shown; tell whether it is another."""
        if conversation_id == self._drawn:
            return False
        self._chat.clear(keep_queue=True)
        self._drawn, self._note = conversation_id, None
        return True

    def draw(self, changes: Changes, *, is_awaiting: bool, agreed: WaitingCallRow | None) -> None:
        """Bring the chat up to date; `agreed` is the call that the contact is to get."""
        for row in changes.messages:
            self._chat.put(row)
        self._blank.set_visibility(self._chat.is_empty)
        self._chat.show_typing(changes.is_typing)
        if changes.conversation is not None:
            self._chat.mark_read(changes.conversation.answered_seq, is_running=changes.is_running)
        self._draw_state(changes, is_typing=changes.is_typing or is_awaiting)
        self._draw_note(changes, agreed)

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

    def _draw_note(self, changes: Changes, agreed: WaitingCallRow | None) -> None:
        if changes.is_with_a_person:
            kind = "handed-off"
        elif changes.conversation is not None and not changes.is_live:
            kind = "ended"
        elif agreed is not None:
            kind = f"agreed {agreed.wanted_at.isoformat()}"
        else:
            kind = None
        if kind == self._note:
            return
        self._note = kind
        self._chat.clear_note()
        if kind == "handed-off":
            with self._chat.note(self._words.handed_off, icon="person", name="handed-off"):
                button = tag("button", "note-button", text=self._words.hand_back).on("click", self._actions.hand_back)
                button.props["data-testid"] = "hand-back"
        elif kind == "ended":
            self._chat.note(self._words.ended, icon="clock", name="ended")
        elif agreed is not None:
            at = agreed.wanted_at.astimezone(self._chat.zone).strftime("%H:%M")
            with self._chat.note(self._words.ring_agreed.format(time=at), icon="phone", name="agreed"):
                button = tag("button", "note-button", text=self._words.ring_now).on("click", self._actions.ring_now)
                button.props["data-testid"] = "ring-now"
