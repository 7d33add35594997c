"""How long to wait for the rest of what a customer is writing (spec 4.5, design: the turn, step 2)."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

# A message that ends so is usually followed by another one.
_OPEN_ENDINGS = re.compile(
    r"(?:[,;:\-–]|\.\.\.|…"
    r"|\b(?:e|mas|que|de|da|do|pra|para|por|porque|pq|com|ou|se|eu|o|a|meu|minha|então|entao|tipo))$",
    re.IGNORECASE,
)
_LONGEST_ENDING = 16  # with a letter to spare before it
_GREETING_ONLY = re.compile(
    r"^\W*(?:oi+e?|ol[aá]|opa|e a[ií]|ei|al[oô]|bom dia|boa tarde|boa noite"
    r"|oi,? (?:tudo bem|bom dia|boa tarde|boa noite))\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietWindow:
    """Seconds of silence before a turn: after a complete text, after a broken-off one, at most from the first."""

    complete_seconds: float = 1.5
    broken_seconds: float = 6.0
    cap_seconds: float = 10.0

    def seconds_after(self, text: str | None) -> float:
        """Give the silence to wait for after this message. A file without words counts as complete."""
        if text and _OPEN_ENDINGS.search(text.rstrip()[-_LONGEST_ENDING:]):
            return self.broken_seconds
        if text and _GREETING_ONLY.match(text):
            return (self.complete_seconds + self.broken_seconds) / 2
        return self.complete_seconds

    def quiet_until(self, text: str | None, *, now: datetime) -> datetime:
        return now + timedelta(seconds=self.seconds_after(text))
