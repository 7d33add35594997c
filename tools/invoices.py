"""Tools about open invoices: look them up, send a payment code."""

from langchain_core.tools import tool

from domain.dates_ptbr import format_date
from domain.folded_text import fold
from domain.messages import Text
from domain.money import format_brl
from domain.ports import CrmUnavailable, CustomerUnknown, DebtStatement
from domain.turns import Agreement, Evidence
from domain.wording import called_name
from services.collection import (
    FormUnavailable,
    InvoiceUnknown,
    PaymentForm,
    active_promise,
    make_second_copy,
    planned_promise,
)
from services.identity import IdentityCheck, IdentityProblem, Surroundings, confirm_holder
from tools.context import ToolResult
from tools.holder import confirmed_document, not_confirmed
from tools.injected import Run
from tools.results import (
    Answer,
    action_of,
    amount_of,
    answer,
    code_of,
    date_of,
    describe_agreement,
    evidence_of_agreement,
    refuse,
    unavailable,
    unique,
)

_LOOK_UP = "consultar_faturas_cpf"
_SECOND_COPY = "gerar_segunda_via"
_PROBLEMS: dict[IdentityProblem, tuple[str, str, bool]] = {
    IdentityProblem.THIRD_PERSON: (
        "terceiro",
        "Quem está na conversa disse que não é o titular. Não peça documento e não diga se existe cadastro ou qualquer "
        "assunto dele. Agradeça, explique que por segurança só trata com o titular, peça que ele mesmo fale por aqui e "
        "diga que é ele, ou ofereça uma pessoa da equipe. Só consulte de novo quando o titular falar.",
        False,
    ),
    IdentityProblem.INVALID_DOCUMENT: (
        "documento_invalido",
        "Os dígitos não formam um CPF ou CNPJ válido. Peça, com gentileza, que confira e envie de novo.",
        False,
    ),
    IdentityProblem.NOT_TYPED: (
        "documento_nao_informado",
        "O cliente não digitou este documento nesta conversa. Peça o CPF ou CNPJ do titular; não use outra fonte.",
        False,
    ),
    IdentityProblem.NAME_NEEDED: (
        "nome_necessario",
        "Para confirmar a identidade falta o nome completo do titular. Peça o nome completo e consulte de novo com o "
        "mesmo documento. Não fale de dívida ainda e não diga se o cadastro existe.",
        False,
    ),
    IdentityProblem.MISMATCH: (
        "documento_divergente",
        "Os dados não conferem com o cadastro deste contato. Não diga o que não confere nem fale de dívida. Peça que "
        "confira os dados do titular.",
        True,
    ),
    IdentityProblem.EXHAUSTED: (
        "tentativas_esgotadas",
        "Acabaram as tentativas de hoje. Não peça mais documentos. Explique que por segurança não dá para continuar a "
        "consulta hoje e ofereça falar com uma pessoa da equipe.",
        False,
    ),
    IdentityProblem.UNKNOWN_CUSTOMER: (
        "cliente_nao_encontrado",
        "Nenhum cadastro foi localizado com este documento. Não conclua que não há dívida. Peça que confira o "
        "documento ou ofereça falar com uma pessoa.",
        True,
    ),
}


@tool(_LOOK_UP, response_format="content_and_artifact", parse_docstring=True)
async def look_up_invoices(cpf_cnpj: str, run: Run) -> Answer:
    """Consulta as faturas em aberto do titular e confirma a identidade dele.

    Use quando o cliente digitar o CPF ou CNPJ nesta conversa, e de novo quando ele enviar o nome completo do titular
    depois de `nome_necessario`. Use também, com a identidade já confirmada, para ver os valores atuais.
    Não use com documento que o cliente não digitou, nem para consultar outra pessoa, nem quando quem fala é parente,
    criança ou representante do titular.
    Nunca fale de dívida antes de esta ferramenta responder "ok": true.
    Grava: a identidade da conversa e as tentativas do dia. Não altera faturas.

    Args:
        cpf_cnpj: o CPF ou CNPJ como o cliente digitou; com a identidade já confirmada, pode ser "confirmado".
    """
    deps, turn = run.deps, run.turn
    surroundings = Surroundings(
        turn=turn, identity=run.identity, customer_texts=run.customer_texts, new_texts=run.new_texts, asked=run.asked
    )
    try:
        check = await confirm_holder(deps.database, deps.crm_for(turn.tenant), surroundings, given_document=cpf_cnpj)
    except CrmUnavailable:
        return unavailable()
    if check.statement is None:
        return _not_met(check)
    statement = check.statement
    promise = planned_promise(run.effects, statement.document) or await active_promise(
        deps.database, turn.tenant.id, statement.document
    )
    result = ToolResult(
        content={}, identity=check.identity, effects=check.effects, promise=promise,
        evidence=_evidence(statement, promise),
    )  # fmt: skip
    return answer(_described(statement, promise), result)


