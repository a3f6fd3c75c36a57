"""Encodes texts as token ids of a pretrained model's tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.rules import MOST_ITEMS, MOST_STEPS, Array, StateRules, Whole, require
from medley.core.spec import Spec
from medley.errors import ArtifactError, ConfigError, NotFittedError
from medley.text.rows import MAX_CHARACTERS, in_chunks, read_texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING = 0
SHORT_LENGTH, MAX_LENGTH = 32, 256  # see `text.tokens`


class PretrainedTokenCodec(Codec):
    """Texts -> ids (B, T): 0 is padding (after the words), others are the tokenizer's ids plus 1.

    Special tokens are added as the model expects them. Texts longer than T are truncated. The state contains the
    complete tokenizer, so that a saved model needs no other file.

    Args:
        name: folder or name on the hub; only `fit` reads it.
        length: T; if None, the length of the longest text if that is short, otherwise the 98th percentile, at most 256.
        revision: branch, tag or commit on the hub.
        max_characters: longer texts are cut there.
    """

    def __init__(
        self,
        name: str,
        length: int | None = None,
        revision: str | None = None,
        *,
        max_characters: int = MAX_CHARACTERS,
    ) -> None:
        self.name = name
        self.max_characters = max_characters
        self.length = length
        self.revision = revision
        self._tokenizer: Tokenizer | None = None
        self._steps = 0

    @property
    def spec(self) -> Spec:
        """`(T,)` ids, with the size of the vocabulary including padding."""
        vocabulary = self._fitted().get_vocab(with_added_tokens=True)
        return Spec((self._steps,), "T", "int64", cardinality=max(vocabulary.values()) + 2)

    def fit(self, values: Any) -> Self:
        """Reads the model's tokenizer, and chooses the length if it is unset.

        Raises:
            ConfigError: the model has no fast tokenizer, or does not support the length.
            DataError: the rows are not texts.
        """
        from tokenizers import Tokenizer

        from medley.nn.tokenizer import read_tokenizer

        source = read_tokenizer(self.name, self.revision)
        if self.length is not None and self.length > source.max_length:
            raise ConfigError(
                f"max_sequence_length={self.length}, but {self.name} reads at most {source.max_length} tokens."
            )
        self._tokenizer = Tokenizer.from_str(source.json)
        texts, present = read_texts(values, self.max_characters)
        unique = list(dict.fromkeys(text for text, is_present in zip(texts, present, strict=True) if is_present))
        self._steps = self.length or min(_choose_length(self._tokenizer, unique), source.max_length)
        return self

    def encode(self, values: Any) -> Encoded:
        tokenizer = self._fitted()
        texts, present = read_texts(values, self.max_characters)
        unique = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._steps)
        ids = np.zeros((len(unique), self._steps), np.int32)
        encodings = (tokens for chunk in in_chunks(list(unique)) for tokens in tokenizer.encode_batch_fast(chunk))
        for index, encoding in enumerate(encodings):
            ids[index, : len(encoding.ids)] = encoding.ids
            ids[index, : len(encoding.ids)] += 1
        array = ids[[unique[text] for text in texts]]
        array[~present] = PADDING
        return Encoded(array, present)

    def state(self) -> dict[str, Any]:
        """The tokenizer as JSON bytes, and T."""
        tokenizer = self._fitted()
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return {"tokenizer": np.frombuffer(tokenizer.to_str().encode(), np.uint8), "length": self._steps}

    RULES = StateRules(tokenizer=Array(np.uint8, (None,), 0, 255), length=Whole(1, MOST_STEPS))

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        values = self.RULES.read(state)
        self._tokenizer = _tokenizer(values["tokenizer"].tobytes())
        self._steps = values["length"]
        return self

    def _fitted(self) -> Tokenizer:
        if self._tokenizer is None:
            raise NotFittedError("This text codec is not fitted: call fit() on training rows, or restore().")
        return self._tokenizer


def _tokenizer(content: bytes) -> Tokenizer:
    """A tokenizer of its JSON, which may come from anybody."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(content.decode())
        tokenizer.no_padding()
        tokenizer.enable_truncation(1_000)
        tokenizer.encode_batch_fast(["", "A few words, and 1 number."])
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # an error in the package's Rust code is no `Exception`
        raise ArtifactError(f"tokenizer must be the JSON of a tokenizer that works: {error!r:.200}.") from None
    require(vocabulary and max(vocabulary.values()) < MOST_ITEMS, "tokenizer must have words with ids of a usual size.")
    return tokenizer


def _choose_length(tokenizer: Tokenizer, texts: list[str]) -> int:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    lengths = [len(encoding.ids) for chunk in in_chunks(texts) for encoding in tokenizer.encode_batch_fast(chunk)]
    length = max(lengths, default=0)
    if length > SHORT_LENGTH:
        length = min(max(int(np.percentile(lengths, 98)), SHORT_LENGTH), MAX_LENGTH)
    return max(length, 1)
