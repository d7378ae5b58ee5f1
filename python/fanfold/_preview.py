"""What a job would send and cost."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterator, Mapping


class Preview(Mapping[str, Any]):
    """What `fanfold preview --json` says, by key or as attributes: `rows`, `to_send`, `expected`, `most`, `currency`, `seconds`.

    Costs are in `currency` (`None` where no price is known), `seconds` is the least time by the limits. docs/commands.md lists all.
    """

    def __init__(self, report: Dict[str, Any]) -> None:
        self._report = report

    def __getitem__(self, name: str) -> Any:
        return self._report[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._report)

    def __len__(self) -> int:
        return len(self._report)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_report"][name]
        except KeyError:
            raise AttributeError(f"the preview has no `{name}`; it has {', '.join(self.__dict__.get('_report', ()))}") from None

    def __dir__(self) -> Iterator[str]:
        return iter([*super().__dir__(), *self._report])

    def __repr__(self) -> str:
        words = [f"{self.rows:,} rows", f"{self.to_send:,} to send"]
        if self.expected is not None:
            words.append(f"expected cost {money(self.expected)} {self.currency or ''}".rstrip())
        if self.most is not None:
            words.append(f"at most {money(self.most)}")
        if self.seconds is not None:
            words.append(f"at least {duration(self.seconds)}")
        return f"<Preview: {', '.join(words)}>"


def money(amount: float) -> str:
    """Two decimals; of less than a tenth, two significant digits."""
    if amount >= 0.1 or amount <= 0:
        return f"{amount:,.2f}"
    return f"{amount:.{1 - math.floor(math.log10(amount))}f}"


def duration(seconds: float) -> str:
    """As the program writes it: `3s`, `20m`, `7h 12m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes = round(seconds / 60)
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}m"
