"""What no reply may hold, whatever a model wrote: debt before identity, documents, threats, internal text."""

# ruff: noqa: E501 - a pattern is read whole or not at all

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import urlsplit

from domain.documents import contains_full_document
from domain.evidence import Finding
from domain.folded_text import folded
from domain.messages import Medium
from domain.money import find_amounts
from domain.sentences import split_sentences
from domain.spoken_digits import figures_said

_LIMITS = {Medium.WHATSAPP: 1500, Medium.SIMULATOR: 1500, Medium.SMS: 800, Medium.VOICE: 500}
_DEBT_STEMS = (
    "divida", "debito", "em aberto", "em atraso", "atrasad", "vencid", "devendo", "inadimplen", "pendencia", "negativad",
    "cobranca",
)  # fmt: skip
_DEBT = "|".join(_DEBT_STEMS)
_TELLS_DEBT = re.compile(
    rf"\b(?:voce (?:tem|possui|deve|esta)|(?:ha|consta|constam|existe|existem|temos|identificamos|identifiquei|encontramos|encontrei"
    rf"|localizamos|localizei|sua|suas|seu|seus)\b)[^.!?\n]{{0,40}}(?:{_DEBT}|\bfaturas? (?:de|no valor|vencid)|\bvenceu\b)"
    r"|\bvoce (?:esta )?dev(?:e|endo)\b(?! (?:me |nos )?(?:informar|enviar|mandar|confirmar|falar))"
    r"|\bnao (?:ha|tem|consta|constam|encontrei|possui)[^.!?\n]{0,30}(?:fatura|divida|debito|pendencia|em aberto)"
)
_CONDITIONAL = re.compile(r"\b(?:se|caso|para (?:ver|consultar|saber|verificar|falar)|sobre (?:se|algum))\b")
_THREATS = (
    "serasa", "spc", "nome sujo", "sujar seu nome", "negativar", "negativacao", "negativad", "protest", "justica", "judicial",
    "advogad", "processar", "processo judicial", "oficial de", "policia", "penhora", "consequencia", "ultima chance",
    "ultimo aviso", "vai se arrepender", "caloteir", "vergonha", "sera cortad", "sera suspens", "sera bloquead", "vamos cortar",
    "vamos suspender", "vamos bloquear", "corte imediato", "cortar sua", "cortar seu", "suspender sua", "suspender seu",
    "bloquear sua", "bloquear seu",
)  # fmt: skip
_ASSERTS = re.compile(r"\b(?:vai|vamos|sera|serao|iremos|podera|poderemos|tera|voce sofrera|caso contrario|senao)\b")
_ENGLISH = frozenset(
    re.findall(
        r"\S+",
        "the you your yours is are was were please sorry cannot can't can could would should will have has had this that with from for and not i i'm my we our they error invoice payment account hello "
        "hi thanks thank help assistant as an of to in on be been it it's don't unable request provide customer due date amount sure here how what when there",
    )
)
_PORTUGUESE_TOO = frozenset({"as", "for", "a", "e", "o", "me", "to", "has", "hi", "due"})
_INTERNAL = re.compile(
    r"Traceback|\bException\b|\b\w+(?:Error|Exception)\b|\bNone\b|\bnull\b|\bundefined\b|\bNaN\b|\{\{|\}\}|\{%|\{\s*\"|\"\s*:\s*[\"{\[]"
    r"|<\|?/?[a-z_]+\|?>|\[/?INST\]|```|\b[a-z]+(?:_[a-z]+)+\b|\btool[_ ]?calls?\b|\bsystem prompt\b|\bprompts?\b|\bJSON\b"
    r"|Contexto do turno|\bmodelo de linguagem\b|\blanguage model\b|localhost|127\.0\.0\.1|\bstack ?trace\b"
    r"|\b(?:rascunho|ferramenta interna)\b|\bHTTP \d{3}\b|\b(?:timeout|status code)\b",
)
_LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]+|\b(?:bit\.ly|t\.me|wa\.me|tinyurl\.com|goo\.gl)/\S+", re.IGNORECASE
)
_DIGIT_WORDS = {
    "zero": "0", "um": "1", "dois": "2", "tres": "3", "quatro": "4", "cinco": "5", "seis": "6", "meia": "6", "sete": "7",
    "oito": "8", "nove": "9",
}  # fmt: skip
_SPELLED = re.compile(r"\b(?:(?:zero|um|dois|tres|quatro|cinco|seis|meia|sete|oito|nove)[\s,.-]+){4,}\w+")
_TELLING_DIGITS = 6


def find_debt_told(
    text: str, *, customer_texts: Sequence[str], known_texts: Sequence[str], known_amounts: set[int]
) -> list[Finding]:
    """List what tells a debt to somebody whose identity is not confirmed (design: N6).

    The customer's own words and the tenant's published texts may be repeated in general, never as a statement about
    the customer. `known_amounts` are amounts that are no debt: prices, and what the customer said.
    """
    findings = []
    for sentence in split_sentences(text):
        plain = folded(sentence)
        told = _TELLS_DEBT.search(plain)
        if told and not _CONDITIONAL.search(plain[: told.start()]) and not _is_question_about_topic(sentence, plain):
            findings.append(Finding(reason="debt_before_identity", excerpt=sentence))
            continue
        stems = [stem[:6] for stem in _DEBT_STEMS if stem in plain]
        if stems and not all(_is_said(stem, [*customer_texts, *known_texts]) for stem in stems):
            findings.append(Finding(reason="debt_before_identity", excerpt=sentence))
            continue
        if any(amount.cents not in known_amounts for amount in find_amounts(sentence)):
            findings.append(Finding(reason="debt_before_identity", excerpt=sentence))
    return findings


