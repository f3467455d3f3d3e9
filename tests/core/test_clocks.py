import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inbox import ZONE, at

from ftp_stream.core.clocks import UsualOffset, clock_text, day_of, instants, learn_offset, naive_day, nearest_day
from ftp_stream.errors import ConfigError

SKEW = 600.0
HOUR = 3600.0


def naive(text: str) -> float:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


# --- local time


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-02-05 10:31", ["2026-02-05 09:31"]),
        ("2026-07-05 10:31", ["2026-07-05 08:31"]),
        ("2026-10-25 01:59", ["2026-10-24 23:59"]),
        ("2026-10-25 02:30", ["2026-10-25 00:30", "2026-10-25 01:30"]),  # the hour that comes twice
        ("2026-10-25 03:00", ["2026-10-25 02:00"]),
        ("2026-03-29 01:59", ["2026-03-29 00:59"]),
        ("2026-03-29 02:30", ["2026-03-29 00:30", "2026-03-29 01:30"]),  # the hour that does not come
        ("2026-03-29 03:00", ["2026-03-29 01:00"]),
    ],
)
def test_a_local_time_is_one_instant_except_around_clock_changes(local: str, expected: list[str]) -> None:
    assert list(instants(naive(local), ZONE)) == [naive(text) for text in expected]


