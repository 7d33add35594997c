"""Words of the pt-BR date grammar, as customers type them: no accents, lower case, typos and abbreviations."""

import re

from domain.number_words import DAY_WORDS, NUMBER_WORDS

_MONTH_NAMES = (
    "janeiro|janero|jan", "fevereiro|fevereio|feverero|fev", "marco|marso|mar", "abril|abr", "maio|mai", "junho|jun",
    "julho|jul", "agosto|ago", "setembro|stembro|set", "outubro|otubro|out", "novembro|novenbro|nov",
    "dezembro|desembro|dezenbro|dez",
)  # fmt: skip
_ORDINAL_AHEAD = r"(?=[\s-]*fe?i?e?ra)"
_ORDINAL_BEHIND = r"(?:(?<=na )|(?<=nesta )|(?<=nessa )|(?<=proxima )|(?<=prox )|(?<=ate )|(?<=essa )|(?<=esta ))"
_WEEKDAY_NAMES = (
    r"segunda|seguda|segund|sgunda|segnda|segumda|segundona|(?<!\d )seg",
    f"terca|tersa|terssa|terc|teca{_ORDINAL_AHEAD}|(?:(?<=na )|(?<=nessa )|(?<=proxima ))ter(?! )|ter{_ORDINAL_AHEAD}",
    "quarta|quata|qarta|qua",
    "quinta|quita|qinta|quimta|qui",
    f"sexta|sesta|sexat|setxa|sextafeira|cesta{_ORDINAL_AHEAD}|sex",
    "sabado|sabdo|sabadao|sabadu|sab",
    r"domingo|domigo|dumingo|domimgo|domingao|dom(?=\s*(?:$|[,.;!?)\n]))",
)
_NUMBERED_WEEKDAY = rf"[2-6]a{_ORDINAL_AHEAD}|{_ORDINAL_BEHIND}[2-6]a(?!\w)"

MONTH = r"(?:" + "|".join(_MONTH_NAMES) + r")\b\.?"
WEEKDAY = (
    r"(?<![\w])(?:" + "|".join(_WEEKDAY_NAMES) + "|" + _NUMBERED_WEEKDAY + r")\b"
    r"(?:[\s-]*(?:feira|fera|fiera|feria|ferira)\b)?"
)
DAY = rf"(?:\d{{1,2}}(?:o|°)?(?!\w)|primeiro\b|{DAY_WORDS})"
COUNT = rf"(?:\d{{1,3}}(?!\d)|{NUMBER_WORDS})"
COMING = r"(?:que|q|qe|ke|k)\s*(?:vem|ven|vm|bem)\b|qvem\b"
_WEEK = r"(?:semana|semna|smana|senana|semama)\b"
NEXT_WEEK = (
    rf"(?:{_WEEK}\s+(?:{COMING}|seguinte|proxima)|(?:proxima|prox|px|outra)\.?\s+{_WEEK}|\bsem\s+q(?:ue)?\s+vem\b)"
)
THIS_WEEK = rf"(?:n?es[st]a\s+{_WEEK}(?:\s+(?:ainda|mesmo))?|{_WEEK}\s+atual|ainda\s+n?es[st]a\s+{_WEEK})"
NEXT_MONTH = rf"(?:mes\s+(?:{COMING}|seguinte|proximo|entrante)|(?:proximo|prox|px|outro)\.?\s+mes\b)"
THIS_MONTH = r"(?:[dn]?es[st]e\s+(?:mes\b|msm\s+mes\b)(?:\s+mesmo)?|mes\s+atual)"
TODAY = r"\b(?:hoje|hj|hoj|oje|hje|ainda\s+hoje)\b"
TOMORROW = r"\b(?:amanha+n?|amnha|amanah|amnaha|amaha|amana|amnhan|amnh|amanh)\b"
DAY_AFTER_TOMORROW = rf"\b(?:depois|dps|dpois|depos|depoi|dpos)\s+(?:de\s+|d\s+|di\s+)?{TOMORROW[2:]}"
YESTERDAY = r"\b(?:ontem|ontm|onten|ontens)\b"
DAY_BEFORE_YESTERDAY = r"\b(?:ante-?\s?ontem|antes\s+de\s+ontem|antiontem)\b"

