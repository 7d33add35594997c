"""What a day means that a customer names: a second opinion that shares no code with the product's date reader.

Plain datetime arithmetic over a list of holidays written by hand. The rules are the contract with the customer: same
weekday = a week later; `dia 20` on the 20th is today and on the 21st next month; a day that the month lacks, a
stretch of time, or something that depends on something else is asked back; the past and what lies beyond the horizon is
refused. Where Portuguese leaves two days open, both are right.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from evals.composer.holidays import working_day_after, working_days_of_month
from evals.composer.wording import MONTHS, WEEKDAYS, day_in_words, in_words, on_weekday

HORIZON_DAYS: Final = 30  # of the demo tenant
_SUNDAY: Final = 6
_ORDINALS: Final = (
    (1, "primeiro"), (2, "segundo"), (3, "terceiro"), (4, "quarto"), (5, "quinto"), (10, "décimo")
)  # fmt: skip


class Verdict(StrEnum):
    DATE = "date"  # a promise for one of `days`, once read back and confirmed
    ASK = "ask"  # no promise before the customer has named a day
    REFUSE = "refuse"  # no promise for this day whatever the customer says


@dataclass(frozen=True, kw_only=True, slots=True)
class Saying:
    """One way to name a day, on one day of speaking. `spoken` is how it sounds on the phone; None: nobody says it."""

    family: str
    written: str
    verdict: Verdict
    spoken: str | None = None
    days: tuple[date, ...] = ()


def sayings(today: date) -> list[Saying]:
    """List what can be said on a day of speaking, with what is right for each."""
    parts = (
        _near(today), _weekdays(today), _coming_weekdays(today), _days_of_month(today), _dates(today), _spans(today),
        _working_days(today), _month_ends(today), _feasts(today), _vague(today), _either_or(today),
        _impossible(today), _weekdays_with_date(today), _with_hour(today), _until(today), _past(today), _far(today),
    )  # fmt: skip
    return [saying for part in parts for saying in part]


def _dated(family: str, today: date, written: str, *days: date, spoken: str | None = None) -> Iterator[Saying]:
    """Give a saying that names a day: right when that can be promised, to be refused when it lies beyond the horizon.

    Where one reading can be promised and the other cannot, nobody can say what is right: nothing is given.
    """
    last = today + timedelta(days=HORIZON_DAYS)
    if all(today <= day <= last for day in days):
        yield Saying(family=family, written=written, spoken=spoken, verdict=Verdict.DATE, days=days)
    elif all(day > last for day in days):
        yield Saying(family="alem-do-prazo", written=written, spoken=spoken, verdict=Verdict.REFUSE)


def _asked(family: str, *texts: str) -> Iterator[Saying]:
    """Give sayings that sound as they are written and that name no day."""
    for text in texts:
        yield Saying(family=family, written=text, spoken=text, verdict=Verdict.ASK)


def _length(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _next_month(day: date) -> tuple[int, int]:
    return (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)


def _next(today: date, weekday: int) -> date:
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def _near(today: date) -> Iterator[Saying]:
    yield from _dated("hoje", today, "hoje", today, spoken="hoje")
    yield from _dated("hoje", today, "hoje mesmo", today, spoken="hoje mesmo")
    tomorrow, after = today + timedelta(days=1), today + timedelta(days=2)
    yield from _dated("amanha", today, "amanhã", tomorrow, spoken="amanhã")
    yield from _dated("depois-de-amanha", today, "depois de amanhã", after, spoken="depois de amanhã")


def _weekdays(today: date) -> Iterator[Saying]:
    for weekday, name in enumerate(WEEKDAYS):
        day = _next(today, weekday)
        family = "mesmo-dia-da-semana" if weekday == today.weekday() else "dia-da-semana"
        spoken = on_weekday(weekday) if weekday > 4 else f"{on_weekday(weekday)} feira"
        yield from _dated(family, today, on_weekday(weekday), day, spoken=spoken)
        yield from _dated(family, today, name, day, spoken=name)
        if weekday < 5:
            yield from _dated(family, today, f"na {name}-feira", day)
            yield from _dated(family, today, f"{name} feira", day)
            yield from _dated(family, today, f"na {weekday + 2}ª feira", day)


def _coming_weekdays(today: date) -> Iterator[Saying]:
    monday = today + timedelta(days=7 - today.weekday())
    for weekday, name in enumerate(WEEKDAYS):
        day = _next(today, weekday)
        # 'sexta que vem' on a Tuesday: this Friday for some, that of the next week for others.
        is_open = day != today + timedelta(days=7) and (day < monday or today.weekday() == _SUNDAY)
        days = (day, day + timedelta(days=7)) if is_open else (day,)
        adjective = "próximo" if weekday > 4 else "próxima"
        yield from _dated("que-vem", today, f"{name} que vem", *days, spoken=f"{name} que vem")
        yield from _dated("que-vem", today, f"{on_weekday(weekday)} que vem", *days, spoken=f"{name} que vem")
        yield from _dated("que-vem", today, f"{adjective} {name}", *days, spoken=f"{adjective} {name}")
        if weekday != today.weekday():
            this = "nesse" if weekday > 4 else "nessa"
            yield from _dated("nessa", today, f"{this} {name}", day, spoken=f"{this} {name}")
        if _SUNDAY not in (weekday, today.weekday()):
            text = f"{on_weekday(weekday)} da semana que vem"
            yield from _dated("da-semana-que-vem", today, text, monday + timedelta(days=weekday), spoken=text)


def _days_of_month(today: date) -> Iterator[Saying]:
    here = _length(today.year, today.month)
    year, month = _next_month(today)
    for number in range(1, 32):
        spoken = f"dia {day_in_words(number)}"
        texts = [f"dia {number}", f"no dia {number}", spoken] if number > 1 else ["dia 1", "dia primeiro", "dia 1º"]
        for text in texts:
            if number >= today.day and number <= here:
                family = "dia-de-hoje" if number == today.day else "dia-do-mes"
                yield from _dated(family, today, text, date(today.year, today.month, number), spoken=spoken)
            elif number < today.day and number <= _length(year, month):
                yield from _dated("dia-que-ja-passou", today, text, date(year, month, number), spoken=spoken)
            else:
                yield Saying(family="dia-que-o-mes-nao-tem", written=text, spoken=spoken, verdict=Verdict.ASK)
        if number <= _length(year, month) and number > 1:
            text = f"dia {number} do mês que vem"
            said = f"{spoken} do mês que vem"
            yield from _dated("do-mes-que-vem", today, text, date(year, month, number), spoken=said)


def _dates(today: date) -> Iterator[Saying]:
    for offset in range(1, 46):
        day = today + timedelta(days=offset)
        name, spoken = MONTHS[day.month - 1], f"dia {day_in_words(day.day)} de {MONTHS[day.month - 1]}"
        number = "1º" if day.day == 1 else str(day.day)
        yield from _dated("dia-e-mes", today, f"dia {number} de {name}", day, spoken=spoken)
        yield from _dated("dia-e-mes", today, f"em {number} de {name}", day, spoken=spoken)
        yield from _dated("dia-e-mes", today, f"dia {number} de {name} de {day.year}", day)
        figures = f"dia {day_in_words(day.day)} do {in_words(day.month)}"
        yield from _dated("data-em-numeros", today, f"dia {day:%d/%m}", day, spoken=figures)
        yield from _dated("data-em-numeros", today, f"em {day.day}/{day.month}", day, spoken=figures)
        yield from _dated("data-em-numeros", today, f"{day:%d/%m}", day, spoken=figures)
        yield from _dated("data-completa", today, f"dia {day:%d/%m/%Y}", day)
        yield from _dated("data-completa", today, f"em {day:%d/%m/%y}", day)
        yield from _dated("data-completa", today, f"em {day:%d-%m-%Y}", day)
        yield from _dated("data-completa", today, f"em {day:%d.%m.%Y}", day)


def _spans(today: date) -> Iterator[Saying]:
    for count in (*range(2, 31), 35, 40, 45, 60, 90):
        day = today + timedelta(days=count)
        # 'daqui a oito dias' counts today for many: one week.
        days = (today + timedelta(days=7), day) if count == 8 else (day,)
        for start in ("daqui a", "daqui", "em", "dentro de"):
            spoken = f"{start} {in_words(count)} dias"
            yield from _dated("daqui-a-dias", today, f"{start} {count} dias", *days, spoken=spoken)
    for text, count in (("uma semana", 7), ("1 semana", 7), ("duas semanas", 14), ("três semanas", 21)):
        said = None if text[0].isdigit() else f"daqui a {text}"
        yield from _dated("daqui-a-semanas", today, f"daqui a {text}", today + timedelta(days=count), spoken=said)


def _working_days(today: date) -> Iterator[Saying]:
    here = working_days_of_month(today.year, today.month)
    following = working_days_of_month(*_next_month(today))
    for number, name in _ORDINALS:
        of_next = f"no {name} dia útil do mês que vem"
        yield from _dated("dia-util", today, of_next, following[number - 1], spoken=of_next)
        day = here[number - 1] if here[number - 1] >= today else following[number - 1]
        if number > 2:  # 'primeiro dia útil' is, for some, simply the next one
            text = f"no {name} dia útil"
            yield from _dated("dia-util", today, text, day, spoken=text)
            yield from _dated("dia-util", today, f"no {number}º dia útil", day)
    next_one = "no próximo dia útil"
    yield from _dated("dia-util", today, next_one, working_day_after(today, 1), spoken=next_one)
    for count in range(2, 11):
        text, spoken = f"em {count} dias úteis", f"em {in_words(count)} dias úteis"
        yield from _dated("dias-uteis", today, text, working_day_after(today, count), spoken=spoken)
    if here[-1] >= today:
        text = "no último dia útil do mês"
        yield from _dated("dia-util", today, text, here[-1], spoken=text)


def _month_ends(today: date) -> Iterator[Saying]:
    last = date(today.year, today.month, _length(today.year, today.month))
    yield from _dated("ultimo-dia-do-mes", today, "no último dia do mês", last, spoken="no último dia do mês")
    if (last - today).days > 5:
        yield from _asked("fim-do-mes", "no fim do mês", "no final do mês", "fim do mês")
    yield from _asked("comeco-do-mes", "no começo do mês que vem", "no início do mês que vem")


def _feasts(today: date) -> Iterator[Saying]:
    christmas, eve = date(today.year, 12, 25), date(today.year, 12, 24)
    if today < christmas:
        yield from _dated("natal", today, "no natal", christmas, spoken="no natal")
    if today < eve:
        yield from _dated("natal", today, "na véspera de natal", eve, spoken="na véspera de natal")
        if (christmas - today).days < HORIZON_DAYS + 10:
            yield from _asked("depois-da-festa", "depois do natal", "antes do natal", "depois das festas")
    if today.month in (1, 2):
        yield from _asked("depois-da-festa", "depois do carnaval")
    yield from _asked("depois-da-festa", "depois do feriado")


def _vague(today: date) -> Iterator[Saying]:
    yield from _asked("semana-que-vem", "semana que vem", "na semana que vem", "na próxima semana")
    yield from _asked("mes-que-vem", "mês que vem", "no mês que vem", "só no mês que vem")
    yield from _asked("fim-de-semana", "no fim de semana", "no final de semana")
    if today.weekday() < 3:
        yield from _asked("essa-semana", "essa semana", "ainda essa semana", "nesta semana")
    yield from _asked(
        "depende", "quando cair o salário", "quando eu receber", "quando meu salário cair", "quando o dinheiro entrar",
        "assim que eu receber", "quando der", "assim que eu puder", "quando cair meu pagamento", "no dia do pagamento",
    )  # fmt: skip


def _either_or(today: date) -> Iterator[Saying]:
    other = "terça ou quarta" if today.weekday() == _SUNDAY else "amanhã ou segunda"
    yield from _asked("um-ou-outro", "amanhã ou depois", other)
    for first, gap in ((first, gap) for first in range(2, 27) for gap in (1, 2, 3)):
        second = first + gap
        if first == today.day or second == today.day:
            continue
        spoken = f"{day_in_words(first)} e o dia {day_in_words(second)}"
        written = f"entre o dia {first} e o dia {second}"
        yield Saying(family="entre-dias", written=written, spoken=f"entre o dia {spoken}", verdict=Verdict.ASK)
        yield Saying(family="entre-dias", written=f"entre {first} e {second}", verdict=Verdict.ASK)
        either = f"dia {day_in_words(first)} ou dia {day_in_words(second)}"
        yield Saying(family="um-ou-outro", written=f"dia {first} ou {second}", spoken=either, verdict=Verdict.ASK)


def _impossible(today: date) -> Iterator[Saying]:
    for year, month in ((today.year, today.month), _next_month(today)):
        for number in range(_length(year, month) + 1, 32):
            if month == 2 and number == 29:
                continue  # there is one in some year
            name = MONTHS[month - 1]
            spoken = f"dia {day_in_words(number)} de {name}"
            yield Saying(family="nao-existe", written=f"dia {number} de {name}", spoken=spoken, verdict=Verdict.ASK)
            yield Saying(family="nao-existe", written=f"em {number:02}/{month:02}", verdict=Verdict.ASK)


def _weekdays_with_date(today: date) -> Iterator[Saying]:
    for offset in range(2, 28):
        day = today + timedelta(days=offset)
        if day.day == today.day or (day.month, day.day) == (2, 29):
            continue
        right, wrong = WEEKDAYS[day.weekday()], WEEKDAYS[(day.weekday() + 1 + offset % 5) % 7]
        number = day_in_words(day.day)
        spoken = f"{right} dia {number}"
        yield from _dated("semana-e-dia", today, f"{right}, dia {day.day}", day, spoken=spoken)
        yield from _dated("semana-e-dia", today, f"{right} dia {day:%d/%m}", day)
        if wrong != right:
            text, said = f"{wrong}, dia {day.day}", f"{wrong} dia {number}"
            yield Saying(family="semana-e-dia-trocados", written=text, spoken=said, verdict=Verdict.ASK)


def _with_hour(today: date) -> Iterator[Saying]:
    tomorrow = today + timedelta(days=1)
    for text in ("amanhã de manhã", "amanhã à tarde", "amanhã cedo", "amanhã à noite"):
        yield from _dated("com-hora", today, text, tomorrow, spoken=text)
    for hour in (9, 14, 15, 18):
        yield from _dated("com-hora", today, f"amanhã {hour}h", tomorrow)
        said = f"amanhã às {in_words(hour)} horas"
        yield from _dated("com-hora", today, f"amanhã às {hour}h", tomorrow, spoken=said)
        for weekday in range(5):
            text = f"{WEEKDAYS[weekday]} às {hour}h"
            said = f"{WEEKDAYS[weekday]} às {in_words(hour)} horas"
            yield from _dated("com-hora", today, text, _next(today, weekday), spoken=said)


def _until(today: date) -> Iterator[Saying]:
    yield from _dated("ate", today, "até amanhã", today + timedelta(days=1), spoken="até amanhã")
    for weekday, name in enumerate(WEEKDAYS):
        if weekday != today.weekday():
            yield from _dated("ate", today, f"até {name}", _next(today, weekday), spoken=f"até {name}")
    for offset in range(2, 26):
        day = today + timedelta(days=offset)
        if day.day != today.day and (day.month, day.day) != (2, 29):
            said = f"até o dia {day_in_words(day.day)}"
            yield from _dated("ate", today, f"até dia {day.day}", day, spoken=said)
            yield from _dated("ate", today, f"até o dia {day.day}", day, spoken=said)


def _past(today: date) -> Iterator[Saying]:
    for offset in (1, 2, 3, 5, 10, 15, 20, 30, 45):
        day = today - timedelta(days=offset)
        spoken = f"dia {day_in_words(day.day)} de {MONTHS[day.month - 1]}"
        for text, said in (
            (f"dia {day:%d/%m/%Y}", None),
            (f"em {day:%d/%m}", None),
            (f"dia {day.day} de {MONTHS[day.month - 1]}", spoken),
        ):
            yield Saying(family="passado", written=text, spoken=said, verdict=Verdict.REFUSE)
    yield Saying(family="passado", written="ontem", spoken="ontem", verdict=Verdict.REFUSE)


def _far(today: date) -> Iterator[Saying]:
    for offset in (50, 60, 75, 90, 120):
        day = today + timedelta(days=offset)
        spoken = f"dia {day_in_words(day.day)} de {MONTHS[day.month - 1]}"
        yield from _dated("alem-do-prazo", today, f"dia {day.day} de {MONTHS[day.month - 1]}", day, spoken=spoken)
        yield from _dated("alem-do-prazo", today, f"em {day:%d/%m/%Y}", day)
    for text in ("daqui a dois meses", "daqui a três meses"):
        yield Saying(family="alem-do-prazo", written=text, spoken=text, verdict=Verdict.REFUSE)
