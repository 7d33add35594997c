"""Who speaks: the person that was asked for, the holder, or somebody else on the holder's phone (N6).

The customer's own words decide: the last thing said about it holds until something else is said.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Final, Literal

from domain import intents
from domain.folded_text import fold
from domain.wording import fold as spell_out

_IT_IS_ME = re.compile(
    r"\b(?:sou eu|eu mesm[ao]|e (?:ela|ele)(?: mesm[ao])?|ela mesma|ele mesmo|sou (?:ela|ele)|voce esta falando com"
    r"|ta falando com|falando com (?:ela|ele)|pode falar)\b"
)
_SOMEBODY_ELSE = re.compile(
    r"\b(?:nao|engano|marido|esposa|esposo|mulher del[ea]|filh[ao]|mae|pai|irma|irmao|sogr[ao]|vizinh[ao]|secretari[ao]"
    r"|recado|quem (?:fala|e|ta)|nao (?:esta|ta)|saiu|depois)\b"
)
_ASKED_WHO = re.compile(r"\bfalo com \w+ ?\?$")
_BARE_NO = re.compile(
    r"\W*(?:nao|n|negativo|nao e|aqui nao|nao sou)(?:\W+(?:nao|obrigad[oa]|senhora?|moc[oa]|e engano))*\W*"
)
_ASKS_FOR = r"\b(?:falo|falando|estou falando|e) com (?:a |o |a senhora |o senhor )?{name}\b[^?]*\?"

Claim = Literal["holder", "another"]
_TEXT_LIMIT: Final = 2000
_TEXTS_READ: Final = 60
_SHORT: Final = 60  # of two bubbles that may be one sentence
_LONGEST_ANSWER: Final = 160
_LONGEST_QUESTION: Final = 300

# --- the words, on spelled-out Portuguese without accents: "é" and "e" are one
_NEAR: Final = (
    r"(?:espos[ao]|marido|companheir[ao]|conjuge|namorad[ao]|noiv[ao]|filh[ao]|filhinh[ao]|entead[ao]|irma|irmao"
    r"|ti[ao]|sobrinh[ao]|prim[ao]|net[ao]|sogr[ao]|nora|genro|cunhad[ao]|vizinh[ao]|baba)"
)
_PARENT: Final = r"(?:mae|maezinha|mamae|pai|paizinho|papai|avo|vovo|padrasto|madrasta)"
_KIN: Final = rf"(?:{_NEAR}|{_PARENT}|mulher|amig[ao]|colega|parente|familiar|patroa?)"
_RELATIVE: Final = rf"(?:ex[ -]?)?(?:{_NEAR}|{_PARENT})"
_MY: Final = rf"(?:minha|meu) (?:ex[ -]?)?{_KIN}"
_I_AM: Final = (
    r"(?:sou|a(?:qui|ki)(?: quem fala)? e|aqui fala|quem (?:fala|escreve|tecla|esta (?:falando|escrevendo|respondendo))"
    r"(?: aqui| agora)? e|agora (?:quem fala )?e)(?: eu)?(?: mesm[ao])?,?"
)
_PLACE: Final = (
    r"(?:casa|loja|empresa|firma|padaria|prefeitura|estado|municipio|uniao|hospital|clinica|asilo|escola|banco|igreja"
    r"|sindicato|defensoria|condominio|tecnico|bairro|rua|oab|internet|financeiro|administrativo)"
)
_OF: Final = rf"d(?:el[ea]|[ao] (?!{_PLACE}\b)\w+|[eo] seu \w+|[eo] (?:minha|meu) \w+)"
_OF_HOLDER: Final = r"d(?:el[ea]|[ao] (?:titular|cliente)|[ao] (?:dono|dona) d[ao] (?:conta|linha|celular|telefone))"
_NO_RELATIVE: Final = (
    r"(?! (?:de (?:familia|deus|voces?|\w+ (?:filh|net|crianc)\w+)|solteir\w+|que (?:cri|sustent|pag|cuid)\w+"
    r"|d[ae] casa)"
    r"|.{0,20}\b(?:e|sou) (?:[ao] )?titular\b)"
)
_END: Final = r"(?=\W*(?:$|[.,;:!?\n]))"
_START: Final = (
    r"(?:^\W{0,8}(?:(?:nao|sim|oi|ola|alo|ah|olha|entao|bom dia|boa tarde|boa noite|moc[oa])\W{1,8}){0,4})"
    r"(?:(?:aqui|agora)\W{1,8})?"
)
_AGE: Final = (
    r"(?:[4-9]|1[0-7]|quatro|cinco|seis|sete|oito|nove|dez|onze|doze|treze|quatorze|catorze|quinze|dezesseis|dezessete)"
)
_SPOKESMAN: Final = (
    r"(?:advogad[oa]|procuradora?|curadora?|tutora?|inventariante|despachante|representante(?: legal)?|cuidadora?"
    r"|enfermeir[oa]|contadora?|secretari[oa]|assessora?)"
)
_OF_PERSONS: Final = r"(?:advogad[oa]|procuradora?|curadora?|tutora?|inventariante|representante|cuidadora?)"
_PERSON: Final = r"(?:del[ea]|d[ao] (?:sr\w*|senhora?|dona|seu|cliente|titular)|d[eo] seu|d[aoe] (?:minha|meu))"
_PHONE: Final = r"(?:celular|telefone|whats\w*|zap\w*|aparelho|numero)"
_CONTRACT: Final = r"(?:contas?|contrato|plano|internet|linha|cadastro|faturas?|boletos?|divida|debito)"

# A relative, a child, whoever borrowed the phone: somebody else also where a company is the customer.
_ANOTHER: Final = (
    rf"{_I_AM} [ao] {_RELATIVE}\b{_NO_RELATIVE}",
    rf"{_I_AM} (?:(?:[ao]|uma?) )?(?:ex[ -]?)?{_KIN} {_OF}{_NO_RELATIVE}",
    rf"sou (?:ex[ -]?)?{_NEAR}{_END}",
    # Who introduces themselves by name first.
    rf"(?:sou|aqui e|me chamo|meu nome e)(?: [ao])?(?: \w+){{1,4}},? (?:[ao] )?(?:ex[ -]?)?{_KIN} {_OF_HOLDER}",
    rf"(?:sou|aqui e|me chamo|meu nome e)(?: [ao])? \w+,? (?:[ao] )?(?:ex[ -]?)?{_NEAR} {_OF}",
    rf"{_START}e [ao] {_RELATIVE}\b(?! que (?:vai|pag))",
    rf"[,.;]\s*e [ao] {_RELATIVE}(?: {_OF})?(?: (?:falando|aqui|quem fala|que (?:fala|esta falando)))?{_END}",
    rf"{_START}e (?:[ao] )?{_MY}(?: (?:que|quem) (?:e|tem)\b|{_END})",
    rf"tenho (?:so |apenas )?{_AGE} (?:an(?:os|inhos))"
    r"(?! (?:de|com|que|como|pag\w+|sendo|n[ao]|ness\w+|nest\w+|aqui|usando|e nunca))",
    r"(?<!nao )sou (?:de )?menor(?: de idade)?" + _END,
    r"(?<!nao )sou (?:menor de idade|(?:uma )?crianca)",
    rf"(?:peguei|estou com|fiquei com|usando) o {_PHONE} d(?:el[ea]|[ao] {_MY})\b",
    rf"(?:el[ea]|{_MY}) (?:me )?(?:deixou|esqueceu)(?: eu)? (?:com )?o {_PHONE}",
    rf"{_MY} (?:esta no banho|nao esta(?: em casa| aqui| agora| no momento)?{_END}"
    r"|(?:me )?(?:pediu|mandou) (?:para )?eu (?:falar|responder|ver|resolver|perguntar))",
    r"el[ea] (?:ja )?(?:saiu|viajou)" + _END,
    rf"{_START}{_MY} (?:ja )?(?:saiu|viajou)" + _END,
)
# Who speaks for a person, or names the document and the contract as another person's.
_FOR_ANOTHER: Final = (
    rf"(?<!titular )nao sou (?:eu )?(?:mais )?(?:[ao] )?(?:titular|don[ao](?: d[ao] {_CONTRACT}|{_END})|el[ea]\b)",
    r"titular nao sou eu",
    rf"(?:quero|queria|preciso|posso|vou|vim|pagar|saber|ver)\b.{{0,30}}\b(?:contas?|faturas?|boletos?|divida|debito"
    rf"|segunda via) d[ao] {_MY}(?! e (?:[ao] )?(?:minha|meu))",
    r"sou (?:[ao] |uma? )?(?:empregada|diarista|faxineira|inquilin[ao]) (?:del[ea]|d[ao] (?:dona|sr\w*|seu|senhora?))",
    r"represento (?:el[ea]|[ao] (?:sr\w*|senhora?|dona|titular))\b",
    rf"{_CONTRACT}\b.{{0,20}}\bnao (?:e|esta|fica)(?: mais)? (?:no|em) meu nome",
    rf"(?:[ao] )?{_MY} (?:que )?(?:e|era) (?:[ao] |quem e [ao] )?(?:titular|don[ao]|responsavel)",
    rf"(?:titular|don[ao]|responsavel|{_CONTRACT})\b(?: \w+){{0,3}} e (?:d?[ao] )?(?:de )?{_MY}",
    rf"(?:no|em) nome d(?:el[ea]|[aeo] {_MY})\b",
    rf"{_CONTRACT}(?: (?:e|sao))? del[ea]{_END}",
    rf"(?:cpf|documento|rg) (?:e )?d(?:el[ea]|[aeo] {_MY}|[ao] {_KIN})\b",
    # "Era meu filho no celular" tells who played with the phone, not whose affairs these are.
    rf"\w+ era (?:[ao] )?{_MY}\b(?! (?:no|com o|mexendo|brincando|que (?:mandou|pegou|mexeu))\b)",
    r"(?:[ao] titular|[ao] don[ao] d[ao] (?:conta|linha|internet|contrato)) (?:ja )?(?:faleceu|morreu|e falecid[oa])",
    rf"(?:sou|aqui e|quem fala e|como)\b.{{0,40}}\b{_SPOKESMAN} {_PERSON}",
    rf"(?:sou|aqui e|quem fala e) (?:[ao] |uma? )?{_OF_PERSONS} d[ao] (?!{_PLACE}\b)\w+",
    r"(?:cpf|documento|conta|faturas?|debito|divida|nome|represento) (?:\w+ )?(?:d?[ao] )?(?:minha|meu) cliente",
    r"tenho (?:uma |a )?procuracao",
    r"aqui e d[aeo] (?:\w+ ){0,4}(?:banco|policia|delegacia|justica|prefeitura)",
    r"(?:falo|falando|escrevo|escrevendo|respondo|respondendo|ligo|ligando|resolvendo|em contato) (?:aqui )?"
    rf"(?:por|pel[ao]|para|em nome d[aeo]|no lugar d[aeo]) ?(?:{_KIN}|{_MY}|el[ea]|titular)\b",
    rf"cuido d(?:e tudo|as (?:contas|coisas)|o celular)(?: (?:para|d)(?: ?el[ea]| ?[ao] {_MY}))",
    r"(?:el[ea]|[ao] titular) nao (?:pode falar|se encontra|mexe|"
    rf"esta(?: em casa| aqui| agora| no momento)?(?:{_END}| (?:quer|posso|pode|volta)))",
)
# Of a confirmed holder, who has a family to tell of, only this means that another has taken the phone over.
_TAKES_OVER: Final = (
    rf"{_I_AM} (?:(?:[ao]|uma?) )?(?:ex[ -]?)?{_KIN} {_OF_HOLDER}",
    rf"(?:aqui(?: quem fala)? e|aqui fala|quem (?:fala|escreve|esta (?:falando|escrevendo))(?: aqui| agora)? e) [ao] "
    rf"{_RELATIVE}\b{_NO_RELATIVE}",
    rf"agora (?:quem fala )?e [ao] {_RELATIVE}(?: falando| aqui)?{_END}",
    rf"(?:sou|aqui e|me chamo|meu nome e)(?: [ao])?(?: \w+){{1,4}},? (?:[ao] )?(?:ex[ -]?)?{_KIN} {_OF_HOLDER}",
    rf"(?:peguei|estou com|fiquei com) o {_PHONE} d(?:el[ea]|[ao] (?:minha|meu))\b",
    rf"el[ea] (?:me )?(?:deixou|esqueceu)(?: eu)? (?:com )?o {_PHONE}",
    r"nao e mais el[ea]\b",
)
_TAKES_OVER_FOR: Final = (
    r"(?<!titular )nao sou (?:mais )?(?:[ao] titular|el[ea]\b)",
    rf"(?:sou|aqui e|quem fala e)\b.{{0,40}}\b{_SPOKESMAN} del[ea]",
    r"(?:falo|falando|escrevendo|respondendo) (?:aqui )?(?:por|em nome d|no lugar d)(?: ?el[ea])\b",
)
_TAKES_OVER_NAMED: Final = rf"{_I_AM} (?:(?:[ao]|uma?) )?(?:ex[ -]?)?{_KIN} d[aeo] {{name}}"
# To be the holder, said in so many words: no relation beside it changes that ("sou o pai, mas a conta é no meu nome").
_IS_HOLDER: Final = (
    r"(?<!nao )(?<!nao eu )sou (?:eu )?(?:mesm[ao] )?(?:[ao] )?(?:propri[ao] )?titular(?! nao)",
    r"titular (?:aqui )?(?:mesm[ao] )?sou eu(?: mesm[ao])?",
    r"(?:aqui|agora|quem (?:fala|escreve)(?: agora)?) e [ao] (?:propri[ao] )?titular",
    rf"{_I_AM} [ao] {_RELATIVE} (?:e|mas) (?:sou )?(?:tambem )?(?:sou )?(?:[ao] )?titular(?! (?:e|esta|nao|saiu)\b)",
    r"(?<!nao )sou (?:[ao] |eu [ao] )?don[ao] d[ao] (?:conta|linha|internet|contrato|cadastro|plano)",
    r"(?<!nao )sou (?:[ao] |eu [ao] )?responsavel pel[ao] (?:empresa|conta|contrato|cnpj|loja)",
    r"(?<!nao e )(?<!nao esta )(?<!nao fica )(?<!mais )(?:no|em) meu (?:proprio )?nome(?! nao)",
)
_NOW_SPEAKS: Final = (
    r"(?:^|[.,;:!?\n])\W{0,8}(?:(?:alo|oi|ola|sim|pronto|agora)\W{1,8}){0,4}sou eu(?: mesm[ao])?"
    rf"(?! (?:que|quem)\b)(?!,? [ao] {_KIN}\b)",
    r"(?:eu mesm[ao] )(?:falando|aqui|escrevendo)",
    r"(?<!nao )sou el[ea](?: mesm[ao])?(?! nao)",
    r"agora (?:e|sou) (?:el[ea]|eu)(?: mesm[ao])?(?! (?:que|quem) (?:pag|cuid|resolv|us|mex|faz)\w*)",
    r"^\W{0,8}(?:(?:alo|oi|ola|sim|pronto|isso)\W{1,8}){0,4}e el[ea](?: (?:mesm[ao]|falando|quem fala|aqui))?" + _END,
    r"^\W{0,8}(?:(?:alo|oi|ola|sim|pronto|isso)\W{1,8}){0,4}e el[ea] mesm[ao]",
    r"aqui e [ao] propri[ao]",
    rf"agora (?:quem fala )?e [ao] (?!vez|hora|melhor|unic|mesm|primeir|ultim|dia|(?:ex[ -]?)?{_KIN}\b|{_PLACE}\b)\w+",
)
_WORKS_THERE: Final = (
    r"(?:sou|aqui e) (?:[ao] |uma? )?(?:funcionari[oa]|gerente|soci[oa]|empregad[oa]|estagiari[oa]|auxiliar)",
    r"(?:sou|falo|aqui e|trabalho) (?:d[ao]|n[ao]) (?:financeiro|administrativo|rh|contas a pagar|empresa|firma|loja"
    r"|padaria|escritorio)",
    r"trabalho (?:n[ao]|aqui|com|para|pra)\b",
)
_ASKS_IF_HOLDER: Final = (
    r"\b(?:(?:falo|falando)(?: agora)? com|(?:voce|senhora?|quem (?:fala|escreve|esta (?:falando|escrevendo)))"
    r"(?: agora| aqui)? e(?: mesmo)?|agora e|^\W*e) (?:[ao] )?(?:senhora? |propri[ao] )?titular\b"
)


def _any_of(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?:(?<!\w)(?:{word})(?!\w))" for word in words), re.MULTILINE)


_ANOTHER_READ: Final = _any_of((*_ANOTHER, *_TAKES_OVER))
_FOR_ANOTHER_READ: Final = _any_of((*_FOR_ANOTHER, *_TAKES_OVER_FOR))
_TAKES_OVER_READ: Final = _any_of(_TAKES_OVER)
_TAKES_OVER_FOR_READ: Final = _any_of(_TAKES_OVER_FOR)
_IS_HOLDER_READ: Final = _any_of(_IS_HOLDER)
_NOW_SPEAKS_READ: Final = _any_of(_NOW_SPEAKS)
_WORKS_THERE_READ: Final = _any_of(_WORKS_THERE)
_ASKS_IF_HOLDER_READ: Final = re.compile(_ASKS_IF_HOLDER)
_KIN_READ: Final = re.compile(rf"\b{_KIN}\b")
# Without one of these no claim is made: most of what customers say need not be read any further.
_MAY_CLAIM_READ: Final = re.compile(
    rf"\b(?:sou|aqui|aki|quem|agora|el[ea]|del[ea]|titular|nome|cliente|procuracao|don[ao]|crianca|mesm[ao]|an(?:os|inhos)"
    rf"|trabalho|falo|represento|{_KIN})\b"
)


def is_another_speaking(
    texts: Sequence[str], *, asked: Sequence[str] = (), name: str | None = None, is_company: bool = False,
    is_confirmed: bool = False,
) -> bool:  # fmt: skip
    """Tell whether, by the customer's own words, somebody else than the holder speaks; the newest claim counts.

    `asked` gives, for each text, what was asked before it: a yes to "Falo com o titular?" is a claim too. `name` is
    the holder's, where it is known for sure. For a company whoever works there may speak. `is_confirmed` asks for
    more: who proved to be the holder may speak of anybody else's affairs and family.
    """
    claims = list(zip_longest(texts, asked[: len(texts)], fillvalue=""))[-_TEXTS_READ:]
    for place in range(len(claims) - 1, -1, -1):
        text, question = claims[place]
        claim = _claim_of(text[:_TEXT_LIMIT], question, name, is_company, is_confirmed)
        before = claims[place - 1][0] if place else ""
        if claim is None and before and len(text) <= _SHORT and len(before) <= _SHORT:
            claim = _claim_of(f"{before} {text}", "", name, is_company, is_confirmed)
        if claim is not None:
            return claim == "another"
    return False


def says_another(text: str) -> bool:
    """Tell whether a text says that somebody else than the holder speaks, whatever else it says."""
    plain = spell_out(text[:_TEXT_LIMIT])
    has_said = _ANOTHER_READ.search(plain) is not None or _FOR_ANOTHER_READ.search(plain) is not None
    return has_said and _IS_HOLDER_READ.search(plain) is None


def says_taken_over(text: str) -> bool:
    """Tell whether a text says that another has taken the holder's phone over."""
    return _claim_of(text[:_TEXT_LIMIT], "", None, False, True) == "another"