_ORDINALS = {
    "primeiro": 1, "segundo": 2, "terceiro": 3, "quarto": 4, "quinto": 5, "sexto": 6, "setimo": 7, "oitavo": 8,
    "nono": 9, "decimo": 10,
}  # fmt: skip
ORDINAL = r"(?:\d{1,2}\s*(?:o|°|a)?(?!\w)|" + "|".join(_ORDINALS) + ")"

_MONTHS = tuple(re.compile(rf"(?:{names})\.?") for names in _MONTH_NAMES)
_WEEKDAY_PREFIXES = (
    ("seg", "sgu"), ("ter", "tec"), ("qua", "qar"), ("qui", "qin"), ("sex", "ses", "ces", "setx"), ("sab",)
)  # fmt: skip

_COUNTED_THINGS = (
    r"(?:mega|megas|mb|mbps|mbs|gb|giga|gigas|x|%|vez|vezes|veses|parcelas?|prestacoes|fatura|faturas|boletos?|contas?|"
    r"mensalidades?|anos?|pessoas?|vias?|km|metros|aparelhos?|pontos?|filhos?|tv|tvs|canais|celulares?|reais|real|"
    r"contos?|pilas?|mangos?|centavos?|pau|mil|horas?|hrs?|hs|h|min|minutos?|segundos?|graus)"
)
NOT_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\bhttps?://\S+|\b\S+@\S+",
        r"\d{5,}",
        r"\b\d{3}[. ]\d{3}[. ]\d{3}[- .]{0,3}\d{2}\b|\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b",
        r"\+\d[\d\s().-]{6,}\d|\(\d{2}\)\s*9?\s?\d{4}[-\s]?\d{4}|\b\d{2}\s+9\s?\d{4}[-\s]\d{4}\b|\b9?\d{4}[- ]\d{4}\b",
        r"(?:\br\s?\$|\$)\s*\d[\d.,]*",
        r"\brs\s?\d[\d.]*,\d{2}\b",
        r"\b\d[\d.]*,\d{2}\b",
        r"\b(?:as|das|pelas)\s+\d{1,2}(?:\s*:\s*\d{2}|\s*h(?:s|rs?|oras?)?\s*\d{0,2})?(?![\d/])(?:\s+(?:e|as|ate)\s+"
        r"(?:as\s+)?\d{1,2}(?:h\w*)?(?![\d/]))?(?:\s+(?:horas|hrs?|em\s+ponto))?",
        r"\b\d{1,2}\s*:\s*\d{2}(?:\s*:\s*\d{2})?\s*h?\b",
        r"(?<!dia )(?<!ate )(?<!em )(?<!no )(?<!pro )(?<!pra )(?<!pago )\b24\s*/\s*7\b"
        r"|\b24\s*h(?:oras|rs)?\s+por\s+dia",
        r"\b(?!(?:24|48|72|96)\s*h)\d{1,2}\s*h(?:s|rs?|oras?)?\s?\d{0,2}\b(?!\w)",
        rf"\b\d[\d.]*\s*(?!(?:h|hs|hrs?|horas?)\b){_COUNTED_THINGS}(?!\w)",
        rf"{NUMBER_WORDS}\s+{_COUNTED_THINGS}(?!\w)",
        r"\bparcelas?\s+\d{1,2}\s*(?:/|de)\s*\d{1,2}\b",
        r"\b\d{1,2}\s*/\s*\d{4}\b(?<!\d/\d\d/\d{4})(?<!/\d/\d{4})",
        r"\b(?:segunda|terceira|quarta|quinta|sexta|[2-6]a)\s+(?:via|vez|parcela|fatura|conta|mensalidade|cobranca|"
        r"prestacao|mensagem|msg|opcao|ligacao|tentativa|linha|residencia|casa|chance|mao|pessoa|parte|etapa|pergunta|"
        r"visita|coisa|serie)s?\b",
        # 'O valor todo dia 5' pays it all on one day; 'todo dia 5' is every month.
        r"(?<!valor )(?<!debito )(?<!saldo )(?<!montante )(?<!restante )(?<!dinheiro )"
        r"\b(?:todo|cada)\s+(?:o\s+)?(?:dia|mes)(?:\s+(?:no\s+)?(?:dia\s+)?\d{1,2})?\b|(?<!valor )(?<!debito )"
        r"(?<!saldo )(?<!divida )(?<!conta )(?<!fatura )(?<!grana )(?<!quantia )\btod[ao]s?\s+(?:as?\s+)?"
        r"(?:segundas?|tercas?|quartas?|quintas?|sextas?|sabados?|domingos?)\b",
        r"\b(?:feliz|bom|boas)\s+(?:natal|ano\s+novo|festas|dia)\b",
        # The city of Natal: one comes from it or lives in it; the feast is 'no natal', 'dia de natal'.
        r"(?:\b(?:em|sou|somos|aqui|falo|falando|moro|cidade|filial|loja)(?:\s+d[eao])?|(?:^|[,.;!?\n])\s*de)\s+natal\b"
        r"|\bnatal\s*[-/,(]\s*rn\b",
        r"\bbom\s+(?:sabado|domingo|final\s+de\s+semana|fim\s+de\s+semana)\b|\b(?:boa|otima)\s+(?:segunda|terca|quarta|"
        r"quinta|sexta|semana)(?:[\s-]*feira)?\b",
        rf"\b(?:ha|faz|tem|fazem|a\s+cada|cada)\s+(?:mais\s+de\s+|quase\s+|uns\s+)?{COUNT}\s*(?:dias?|semanas?|mes(?:es)?)\b",
        rf"{COUNT}\s*(?:dias?|semanas?|mes(?:es)?)\s+(?:de\s+atraso|atrasad\w*|sem\b|em\s+atraso|vencid\w*|q(?:ue)?\s+"
        r"(?:estou|to|ta|esta))",
        rf"(?<!daqui )(?<!daki )(?<!daqi )(?<!hoje )\ba\s+(?:mais\s+de\s+|quase\s+|uns\s+)?{COUNT}\s*"
        r"(?:dias?|semanas?|mes(?:es)?)\b",
        r"\b1\s*/\s*[2-9]\s+d[ao]\b",
        r"\bnasc\w*\s+(?:em\s+|n?o?\s*dia\s+)*\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}",
        rf"\batrasad\w+\s+(?:ha\s+|em\s+|a\s+)?{COUNT}\s*(?:dias?|semanas?|mes(?:es)?)\b",
        r"\bdia\s+(?:a|e)\s+dia\b|\b\d{1,2}o?\s+dias?\s+de\s+(?:teste|gratis)\b",
        r"\b(?:protocolo|fatura|boleto|pedido|contrato|nota|casa|apto|ap|bloco|rua|quadra|lote)\s*"
        r"(?:numero|nr|n°|#|n\b\.?)\s*:?\s*\d[\d/.-]*",
    )
)


def month_number(name: str) -> int:
    """Give 1 to 12 for a text that matches MONTH."""
    return next(number for number, names in enumerate(_MONTHS, start=1) if names.fullmatch(name))


def weekday_number(name: str) -> int:
    """Give 0 (Monday) to 6 for a text that matches WEEKDAY."""
    if name[0].isdigit():
        return int(name[0]) - 2
    for number, prefixes in enumerate(_WEEKDAY_PREFIXES):
        if name.startswith(prefixes):
            return number
    return 6


def ordinal_number(text: str) -> int:
    """Give the value of a text that matches ORDINAL."""
    return _ORDINALS[text] if text in _ORDINALS else int("".join(filter(str.isdigit, text)))
