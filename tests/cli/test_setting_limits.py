"""Every setting at its bounds and beyond them: read off the declaration, so that none is left out.

A new setting is covered once it stands in `basis.config`; one without a limit fails here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from basis.config import Given, Settings, load_settings, settings_fields
from basis.limits import FolderPath, Host, OneOf, OptionalFile, Range, limit_of
from basis.rules.errors import Misconfigured

FIELDS = list(settings_fields())
BEYOND = {int: 1, float: 0.0005}
"""The smallest step off a bound that is tried, by the type of the setting."""
BESIDES: dict[tuple[str, str], dict[str, int]] = {
    ("workers", "heartbeat_s"): {"offline_after_s": 3_600},
    ("workers", "offline_after_s"): {"heartbeat_s": 1},
}
"""What must stand beside a setting for its bounds to be reached."""


def kind_of(annotation: object) -> type:
    """The type that a setting has but for its limit."""
    return get_args(annotation)[0] if get_args(annotation) else annotation  # type: ignore[return-value]  # a bare type


def load_one(folder: Path, section: str, field: str, value: object) -> Settings:
    """The settings that a file with this one value in it gives."""
    path = folder / "one.toml"
    lines = {field: value, **BESIDES.get((section, field), {})}
    written = "\n".join(f"{name} = {_as_toml(one)}" for name, one in lines.items())
    path.write_text(f"[{section}]\n{written}\n", encoding="utf-8")
    return load_settings(file=path, environment={})


def _as_toml(value: object) -> str:
    return msgspec.json.encode(value).decode()


def refusal_of(folder: Path, section: str, field: str, value: object) -> str:
    """The one line that is said of this value."""
    with pytest.raises(Misconfigured) as refused:
        load_one(folder, section, field, value)
    (line,) = [
        line.strip() for line in refused.value.message.splitlines() if f"{section}.{field} " in line
    ]
    return line


RANGES = [
    (section, field, kind_of(annotation), limit)
    for section, field, annotation in FIELDS
    if isinstance(limit := limit_of(annotation), Range)
]
each_range = pytest.mark.parametrize(
    ("section", "field", "kind", "limit"), RANGES, ids=[f"{one[0]}.{one[1]}" for one in RANGES]
)


@pytest.mark.parametrize(
    ("section", "field", "annotation"), FIELDS, ids=[f"{one[0]}.{one[1]}" for one in FIELDS]
)
def test_setting__each__has_a_limit_that_fits_its_type_and_admits_its_default(
    section: str, field: str, annotation: object
) -> None:
    kind, limit = kind_of(annotation), limit_of(annotation)
    default = getattr(getattr(Settings(), section), field)

    if kind in (int, float):
        assert isinstance(limit, Range)
    elif kind is str:
        assert limit is not None
        assert not isinstance(limit, Range)
    else:
        assert kind is bool
    assert limit is None or limit.admits(default)


@each_range
def test_number__at_its_bounds__is_taken(
    tmp_path: Path, section: str, field: str, kind: type, limit: Range
) -> None:
    for bound in (limit.least, limit.most):
        settings = load_one(tmp_path, section, field, bound)

        assert getattr(getattr(settings, section), field) == kind(bound)


@each_range
def test_number__just_beyond_its_bounds__is_refused_with_setting_value_range_and_file(
    tmp_path: Path, section: str, field: str, kind: type, limit: Range
) -> None:
    for value in (limit.least - BEYOND[kind], limit.most + BEYOND[kind]):
        line = refusal_of(tmp_path, section, field, value)

        assert line.startswith(f"{section}.{field} is {value} (from {tmp_path / 'one.toml'}): ")
        assert line.endswith(f"{limit.least} to {limit.most}")


@each_range
@pytest.mark.parametrize("text", ["many", "", "inf", "nan", "1e999", "-1", "9" * 400])
def test_number__unusable_in_the_environment__is_refused_and_names_the_variable(
    section: str, field: str, kind: type, limit: Range, text: str
) -> None:
    variable = f"BASIS_{section}_{field}".upper()

    with pytest.raises(Misconfigured) as refused:
        load_settings(environment={variable: text})

    line = refused.value.message.splitlines()[1].strip()
    assert line.startswith(f"{section}.{field} is ")
    assert f"(from {variable})" in line
    assert f"{limit.least} to {limit.most}" in line
    assert len(line) < 300


@pytest.mark.parametrize(
    ("section", "field", "limit"),
    [
        (section, field, limit)
        for section, field, annotation in FIELDS
        if isinstance(limit := limit_of(annotation), OneOf)
    ],
)
def test_word__each_of_the_list__is_taken_and_no_other(
    tmp_path: Path, section: str, field: str, limit: OneOf
) -> None:
    for word in limit.words:
        assert getattr(getattr(load_one(tmp_path, section, field, word), section), field) == word
    for word in ("", limit.words[0].upper(), limit.words[0] + " "):
        assert limit.describe() in refusal_of(tmp_path, section, field, word)


HOSTS = ["127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1%eth0", "localhost", "a-1.example.org."]  # noqa: S104 - only read
NO_HOSTS = [
    "",
    " ",
    "a b",
    "http://x",
    "x:80",
    "[::1]",
    "256.0.0.1",
    "1.2.3",
    "-x",
    "x..y",
    "x" * 64,
]


@pytest.mark.parametrize("text", HOSTS)
def test_host__address_or_name__is_taken(text: str) -> None:
    assert Host().admits(text)


@pytest.mark.parametrize("text", NO_HOSTS)
def test_host__anything_else__is_refused_in_words(tmp_path: Path, text: str) -> None:
    assert "an IP address or a host name" in refusal_of(tmp_path, "server", "host", text)


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "~nobody-of-this-name/x", "x" * 5_000])
def test_folder__no_path__is_refused_in_words(tmp_path: Path, text: str) -> None:
    assert "path of a folder" in refusal_of(tmp_path, "data", "folder", text)


def test_folder__path_of_a_file__is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    assert not FolderPath().admits(str(tmp_path / "data"))
    assert FolderPath().admits(str(tmp_path / "not-yet" / "data"))


def test_option__over_file_and_environment__is_the_one_that_is_blamed(tmp_path: Path) -> None:
    path = tmp_path / "basis.toml"
    path.write_text('[server]\nhost = "::1"\n')
    option = Given(section="server", field="host", value="no host", source="--host")

    with pytest.raises(Misconfigured, match=r"server\.host is 'no host' \(from --host\): expected"):
        load_settings(file=path, environment={"BASIS_SERVER_HOST": "::2"}, options=[option])


def test_offline_after__not_above_the_heartbeat__names_both_and_the_default() -> None:
    with pytest.raises(Misconfigured) as refused:
        load_settings(environment={"BASIS_WORKERS_HEARTBEAT_S": "45"})

    assert refused.value.message.splitlines()[1].strip() == (
        "workers.offline_after_s is 45 (from the default): "
        "expected more than workers.heartbeat_s, which is 45"
    )


@pytest.mark.parametrize("value", [1, "true", None, [True]])
def test_switch__other_than_true_or_false__is_refused(tmp_path: Path, value: Any) -> None:
    if value is None:
        with pytest.raises(Misconfigured, match="expected true or false"):
            load_settings(environment={"BASIS_SERVER_TRUST_FORWARDED_FOR": "yes"})
    else:
        line = refusal_of(tmp_path, "server", "trust_forwarded_for", value)
        assert line.endswith("expected true or false")


@pytest.mark.parametrize("text", ["  ", "a\0b", "~nobody-of-this-name/x", "x" * 5_000])
def test_file__no_path__is_refused_in_words(tmp_path: Path, text: str) -> None:
    assert "the path of a file" in refusal_of(tmp_path, "billing", "stripe_secret_file", text)


def test_file__path_of_a_folder__is_refused(tmp_path: Path) -> None:
    assert not OptionalFile().admits(str(tmp_path))
    assert OptionalFile().admits(str(tmp_path / "secret"))
    assert OptionalFile().admits("")
