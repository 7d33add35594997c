"""Who owes what, and how each amount is named: the invoice situations that days are tried in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evals.scenario import SeedInvoice


@dataclass(frozen=True, kw_only=True, slots=True)
class Amount:
    """One way to name an amount. Empty words: the customer says only the day, and there is but one invoice."""

    written: str
    spoken: str
    cents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Debtor:
    """Somebody of the ledger; the phone's area code comes from where they speak."""

    document: str
    name: str
    phone_end: str
    invoices: tuple[SeedInvoice, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """A customer with debts. `is_campaign`: we wrote first."""

    name: str
    customer: Debtor
    amounts: Sequence[Amount]
    is_campaign: bool = False


def _debtor(document: str, name: str, phone_end: str, *owed: tuple[int, int]) -> Debtor:
    invoices = tuple(
        SeedInvoice(number=f"FAT-{2000 + int(phone_end) * 10 + place}", amount_cents=cents, days_late=days)
        for place, (cents, days) in enumerate(owed, start=1)
    )
    return Debtor(document=document, name=name, phone_end=f"9999900{phone_end}", invoices=invoices)


def _amount(written: str, cents: int, spoken: str | None = None) -> Amount:
    return Amount(written=written, spoken=written if spoken is None else spoken, cents=cents)


def _whole(cents: int) -> list[Amount]:
    words = ("tudo", "o total", "o valor total", "o valor todo", "a dívida toda")
    return [_amount(text, cents) for text in words]


def _single(cents: int) -> list[Amount]:
    return [_amount("", cents), _amount("a fatura", cents), _amount("a conta", cents), *_whole(cents)]


_MARIA: Final = _debtor("52998224725", "Maria da Silva", "01", (11990, 41))
_JOAO: Final = _debtor("11144477735", "João Pereira dos Santos", "02", (9990, 15))
_FRANCISCA: Final = _debtor("31415926590", "Francisca Lima", "05", (8990, 33), (10490, 3))
_RITA: Final = _debtor("26457513182", "Rita de Cássia Nunes", "11", (14990, 62), (7550, 32))
_ANA: Final = _debtor("24681357928", "Ana Beatriz Oliveira", "03", (12990, 75), (12990, 45), (12990, 15))
_BAKERY: Final = _debtor("11222333000181", "Padaria Pão Quente Ltda", "12", (34990, 18))

_PART: Final = (
    _amount("50 reais", 5000, "cinquenta reais"),
    _amount("R$ 80,00", 8000, "oitenta reais"),
    _amount("70 reais", 7000, "setenta reais"),
    _amount("R$ 45,50", 4550, "quarenta e cinco reais e cinquenta centavos"),
    _amount("só 60 reais", 6000, "só sessenta reais"),
)

SITUATIONS: Final = (
    Situation(name="uma-fatura", customer=_MARIA, amounts=_single(11990)),
    Situation(name="uma-fatura", customer=_JOAO, amounts=_single(9990)),
    Situation(
        name="duas-faturas",
        customer=_FRANCISCA,
        amounts=[
            *_whole(19480),
            _amount("as duas", 19480),
            _amount("só a mais antiga", 8990),
            _amount("a de 104,90", 10490, "a de cento e quatro e noventa"),
        ],
    ),
    Situation(
        name="duas-faturas",
        customer=_RITA,
        amounts=[*_whole(22540), _amount("as duas contas", 22540), _amount("a mais velha", 14990)],
    ),
    Situation(
        name="tres-faturas",
        customer=_ANA,
        amounts=[*_whole(38970), _amount("as três", 38970), _amount("só a mais antiga", 12990)],
    ),
    Situation(name="parte", customer=_MARIA, amounts=_PART),
    Situation(name="parte", customer=_RITA, amounts=_PART),
    Situation(name="empresa", customer=_BAKERY, amounts=_single(34990)),
    Situation(name="campanha", customer=_JOAO, amounts=_single(9990), is_campaign=True),
    Situation(
        name="campanha",
        customer=_FRANCISCA,
        amounts=[*_whole(19480), _amount("só a mais antiga", 8990)],
        is_campaign=True,
    ),
)
