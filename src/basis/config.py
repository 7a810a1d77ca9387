"""The operator's settings: one frozen object from a TOML file overlaid by the environment.

`BASIS_<SECTION>_<FIELD>` goes over `field` under `[section]`, and an option of the command over
both. All mistakes are reported at once. Rules of the network are no settings but dated tables.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast, get_type_hints

import msgspec

from basis.limits import (
    FolderPath,
    Host,
    OneOf,
    OptionalFile,
    Range,
    describe_allowed,
    kind_of,
    limit_of,
)
from basis.rules.errors import Misconfigured
from basis.toml_file import load_toml

CONFIG_FILE = "basis.toml"
_DAY_S = 86_400
_LONGEST_SHOWN = 80


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the orchestrator listens, and what it takes from strangers."""

    host: Annotated[str, Host()] = "127.0.0.1"
    """Address to listen on; 0.0.0.0 or :: is every one that the machine has."""
    port: Annotated[int, Range(0, 65_535)] = 8420
    """0 takes any free one."""
    max_body_bytes: Annotated[int, Range(1 << 10, 15 << 20)] = 4 << 20
    """The largest request; a worker takes frames of 16 MiB, and a request must fit into one."""
    body_timeout_s: Annotated[int, Range(1, 3_600)] = 60
    """How long the body of a request may take to come, and that of an answer to be taken."""
    headers_timeout_s: Annotated[int, Range(1, 300)] = 20
    """How long the first request of a connection may take to come, up to the end of its head."""
    keep_alive_s: Annotated[int, Range(1, 3_600)] = 180
    """How long a connection may wait for its next request: longer than the proxy's own limit."""
    max_connections: Annotated[int, Range(1, 1_000_000)] = 16_000
    """Open connections, workers' links among them; the next one gets 503."""
    max_jobs_per_key: Annotated[int, Range(1, 100_000)] = 64
    """Requests of one API key at the same time; the next one gets 429."""
    public_reads_per_minute: Annotated[int, Range(1, 1_000_000)] = 600
    """Reads of records without a key from one address; a worker's earnings count as 20 of them."""
    shutdown_grace_s: Annotated[int, Range(0, 3_600)] = 30
    """How long running jobs may take to finish after SIGTERM."""
    trust_forwarded_for: bool = False
    """Take a client's address from X-Forwarded-For: only behind a proxy that sets it."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of workers."""

    heartbeat_s: Annotated[int, Range(1, 300)] = 15
    """How often a worker says that it lives."""
    offline_after_s: Annotated[int, Range(2, 3_600)] = 45
    """Silence after which a worker counts as gone; more than `heartbeat_s`."""
    hello_timeout_s: Annotated[int, Range(1, 300)] = 10
    """How long a new connection may take to say who it is."""
    max_models: Annotated[int, Range(1, 1_000)] = 64
    """Models that one worker may register."""
    max_slots: Annotated[int, Range(1, 10_000)] = 256
    """Jobs at the same time that one worker may offer."""
    window_frames: Annotated[int, Range(8, 4_096)] = 256
    """Frames of one answer that may wait for a slow customer."""
    registrations_per_hour: Annotated[int, Range(0, 1_000_000)] = 60
    """New or changed registrations from one address; 0 takes none."""
    max_registered: Annotated[int, Range(1, 10_000_000)] = 100_000
    """Worker ids in all; the next registration gets 503."""
    forget_unlinked_days: Annotated[int, Range(1, 3_650)] = 30
    """After so long a registration is forgotten of which no link was ever seen."""
    max_links: Annotated[int, Range(1, 1_000_000)] = 10_000
    """Workers connected at the same time."""
    max_silent_links: Annotated[int, Range(1, 1_000_000)] = 1_000
    """Links that have not said hello yet; the next one gets 503 and tries again."""
    max_silent_links_per_address: Annotated[int, Range(1, 1_000_000)] = 100
    """The same from one address, which may be the router of many workers."""


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deadlines and bounds of a job."""

    queue_depth: Annotated[int, Range(0, 1_000_000)] = 256
    """Jobs of one model that may wait for a slot; the next one gets 429."""
    queue_timeout_s: Annotated[float, Range(0.001, _DAY_S)] = 30.0
    """How long a job may wait for a slot."""
    first_token_timeout_s: Annotated[float, Range(0.001, _DAY_S)] = 120.0
    """How long a worker may take to begin its answer."""
    stall_timeout_s: Annotated[float, Range(0.001, _DAY_S)] = 60.0
    """How long a worker may pause within its answer."""
    total_timeout_s: Annotated[float, Range(1, _DAY_S)] = 900.0
    """How long a worker may take for a whole answer; it is told in whole seconds."""
    customer_stall_s: Annotated[float, Range(0.001, _DAY_S)] = 60.0
    """How long a customer may leave its stream unread."""
    max_attempts: Annotated[int, Range(1, 100)] = 2
    """Workers that are tried before a job fails."""
    default_max_tokens: Annotated[int, Range(1, 10_000_000)] = 2_048
    """Longest answer where the customer names no length and the context has room."""


class BillingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How customers pay."""

    stripe_secret_file: Annotated[str, OptionalFile()] = ""
    """File (mode 0600) with the signing secret of Stripe's webhook; none, no cards."""
    stripe_livemode: bool = True
    """Whether payments are real money; false takes those of Stripe's test mode, and only those."""


class DataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where everything durable lives."""

    folder: Annotated[str, FolderPath()] = "data"
    """Made at the first start; `~` is the home folder."""


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the log is written; it goes to stderr."""

    format: Annotated[str, OneOf(("auto", "json", "console"))] = "auto"
    """auto is console on a terminal, JSON elsewhere."""
    level: Annotated[str, OneOf(("debug", "info", "warning", "error"))] = "info"
    """The least important lines that are still written."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an operator can set."""

    server: ServerSettings = ServerSettings()
    workers: WorkerSettings = WorkerSettings()
    jobs: JobSettings = JobSettings()
    billing: BillingSettings = BillingSettings()
    data: DataSettings = DataSettings()
    log: LogSettings = LogSettings()

    @property
    def data_folder(self) -> Path:
        """The data folder as a path."""
        return Path(self.data.folder).expanduser()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A value that somebody wrote down, and where: "basis.toml", "--port"."""

    section: str
    field: str
    value: object
    source: str


def load_settings(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    options: Iterable[Given] = (),
) -> Settings:
    """Settings from `file` (or basis.toml in the working directory), environment and `options`.

    Each goes over the ones before it.

    Raises:
        Misconfigured: it lists every unknown name and every unusable value, one line each.
    """
    problems: list[str] = []
    given = {
        (one.section, one.field): one
        for one in (
            *_from_file(file, problems),
            *_from_environment(os.environ if environment is None else environment),
            *options,
        )
    }
    settings = _build(given, problems)
    problems.extend(_contradictions(settings, given))
    if problems:
        raise Misconfigured("these settings are wrong:\n  " + "\n  ".join(problems))
    return settings


def settings_fields() -> Iterator[tuple[str, str, object]]:
    """(section, field, annotated type) of every setting, in the order of the code."""
    for section, struct in _sections().items():
        for field, annotation in get_type_hints(struct, include_extras=True).items():
            yield section, field, annotation


def _sections() -> dict[str, type[msgspec.Struct]]:
    return dict(get_type_hints(Settings))


# --- what was written down --------------------------------------------------------------------


def _from_file(file: Path | None, problems: list[str]) -> Iterator[Given]:
    path = file if file is not None else Path(CONFIG_FILE)
    if file is None and not path.is_file():
        return
    for section, table in load_toml(path).items():
        if section not in _sections():
            problems.append(f"[{section}] is no section (in {path})")
            continue
        if not isinstance(table, dict):
            problems.append(f"[{section}] must be a table (in {path})")
            continue
        for field, value in cast("dict[str, object]", table).items():
            yield Given(section=section, field=field, value=value, source=str(path))


def _from_environment(environment: Mapping[str, str]) -> Iterator[Given]:
    """Everything that is named like a setting, misspelt ones too."""
    annotations = {(section, field): kind for section, field, kind in settings_fields()}
    for section in _sections():
        prefix = f"BASIS_{section}_".upper()
        for name, text in environment.items():
            if not name.startswith(prefix):
                continue
            field = name.removeprefix(prefix).lower()
            annotation = annotations.get((section, field))
            value = text if annotation is None else _from_text(text, kind_of(annotation))
            yield Given(section=section, field=field, value=value, source=name)


def _from_text(text: str, kind: type[object]) -> object:
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if kind is int or kind is float:
        with contextlib.suppress(ValueError):
            return int(text) if kind is int else float(text)
    return text


# --- what it comes to -------------------------------------------------------------------------


def _build(given: Mapping[tuple[str, str], Given], problems: list[str]) -> Settings:
    annotations = {(section, field): kind for section, field, kind in settings_fields()}
    accepted: dict[str, dict[str, object]] = {section: {} for section in _sections()}
    for one in given.values():
        annotation = annotations.get((one.section, one.field))
        if annotation is None:
            problems.append(f"{one.section}.{one.field} is no setting (from {one.source})")
            continue
        try:
            accepted[one.section][one.field] = _accept(one.value, annotation)
        except (msgspec.ValidationError, ValueError):
            problems.append(_complaint(one, expected=describe_allowed(annotation)))
    sections = {name: struct(**accepted[name]) for name, struct in _sections().items()}
    return msgspec.structs.replace(Settings(), **sections)


def _accept(value: object, annotation: object) -> object:
    """`value` in the field's own type.

    Raises:
        msgspec.ValidationError: it has another type.
        ValueError: it is out of bounds.
    """
    converted = msgspec.convert(value, kind_of(annotation), strict=True)
    if (limit := limit_of(annotation)) is not None and not limit.admits(converted):
        raise ValueError
    return converted


def _contradictions(settings: Settings, given: Mapping[tuple[str, str], Given]) -> Iterator[str]:
    """What is wrong with settings that are each allowed, but not together."""
    workers = settings.workers
    if workers.offline_after_s <= workers.heartbeat_s:
        default = Given(
            section="workers",
            field="offline_after_s",
            value=workers.offline_after_s,
            source="the default",
        )
        yield _complaint(
            given.get(("workers", "offline_after_s"), default),
            expected=f"more than workers.heartbeat_s, which is {workers.heartbeat_s}",
        )


def _complaint(one: Given, *, expected: str) -> str:
    try:
        shown = repr(one.value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; tables in tables
        shown = "too long to show"
    if len(shown) > _LONGEST_SHOWN:
        shown = shown[: _LONGEST_SHOWN - 3] + "..."
    return f"{one.section}.{one.field} is {shown} (from {one.source}): expected {expected}"
