"""Columns of texts and images that start from a pretrained encoder."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.errors import ConfigError, MedleyWarning

WORDS = ["good", "bad", "lovely", "terrible", "dress", "fits", "small", "large", "red", "blue", "quality", "love"]


@pytest.fixture
def rows(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    reviews = [" ".join(rng.choice(WORDS, 8)) for _ in range(40)]
    files = []
    for number in range(40):
        files.append(f"{number}.png")
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(tmp_path / files[-1])
    return pd.DataFrame({"review": reviews, "photo": files, "stars": rng.normal(size=40)})


@pytest.fixture
def fit(rows, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))

    def run(pretrained, verbose=0):
        kinds = {"review": "text", "photo": "image"}
        place = {"directory": tmp_path, "root": tmp_path, "overwrite": True, "verbose": verbose}
        return md.fit(rows, "stars", max_trials=1, epochs=1, column_kinds=kinds, pretrained=pretrained, **place)

    return run


def pretrained_of(model):
    return {type(node.block).__name__ for node in model.graph.nodes() if "Pretrained" in type(node.block).__name__}


TEXT, IMAGE = {"PretrainedTokens", "PretrainedTextEncoder"}, {"PretrainedPixels", "PretrainedImageEncoder"}


def test_a_model_is_taken_for_the_columns_that_it_can_read(fit, tiny, rows, tmp_path):
    model = fit(tiny("bert"))
    assert pretrained_of(model) == TEXT
    assert len(model.predict(rows, root=tmp_path)) == 40
    assert pretrained_of(fit(tiny("vit"))) == IMAGE


def test_columns_may_each_have_their_own(fit, tiny):
    assert pretrained_of(fit({"review": tiny("roberta"), "photo": tiny("resnet")})) == TEXT | IMAGE
    assert pretrained_of(fit({"review": None, "photo": tiny("resnet")})) == IMAGE


def test_auto_is_from_scratch_with_a_line_where_nothing_is_cached_and_changes_nothing(fit, capsys):
    automatic = fit("auto", verbose=1)
    output = capsys.readouterr().out + capsys.readouterr().err
    assert (
        output.count("encoders are trained from scratch (no pretrained model in the local cache; see pretrained)") == 2
    )
    assert pretrained_of(automatic) == set()
    assert automatic.metadata["scores"] == fit(None).metadata["scores"]


@pytest.mark.parametrize(
    ("pretrained", "message"),
    [
        (
            {"revew": "x"},
            "names 'revew', but no column of that name can start from a pretrained encoder. Did you mean 'review'",
        ),
        ({"review": "nobody/nothing"}, "No pretrained weights for 'nobody/nothing'"),
        ("nobody/nothing", "No pretrained weights for 'nobody/nothing'"),
        (3, "pretrained must be 'auto', None, a folder"),
    ],
)
def test_errors_are_reported_before_anything_is_trained(fit, pretrained, message):
    with pytest.raises(ConfigError, match=message):
        fit(pretrained)


class TestTime:
    """Pretrained encoders that are too slow for the time limit."""

    @pytest.fixture(autouse=True)
    def slow(self, monkeypatch):
        monkeypatch.setattr(
            "medley.nn.backbone_speed.seconds_per_sample", lambda name, modality: {"text": 0.1}.get(modality, 9)
        )

    def fit(self, rows, tmp_path, **options):
        kinds = {"review": "text", "photo": "image"}
        place = {"directory": tmp_path, "root": tmp_path, "overwrite": True, "verbose": 0}
        return md.fit(rows, "stars", max_trials=1, epochs=1, column_kinds=kinds, **place, **options)

    def test_only_the_one_that_is_too_slow_is_left_out_with_a_warning(self, rows, tmp_path, tiny):
        both = {"review": tiny("bert"), "photo": tiny("vit")}
        with pytest.warns(MedleyWarning, match=r"photo: .* is not used.*about 360 of the 60 s") as caught:
            model = self.fit(rows, tmp_path, pretrained=both, time_limit=60)
        assert pretrained_of(model) == TEXT
        assert not any("review:" in str(warning.message) for warning in caught)

    def test_a_plan_repeats_that_it_was_left_out(self, rows, tmp_path, tiny):
        with pytest.warns(MedleyWarning):
            plan = self.fit(rows, tmp_path, pretrained=tiny("vit"), time_limit=60).metadata["plan"]
        assert pretrained_of(self.fit(rows, tmp_path, pretrained=tiny("vit"), plan=plan)) == set()

    def test_without_a_time_limit_it_is_used(self, rows, tmp_path, tiny):
        assert pretrained_of(self.fit(rows, tmp_path, pretrained=tiny("vit"), time_limit=None)) == IMAGE

    def test_auto_builds_no_encoder_if_the_limit_is_short(self, rows, tmp_path, tiny, monkeypatch):
        cached = {True: tiny("bert"), False: None}
        monkeypatch.setattr(
            "medley.auto.table.pretrained_choice.first_cached", lambda names: cached["MiniLM" in names[0]]
        )
        model = self.fit(rows, tmp_path, time_limit=10, pretrained="auto")
        assert pretrained_of(model) == set()
        assert model.metadata["plan"]["inputs"]["review"]["pretrained"] is None
