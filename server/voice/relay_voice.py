"""How far the voice of a ConversationRelay call has come: by Twilio's word, else by a guess (protocols 4.5)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress


class RelayVoice:
    """What was handed over to be spoken, and how much of it was. Without word from Twilio it is a guess by length."""

    def __init__(self, *, characters_per_second: float, delay_seconds: float, now: Callable[[], float]) -> None:
        self._characters_per_second = characters_per_second
        self._delay_seconds = delay_seconds  # until the first sound of a text
        self._now = now
        self._sent = 0
        self._played = 0
        self._is_on = False
        self._spoken_by = 0.0
        self.moved = asyncio.Event()

    def begin(self) -> None:
        """A new talk cycle takes the place of what is left of the one before."""
        self._sent = self._played = 0
        self._spoken_by = self._now()

    def say(self, text: str) -> None:
        """Note what was handed over to be spoken."""
        begins = max(self._spoken_by, self._now() + self._delay_seconds)
        self._spoken_by = begins + len(text) / self._characters_per_second
        self._sent += _letters(text)

    def played(self, text: str) -> None:
        """Note what Twilio says was spoken."""
        self._played += _letters(text)
        self.moved.set()

    def turn(self, *, is_on: bool) -> None:
        """Note that the voice began or ended to speak."""
        self._is_on = is_on
        self.moved.set()

    @property
    def silent_at(self) -> float:
        """Give when all of it is spoken; now, when Twilio has said so."""
        is_known = self._sent <= self._played and not self._is_on
        return self._now() if is_known else self._spoken_by

    async def until_silent(self) -> None:
        """Wait until all that was handed over has been spoken."""
        while (wait := self.silent_at - self._now()) > 0:
            self.moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.moved.wait()


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text)