def says_holder(text: str) -> bool:
    """Tell whether a text says that the holder speaks."""
    return _claim_of(text[:_TEXT_LIMIT], "", None, False, False) == "holder"


@lru_cache(maxsize=2048)
def _claim_of(text: str, asked: str, name: str | None, is_company: bool, is_confirmed: bool) -> Claim | None:
    """Read who one message says to be; of two claims the later one counts."""
    plain = spell_out(text)
    if _MAY_CLAIM_READ.search(plain) is None:
        return "holder" if _answers_as_holder(text, asked, name) else None
    if _IS_HOLDER_READ.search(plain) or (is_company and _WORKS_THERE_READ.search(plain)):
        return "holder"
    another = _end_of_another(plain, name, is_company=is_company, is_confirmed=is_confirmed)
    holder = _last_end(_NOW_SPEAKS_READ, plain)
    if another < 0 and holder < 0:
        return "holder" if _answers_as_holder(text, asked, name) else None
    return "another" if another >= holder else "holder"


def _end_of_another(plain: str, name: str | None, *, is_company: bool, is_confirmed: bool) -> int:
    """Give where the last claim to be somebody else ends, -1 without one."""
    patterns = [_TAKES_OVER_READ if is_confirmed else _ANOTHER_READ]
    if not is_company:
        patterns.append(_TAKES_OVER_FOR_READ if is_confirmed else _FOR_ANOTHER_READ)
    first = _first_name(name)
    if first:
        patterns.append(_any_of((_TAKES_OVER_NAMED.format(name=re.escape(first)),)))
    return max(_last_end(pattern, plain) for pattern in patterns)


