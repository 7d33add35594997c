"""The deeds that a draft speaks of as done or as certain to come, and which actions would make each true."""

# ruff: noqa: E501 - a pattern is read whole or not at all

import re
from dataclasses import dataclass

from domain.folded_text import folded
from domain.sentences import split_sentences

_BY = r"(?:te |lhe |voce |a gente )?"
_REGISTERED = (
    r"(?:registr(?:ei|amos)|anot(?:ei|amos)|grav(?:ei|amos)|salv(?:ei|amos)|atualiz(?:ei|amos)"
    r"|deix(?:ei|amos) (?:\w+ ){0,3}(?:registrad|anotad|agendad|combinad|gravad|salv)[oa]s?"
    r"|(?:esta|ta|ficou|fica|foi|foram|ja) (?:tudo |ja |devidamente )?(?:registrad|anotad|gravad|salv|atualizad)[oa]s?)"
)
_WILL_REGISTER = (
    r"(?:vou|vamos|irei|estou|ja estou|ja vou) (?:ja |agora |entao )?(?:registra|anota|grava|salva|agenda)\w*"
)
_SOMEBODY = (
    r"(?:um|uma|o|a|alguem|nossa|nosso|algum|do|da|dos|das)?\s?"
    r"(?:atendente|pessoa|humano|equipe|time|colega|especialista|setor|responsavel|consultor\w*|alguem)"
)
_CODE = r"(?:boleto|pix|codigo|linha digitavel|segunda via|2a via|copia e cola|link|qr ?code)"
_WRITES = frozenset(
    {
        "promise_registered",
        "payment_claimed",
        "payment_confirmed",
        "field_saved",
        "card_moved",
        "opted_out",
        "handed_off",
    }
)
_PROMISE = frozenset({"promise_registered"})
_PROMISED_OR_PROPOSED = frozenset({"promise_registered", "promise_proposed"})
_PAID = frozenset({"payment_confirmed", "nothing_open"})
_PAYMENT = frozenset({"payment_claimed", "payment_confirmed"})
_HANDED = frozenset({"handed_off"})
_NOBODY_CAN: frozenset[str] = frozenset()

