"""`medley new`, and the options --config and --save-config of `medley fit`."""

import io
import json

import pandas as pd
import pytest
import yaml

import medley as md
from medley.cli.main import main


def run(capsys, *arguments):
    code = main([*map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def here(tmp_path, pets_csv, monkeypatch):
    frame = pd.read_csv(pets_csv)
    frame["id"] = range(len(frame))
    frame["no"] = [f"{day:02}.04.2024" for day in range(1, 31)] * 2  # a name that YAML reads as false
    frame["a: b"] = ["x", "y", "z"] * 20
    frame["copy"] = frame["breed"].str.upper()
    frame.to_csv(pets_csv, index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def received(monkeypatch):
    """What `medley.fit` gets; nothing is trained."""
    options = {}

    def fake(table, targets, **rest):
        options.update(rest, table=str(table), targets=targets)
        raise md.MedleyError("enough")

    monkeypatch.setattr("medley.auto.table.fit.fit", fake)
    return options


def test_a_new_configuration_is_run_by_fit(capsys, here):
    code, out, err = run(capsys, "new", "pets.csv", "--target", "breed", "--target", "price", "-o", "pets.yaml")
    assert (code, out) == (0, "")
    assert "medley fit --config pets.yaml" in err
    text = (here / "pets.yaml").read_text()
    written = yaml.load(text, yaml.BaseLoader)
    assert written["target"] == ["breed", "price"]
    assert written["kind"] == {
        "age": "number",
        "kind": "category",
        "id": "unused",
        "no": "time",
        "a: b": "category",
        "copy": "category",
    }
    assert "identifier" in text
    assert "# warning: Column 'copy' determines the target 'breed'" in text
    code, out, err = run(
        capsys, "fit", "--config", "pets.yaml", "--trials", 1, "--epochs", 1, "-q", "--kind", "copy=unused"
    )
    assert (code, out, err) == (0, "", "")
    model = md.load("pets-model")
    assert model.output_names == ["breed", "price"]
    assert model.table.required == ["age", "kind", "no", "a: b"]


def test_every_line_that_is_commented_out_can_be_used(capsys, here, received):
    run(capsys, "new", "pets.csv", "--target", "price", "-o", "pets.yaml")
    lines = (here / "pets.yaml").read_text().split("# Everything else")[1].splitlines()[1:]
    keys = [line.removeprefix("# ").partition(":")[0] for line in lines if line]
    assert {"time-limit", "epochs", "seed", "root", "input", "device", "private", "import"} <= set(keys)
    examples = {"epochs: N": "epochs: 3", "seed: N": "seed: 7", "input: [NAME]": "input: [age, kind]"}
    text = (here / "pets.yaml").read_text()
    for line, value in examples.items():
        assert f"# {line}" in text
        text = text.replace(f"# {line}", value)
    (here / "pets.yaml").write_text(text)
    assert run(capsys, "fit", "--config", "pets.yaml")[2] == "medley: enough\n"
    assert (received["epochs"], received["seed"], received["inputs"]) == (3, 7, ["age", "kind"])


def test_without_targets_the_columns_are_proposed(capsys, here):
    code, out, _ = run(capsys, "new", "pets.csv")
    assert code == 0
    assert "  # - breed\n" in out
    (here / "pets.yaml").write_text(out)
    code, _, err = run(capsys, "fit", "--config", "pets.yaml")
    assert code == 2
    assert "pets.yaml: target is empty; name at least one column to predict" in err
    (here / "pets.yaml").write_text(out.replace("  # - breed\n", "  - breed\n"))
    assert yaml.safe_load((here / "pets.yaml").read_text())["target"] == ["breed"]


def test_a_file_is_not_replaced_unasked(capsys, here):
    (here / "pets.yaml").write_text("mine")
    code, _, err = run(capsys, "new", "pets.csv", "--target", "price", "-o", "pets.yaml")
    assert (code, err) == (2, "medley: -o pets.yaml exists; choose another file, or --overwrite.\n")
    assert run(capsys, "new", "pets.csv", "--target", "price", "-o", "pets.yaml", "--overwrite", "-q") == (0, "", "")


CALL = ["fit", "pets.csv", "--target", "price", "--target", "no", "--input", "age", "--group", "kind", "-o", "model"]
CALL += ["--kind", "kind=category", "--kind", "copy=unused", "--missing", "Unknown", "--missing-in", "age=-1"]
CALL += ["--missing-in", "age=", "--weight", "price=age", "--time-limit", "90s", "--trials", "3", "--epochs", "4"]
CALL += ["--seed", "5", "--device", "cpu", "--on-bad-file", "drop", "--overwrite", "--no-header", "--private", "kind"]


def test_a_saved_configuration_repeats_the_call(capsys, here, received):
    run(capsys, *CALL, "--save-config", "run.yaml")
    first = dict(received)
    received.clear()
    assert run(capsys, "fit", "--config", "run.yaml")[2] == "medley: enough\n"
    missing = [options.pop("missing_values") for options in (first, received)]
    assert vars(missing[0]) == vars(missing[1])
    assert received == first
    assert yaml.safe_load((here / "run.yaml").read_text())["kind"] == {"kind": "category", "copy": "unused"}


def test_options_of_the_command_line_come_first(capsys, here, received):
    run(capsys, *CALL, "--save-config", "run.yaml")
    run(
        capsys,
        "fit",
        "--config",
        "run.yaml",
        "--epochs",
        9,
        "--target",
        "breed",
        "--kind",
        "copy=text",
        "--header",
        "-v",
    )
    assert (received["epochs"], received["seed"], received["verbose"]) == (9, 5, 2)
    assert received["targets"] == ["breed"]
    assert received["column_kinds"] == {"kind": "category", "copy": "text"}
    (here / "other.csv").write_text("price,age\n1,2\n")
    run(capsys, "fit", "other.csv", "--config=run.yaml")
    assert received["table"].endswith("other.csv")


def test_the_standard_input_may_hold_the_configuration(capsys, here, received, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO('{"table": "pets.csv", "target": ["price"], "time_limit": "1:30"}'))
    run(capsys, "fit", "--config", "-")
    assert (received["targets"], received["time_limit"]) == (["price"], "1:30")


def test_all_errors_of_a_configuration_name_their_keys(capsys, here):
    (here / "bad.yaml").write_text(
        "table: pets.csv\ntaget: breed\ntarget: [prise]\nepochs: many\nresume: maybe\non-bad-file: ignore\n"
        "kind: {agee: number}\nseed: [1, 2]\ngroup: {a: b}\ntime-limit: soon\ndevice: cpu\ndevice: cuda\n"
    )
    code, out, err = run(capsys, "fit", "--config", "bad.yaml", "-o", "model")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "medley: 11 errors:",
        "- bad.yaml: device is there 2 times; merge them.",
        "- bad.yaml: taget is not a key. Did you mean 'target'?",
        "- bad.yaml: epochs must be a whole number, such as 20, got 'many'.",
        "- bad.yaml: resume must be true or false, got 'maybe'.",
        "- bad.yaml: on-bad-file must be one of warn, raise, drop, got 'ignore'.",
        "- bad.yaml: seed must be one value, got a list of 2.",
        "- bad.yaml: group must be one value, got a dict.",
        *[line for line in err.splitlines() if "cuda" in line],
        '- bad.yaml: time-limit must be seconds or a string like "90s", "10m", "1h30m", got \'soon\'.',
        "- bad.yaml: target names 'prise', which is not a column. Did you mean 'price'?",
        "- bad.yaml: kind names 'agee', which is not a column. Did you mean 'age'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "--config run.yaml cannot be read: No such file or directory."),
        ("[1, 2]", "--config run.yaml holds no options: lines such as 'target: price' were expected."),
        ("a: [", "--config run.yaml is not YAML: "),
        ("target: price", "run.yaml: table is missing; name it there, or as FILE."),
        ("target: !!python/object/apply:os.getcwd []\ntable: pets.csv", "run.yaml: target is empty"),
    ],
)
def test_a_file_that_holds_no_configuration_is_reported(capsys, here, text, message):
    if text is not None:
        (here / "run.yaml").write_text(text)
    code, out, err = run(capsys, "fit", "--config", "run.yaml")
    assert (code, out) == (2, "")
    assert err.startswith(f"medley: {message}")


def test_fit_prints_json_and_nothing_else(capsys, here):
    code, out, err = run(capsys, "fit", "pets.csv", "--target", "price", "--trials", 1, "--epochs", 1, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["model"] == "pets-model"
    assert document["scores"] == md.load("pets-model").metadata["scores"]
    assert document["tasks"]["price"]["kind"] == "number"
    assert "trial 0" in err
    more = ["fit", "pets.csv", "--from", "pets-model", "-o", "more", "--epochs", 1, "--json"]
    document = json.loads(run(capsys, *more)[1])
    assert (document["model"], document["rows"]) == ("more", 60)
