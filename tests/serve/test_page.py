"""The page in a real browser: fill in, drop an image, read the answer; a wrong value has our message at its field."""

import base64
import io
import shutil

import numpy as np
import pytest
from starlette.testclient import TestClient

import medley as md
from medley.serve import app

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=[(1200, "light"), (360, "dark")], ids=["wide", "phone"])
def page(browser, address, request):
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, locale="en-GB")
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://{address}/")
    page.get_by_label("kind").wait_for()
    yield page
    assert errors == []
    context.close()


DROP = """([zone, content]) => {
    const bytes = Uint8Array.from(atob(content), character => character.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "rex.png", {type: "image/png"}));
    zone.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
}"""


def test_a_row_is_filled_in_and_answered(page, client, row):
    example = {name: cell for name, cell in row.items() if name != "photo"}
    assert page.get_by_label("age", exact=True).input_value() != ""  # the example is filled in
    page.get_by_label("age", exact=True).fill(str(example["age"]))
    page.get_by_label("kind").select_option(example["kind"])
    page.get_by_label("born").fill(example["born"])
    page.get_by_label("note").select_option(example["note"])
    page.get_by_label("vaccinated").select_option("yes" if example["vaccinated"] else "no")
    page.evaluate(DROP, [page.query_selector("#fields .drop"), row["photo"]])
    page.get_by_alt_text("photo: rex.png").wait_for()
    page.get_by_role("button", name="Predict").click()
    page.locator(".mattered").first.wait_for()
    answer = client.post("/models/pets/predict", json={"rows": [row], "interval": 0.9}).json()["answers"][0]
    values = page.locator("#answers .value").all_inner_texts()
    assert values[0].split()[0] == answer["breed"]["prediction"]
    assert float(values[1].replace(",", "")) == pytest.approx(answer["price"]["prediction"], rel=1e-3)
    assert page.locator("#answers .bars").first.locator("li").count() == 2
    assert page.locator("#answers .range").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_wrong_value_has_our_message_at_its_field(page):
    age = page.get_by_label("age", exact=True)
    age.fill("heavy")
    page.get_by_role("button", name="Predict").click()
    message = page.locator(f"#{age.get_attribute('aria-describedby')}")
    sync_api.expect(message).to_have_text("'heavy' is not a number.")
    assert age.get_attribute("aria-invalid") == "true"
    assert age.evaluate("input => input === document.activeElement")
    age.fill("3")
    page.get_by_role("button", name="Predict").click()
    page.locator(".mattered").first.wait_for()
    assert age.get_attribute("aria-invalid") is None


def test_a_table_is_uploaded_and_its_answers_downloaded(page, frame, tmp_path):
    table = frame.drop(columns=["breed", "price"]).head(3).assign(photo=None)
    table.to_csv(tmp_path / "new.csv", index=False)
    page.set_input_files("#csv", tmp_path / "new.csv")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download new-answers.csv").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert lines[0].startswith("age,kind,born,note,vaccinated,photo,breed,breed_probability,price")
    assert len(lines) == 4


def test_every_input_has_a_name(page):
    unnamed = page.evaluate(
        """[...document.querySelectorAll("#content input, #content select, #content textarea")].filter(
            input => !input.labels?.length && !input.getAttribute("aria-label")).map(input => input.id)"""
    )
    assert unnamed == []


def wav_of(frequency):
    """The content of a recording of a tenth of a second."""
    soundfile = pytest.importorskip("soundfile", reason="recordings need medley[audio]")
    stream = io.BytesIO()
    tone = np.sin(np.arange(800) * frequency * 2 * np.pi / 8000)
    soundfile.write(stream, tone, 8000, format="WAV")
    return stream.getvalue()


@pytest.fixture(scope="module")
def recordings():
    """A server of two models: of a table with recordings, sets and vectors, and of inputs rather than a table."""
    rng = np.random.default_rng(0)
    pitch = rng.integers(200, 2000, 40)
    tags = [list(rng.choice(["calm", "wild", "old"], rng.integers(1, 3), replace=False)) for _ in pitch]
    measures = rng.normal(size=(40, 3)).round(2).tolist()
    table = {"sound": [wav_of(value) for value in pitch], "tags": tags, "measures": measures, "pitch": pitch * 1.5}
    kinds = {"sound": "audio", "tags": "set", "measures": "vector"}
    options = {"max_trials": 1, "epochs": 1, "verbose": 0}
    of_table = md.fit(table, "pitch", column_kinds=kinds, **options)
    auto = md.AutoModel(
        [md.StructuredDataInput(name="facts"), md.TextInput(name="note")], md.RegressionHead(name="price"), max_trials=1
    )
    notes = rng.choice(["red green", "blue"], 40).tolist()
    facts = {"age": pitch / 100, "colour": rng.choice(["red", "blue"], 40).astype(object)}
    auto.fit([facts, notes], pitch.astype(float), epochs=1, verbose=0)
    return app({"birds": of_table, "things": auto.model})


