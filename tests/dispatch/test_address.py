"""Which addresses count as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.dispatch.address import address_group


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:50000", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        (" 2001:DB8:1:2:: ", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_group__of_an_address__is_what_one_customer_holds(address: str, group: str) -> None:
    assert address_group(address) == group


@given(st.ip_addresses(v=6, network="2001:db8::/32"), st.integers(0, 2**64 - 1))
def test_group__any_other_host_of_an_ipv6_line__is_the_same(address: object, host: int) -> None:
    line = int(address) >> 64 << 64
    neighbour = type(address)(line | host)

    assert address_group(str(neighbour)) == address_group(str(address))


@given(st.text(max_size=200))
def test_group__any_text__is_bounded(text: str) -> None:
    assert len(address_group(text)) <= 64
