"""A voice without sound: how far it is in a sentence, at a pace that may change in the middle of one."""

import asyncio
from contextlib import suppress
from typing import Final

CALM: Final = 16.0  # characters a second of a calm Brazilian voice


class Voice:
    """Speaks one sentence at a time. A pace of None speaks at once, and is never interrupted."""

    def __init__(self, pace: float | None = CALM) -> None:
        self._pace = pace
        self._sentence = ""
        self._out = 0.0  # characters that were out at `_since`
        self._since = 0.0
        self._is_cut = False
        self._changed = asyncio.Event()

    async def speak(self, sentence: str) -> bool:
        """Speak a sentence to its end; say False when it was cut."""
        self._sentence, self._out, self._is_cut = sentence, 0.0, False
        self._since = asyncio.get_running_loop().time()
        while not self._is_cut and self._pace is not None and self._characters() < len(sentence):
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout((len(sentence) - self._characters()) / self._pace):
                    await self._changed.wait()
        self._sentence = ""
        return not self._is_cut

    def cut(self) -> str | None:
        """Stop in mid-sentence; give the words that were out, None when nothing is being spoken."""
        if not self._sentence:
            return None
        words = self.words
        self._sentence, self._is_cut = "", True
        self._changed.set()
        return words

    def set_pace(self, pace: float | None) -> None:
        """Go on faster or slower from where it is."""
        self._out = self._characters()
        self._since = asyncio.get_running_loop().time()
        self._pace = pace
        self._changed.set()

    @property
    def sentence(self) -> str:
        """Give what is being spoken; nothing between sentences."""
        return self._sentence

    @property
    def words(self) -> str:
        """Give the whole words of the sentence that are out."""
        return whole_words(self._sentence, int(self._characters()))

    @property
    def part(self) -> float:
        """Give how much of the sentence is out, from 0 to 1."""
        return min(1.0, self._characters() / len(self._sentence)) if self._sentence else 1.0

    def seconds(self, sentence: str) -> float:
        """Give how long a whole sentence takes at this pace."""
        return len(sentence) / self._pace if self._pace else 0.0

    def _characters(self) -> float:
        if self._pace is None:
            return float(len(self._sentence))
        return self._out + (asyncio.get_running_loop().time() - self._since) * self._pace


def whole_words(sentence: str, characters: int) -> str:
    """Give the words that end within the first characters: half a word is none."""
    if characters >= len(sentence):
        return sentence
    end = sentence.rfind(" ", 0, characters + 1)
    return sentence[:end].rstrip() if end > 0 else ""
