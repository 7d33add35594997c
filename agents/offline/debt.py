"""The open invoices as the collection tool told them, and which amount a customer's words choose."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.offline.reading import Agreement, Json, ToolResult, as_rows, as_text
from domain.money import InvalidAmount, find_amounts, format_brl, parse_brl
from domain.number_words import DAY_WORDS, read_number_words
from domain.wording import fold

_MONTHS: Final = (
    "janeiro", "fevereiro", "marco", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
_DAY_OF_MONTH: Final = re.compile(
    rf"\b(?:dia )?(?P<day>\d{{1,2}}|primeiro|{DAY_WORDS})[o°]? (?:de|do) (?P<month>{'|'.join(_MONTHS)})\b"
)
_ALL: Final = re.compile(
    r"\b(tudo|total|inteir[ao]|todas?( elas)?|todos|completo|valor cheio|integral"
    r"|quitar|valor todo|tudinho|de uma vez|ambas)\b"
)
_OLDEST: Final = re.compile(
    r"\b(mais (antiga|velha|atrasada|vencida)|a primeira|so uma|uma (so|delas|de cada vez|conta|fatura)"
    r"|apenas uma|a mais antig\w)\b"
)
_NEWEST: Final = re.compile(r"\b(mais (recente|nova)|a ultima)\b")
_HALF: Final = re.compile(r"\b(metade|50 ?%|meio a meio)\b")
_NOT_CHOSEN: Final = re.compile(r"\b(por que|porque|de onde|que valor e esse|como assim|veio|nao (devo|e))\b[^.\n]*")


_SOME_OF_THEM: Final = re.compile(
    r"\b(?:[ao]s |so |apenas )(2|3|4|duas|dois|tres|quatro)\b"
    r"(?: (?:mais )?(antigas?|velhas?|primeiras?|ultimas?|recentes?|novas?))?"
)
_BARE_AMOUNT: Final = re.compile(
    r"\b(?:so|somente|apenas|pago|consigo|os)(?: (?:os|uns))? (\d{2,4})\b"
    r"(?![/.,-]?\d)(?! ?(?:/|dias?\b|%|x\b|mega|horas?\b|de \w+o\b))"
)
_COUNTS: Final = {"2": 2, "duas": 2, "dois": 2, "3": 3, "tres": 3, "4": 4, "quatro": 4}


def cents_of(text: str) -> int | None:
    """Read `R$ 1.234,56` as integer cents; None when it is no amount."""
    try:
        return parse_brl(text)
    except InvalidAmount:
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenInvoice:
    """One open invoice, in the tool's own writing."""

    number: str
    amount: str
    due: str
    days_late: int

    @property
    def month(self) -> int:
        """Return the month of the due date, 0 when unknown."""
        parts = self.due.split("/")
        return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else 0

    @property
    def day(self) -> int:
        """Return the day of the month of the due date, 0 when unknown."""
        head = self.due.split("/")[0]
        return int(head) if head.isdigit() else 0

    @property
    def sortable_due(self) -> str:
        """Return the due date as YYYYMMDD."""
        return "".join(reversed(self.due.split("/")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Debt:
    """What the holder owes."""

    first_name: str
    total: str
    invoices: tuple[OpenInvoice, ...]
    promise: Agreement | None

    @classmethod
    def of(cls, result: ToolResult) -> "Debt":
        """Read a successful `consultar_faturas_cpf`."""
        return cls(
            first_name=result.text("primeiro_nome") or result.text("nome").split(" ")[0],
            total=result.text("total"),
            invoices=tuple(_invoice(row) for row in as_rows(result.data.get("faturas"))),
            promise=Agreement.of(result.data.get("promessa_ativa")),
        )

    @property
    def oldest(self) -> OpenInvoice:
        """Return the invoice due first."""
        return min(self.invoices, key=lambda invoice: invoice.sortable_due)

    @property
    def newest(self) -> OpenInvoice:
        """Return the invoice due last."""
        return max(self.invoices, key=lambda invoice: invoice.sortable_due)

    def named(self, folded: str) -> OpenInvoice | None:
        """Return the invoice the words point at: its number, its month, oldest or newest."""
        for invoice in self.invoices:
            number = fold(invoice.number)
            if number and re.search(rf"(?<![\w-]){re.escape(number)}(?![\w-])", folded):
                return invoice
        months = self._without_days_to_pay(folded)
        by_month = [
            invoice
            for invoice in self.invoices
            if invoice.month
            and re.search(rf"\b(de|do mes|mes|em|fatura|conta|boleto) {_month_words(invoice.month)}", months)
        ]
        if len(by_month) == 1:
            return by_month[0]
        if self.invoices and _OLDEST.search(folded):
            return self.oldest
        return self.newest if self.invoices and _NEWEST.search(folded) else None

    def _without_days_to_pay(self, folded: str) -> str:
        """Cut '27 de novembro' out, which names a day and not November's invoice; a day on which one was due stays."""
        due = {(invoice.day, invoice.month) for invoice in self.invoices}

        def cut(match: re.Match[str]) -> str:
            word = match["day"]
            day = 1 if word == "primeiro" else int(word) if word.isdigit() else read_number_words(word)
            return match[0] if (day, _MONTHS.index(match["month"]) + 1) in due else " "

        return _DAY_OF_MONTH.sub(cut, folded)


def _month_words(month: int) -> str:
    return rf"({_MONTHS[month - 1]}|mes 0?{month})\b" if 1 <= month <= 12 else r"(?!)"


def _invoice(row: Json) -> OpenInvoice:
    days = row.get("dias_atraso")
    return OpenInvoice(
        number=as_text(row.get("numero")),
        amount=as_text(row.get("valor")),
        due=as_text(row.get("vencimento")),
        days_late=days if isinstance(days, int) else 0,
    )


def amounts_in(text: str) -> tuple[str, ...]:
    """Return the amounts of reais in a text, written as tools and context write them."""
    return tuple(format_brl(found.cents) for found in find_amounts(text))


def bare_amount(folded: str) -> tuple[str, ...]:
    """Read "só os 50" as reais: a number with neither sign nor unit that can be nothing else."""
    found = _BARE_AMOUNT.search(folded)
    return (format_brl(int(found[1]) * 100),) if found else ()


def _sum_of(debt: Debt, some: re.Match[str]) -> str | None:
    """Add up "as duas primeiras": the oldest unless the newest are named; all when there are no more."""
    by_age = sorted(debt.invoices, key=lambda invoice: invoice.sortable_due)
    count = min(_COUNTS[some[1]], len(by_age))
    is_newest = bool(some[2]) and some[2].startswith(("ultima", "recente", "nova"))
    cents = [cents_of(invoice.amount) for invoice in (by_age[-count:] if is_newest else by_age[:count])]
    return format_brl(sum(one for one in cents if one is not None)) if None not in cents else None


def chosen_amount(folded: str, amounts: Sequence[str], debt: Debt | None) -> str | None:
    """Return the amount the customer means to pay, None when the words do not settle it.

    The last amount counts: people correct themselves forwards. A question about the charge chooses nothing.
    """
    words = _NOT_CHOSEN.sub(" ", folded)
    if amounts and (words == folded or amounts_in(words)):
        return amounts[-1]
    if debt is None or not debt.invoices:
        return None
    some = _SOME_OF_THEM.search(words)
    if some is not None:
        return _sum_of(debt, some)
    named = debt.named(words)
    if named is not None:
        return named.amount
    if _HALF.search(words):
        total = cents_of(debt.total)
        return format_brl((total + 1) // 2) if total else None
    return debt.total if _ALL.search(words) else None