def _is_said(stem: str, texts: Sequence[str]) -> bool:
    return any(stem in folded(text) for text in texts)


def _is_question_about_topic(sentence: str, plain: str) -> bool:
    """Tell "quer ver suas faturas em aberto?" (an offer) from a statement."""
    return sentence.endswith("?") and bool(re.search(r"\b(?:quer|deseja|gostaria|precisa|posso)\b", plain))


_HUNDREDS = re.compile(r"\b(?:cem|cento|duzentos|trezentos|quatrocentos|quinhentos|\w+centos)\b")


def find_documents_shown(text: str, *, documents: Sequence[str]) -> list[Finding]:
    """List whole documents, and pieces of the given ones long enough to give them away, spelled out or not."""
    findings = []
    if contains_full_document(text):
        findings.append(Finding(reason="full_document"))
    digits = _digits_of(text)
    if _HUNDREDS.search(folded(text)):
        digits += f" {figures_said(text)}"  # "quinhentos e vinte e nove, …": read aloud group by group
    for document in documents:
        for start in range(len(document) - _TELLING_DIGITS + 1):
            if document[start : start + _TELLING_DIGITS] in digits:
                findings.append(Finding(reason="full_document"))
                break
    return findings[:1]


def _digits_of(text: str) -> str:
    """Give the digit groups of a text joined as a reader would join them; anything but a few short words parts them."""
    spelled = _SPELLED.sub(
        lambda run: "".join(_DIGIT_WORDS.get(word, "") for word in re.findall(r"\w+", run[0])), folded(text)
    )
    joined = re.sub(r"(?<=\d)[\s.\-–/,]{1,3}(?:e |mais |depois |final |termina (?:em|com) )?(?=\d)", "", spelled)
    return joined.upper()


def find_forbidden(
    text: str, *, words: Sequence[str], customer_texts: Sequence[str], known_texts: Sequence[str]
) -> list[Finding]:
    """List the tenant's forbidden words, and threats (spec 1.3). An answer about a word the customer used is no threat."""
    findings = []
    for word in words:
        pattern = rf"(?<!\w){re.escape(folded(word).strip())}(?!\w)"
        if word.strip() and re.search(pattern, folded(text)):
            findings.append(Finding(reason="forbidden_word", excerpt=word))
    for sentence in split_sentences(text):
        plain = folded(sentence)
        for threat in _THREATS:
            if threat not in plain or _is_said(threat, known_texts):
                continue
            if not _ASSERTS.search(plain) and _is_said(threat[:6], customer_texts):
                continue
            findings.append(Finding(reason="threat", excerpt=sentence))
            break
    return findings


def find_foreign_or_internal(text: str, *, allowed_words: Sequence[str] = ()) -> list[Finding]:
    """List English, and texts that only developers should see (design: N9)."""
    findings = []
    bare = _LINK.sub(" ", text)
    for word in allowed_words:
        bare = bare.replace(word, " ")
    internal = _INTERNAL.search(bare)
    if internal:
        findings.append(Finding(reason="internal_text", excerpt=internal[0]))
    for sentence in split_sentences(bare):
        words = re.findall(r"[A-Za-zÀ-ÿ']+", sentence.lower().replace("’", "'"))
        english = [word for word in words if word in _ENGLISH and word not in _PORTUGUESE_TOO]
        if len(english) >= 2 and len(english) * 4 >= len(words):
            findings.append(Finding(reason="wrong_language", excerpt=sentence))
    foreign = sum(1 for character in text if unicodedata.category(character) == "Lo")
    if foreign > 3:
        findings.append(Finding(reason="wrong_language"))
    return findings


def find_links(text: str, *, allowed_hosts: Sequence[str], known_texts: Sequence[str]) -> list[Finding]:
    """List links to places that the tenant neither allows nor published itself."""
    published = "\n".join(known_texts)
    findings = []
    for match in _LINK.finditer(text):
        link = match[0].rstrip(".,;:!?")
        host = (urlsplit(link if "://" in link else f"https://{link}").hostname or "").lower()
        is_allowed = any(host == allowed.lower() or host.endswith(f".{allowed.lower()}") for allowed in allowed_hosts)
        if not is_allowed and link not in published:
            findings.append(Finding(reason="link_not_allowed", excerpt=link))
    return findings


def find_bad_length(text: str, *, medium: Medium) -> list[Finding]:
    """Say that a reply is empty or too long for what the customer holds in the hand."""
    if not any(character.isalnum() for character in text):
        return [Finding(reason="empty")]
    return [Finding(reason="too_long")] if len(text) > length_limit(medium) else []


def length_limit(medium: Medium) -> int:
    """Give the most characters of a reply on a medium."""
    return _LIMITS[medium]
