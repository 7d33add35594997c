"""The pt-BR date grammar: one pattern a form, over folded text, with the rule that resolves it."""

import re

from domain import date_rules as rules
from domain import date_vocabulary as words
from domain.number_words import DAY_WORDS

_D, _M = words.DAY, words.MONTH
_YEAR = r"(?:\s*(?:/|-|\bde\s|\bdo\s|\s)\s*(?P<year>20\d{2})(?!\d)|\s*(?:/|-|\bde\s)\s*(?P<short>\d{2})(?![\d/h:]))?"
_OF_MONTH = (
    rf"(?:\s+(?:(?:d[oe]|no|n)\s+)?(?:(?P<next>{words.NEXT_MONTH})|{words.THIS_MONTH}|mes\b)|\s+de\s+(?P<month>{_M}))?"
)
_TO = r"(?:\s*,\s*|\s+(?:e|ou|a|ate|ao|o)\s+(?:o\s+)?)"
_UNIT = r"(?P<unit>dias?|semanas?|mes(?:es)?|h(?:s|rs?|oras?)?)\b"
_INCOME = (
    r"(?:salario|sal|pagamento|pagto|pgto|dinheiro|grana|auxilio|bolsa(?:\s+familia)?|beneficio|aposentadoria|inss|"
    r"decimo(?:\s+terceiro)?|13o?|vale|adiantamento|acerto|fgts|seguro|comissao|ferias|pensao)"
)
_MY = r"(?:(?:o|a|meu|minha|os|as|meus|um|uma)\s+)*"

