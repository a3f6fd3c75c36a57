"""What a column of strings holds: numbers, times, images, lists, names, categories or texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from medley.core.kinds import Kind
from medley.tables.columns.column_names import is_identifier_name
from medley.tables.columns.numbers import judge_numbers
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.formats.booleans import answer_of
from medley.tables.formats.images import (
    has_image_ending,
    is_address,
    is_image_base64,
    is_image_bytes,
    split_paths,
)
from medley.tables.formats.lists import find_label_form, is_written_list, read_list, read_numbers
from medley.tables.formats.numbers import NO_VALUE, find_number_form, to_numbers
from medley.tables.formats.times import find_time_form, to_times

_MOSTLY = 0.95
_LOOKED_FOR = 20
_FEW = 20
_LEAST_VECTOR = 8
AUDIO_ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts without spaces between words


def judge_words(profile: ColumnProfile) -> KindGuess:
    """Judges a column of strings."""
    return (
        _answers(profile)
        or judge_image_words(profile)
        or _audio(profile)
        or _numbers(profile)
        or _times(profile)
        or _lists(profile)
        or _labels(profile)
        or _language(profile)
    )


def _answers(profile: ColumnProfile) -> KindGuess | None:
    if len(profile.values) != 2:
        return None
    found = {answer_of(word) for word in profile.words}
    if found != {True, False}:
        return None
    return KindGuess(Kind.BOOLEAN, f"its cells are {' or '.join(map(repr, sorted(profile.words)))}", 0.98)


def _numbers(profile: ColumnProfile) -> KindGuess | None:
    form = find_number_form(profile.words)
    if form is None:
        return None
    values = to_numbers(profile.all_words, form)
    read = np.isfinite(values)
    share = profile.share(read)
    if share < _MOSTLY:
        return None
    kind_guess = judge_numbers(profile, values)
    if kind_guess.kind is not Kind.NUMBER:
        plain = "str" if kind_guess.kind is Kind.CATEGORY else kind_guess.form
        return KindGuess(kind_guess.kind, kind_guess.why, kind_guess.confidence - 0.05, plain)
    why = f"its strings are numbers written as {form}" if str(form) != "1,234.5" else "its strings are numbers"
    if not form.sure and form.style == "1,234.5" and any("," in word for word in profile.words):
        why += ", where commas part thousands"
    odd = [word for word, value in zip(profile.all_words, values, strict=True) if np.isnan(value)]
    odd = [word for word in odd if word.lower() not in NO_VALUE]
    if odd:
        why += f"; {', '.join(map(repr, odd[:3]))}{', ...' if len(odd) > 3 else ''} and the like count as missing"
    sure = (0.95 if form.sure else 0.85) * share
    return KindGuess(Kind.NUMBER, why, sure, str(form), unread=profile.unread(read))


def _times(profile: ColumnProfile) -> KindGuess | None:
    found = find_time_form(profile.words)
    if found is None:
        return None
    read = ~np.isnat(to_times(profile.all_words, found.form))
    share = profile.share(read)
    if share < _MOSTLY:
        return None
    why = "its strings are ISO dates" if found.form == "ISO" else f"its strings are times written as {found.form}"
    if found.rival:
        why += f"; {found.rival} would read them as well"
    return KindGuess(Kind.TIME, why, (0.6 if found.rival else 0.97) * share, found.form, unread=profile.unread(read))


def judge_image_words(profile: ColumnProfile) -> KindGuess | None:
    """Judges whether strings are images: paths of files, one or several, or images in base64."""
    words = profile.words
    if _share(map(is_image_base64, words)) >= 0.9:
        return KindGuess(Kind.IMAGE, "its cells are images in base64", 0.99)
    if _share(map(is_address, words)) >= 0.9:
        why = "its cells are addresses on the web, which are not fetched"
        return KindGuess(Kind.IDENTIFIER, why, 0.9) if len(profile.values) == profile.known else None
    paths = [split_paths(word) for word in words]
    if _share(bool(some) and all(map(has_image_ending, some)) for some in paths) < 0.9:
        return _unnamed_images(profile)
    several = any(len(some) > 1 for some in paths)
    form = "several" if several else ""
    looked = [path for some in paths for path in some][:: max(len(paths) // _LOOKED_FOR, 1)][:_LOOKED_FOR]
    there = sum((profile.root / path).is_file() for path in looked)
    told = "its cells are paths of images" + (", joined by ;" if several else "")
    if not there:
        example = f"{looked[0]!r} in {profile.root} for one"
        why = f"{told}, but no file of {len(looked)} looked for is there, {example}: give root"
        return KindGuess(Kind.IMAGE, why, 0.4, form)
    lacking = (
        f", of which {len(looked) - there} of {len(looked)} looked for are not there" if there < len(looked) else ""
    )
    return KindGuess(Kind.IMAGE, told + lacking, 0.7 + 0.29 * there / len(looked), form)


def _audio(profile: ColumnProfile) -> KindGuess | None:
    if _share(word.lower().endswith(AUDIO_ENDINGS) for word in profile.words) < 0.9:
        return None
    return KindGuess(Kind.AUDIO, "its cells are paths of audio files", 0.9)


def _unnamed_images(profile: ColumnProfile) -> KindGuess | None:
    """Files whose names do not tell that they are images, but whose content does."""
    words = profile.words[:: max(len(profile.words) // _LOOKED_FOR, 1)][:_LOOKED_FOR]
    if _share("/" in word or "\\" in word for word in words) < 0.9:
        return None
    if _share(_holds_image(profile.root / word) for word in words) < 0.5:
        return None
    return KindGuess(Kind.IMAGE, "its cells are paths of files that hold images", 0.9)


def _holds_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_image_bytes(file.read(64))
    except (OSError, ValueError):
        return False


def _lists(profile: ColumnProfile) -> KindGuess | None:
    words = profile.words
    if _share(map(is_written_list, words)) >= _MOSTLY:
        lists = [read_list(word) for word in words]
        known = [one for one in lists if one is not None]
        if len(known) < _MOSTLY * len(words):
            return None
        if all(isinstance(item, str) for one in known for item in one):
            labels = {item for one in known for item in one}
            return KindGuess(Kind.SET, "its strings are lists of labels", 0.95, "[]", labels=len(labels))
    vectors = [read_numbers(word) for word in words]
    sizes = {len(one) for one in vectors if one is not None}
    least = 2 if any(map(is_written_list, words)) else _LEAST_VECTOR
    if len(sizes) == 1 and min(sizes) >= least and _share(one is not None for one in vectors) >= _MOSTLY:
        size = min(sizes)
        return KindGuess(Kind.VECTOR, f"its strings are lists of {size} numbers", 0.95, str(size))
    return None


def _labels(profile: ColumnProfile) -> KindGuess | None:
    form = find_label_form(profile.words, profile.counts[profile.some].tolist())
    if form is None:
        return None
    why = f"its strings are {form.labels:,} labels in several combinations, separated by {form.delimiter!r}"
    return KindGuess(Kind.SET, why, 0.7 if form.delimiter == "," else 0.9, form.delimiter, labels=form.labels)


def _language(profile: ColumnProfile) -> KindGuess:
    """Names of rows, categories, or texts: by how often values come back and how many words they have."""
    distinct, known = len(profile.values), profile.known
    fresh = distinct / known
    length = float(np.mean([len(word) for word in profile.words]))
    words = float(np.mean([max(len(word.split()), len(_WIDE.findall(word)) / 2) for word in profile.words]))
    told = f"{words:.0f} words on average" if words >= 1.5 else "single words"
    if distinct == known and known >= 3:
        named = is_identifier_name(profile.name)
        if words < 3 and (named or (known >= _FEW and words < 2.2)):
            why = "every row has its own" + (", and its name is that of an identifier" if named else f", of {told}")
            return KindGuess(Kind.IDENTIFIER, why, 0.95 if named or words < 1.3 else 0.6)
    if words >= 4 and (fresh > 0.3 or (length > 60 and fresh > 0.02)):
        return KindGuess(
            Kind.TEXT, f"its strings have {told}, and {fresh:.0%} of them differ", min(0.6 + words / 50, 0.98)
        )
    if words >= 2.2 and fresh > 0.3 and known >= _FEW:
        return KindGuess(Kind.TEXT, f"its strings have {told}, and {fresh:.0%} of them differ", 0.65)
    back = f"{distinct:,} distinct values in {known:,} rows"
    sure = 0.95 if fresh <= 0.1 else 0.8 if fresh <= 0.5 else 0.5
    return KindGuess(Kind.CATEGORY, back, sure, "str")


def _share(found: Iterable[bool]) -> float:
    marks = list(found)
    return sum(marks) / max(len(marks), 1)
