"""Multi-modal, multi-task deep learning on PyTorch: many kinds of input, many targets, one network.

Every public name is imported on first use, so that `import medley` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

__version__ = "0.2.0"

if "OMP_WAIT_POLICY" not in os.environ:
    # Threads that wait by spinning take the core from the one they wait for wherever anything else runs; read by
    # OpenMP when torch is first imported (docs/decisions/0013-threads.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# fmt: off
_PUBLIC = {
    "auto.automodel": ("AutoModel",),
    "auto.forecaster": ("TimeseriesForecaster",),
    "auto.tasks_image": ("ImageClassifier", "ImageRegressor"),
    "auto.tasks_table": ("StructuredDataClassifier", "StructuredDataRegressor"),
    "auto.tasks_text": ("TextClassifier", "TextRegressor"),
    "auto.table.cross_validate": ("CrossValidation", "cross_validate"),
    "auto.table.fit": ("fit",),
    "callbacks.callback": ("Callback",),
    "callbacks.mlflow": ("MLflow",),
    "callbacks.tensorboard": ("TensorBoard",),
    "callbacks.wandb": ("WandB",),
    "core.choice": ("Choice", "Identity"),
    "core.normalization": ("Normalization",),
    "core.shape": ("Flatten", "SpatialReduction", "TemporalReduction"),
    "core.space": ("Float", "Int", "OneOf"),
    "core.torchblock": ("TorchBlock",),
    "audio.attention": ("SpectrogramAttention",),
    "audio.augmentation": ("SpectrogramAugmentation",),
    "audio.block": ("AudioBlock",),
    "audio.conv": ("SpectrogramConv",),
    "audio.input": ("AudioInput",),
    "audio.recurrent": ("SpectrogramRNN",),
    "audio.transformer": ("SpectrogramTransformer",),
    "errors": (
        *("BadAudioWarning", "BadImageWarning", "MedleyError", "MedleyWarning"),
        *("UnreadableCellWarning", "WeakModelWarning"),
    ),
    "fusion.add": ("Add",),
    "fusion.attention": ("AttentionFusion",),
    "fusion.concatenate": ("Concatenate",),
    "fusion.gated": ("GatedFusion",),
    "fusion.low_rank": ("LowRankFusion",),
    "fusion.merge": ("Merge",),
    "graph.graph": ("Graph",),
    "heads.first_stage": ("FirstStage",),
    "heads.classification": ("ClassificationHead",),
    "heads.counts": ("CountHead",),
    "heads.ordered": ("OrderedHead",),
    "heads.regression": ("RegressionHead",),
    "image.augmentation": ("ImageAugmentation",),
    "image.block": ("ImageBlock",),
    "image.captions": ("CaptionImages",),
    "image.compact": ("CompactConvBlock",),
    "image.conv": ("ConvBlock",),
    "image.efficientnet": ("EfficientNetBlock",),
    "image.folder": ("image_dataset_from_directory",),
    "image.input": ("ImageInput",),
    "image.mapped": ("MapImages",),
    "image.set_block": ("ImageSetBlock",),
    "image.set_input": ("ImageSetInput",),
    "image.pretrained": ("PretrainedImageBlock",),
    "image.resnet": ("ResNetBlock",),
    "image.strided": ("StridedConvBlock",),
    "image.visual_words": ("VisualWords",),
    "image.xception": ("XceptionBlock",),
    "linear.path": ("LinearPath",),
    "model.artifact": ("load",),
    "model.model": ("Model",),
    "model.records": ("History", "Record"),
    "report.comparison": ("compare",),
    "search.objective": ("Objective",),
    "search.tuners": ("TPE", "BayesianOptimization", "Greedy", "Hyperband", "Local", "RandomSearch", "Tuner"),
    "series.attention_pooling": ("AttentionPooling",),
    "series.block": ("TimeseriesBlock",),
    "series.general": ("GeneralBlock",),
    "series.input": ("Input",),
    "series.rnn": ("RNNBlock",),
    "series.sequences": ("SequenceInput",),
    "series.timeseries": ("TimeseriesInput",),
    "series.transformer": ("TransformerBlock",),
    "tables.reading.sql": ("Query",),
    "tabular.block": ("StructuredDataBlock",),
    "tabular.categorical": ("CategoricalToNumerical",),
    "tabular.dense": ("DenseBlock",),
    "tabular.dense_ensemble": ("DenseEnsembleBlock",),
    "tabular.input": ("StructuredDataInput",),
    "tabular.numeric": ("NumericEmbedding",),
    "tabular.tabm": ("TabMBlock",),
    "text.bert": ("BertBlock",),
    "text.block": ("TextBlock",),
    "text.embedding": ("Embedding",),
    "text.encodings": ("TextToIntSequence", "TextToNgramVector"),
    "text.folder": ("text_dataset_from_directory",),
    "text.input": ("TextInput",),
    "text.label_bag": ("LabelSetInput",),
    "text.pretrained": ("PretrainedTextBlock",),
    "text.transformer": ("Transformer",),
    "train.plan": ("Training",),
}
# fmt: on
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", "extend", "plot", *sorted(_HOME)]  # pyright: ignore[reportUnsupportedDunderAll]  (the stub spells it out)


def __getattr__(name: str) -> Any:
    if name in ("extend", "plot"):
        return import_module(f"medley.{name}")
    if name not in _HOME:
        from medley.errors import did_you_mean

        raise AttributeError(f"medley has no {name!r}.{did_you_mean(name, _HOME)}")
    from medley.core.garbage import uncollected

    try:
        with uncollected():
            module = import_module(f"medley.{_HOME[name]}")
    except ModuleNotFoundError as error:
        from medley.errors import is_missing_part, missing_package

        if is_missing_part(error):
            raise
        raise missing_package(error, f"medley.{name}") from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