RULES: tuple[tuple[re.Pattern[str], rules.Resolve], ...] = tuple(
    (re.compile(pattern), resolve)
    for pattern, resolve in (
        (r"(?<!\d)(?P<year>20\d{2})-(?P<month>\d{2})-(?P<day>\d{2})(?!\d)", rules.read_iso),
        (
            rf"\bentre\s+(?:o\s+|os\s+)?(?:dias?\s+)?(?P<first>{_D})\s+(?:e|a|ate|ou)\s+(?:o\s+)?(?:dia\s+)?"
            rf"(?P<second>{_D})(?:\s*(?:de|do|/)\s*(?P<month>{_M}|\d{{1,2}}(?!\d)))?",
            rules.read_range,
        ),
        (
            rf"\bdias?\s+(?P<first>{_D})(?:\s*,\s*\d{{1,2}}(?!\w))*{_TO}(?!uma?\b|duas\b)(?P<second>{_D})(?!\s*[/.-]\s*\d)(?:\s*(?:de|do)\s*(?P<month>{_M}))?",
            rules.read_range,
        ),
        (
            rf"\bdia\s+(?P<first>{_D})\s+(?:ou|a|ate|ao)\s+(?:o\s+|no\s+)?dia\s+(?P<second>{_D})(?!\s*[/.-]\s*\d)"
            rf"(?:\s*(?:de|do)\s*(?P<month>{_M}))?",
            rules.read_range,
        ),
        (rf"(?<![\d/])(?P<first>{_D})\s+(?:ou|a|ate)\s+(?P<second>{_D})\s+de\s+(?P<month>{_M})", rules.read_range),
        (
            r"(?:\bdia\s+)?(?<![\d/.,\-])(?P<day>\d{1,2})\s?(?P<sign>[/.\-])\s?(?P<month>\d{1,2})"
            r"(?:\s?[/.\-]\s?(?P<year>20\d{2}|19\d{2}|\d{2}))?(?!\d|[/.,\-]\d)",
            rules.read_numeric,
        ),
        (
            rf"(?:\bdia\s+)?(?<![\w/.,])(?P<day>\d{{1,2}}(?:o\b|°)?|primeiro|{DAY_WORDS}(?=\s+d[eo]\s))"
            rf"\s*(?:de\s+|d\s+|do\s+|/|-)?\s*(?:mes\s+de\s+)?(?P<month>{_M}){_YEAR}",
            rules.read_named_month,
        ),
        (
            rf"\b(?:dia\s+(?P<day>{_D})\s+(?:do|de|d)\s+(?:mes\s+)?(?P<month>\d{{1,2}})(?!\w|/))",
            rules.read_numbered_month,
        ),
        (r"(?<![\w/])(?P<day>\d{1,2})\s+do\s+(?:mes\s+)?(?P<month>\d{1,2})(?!\w|/)", rules.read_numbered_month),
        (rf"\b(?:dia\s+)?(?P<day>{_D})\s+(?:(?:d[oe]|no|n)\s+)?{words.NEXT_MONTH}", rules.read_day_of_next_month),
        (
            rf"\b{words.NEXT_MONTH}\s*,?\s*(?:la\s+)?(?:pro\s+|no\s+|pelo\s+|ate\s+(?:o\s+)?)?dia\s+(?P<day>{_D})",
            rules.read_day_of_next_month,
        ),
        (
            rf"\bdia\s+(?P<day>{_D})\s+(?:ainda\s+)?(?:de\s+)?(?:{words.THIS_MONTH}|do\s+mes\b)",
            rules.read_day_of_this_month,
        ),
        (
            rf"\b(?:(?P<last>ultimo)|(?P<ordinal>{words.ORDINAL}))\s+dia\s+util\b{_OF_MONTH}",
            rules.read_business_day,
        ),
        (r"\b(?:proximo|prox|primeiro)\s+dia\s+util\b", rules.read_next_business_day),
        (
            rf"\b(?:em|daqui|daki|daqi|dentro\s+de|mais|ate)?\s*(?:a\s+|uns\s+)?(?P<count>{words.COUNT})\s+dias?\s+ute?is\b",
            rules.read_in_business_days,
        ),
        (rf"\bultimo\s+dia\b{_OF_MONTH}", rules.read_last_day_of_month),
        (
            rf"\b(?:nesse|neste|esse|no|n|proximo|prox|o)?\s*(?:fim|final|finalzinho|fds)(?:\s+(?:de|da|d)\s+semana)(?P<next>\s+{words.COMING})?",
            rules.read_weekend,
        ),
        (r"\bfds\b(?P<next>\s+que\s+vem)?", rules.read_weekend),
        (
            rf"\b(?P<edge>fim|final|finalzinho|comeco|comecinho|inicio|meio|metade|meados|virada)\s+(?:d[oe]|d)\s+"
            rf"(?:(?P<next>{words.NEXT_MONTH})|{words.THIS_MONTH}|mes\b|(?P<month>{_M}))",
            rules.read_edge_of_month,
        ),
        (rf"\b(?P<count>{words.COUNT})\s+dias?\s+atras\b", rules.read_ago),
        (rf"\bdia\s+(?P<day>{_D})", rules.read_day),
        (r"\bd\s(?P<day>\d{1,2})(?!\w|[/.,:-]\d)", rules.read_day),
        (
            rf"\b(?:em|daqui|daki|daqi|daq|dakee|dentro\s+de|prazo\s+de|preciso\s+de|mais|me\s+da|me\s+de|espera|so)\s+"
            rf"(?:a\s+|ha\s+|uns\s+|umas\s+|mais\s+)*(?P<count>{words.COUNT})\s*{_UNIT}",
            rules.read_in_time,
        ),
        (r"\bde\s+hoje\s+a\s+(?P<count>8|oito|15|quinze)\b", rules.read_today_to_eight),
        (rf"(?<![\w/])(?P<count>{words.COUNT})\s*(?P<unit>dias?|semanas?)\b(?!\s+(?:atras|por))", rules.read_bare_time),
        (rf"{words.DAY_AFTER_TOMORROW}", rules.read_shift(2)),
        (rf"{words.DAY_BEFORE_YESTERDAY}", rules.read_shift(-2)),
        (
            rf"\b(?:na\s+|n\s+|a\s+)?(?P<weekday>{words.WEEKDAY})\s*,?\s*(?:d[ae]\s+|na\s+|d\s+|so\s+)?{words.NEXT_WEEK}",
            rules.read_weekday_of_next_week,
        ),
        (
            rf"\b{words.NEXT_WEEK}\s*,?\s*(?:na\s+|no\s+|n\s+|la\s+(?:pra|na|pela)\s+|pode\s+ser\s+(?:na\s+)?|a\s+)?(?P<weekday>{words.WEEKDAY})",
            rules.read_weekday_of_next_week,
        ),
        (r"\bsexta(?:[\s-]*feira)?\s+(?:da\s+paixao|santa)\b", rules.read_from_good_friday(0)),
        (r"\bquarta(?:[\s-]*feira)?\s+de\s+cinzas\b", rules.read_from_good_friday(-44)),
        (
            rf"(?:\b(?P<before>n[ao]|ness?[ae]|nest[ae]|ess?[ae]|est[ae]|proxim[ao]|prox|px)\.?\s+)?(?:proxim[ao]\s+)?"
            rf"(?P<weekday>{words.WEEKDAY})"
            rf"(?:\s*,?\s*(?P<after>{words.COMING}|agora\b|proxim[ao]\b|passad[ao]\b|retrasad[ao]\b|"
            r"(?:(?:nao\s+ess[ae]|sem\s+ser\s+ess[ae])\s*,?\s*(?:e\s+)?(?:n?[ao]\s+)?outr[ao])\b|"
            r"d[ao]\s+outra\s+semana\b))?(?:\s+(?P<number>\d{1,2})(?=\s*(?:$|[,.;!?\n])))?",
            rules.read_weekday,
        ),
        (words.TODAY, rules.read_shift(0)),
        (words.TOMORROW, rules.read_shift(1)),
        (words.YESTERDAY, rules.read_shift(-1)),
        (r"\bvesperas?\s+d[eo]\s+natal\b", rules.read_holiday(12, 24)),
        (r"\b(?:dia\s+d[eo]\s+)?natal\b", rules.read_holiday(12, 25)),
        (r"\b(?:vesperas?\s+d[eo]\s+ano\s+novo|reveillon|virada(?:\s+d[eo]\s+ano)?)\b", rules.read_holiday(12, 31)),
        (r"\bano\s+novo\b", rules.read_holiday(1, 1)),
        (r"\bdia\s+das\s+criancas\b", rules.read_holiday(10, 12)),
        (r"\bdia\s+d[eo]s?\s+finados\b", rules.read_holiday(11, 2)),
        (r"\b(?:domingo\s+de\s+)?pascoa\b", rules.read_from_good_friday(2)),
        (
            r"\b(?:depois|dps|apos|antes|passando)\s+(?:d?[oe]s?\s+)?(?:feriad\w+|carnaval|festas)\b",
            rules.read_asking("open_ended"),
        ),
        (r"\bcarnaval\b", rules.read_asking("vague_period")),
        (rf"\b{words.NEXT_WEEK}", rules.read_next_week),
        (rf"\b{words.THIS_WEEK}", rules.read_this_week),
        (r"\b(?:segunda|primeira)\s+quinzena\b(?:\s+d[oe]\s+mes)?", rules.read_asking("vague_period")),
        (
            rf"\b(?:so\s+|la\s+)?(?:n[oe]\s+|em\s+|pr[ao]\s+|para\s+(?:o\s+)?|o\s+)?{words.NEXT_MONTH}",
            rules.read_asking("vague_period"),
        ),
        (rf"\b(?:so\s+(?:em\s+)?|em\s+|pra\s+|para\s+|ate\s+)(?P<month>{_M})", rules.read_asking("vague_period")),
        (rf"\bano\s+(?:{words.COMING}|novo)|\bproximo\s+ano\b", rules.read_asking("vague_period")),
        (r"\b(?:mais\s+tarde|daqui\s+a\s+pouco|daqui\s+pouco|logo\s+mais|agora\s+mesmo)\b", rules.read_asking_today),
        (
            rf"\b(?:quando|qd|qdo|qndo|qnd|qundo|assim\s+q(?:ue)?|logo\s+q(?:ue)?|depois\s+q(?:ue)?|so\s+q(?:uan)?do|a\s+hora\s+q(?:ue)?)"
            rf"\s+(?:eu\s+)?(?:{_MY}{_INCOME}\s+(?:cair|sair|entrar|chegar)|(?:cair|sair|entrar|chegar|pingar|receber|vier)\s+"
            rf"{_MY}{_INCOME}|(?:eu\s+)?receber\b|me\s+pagarem)",
            rules.read_asking("depends_on_income", "income"),
        ),
        (
            rf"\b(?:dia|data)\s+d[oe]\s+(?:meu\s+)?{_INCOME}\b|\bdepois\s+d[oe]\s+(?:meu\s+)?{_INCOME}\b",
            rules.read_asking("depends_on_income", "income"),
        ),
        (
            r"\b(?:quando|qd|qdo|qndo|qnd|assim\s+q(?:ue)?|logo\s+q(?:ue)?)\s+(?:eu\s+)?(?:der|puder|conseguir|tiver|sobrar|melhorar)\b",
            rules.read_asking("open_ended"),
        ),
    )
)
"""Tried in this order; what a rule has read is gone for the later ones."""
