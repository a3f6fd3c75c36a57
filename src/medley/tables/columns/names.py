"""What the name of a column suggests about its numbers: identifiers, codes, quantities, times or grades."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IDENTIFIERS = frozenset(
    [
        *("id", "ids", "uuid", "guid", "identifier", "identifiers", "rowid", "unnamed", "rownames"),
        *("pid", "uid", "oid", "passengerid", "userid", "customerid", "caseid", "idcase", "subjectid", "recordid"),
    ]
)
_COUNTERS = frozenset(
    [
        *("index", "idx", "key", "keys", "serial", "row", "rows", "rownum", "record", "recno", "seq", "seqno"),
        *("sequence", "no", "nr", "nbr", "num", "number", "obs", "observation", "case", "line", "entry", "order"),
        "ref",
    ]
)
_CODES = frozenset(
    [
        *("zip", "zipcode", "postcode", "postal", "plz", "code", "codes", "fips", "naics", "sku", "ean", "isbn", "icd"),
        *("class", "category", "cat", "type", "kind", "group", "cluster", "label", "region", "district", "county"),
        *("state", "country", "store", "shop", "branch", "dept", "department", "division", "product", "item", "brand"),
        *("user", "customer", "client", "patient", "vendor", "seller", "player", "team", "status", "gender", "sex"),
        *("color", "colour", "channel", "zone", "species", "digit", "breed", "genre", "target", "segment", "model"),
        "device",
    ]
)
_NUMBERINGS = frozenset(["no", "nr", "nbr", "num", "number", "idx", "index", "key", "ref"])
"""What follows the name of a thing in the name of its code: "store number"."""

_QUANTITIES = frozenset(
    [
        *("count", "counts", "num", "number", "n", "total", "sum", "avg", "average", "mean", "median", "min", "max"),
        *("amount", "price", "cost", "rate", "ratio", "share", "percent", "pct", "score", "size", "area", "age"),
        *("length", "width", "height", "weight", "population", "income", "value", "level", "rank", "std", "per"),
    ]
)
_TIMES = frozenset(
    [
        *("year", "yr", "month", "week", "day", "days", "hour", "hours", "minute", "minutes", "second", "seconds"),
        *("date", "datetime", "time", "timestamp", "ts", "epoch", "when", "at", "on"),
    ]
)
_GRADES = frozenset(
    [
        *("rating", "ratings", "stars", "star", "grade", "score", "level", "stage", "quality", "severity", "rank"),
        *("satisfaction", "priority", "likert", "points", "risk"),
    ]
)


def name_parts(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case.

    >>> name_parts("PassengerId"), name_parts("clothing_id"), name_parts("Unnamed: 0")
    (('passenger', 'id'), ('clothing', 'id'), ('unnamed', '0'))
    """
    return tuple(word.lower() for word in _WORD.findall(name))


def is_identifier_name(name: str) -> bool:
    """Whether a name starts or ends like that of an identifier.

    >>> is_identifier_name("Clothing ID"), is_identifier_name("idle"), is_identifier_name("heat_index")
    (True, False, False)
    """
    parts = name_parts(name)
    return bool(parts) and (parts[-1] in _IDENTIFIERS or parts[0] in ("id", "unnamed") or parts == ("index",))


def is_counter_name(name: str) -> bool:
    """Whether a name may be that of a number that counts rows.

    >>> is_counter_name("row"), is_counter_name("case_no"), is_counter_name("heat_index")
    (True, True, False)
    """
    parts = name_parts(name)
    return bool(parts) and parts[-1] in _COUNTERS and (len(parts) == 1 or parts[-2] in _COUNTERS)


def is_code_name(name: str) -> bool:
    """Whether a name is that of things that numbers may stand for: its last word says what it names.

    >>> is_code_name("zipcode"), is_code_name("store_sales"), is_code_name("Store Number"), is_code_name("user_count")
    (True, False, True, False)
    """
    words = _words(name)
    if len(words) > 1 and words[-1] in _NUMBERINGS:
        return words[-2] in _CODES
    return bool(words) and words[-1] in _CODES and not {*words} & _QUANTITIES


def is_quantity_name(name: str) -> bool:
    """Whether a name is that of a quantity."""
    return bool({*name_parts(name)} & _QUANTITIES)


def is_time_name(name: str) -> bool:
    """Whether a name is that of a time."""
    return bool({*name_parts(name)} & _TIMES)


def _words(name: str) -> tuple[str, ...]:
    """The words of a name without numbers and what follows "of": "number of stores" is a number."""
    words = tuple(word for word in name_parts(name) if not word.isdigit())
    return words[: words.index("of")] if "of" in words[1:] else words


def is_grade_name(name: str) -> bool:
    """Whether a name is that of grades, which have an order.

    >>> is_grade_name("Rating"), is_grade_name("breed")
    (True, False)
    """
    return bool({*name_parts(name)} & _GRADES)
