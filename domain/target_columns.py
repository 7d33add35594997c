"""The columns of a debtors' file: which header means which field, in Portuguese and English (spec 3.2)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import DomainError
from domain.folded_text import fold


class Field(StrEnum):
    """What a line says of a debtor, under its name in the API."""

    CLIENT_NAME = "clientName"
    PHONE_NUMBER = "phoneNumber"
    CLIENT_DOCUMENT = "clientDocument"
    DEBT_AMOUNT = "debtAmount"
    INSTALLATION_POINT = "installationPoint"
    INVOICE_NUMBER = "invoiceNumber"
    DUE_DATE = "dueDate"
    UF = "uf"
    PRIORITY = "priority"


REQUIRED = (Field.CLIENT_NAME, Field.PHONE_NUMBER, Field.CLIENT_DOCUMENT, Field.DEBT_AMOUNT)

# As `_key` writes them: letters and digits alone.
_SYNONYMS: Mapping[Field, str] = {
    Field.CLIENT_NAME: (
        "clientname name customer customername nome nomecompleto nomecliente nomedocliente cliente clientes assinante "
        "nomedoassinante razaosocial nomerazaosocial nomeourazaosocial devedor nomedodevedor titular nomedotitular"
    ),
    Field.PHONE_NUMBER: (
        "phonenumber phone mobile telefone telefone1 tel fone fone1 celular celular1 cel whatsapp whats zap "
        "telefonecelular celularwhatsapp telefonewhatsapp numerodotelefone numerodetelefone telefonedocliente "
        "telefoneprincipal celularprincipal contato numerowhatsapp numerodowhatsapp ntelefone ncelular"
    ),
    Field.CLIENT_DOCUMENT: (
        "clientdocument document taxid cpf cnpj cpfcnpj cnpjcpf cpfoucnpj cpfecnpj documento doc ndocumento "
        "numerododocumento documentodocliente cpfdocliente cpfcnpjdocliente cnpjcpfdocliente cpfcliente cpfcnpjcliente "
        "documentocliente nocpf ncpf numerocpf numerodocpf nodocumento"
    ),
    Field.DEBT_AMOUNT: (
        "debtamount amount debt value total valor valorr valorrs valorreais valortotal valordadivida valordivida "
        "valordodebito valordebito valoremaberto valordevido valordafatura valorfatura valordotitulo valorvencido "
        "saldo saldodevedor debito divida totalemaberto totaldevido totaldadivida emaberto"
    ),
    Field.INSTALLATION_POINT: (
        "installationpoint installation address pontodeinstalacao pontoinstalacao localdeinstalacao endereco "
        "enderecodeinstalacao enderecoinstalacao enderecodainstalacao logradouro"
    ),
    Field.INVOICE_NUMBER: (
        "invoicenumber invoice fatura faturas nofatura nfatura nodafatura ndafatura numerofatura numerodafatura "
        "numfatura numerofaturas titulo ntitulo notitulo nodotitulo numerodotitulo numerotitulo boleto nboleto "
        "noboleto numerodoboleto nossonumero codigodafatura"
    ),
    Field.DUE_DATE: (
        "duedate dueon due vencimento datavencimento datadevencimento datadovencimento vencimentodafatura vencto "
        "dtvenc dtvencimento venceem"
    ),
    Field.UF: "uf state estado ufcliente estadouf siglauf ufdocliente ufdainstalacao ufinstalacao",
    Field.PRIORITY: "priority prioridade ordemdeprioridade niveldeprioridade",
}
_FIELD_BY_KEY: Mapping[str, Field] = {name: field for field, names in _SYNONYMS.items() for name in names.split()}
_UNIT = re.compile(r"\(\s*(?:r\$|reais|brl|em reais|em r\$)\s*\)|r\$")
_OTHER = re.compile(r"[\W_]+")
_SHOWN_CHARS = 60


class ColumnsRefused(DomainError):
    """The header does not tell which column is what. `columns` are headers of the file, never a debtor's data."""

    def __init__(self, reason: str, field: Field | None, columns: Sequence[str] = ()) -> None:
        super().__init__(f"columns refused: {reason}")
        self.reason = reason
        self.field = field
        self.columns = tuple(column[:_SHOWN_CHARS] for column in columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Where each field stands in a row."""

    headers: tuple[str, ...]
    places: Mapping[Field, int]

    @property
    def missing(self) -> tuple[Field, ...]:
        """The required fields that have no column."""
        return tuple(field for field in REQUIRED if field not in self.places)


def _key(header: str) -> str:
    """Write a header without case, accents, punctuation, spaces and units."""
    return _OTHER.sub("", _UNIT.sub("", fold(header[:200]).text))


def map_columns(headers: Sequence[str], wanted: Mapping[Field, str]) -> Columns:
    """Find each field's column: the one that `wanted` names, else the one whose header means it.

    Raises ColumnsRefused: `unknown_column` (a wanted header that is not there), `duplicate_column` (two that mean the
    same, or one wanted twice). Required fields that are missing are the caller's matter.
    """
    keys = [_key(header) for header in headers]
    places: dict[Field, int] = {}
    for field, header in wanted.items():
        place = _place_of(header, headers, keys, field)
        if place in places.values():
            raise ColumnsRefused("duplicate_column", field, [headers[place]])
        places[field] = place
    taken = set(places.values())
    for place, key in enumerate(keys):
        known = _FIELD_BY_KEY.get(key)
        if known is None or place in taken or known in wanted:
            continue
        if known in places:
            raise ColumnsRefused("duplicate_column", known, [headers[places[known]], headers[place]])
        places[known] = place
    return Columns(headers=tuple(header.strip()[:_SHOWN_CHARS] for header in headers), places=places)


def _place_of(header: str, headers: Sequence[str], keys: Sequence[str], field: Field) -> int:
    exact = [place for place, known in enumerate(headers) if known.strip() == header.strip()]
    found = exact or [place for place, key in enumerate(keys) if key and key == _key(header)]
    if not found:
        raise ColumnsRefused("unknown_column", field, [header])
    if len(found) > 1:
        raise ColumnsRefused("duplicate_column", field, [headers[place] for place in found])
    return found[0]


def known_fields(row: Sequence[str], wanted: Mapping[Field, str]) -> int:
    """Count the fields that a row names: the header is the row that names most of them."""
    keys = {_key(text) for text in row if text}
    named = {_FIELD_BY_KEY[key] for key in keys if key in _FIELD_BY_KEY} - set(wanted)
    texts = {text.strip() for text in row}
    return len(named) + sum(header.strip() in texts or _key(header) in keys for header in wanted.values())
