from domain.sentences import split_sentences


def test_sentences_keep_amounts_and_dates_whole() -> None:
    assert split_sentences("Total de R$ 1.234,56. Venceu em 10.10.2026! Ok?\nSim") == (
        "Total de R$ 1.234,56.", "Venceu em 10.10.2026!", "Ok?", "Sim",
    )  # fmt: skip
