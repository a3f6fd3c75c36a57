"""Messages name options, not Python's arguments."""

import pytest

from medley.cli.main import main
from medley.cli.wording import as_options


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("targets names 'x', which is no column.", "--target names 'x', which is no column."),
        ("2 errors:\n- inputs names 'x'\n- split names 'y'", "2 errors:\n- --input names 'x'\n- --split names 'y'"),
        ("to say so, give column_kinds={'a b': \"number\"}.", "to say so, give --kind a b=number."),
        ("Column 'time_limit' holds words.", "Column 'time_limit' holds words."),
        ("group: 3 rows", "--group: 3 rows"),
        ("The time is up; split the rows.", "The time is up; split the rows."),
        (
            '3 images are bad (on_bad_image="raise" stops instead).',
            "3 images are bad (--on-bad-image raise stops instead).",
        ),
        ("root='a' is no folder", "--root a is no folder"),
        ("Paths count from root=, or from here.", "Paths count from --root, or from here."),
        (
            "Rows can be split by one of group, time and split, got group, time.",
            "Rows can be split by one of --group, --time and --split, got --group, --time.",
        ),
        ("device='gpu' cannot be used here.", "--device gpu cannot be used here."),
        ("leave it out with inputs=.", "leave it out with --input."),
    ],
)
def test_arguments_become_options(told, wanted):
    assert as_options(told) == wanted


def test_no_message_of_the_command_line_names_arguments(capsys, pets_csv, tmp_path):
    words = "--target prise --kind age=numbr --input x --time-limit soon --trials 0 --group g --weight w --seed -1"
    assert main(["fit", str(pets_csv), *words.split(), "-o", str(tmp_path / "model")]) == 2
    err = capsys.readouterr().err
    for option in ("--target", "--kind", "--input", "--time-limit", "--trials", "--group", "--weight", "--seed"):
        assert f"- {option}" in err, err
    assert "_" not in err
    assert main(["fit", str(pets_csv), "-o", str(tmp_path / "model")]) == 2
    assert "--target is missing; name at least one column to predict" in capsys.readouterr().err
