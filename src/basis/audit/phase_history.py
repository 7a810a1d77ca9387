"""The earlier phases that a phase names: each was opened, so that it sweeps no receipts away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from basis.audit.difference import Difference, expect_equal
from basis.audit.folder import Export
from basis.audit.phase_records import PublishedPhase

_SHOWN = 40


def check_named(
    exports: Sequence[Export], published: PublishedPhase, known: Mapping[str, PublishedPhase]
) -> Iterator[str]:
    """What is taken from the publisher of the phases that one names as closed before it, in words.

    Raises:
        Difference: no entry opened one of them, or it has another time.
    """
    if published.phase is None or published.phase.counted is None:
        return
    taken: set[str] = set()
    for row in published.earlier:
        name = f"earlier phase {row.earlier[:_SHOWN]} of {row.points_asset}"
        if row.last_seq > published.phase.counted.last_seq:
            raise Difference(f"{published.name}: the {name} counted receipts that came later")
        other = known.get(row.earlier)
        if other is None:
            if exports[0].manifest.number == 1:
                raise Difference(
                    f"{published.name} names the earlier phase {row.earlier[:_SHOWN]}, which "
                    f"nobody opened"
                )
            taken.add(row.earlier)
            continue
        assets = {pool.points_asset for pool in other.terms.pools}
        expect_equal(
            published.name,
            name,
            recorded=(row.starts_at, row.ends_at, True),
            recomputed=(other.terms.starts_at, other.terms.ends_at, row.points_asset in assets),
        )
    for earlier in sorted(taken):
        yield (
            f"{published.name}: that phase {earlier[:_SHOWN]} was before it is taken from the "
            f"publisher, since these periods begin later"
        )
