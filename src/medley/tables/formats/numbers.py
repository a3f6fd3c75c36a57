"""Numbers in strings: thousands separators, decimal commas, currencies and other units, bounds ("<0.1", "65+")."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medley.tables.formats.units import conversion

POINT, COMMA = "1,234.5", "1.234,5"
_MULTIPLIERS = {
    **{"k": 1e3, "K": 1e3, "thousand": 1e3, "M": 1e6, "mn": 1e6, "mio": 1e6, "Mio": 1e6, "million": 1e6},
    **{"B": 1e9, "bn": 1e9, "mrd": 1e9, "Mrd": 1e9, "billion": 1e9},
}
_SPACES = " \u00a0\u202f\u2009"
_MONEY = r"(?:US\$|R\$|[$€£¥₹₩₽]|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|Rs\.?)(?![^\W\d_]))"
_UNIT = r"(?:(?:sq|cu|fl)\.?\s)?(?:[%‰°$€£¥₹₩₽]|[^\W\d_])[^\s\d()]{0,11}[23]?"
_LEADING_ZERO = re.compile(r"[+-]?0\d+")


def _pattern(groups: str, decimal: str) -> re.Pattern[str]:
    whole = rf"\d{{1,3}}(?:(?P<group>[{groups}])(?:\d{{2}}(?P=group))*\d{{3}})(?:(?P=group)\d{{3}})*|\d+"
    digits = rf"(?:(?:{whole})(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
    sign = r"(?P<{}>[-+\u2212])?\s*"
    return re.compile(
        rf"(?P<open>\()?\s*[<>≤≥~≈]?\s*{sign.format('first')}(?P<money>{_MONEY})?\s*{sign.format('second')}"
        rf"(?P<digits>{digits})\+?\s*(?P<unit>{_UNIT})?\s*(?P<close>\))?"
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
        unit: the unit before or after them, to which others are converted; `k`, `M` and `bn` are multiplied out.
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
        The style that parses most strings, and their most frequent unit; None if fewer than 90% of them can be parsed
        in that style and converted to that unit, or if digits have a leading zero: "007" is a code, not a number.

    >>> find_number_form(["1.234,50 €", "12,00 €"])
    NumberForm(style='1.234,5', unit='€', sure=True)
    >>> find_number_form(["1 kg", "2 kg", "500 g"]).unit, find_number_form(["1 kg", "2 pieces"])
    ('kg', None)
    >>> find_number_form(["007", "12"]) is None
    True
    """
    if not strings or any(_LEADING_ZERO.match(string) for string in strings):
        return None
    matches_by_style = {
        style: [match for string in strings if (match := pattern.fullmatch(string))]
        for style, (pattern, _) in _PATTERNS.items()
    }
    counts = {style: len(matches) for style, matches in matches_by_style.items()}
    style = POINT if counts[POINT] >= counts[COMMA] else COMMA
    units = Counter(map(_unit, matches_by_style[style]))
    bare = units.pop("", 0)
    unit = max(units, key=lambda name: units[name], default="")
    convertible = bare + sum(count for name, count in units.items() if conversion(name, unit) is not None)
    if convertible < 0.9 * len(strings):
        return None
    is_ambiguous = counts[POINT] == counts[COMMA] and any("," in string or "." in string for string in strings)
    return NumberForm(style, unit, sure=not is_ambiguous)


def to_numbers(strings: Sequence[str], form: NumberForm | None = None) -> np.ndarray:
    """Parse strings as numbers.

    Args:
        strings: S strings.
        form: as found by `find_number_form`; by default the plain style.

    Returns:
        float64 (S,) in the unit of the form, NaN where a string is not a finite number or has a unit that cannot be
        converted; a number without a unit is taken to be in that of the form.

    >>> to_numbers(["1,234.5", "500 g", "$3", "many"], NumberForm(unit="kg")).tolist()
    [1234.5, 0.5, nan, nan]
    >>> to_numbers(["($3k)", "2"], NumberForm(unit="$")).tolist()
    [-3000.0, 2.0]
    """
    form = form or NumberForm()
    pattern, separators = _PATTERNS[form.style]
    values = np.full(len(strings), np.nan)
    for position, string in enumerate(strings):
        match = pattern.fullmatch(string.strip())
        if match:
            values[position] = _value(match, separators, form.unit)
    values[~np.isfinite(values)] = np.nan
    return values


def _value(match: re.Match[str], separators: re.Pattern[str], form_unit: str) -> float:
    unit = _unit(match)
    scale = conversion(unit, form_unit) if unit else (1.0, 0.0)
    if scale is None:
        return float("nan")
    digits = separators.sub("", match["digits"]).replace(",", ".")
    minus_signs = sum(match[name] in ("-", "\u2212") for name in ("first", "second"))
    minus_signs += match["open"] is not None and match["close"] is not None
    value = (-1.0) ** minus_signs * float(digits) * _MULTIPLIERS.get(match["unit"] or "", 1.0)
    return value * scale[0] + scale[1]


def _unit(match: re.Match[str]) -> str:
    unit = match["unit"] or ""
    return (match["money"] or "") if unit in _MULTIPLIERS else unit or match["money"] or ""