@pytest.fixture
def other_page(browser, recordings, run_server):
    with run_server(recordings) as address:
        page = browser.new_page(viewport={"width": 360, "height": 800}, locale="en-GB")
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://{address}/")
        page.get_by_label("tags").wait_for()
        yield page
        assert errors == []
        page.close()


def answer_on(page):
    page.get_by_role("button", name="Predict").click()
    page.locator("#answers:not([aria-busy]) .value").first.wait_for()  # the answer before is shown until then
    return float(page.locator("#answers .value").inner_text().replace(",", ""))


def test_recordings_sets_and_vectors_are_entered(other_page, recordings, tmp_path):
    (tmp_path / "bird.wav").write_bytes(wav_of(700))
    other_page.set_input_files("#fields input[type=file]", tmp_path / "bird.wav")
    other_page.locator("#fields audio").wait_for()
    assert other_page.locator("#fields .chosen .name").inner_text() == "bird.wav"
    other_page.get_by_label("tags").fill("calm; old")
    other_page.get_by_label("measures").fill("0.1, 0.2 -0.3")
    row = {"sound": base64.b64encode(wav_of(700)).decode(), "tags": ["calm", "old"], "measures": [0.1, 0.2, -0.3]}
    content = TestClient(recordings).post("/models/birds/predict", json={"rows": [row]}).json()
    assert answer_on(other_page) == pytest.approx(content["answers"][0]["pitch"]["prediction"], rel=1e-3)
    other_page.get_by_role("button", name="Remove").click()
    assert other_page.locator("#fields audio").count() == 0
    other_page.get_by_label("measures").fill("0.1, much")
    other_page.get_by_role("button", name="Predict").click()
    message = other_page.locator(f"#{other_page.get_by_label('measures').get_attribute('aria-describedby')}")
    sync_api.expect(message).to_contain_text("is not a")


def test_an_answer_that_comes_late_is_not_shown_for_another_model(other_page):
    other_page.route("**/predict", lambda route: other_page.wait_for_timeout(300) or route.continue_())
    other_page.get_by_label("tags").fill("calm")
    other_page.get_by_role("button", name="Predict").click()
    other_page.get_by_label("Model").select_option("things")
    other_page.wait_for_timeout(800)
    sync_api.expect(other_page.locator("#answers")).to_have_text("Fill in the form and press Predict.")
    sync_api.expect(other_page.get_by_role("button", name="Predict")).to_be_enabled()


def test_a_model_of_inputs_has_a_form_per_input(other_page, recordings):
    other_page.get_by_label("Model").select_option("things")
    assert not other_page.locator("#table").is_visible()
    facts = other_page.get_by_role("group", name="facts")
    age = facts.get_by_label("age", exact=True)
    age.fill("3.5")
    facts.get_by_label("colour").select_option("red")
    other_page.get_by_label("note").fill("red")
    row = {"facts": {"age": 3.5, "colour": "red"}, "note": "red"}
    content = TestClient(recordings).post("/models/things/predict", json={"rows": [row]}).json()
    assert answer_on(other_page) == pytest.approx(content["answers"][0]["price"]["prediction"], rel=1e-3)
    note = other_page.locator(".mattered + .note")
    sync_api.expect(note).to_have_text(
        "What each input adds to the number, compared with the input left empty (occlusion)."
    )
    assert other_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    age.fill("old")
    other_page.get_by_role("button", name="Predict").click()
    message = other_page.locator(f"#{age.get_attribute('aria-describedby')}")
    sync_api.expect(message).to_have_text("'old' is not a number.")
    assert age.evaluate("input => input === document.activeElement")
    sync_api.expect(other_page.locator("#answers")).to_have_text("No answer: the row was refused.")
    age.fill("")
    facts.get_by_label("colour").select_option("not known")
    content = TestClient(recordings).post("/models/things/predict", json={"rows": [{**row, "facts": None}]}).json()
    assert answer_on(other_page) == pytest.approx(content["answers"][0]["price"]["prediction"], rel=1e-3)
    assert message.inner_text() == ""
