"""The page as a whole: what it holds, what it leaves out and says so, and that it leaks and loads nothing."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

import medley as md
from medley.errors import ConfigError, DataError
from medley.model.privacy import WITHHELD

HOSTILE, SECRET = "<img src=x onerror=alert(1)>", "Rumpelstiltskin"


class Reader(HTMLParser):
    """Elements with their attributes, headings, and visible text."""

    def __init__(self):
        super().__init__()
        self.elements, self.text, self.inside = [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.text.append(data)


def read(path):
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    return reader


@pytest.fixture(scope="module")
def elements(page):
    return read(page)


@pytest.fixture(scope="module")
def numbers(pets_model, pets_folder):
    path = pets_model.report(pets_folder / "report.json", pets_folder / "test.csv")
    return json.loads(path.read_text("utf-8"))


def test_sections_are_there(elements):
    ids = [attributes["id"] for tag, attributes in elements.elements if tag == "section"]
    sections = ["summary", "target-1", "target-2", "importance", "examples", "reasons", "data"]
    sections += ["training", "network"]
    assert ids[: len(sections)] == sections
    assert {"reproduce", "card"} <= set(ids)
    text = " ".join(elements.text)
    for part in (
        "Confusion matrix",
        "Reliability",
        "Predicted against true",
        "Decision thresholds",
        "Rows that lack an input",
    ):
        assert part in text


def test_nothing_is_loaded_from_elsewhere(page, elements):
    source = page.read_text("utf-8")
    links = [
        value
        for _, attributes in elements.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data") and not value.startswith(("#", "data:"))
    ]
    assert links == []
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttp", source)
    assert page.stat().st_size < 1_000_000


def test_hostile_names_and_cells_are_text(elements):
    images = [attributes for tag, attributes in elements.elements if tag == "img"]
    assert images
    assert all(attributes["src"].startswith("data:image/png;base64,") for attributes in images)
    assert sum(tag == "script" for tag, _ in elements.elements) == 1
    assert not any(name.startswith("on") for _, attributes in elements.elements for name in attributes)
    assert not any(tag in ("i", "b") for tag, _ in elements.elements)
    text = " ".join(elements.text)
    assert HOSTILE in text
    assert "</script><b>large" in text


def test_only_the_script_of_the_page_may_run(page, elements):
    from base64 import b64encode
    from hashlib import sha256

    source = page.read_text("utf-8")
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL)[1]
    policy = next(a["content"] for tag, a in elements.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy


def test_charts_have_names_descriptions_and_tables(elements):
    charts = [attributes for tag, attributes in elements.elements if tag == "svg"]
    assert len(charts) > 8
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in charts)
    figures = sum(tag == "figure" for tag, _ in elements.elements)
    assert sum(a.get("class") == "numbers" for tag, a in elements.elements if tag == "details") == figures
    assert sum(tag == "desc" for tag, _ in elements.elements) == len(charts)
    assert sum(tag == "h1" for tag, _ in elements.elements) == 1


def test_metrics_are_those_of_scikit_learn(numbers, pets_model, pets_folder):
    import pandas as pd

    table = pd.read_csv(pets_folder / "test.csv")
    predicted = pets_model.predict(pets_folder / "test.csv")
    breed, price = numbers["targets"]
    metrics = {row[0].rstrip(" ↑↓"): row[1] for row in breed["tables"][0]["rows"]}
    assert metrics["accuracy"] == pytest.approx(accuracy_score(table.breed, predicted.breed), abs=1e-5)
    metrics = {row[0].rstrip(" ↑↓"): row for row in price["tables"][0]["rows"]}
    known = table.price.notna()
    assert metrics["r2"][1] == pytest.approx(r2_score(table.price[known], predicted.price[known]), abs=1e-4)
    assert price["rows"] == known.sum()
    assert metrics["r2"][3] <= 0.0 + 1e-9  # the constant baseline, which was fitted to other rows
    assert breed["headline"]["metric"] == "accuracy"
    assert [line["name"] for line in breed["headline"]["baselines"]] == ["constant", "linear"]


def test_calibration_thresholds_and_intervals_are_those_of_predictions(pets_model, pets_folder, tmp_path):
    import pandas as pd

    model = md.load(pets_model.save(tmp_path / "model"))
    model.set_threshold("breed", threshold=0.9)
    table = pd.read_csv(pets_folder / "test.csv")
    content = json.loads(model.report(tmp_path / "r.json", pets_folder / "test.csv").read_text("utf-8"))
    breed, price = content["targets"]
    predicted = model.predict(pets_folder / "test.csv", interval=0.9)
    assert breed["headline"]["value"] == pytest.approx(accuracy_score(table.breed, predicted.breed), abs=1e-5)
    thresholds = next(item["rows"] for item in breed["tables"] if item["caption"].startswith("Thresholds"))
    assert thresholds[0][:2] == ["of the model", 0.9]
    sets = next(item["rows"] for item in breed["tables"] if item["caption"] == "Sets of classes")
    holds = [label in members for label, members in zip(table.breed, predicted.breed_set, strict=True)]
    assert sets[0][:2] == ["90%", pytest.approx(np.mean(holds), abs=1e-5)]
    intervals = next(item["rows"] for item in price["tables"] if item["caption"].startswith("Intervals"))
    known = table.price.notna()
    inside = table.price.between(predicted.price_low, predicted.price_high)[known]
    assert intervals[0][:2] == ["90%", pytest.approx(inside.mean(), abs=1e-5)]


def test_the_search_and_the_network_are_in_it(numbers, pets_model):
    trials = next(table for table in numbers["training"]["tables"] if table["caption"] == "Trials")
    assert [row[0] for row in trials["rows"]] == [0, 1]
    assert dict(numbers["training"]["facts"])["trials"] == 2
    total = sum(parameter.numel() for parameter in pets_model.network.parameters())
    assert numbers["network"]["parameters"] == total
    assert numbers["reproduce"]["tables"][0]["rows"][0][1] is not None  # versions of the training
    assert "--target breed --target price --private owner" in numbers["reproduce"]["command"]


def test_examples_are_the_surest_rows(numbers, pets_model, pets_folder):
    import pandas as pd

    table = pd.read_csv(pets_folder / "test.csv")
    predicted = pets_model.predict(pets_folder / "test.csv")
    groups = {group["title"]: group["cards"] for group in numbers["examples"]["groups"]}
    wrong = predicted.breed.to_numpy() != table.breed.to_numpy()
    cards = groups.get("breed: surest and wrong", [])
    assert len(cards) == min(wrong.sum(), 4)
    if cards:
        assert cards[0]["row"] == predicted.breed_probability[wrong].idxmax()
    largest = groups["price: largest errors"][0]["row"]
    assert largest == (predicted.price - table.price).abs().idxmax()
    names = {cell["name"] for card in groups["price: largest errors"] for cell in card["cells"]}
    assert "photo" in names
    assert "owner" not in names


def test_reasons_of_single_predictions_are_those_of_the_model(numbers, pets_model, pets_folder):
    import pandas as pd

    items = {item["group"]: item for item in numbers["reasons"]["items"]}
    assert {"breed: surest and right", "price: largest errors", "price: smallest errors"} <= set(items)
    item = items["price: largest errors"]
    predicted = pets_model.predict(pets_folder / "test.csv").price
    assert item["row"] == next(
        group["cards"][0]["row"] for group in numbers["examples"]["groups"] if group["title"] == "price: largest errors"
    )
    assert float(item["output"].replace(",", "")) == pytest.approx(predicted[item["row"]], rel=1e-3)
    amounts = [float(bar["amount"].replace(",", "")) for bar in item["bars"]]
    reference = float(item["reference"].replace(",", ""))
    assert sum(amounts) == pytest.approx(predicted[item["row"]] - reference, abs=0.01 * abs(predicted).max())
    assert [text["column"] for text in item["texts"]] == ["note"]
    assert [image["column"] for image in item["images"]] == ["photo"]
    assert float(item["truth"]) == pytest.approx(pd.read_csv(pets_folder / "test.csv").price[item["row"]], rel=1e-3)
    cells = {bar["column"]: bar["cell"] for bar in item["bars"]}
    assert cells["owner"] == "private"


def test_drift_is_that_of_the_model(pets_model, pets_folder, tmp_path):
    import pandas as pd

    table = pd.read_csv(pets_folder / "test.csv")
    table[HOSTILE] += 10
    content = json.loads(pets_model.report(tmp_path / "r.json", table, root=pets_folder).read_text("utf-8"))
    drift = content["data"]["drift"]
    expected = pets_model.drift(table, root=pets_folder)
    assert HOSTILE in drift["sentence"]
    assert drift["has_drifted"]
    rows = {row[0]: row[1:] for row in drift["table"]["rows"]}
    assert set(rows) == set(expected.name[:30])
    for row in expected[:30].itertuples():
        assert rows[row.name][:2] == ["yes" if row.drifted else "no", pytest.approx(row.shift, abs=1e-5)]


def test_private_columns_never_leak(page, numbers):
    assert SECRET not in page.read_text("utf-8")
    assert all(SECRET not in json.dumps(value) for value in numbers.values())


def test_without_examples_no_cell_is_shown(pets_model, pets_folder):
    path = pets_model.report(pets_folder / "none.html", pets_folder / "test.csv", examples=False)
    source = path.read_text("utf-8")
    assert not any(word in source for word in ("said", "gate", "data:image/"))
    assert "examples=False" in source


def test_a_model_saved_without_examples_shows_none(pets_model, pets_folder, tmp_path):
    model = md.load(pets_model.save(tmp_path / "model", examples=False))
    source = model.report(tmp_path / "report.html", pets_folder / "test.csv").read_text("utf-8")
    assert WITHHELD in source
    assert "saved with examples=False" in source
    assert not any(word in source for word in ("gate", "data:image/"))
    without_rows = model.report(tmp_path / "own.json").read_text("utf-8")
    assert "pass labelled rows" in without_rows


def test_without_a_table_it_shows_validation_rows_and_says_what_is_left_out(pets_model, pets_folder):
    content = json.loads(pets_model.report(pets_folder / "own.json").read_text("utf-8"))
    assert "validation" in content["summary"]["origin"] or "training" in content["summary"]["origin"]
    breed = content["targets"][0]
    observed = pets_model.validation.tasks["breed"]
    expected = np.mean(observed.predictions[observed.observed] == observed.targets[observed.observed])
    assert breed["headline"]["value"] == pytest.approx(expected, abs=1e-6)


def test_rows_with_unknown_classes_count_as_misses(pets_model, pets_folder):
    import pandas as pd

    table = pd.read_csv(pets_folder / "test.csv")
    table.loc[0, "breed"] = "of another kind"
    with pytest.warns(match="no training rows"):
        path = pets_model.report(pets_folder / "other.json", table, root=pets_folder)
    breed = json.loads(path.read_text("utf-8"))["targets"][0]
    predicted = pets_model.predict(pets_folder / "test.csv").breed
    assert breed["headline"]["value"] == pytest.approx(accuracy_score(table.breed, predicted), abs=1e-5)
    assert "1 rows have classes" in breed["notes"][0]


def test_intervals_draw_groups_of_the_split(tmp_path):
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(30), 4)
    size = rng.normal(size=30)[owner] + rng.normal(0, 0.1, 120)
    table = {"size": size, "owner": owner, "price": size + rng.normal(size=30)[owner]}
    options = {"inputs": ["size"], "max_trials": 1, "epochs": 1, "verbose": 0}
    model = md.load(md.fit(table, "price", group="owner", **options).save(tmp_path / "model"))
    assert model.metadata["split_by"] == {"group": "owner"}
    ends = []
    for rows in (table, {"size": size, "price": table["price"]}):
        content = json.loads(model.report(tmp_path / "r.json", rows).read_text("utf-8"))
        metrics = {row[0].rstrip(" ↑↓"): row for row in content["targets"][0]["tables"][0]["rows"]}
        low, high = map(float, metrics["root mean squared error"][2].split(" to "))
        ends.append(high - low)
    assert ends[0] > 1.5 * ends[1]


def test_errors_come_before_any_work(pets_model, pets_folder, tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.html"):
        pets_model.report(tmp_path / "report.pdf")
    with pytest.raises(ConfigError, match="is not a folder"):
        pets_model.report(tmp_path / "none" / "report.html")
    with pytest.raises(DataError, match="breed"):
        pets_model.report(tmp_path / "report.html", {HOSTILE: [1.0], "photo": [None], "note": ["x"], "owner": ["y"]})
    assert list(tmp_path.iterdir()) == []


def test_the_model_card_has_a_head_and_no_markup_of_its_cells(pets_model, pets_folder):
    text = pets_model.report(pets_folder / "MODEL_CARD.md", pets_folder / "test.csv").read_text("utf-8")
    _, head, body = text.split("---\n", 2)
    fields = {line.split(": ", 1)[0]: json.loads(line.split(": ", 1)[1]) for line in head.splitlines()}
    assert fields["library_name"] == "medley"
    results = fields["model-index"][0]["results"]
    assert [result["task"]["name"] for result in results] == ["breed", "price"]
    assert 0 <= results[0]["metrics"][0]["value"] <= 1
    assert "# Model of breed, price" in body
    assert "## Limits" in body
    assert "<" not in body


def test_every_kind_of_head_is_reported(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    x[3] = np.nan
    y = {
        "tags": (x[:, :3] > 0).astype(int),
        "pair": np.stack([x[:, 0], np.where(x[:, 1] > 1, np.nan, x[:, 1])], 1),
        "stars": np.clip(np.nan_to_num(x[:, 0]).round() + 2, 0, 4).astype(int),
        "visits": rng.poisson(3, 60),
        "wage": 10 * x[:, 1],
        "pet": rng.choice(["cat", "dog", "cow"], 60),
    }
    heads = [
        md.ClassificationHead(name="tags", multi_label=True),
        md.RegressionHead(name="pair"),
        md.OrderedHead(name="stars"),
        md.CountHead(name="visits"),
        md.RegressionHead(name="wage", quantiles=[0.1, 0.5, 0.9]),
        md.ClassificationHead(name="pet", metrics=["f1"]),
    ]
    auto = md.AutoModel(md.Input(name="x"), heads, max_trials=1, directory=tmp_path)
    auto.fit(x, y, epochs=1, verbose=0)
    content = json.loads(auto.model.report(tmp_path / "report.json", x, y).read_text("utf-8"))
    titles = {section["name"]: [figure["title"] for figure in section["figures"]] for section in content["targets"]}
    assert "Average precision by label" in titles["tags"]
    assert titles["pair"].count("Residuals") == 2
    assert {"Confusion matrix", "ROC"} <= set(titles["stars"])
    assert "Predicted against true" in titles["visits"]
    assert "Residuals" in titles["wage"]
    metrics = {section["name"]: section["tables"][0]["rows"][0][0] for section in content["targets"]}
    assert metrics["pet"] == "f1 ↑"
    assert content["targets"][5]["headline"]["metric"] == "f1"
    assert "Cosine of gradients" in [figure["title"] for figure in content["importance"]["figures"]]
    assert any("Examples of visits, wage, pet" in line for line in content["left_out"])
    page = read(auto.model.report(tmp_path / "report.html", x, y))
    assert sum(tag == "figure" for tag, _ in page.elements) > 20
