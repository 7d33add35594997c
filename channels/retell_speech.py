"""Tell from the transcript how much of a reply was heard: Retell sends no "interrupted" (protocols 5.5)."""

import re

from channels.retell_frames import Transcript

_WORD = re.compile(r"\S+")


class SpokenReply:
    """The newest reply: what was handed over to be spoken, against what the transcript says was spoken of it."""

    def __init__(self, *, asked: Transcript) -> None:
        self._base = asked.last_agent_index  # what the agent says after this place is of this reply
        self._asked_text = asked.user_text
        self._said: list[str] = []
        self._is_done = False
        self._cut: str | None = None

    @property
    def is_done(self) -> bool:
        return self._is_done

    def say(self, text: str) -> None:
        self._said.append(text)
        self._is_done = False

    def finish(self) -> None:
        self._is_done = True

    def interrupted_by(self, transcript: Transcript) -> str | None:
        """Give what was heard when the customer spoke into a reply that is still being made; None otherwise.

        A reply that is complete is judged when the next answer is wanted: until then the transcript may lag behind.
        """
        has_new_words = bool(transcript.user_text) and (
            transcript.last_agent_index > self._base or transcript.user_text != self._asked_text
        )
        if self._is_done or not has_new_words or self._cut is not None:
            return None
        return self.left_at(transcript)

    def left_at(self, transcript: Transcript) -> str | None:
        """Give what was heard of a reply that another one follows; None when it was all heard, or was told before."""
        said = " ".join(self._said)
        if not said:
            return None
        heard = heard_part(said, transcript.spoken_after(self._base))
        if heard == self._cut or (heard == said and self._is_done and self._cut is None):
            return None
        self._cut = heard
        return heard

    def hung_up_at(self, transcript: Transcript) -> str | None:
        """Give what was heard when the customer hung up in the middle of it; None where the transcript cannot tell."""
        heard = heard_part(" ".join(self._said), transcript.spoken_after(self._base))
        return self.left_at(transcript) if heard and self._cut is None else None


def heard_part(said: str, spoken: str) -> str:
    """Give the part of a text that was spoken, by counting words: the transcript may write them otherwise."""
    left = sum(1 for _ in _words(spoken))
    end = 0
    for word in _words(said):
        if left == 0:
            return said[:end]
        left -= 1
        end = word.end()
    return said


def _words(text: str) -> list[re.Match[str]]:
    return [word for word in _WORD.finditer(text) if any(character.isalnum() for character in word[0])]
