"""What the agent of a Realtime call says: held back until its words were checked, counted as it is really played.

The sound of an item may be played once the sentences that its words belong to passed the hard rules. A long sentence is
not waited for: after 400 ms its sound follows, behind the words, as long as what is known of the sentence breaks no
rule. An item whose words do not come is not played at all.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from agents.speaking import Check, SentenceSplitter
from channels.media_streams import BYTES_A_MILLISECOND
from domain.evidence import Finding

LONGEST_DELAY_SECONDS = 0.4
_FRAME_BYTES = 200 * BYTES_A_MILLISECOND  # how exactly we know what was heard
_FASTEST_SPEECH = 0.02  # characters a millisecond: no voice says more, so what may be heard by then is known
_CONTEXT_CHARS = 240  # of what was said before, which a rule may need to see


@dataclass(frozen=True, kw_only=True, slots=True)
class _Held:
    audio: bytes
    reach: int  # how many characters of the item's text it may be about
    since: float


class SpokenItem:
    """One item of the agent's: its words, and its sound as far as it may be played."""

    def __init__(self, item_id: str, response_id: str) -> None:
        self.item_id = item_id
        self.response_id = response_id
        self.text = ""
        self.received_ms = 0.0
        self._splitter = SentenceSplitter()
        self._said: list[str] = []  # sentences that passed
        self._waiting: deque[str] = deque()  # whole sentences to be checked
        self._checked = 0  # characters
        self._held: deque[_Held] = deque()
        self._has_all_words = False
        self._has_all_sound = False
        self._is_whole = True
        self._tail_judged: tuple[str, bool] = ("", False)

    @property
    def is_complete(self) -> bool:
        """Tell whether everything of it came and was let out."""
        return self._has_all_words and self._has_all_sound and not self._held and not self._waiting

    @property
    def has_held(self) -> bool:
        return bool(self._held)

    def add_words(self, delta: str) -> None:
        if self._has_all_words:
            return
        self.text += delta
        self._waiting += self._splitter.feed(delta)

    def end_words(self, text: str) -> None:
        """Take the item's whole text; what the deltas lacked of it is added."""
        if self._has_all_words:
            return
        if text.startswith(self.text):
            self.add_words(text[len(self.text) :])
        elif not self.text:
            self.add_words(text)
        self._waiting += self._splitter.finish()
        self._has_all_words = True

    def add_sound(self, audio: bytes, *, now: float) -> None:
        self.received_ms += len(audio) / BYTES_A_MILLISECOND
        # The words mostly run ahead of the sound, but nobody promises it.
        reach = max(len(self.text), int(self.received_ms * _FASTEST_SPEECH))
        self._held.append(_Held(audio=audio, reach=reach, since=now))

    def end_sound(self) -> None:
        self._has_all_sound = True

    def end(self, *, is_whole: bool) -> None:
        """No more of it comes; of one that was broken off the words may say more than the sound does."""
        self._is_whole = self._is_whole and (is_whole or self._has_all_sound)
        self._has_all_sound = True
        self.end_words(self.text)
        if not self.text.strip():
            self._held.clear()  # nobody knows what it says

    def review(self, check: Check) -> Sequence[Finding]:
        """Check the sentences that are complete; stop at the first that breaks a rule, and say why."""
        while self._waiting:
            findings = _broken(check, self._waiting[0].strip(), self._said)
            if findings:
                return findings
            sentence = self._waiting.popleft()
            self._said.append(sentence.strip())
            self._checked += len(sentence)
        return ()

    def release(self, check: Check, *, now: float) -> bytes:
        """Give the sound that may be played by now, in order."""
        released: list[bytes] = []
        while self._held and self._may_play(self._held[0], check, now):
            released.append(self._held.popleft().audio)
        return b"".join(released)

    def _may_play(self, held: _Held, check: Check, now: float) -> bool:
        if self._waiting:
            return held.reach < self._checked
        if self._has_all_words or held.reach < self._checked:
            return bool(self.text.strip())  # without a word nothing was checked
        is_late = now - held.since >= LONGEST_DELAY_SECONDS
        return is_late and held.reach < len(self.text) and self._is_tail_clean(check)

    def _is_tail_clean(self, check: Check) -> bool:
        """Judge the sentence under way by what is known of it; half an amount may look wrong, so it only waits."""
        tail = self.text[self._checked :].strip()
        if self._tail_judged[0] != tail:
            self._tail_judged = (tail, not _broken(check, tail, self._said))
        return self._tail_judged[1]

    def due_at(self, *, now: float) -> float | None:
        """Say when held sound may follow although its sentence is not complete; None when time changes nothing."""
        if not self._held or self._waiting or self._has_all_words:
            return None
        due_at = self._held[0].since + LONGEST_DELAY_SECONDS
        return due_at if due_at > now else None

    def heard(self, played_ms: float) -> str:
        """Give the words that were heard in the first `played_ms`, whole ones."""
        if played_ms <= 0 or not self.text.strip():
            return ""
        is_sure = self._has_all_sound and self._is_whole
        if is_sure and played_ms >= self.received_ms:
            return self.text.strip()
        share = int(len(self.text) * min(1.0, played_ms / max(self.received_ms, 1)))
        end = share if is_sure else min(share, int(played_ms * _FASTEST_SPEECH))
        if end < len(self.text) and not self.text[end].isspace():
            end = self.text.rfind(" ", 0, end + 1)
        return self.text[: max(end, 0)].strip()


