"""Rewriting a vetoed draft: offending sentences go, the rest stays as it was said."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agents.offline.phrases import HUMAN_OFFER, NEUTRAL_DOCUMENT_REQUEST
from agents.offline.reading import Json, as_text
from domain.documents import contains_full_document
from domain.wording import fold

_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])[ \t]+")
_CODE_KEYS: Final = ("codigo", "code", "motivo", "reason", "tipo", "regra")
_DEFAULT_LIMIT: Final = 500
_WEEKDAYS: Final = r"segunda|terca|quarta|quinta|sexta|sabado|domingo|amanha|hoje"
# What each veto is about, for reasons that name no span; matched on folded sentences.
_OFFENCES: Final = {
    "unsupported_amount": re.compile(r"r\$ ?\d|\d+,\d{2}\b|\b\d+ reais\b"),
    "unsupported_date": re.compile(rf"\b\d{{1,2}}/\d{{1,2}}\b|\bdia \d{{1,2}}\b|\b({_WEEKDAYS})\b"),
    "unsupported_claim": re.compile(
        r"\b(registrei|registrado|registrada|anotei|anotado|transferi|transferido|atualizei|descadastrei|confirmei|enviei|mandei"
        r"|gravei|agendei|cancelei|abri um|dei baixa|vou ligar|vamos ligar|entraremos"
        r"|protocolo|salvei|cadastrei|conferi)\b"
    ),
    "debt_before_identity": re.compile(
        r"\b(fatura\w*|divida\w*|debito\w*|cobranca\w*|atras\w+|vencid\w+|vencimento"
        r"|em aberto|devendo|deve|pendencia\w*|boleto\w*)\b|r\$"
    ),
    "unsupported_code": re.compile(r"\bprotocolo\b|\b[a-z]*\d[a-z\d]{4,}\b|\d{8,}"),
    "wrong_language": re.compile(r"\b(the|sorry|please|your|you|with|and|this|invoice|payment|error|cannot|thank"
        r"|thanks|hello|is|are)\b"),
    "internal_text": re.compile(
        r"traceback|exception|\berror\b|\bnull\b|\bnone\b|[{}<>]|sistema_indisponivel|\b[a-z]+_[a-z_]+\b|tool|ferramenta|prompt|json|api\b"
    ),
}  # fmt: skip


# What is cut out of its sentence, which may stay.
_MENDED: Final = {
    "wrong_weekday": re.compile(
        r"\b(?:(?:segunda|terça|quarta|quinta|sexta)(?:-feira)?|sábado|domingo)(?:,? dia|,)? ?(?=\d)", re.IGNORECASE
    ),
    "link_not_allowed": re.compile(r" ?(?:https?://|www\.)\S+| ?\b(?:bit\.ly|t\.me|wa\.me)/\S+"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Veto:
    """One reason why a draft may not be sent."""

    code: str
    excerpt: str
    limit: int | None


def vetoes_of(block: Json) -> tuple[Veto, ...]:
    """Read `motivos`: codes alone, or objects with a code and perhaps the offending `trecho`."""
    reasons = block.get("motivos")
    return tuple(_veto(item) for item in reasons) if isinstance(reasons, list) else ()


def _veto(item: object) -> Veto:
    if not isinstance(item, Mapping):
        return Veto(code=as_text(item).split(":")[0].strip(), excerpt="", limit=None)
    limit = item.get("limite")
    return Veto(
        code=next((as_text(item.get(key)) for key in _CODE_KEYS if as_text(item.get(key))), ""),
        excerpt=as_text(item.get("trecho")),
        limit=limit if isinstance(limit, int) and limit > 0 else None,
    )


def refine(block: Json) -> str:
    """Return the draft without what was vetoed, or a safe sentence when nothing is left."""
    vetoes = vetoes_of(block)
    rows = [list(_sentences(row)) for row in as_text(block.get("rascunho")).split("\n")]
    for veto in vetoes:
        is_bad = _judge(veto)
        if veto.code in _MENDED:
            rows = [[_MENDED[veto.code].sub("", sentence) for sentence in row] for row in rows]
        elif veto.code != "too_long":
            rows = [[sentence for sentence in row if not is_bad(sentence)] for row in rows]
    text = "\n".join(" ".join(row) for row in rows if row).strip()
    for veto in vetoes:
        if veto.code == "too_long":
            text = _shortened(text, veto.limit or _DEFAULT_LIMIT)
    if not _says_something(text):
        return _safe_reply(vetoes)
    must_ask = any(veto.code == "debt_before_identity" for veto in vetoes) and "cpf" not in text.lower()
    return f"{text} {NEUTRAL_DOCUMENT_REQUEST}" if must_ask else text


def _sentences(row: str) -> Iterator[str]:
    return (sentence for sentence in _SENTENCE_END.split(row.strip()) if sentence)


def _judge(veto: Veto) -> Callable[[str], bool]:
    """Return what tells an offending sentence: the excerpt when it is found there, else the kind of offence."""
    if veto.excerpt:
        excerpt = fold(veto.excerpt)
        words = set(excerpt.split())
        return lambda sentence: excerpt in fold(sentence) or fold(sentence) in excerpt or (
            len(words) > 3 and len(words & set(fold(sentence).split())) >= 0.8 * len(words)
        )  # fmt: skip
    if veto.code == "full_document":
        return contains_full_document
    pattern = _OFFENCES.get(veto.code)
    return (
        (lambda _sentence: False) if pattern is None else (lambda sentence: pattern.search(fold(sentence)) is not None)
    )


def _shortened(text: str, limit: int) -> str:
    """Keep the first sentences and the last question within the limit."""
    if len(text) <= limit:
        # It was vetoed as too long for its channel, whose limit we are not told: halve it.
        limit = max(len(text) // 2, 80)
    sentences = [sentence for row in text.split("\n") for sentence in _sentences(row)]
    question = sentences[-1] if sentences and sentences[-1].endswith("?") and len(sentences[-1]) < limit else ""
    kept: list[str] = []
    for sentence in sentences[: len(sentences) - bool(question)]:
        if len(" ".join((*kept, sentence, question))) > limit:
            break
        kept.append(sentence)
    short = " ".join((*kept, question)).strip()
    return short or f"{text[: limit - 1].rsplit(' ', 1)[0]}…"


def _says_something(text: str) -> bool:
    return sum(char.isalpha() for char in text) >= 8


def _safe_reply(vetoes: Sequence[Veto]) -> str:
    if any(veto.code in {"debt_before_identity", "full_document"} for veto in vetoes):
        return NEUTRAL_DOCUMENT_REQUEST
    return f"Quero te responder com a informação certa, e agora não tenho como confirmar. {HUMAN_OFFER}"
