"""Settings: a file, the environment over it, all mistakes at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from basis.config import Settings, load_settings
from basis.rules.errors import Misconfigured
from tests.cli.conftest import Command
from tests.support.basis_process import BasisProcess


def test_settings_show__nothing_set__are_the_defaults(basis: Command) -> None:
    assert basis("settings", "show", "--json").json == msgspec.to_builtins(Settings())


def test_settings_show__as_text__is_a_settings_file(basis: Command, tmp_path: Path) -> None:
    printed = basis("settings", "show").out

    assert tomllib.loads(printed) == msgspec.to_builtins(Settings())
    (tmp_path / "basis.toml").write_text(printed)
    assert basis("settings", "show").out == printed


def test_settings__file_in_the_working_folder__is_read(basis: Command, tmp_path: Path) -> None:
    (tmp_path / "basis.toml").write_text(
        '[server]\nport = 9000\n[jobs]\nqueue_timeout_s = 3\n[data]\nfolder = "books"\n'
    )

    shown = basis("settings", "show", "--json").json

    assert (shown["server"]["port"], shown["server"]["host"]) == (9_000, "127.0.0.1")
    assert shown["jobs"]["queue_timeout_s"] == 3
    basis("key", "create")
    assert (tmp_path / "books" / "basis.sqlite3").is_file()


def test_settings__environment__goes_over_the_file(
    basis: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.toml").write_text('[server]\nport = 9000\nhost = "::1"\n')
    monkeypatch.setenv("BASIS_SERVER_PORT", "9001")
    monkeypatch.setenv("BASIS_SERVER_TRUST_FORWARDED_FOR", "True")
    monkeypatch.setenv("BASIS_JOBS_STALL_TIMEOUT_S", "2.5")
    monkeypatch.setenv("BASIS_LOG_FORMAT", "json")

    shown = basis("settings", "show", "--config", "other.toml", "--json").json

    assert (shown["server"]["port"], shown["server"]["host"]) == (9_001, "::1")
    assert shown["server"]["trust_forwarded_for"] is True
    assert shown["jobs"]["stall_timeout_s"] == 2.5
    assert shown["log"]["format"] == "json"


BROKEN = """
[server]
port = "many"
max_body_bytes = 1
hots = "0.0.0.0"
[workers]
heartbeat_s = 60
[jobs]
max_attempts = 0
stall_timeout_s = -1
[log]
level = "loud"
[payments]
live = true
"""


def test_settings__many_mistakes__are_all_listed_at_once(
    basis: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "basis.toml").write_text(BROKEN)
    monkeypatch.setenv("BASIS_WORKERS_MAX_SLOTS", "lots")

    outcome = basis("settings", "show")

    assert (outcome.code, outcome.out) == (6, "")
    for named in (
        "server.port is 'many'",
        "server.max_body_bytes",
        "server.hots is no setting",
        "workers.offline_after_s",
        "workers.max_slots is 'lots'",
        "jobs.max_attempts",
        "jobs.stall_timeout_s",
        "log.level",
        "[payments] is no section",
    ):
        assert named in outcome.err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("server = 3\n", "[server] must be a table"),
        ("[server\n", "not valid TOML"),
        ("[payments]\n", "[payments] is no section"),
        ("[server]\nport = true\n", "server.port is True"),
        ("[server]\nport = 65536\n", "server.port is 65536 (from "),
        ("[server]\nport = 80.5\n", "server.port is 80.5"),
        ("[jobs]\nstall_timeout_s = nan\n", "stall_timeout_s"),
        ("[jobs]\nstall_timeout_s = inf\n", "stall_timeout_s"),
        ("[log]\nformat = 'xml'\n", "log.format"),
        (f"[server]\nport = {'9' * 5_000}\n", "not valid TOML: Exceeds the limit"),
        (f"[server]\nport = 0x{'9' * 5_000}\n", "server.port is too long to show"),
        (f"[server]\nport = {'[' * 5_000}\n", "not valid TOML: it is nested too deeply"),
        (f"[server]\nport.{'a.' * 5_000}a = 1\n", "server.port is too long to show"),
    ],
    ids=range(13),
)
def test_settings__unusable_value__is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "basis.toml"
    path.write_text(text)

    with pytest.raises(Misconfigured) as refused:
        load_settings(file=path, environment={})

    assert named in refused.value.message


def test_settings__misspelt_variable__is_named() -> None:
    with pytest.raises(Misconfigured) as refused:
        load_settings(environment={"BASIS_SERVER_PROT": "9", "BASIS_ORCHESTRATOR": "not ours"})

    assert refused.value.message.splitlines()[1:] == [
        "  server.prot is no setting (from BASIS_SERVER_PROT)"
    ]


def test_settings__named_file_that_is_missing__is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"no file .*nowhere\.toml"):
        load_settings(file=tmp_path / "nowhere.toml", environment={})


def test_settings__file_that_is_a_folder__is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_settings(file=tmp_path, environment={})


def test_up__broken_settings__exits_with_6_and_makes_nothing(
    basis: Command, tmp_path: Path
) -> None:
    (tmp_path / "basis.toml").write_text("[server]\nport = -1\n")

    outcome = basis("up")

    assert outcome.code == 6
    assert "server.port" in outcome.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("option", ["--host=http://x", "--host=", "--data=~nobody-of-this-name/x"])
def test_up__option_that_is_unusable__exits_with_6_and_names_it(
    basis: Command, tmp_path: Path, option: str
) -> None:
    outcome = basis("up", option)

    assert outcome.code == 6
    assert f"(from {option.partition('=')[0]})" in outcome.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_up__port_out_of_range__is_wrong_usage(tmp_path: Path, port: str) -> None:
    with BasisProcess("up", f"--port={port}", "--data", "data", folder=tmp_path) as process:
        code = process.wait(timeout_s=20)

    assert code == 2
    assert "--port" in "".join(process.lines)
    assert not (tmp_path / "data").exists()


def test_up__address_in_use__exits_with_6_and_says_what_to_do(tmp_path: Path) -> None:
    with BasisProcess("up", "--port", "0", "--data", "one", folder=tmp_path) as first:
        url = str(first.wait_for("orchestrator_up")["url"])
        second = BasisProcess(
            "up", "--port", url.rpartition(":")[2], "--data", "two", folder=tmp_path
        )
        code = second.wait()
        first.stop()

    assert code == 6
    assert "another orchestrator" in "".join(second.lines)
    assert "Traceback" not in "".join(second.lines)


def test_up__ready_file_and_sigterm__names_the_url_and_ends_with_0(tmp_path: Path) -> None:
    with BasisProcess(
        "up", "--port", "0", "--ready-file", "url", "--data", "data", folder=tmp_path
    ) as process:
        url = process.wait_for("orchestrator_up")["url"]
        while not (tmp_path / "url").exists():
            # It is written a moment after the line: the process is at it.
            assert process.pid
        told = (tmp_path / "url").read_text()
        code = process.stop()

    assert told == f"{url}\n"
    assert code == 0
