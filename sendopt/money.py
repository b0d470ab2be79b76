"""Money: integer minor units, decimal prices, and the only rounding rule.

A price may be finer than a minor unit (0.25 cent a click); an amount never is. One statement
line is `count x price`, rounded once, half to even, and nothing else is ever rounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from sendopt.errors import InvalidInput
from sendopt.text import quoted

MAX_PRICE_DECIMALS = 4

_CURRENCY = re.compile(r"[A-Z]{3}")
_PRICE = re.compile(r"\d{1,12}(\.\d{1,4})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Price:
    """What one counted thing costs, in minor units of `currency` (ISO 4217)."""

    minor: Decimal
    currency: str

    def times(self, count: int) -> int:
        """Return the amount of `count` units in whole minor units, rounded half to even.

        >>> Price(Decimal("0.25"), "EUR").times(10)
        2
        >>> Price(Decimal("0.25"), "EUR").times(6)
        2
        """
        return int((self.minor * count).to_integral_value(rounding=ROUND_HALF_EVEN))


def parse_price(text: object, currency: object, *, field: str) -> Price:
    """Read a price from its decimal text; floats are refused because they cannot hold cents.

    >>> parse_price("2.5", "EUR", field="/click").minor
    Decimal('2.5')

    Raises:
        InvalidInput: `money_invalid`, for a float, an exponent, a sign, more than
            `MAX_PRICE_DECIMALS` decimals, or a currency that is not three capital letters.
    """
    return Price(currency=parse_currency(currency), minor=parse_minor(text, field=field))


def parse_currency(text: object) -> str:
    """Return `text` if it is an ISO 4217 code.

    Raises:
        InvalidInput: `money_invalid`.
    """
    if not isinstance(text, str) or not _CURRENCY.fullmatch(text):
        raise InvalidInput(
            f"{quoted(text)} is no currency",
            code="money_invalid",
            field="/currency",
            expected="an ISO 4217 code such as EUR",
        )
    return text


def parse_minor(text: object, *, field: str | None = None) -> Decimal:
    """Read minor units of a price from their decimal text.

    Raises:
        InvalidInput: `money_invalid`.
    """
    if not isinstance(text, str) or not _PRICE.fullmatch(text):
        raise InvalidInput(
            f"{quoted(text)} is no price",
            code="money_invalid",
            field=field,
            expected=f"a decimal string in minor units, at most {MAX_PRICE_DECIMALS} decimals, "
            'such as "2.5"',
        )
    return Decimal(text)