def _not_met(check: IdentityCheck) -> Answer:
    problem = check.problem or IdentityProblem.MISMATCH
    error, message, tells_tries = _PROBLEMS[problem]
    result = ToolResult(content={}, identity=check.identity, effects=check.effects)
    more: dict[str, object] = {"tentativas_restantes": check.tries_left} if tells_tries else {}
    return refuse(error, message, result, **more)


def _described(statement: DebtStatement, promise: Agreement | None) -> dict[str, object]:
    name = " ".join(statement.customer_name.split())
    return {
        "nome": name,
        "primeiro_nome": called_name(name, document=statement.document),
        "total": format_brl(statement.total_cents),
        "quantidade": len(statement.invoices),
        "faturas": [
            {
                "numero": invoice.number,
                "valor": format_brl(invoice.amount_cents),
                "vencimento": format_date(invoice.due_on),
                "dias_atraso": invoice.days_late,
            }
            for invoice in statement.invoices
        ],
        "promessa_ativa": describe_agreement(promise) if promise else None,
    }


def _evidence(statement: DebtStatement, promise: Agreement | None) -> tuple[Evidence, ...]:
    found = [amount_of(statement.total_cents, _LOOK_UP)]
    for invoice in statement.invoices:
        found.append(amount_of(invoice.amount_cents, _LOOK_UP))
        found.append(date_of(invoice.due_on, _LOOK_UP))
        found.append(code_of(invoice.number, _LOOK_UP))
    if promise is not None:
        found += evidence_of_agreement(promise, _LOOK_UP)
        # A stored promise may be spoken of as such; its protocol is not told again.
        found.append(action_of("promise_registered", _LOOK_UP))
    return unique(found)


@tool(_SECOND_COPY, response_format="content_and_artifact", parse_docstring=True)
async def make_payment_code(cpf_cnpj: str, run: Run, numero_fatura: str = "", forma: str = "pix") -> Answer:
    """Gera a segunda via de uma fatura em aberto: Pix copia e cola ou linha digitável do boleto.

    Use quando o cliente, com a identidade confirmada, pedir Pix, boleto, código ou segunda via.
    Não use antes de confirmar a identidade nem para fatura que não está em aberto.
    O código vai sozinho, em mensagem separada, logo depois da sua resposta: nunca escreva o código você mesmo.
    Não grava nada.

    Args:
        cpf_cnpj: o documento confirmado.
        numero_fatura: o número como veio de consultar_faturas_cpf, por exemplo "FAT-1001".
        forma: "pix" ou "boleto".
    """
    document = confirmed_document(run, cpf_cnpj)
    if document is None:
        return not_confirmed()
    form = _payment_form(forma)
    if form is None:
        return refuse("forma_invalida", 'A forma deve ser "pix" ou "boleto". Pergunte qual o cliente prefere.')
    tenant = run.turn.tenant
    try:
        copy = await make_second_copy(
            run.deps.crm_for(tenant), document=document, number=numero_fatura, form=form, tenant=tenant,
            today=run.turn.today,
        )  # fmt: skip
    except InvoiceUnknown as error:
        return _unknown_invoice(error)
    except FormUnavailable:
        other = "boleto" if form == "pix" else "Pix"
        return refuse("forma_indisponivel", f"Esta forma não está disponível para a fatura. Ofereça {other}.")
    except CustomerUnknown:
        return _unknown_invoice(InvoiceUnknown([]))
    except CrmUnavailable:
        return unavailable()
    content: dict[str, object] = {
        "forma": form,
        "numero": copy.invoice.number,
        "valor": format_brl(copy.invoice.amount_cents),
        "vencimento": format_date(copy.invoice.due_on),
        "codigo": "(enviado em mensagem separada)",
    }
    evidence = (
        amount_of(copy.invoice.amount_cents, _SECOND_COPY), date_of(copy.invoice.due_on, _SECOND_COPY),
        code_of(copy.invoice.number, _SECOND_COPY), code_of(copy.code, _SECOND_COPY),
        action_of("second_copy_sent", _SECOND_COPY),
    )  # fmt: skip
    return answer(content, ToolResult(content={}, evidence=evidence, attachments=(Text(text=copy.code),)))


def _unknown_invoice(error: InvoiceUnknown) -> Answer:
    message = (
        "Não há fatura em aberto com esse número. Pergunte qual destas o cliente quer."
        if error.numbers
        else "Não há nenhuma fatura em aberto para gerar segunda via."
    )
    evidence = tuple(code_of(number, _SECOND_COPY) for number in error.numbers)
    return refuse(
        "fatura_nao_encontrada", message, ToolResult(content={}, evidence=evidence), faturas=list(error.numbers)
    )


def _payment_form(given: str) -> PaymentForm | None:
    plain = fold(given[:40]).text.strip()
    if plain in {"pix", "copia e cola", "pix copia e cola"}:
        return "pix"
    if plain in {"boleto", "boleto bancario", "linha digitavel", "codigo de barras"}:
        return "boleto"
    return None
