"""Recordings of all formats, their spectrograms, and encoders that are independent of padding."""

import io
import os

import numpy as np
import pandas as pd
import pytest
import torch

import medley as md
from medley.audio import codec as codec_module
from medley.audio import recordings
from medley.audio.codec import AudioCodec
from medley.audio.features import log_mel, mel_filters, mix_channels, resample
from medley.audio.kind import is_recording
from medley.core.spec import Spec
from medley.errors import DataError, MissingDependencyError
from medley.nn.spectrogram import SpectrogramMasking
from medley.tables.columns.infer import infer
from medley.testing import check_block

soundfile = pytest.importorskip("soundfile", reason="files of recordings need medley[audio]")
RATE = 8_000
LAYERS = [
    md.SpectrogramConv(filters=4, num_stages=2, num_units=8, dropout=0.0),
    md.SpectrogramRNN(units=4),
    md.SpectrogramTransformer(width=8, num_layers=1, num_heads=2, dropout=0.0),
    md.SpectrogramAttention(num_units=8),
]


def tone(pitch, seconds=0.3, rate=RATE, seed=0):
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.01, len(times))
    return (0.5 * np.sin(2 * np.pi * pitch * times) + noise).astype(np.float32)


def encode_file(samples, rate=RATE, audio_format="WAV"):
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=audio_format)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", "memory")


def test_the_spectrogram_matches_its_definition():
    samples, rate, bins = tone(1000), RATE, 40
    spectrogram = log_mel(samples, rate, bins)
    window, hop = 200, 80
    assert spectrogram.shape == (1 + len(samples) // hop, bins)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    for frame in (0, 7, len(spectrogram) - 1):
        segment = np.zeros(window)
        for offset in range(window):
            index = frame * hop - window // 2 + offset
            segment[offset] = samples[index] if 0 <= index < len(samples) else 0.0
        spectrum = np.abs(np.fft.rfft(segment * hann, 256)) ** 2
        np.testing.assert_allclose(
            spectrogram[frame], np.log(spectrum @ mel_filters(rate, 256, bins) + 1e-6), rtol=1e-4
        )
    centres = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 4000 / 700), bins + 2)[1:-1] / 2595) - 1)
    assert abs(centres[spectrogram.mean(0).argmax()] - 1000) < 60


@pytest.mark.parametrize("audio_format", ["WAV", "FLAC", "OGG", "MP3"])
def test_files_of_every_format_are_read_from_paths_and_bytes(audio_format, tmp_path):
    data = encode_file(tone(500), audio_format=audio_format)
    (tmp_path / "a").write_bytes(data)
    codec = AudioCodec(root=str(tmp_path)).fit([data])
    encoded = codec.encode(["a", data, None])
    assert encoded.present.tolist() == [True, True, False]
    np.testing.assert_array_equal(encoded.array[0], encoded.array[1])


def test_samples_are_read_from_many_types():
    samples = tone(700)
    values = [
        (samples, RATE),
        {"array": samples, "sampling_rate": RATE},
        samples,
        samples[:, None],
        (np.stack([samples, samples]), RATE),
        torch.from_numpy(samples),
        samples.tolist(),
    ]
    codec = AudioCodec(sampling_rate=RATE).fit(values)
    array = codec.encode(values).array
    for encoded in array[1:]:
        np.testing.assert_allclose(array[0], encoded, atol=1e-4)
    integers = (np.round(samples * 2**15).astype(np.int16), RATE)
    np.testing.assert_allclose(codec.encode([integers]).array[0], array[0], atol=0.05)


def test_python_integers_are_16_bit_samples():
    samples = tone(700)
    integers = np.round(samples * 2**15).astype(np.int16)
    codec = AudioCodec(sampling_rate=RATE).fit([samples])
    array = codec.encode(
        [integers, integers.tolist(), integers.astype(np.int64), integers.astype(np.int32) << 16]
    ).array
    for encoded in array[1:]:
        np.testing.assert_allclose(encoded, array[0], atol=1e-4)


def test_rows_without_samples_are_missing_and_files_without_samples_are_bad():
    codec = AudioCodec(sampling_rate=RATE).fit([tone(700)])
    rows = [np.full(9, np.nan), np.float32("nan"), [], {"array": None, "sampling_rate": RATE}, (np.zeros(0), RATE)]
    assert not codec.encode(rows).present.any()
    with pytest.warns(md.BadAudioWarning, match="contains no samples"):
        assert not codec.encode([encode_file(np.zeros(0, np.float32))]).present.any()


