"""What a draft claims and what backs it: amounts, dates, codes and deeds against tool results (design: N5)."""

# ruff: noqa: E501 - a pattern is read whole or not at all

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from domain.folded_text import fold
from domain.money import find_amounts
from domain.number_words import DAY_WORDS, read_number_words
from domain.turns import Agreement, Evidence

CUSTOMER = "customer"
_MONTHS = (
    "janeiro", "fevereiro", "marco", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
_WEEKDAYS = ("segunda", "terca", "quarta", "quinta", "sexta", "sabado", "domingo")
_MONTH = "|".join(_MONTHS)
_WEEKDAY = "|".join(_WEEKDAYS)
_NUMERIC_DATE = re.compile(r"(?<![\d/.,-])(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{4}|\d{2}))?(?![\d/]|[.,-]\d)")
_ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
# A voice names days in words; "uma de outubro e outra de novembro" counts invoices.
_SAID_DAY = rf"primeiro|(?!uma? |duas ){DAY_WORDS}|(?<=dia )um"
_WRITTEN_DATE = re.compile(
    rf"(?<!\d)(\d{{1,2}}(?=[ºo°]? )|{_SAID_DAY})[ºo°]? de ({_MONTH})\b(?: de (\d{{4}}\b|dois mil(?: e {DAY_WORDS})?))?"
)
_BARE_DAY = re.compile(rf"\bdia (\d{{1,2}}|{_SAID_DAY})\b(?![/\d]|[.,-]\d| de [a-z])")
_DAY_NAME_BEFORE = re.compile(rf"\b({_WEEKDAY})(?:-feira| feira)?\W{{1,4}}(?:dia )?$")
_DAY_NAME_AFTER = re.compile(rf"^\W{{1,4}}({_WEEKDAY})\b")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+|(?<=[^\s\d]);\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something in a draft that may not be sent, and where it stands."""

    reason: str
    excerpt: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenDate:
    """A day as a text writes it; parts that it leaves out are None."""

    day: int
    month: int | None
    year: int | None
    excerpt: str
    weekday: int | None = None

    def means(self, other: date) -> bool:
        """Tell whether the written parts all agree with a day."""
        return (
            self.day == other.day
            and (self.month is None or self.month == other.month)
            and (self.year is None or self.year == other.year)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A deed that a text says was done or will be; `backed_by` are the actions that would make it true."""

    kind: str
    backed_by: frozenset[str]
    excerpt: str
    sentence: str


@lru_cache(maxsize=256)
def split_sentences(text: str) -> tuple[str, ...]:
    """Cut a text at the ends of sentences; amounts and dates stay whole."""
    return tuple(part.strip() for part in _SENTENCE_END.split(text) if part.strip())


@lru_cache(maxsize=512)
def folded(text: str) -> str:
    """Fold case and accents. Cached: every rule folds the same sentences."""
    return fold(text).text


@lru_cache(maxsize=256)
def amounts_in(passage: str) -> frozenset[int]:
    """Give the cents of all amounts in a passage. Cached: every sentence of a reply is held against the same ones."""
    return frozenset(amount.cents for amount in find_amounts(passage))


@lru_cache(maxsize=256)
def _dates_in(passage: str) -> tuple[WrittenDate, ...]:
    return tuple(find_written_dates(passage))


def find_written_dates(text: str) -> list[WrittenDate]:
    """List the days written in a text: 27/11/2026, 27/11, 27 de novembro, dia 27."""
    plain = folded(text)
    found: list[tuple[int, WrittenDate]] = []
    for match in _ISO_DATE.finditer(plain):
        found.append((match.start(), _written(match, match[3], match[2], match[1], plain)))
    for match in _NUMERIC_DATE.finditer(plain):
        found.append((match.start(), _written(match, match[1], match[2], match[3], plain)))
    for match in _WRITTEN_DATE.finditer(plain):
        month = str(_MONTHS.index(match[2]) + 1)
        found.append((match.start(), _written(match, match[1], month, match[3], plain)))
    for match in _BARE_DAY.finditer(plain):
        found.append((match.start(), _written(match, match[1], None, None, plain)))
    return [written for _, written in sorted(found, key=lambda item: item[0]) if _is_possible(written)]


def _written(match: re.Match[str], day: str, month: str | None, year: str | None, plain: str) -> WrittenDate:
    before = _DAY_NAME_BEFORE.search(plain[max(0, match.start() - 24) : match.start()])
    named = before or _DAY_NAME_AFTER.search(plain[match.end() : match.end() + 16])
    return WrittenDate(
        day=_number(day),
        month=None if month is None else int(month),
        year=None if year is None else _number(year) + (2000 if len(year) == 2 else 0),
        excerpt=match[0],
        weekday=_WEEKDAYS.index(named[1]) if named else None,
    )


def _number(said: str) -> int:
    if said == "primeiro":
        return 1
    return int(said) if said.isdigit() else read_number_words(" ".join(said.split()))


def _is_possible(written: WrittenDate) -> bool:
    return 1 <= written.day <= 31 and (written.month is None or 1 <= written.month <= 12)


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


def customer_evidence(*, amounts: Iterable[int], days: Iterable[date]) -> list[Evidence]:
    """Make evidence of what the customer said: it may be said back."""
    said: list[Evidence] = [{"kind": "amount", "value": str(cents), "source": CUSTOMER} for cents in amounts]
    said += [{"kind": "date", "value": day.isoformat(), "source": CUSTOMER} for day in days]
    return said


def evidence_in_text(text: str, *, source: str) -> list[Evidence]:
    """Make evidence of the amounts and whole dates that a tool's text holds."""
    found: list[Evidence] = [
        {"kind": "amount", "value": str(amount.cents), "source": source} for amount in find_amounts(text)
    ]
    for written in find_written_dates(text):
        if written.month is not None and written.year is not None:
            try:
                day = date(written.year, written.month, written.day)
            except ValueError:
                continue
            found.append({"kind": "date", "value": day.isoformat(), "source": source})
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Backing:
    """All that may back a draft."""

    evidence: Sequence[Evidence]  # of the whole conversation, this turn included
    fresh: Sequence[Evidence]  # of this turn's tools
    today: date
    promise: Agreement | None = None
    proposal: Agreement | None = None
    known_texts: tuple[str, ...] = ()  # the tenant's own words: business hours, rules

    def days(self) -> set[date]:
        """Give the days that may be named."""
        days = {date.fromisoformat(item["value"]) for item in self.evidence if item["kind"] == "date"}
        days.update(date.fromisoformat(item["due_on"]) for item in (self.promise, self.proposal) if item)
        return days | {self.today}

    def amounts(self, *, from_tools_only: bool = False) -> set[int]:
        """Give the amounts, in cents, that may be named."""
        cents = {
            int(item["value"])
            for item in self.evidence
            if item["kind"] == "amount" and not (from_tools_only and item["source"] == CUSTOMER)
        }
        return cents | {item["amount_cents"] for item in (self.promise, self.proposal) if item}

    def texts(self) -> list[str]:
        """Give the passages that tools found, and the tenant's own words."""
        return [item["value"] for item in self.evidence if item["kind"] == "text"] + list(self.known_texts)


_STATES_DEBT = re.compile(
    r"\b(?:em aberto|deve|devendo|divida|debito|total|vencid\w+|atras\w+|fatura|pendente|pendencia|venceu)\b"
)
_PAYMENT_CODE = re.compile(r"000201\w{4,}\S*|(?:\d[\s.]?){44,}")
_PROTOCOL = re.compile(r"\bprotocolo\W{1,4}(?:(?:e|numero|no|n)\W{1,3}){0,2}([a-z0-9][a-z0-9-]{4,19})\b")
# "Protocolo: P, sete, F, três", as a voice says it.
_FIGURES = {
    "zero": "0", "um": "1", "dois": "2", "tres": "3", "quatro": "4", "cinco": "5", "seis": "6", "meia": "6", "sete": "7",
    "oito": "8", "nove": "9",
}  # fmt: skip
_SPELLED_SIGN = rf"(?:[a-z0-9]|{'|'.join(_FIGURES)})"
_SPELLED_PROTOCOL = re.compile(
    rf"\bprotocolo\W{{1,4}}(?:(?:e|numero|no|n)\W{{1,3}}){{0,2}}({_SPELLED_SIGN}(?:[\s,.-]{{1,3}}{_SPELLED_SIGN}){{3,19}})\b"
)


def _spelled_code(said: str) -> str:
    return "".join(_FIGURES.get(sign, sign) for sign in re.findall(r"[a-z0-9]+", said))


def find_unbacked(text: str, backing: Backing) -> list[Finding]:
    """List every amount, date, code and deed in a draft that nothing backs (design: N5)."""
    return [*_amounts(text, backing), *_dates(text, backing), *_codes(text, backing), *_deeds(text, backing)]


def _amounts(text: str, backing: Backing) -> list[Finding]:
    allowed, of_tools = backing.amounts(), backing.amounts(from_tools_only=True)
    for passage in backing.texts():
        cents = amounts_in(passage)
        allowed |= cents
        of_tools |= cents
    findings = []
    for sentence in split_sentences(text):
        found = find_amounts(sentence)
        if not found:
            continue
        # What the customer named may be said back, but it is no debt because of that.
        names_debt = bool(_STATES_DEBT.search(folded(sentence))) and not sentence.endswith("?")
        for amount in found:
            if amount.cents not in (of_tools if names_debt else allowed):
                findings.append(Finding(reason="unsupported_amount", excerpt=amount.text))
    return findings


def _dates(text: str, backing: Backing) -> list[Finding]:
    days = backing.days()
    in_texts = [written for passage in backing.texts() for written in _dates_in(passage)]
    findings = []
    for written in find_written_dates(text):
        matching = [day for day in days if written.means(day)]
        if not matching and not any(_same(written, other) for other in in_texts):
            findings.append(Finding(reason="unsupported_date", excerpt=written.excerpt))
        elif matching and written.weekday is not None and all(day.weekday() != written.weekday for day in matching):
            findings.append(Finding(reason="wrong_weekday", excerpt=written.excerpt))
    return findings


def _same(written: WrittenDate, other: WrittenDate) -> bool:
    return (written.day, written.month, written.year) == (other.day, other.month, other.year)


def _codes(text: str, backing: Backing) -> list[Finding]:
    known = {item["value"] for item in backing.evidence if item["kind"] == "code"}
    bare = {re.sub(r"\W", "", value).lower() for value in known}
    if backing.promise and "protocol" in backing.promise:
        bare.add(backing.promise["protocol"].lower())
    findings = [
        Finding(reason="unsupported_code", excerpt=match[0][:20])
        for match in _PAYMENT_CODE.finditer(text)
        if re.sub(r"\W", "", match[0]).lower() not in bare
    ]
    plain = folded(text)
    said = [_spelled_code(match[1]) for match in _SPELLED_PROTOCOL.finditer(plain)]
    for code in [*(match[1] for match in _PROTOCOL.finditer(plain)), *said]:
        if any(character.isdigit() for character in code) and re.sub(r"\W", "", code) not in bare:
            findings.append(Finding(reason="unsupported_code", excerpt=code))
    return findings


def _deeds(text: str, backing: Backing) -> list[Finding]:
    fresh = {item["value"] for item in backing.fresh if item["kind"] == "action"}
    ever = {item["value"] for item in backing.evidence if item["kind"] == "action"}
    findings = []
    for claim in find_claims(text):
        backers = fresh if claim.kind not in _MAY_BE_OLD else fresh | ever
        is_backed = bool(claim.backed_by & backers)
        if claim.backed_by & _PROMISE and (claim.kind == "promise" or not is_backed):
            is_backed = _is_about(claim.sentence, backing.promise) and (is_backed or "promise_registered" in ever)
        if not is_backed and claim.kind == "lookup":
            is_backed = any(item["source"] != CUSTOMER for item in backing.evidence)
        if not is_backed and claim.kind == "discount":
            is_backed = any("desconto" in folded(passage) for passage in backing.texts())
        if not is_backed:
            findings.append(Finding(reason="unsupported_claim", excerpt=claim.excerpt))
    return findings


_MAY_BE_OLD = frozenset({"payment", "written_off", "no_debt", "lookup", "field", "opt_out"})


def _is_about(sentence: str, promise: Agreement | None) -> bool:
    """Tell whether what a sentence says of a promise is what stands in the stored one."""
    if promise is None:
        return False
    due_on = date.fromisoformat(promise["due_on"])
    days = find_written_dates(sentence)
    return all(day.means(due_on) for day in days) and all(
        amount.cents == promise["amount_cents"] for amount in find_amounts(sentence)
    )
