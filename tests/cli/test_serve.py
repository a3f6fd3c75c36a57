"""`medley serve`: what is wrong with a call is reported at once, before anything is loaded."""

from medley.cli.main import main
from medley.cli.serve import _models
from medley.errors import ErrorCollector


def test_all_errors_of_a_call_are_reported(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_API_KEY", " ")
    arguments = ["--port", "0", "--workers", "0", "--tls-key", str(tmp_path / "no.pem"), "--max-rows", "0"]
    assert main(["serve", str(tmp_path / "a" / "pets"), str(tmp_path / "b" / "pets"), *arguments]) == 2
    message = capsys.readouterr().err
    for part in ("Two models are called 'pets'", "--port must be", "--workers must be", "--tls-certificate", "no.pem"):
        assert part in message
    assert "rows must be a whole number of at least 1" in message
    assert "api_key must not be empty" in message


def test_models_that_do_not_exist_are_named(capsys, tmp_path):
    assert main(["serve", str(tmp_path / "pets"), f"houses={tmp_path / 'houses.onnx'}"]) == 2
    message = capsys.readouterr().err
    assert f"{tmp_path / 'pets'} holds no model" in message
    assert "houses.onnx" in message


def test_names_of_models_come_from_the_path_unless_they_are_given(tmp_path):
    (tmp_path / "a=b").mkdir()
    errors = ErrorCollector()
    assert _models(["x/pets.onnx", "houses=y/v3", str(tmp_path / "a=b")], errors) == {
        "pets": "x/pets.onnx",
        "houses": "y/v3",
        "a=b": str(tmp_path / "a=b"),
    }
    assert not errors.errors


def test_a_key_that_cannot_be_read_is_an_error(capsys, tmp_path):
    assert main(["serve", "pets", "--api-key-file", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
