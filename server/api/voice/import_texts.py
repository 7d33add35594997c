"""Why a file or a line of it was not taken, in words: every code in both languages of the API."""

from collections.abc import Mapping
from typing import NamedTuple

from server.languages import Language


class Said(NamedTuple):
    """One sentence in each language."""

    english: str
    portuguese: str

    def to(self, language: Language) -> str:
        return self.portuguese if language is Language.PORTUGUESE else self.english


LINE_REASONS: Mapping[str, Said] = {
    "required": Said("This field is empty", "Este campo está vazio"),
    "is_a_date": Said(
        "This cell holds a date; format the column as text", "Esta célula contém uma data; formate a coluna como texto"
    ),
    "too_many_cells": Said(
        "The line has more values than there are columns; put values that contain the separator in quotes",
        "A linha tem mais valores do que colunas; coloque entre aspas os valores que contêm o separador",
    ),
    "too_long": Said("The text is too long", "O texto é longo demais"),
    "formula": Said("The text begins like a formula", "O texto começa como uma fórmula"),
    "name_without_letters": Said("The name has no letters", "O nome não tem nenhuma letra"),
    "document_exponent": Said(
        "The spreadsheet has turned the document into a number such as 5.29E+10 and lost digits; format the column as "
        "text and fill it in again",
        "A planilha transformou o documento em um número como 5,29E+10 e perdeu dígitos; formate a coluna como texto e "
        "preencha de novo",
    ),
    "document_repeated": Said(
        "A document of one repeated digit belongs to nobody",
        "Um documento com um único dígito repetido não é de ninguém",
    ),
    "document_lost_zeros": Said(
        "The document is too short, probably because its leading zeros were lost; format the column as text and fill "
        "it in again",
        "O documento está curto demais, provavelmente porque perdeu os zeros à esquerda; formate a coluna como texto e "
        "preencha de novo",
    ),
    "document_invalid": Said("This is no valid CPF or CNPJ", "Este não é um CPF ou CNPJ válido"),
    "phone_exponent": Said(
        "The spreadsheet has turned the phone into a number such as 5.51E+12 and lost digits; format the column as "
        "text",
        "A planilha transformou o telefone em um número como 5,51E+12 e perdeu dígitos; formate a coluna como texto",
    ),
    "phone_invalid": Said(
        "This is no valid phone number with area code", "Este não é um número de telefone válido com DDD"
    ),
    "phone_foreign": Said("Only Brazilian numbers are contacted", "Só contatamos números do Brasil"),
    "phone_not_contactable": Said(
        "Numbers such as 0800, 0300 and 4004 are not contacted", "Números como 0800, 0300 e 4004 não são contatados"
    ),
    "amount_invalid": Said(
        "This is no amount in reais, such as 1.234,56", "Este não é um valor em reais, como 1.234,56"
    ),
    "amount_mixed": Said(
        "The amount is written with another decimal separator than the rest of the column",
        "O valor usa um separador decimal diferente do restante da coluna",
    ),
    "amount_not_positive": Said("The amount must be greater than zero", "O valor precisa ser maior que zero"),
    "amount_too_large": Said("The amount is too large", "O valor é grande demais"),
    "amount_too_many_decimals": Said(
        "The amount has more than two decimals", "O valor tem mais de duas casas decimais"
    ),
    "due_date_invalid": Said(
        "This is no due date, such as 10/11/2026", "Esta não é uma data de vencimento, como 10/11/2026"
    ),
    "uf_invalid": Said("This is no Brazilian state, such as SP", "Este não é um estado brasileiro, como SP"),
    "priority_invalid": Said(
        "The priority is a whole number from -100 to 100, or alta, normal, baixa",
        "A prioridade é um número inteiro de -100 a 100, ou alta, normal, baixa",
    ),
    "duplicate_in_file": Said(
        "This document stands further up in the file; a campaign has each debtor once",
        "Este documento já aparece antes no arquivo; cada devedor entra uma vez na campanha",
    ),
    "duplicate_in_campaign": Said(
        "The campaign has a target with this document already", "A campanha já tem um alvo com este documento"
    ),
    "invoice_of_another_customer": Said(
        "This invoice number belongs to another customer", "Este número de fatura é de outro cliente"
    ),
}

