"""Numbers in strings: thousands separators, decimal commas, percent, currencies and other units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MISSING_MARKERS = frozenset(
    {"", "-", "--", "?", ".", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "nat", "null", "none", "#div/0!", "#value!"}
)
"""Placeholders that people and programs write for a missing value, in lower case."""

POINT, COMMA = "1,234.5", "1.234,5"
_MULTIPLIERS = {"k": 1e3, "K": 1e3, "M": 1e6, "mn": 1e6, "B": 1e9, "bn": 1e9}
_SPACES = " \u00a0\u202f\u2009"
_MONEY = r"(?:US\$|R\$|[$€£¥₹₩₽]|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|Rs\.?)(?![^\W\d_]))"
_UNIT = r"(?:[%‰°$€£¥₹₩₽]|[^\W\d_])[^\s\d()]{0,7}"
_LEADING_ZERO = re.compile(r"[+-]?0\d+")


def _pattern(groups: str, decimal: str) -> re.Pattern[str]:
    whole = rf"\d{{1,3}}(?:(?P<group>[{groups}])(?:\d{{2}}(?P=group))*\d{{3}})(?:(?P=group)\d{{3}})*|\d+"
    digits = rf"(?:(?:{whole})(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
    sign = r"(?P<{}>[-+\u2212])?\s*"
    return re.compile(
        rf"(?P<open>\()?\s*{sign.format('first')}(?P<money>{_MONEY})?\s*{sign.format('second')}"
        rf"(?P<digits>{digits})\s*(?P<unit>{_UNIT})?\s*(?P<close>\))?"
    )


_PATTERNS = {
    POINT: (_pattern(rf",'\u2019{_SPACES}", r"\."), re.compile(rf"[,'\u2019{_SPACES}]")),
    COMMA: (_pattern(rf".'\u2019{_SPACES}", ","), re.compile(rf"[.'\u2019{_SPACES}]")),
}


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Args:
        style: `"1,234.5"` or `"1.234,5"`.
        unit: the unit before or after all of them; `k`, `M` and `bn` are multiplied out instead.
        sure: whether no other style can parse them.

    >>> str(NumberForm.parse("1.234,5 kg")), NumberForm.parse("").style
    ('1.234,5 kg', '1,234.5')
    """

    style: str = POINT
    unit: str = ""
    sure: bool = True

    @classmethod
    def parse(cls, form: str) -> NumberForm:
        """Create from the `form` of a guess; `""` is the plain style."""
        return cls(form[:7] or POINT, form[7:].strip())

    def __str__(self) -> str:
        return f"{self.style} {self.unit}".strip()


def find_number_form(strings: Sequence[str]) -> NumberForm | None:
    """Find out how the numbers of a column are written, from some of its distinct strings.

    Returns:
        The style that parses most strings; None if it parses less than 90% of them, if their units differ, or if digits
        have a leading zero: "007" is a code, not a number.

    >>> find_number_form(["1.234,50 €", "12,00 €"])
    NumberForm(style='1.234,5', unit='€', sure=True)
    >>> find_number_form(["007", "12"]) is None
    True
    """
    values = [string for string in strings if string.lower() not in MISSING_MARKERS]
    if not values or any(_LEADING_ZERO.match(string) for string in values):
        return None
    matches_by_style = {
        style: [pattern.fullmatch(string) for string in values] for style, (pattern, _) in _PATTERNS.items()
    }
    counts = {style: sum(match is not None for match in matches) for style, matches in matches_by_style.items()}
    style = POINT if counts[POINT] >= counts[COMMA] else COMMA
    if counts[style] < 0.9 * len(values):
        return None
    units = {_unit(match) for match in matches_by_style[style] if match} - {"", *_MULTIPLIERS}
    if len(units) > 1:
        return None
    is_ambiguous = counts[POINT] == counts[COMMA] and any("," in string or "." in string for string in values)
    return NumberForm(style, next(iter(units), ""), sure=not is_ambiguous)


def to_numbers(strings: Sequence[str], form: NumberForm | None = None) -> np.ndarray:
    """Parse strings as numbers.

    Args:
        strings: S strings.
        form: as found by `find_number_form`; by default the plain style.

    Returns:
        float64 (S,), NaN where a string is not a finite number; units are dropped, `k`, `M` and `bn` multiplied out.

    >>> to_numbers(["1,234.5", "12 %", "($3k)", "n/a"]).tolist()
    [1234.5, 12.0, -3000.0, nan]
    """
    form = form or NumberForm()
    pattern, separators = _PATTERNS[form.style]
    values = np.full(len(strings), np.nan)
    for position, string in enumerate(strings):
        match = pattern.fullmatch(string.strip())
        if match:
            values[position] = _value(match, separators)
    values[~np.isfinite(values)] = np.nan
    return values


def _value(match: re.Match[str], separators: re.Pattern[str]) -> float:
    digits = separators.sub("", match["digits"]).replace(",", ".")
    minus_signs = sum(match[name] in ("-", "\u2212") for name in ("first", "second"))
    minus_signs += match["open"] is not None and match["close"] is not None
    return (-1.0) ** minus_signs * float(digits) * _MULTIPLIERS.get(match["unit"] or "", 1.0)


def _unit(match: re.Match[str]) -> str:
    return match["unit"] or match["money"] or ""