def _broken(check: Check, sentence: str, said: Sequence[str]) -> Sequence[Finding]:
    """Check one sentence after as much of what was said before as a reply may be long."""
    if not any(map(str.isalnum, sentence)):
        return ()
    context: list[str] = []
    room = _CONTEXT_CHARS
    for earlier in reversed(said):
        room -= len(earlier)
        if room < 0:
            break
        context.insert(0, earlier)
    findings = check(sentence, context)
    if context and any(finding.reason == "too_long" for finding in findings):
        findings = check(sentence, ())
    return findings


@dataclass(slots=True)
class _Played:
    sent_ms: float = 0.0
    played_ms: float = 0.0


class Playout:
    """What was given to the phone, and how much of it the marks say was played."""

    def __init__(self) -> None:
        self._items: dict[str, _Played] = {}
        self._marks: dict[str, tuple[str, float]] = {}  # in the order in which they come back
        self._number = 0

    @property
    def is_playing(self) -> bool:
        return bool(self._marks)

    def frames(self, item_id: str, audio: bytes) -> list[tuple[bytes, str]]:
        """Cut sound into frames, each with the mark that tells when it was played."""
        frames: list[tuple[bytes, str]] = []
        counted = self._items.setdefault(item_id, _Played())
        for start in range(0, len(audio), _FRAME_BYTES):
            piece = audio[start : start + _FRAME_BYTES]
            counted.sent_ms += len(piece) / BYTES_A_MILLISECOND
            self._number += 1
            mark = f"m{self._number}"
            self._marks[mark] = (item_id, counted.sent_ms)
            frames.append((piece, mark))
        return frames

    def passed(self, mark: str) -> None:
        """Take a mark that came back. It stands for all before it; one that was cleared says nothing."""
        if mark not in self._marks:
            return
        for name in list(self._marks):
            item_id, end_ms = self._marks.pop(name)
            self._items[item_id].played_ms = end_ms
            if name == mark:
                return

    def clear(self) -> None:
        """Forget what was not played: it never will be."""
        self._marks.clear()

    def played_ms(self, item_id: str) -> float:
        counted = self._items.get(item_id)
        return counted.played_ms if counted else 0.0

    def is_played(self, item_id: str) -> bool:
        """Tell whether nothing of an item is under way to the ear."""
        return all(owner != item_id for owner, _ in self._marks.values())
