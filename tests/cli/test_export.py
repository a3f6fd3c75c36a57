"""`medley export`."""

import pandas as pd

import medley as md
from medley.cli.main import main


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_an_exported_model_predicts_like_the_original(capsys, pets_model, pets_csv, tmp_path):
    onnx, out = tmp_path / "pets.onnx", tmp_path / "out.csv"
    code, printed, err = run(capsys, "export", pets_model, "-o", onnx)
    assert (code, err) == (0, "")
    assert "pets.onnx.json" in printed
    assert run(capsys, "predict", onnx, pets_csv, "-o", out) == (0, "", "")
    pd.testing.assert_frame_equal(pd.read_csv(out), md.load(pets_model).predict(pets_csv), check_dtype=False, rtol=1e-3)
    code, _, err = run(capsys, "predict", onnx, tmp_path / "none.csv", "-o", tmp_path / "out.txt")
    assert code == 2
    assert "2 errors" in err


def test_an_invalid_output_is_an_error(capsys, pets_model, tmp_path):
    code, _, err = run(capsys, "export", pets_model, "-o", tmp_path / "nowhere" / "pets.zip")
    assert code == 2
    assert "ends in .onnx" in err
    assert "no folder" in err


def test_a_folder_without_a_model_is_an_error(capsys, tmp_path):
    code, _, err = run(capsys, "export", tmp_path, "-o", tmp_path / "pets.onnx")
    assert code == 2
    assert "contains neither a saved model" in err


def test_an_onnx_file_without_its_json_is_an_error(capsys, tmp_path, pets_csv):
    (tmp_path / "pets.onnx").write_bytes(b"")
    code, _, err = run(capsys, "predict", tmp_path / "pets.onnx", pets_csv)
    assert code == 2
    assert "pets.onnx.json" in err
