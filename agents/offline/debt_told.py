"""How the open invoices are told: a list to read, or the sum and the oldest to hear."""

from agents.offline.debt import Debt, OpenInvoice
from agents.offline.phrases import join, lines


def named(debt: Debt) -> str:
    """Return the holder's name as an address, empty when it is unknown."""
    return f", {debt.first_name}" if debt.first_name else ""


def no_debt(debt: Debt) -> str:
    """Tell the good news."""
    who = f", {debt.first_name}" if debt.first_name else ""
    return f"Boa notícia{who}: não encontrei nenhuma fatura em aberto no seu cadastro. 😊"


def _lateness(invoice: OpenInvoice) -> str:
    if invoice.days_late <= 0:
        return f"vence em {invoice.due}"
    return f"venceu em {invoice.due} ({invoice.days_late} dia{'s' if invoice.days_late != 1 else ''} de atraso)"


def debt_statement(debt: Debt, *, thanks: bool = False, in_call: bool = False) -> str:
    """State count, each amount, due date, days late and total, as the tool told them."""
    count = len(debt.invoices)
    if in_call:
        return _statement_in_call(debt, thanks=thanks)
    if count == 1:
        invoice = debt.invoices[0]
        found = f"1 fatura em aberto: {invoice.amount}, {_lateness(invoice)}. Total: {debt.total}."
        return _found(debt, found, thanks=thanks)
    rows = [f"• {invoice.number}: {invoice.amount}, {_lateness(invoice)}" for invoice in debt.invoices]
    return lines((_found(debt, f"{count} faturas em aberto:", thanks=thanks), *rows, f"Total: {debt.total}."))


def _statement_in_call(debt: Debt, *, thanks: bool) -> str:
    """Say the sum and the oldest: nobody keeps a list in the ear. Details come one by one, when asked for."""
    start = f"Obrigada{named(debt)}." if thanks else None
    oldest = debt.oldest
    when = f"venceu em {oldest.due}" if oldest.days_late > 0 else f"vence em {oldest.due}"
    if len(debt.invoices) == 1:
        return join(start, f"Encontrei 1 fatura em aberto, de {oldest.amount}, que {when}.")
    return join(
        start, f"Encontrei {len(debt.invoices)} faturas em aberto, no total de {debt.total}. A mais antiga {when}."
    )


def details_in_call(debt: Debt) -> str:
    """Say the invoices one after the other, three at most."""
    ordered = sorted(debt.invoices, key=lambda invoice: invoice.sortable_due)[:3]
    names = ("A primeira", "a segunda", "e a terceira") if len(ordered) == 3 else ("A primeira", "e a segunda")
    if len(ordered) == 1:
        return _statement_in_call(debt, thanks=False)
    told = [
        f"{name} é de {invoice.amount} e {'venceu' if invoice.days_late > 0 else 'vence'} em {invoice.due}"
        for name, invoice in zip(names, ordered, strict=True)
    ]
    return f"{', '.join(told)}. O total é {debt.total}."


def _found(debt: Debt, what: str, *, thanks: bool) -> str:
    if thanks:
        return f"Agradeço a confirmação{named(debt)}! Encontrei {what}"
    return f"{debt.first_name}, encontrei {what}" if debt.first_name else f"Encontrei {what}"
