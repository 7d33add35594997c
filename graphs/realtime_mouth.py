"""The agent's side of a Realtime call: what it says, let out to the phone as our rules allow, cut when it must be."""

from collections.abc import Sequence

from channels import openai_realtime as realtime
from channels.openai_realtime import ItemStarted, ResponseDone, SoundDelta, SoundDone, WordsDelta, WordsDone
from domain.evidence import Finding
from graphs.realtime_dialogue import Dialogue
from graphs.realtime_parts import Brain, Phone, Voice
from graphs.realtime_speech import Playout, SpokenItem


class Mouth:
    """The items that the agent is saying, in their order."""

    def __init__(self, *, phone: Phone, voice: Voice, brain: Brain, dialogue: Dialogue) -> None:
        self._phone = phone
        self._voice = voice
        self._brain = brain
        self._dialogue = dialogue
        self._items: dict[str, SpokenItem] = {}
        self._closed: set[str] = set()
        self._muted: set[str] = set()
        self._spoke: set[str] = set()
        self._playout = Playout()

    @property
    def is_speaking(self) -> bool:
        """Tell whether anything is being said, or still to be."""
        return self._playout.is_playing or bool(self._items)

    @property
    def can_be_heard(self) -> bool:
        return self._playout.is_playing or any(item.has_held for item in self._items.values())

    def has_spoken(self, response_id: str) -> bool:
        return response_id in self._spoke

    def due_at(self, *, now: float) -> float | None:
        """Say when held sound may follow its words; None when time changes nothing."""
        return min((due for item in self._items.values() if (due := item.due_at(now=now))), default=None)

    def take(self, event: ItemStarted | SoundDelta | SoundDone | WordsDelta | WordsDone, *, now: float) -> None:
        """Take in more of an item; what was cut stays cut."""
        match event:
            case SoundDone() if item := self._items.get(event.item_id):
                item.end_sound()
            case WordsDone() if item := self._items.get(event.item_id):
                item.end_words(event.text)
            case ItemStarted() | SoundDelta() | WordsDelta():
                self._take_more(event, now=now)

    def _take_more(self, event: ItemStarted | SoundDelta | WordsDelta, *, now: float) -> None:
        if event.item_id in self._closed or event.response_id in self._muted:
            return
        if event.item_id not in self._items:
            self._items[event.item_id] = SpokenItem(event.item_id, event.response_id)
            self._dialogue.begin(event.item_id, "agent")
            self._spoke.add(event.response_id)
        item = self._items[event.item_id]
        if isinstance(event, SoundDelta):
            item.add_sound(event.audio, now=now)
        elif isinstance(event, WordsDelta):
            item.add_words(event.text)

    def end(self, done: ResponseDone) -> None:
        """No more comes of a response."""
        for item in self._items.values():
            if item.response_id == done.response_id:
                item.end(is_whole=done.status == "completed")

    def mute(self, response_id: str) -> None:
        """Take no more of a response: the customer speaks into it, and the server cancels it by itself."""
        self._muted.add(response_id)

    def passed(self, mark: str) -> None:
        self._playout.passed(mark)

    def review(self) -> tuple[SpokenItem, Sequence[Finding]] | None:
        """Check the sentences that are complete; give the item that may not go on, and why."""
        for item in self._items.values():
            findings = item.review(self._brain.check)
            if findings:
                return item, findings
        return None

    async def play(self, *, now: float) -> None:
        """Let out what may be heard by now, and close what was heard whole."""
        for item in list(self._items.values()):
            audio = item.release(self._brain.check, now=now)
            for piece, mark in self._playout.frames(item.item_id, audio):
                await self._phone.play(piece, mark)
            if item.is_complete and self._playout.is_played(item.item_id):
                self._close(item, is_meaning_kept=True)

    async def fall_silent(self, *, is_meaning_kept: bool = True) -> None:
        """Throw away what was not heard yet, and let the agent know how much of its words was."""
        await self._phone.clear()
        for item in list(self._items.values()):
            played_ms = self._playout.played_ms(item.item_id)
            self._close(item, is_meaning_kept=is_meaning_kept)
            if played_ms > 0:
                await self._voice.send(realtime.truncate(item.item_id, audio_end_ms=int(played_ms)))
            else:
                await self._voice.send(realtime.forget(item.item_id))
        self._playout.clear()

    def close(self) -> None:
        """The line is gone: what was heard until now is what was said."""
        for item in list(self._items.values()):
            self._close(item, is_meaning_kept=True)

    def _close(self, item: SpokenItem, *, is_meaning_kept: bool) -> None:
        text = item.text.strip()
        heard = item.heard(self._playout.played_ms(item.item_id))
        self._dialogue.settle(
            item.item_id, heard, meant=text if is_meaning_kept else None, is_interrupted=heard != text
        )
        self._closed.add(item.item_id)
        self._items.pop(item.item_id, None)
