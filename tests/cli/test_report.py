"""`medley report`."""

from medley.cli.main import main


def test_a_page_and_a_card_are_written(capsys, pets_model, pets_csv, tmp_path):
    page, card = tmp_path / "pets.html", tmp_path / "MODEL_CARD.md"
    assert main(["report", str(pets_model), str(pets_csv), "-o", str(page)]) == 0
    assert main(["report", str(pets_model), "-o", str(card)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith(f"{page} (")
    source = page.read_text("utf-8")
    assert "Measured on pets.csv" in source
    assert 'id="examples"' in source
    assert card.read_text("utf-8").startswith("---\nlibrary_name:")


def test_the_search_of_a_project_is_reported(pets_model, tmp_path):
    page = tmp_path / "search.html"
    assert main(["report", str(pets_model.parent / "search"), "--no-examples", "-o", str(page)]) == 0
    assert 'id="examples"' not in page.read_text("utf-8")


def test_all_errors_are_reported(capsys, tmp_path):
    assert main(["report", str(tmp_path / "none"), "-o", "page.pdf"]) == 2
    err = capsys.readouterr().err
    assert "neither a saved model" in err
    assert "must end in .html" in err