def _last_end(pattern: re.Pattern[str], plain: str) -> int:
    return max((match.end() for match in pattern.finditer(plain)), default=-1)


def _answers_as_holder(text: str, asked: str, name: str | None) -> bool:
    """Tell whether the answer is a yes to being the holder, or gives the holder's name as one's own."""
    if len(text) > _LONGEST_ANSWER:
        return False
    question = re.split(r"[.!\n]", spell_out(asked[-_LONGEST_QUESTION:]).rstrip())[-1]
    if _KIN_READ.search(question):  # "Falo com a esposa do titular?"
        return False
    is_yes = "?" in question and intents.is_affirmative(text)
    if is_yes and _ASKS_IF_HOLDER_READ.search(question):
        return True
    return name is not None and has_confirmed_name(question, text, name=name, is_yes=is_yes)


def _first_name(name: str | None) -> str:
    words = fold(name or "").text.split()
    return words[0] if words else ""


def has_denied_name(asked: str, answer: str) -> bool:
    """Tell whether `answer` is a bare no to "Falo com …?": the number is somebody else's."""
    return _ASKED_WHO.search(fold(asked).text.strip()) is not None and _BARE_NO.fullmatch(fold(answer).text) is not None


def has_confirmed_name(asked: str, answer: str, *, name: str, is_yes: bool) -> bool:
    """Tell whether `answer` says yes to a question whether this is `name`. Anything doubtful is no."""
    first = _first_name(name)
    plain = fold(answer).text
    if not first or _SOMEBODY_ELSE.search(plain):
        return False
    if re.search(rf"\b(?:sou (?:a |o )?|aqui e (?:a |o )?|meu nome e ){re.escape(first)}\b", plain):
        return True
    if re.search(_ASKS_FOR.format(name=re.escape(first)), fold(asked).text) is None:
        return False
    return is_yes or _IT_IS_ME.search(plain) is not None
