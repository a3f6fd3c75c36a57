"""Predicts with what `Model.export` wrote: ONNX and fitted codecs, with onnxruntime and without torch."""

from medley.runtime.onnx_model import OnnxModel, load

__all__ = ["OnnxModel", "load"]
