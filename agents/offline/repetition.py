"""The same question is never put three times in a row: the third time a person is offered with it."""

import re
from typing import Final

from agents.offline.reading import Turn, last_question

_PERSON: Final = "ou prefere que eu te passe para uma pessoa da equipe?"
# What a question asks for, by its folded words, and how it is put when a person is offered with it. Order matters.
_KINDS: Final = (
    ("name", re.compile(r"\bnome completo\b"), f"Pode me dizer o nome completo do titular, {_PERSON}"),
    ("document", re.compile(r"\b(?:cpf|cnpj)\b"), f"Pode me mandar o CPF ou CNPJ do titular, {_PERSON}"),
    ("day", re.compile(r"\b(?:dia|data|quando)\b"), f"Consegue me dizer um dia, {_PERSON}"),
    ("amount", re.compile(r"\b(?:valor|quanto|total)\b"), f"Qual valor fica bom para você, {_PERSON}"),
    ("help", re.compile(r"\bajudar\b|\bpode me contar\b"), f"Me conta com outras palavras, {_PERSON}"),
)
_LAST_QUESTION: Final = re.compile(r"[^.!?\n]*\?\s*(?:😊\s*)?$")


def _kind(reply: str) -> str | None:
    question = last_question(reply)
    return next((name for name, pattern, _ in _KINDS if pattern.search(question)), None)


def without_third_asking(turn: Turn, text: str) -> str:
    """Put a question that was asked in both of the last replies together with the offer of a person."""
    kind = _kind(text)
    asked_before = [_kind(reply) for reply in turn.recent_replies[-2:]]
    if kind is None or asked_before != [kind, kind] or "pessoa da equipe" in text:
        return text
    again = next(wording for name, _, wording in _KINDS if name == kind)
    match = _LAST_QUESTION.search(text)
    if match is None:
        return text
    before = text[: match.start()].rstrip(" ")
    return f"{before}{'' if not before or before.endswith(chr(10)) else ' '}{again}"