FILE_REASONS: Mapping[str, Said] = {
    "empty_file": Said("The file is empty", "O arquivo está vazio"),
    "missing_columns": Said(
        "Columns are missing: {names}. Rename them or say with `mapping` which is which",
        "Faltam colunas: {names}. Renomeie as colunas ou informe em `mapping` qual é qual",
    ),
    "unknown_column": Said(
        "The file has no column for this mapping: {names}", "O arquivo não tem a coluna deste mapeamento: {names}"
    ),
    "duplicate_column": Said(
        "More than one column means the same: {names}. Say with `mapping` which one counts",
        "Mais de uma coluna significa a mesma coisa: {names}. Informe em `mapping` qual delas vale",
    ),
    "too_many_columns": Said("The file has too many columns", "O arquivo tem colunas demais"),
    "too_many_lines": Said("The file has too many lines", "O arquivo tem linhas demais"),
    "cell_too_long": Said("A cell of the file is too long", "Uma célula do arquivo é longa demais"),
    "unclosed_quote": Said("A quotation mark is opened and never closed", "Uma aspa foi aberta e nunca foi fechada"),
    "legacy_xls": Said(
        "Old .xls files are not read; save it as .xlsx or CSV",
        "Não lemos arquivos .xls antigos; salve como .xlsx ou CSV",
    ),
    "binary_workbook": Said(
        "Binary .xlsb files are not read; save it as .xlsx or CSV",
        "Não lemos arquivos binários .xlsb; salve como .xlsx ou CSV",
    ),
    "macros": Said(
        "Files with macros are not read; save it as .xlsx", "Não lemos arquivos com macros; salve como .xlsx"
    ),
    "encrypted": Said("The file has a password; save it without one", "O arquivo tem senha; salve uma cópia sem senha"),
    "not_a_spreadsheet": Said(
        "This is a compressed file and no spreadsheet; send the .xlsx or CSV itself",
        "Este é um arquivo compactado, não uma planilha; envie o próprio .xlsx ou CSV",
    ),
    "html_table": Said(
        "This is a web page under the name of a spreadsheet; open it and save it as .xlsx or CSV",
        "Este arquivo é uma página da web com nome de planilha; abra e salve como .xlsx ou CSV",
    ),
    "binary_file": Said("This is neither CSV nor XLSX", "Este arquivo não é CSV nem XLSX"),
    "unreadable_spreadsheet": Said(
        "The spreadsheet is damaged; open it and save it again", "A planilha está danificada; abra e salve de novo"
    ),
    "xml_entities": Said(
        "The spreadsheet holds definitions that are not read, for safety",
        "A planilha contém definições que, por segurança, não lemos",
    ),
    "inflates_too_much": Said(
        "The spreadsheet is too large when unpacked; split it or send it as CSV",
        "A planilha é grande demais depois de descompactada; divida o arquivo ou envie como CSV",
    ),
    "campaign_ended": Said(
        "The campaign ended while the file was read", "A campanha terminou enquanto o arquivo era lido"
    ),
    "internal": Said(
        "Something went wrong on our side; send the file again",
        "Algo deu errado do nosso lado; envie o arquivo de novo",
    ),
}


def line_message(reason: str, language: Language) -> str:
    """Say why a line was not taken."""
    return LINE_REASONS[reason].to(language)


def file_message(reason: str, language: Language, *, line: int | None = None, names: tuple[str, ...] = ()) -> str:
    """Say why a file was not taken, with the line and the names that it is about."""
    text = FILE_REASONS[reason].to(language).replace("{names}", ", ".join(names))
    if line is None or reason in ("missing_columns", "unknown_column", "duplicate_column"):
        return text
    return f"{text} ({'linha' if language is Language.PORTUGUESE else 'line'} {line})"
