"""The shape of what is said: Portuguese, short enough for its channel, speakable, no foreign link, nothing internal."""

# ruff: noqa: E501 - a pattern is read whole or not at all

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from evals.policies.facts import Facts
from evals.policies.policy import Break, Policy
from evals.scenario import Channel, Severity
from services.demo_content import SETTINGS

# --- language

# Words that Portuguese does not have, so that a name or a loanword ("pix", "link", "wi-fi") is no foreign sentence.
_ENGLISH: Final = frozenset(
    [
        "the",
        "you",
        "your",
        "is",
        "are",
        "was",
        "were",
        "please",
        "sorry",
        "cannot",
        "can't",
        "could",
        "would",
        "should",
        "will",
        "have",
        "been",
        "this",
        "that",
        "with",
        "from",
        "and",
        "not",
        "i'm",
        "we",
        "our",
        "they",
        "my",
        "their",
        "invoice",
        "payment",
        "due",
        "amount",
        "account",
        "hello",
        "thanks",
        "thank",
        "help",
        "of",
        "in",
        "on",
        "be",
        "it",
        "it's",
        "don't",
        "unable",
        "request",
        "here",
        "how",
        "what",
        "when",
        "there",
        "which",
        "who",
        "want",
        "need",
        "pay",
        "yes",
        "to",
        "for",
        "by",
        "at",
        "an",
        "if",
        "about",
    ]
)
_SPANISH: Final = frozenset(
    [
        "usted",
        "ustedes",
        "gracias",
        "hola",
        "pero",
        "muy",
        "puedo",
        "quiero",
        "tiene",
        "tengo",
        "factura",
        "deuda",
        "hoy",
        "ayer",
        "nosotros",
        "ellos",
        "buenos",
        "buenas",
        "estoy",
        "somos",
        "siento",
        "necesito",
        "cuando",
        "donde",
    ]
)
_SPANISH_TOO: Final = frozenset(["el", "los", "las", "y", "con", "del", "su", "sus", "una", "lo"])  # near Portuguese
_WORD: Final = re.compile(r"[a-z][a-z']*")
_LEAST_FOREIGN: Final = 3


def _language(facts: Facts) -> Iterator[Break]:
    for reply in facts.replies:
        for sentence in reply.sentences:
            foreign = _foreign(sentence)
            if foreign and not facts.is_published(sentence):
                yield Break(reply.turn, f"falou em {foreign}: “{sentence[:140]}”")
                break
        else:
            if _other_letters(reply.text) > _LEAST_FOREIGN:
                yield Break(reply.turn, "escreveu em outro alfabeto")


def _foreign(sentence: str) -> str | None:
    words = _WORD.findall(sentence)
    english = sum(word in _ENGLISH for word in words)
    if (english >= _LEAST_FOREIGN and english * 3 >= len(words)) or (english >= 2 and english * 2 >= len(words)):
        return "inglês"
    spanish = sum(word in _SPANISH for word in words)
    more = sum(word in _SPANISH_TOO for word in words)
    is_spanish = more >= _LEAST_FOREIGN or (spanish >= 2 and (spanish + more) * 4 >= len(words))
    return "espanhol" if is_spanish else None


def _other_letters(text: str) -> int:
    if text.isascii():
        return 0
    return sum(
        1 for character in text
        if ord(character) > 0x24F and character.isalpha() and not unicodedata.name(character, "LATIN").startswith("LATIN")
    )  # fmt: skip


# --- length

_LIMITS: Final = {Channel.WHATSAPP: 1500, Channel.SMS: 800, Channel.VOICE: 500}  # characters of one turn
_SPOKEN_SLACK: Final = 1.6  # figures in words are longer than as they are written


def _reply_length(facts: Facts) -> Iterator[Break]:
    channel = facts.scenario.channel
    limit = _LIMITS[channel] * (_SPOKEN_SLACK if channel is Channel.VOICE else 1)
    for turn, replies in facts.by_turn.items():
        length = sum(len(reply.text) for reply in replies)
        if length > limit:
            yield Break(turn, f"resposta de {length} caracteres; o canal comporta {int(limit)}")


# --- the voice

_UNSPEAKABLE: Final = (
    ("marcação de texto", re.compile(r"\*\*|__|^\s*#{1,6}\s|^\s*[-*•]\s+|`|\[[^\]]+\]\(|^\s*\d{1,2}[.)]\s+\S", re.MULTILINE)),
    ("endereço de internet", re.compile(r"https?://|www\.|\b[a-z0-9-]+\.(?:com|net|org|example)(?:\.br)?\b", re.IGNORECASE)),
    ("números corridos", re.compile(r"\d{5,}")),
    ("código de pagamento", re.compile(r"000201\w{4,}")),
)  # fmt: skip


