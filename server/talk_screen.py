"""A talk written as it happens: spoken words one after the other, and what is typed below them, never mixed."""

from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.markup import escape

_ERASE_LINE: Final = "\r\x1b[K"
_WIDEST: Final = 100
_CUT: Final = "✂ interrompida"


class TalkScreen:
    """Words that are spoken while somebody types wait until the line is sent or taken back."""

    def __init__(self, console: Console, *, speaker: str) -> None:
        self._console = console
        self._speaker = speaker
        self._width = min(_WIDEST, console.width)
        self._column = 0  # of the spoken line that is open; 0 when none is
        self._reply: int | None = None
        self._typed = ""
        self._waiting: list[Callable[[], None]] = []

    def speak(self, reply: int, words: str) -> None:
        """Write more words of a reply."""
        self._do(lambda: self._speak(reply, words))

    def cut(self) -> None:
        """Mark where the voice was interrupted."""
        self._do(self._cut)

    def note(self, text: str) -> None:
        """Write a line about the call."""
        self._do(lambda: self._line(f"[dim]{escape(text)}[/dim]"))

    def said(self, text: str) -> None:
        """Write what the customer has said."""
        self._do(lambda: self._line(f"[bold cyan]você ›[/bold cyan] {escape(text)}"))

    def typing(self, text: str) -> None:
        """Show what is being typed; nothing gives the screen back to the talk."""
        if text and not self._typed:
            self._end_line()
        if self._typed:
            self._console.file.write(_ERASE_LINE)
        self._typed = text
        if text:
            shown = text[-max(10, self._width - 12) :]
            self._console.print(f"[bold cyan]você ›[/bold cyan] {escape(shown)}", end="")
        else:
            waiting, self._waiting = self._waiting, []
            for work in waiting:
                work()
        self._console.file.flush()

    def pause(self) -> None:
        """End the open line, for somebody else to write."""
        self._end_line()

    def _do(self, work: Callable[[], None]) -> None:
        if self._typed:
            self._waiting.append(work)
            return
        work()
        self._console.file.flush()

    def _speak(self, reply: int, words: str) -> None:
        if not self._column:
            begin = f"{self._speaker} ›" if reply != self._reply else " " * (len(self._speaker) + 2)
            self._write(f"[bold green]{begin}[/bold green]", len(begin))
        self._reply = reply
        for word in words.split():
            if self._column + len(word) + 1 > self._width:
                self._end_line()
                self._write(" " * (len(self._speaker) + 2), len(self._speaker) + 2)
            self._write(f" {escape(word)}", len(word) + 1)

    def _cut(self) -> None:
        if not self._column:
            self._write(" " * (len(self._speaker) + 2), len(self._speaker) + 2)
        self._write(f" [yellow]{_CUT}[/yellow]", len(_CUT) + 1)

    def _write(self, markup: str, width: int) -> None:
        self._console.print(markup, end="")
        self._column += width

    def _line(self, markup: str) -> None:
        self._end_line()
        self._console.print(markup)

    def _end_line(self) -> None:
        if self._column:
            self._console.print()
            self._column = 0
