"""Portuguese sentences more than one agent says, and how they are joined."""

from collections.abc import Iterable

from agents.offline.reading import Agreement, Turn

_EMOJI = "😊"
HUMAN_OFFER = "Quer que eu te passe para uma pessoa da equipe?"
HER_OFFER = "Quer que eu te passe para ela?"  # after a sentence that names "uma pessoa da equipe"
NEUTRAL_DOCUMENT_REQUEST = "Para sua segurança, pode me informar o CPF ou CNPJ do titular?"


def join(*parts: str | None) -> str:
    """Join the parts that are there into one message."""
    return " ".join(part.strip() for part in parts if part and part.strip())


def lines(parts: Iterable[str]) -> str:
    """Join parts as lines of one message."""
    return "\n".join(part for part in parts if part)


def greeting(turn: Turn) -> str:
    """Say who is speaking and for whom, as a virtual assistant."""
    context = turn.context
    return f"Oi! Aqui é a {context.assistant}, assistente virtual da {context.company} 😊"


def introduction(turn: Turn) -> str:
    """Answer "who are you?" honestly."""
    context = turn.context
    return f"Eu sou a {context.assistant}, assistente virtual da {context.company}."


def day_of(agreement: Agreement) -> str:
    """Write a day with its weekday, as a promise is read back."""
    return f"{agreement.weekday}, {agreement.date}" if agreement.weekday else agreement.date


def on_day(agreement: Agreement) -> str:
    """Write "on that day" with the article its weekday asks for."""
    if not agreement.weekday:
        return f"em {agreement.date}"
    article = "no" if agreement.weekday in {"sábado", "domingo"} else "na"
    return f"{article} {day_of(agreement)}"


def contact_first_name(turn: Turn) -> str:
    """Return the contact's first name when it looks like a name (a WhatsApp profile may hold anything)."""
    word = turn.context.contact_name.split(" ")[0] if turn.context.contact_name else ""
    return word.capitalize() if word.isalpha() and len(word) > 1 else ""


def holder_name(turn: Turn) -> str:
    """Return the confirmed holder's first name, empty before identity is confirmed."""
    return turn.context.first_name if turn.context.identity == "confirmada" else ""


def with_one_emoji(text: str) -> str:
    """Keep the first of our emoji; greeting and farewell in one reply would show two."""
    first = text.find(_EMOJI)
    rest = first + len(_EMOJI)
    return text if first < 0 else text[:rest] + text[rest:].replace(f" {_EMOJI}", "").replace(_EMOJI, "")
