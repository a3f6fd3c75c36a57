"""The page in a real browser: fill in, drop an image, read the answer; a wrong value has our message at its field."""

import shutil

import pytest

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
