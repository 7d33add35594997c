"""The keys that a customer presses in a Realtime call, put together to what they type."""

from domain.documents import find_documents

_MOST_DIGITS = 14


class Keypad:
    """Collects keys until they are a whole: a document, what a # ends, or what is followed by a pause."""

    def __init__(self, *, patience: float) -> None:
        self._patience = patience
        self._digits = ""
        self.due_at: float | None = None

    def press(self, digit: str, *, now: float) -> None:
        """Take one key in."""
        self._digits += digit
        is_whole = digit == "#" or len(self._digits) >= _MOST_DIGITS or find_documents(self._digits)
        self.due_at = now if is_whole else now + self._patience

    def take(self, *, now: float) -> str:
        """Give what was typed once it is a whole; until then nothing."""
        if self.due_at is None or now < self.due_at:
            return ""
        digits, self._digits, self.due_at = self._digits.strip("#"), "", None
        return digits
