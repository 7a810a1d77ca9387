"""The operator's settings: one frozen object from a TOML file overlaid by the environment.

`BASIS_<SECTION>_<FIELD>` overrides `field` under `[section]`. All mistakes are reported at once.
Rules of the network (prices, factors, fees) are not settings: they are dated tables in `rules/`.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_type_hints

import msgspec

from basis.rules.errors import Misconfigured

CONFIG_FILE = "basis.toml"


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the orchestrator listens, and what it takes from strangers."""

    host: str = "127.0.0.1"
    port: int = 8420
    max_body_bytes: int = 4 << 20
    body_timeout_s: int = 60
    """How long the body of a request may take to come."""
    headers_timeout_s: int = 20
    """How long the first request of a connection may take to come, up to the end of its head."""
    keep_alive_s: int = 180
    """How long a connection may wait for its next request: longer than the proxy's own limit."""
    max_connections: int = 16_000
    """Open connections, workers' links among them; the next one gets 503."""
    max_jobs_per_key: int = 64
    """Requests of one API key at the same time; the next one gets 429."""
    shutdown_grace_s: int = 30
    """How long running jobs may take to finish after SIGTERM."""
    trust_forwarded_for: bool = False
    """Take a client's address from X-Forwarded-For: only behind a proxy that sets it."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of workers."""

    heartbeat_s: int = 15
    offline_after_s: int = 45
    hello_timeout_s: int = 10
    max_models: int = 64
    max_slots: int = 256
    window_frames: int = 256
    registrations_per_hour: int = 60
    """New or changed registrations from one address."""
    max_registered: int = 100_000
    """Worker ids in all; the next registration gets 503."""
    forget_unlinked_days: int = 30
    """After so long a registration is forgotten of which no link was ever seen."""
    max_links: int = 10_000
    max_silent_links: int = 1_000
    """Links that have not said hello yet; the next one gets 503 and tries again."""
    max_silent_links_per_address: int = 100


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deadlines and bounds of a job."""

    queue_depth: int = 256
    """Jobs of one model that may wait for a slot; the next one gets 429."""
    queue_timeout_s: float = 30.0
    first_token_timeout_s: float = 120.0
    stall_timeout_s: float = 60.0
    total_timeout_s: float = 900.0
    customer_stall_s: float = 60.0
    """How long a customer may leave its stream unread."""
    max_attempts: int = 2
    default_max_tokens: int = 2_048
    """Longest answer where the customer names no length and the context has room."""


class DataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where everything durable lives."""

    folder: str = "data"


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`format` is auto (console on a terminal, JSON elsewhere), json or console."""

    format: str = "auto"
    level: str = "info"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an operator can set."""

    server: ServerSettings = ServerSettings()
    workers: WorkerSettings = WorkerSettings()
    jobs: JobSettings = JobSettings()
    data: DataSettings = DataSettings()
    log: LogSettings = LogSettings()

    @property
    def data_folder(self) -> Path:
        """The data folder as a path."""
        return Path(self.data.folder).expanduser()


def load_settings(
    *, file: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from `file` (or basis.toml in the working directory, if there), then environment.

    Raises:
        Misconfigured: it lists every unknown name and every unusable value.
    """
    path = file if file is not None else Path(CONFIG_FILE)
    values = _read_toml(path) if file is not None or path.is_file() else {}
    problems: list[str] = []
    _overlay_environment(values, os.environ if environment is None else environment, problems)
    settings = _convert(values, problems)
    problems.extend(_out_of_range(settings))
    if problems:
        raise Misconfigured("these settings are wrong:\n  " + "\n  ".join(problems))
    return settings


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"there is no settings file {path}") from None
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} is not valid TOML: {error}") from None


def _sections() -> dict[str, type[msgspec.Struct]]:
    return dict(get_type_hints(Settings))


def _overlay_environment(
    values: dict[str, object], environment: Mapping[str, str], problems: list[str]
) -> None:
    for section, struct in _sections().items():
        for field, kind in get_type_hints(struct).items():
            text = environment.get(f"BASIS_{section}_{field}".upper())
            if text is None:
                continue
            table = values.setdefault(section, {})
            if not isinstance(table, dict):
                problems.append(f"[{section}] must be a table")
                continue
            table[field] = _from_text(text, kind)


def _from_text(text: str, kind: object) -> object:
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if kind is int or kind is float:
        try:
            return int(text) if kind is int else float(text)
        except ValueError:
            return text
    return text


def _convert(values: dict[str, object], problems: list[str]) -> Settings:
    good: dict[str, msgspec.Struct] = {}
    sections = _sections()
    problems.extend(f"[{name}] is no section" for name in sorted(values.keys() - sections.keys()))
    for section, struct in sections.items():
        table = values.get(section, {})
        if not isinstance(table, dict):
            problems.append(f"[{section}] must be a table")
            continue
        kinds = get_type_hints(struct)
        accepted: dict[str, object] = {}
        for field, value in cast("dict[str, object]", table).items():
            if field not in kinds:
                problems.append(f"{section}.{field} is no setting")
                continue
            try:
                accepted[field] = msgspec.convert(value, kinds[field], strict=True)
            except msgspec.ValidationError as error:
                problems.append(f"{section}.{field} is {value!r}: {error}")
        good[section] = struct(**accepted)
    return msgspec.structs.replace(Settings(), **good)


def _out_of_range(settings: Settings) -> list[str]:
    rules: list[tuple[bool, str]] = [
        (0 <= settings.server.port <= 65_535, "server.port must be 0 to 65535"),
        (settings.server.max_body_bytes >= 1_024, "server.max_body_bytes must be at least 1024"),
        (settings.server.max_jobs_per_key >= 1, "server.max_jobs_per_key must be at least 1"),
        (settings.workers.heartbeat_s >= 1, "workers.heartbeat_s must be at least 1"),
        (
            settings.workers.offline_after_s > settings.workers.heartbeat_s,
            "workers.offline_after_s must be more than workers.heartbeat_s",
        ),
        (settings.workers.window_frames >= 8, "workers.window_frames must be at least 8"),
        (settings.jobs.max_attempts >= 1, "jobs.max_attempts must be at least 1"),
        (settings.jobs.queue_depth >= 0, "jobs.queue_depth must not be negative"),
        (settings.jobs.default_max_tokens >= 1, "jobs.default_max_tokens must be at least 1"),
        (settings.log.format in {"auto", "json", "console"}, "log.format: auto, json or console"),
        (
            settings.log.level in {"debug", "info", "warning", "error"},
            "log.level: debug, info, warning or error",
        ),
    ]
    rules.extend(
        (0 < getattr(settings.jobs, name) < math.inf, f"jobs.{name} must be positive and finite")
        for name in get_type_hints(JobSettings)
        if name.endswith("_s")
    )
    return [problem for holds, problem in rules if not holds]
