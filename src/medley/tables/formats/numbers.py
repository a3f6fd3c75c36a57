"""Numbers in strings: thousands separators, decimal commas, percent, currencies and other units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NO_VALUE = frozenset(
    {"", "-", "--", "?", ".", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "nat", "null", "none", "#div/0!", "#value!"}
)
"""What people and programs write in place of a value they do not have, in small letters."""

_POINT, _COMMA = "1,234.5", "1.234,5"
_TIMES = {"k": 1e3, "K": 1e3, "M": 1e6, "mn": 1e6, "B": 1e9, "bn": 1e9}
_SPACES = " \u00a0\u202f\u2009"
_MONEY = r"(?:US\$|R\$|[$€£¥₹₩₽]|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|Rs\.?)(?![^\W\d_]))"
_UNIT = r"(?:[%‰°$€£¥₹₩₽]|[^\W\d_])[^\s\d()]{0,7}"
_CODE = re.compile(r"[+-]?0\d+")


def _pattern(groups: str, decimal: str) -> re.Pattern[str]:
    whole = rf"\d{{1,3}}(?:(?P<group>[{groups}])(?:\d{{2}}(?P=group))*\d{{3}})(?:(?P=group)\d{{3}})*|\d+"
    digits = rf"(?:(?:{whole})(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
    sign = r"(?P<{}>[-+\u2212])?\s*"
    return re.compile(
        rf"(?P<open>\()?\s*{sign.format('first')}(?P<money>{_MONEY})?\s*{sign.format('second')}"
        rf"(?P<digits>{digits})\s*(?P<unit>{_UNIT})?\s*(?P<close>\))?"
    )


_PATTERNS = {
    _POINT: (_pattern(rf",'\u2019{_SPACES}", r"\."), re.compile(rf"[,'\u2019{_SPACES}]")),
    _COMMA: (_pattern(rf".'\u2019{_SPACES}", ","), re.compile(rf"[.'\u2019{_SPACES}]")),
}


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Args:
        style: `"1,234.5"` or `"1.234,5"`.
        unit: what stands behind or before all of them, apart from `k`, `M` and `bn`, which are multiplied out.
        sure: whether only this style reads them.

    >>> str(NumberForm.parse("1.234,5 kg")), NumberForm.parse("").style
    ('1.234,5 kg', '1,234.5')
    """

    style: str = _POINT
    unit: str = ""
    sure: bool = True

    @classmethod
    def parse(cls, form: str) -> NumberForm:
        """From a guess's `form`; `""` is the plain style."""
        return cls(form[:7] or _POINT, form[7:].strip())

    def __str__(self) -> str:
        return f"{self.style} {self.unit}".strip()


def find_number_form(words: Sequence[str]) -> NumberForm | None:
    """How numbers are written in a column, from some of its distinct words.

    Returns:
        The style that reads most words; None where it reads under nine of ten, where words differ in their unit, or
        where digits begin with a 0 that a number would not have: "007" is a name.

    >>> find_number_form(["1.234,50 €", "12,00 €"])
    NumberForm(style='1.234,5', unit='€', sure=True)
    >>> find_number_form(["007", "12"]) is None
    True
    """
    told = [word for word in words if word.lower() not in NO_VALUE]
    if not told or any(_CODE.match(word) for word in told):
        return None
    found = {style: [pattern.fullmatch(word) for word in told] for style, (pattern, _) in _PATTERNS.items()}
    read = {style: sum(match is not None for match in matches) for style, matches in found.items()}
    style = _POINT if read[_POINT] >= read[_COMMA] else _COMMA
    if read[style] < 0.9 * len(told):
        return None
    units = {_unit(match) for match in found[style] if match} - {"", *_TIMES}
    if len(units) > 1:
        return None
    both = read[_POINT] == read[_COMMA] and any("," in word or "." in word for word in told)
    return NumberForm(style, next(iter(units), ""), sure=not both)


def to_numbers(words: Sequence[str], form: NumberForm | None = None) -> np.ndarray:
    """Words as numbers.

    Args:
        words: W strings.
        form: as found by `find_number_form`; the plain style where left out.

    Returns:
        float64 (W,), NaN where a word is no finite number; units are dropped, `k`, `M` and `bn` multiplied out.

    >>> to_numbers(["1,234.5", "12 %", "($3k)", "n/a"]).tolist()
    [1234.5, 12.0, -3000.0, nan]
    """
    form = form or NumberForm()
    pattern, groups = _PATTERNS[form.style]
    values = np.full(len(words), np.nan)
    for place, word in enumerate(words):
        match = pattern.fullmatch(word.strip())
        if match:
            values[place] = _value(match, groups)
    values[~np.isfinite(values)] = np.nan
    return values


def _value(match: re.Match[str], groups: re.Pattern[str]) -> float:
    digits = groups.sub("", match["digits"]).replace(",", ".")
    minus = sum(match[name] in ("-", "\u2212") for name in ("first", "second"))
    minus += match["open"] is not None and match["close"] is not None
    return (-1.0) ** minus * float(digits) * _TIMES.get(match["unit"] or "", 1.0)


def _unit(match: re.Match[str]) -> str:
    return match["unit"] or match["money"] or ""
