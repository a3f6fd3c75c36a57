"""Encodes texts as word ids, with a vocabulary learned from training rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.rules import MOST_STEPS, Named, StateRules, Text, Whole, require
from medley.core.spec import Spec
from medley.errors import ArtifactError, NotFittedError
from medley.text.rows import MAX_CHARACTERS, in_chunks, read_texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING, UNKNOWN = 0, 1
MAX_TOKENS = 20000
MAX_LENGTH = 256
SHORT_LENGTH = 32  # texts up to this length are never truncated, whatever the percentile
MANY_TEXTS = 1000

# A word with inner apostrophes ("i'm"), or one punctuation mark: "half?" is two tokens.
_TOKEN = r"\w+(?:['\u2019]\w+)*|[^\w\s]"


class TokenCodec(Codec):
    """Lower-case words -> ids (B, T): 0 is padding, 1 the unknown word, 2 the most frequent word, and so on.

    Padding comes before the words, so that the last step of a recurrent network is always the last word of the text. If
    there are many texts, words that occur once are replaced by the unknown word, so that it occurs in training.

    Args:
        max_tokens: maximum size of the vocabulary, including the ids 0 and 1.
        length: T; if None, the length of the longest text if that is short, otherwise the 98th percentile, at most 256.
        max_characters: longer texts are cut there.

    >>> codec = TokenCodec().fit(["lower half", "upper half", "odd"])
    >>> str(codec.spec), codec.spec.cardinality
    ('(T=2 int64)', 6)
    >>> codec.encode(["Upper half", "zebra", None]).array
    array([[5, 2],
           [0, 1],
           [0, 0]], dtype=int32)
    """

    def __init__(
        self, max_tokens: int = MAX_TOKENS, length: int | None = None, *, max_characters: int = MAX_CHARACTERS
    ) -> None:
        self.max_tokens = max_tokens
        self.max_characters = max_characters
        self.length = length
        self._tokenizer: Tokenizer | None = None
        self._steps = 0

    @property
    def spec(self) -> Spec:
        """`(T,)` ids, with the size of the vocabulary."""
        return Spec((self._steps,), "T", "int64", cardinality=self._fitted().get_vocab_size())

    def fit(self, values: Any) -> Self:
        texts, present = read_texts(values, self.max_characters)
        unique = list(dict.fromkeys(text for text, is_present in zip(texts, present, strict=True) if is_present))
        self._tokenizer = _train(unique, self.max_tokens)
        self._steps = self.length or _choose_length(self._tokenizer, unique)
        return self

    def encode(self, values: Any) -> Encoded:
        tokenizer = self._fitted()
        texts, present = read_texts(values, self.max_characters)
        unique = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        tokenizer.enable_truncation(self._steps)
        tokenizer.enable_padding(direction="left", pad_id=PADDING, pad_token="[PAD]", length=self._steps)
        ids = np.zeros((len(unique), self._steps), np.int32)
        encodings = (tokens for chunk in in_chunks(list(unique)) for tokens in tokenizer.encode_batch_fast(chunk))
        for index, encoding in enumerate(encodings):
            ids[index] = encoding.ids
        return Encoded(ids[np.fromiter(map(unique.__getitem__, texts), np.intp, len(texts))], present)

    def state(self) -> dict[str, Any]:
        tokenizer = self._fitted()
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return {"tokenizer": tokenizer.to_str(), "length": self._steps}

    RULES = StateRules(tokenizer=Text(), length=Whole(1, MOST_STEPS))

    def restore(self, state: State) -> Self:
        from tokenizers.models import WordLevel

        values = self.RULES.read(state)
        # All but the vocabulary is the same in every model, and is not taken from a file that may come from anybody.
        self._tokenizer = _tokenizer(WordLevel(_vocabulary(values["tokenizer"]), unk_token="[UNK]"))
        self._steps = values["length"]
        return self

    def _fitted(self) -> Tokenizer:
        if self._tokenizer is None:
            raise NotFittedError("This text codec is not fitted: call fit() on training rows, or restore().")
        return self._tokenizer


def _vocabulary(tokenizer: str) -> dict[str, int]:
    """The vocabulary of a tokenizer's JSON: word -> id, ids counted from 0."""
    try:
        vocabulary = json.loads(tokenizer)["model"]["vocab"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ArtifactError(f"tokenizer must be the JSON of a tokenizer: {error!r}.") from error
    rules = StateRules(vocabulary=Named(Whole(), "words"))
    ids = rules.read({"vocabulary": vocabulary})["vocabulary"]
    require(sorted(ids.values()) == list(range(len(ids))), "tokenizer must have the ids 0, 1, ..., each once.")
    require({"[PAD]", "[UNK]"} <= set(ids), "tokenizer must have the words [PAD] and [UNK].")
    return ids


def _train(texts: list[str], max_tokens: int) -> Tokenizer:
    from tokenizers.models import WordLevel
    from tokenizers.trainers import WordLevelTrainer

    min_frequency = 2 if len(texts) > MANY_TEXTS else 1
    trained = _tokenizer(WordLevel(unk_token="[UNK]"))
    trainer = WordLevelTrainer(vocab_size=max(max_tokens - 2, 1), min_frequency=min_frequency, show_progress=False)
    trained.train_from_iterator(texts, trainer)
    vocabulary = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    # Not registered as special tokens of the package, which would be matched inside texts that contain their spelling.
    ids = {"[PAD]": PADDING, "[UNK]": UNKNOWN, **{word: index + 2 for word, index in vocabulary}}
    return _tokenizer(WordLevel(ids, unk_token="[UNK]"))


def _tokenizer(model: Any) -> Tokenizer:
    from tokenizers import Regex, Tokenizer
    from tokenizers.normalizers import NFKC, BertNormalizer, Sequence
    from tokenizers.pre_tokenizers import Split

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = Sequence([NFKC(), BertNormalizer(strip_accents=False, lowercase=True)])
    tokenizer.pre_tokenizer = Split(Regex(_TOKEN), behavior="removed", invert=True)
    return tokenizer


def _choose_length(tokenizer: Tokenizer, texts: list[str]) -> int:
    lengths = [len(encoding.ids) for chunk in in_chunks(texts) for encoding in tokenizer.encode_batch_fast(chunk)]
    length = max(lengths, default=0)
    if length > SHORT_LENGTH:
        length = min(max(int(np.percentile(lengths, 98)), SHORT_LENGTH), MAX_LENGTH)
    return max(length, 1)