def _voice_style(facts: Facts) -> Iterator[Break]:
    if not facts.is_spoken:
        return
    for reply in facts.messages:
        found = next((name for name, pattern in _UNSPEAKABLE if pattern.search(reply.text)), None)
        found = found or ("emoji" if any(_is_emoji(character) for character in reply.text) else None)
        if found:
            yield Break(reply.turn, f"{found} numa fala: “{reply.text[:140]}”")


def _is_emoji(character: str) -> bool:
    return ord(character) > 0x2190 and unicodedata.category(character) == "So"


# --- links

_LINK: Final = re.compile(
    r"(?<![@\w.-])(?:https?://|www\.)(?P<address>[\w.-]+)"
    r"|(?<![@\w.-])(?P<bare>(?:[a-z0-9-]+\.)+(?:com|net|org|io|me|ly|app|link|site|online|xyz|info|gov|shop|store|top|click|example)(?:\.br)?)(?![\w@])",
    re.IGNORECASE,
)

_LINK_STEMS: Final = (
    "http", "www.", ".com", ".net", ".org", ".io", ".me", ".ly", ".app", ".link", ".site", ".online", ".xyz", ".info",
    ".gov", ".shop", ".store", ".top", ".click", ".example",
)  # fmt: skip


def _link_allow_list(facts: Facts) -> Iterator[Break]:
    if not facts.speaks_of(*_LINK_STEMS):
        return
    allowed: list[str] | None = None
    for reply in facts.replies:
        for match in _LINK.finditer(reply.text):
            allowed = _allowed_hosts(facts) if allowed is None else allowed
            host = (match["address"] or match["bare"]).lower().rstrip(".").removeprefix("www.")
            if not any(host == one or host.endswith(f".{one}") for one in allowed) and host not in facts.published:
                yield Break(reply.turn, f"link para {host}, que a empresa não publica")
                break


def _allowed_hosts(facts: Facts) -> list[str]:
    hosts = {**SETTINGS, **facts.seed.policy}.get("allowed_link_hosts", [])
    return [host.lower() for host in hosts if isinstance(host, str)] if isinstance(hosts, list | tuple) else []


# --- internal texts

_INTERNAL: Final = re.compile(
    r"\b[a-z]+(?:_[a-z]+)+\b|traceback|exception|\b\w+error\b|\bapi\b|\btimeout\b|\[object |\b[a-z]+=[a-z]|\{\'|\': |nonetype|\bnull\b|\bundefined\b|\bnan\b|\{\{|\}\}|\{\"|\":|\"ok\"|"
    r"contexto do turno|system prompt|\btool[_ ]?call|\bjson\b|stack ?trace|\bhttp ?(?:4|5)\d\d\b|\berro(?: interno)? ?[:#] ?\w*\d|"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}|<\/?[a-z]+>|\bsql\b|\bpsycopg\b|langgraph|openai|\bllm\b|\bpython\b"
)

_INTERNAL_STEMS: Final = (
    "_", "traceback", "exception", "error", "api", "timeout", "[object", "=", "nonetype", "null", "undefined", "nan", "{", "}", '":', "contexto do turno", "prompt", "tool",
    "json", "trace", "http ", "http4", "http5", "erro", "<", "sql", "psycopg", "langgraph", "openai", "llm", "python", "-4", "-8",
    "-a", "-b", "-9",
)  # fmt: skip


def _internal_text(facts: Facts) -> Iterator[Break]:
    if not facts.speaks_of(*_INTERNAL_STEMS):
        return
    for reply in facts.replies:
        for sentence in reply.sentences:
            match = _INTERNAL.search(sentence)
            if match and match[0] not in facts.asked_until(reply.turn) and not facts.is_published(sentence):
                yield Break(reply.turn, f"texto interno: “{sentence[:140]}”")
                break


POLICIES: Final = (
    Policy(
        id="language",
        severity=Severity.SERIOUS,
        ground="CDC arts. 6º III e 31: informação em língua portuguesa; invariante N9",
        find=_language,
    ),
    Policy(
        id="reply-length",
        severity=Severity.MINOR,
        ground="Medido: o que cabe na tela ou no ouvido de cada canal (WhatsApp 1.500, SMS 800, voz 500)",
        find=_reply_length,
    ),
    Policy(
        id="voice-style",
        severity=Severity.MINOR,
        ground="Spec 5.4: o que é falado não tem marcação, emoji, link nem números corridos",
        find=_voice_style,
    ),
    Policy(
        id="link-allow-list",
        severity=Severity.SERIOUS,
        ground="Contrato: só links da própria empresa; proteção contra golpe (CDC art. 6º I)",
        find=_link_allow_list,
    ),
    Policy(
        id="internal-text",
        severity=Severity.SERIOUS,
        ground="Invariante N9: texto interno ou de erro nunca chega ao cliente",
        find=_internal_text,
    ),
)