# kind, is it said as done (else as coming), actions that back it, pattern over folded text. Order: special before general.
_CLAIMS: tuple[tuple[str, bool, frozenset[str], str], ...] = (
    (
        "promise", True, _PROMISE,
        rf"\b(?:{_REGISTERED}|agend(?:ei|amos)|confirm(?:ei|amos)|marc(?:ei|amos)|renegoci(?:ei|amos)|refiz|fech(?:ei|amos))\b"
        r"(?=[^.!?\n]{0,60}\b(?:promessa|acordo|combinado|compromisso|negociacao|(?:pagamento|valor|data)"
        r"[^.!?\n]{0,25}\b(?:para|pra|dia|no dia|na|ate|em)\b))",
    ),
    ("promise", True, _PROMISE, r"\b(?:promessa|acordo|combinado|compromisso)\b[^.!?\n]{0,20}\b(?:registrad|anotad|agendad|confirmad|salv|gravad|fechad)[oa]s?\b"),
    ("payment", True, _PAYMENT, rf"\b{_REGISTERED}\b(?=[^.!?\n]{{0,30}}\b(?:pagamento|comprovante|que voce (?:ja )?pagou)\b)"),
    ("payment", True, _PAYMENT, r"\b(?:pagamento|comprovante)\b[^.!?\n]{0,20}\b(?:registrad|anotad|lancad)[oa]\b"),
    (
        "written_off", True, _PAID,
        r"\b(?:d(?:ei|emos) baixa|baixa (?:ja )?(?:foi )?(?:feita|realizada|dada)|confirm(?:ei|amos) (?:o |seu |que o seu )?pagamento"
        r"|(?:pagamento|pix|boleto) (?:ja )?(?:foi |esta |caiu|ta |consta )?(?:como )?(?:confirmado|identificado|compensado|aprovado|localizado|baixado|recebido)"
        r"|receb(?:i|emos) (?:o )?seu pagamento|(?:fatura|conta|divida|debito)s? (?:ja )?(?:foi|foram|esta|estao|consta|constam)(?: como)? (?:pag|quitad|baixad)\w+"
        r"|(?:esta|ta) tudo (?:pago|quitado))",
    ),
    (
        "no_debt", True, _PAID,
        r"(?:nao (?:ha|tem|temos|consta|constam|existe|existem|possui|encontrei|identifiquei|localizei|achei|vi)\b[^.!?\n]{0,40}"
        r"\b(?:fatura|conta|divida|debito|pendencia|nada|valor|valores)s?\b[^.!?\n]{0,20}(?:em aberto|pendente|vencid|atrasad|no momento|em seu|no seu|nenhum)"
        r"|nao (?:ha|tem|consta|constam|existe|possui) (?:nenhum\w* )?(?:divida|debito|pendencia)|\bnada em aberto\b"
        r"|(?:esta|estao|ta) (?:tudo )?em dia\b)",
    ),
    (
        "code_sent", True, frozenset({"second_copy_sent"}),
        rf"\b(?:envi(?:ei|amos)|mand(?:ei|amos)|ger(?:ei|amos)|acabei de (?:enviar|mandar|gerar)|segue(?:m)?|aqui (?:esta|vai)|encaminh(?:ei|amos))\b[^.!?\n]{{0,40}}\b{_CODE}\b",
    ),
    ("code_sent", False, frozenset({"second_copy_sent"}), rf"\b(?:vou|estou|ja vou) {_BY}(?:envia|manda|gera)\w*\b[^.!?\n]{{0,30}}\b{_CODE}\b|\b(?:te|lhe) (?:envio|mando)\b[^.!?\n]{{0,30}}\b{_CODE}\b"),
    (
        "handoff", True, _HANDED,
        rf"\b(?:transferi(?:mos)?|encaminh(?:ei|amos)|direcion(?:ei|amos)) (?:voce|seu|sua|o seu|a sua|esse|este|a conversa|o atendimento|para|pra)\b"
        rf"|\b(?:te|lhe|ja te) (?:transferi|encaminhei|direcionei)\b|\bpassei (?:voce|seu|sua|o seu|a sua|a conversa|o caso)\b|\b(?:acionei|chamei|avisei) {_SOMEBODY}",
    ),
    (
        "handoff", False, _HANDED,
        rf"\b(?:vou|irei|estou|to|ja vou|vamos) {_BY}(?:transferi|encaminha|direciona)\w*\b|\bte (?:transfiro|encaminho|direciono)\b"
        rf"|\b(?:vou|irei|estou|ja vou|vamos) {_BY}(?:passa|chama|aciona)\w*\b[^.!?\n]{{0,30}}\b{_SOMEBODY}|\bte passo (?:para|pra|agora)\b"
        rf"|\b{_SOMEBODY}\b[^.!?\n]{{0,25}}\b(?:vai|ira|vao|ja vai) (?:\w+ ){{0,2}}(?:assumir|continuar|atender|responder|falar|retornar|cuidar|ajudar|chamar)\b",
    ),
    (
        "call", False, frozenset({"call_scheduled"}),
        r"\b(?:te|lhe) (?:ligo|telefono|ligamos)\b|\bligo (?:para|pra) voce\b|\b(?:vou|vamos|irei|iremos|vai|vao) (?:ja |agora )?(?:te |lhe )(?:ligar|telefonar|chamar por telefone)\b"
        r"|\b(?:vou|irei|vamos) (?:ligar|telefonar)\b(?! (?:o|a|os|as|de novo o|novamente o) )|\b(?:ligarei|ligaremos|telefonarei|telefonaremos)\b"
        r"|\b(?:vai|vao) ligar (?:para|pra) (?:voce|o seu|seu)\b|\bvoce (?:vai|ira) receber uma ligacao\b",
    ),
    ("contact", False, _HANDED, r"\b(?:vou|vamos|irei|iremos|vai|vao|ira) (?:entrar em contato|retornar|dar um retorno)\b|\b(?:entrarei|entraremos|entrara) em contato\b|\b(?:retornarei|retornaremos)\b|\bte (?:retorno|aviso)\b"),
    ("cancel", True, _NOBODY_CAN, r"\b(?:cancel(?:ei|amos)|(?:foi|esta|ficou|ja foi) cancelad[oa])\b"),
    ("cancel", False, _NOBODY_CAN, r"\b(?:vou|vamos|estou|irei) (?:ja )?cancela\w*\b"),
    ("unblock", True, _NOBODY_CAN, r"\b(?:desbloque(?:ei|amos)|liber(?:ei|amos)|relig(?:uei|amos)|reativ(?:ei|amos)|restabelec(?:i|emos)|(?:foi|esta|ja esta) (?:desbloquead|religad|reativad|restabelecid)[oa])\b"),
    ("unblock", False, _NOBODY_CAN, r"\b(?:vou|vamos|estou|irei) (?:ja )?(?:desbloquea|libera|religa|reativa|restabelece)\w*\b"),
    ("booking", True, frozenset({"booked"}), r"\b(?:agend(?:ei|amos)|marquei|marcamos|reserv(?:ei|amos)|abri (?:um |o |seu )?(?:chamado|protocolo|ticket|ordem)|abrimos (?:um )?chamado|solicitei|enviei (?:um |o )?tecnico)\b|\b(?:visita|instalacao|tecnico)\b[^.!?\n]{0,20}\b(?:agendad|marcad|confirmad)[oa]\b"),
    ("booking", False, frozenset({"booked"}), r"\b(?:vou|vamos|irei) (?:agendar|marcar|abrir (?:um )?chamado|solicitar|enviar (?:um )?tecnico)\b|\b(?:o|um|nosso) tecnico (?:vai|ira|esta indo|chega)\b"),
    ("order", True, frozenset({"ordered"}), r"\b(?:contrat(?:ei|amos)|(?:plano|pedido|contratacao|upgrade)\b[^.!?\n]{0,20}\b(?:contratad|realizad|efetuad|ativad|fechad|confirmad)[oa]|alter(?:ei|amos) (?:o |seu )?plano|ativ(?:ei|amos))\b"),
    ("refund", True, _NOBODY_CAN, r"\b(?:estorn(?:ei|amos)|reembols(?:ei|amos)|devolvi|(?:apliquei|dei|demos|consegui|conseguimos|liberei) (?:\w+ ){0,3}desconto|(?:tirei|retirei|removi|zerei|perdoei) (?:\w+ ){0,2}(?:juros|multa|divida|fatura))\b"),
    # No tool gives a discount; the tenant's own words may (`_deeds`).
    (
        "discount", False, _NOBODY_CAN,
        r"\b(?:dou|damos|darei|daremos|concedo|concedemos|ofereco|oferecemos|consigo|conseguimos|libero|liberamos|faco|fazemos|aplico|aplicamos"
        r"|(?:vou|vamos|posso|podemos|da para|da pra) (?:te |lhe )?(?:dar|conceder|oferecer|fazer|aplicar|liberar|conseguir))\b(?: [^\s.!?;]+){0,6} (?:desconto|abatimento)\b",
    ),
    (
        "opt_out", True, frozenset({"opted_out", "wrong_person"}),
        r"\b(?:descadastr(?:ei|amos|ad[oa])|remov(?:i|emos) (?:o )?(?:voce|seu)|(?:seu|o) (?:numero|contato)\b[^.!?\n]{0,15}\bremovid[oa])\b"
        r"|\bvoce nao (?:vai|ira) (?:mais )?receber\b|\bnao (?:vai|ira) receber mais\b|\bnao recebera mais\b"
        r"|\bnao (?:vou|vamos|iremos|irei) (?:mais )?(?:te |lhe )?(?:mandar|enviar|incomodar|perturbar|procurar|escrever|entrar em contato)\b",
    ),
    ("field", True, frozenset({"field_saved"}), rf"\b{_REGISTERED}\b(?=[^.!?\n]{{0,30}}\b(?:e-?mail|endereco|telefone|cadastro|dados?|contato|nome|data de instalacao)\b)"),
    ("lookup", True, frozenset({"looked_up"}), r"\b(?:consultei|consultamos|verifiquei|verificamos|conferi|chequei|localizei|localizamos|encontrei|encontramos|identifiquei|identificamos|pesquisei|dei uma olhada)\b"),
    ("registered", True, _WRITES, rf"\b{_REGISTERED}\b"),
    ("registered", False, _WRITES | _PROMISED_OR_PROPOSED, rf"\b{_WILL_REGISTER}\b"),
)  # fmt: skip
_COMPILED = tuple((kind, is_done, backed_by, re.compile(pattern)) for kind, is_done, backed_by, pattern in _CLAIMS)
_NEGATED = re.compile(r"\b(?:nao|nunca|nem|sem)\b(?:\s+\w+){0,2}\s*$")
_OPEN = re.compile(
    r"\b(?:posso|podemos|quer|queria|gostaria|prefere|deseja|se|caso|assim que|quando|depois que|apos|antes de|logo que"
    r"|para (?:eu|que)|preciso|precisa|basta|e so|confirmando|confirma|nao consigo|nao posso)\b"
)
_NEGATION_IS_THE_CLAIM = frozenset({"no_debt", "opt_out"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A deed that a text says was done or will be; `backed_by` are the actions that would make it true."""

    kind: str
    backed_by: frozenset[str]
    excerpt: str
    sentence: str


def find_claims(text: str) -> list[Claim]:
    """List the deeds a draft speaks of as done or as certain to come; offers, questions and denials are none."""
    claims: list[Claim] = []
    for sentence in split_sentences(text):
        plain = folded(sentence)
        taken: list[tuple[int, int]] = []
        for kind, is_done, backed_by, pattern in _COMPILED:
            for match in pattern.finditer(plain):
                if any(start < match.end() and match.start() < end for start, end in taken):
                    continue
                taken.append(match.span())
                if not _is_excused(plain, match.start(), kind=kind, is_done=is_done):
                    claims.append(Claim(kind=kind, backed_by=backed_by, excerpt=match[0].strip(), sentence=sentence))
    return claims


def _is_excused(plain: str, start: int, *, kind: str, is_done: bool) -> bool:
    before = plain[:start]
    if kind not in _NEGATION_IS_THE_CLAIM and _NEGATED.search(before):
        return True
    if is_done:
        # "se não encontrei..." is rare; "quando o pagamento foi confirmado" speaks of a condition, not of a deed.
        return bool(re.search(r"\b(?:quando|assim que|depois que|apos|se|caso)\b[^,;:]*$", before))
    return plain.rstrip().endswith("?") or bool(_OPEN.search(before))
