"""The phases that a period publishes, each held to its terms, its signature and its own figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from basis.audit.difference import Difference, expect_equal
from basis.audit.folder import Export
from basis.audit.parquet import iterate_rows
from basis.rules.canonical import sha256_hex
from basis.rules.errors import BasisError
from basis.rules.export_context import EARLIER_PHASES, PHASES
from basis.rules.phase_file import PHASE_FILE_KIND, is_final
from basis.rules.phase_parsing import find_file_difference, parse_phase_terms
from basis.rules.phase_steps import Phase
from basis.rules.phases import PhaseTerms
from basis.rules.signatures import parse_signature, verify_file

_SHOWN: Final = 40


class EarlierPhase(NamedTuple):
    """A row of earlier_phases.parquet, in the order of its columns."""

    phase: str
    points_asset: str
    earlier: str
    starts_at: str
    ends_at: str
    last_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPhase:
    """A phase as a period has it; `phase` and `file_sha256` are None and "" until it is shared."""

    terms: PhaseTerms
    phase: Phase | None
    file_sha256: str
    earlier: tuple[EarlierPhase, ...]

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"phase {self.terms.id}"


def load_phases(export: Export) -> dict[str, PublishedPhase]:
    """The phases of a period, by id.

    Raises:
        Difference: one is not signed by the publisher, or a figure in it does not follow.
    """
    earlier: dict[str, list[EarlierPhase]] = {}
    for one in _read_earlier(export):
        earlier.setdefault(one.phase, []).append(one)
    found: dict[str, PublishedPhase] = {}
    last = ""
    for values in iterate_rows(export.path(PHASES.name), PHASES):
        phase_id, terms, file, signature = cast("tuple[str, str, str, str]", values)
        name = f"phase {phase_id[:_SHOWN]}"
        if phase_id <= last:
            raise Difference(f"{name} does not stand in its order")
        last = phase_id
        try:
            found[phase_id] = _read_phase(
                export, name, terms, file.encode(), signature.encode(), earlier.pop(phase_id, [])
            )
        except (BasisError, UnicodeError) as error:
            raise Difference(f"{name} cannot be: {error}") from error
        expect_equal(name, "id", recorded=phase_id, recomputed=str(found[phase_id].terms.id))
    for phase_id in earlier:
        raise Difference(f"phases before {phase_id[:_SHOWN]!r} are listed, which has no file")
    return found


def _read_phase(
    export: Export,
    name: str,
    terms_text: str,
    file: bytes,
    signature: bytes,
    earlier: list[EarlierPhase],
) -> PublishedPhase:
    terms = parse_phase_terms(terms_text)
    phase: Phase | None = None
    if file:
        verify_file(file, parse_signature(signature), kind=PHASE_FILE_KIND, signer=export.signer)
        phase, flaw = find_file_difference(file)
        if flaw is not None:
            raise Difference(f"{name}: {flaw}")
        expect_equal(name, "terms", recorded=phase.terms, recomputed=terms)
        if not is_final(phase):
            raise Difference(f"{name} is shared out, but is {phase.status.value} by its file")
    elif signature or earlier:
        raise Difference(f"{name} has no file, but what goes with one")
    return PublishedPhase(
        terms=terms,
        phase=phase,
        file_sha256=sha256_hex(file) if file else "",
        earlier=tuple(earlier),
    )


def _read_earlier(export: Export) -> Iterator[EarlierPhase]:
    last = ("", "", "")
    for values in iterate_rows(export.path(EARLIER_PHASES.name), EARLIER_PHASES):
        row = EarlierPhase(*values)  # type: ignore[arg-type]  # as the columns are
        if row[:3] <= last:
            raise Difference(
                f"phase {row.earlier[:_SHOWN]} before {row.phase[:_SHOWN]} does not stand in its "
                f"order"
            )
        last = row[:3]
        yield row
