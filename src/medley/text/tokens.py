"""Texts -> codes of words, by a vocabulary learnt on training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.spec import Spec
from medley.errors import NotFittedError
from medley.text.rows import read_texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING, UNKNOWN = 0, 1
MAX_TOKENS = 20000
LONGEST = 256
SHORT = 32  # texts up to this length are kept whole, whatever the percentile says
MANY_TEXTS = 1000

# A word with its inner apostrophes ("i'm"), or one mark: "half?" is two tokens.
_PIECES = r"\w+(?:['\u2019]\w+)*|[^\w\s]"


class TokenCodec(Codec):
    """Words in lower case -> codes (B, T): 0 is padding, 1 an unknown word, 2 the most frequent word, and so on.

    Padding stands before the words, so that the last step of a recurrent network is always the text's last word.
    Words that occur once are left to the unknown where there are many texts: it has to be met in training.

    Args:
        max_tokens: size of the vocabulary at most, the codes 0 and 1 included.
        length: T; None learns it: the longest text if that is short, else the 98th percentile, 256 at most.

    >>> codec = TokenCodec().fit(["lower half", "upper half", "odd"])
    >>> str(codec.spec), codec.spec.cardinality
    ('(T=2 int64)', 6)
    >>> codec.encode(["Upper half", "zebra", None]).array
    array([[5, 2],
           [0, 1],
           [0, 0]], dtype=int32)
    """

    def __init__(self, max_tokens: int = MAX_TOKENS, length: int | None = None) -> None:
        self.max_tokens = max_tokens
        self.length = length
        self._tokenizer: Tokenizer | None = None
        self._steps = 0

    @property
    def spec(self) -> Spec:
        """`(T,)` codes, with the size of the vocabulary."""
        return Spec((self._steps,), "T", "int64", cardinality=self._fitted().get_vocab_size())

    def fit(self, values: Any) -> Self:
        texts, present = read_texts(values)
        unique = list(dict.fromkeys(text for text, here in zip(texts, present, strict=True) if here))
        self._tokenizer = _train(unique, self.max_tokens)
        self._steps = self.length or _learn_length(self._tokenizer, unique)
        return self

    def encode(self, values: Any) -> Encoded:
        tokenizer = self._fitted()
        texts, present = read_texts(values)
        unique = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        tokenizer.enable_truncation(self._steps)
        tokenizer.enable_padding(direction="left", pad_id=PADDING, pad_token="[PAD]", length=self._steps)
        codes = np.zeros((len(unique), self._steps), np.int32)
        for place, encoding in enumerate(tokenizer.encode_batch_fast(list(unique))):
            codes[place] = encoding.ids
        return Encoded(codes[[unique[text] for text in texts]], present)

    def state(self) -> dict[str, Any]:
        tokenizer = self._fitted()
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return {"tokenizer": tokenizer.to_str(), "length": self._steps}

    def restore(self, state: State) -> Self:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(state["tokenizer"])
        self._steps = int(state["length"])
        return self

    def _fitted(self) -> Tokenizer:
        if self._tokenizer is None:
            raise NotFittedError("This text codec has no vocabulary yet: fit() it on training rows, or restore() one.")
        return self._tokenizer


def _train(texts: list[str], max_tokens: int) -> Tokenizer:
    from tokenizers.models import WordLevel
    from tokenizers.trainers import WordLevelTrainer

    rarest = 2 if len(texts) > MANY_TEXTS else 1
    trained = _tokenizer(WordLevel(unk_token="[UNK]"))
    trainer = WordLevelTrainer(vocab_size=max(max_tokens - 2, 1), min_frequency=rarest, show_progress=False)
    trained.train_from_iterator(texts, trainer)
    learnt = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    # Special tokens of the package's own kind would be found inside a caller's text that spells them out; these cannot.
    words = {"[PAD]": PADDING, "[UNK]": UNKNOWN, **{word: code + 2 for word, code in learnt}}
    return _tokenizer(WordLevel(words, unk_token="[UNK]"))


def _tokenizer(model: Any) -> Tokenizer:
    from tokenizers import Regex, Tokenizer
    from tokenizers.normalizers import NFKC, BertNormalizer, Sequence
    from tokenizers.pre_tokenizers import Split

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = Sequence([NFKC(), BertNormalizer(strip_accents=False, lowercase=True)])
    tokenizer.pre_tokenizer = Split(Regex(_PIECES), behavior="removed", invert=True)
    return tokenizer


def _learn_length(tokenizer: Tokenizer, texts: list[str]) -> int:
    lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts)]
    longest = max(lengths, default=0)
    if longest > SHORT:
        longest = min(max(int(np.percentile(lengths, 98)), SHORT), LONGEST)
    return max(longest, 1)
