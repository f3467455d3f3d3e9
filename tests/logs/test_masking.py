"""No text keeps a secret, in whatever spelling it carries it."""

from __future__ import annotations

import secrets

from hypothesis import given
from hypothesis import strategies as st

from ftp_stream import logs


def test_a_whole_url_is_masked_before_the_key_in_it() -> None:
    key = secrets.token_hex(8)
    store = logs.Secrets()
    store.add(key, f"rtmp://host/app/{key}")
    assert store.mask(f"to rtmp://host/app/{key}!") == "to ***!"


def test_short_secrets_do_not_black_out_everything() -> None:
    store = logs.Secrets()
    store.add("", "a", "abc")
    assert store.mask("abc") == "abc"
    store.add("abcd")
    assert store.mask("xabcdx") == "x***x"


@given(st.text(min_size=4, max_size=12), st.text(max_size=20), st.text(max_size=20))
def test_no_text_keeps_a_secret(secret: str, before: str, after: str) -> None:
    store = logs.Secrets()
    store.add(secret)
    if secret not in logs.MASK:
        assert secret not in store.mask(before + secret + after).replace(logs.MASK, "\0" * 3)
