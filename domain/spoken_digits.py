"""CPF and CNPJ as people say them on the phone: figure by figure, in groups, over several utterances, with corrections.

Nothing is guessed: only 11 or 14 figures with valid check digits that the utterances give in full are a document.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Final

from domain.documents import Document, InvalidDocument, parse_document
from domain.folded_text import fold
from domain.number_words import NUMBER_WORDS, read_number_words

_CPF, _CNPJ = 11, 14
_MOST_UTTERANCES: Final = 24
_MOST_CHARS: Final = 400  # of an utterance: nobody says a document in more
_MOST_READINGS: Final = 64
_FIGURES: Final = {"zero": "0", "meia": "6", "um": "1", "uma": "1"}
_PLURALS: Final = {
    "zeros": "0", "uns": "1", "quatros": "4", "cincos": "5", "meias": "6", "setes": "7", "oitos": "8",
    "noves": "9",
}  # fmt: skip
_COUNTS: Final = {"dois": 2, "duas": 2, "tres": 3, "quatro": 4}
_WRITTEN: Final = r"\d+(?:[.\-/]\d+)*"
_TOKEN: Final = re.compile(
    rf"(?P<plural>\b(?:dois|duas|tres|quatro)\s+(?:{'|'.join(sorted(_PLURALS, key=len, reverse=True))})\b(?!\s+zero))"
    r"|(?P<double>\bduplo\s+(?:zero|um|dois|tres|quatro|cinco|seis|sete|oito|nove)\b)"
    r"|(?P<contra>\bmil\s+(?:ao\s+)?contr\w+)"
    rf"|(?P<written>(?<![\w$]){_WRITTEN}(?![\w%]))|(?P<words>{NUMBER_WORDS})|(?P<figure>\b(?:zero|meia)\b)"
    r"|(?P<other>[a-z][a-z'-]*)|(?P<stop>[.!?…;\n]+|,)"
)
# What stands between groups and says nothing: hesitation, the names of the signs, "os próximos são".
_JOINTS: Final = frozenset(
    re.findall(
        r"\w+",
        "e eh ah hum hm ha ham ahn an hein ta ne ai entao bom ok certo isso ponto traco tracinho hifen barra "
        "menos espaco final dv digito digitos numero numeros cpf cnpj documento meu minha do da de o a os as seu "
        "seguinte seguintes proximo proximos primeiro primeiros segundo segundos ultimo ultimos resto restante "
        "depois agora vem termina com em comeca sao esta la aqui anota pode anotar deixa eu ver espera pera perai "
        "calma sim sou titular mais falta faltam so vai tudo junto que",
    )
)
_ROUND_TENS: Final = "(?:vinte|trinta|quarenta|cinquenta|sessenta|setenta|oitenta|noventa)"
_ROUND_HUNDREDS: Final = (
    "(?:cento|duzentos|trezentos|quatrocentos|quinhentos|seiscentos|setecentos|oitocentos|novecentos)"
)
_UNIT: Final = "(?:um|dois|tres|quatro|cinco|seis|sete|oito|nove)"
_ARTICLES: Final = frozenset({"um", "uma"})
_PAUSE_AFTER_ARTICLE: Final = re.compile(r"\s*(?:$|[.,;!?…\n])")
_FIGURE_WORD: Final = re.compile(rf"zero|meia|{'|'.join(_PLURALS)}|{NUMBER_WORDS}")
_CORRECTS: Final = re.compile(
    r"(?:nao|opa|ops|errei|desculpa|desculpe|quer dizer|ou melhor|alias|perdao|na verdade|corrigindo|corrige|digo)\b"
)
_RESTARTS: Final = re.compile(
    r"\b(?:de novo|do (?:comeco|inicio|zero)|desde o (?:comeco|inicio)|vou repetir|recomec\w+)\b"
)
_NAMES_OTHER: Final = re.compile(
    r"\b(?:dia|rua|casa|apartamento|apto|bloco|quadra|lote|as|ate as|das|idade|tenho|ha|faz|protocolo|cep)\s*$|\$\s*$"
)
_COUNTED: Final = re.compile(
    r"\b(?:dias?|horas?|minut\w+|reais|real|mil reais|centavos?|vezes|parcelas?|faturas?|contas?|mega|meses|anos?)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenDocument:
    """What the utterances come to."""

    documents: tuple[Document, ...] = ()  # said in full, with valid check digits, oldest first
    digit_count: int = 0  # figures of a document not complete yet
    has_wrong_digits: bool = False  # as many figures as a document has, and the check digits do not fit


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """Figures said in one breath. `corrects`: after "não", they stand for what was said just before."""

    figures: str
    corrects: bool = False
    repeats: str = ""  # the figures before, which these may only say again


def hear_document(utterances: Sequence[str]) -> SpokenDocument:
    """Assemble what the customer said since the document was asked for, oldest first."""
    found: dict[Document, None] = {}
    said: list[_Group] = []
    is_wrong = False
    for utterance in utterances[-_MOST_UTTERANCES:]:
        groups, restarts = _groups(utterance)
        if not groups:
            continue
        if restarts or _is_whole(groups) or (is_wrong and _begins_anew(said, groups)):
            said = []
        elif said and _repeats(said, groups):
            groups = [replace(groups[0], repeats=said[-1].figures), *groups[1:]]
        for group in groups:
            said.append(group)
            document, is_wrong = _assembled(said)
            if document is not None:  # figures that follow in the same breath are of something else
                found[document] = None
                said = []
                break
    count = len(next(_readings(said))) if said else 0
    return SpokenDocument(
        documents=tuple(found), digit_count=0 if is_wrong else min(count, _CNPJ), has_wrong_digits=is_wrong
    )


def figures_said(text: str) -> str:
    """Give every figure a text says or shows, in order; for rules that look for a document spelled out."""
    return "".join(group.figures for group in _groups(text)[0])


def _begins_anew(said: Sequence[_Group], groups: Sequence[_Group]) -> bool:
    """Tell, after figures that fit no document, whether new ones neither correct nor complete them."""
    return not groups[0].corrects and _assembled([*said, *groups])[0] is None


def _is_whole(groups: Sequence[_Group]) -> bool:
    """Tell whether one utterance gives a document from beginning to end, whatever was said before it."""
    figures = "".join(group.figures for group in groups if not group.corrects)
    return len(figures) in (_CPF, _CNPJ) and _document(figures) is not None


def _repeats(said: Sequence[_Group], groups: Sequence[_Group]) -> bool:
    """Tell whether the last group is said again, alone or with what follows it."""
    last = said[-1].figures
    figures = "".join(group.figures for group in groups)
    return len(last) >= 2 and not groups[0].corrects and figures.startswith(last)


def _assembled(groups: Sequence[_Group]) -> tuple[Document | None, bool]:
    """Give the one document that the groups make; with none, whether there are figures enough for one."""
    readings = list(_readings(groups))
    documents = {document for figures in readings if (document := _document(figures)) is not None}
    if len(documents) == 1:
        return documents.pop(), False
    shortest = min(map(len, readings))
    return None, bool(documents) or shortest == _CPF or shortest >= _CNPJ


def _document(figures: str) -> Document | None:
    if len(figures) not in (_CPF, _CNPJ):
        return None
    try:
        return parse_document(figures)
    except InvalidDocument:
        return None


def _readings(groups: Sequence[_Group]) -> Iterator[str]:
    """Give the ways to read corrections and repetitions.

    A correction replaces as many figures as it has, or all of the group before it; what sounds like a repetition may
    also be the next group.
    """
    ways = [(0, 1) if place and (group.corrects or group.repeats) else (0,) for place, group in enumerate(groups)]
    seen: set[str] = set()
    for way in islice(product(*ways), _MOST_READINGS):
        figures, before = "", ""
        for group, choice in zip(groups, way, strict=True):
            if group.corrects:
                replaced = len(group.figures) if choice == 0 else len(before)
                figures = figures[: max(0, len(figures) - replaced)]
            elif group.repeats and choice == 0:
                figures = figures.removesuffix(group.repeats)
            figures, before = figures + group.figures, group.figures
        if figures not in seen:
            seen.add(figures)
            yield figures


def _groups(utterance: str) -> tuple[list[_Group], bool]:
    """Read an utterance's groups of figures, and whether it says that it begins anew.

    Figures that count something else ("dia cinco", "duas faturas") are none of a document's.
    """
    text = _joined(fold(utterance[:_MOST_CHARS]).text)
    groups: list[_Group] = []
    current: list[str] = []
    corrects = False

    def close() -> None:
        nonlocal corrects
        if current:
            groups.append(_Group(figures="".join(current), corrects=corrects))
            corrects = False
        current.clear()

    for match in _TOKEN.finditer(text):
        if match["stop"]:
            close()
        elif match["other"]:
            if _CORRECTS.match(text, match.start()):
                close()
                corrects = True
            elif match["other"] not in _JOINTS:
                close()
        elif figures := _figures(match, text):
            current.append(figures)
    close()
    return groups, _RESTARTS.search(text) is not None


def _joined(text: str) -> str:
    """Join what belongs to one number although it was said haltingly: "vinte e… cinco", "quinhentos vinte e nove"."""
    text = re.sub(rf"\b((?:{_ROUND_HUNDREDS}|{_ROUND_TENS}) e)[\s.…,]+(?=[a-z])", r"\1 ", text)
    text = re.sub(rf"\b({_ROUND_TENS}) (?={_UNIT}\b)", r"\1 e ", text)
    return re.sub(rf"\b({_ROUND_HUNDREDS}) (?=(?:{_ROUND_TENS}|{_UNIT}|[a-z]*ze|de[zs]\w*)\b)", r"\1 e ", text)


def _figures(match: re.Match[str], text: str) -> str:
    """Give the figures of one token; none when it counts or names something else."""
    if _NAMES_OTHER.search(text[max(0, match.start() - 20) : match.start()]):
        return ""
    if match["plural"]:
        count, figure = match["plural"].split()
        return _PLURALS[figure] * _COUNTS[count]
    if match["double"]:
        figure = match["double"].split()[1]
        return 2 * (_FIGURES.get(figure) or str(read_number_words(figure)))
    if match["contra"]:
        return "0001"  # how the branch of a CNPJ is said: "mil contra"
    if match["figure"]:
        return "" if match["figure"] == "meia" and _counts(text, match.end()) else _FIGURES[match["figure"]]
    if match["written"]:
        return "" if _counts(text, match.end()) else re.sub(r"\D", "", match["written"])
    words = " ".join(match["words"].split())
    if _counts(text, match.end()) or (words in _ARTICLES and not _is_figure(text, match)):
        return ""
    return str(read_number_words(words))


def _counts(text: str, end: int) -> bool:
    following = re.match(r"\s*([a-z]+)", text[end:])
    return bool(following and _COUNTED.fullmatch(following[1]))


def _is_figure(text: str, match: re.Match[str]) -> bool:
    """Tell "um" the figure from "um" the article ("só um minutinho"): another figure or a pause follows."""
    rest = text[match.end() :]
    if _PAUSE_AFTER_ARTICLE.match(rest):
        before = re.search(r"([a-z]+)\W*$", text[: match.start()])
        return before is None or before[1] in _JOINTS or bool(_FIGURE_WORD.fullmatch(before[1]))
    following = next((token for token in _TOKEN.finditer(rest) if token["other"] not in _JOINTS), None)
    return following is not None and not following["other"] and not following["stop"]
