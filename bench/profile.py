"""Where the event loop's time goes, by package, as a profiler sees it.

Shares, not times: the profiler slows Python down and leaves C alone. Waiting and uvloop's own work
are one figure in a profile, so both are left out.
"""

from __future__ import annotations

import cProfile
import pstats
import re
from collections import defaultdict
from collections.abc import Callable
from typing import cast

_PACKAGE = re.compile(r"site-packages/([\w]+)")
_ROOM = re.compile(r"src/basis/(\w+)/")
_BUILT_IN = re.compile(r"of '([\w]+)[.']|method ([\w]+)\.")
_SMALLEST_SHARE = 1.0

Statistics = dict[tuple[str, int, str], tuple[int, int, float, float, object]]


def profiled(work: Callable[[], None]) -> Statistics:
    """What a profiler saw of `work`, by (file, line, function)."""
    profile = cProfile.Profile()
    profile.enable()
    work()
    profile.disable()
    return cast("Statistics", vars(pstats.Stats(profile))["stats"])


def print_shares(statistics: Statistics) -> None:
    """A line per package, largest share first."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for (file, _line, function), (
        _calls,
        _primitive,
        own_s,
        _total,
        _callers,
    ) in statistics.items():
        name = _owner(file, function)
        if name:
            seconds[name] += own_s
    whole = sum(seconds.values())
    for name, own_s in sorted(seconds.items(), key=lambda item: -item[1]):
        if own_s / whole * 100 >= _SMALLEST_SHARE:
            print(f"  {own_s / whole * 100:5.1f} %  {name}")


def _owner(file: str, function: str) -> str:
    """Whose code it is; "" for the loop itself and for what ran only once, at the start."""
    if file.endswith("asyncio/runners.py") or "import" in file or function == "<module>":
        return ""
    if room := _ROOM.search(file):
        return f"basis.{room.group(1)}"
    if package := _PACKAGE.search(file):
        return package.group(1)
    if file == "~":
        owner = _BUILT_IN.search(function)
        return f"built-in: {owner.group(1) or owner.group(2)}" if owner else "built-in"
    return "standard library"
