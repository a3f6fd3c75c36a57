"""Units of measurement: which spellings mean the same unit, and how one unit is converted to another."""

from __future__ import annotations

from functools import cache

_SCALES = {
    "mass": {
        1e-9: "µg ug mcg",
        1e-6: "mg milligram milligrams",
        1e-3: "g gr gram grams gramme grammes",
        1.0: "kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes",
        1e3: "t tonne tonnes",
        0.028349523125: "oz ounce ounces",
        0.45359237: "lb lbs pound pounds",
        6.35029318: "stone stones",
    },
    "length": {
        1e-9: "nm nanometer nanometre nanometers nanometres",
        1e-6: "µm um micron microns",
        1e-3: "mm millimeter millimetre millimeters millimetres",
        1e-2: "cm centimeter centimetre centimeters centimetres",
        1.0: "m meter metre meters metres",
        1e3: "km kilometer kilometre kilometers kilometres",
        0.0254: "in inch inches",
        0.3048: "ft foot feet",
        0.9144: "yd yds yard yards",
        1609.344: "mi mile miles",
        1852.0: "nmi",
    },
    "area": {
        1e-4: "cm² cm2",
        1.0: "m² m2 sqm qm sq.m sqmt",
        1e4: "ha hectare hectares",
        1e6: "km² km2 sqkm",
        0.09290304: "ft² ft2 sqft sq.ft sf",
        0.83612736: "yd² yd2 sqyd",
        4046.8564224: "ac acre acres",
        2589988.110336: "mi² mi2 sqmi",
    },
    "volume": {
        1e-3: "ml mL cc cm³ cm3 milliliter millilitre milliliters millilitres",
        1e-2: "cl cL",
        1e-1: "dl dL",
        1.0: "l L liter litre liters litres ltr",
        1e3: "m³ m3 cbm",
        0.0295735295625: "floz fl.oz",
        0.473176473: "pt pint pints",
        0.946352946: "qt quart quarts",
        3.785411784: "gal gallon gallons",
        28.316846592: "ft³ ft3 cuft",
    },
    "time": {
        1e-9: "ns",
        1e-6: "µs us",
        1e-3: "ms msec millisecond milliseconds",
        1.0: "s sec secs second seconds",
        60.0: "min mins minute minutes",
        3600.0: "h hr hrs hour hours",
        86400.0: "d day days",
        604800.0: "wk wks week weeks",
        2629746.0: "mo mos month months",
        31556952.0: "y yr yrs year years",
    },
    "speed": {
        1.0: "m/s mps",
        1 / 3.6: "km/h kmh kph kmph",
        0.44704: "mph mi/h",
        0.514444444444: "kn kt kts knot knots",
        0.3048: "ft/s fps",
    },
    "fuel economy": {1.0: "km/l km/L kmpl", 0.425143707: "mpg"},
    "pressure": {
        1.0: "Pa",
        1e2: "hPa mbar",
        1e3: "kPa",
        1e5: "bar",
        6894.757293168: "psi",
        101325.0: "atm",
        133.322387415: "mmHg Torr",
    },
    "energy": {
        1.0: "J",
        1e3: "kJ",
        1e6: "MJ",
        3600.0: "Wh",
        3.6e6: "kWh",
        3.6e9: "MWh",
        4.184: "cal",
        4184.0: "kcal",
    },
    "power": {1e-3: "mW", 1.0: "W watt watts", 1e3: "kW", 1e6: "MW", 745.69987158227: "hp bhp", 735.49875: "PS"},
    "frequency": {1.0: "Hz", 1e3: "kHz", 1e6: "MHz", 1e9: "GHz", 1 / 60: "rpm"},
    "voltage": {1e-3: "mV", 1.0: "V volt volts", 1e3: "kV"},
    "current": {1e-3: "mA", 1.0: "A amp amps ampere amperes"},
    "data": {
        1.0: "byte bytes",
        1e3: "kB KB",
        1e6: "MB",
        1e9: "GB",
        1e12: "TB",
        1024.0: "KiB",
        1024.0**2: "MiB",
        1024.0**3: "GiB",
        1024.0**4: "TiB",
    },
    "ratio": {1e-6: "ppm", 1e-4: "bp bps", 1e-3: "‰", 1e-2: "% pct percent"},
    "angle": {1.0: "° deg degree degrees", 57.29577951308232: "rad"},
}
_TEMPERATURES = {  # unit -> factor and offset to degrees Celsius
    "°C ℃ C degC celsius": (1.0, 0.0),
    "°F ℉ F degF fahrenheit": (5 / 9, -160 / 9),
    "°K kelvin": (1.0, -273.15),
}
_CURRENCIES = (  # rates change, so these are recognised but never converted into one another
    "$ US$ USD dollar dollars",
    "€ EUR euro euros",
    "£ GBP",
    "₹ INR Rs Rs.",
    "R$ BRL",
    "¥ JPY CNY",
)

Scale = tuple[str, float, float]
"""A dimension, and the factor and offset that convert a number to its base unit."""


def conversion(unit: str, to: str) -> tuple[float, float] | None:
    """The factor and offset that convert numbers in one unit to another; None if that is not possible.

    Units that are not in the table equal their own spellings with another case, a full stop or a plural `s` only.

    Args:
        unit: of a cell.
        to: of its column.

    >>> conversion("g", "kg"), conversion("pcs.", "pc"), conversion("$", "kg")
    ((0.001, 0.0), (1.0, 0.0), None)
    >>> factor, offset = conversion("°F", "°C")
    >>> round(212 * factor + offset, 9)
    100.0
    """
    if _same_word(unit, to):
        return 1.0, 0.0
    first, second = _scale(unit), _scale(to)
    if first is None or second is None or first[0] != second[0]:
        return None
    return first[1] / second[1], (first[2] - second[2]) / second[1]


def _same_word(unit: str, other: str) -> bool:
    if unit == other:
        return True
    # Case distinguishes units of the table: mW and MW.
    return _scale(unit) is None and _scale(other) is None and _stem(unit) == _stem(other)


def _stem(unit: str) -> str:
    word = unit.casefold().rstrip(".")
    return word[:-1] if len(word) > 2 and word.endswith("s") else word


@cache
def _table() -> tuple[dict[str, Scale], dict[str, Scale]]:
    """The units by their exact spelling; and by lower case, where that is not ambiguous."""
    exact: dict[str, Scale] = {}
    for dimension, scales in _SCALES.items():
        for factor, names in scales.items():
            exact.update(dict.fromkeys(names.split(), (dimension, factor, 0.0)))
    for names, (factor, offset) in _TEMPERATURES.items():
        exact.update(dict.fromkeys(names.split(), ("temperature", factor, offset)))
    for names in _CURRENCIES:
        exact.update(dict.fromkeys(names.split(), (f"currency {names.split()[0]}", 1.0, 0.0)))
    by_case: dict[str, set[Scale]] = {}
    for name, scale in exact.items():
        by_case.setdefault(name.lower(), set()).add(scale)
    return exact, {name: next(iter(scales)) for name, scales in by_case.items() if len(scales) == 1}


def _scale(unit: str) -> Scale | None:
    exact, lower = _table()
    name = unit.replace(" ", "").replace("μ", "µ")  # the Greek letter and the sign
    for spelling in (name, name.rstrip(".")):
        scale = exact.get(spelling) or lower.get(spelling.lower())
        if scale is not None:
            return scale
    return None
