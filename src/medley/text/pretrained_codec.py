"""Texts -> codes of a pretrained model's own tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.spec import Spec
from medley.errors import ConfigError, NotFittedError
from medley.text.rows import read_texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING = 0
SHORT, LONGEST = 32, 256


class PretrainedTokenCodec(Codec):
    """Texts -> codes (B, T): 0 is padding (behind the words), others are the tokenizer's own numbers plus 1.

    Special tokens stand where the model expects them. Texts longer than T are cut. The state holds the tokenizer
    whole, so that a saved model needs no other file.

    Args:
        name: folder or name on the hub; asked for in `fit` only.
        length: T; None learns it: the longest text if that is short, else the 98th percentile, 256 at most.
        revision: on the hub.
    """

    def __init__(self, name: str, length: int | None = None, revision: str | None = None) -> None:
        self.name = name
        self.length = length
        self.revision = revision
        self._tokenizer: Tokenizer | None = None
        self._steps = 0

    @property
    def spec(self) -> Spec:
        """`(T,)` codes, with the size of the vocabulary and the padding."""
        vocabulary = self._fitted().get_vocab(with_added_tokens=True)
        return Spec((self._steps,), "T", "int64", cardinality=max(vocabulary.values()) + 2)

    def fit(self, values: Any) -> Self:
        """Reads the model's tokenizer, and learns how long texts are where that is left open.

        Raises:
            ConfigError: the model has no fast tokenizer, or reads no texts of that length.
            DataError: the rows are no texts.
        """
        from tokenizers import Tokenizer

        from medley.nn.tokenizer import read_tokenizer

        own = read_tokenizer(self.name, self.revision)
        if self.length is not None and self.length > own.longest:
            raise ConfigError(f"max_sequence_length={self.length}, but {self.name} reads {own.longest} tokens at most.")
        self._tokenizer = Tokenizer.from_str(own.json)
        texts, present = read_texts(values)
        unique = list(dict.fromkeys(text for text, here in zip(texts, present, strict=True) if here))
        self._steps = self.length or min(_learn_length(self._tokenizer, unique), own.longest)
        return self

    def encode(self, values: Any) -> Encoded:
        tokenizer = self._fitted()
        texts, present = read_texts(values)
        unique = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._steps)
        codes = np.zeros((len(unique), self._steps), np.int32)
        for place, encoding in enumerate(tokenizer.encode_batch_fast(list(unique))):
            codes[place, : len(encoding.ids)] = encoding.ids
            codes[place, : len(encoding.ids)] += 1
        array = codes[[unique[text] for text in texts]]
        array[~present] = PADDING
        return Encoded(array, present)

    def state(self) -> dict[str, Any]:
        """The tokenizer as bytes of JSON, and T."""
        tokenizer = self._fitted()
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return {"tokenizer": np.frombuffer(tokenizer.to_str().encode(), np.uint8), "length": self._steps}

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(np.asarray(state["tokenizer"], np.uint8).tobytes().decode())
        self._steps = int(state["length"])
        return self

    def _fitted(self) -> Tokenizer:
        if self._tokenizer is None:
            raise NotFittedError("This codec has no tokenizer yet: fit() it on training rows, or restore() one.")
        return self._tokenizer


def _learn_length(tokenizer: Tokenizer, texts: list[str]) -> int:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts)]
    longest = max(lengths, default=0)
    if longest > SHORT:
        longest = min(max(int(np.percentile(lengths, 98)), SHORT), LONGEST)
    return max(longest, 1)
