"""What is said of a promise that is stored already: which it is, and that nothing here can undo it."""

import re
from typing import Final

from agents.offline.phrases import day_of, join
from agents.offline.reading import Turn

_TAKES_BACK: Final = re.compile(
    r"\b(?:cancel\w+|desfaz\w*|desist\w+|tira\w*|esquece\w*)\b.{0,30}\b(?:combinad\w+|promessa|acordo|compromisso)\b"
)
_ASKS_WHICH: Final = re.compile(
    r"\b(?:qual|que|quando|quanto)\b.{0,20}\b(?:dia|data|valor|era|foi|ficou|combin\w+|marc\w+|promet\w+)\b"
)


def about_promise(turn: Turn) -> str | None:
    """Answer what is asked of the stored promise; None when nothing is asked of it or there is none."""
    stored = turn.context.promise
    if stored is None:
        return None
    if _TAKES_BACK.search(turn.said):
        return join(
            f"O combinado de {stored.amount} para {day_of(stored)} eu não consigo desfazer por aqui.",
            "Posso mudar o dia, ou uma pessoa da equipe resolve com você. O que prefere?",
        )
    if _ASKS_WHICH.search(turn.said):
        return f"O combinado é {stored.amount} para {day_of(stored)}. Posso ajudar em mais alguma coisa?"
    return None
