"""`medley explain`."""

import pandas as pd

from medley.cli.main import main


def test_columns_are_listed_by_amount(capsys, pets_model, pets_csv):
    assert main(["explain", str(pets_model), str(pets_csv), "--row", "6", "--target", "price", "--samples", "16"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0].startswith("row 6, price: ")
    first = lines[2].split()
    age = pd.read_csv(pets_csv).age
    assert first[0] == "age"
    assert (float(first[3]) > 0) == (age[6] > age.mean())  # the price rises with the age
    assert set(first[2]) == {"+" if age[6] > age.mean() else "-"}


def test_a_page_is_written(capsys, pets_model, pets_csv, tmp_path):
    page = tmp_path / "page.html"
    options = ["--row", "0", "--row", "2", "--target", "breed", "--label", "old", "--samples", "2", "-o", str(page)]
    assert main(["explain", str(pets_model), str(pets_csv), *options]) == 0
    text = page.read_text("utf-8")
    assert "Row 0: probability of breed = old" in text
    assert "Row 2: probability of breed = old" in text
    assert "http" not in text.replace("http-equiv", "")


def test_all_errors_are_reported(capsys, pets_model, pets_csv):
    assert main(["explain", str(pets_model), str(pets_csv), "--row", "60", "-o", "page.txt"]) == 2
    err = capsys.readouterr().err
    assert "--row 60: the table has the rows 0 to 59" in err
    assert "ends in .html" in err
    assert main(["explain", str(pets_model), str(pets_csv), "--row", "0", "--target", "bred"]) == 2
    assert "Did you mean 'breed'" in capsys.readouterr().err