def test_files_damaged_after_their_header_are_found_before_training():
    data = encode_file(tone(700, 2.0), audio_format="FLAC")
    codec = AudioCodec()
    assert list(codec.unreadable_rows([data, data[: len(data) // 2]])) == [1]
    with pytest.warns(md.BadAudioWarning, match="row 1 .*damaged"):
        assert codec.fit([data]).encode([data, data[: len(data) // 2]]).present.tolist() == [True, False]


def test_only_the_beginning_of_a_long_file_is_decoded(monkeypatch):
    data, decoded = encode_file(tone(700, 60.0)), []
    load = recordings.load
    monkeypatch.setattr(codec_module, "load", lambda *args: decoded.append(load(*args)) or decoded[-1])
    encoded = AudioCodec(max_seconds=0.5).fit([data]).encode([data])
    assert encoded.array.any(axis=2).all()
    assert max(len(samples) for samples, _ in decoded) < 2 * RATE


def test_mel_filters_match_transformers():
    filters = pytest.importorskip("transformers.audio_utils", reason="needs medley[pretrained]")
    for rate, size, bins in ((8_000, 256, 40), (16_000, 512, 64)):
        reference = filters.mel_filter_bank(size // 2 + 1, bins, 0, rate / 2, rate, norm=None, mel_scale="htk")
        np.testing.assert_allclose(mel_filters(rate, size, bins), reference, atol=1e-12)


def test_recordings_of_other_rates_are_resampled_and_channels_mixed():
    codec = AudioCodec().fit([(tone(700), RATE)] * 3 + [(tone(700, rate=16_000), 16_000)])
    assert codec.state()["rate"] == RATE
    high = resample(tone(700, rate=16_000)[:, None], 16_000, RATE)[:, 0]
    assert abs(len(high) - len(tone(700))) <= 1
    peaks = [int(log_mel(samples, RATE, 40).mean(0).argmax()) for samples in (tone(700), high)]
    assert peaks[0] == peaks[1]
    two = np.stack([tone(300), tone(3000)], axis=1)
    np.testing.assert_allclose(mix_channels(two, 1)[:, 0], two.mean(1))
    assert mix_channels(two, 3).shape == (len(two), 3)
    assert AudioCodec(channels=2).fit([(two, RATE)]).spec.shape[1] == 80


def test_long_recordings_are_truncated_and_short_ones_padded():
    codec = AudioCodec(max_seconds=0.2).fit([(tone(700), RATE)])
    long, short = codec.encode([(tone(700), RATE), (tone(700, 0.1), RATE)]).array
    assert codec.spec.shape == (21, 40)
    assert (long != 0).any(1).all()
    assert (short != 0).any(1).sum() == 11


def test_unreadable_files_are_missing_and_listed_or_an_error(tmp_path):
    (tmp_path / "good.wav").write_bytes(encode_file(tone(500)))
    (tmp_path / "bad.wav").write_bytes(b"RIFF....WAVE nothing")
    (tmp_path / "empty.wav").write_bytes(b"")
    rows = ["good.wav", "bad.wav", None, "gone.wav", "empty.wav"]
    codec = AudioCodec(root=str(tmp_path))
    with pytest.warns(md.BadAudioWarning, match=r"(?s)3 of 5 recordings.*row 1 \('bad.wav'\).*row 3 .*no such file"):
        encoded = codec.fit(rows).encode(rows)
    assert encoded.present.tolist() == [True, False, False, False, False]
    assert list(codec.unreadable_rows(rows)) == [1, 3, 4]
    with pytest.raises(DataError, match="3 of 5 recordings cannot be used"):
        AudioCodec(root=str(tmp_path), on_bad_file="raise").fit(rows)
    with pytest.raises(DataError, match="None of the 1 training rows has a recording"):
        AudioCodec(root=str(tmp_path)).fit(["gone.wav"])
    with pytest.raises(DataError, match="samples need a rate"):
        AudioCodec().fit([tone(500)])


def test_a_distinct_recording_is_transformed_only_once(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path))
    calls = []
    transform = AudioCodec._transform
    monkeypatch.setattr(AudioCodec, "_transform", lambda self, item: calls.append(1) or transform(self, item))
    rows = [(tone(500), RATE), (tone(900), RATE)] * 5
    first = AudioCodec().fit(rows).encode(rows).array
    second = AudioCodec().fit(rows).encode(rows).array
    assert len(calls) == 2
    np.testing.assert_array_equal(first, second)


def test_state_restores():
    rows = [(tone(500 + 10 * row), RATE) for row in range(8)]
    codec = AudioCodec().fit(rows)
    np.testing.assert_array_equal(AudioCodec().restore(codec.state()).encode(rows).array, codec.encode(rows).array)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("longer", [22, 23, 40])
def test_outputs_do_not_depend_on_padding(layer, longer):
    module = layer.build(Spec((40, 12), "TD")).eval()
    steps = torch.randn(3, 40, 12)
    steps[:, 21:] = 0
    with torch.no_grad():
        short, long = module(steps[:, :longer]), module(steps)
    torch.testing.assert_close(short, long, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layer", [*LAYERS, md.SpectrogramAugmentation(0.1, 0.1, 0.1)], ids=lambda layer: type(layer).__name__
)
def test_layers_pass_check_block(layer):
    check_block(layer, specs=[[Spec((20, 12), "TD")]])


def test_masks_and_shifts_are_drawn_in_training_only():
    torch.manual_seed(0)
    module, steps = SpectrogramMasking(0.2, 0.3, 0.3), torch.ones(200, 20, 10)
    changed = module.train()(steps)
    assert set(changed.unique().tolist()) == {0.0, 1.0}
    assert 0.5 < changed.mean() < 0.9
    assert len({row.sum().item() for row in changed}) > 10
    torch.testing.assert_close(module.eval()(steps), steps)


def test_masks_are_relative_to_the_length_of_a_recording():
    torch.manual_seed(0)
    steps = torch.zeros(500, 90, 4)
    steps[:, :14] = 1
    remaining = (SpectrogramMasking(0.1, 0.1, 0.0).train()(steps) != 0).any(2).sum(1)
    assert remaining.min() >= 11
    assert remaining.float().mean() < 14


def test_columns_of_recordings_are_recognised(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(encode_file(tone(500)))
    schema = infer(
        pd.DataFrame(
            {
                "path": ["a.wav", "b.wav", None] * 3,
                "bytes": [encode_file(tone(500)), encode_file(tone(600)), None] * 3,
                "hub": [{"array": tone(500), "sampling_rate": RATE}, None, None] * 3,
            }
        ),
    )
    assert {name: guess.kind for name, guess in schema.items()} == dict.fromkeys(schema, "audio")
    assert "set root" in schema["path"].reason
    assert not is_recording(b"GIF89a")


def test_pitches_are_classified_from_a_table_in_one_call(tmp_path):
    rng = np.random.default_rng(0)
    rows = 120
    pitch = rng.choice([300, 700, 1500], rows)
    table = pd.DataFrame(
        {
            "sound": [f"{row}.wav" for row in range(rows)],
            "size": rng.normal(size=rows).round(2),
            "pitch": [{300: "low", 700: "middle", 1500: "high"}[hertz] for hertz in pitch],
        }
    )
    for row, hertz in enumerate(pitch):
        (tmp_path / f"{row}.wav").write_bytes(encode_file(tone(hertz, rng.uniform(0.1, 0.4), seed=row)))
    table.loc[3, "sound"] = None
    table["loudness"] = table["size"] * 2 + rng.normal(0, 0.1, rows)
    os.remove(tmp_path / "5.wav")
    with pytest.warns(md.BadAudioWarning):
        model = md.fit(
            table, ["pitch", "loudness"], root=tmp_path, max_trials=1, epochs=12, directory=tmp_path, verbose=0, seed=0
        )
    assert {feed.input for feed in model.table.feeds} == {"audio.input", "tabular.input"}
    with pytest.warns(md.BadAudioWarning):
        predictions = model.predict(table, root=tmp_path)
    assert (predictions["pitch"] == table["pitch"]).mean() > 0.9
    restored = md.load(model.save(tmp_path / "model"))
    with pytest.warns(md.BadAudioWarning):
        assert (restored.predict(table, root=tmp_path)["pitch"] == predictions["pitch"]).all()


def test_an_exported_model_reads_recordings(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs medley[runtime]")
    from medley import runtime

    rows = [encode_file(tone(pitch, 0.1 + 0.01 * row)) for row, pitch in enumerate([300, 900] * 8)]
    sound = md.AudioInput(name="sound")
    head = md.ClassificationHead(name="kind")(md.AudioBlock()(sound))
    auto = md.AutoModel(sound, head, max_trials=1, directory=tmp_path, seed=0)
    auto.fit(rows, ["low", "high"] * 8, epochs=2, verbose=0)
    model = auto.export_model()
    exported = runtime.load(model.export(tmp_path / "model.onnx"))
    new = [rows[0], None, (tone(600), RATE)]
    np.testing.assert_allclose(exported.predict_proba(new), model.predict_proba(new), atol=1e-4)


def test_missing_packages_are_named_with_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'medley\[audio\]'"):
        AudioCodec().fit([b"RIFF"])
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(MissingDependencyError, match=r"from 16,000 Hz to 8,000 Hz.*medley\[audio\]"):
        resample(np.zeros((10, 1), np.float32), 16_000, 8_000)


def test_invalid_settings_are_reported_together():
    with pytest.raises(md.MedleyError, match=r"(?s)3 errors:.*sampling_rate.*max_seconds.*on_bad_file"):
        md.AudioInput(sampling_rate=0, max_seconds=-1, on_bad_file="ignore")
    with pytest.raises(md.MedleyError, match="shift must be a fraction"):
        md.SpectrogramAugmentation(shift=2)