@given(st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1)), st.sampled_from([ZONE, "UTC", "Asia/Kathmandu"]))  # noqa: DTZ001
def test_an_instant_is_among_those_of_its_own_local_time(moment: datetime, zone: str) -> None:
    instant = moment.replace(microsecond=0, tzinfo=UTC).timestamp()
    day, second = day_of(instant, zone), clock_text(instant, zone)
    assert second.startswith((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat())
    shown = second if second.count(":") == 2 else f"{second}:00"
    assert instant in instants(naive(shown), zone)


def test_the_systems_zone_is_used_where_none_is_named() -> None:
    """In another process: the zone of this one may be anything."""
    code = "from ftp_stream.core.clocks import *; print(instants(1770287460.0, ''), clock_text(1770287460.0, ''))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TZ": "Asia/Tokyo"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "(1770255060.0,) 2026-02-05 19:31"


def test_an_unknown_zone_is_named_with_the_cure() -> None:
    with pytest.raises(ConfigError, match=r"'Mars/Base'.*Europe/Berlin"):
        instants(0.0, "Mars/Base")
    with pytest.raises(ConfigError, match="unknown"):
        instants(0.0, "../../etc/passwd")


def test_a_day_that_is_not_in_the_calendar_is_refused() -> None:
    assert naive_day(2024, 2, 29) == naive("2024-02-29 00:00")
    with pytest.raises(ValueError, match="day"):
        naive_day(2026, 2, 29)


@pytest.mark.parametrize(
    ("time", "near", "expected"),
    [
        ("10:31", "2026-02-05 10:32", "2026-02-05 10:31"),
        ("23:59", "2026-02-06 00:01", "2026-02-05 23:59"),
        ("00:01", "2026-02-05 23:59", "2026-02-06 00:01"),  # a clock that runs ahead
        ("10:31", "2026-02-05 10:30", "2026-02-05 10:31"),
        ("02:30", "2026-10-25 02:31", "2026-10-25 02:30"),
    ],
)
def test_a_time_without_a_day_takes_the_day_that_is_nearest(time: str, near: str, expected: str) -> None:
    hour, minute = map(int, time.split(":"))
    found = nearest_day(hour * 3600 + minute * 60, at(near), ZONE)
    assert found[0] == at(expected)
    assert list(found) == sorted(found, key=lambda moment: abs(moment - at(near)))


def test_the_first_passage_of_an_hour_that_comes_twice_is_not_the_second() -> None:
    near_second = at("2026-10-25 02:31", fold=1)
    assert nearest_day(9000, near_second, ZONE)[0] == at("2026-10-25 02:30", fold=1)
    assert nearest_day(9000, near_second - HOUR, ZONE)[0] == at("2026-10-25 02:30", fold=0)


def test_a_time_is_shown_with_its_day_only_where_that_is_another() -> None:
    today = day_of(at("10:00"), ZONE)
    assert clock_text(at("10:31"), ZONE, today) == "10:31"
    assert clock_text(at("10:31:05"), ZONE, today) == "10:31:05"
    assert clock_text(at("2026-02-04 23:59"), ZONE, today) == "2026-02-04 23:59"


@pytest.mark.parametrize("instant", [-1e12, -1.0, 1e11, 1e20])
def test_times_that_no_calendar_names_do_no_harm(instant: float) -> None:
    assert clock_text(instant, ZONE)
    assert nearest_day(0, instant, ZONE)


# --- the usual offset


def written(count: int, offset: float, *, begin: float = 1e9, pace: float = 60.0) -> list[tuple[float, float]]:
    return [(offset, begin + index * pace) for index in range(count)]


def test_without_files_a_name_may_be_as_late_as_a_zone_explains() -> None:
    assert learn_offset([], SKEW) == UsualOffset(0.0, 14 * HOUR + SKEW)


@pytest.mark.parametrize("offset", [-60.0, -2 * HOUR, 0.0])
def test_one_sane_file_shows_no_habit(offset: float) -> None:
    assert learn_offset(written(1, offset), SKEW) == UsualOffset(offset, SKEW)


def test_one_file_ahead_of_its_writing_may_be_in_another_zone() -> None:
    assert learn_offset(written(1, 9 * HOUR), SKEW) == UsualOffset(9 * HOUR, 14 * HOUR + SKEW)


@pytest.mark.parametrize("count", [2, 3, 50])
@pytest.mark.parametrize("offset", [-60.0, -2 * HOUR, 9 * HOUR])
def test_what_files_share_is_learned(offset: float, count: int) -> None:
    assert learn_offset(written(count, offset), SKEW) == UsualOffset(offset, offset + SKEW)


def test_no_zone_explains_more_than_fourteen_hours() -> None:
    assert learn_offset(written(5, 14 * HOUR + SKEW + 1), SKEW) == UsualOffset(0.0, 14 * HOUR + SKEW)
    assert learn_offset(written(5, 14 * HOUR + SKEW), SKEW).usual == 14 * HOUR + SKEW


@pytest.mark.parametrize("offset", [-20 * 60.0, -26 * 365 * 24 * HOUR - 60, 19 * 60.0])
def test_what_no_zone_explains_is_no_habit(offset: float) -> None:
    """Uploads that are twenty minutes late, one after the other; a camera whose clock was reset; one that is fast."""
    latest = SKEW if offset < SKEW else 14 * HOUR + SKEW
    assert learn_offset(written(5, offset), SKEW) == UsualOffset(offset, latest)


def test_a_minority_is_not_the_habit() -> None:
    assert learn_offset([*written(3, -HOUR), *written(4, -60.0)], SKEW) == UsualOffset(-60.0, -60.0 + SKEW)
    assert learn_offset([*written(4, -HOUR), *written(3, -60.0)], SKEW) == UsualOffset(-HOUR, -HOUR + SKEW)
    assert learn_offset([*written(3, -HOUR), *written(3, -60.0)], SKEW) == UsualOffset(-60.0, SKEW)


def test_one_sane_name_outweighs_all_that_are_recorded_after_they_were_written() -> None:
    """A clock that ran ahead for three files must not make the next ones late for hours."""
    samples = [*written(3, 5 * HOUR), *written(1, -60.0)]
    assert learn_offset(samples, SKEW) == UsualOffset(-60.0, SKEW)


def test_files_of_an_outage_that_come_in_one_rush_show_no_habit() -> None:
    rush = [(-6000.0 + index * 54.0, 1e9 + index * 6.0) for index in range(10)]
    fresh = [(-60.0, 1e9 + 60.0)]
    assert learn_offset([*rush, *fresh], SKEW) == UsualOffset(-60.0, SKEW)


def test_the_order_of_files_does_not_matter() -> None:
    samples = [*written(3, -HOUR), *written(4, -60.0), *written(2, 9 * HOUR)]
    assert learn_offset(samples, SKEW) == learn_offset(samples[::-1], SKEW)


@given(st.lists(st.tuples(st.floats(-1e8, 1e8), st.floats(0, 1e9)), max_size=12))
def test_no_name_is_believed_that_no_zone_explains(samples: list[tuple[float, float]]) -> None:
    usual = learn_offset(samples, SKEW)
    assert usual.latest <= 14 * HOUR + 2 * SKEW
    assert usual.usual <= 14 * HOUR + SKEW
