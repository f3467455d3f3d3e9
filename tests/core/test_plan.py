from dataclasses import replace

import pytest
from tests.support.decisions import ONE, SETTINGS, TWO, camera, judge, key, kinds, minute, minutes, stream, verdict_on
from tests.support.inbox import at, fact

from ftp_stream.core.naming import natural_key
from ftp_stream.core.plan import decide, is_segment_name
from ftp_stream.errors import ConfigError
from ftp_stream.model import (
    Action,
    Attempts,
    CameraState,
    Cursor,
    FileFact,
    NewestPolicy,
    OrderKey,
    Plan,
    StreamState,
    Verdict,
    VerdictKind,
)

PROVEN = replace(SETTINGS, newest=NewestPolicy.PROVEN)
DELETED = (Action.DELETE,)


def deleted(plan: Plan) -> list[str]:
    return [verdict.file.path for verdict in plan.verdicts if verdict.action is Action.DELETE]


def taken(plan: Plan, name: str = ONE) -> str | None:
    file = plan.play.get(name)
    return file.path if file else None


# --- the example of the requirements: 10:28 to 10:33, a pause, then 10:31 to 10:45


def test_first_moment_files_come_one_by_one_and_the_one_before_the_newest_plays() -> None:
    files: list[FileFact] = []
    state = camera()
    seen = []
    for file in minutes("10:28", "10:33"):
        files.append(file)
        plan = judge(files, state)
        seen.append(taken(plan))
        assert verdict_on(plan, file).kind is VerdictKind.NEWEST
        before = plan.play.get(ONE)
        if before:
            state = camera(stream(before, complete=True), delivered=[before])
            files = [file]
    assert seen == [None, "10:28.mp4", "10:29.mp4", "10:30.mp4", "10:31.mp4", "10:32.mp4"]


def test_second_moment_all_six_at_once_the_oldest_is_300_seconds_behind_and_skipped() -> None:
    plan = judge(minutes("10:28", "10:33"))
    assert kinds(plan) == {
        "10:28.mp4": VerdictKind.EXPIRED,
        "10:29.mp4": VerdictKind.PLAY,
        "10:30.mp4": VerdictKind.WAIT,
        "10:31.mp4": VerdictKind.WAIT,
        "10:32.mp4": VerdictKind.WAIT,
        "10:33.mp4": VerdictKind.NEWEST,
    }
    assert deleted(plan) == ["10:28.mp4"]


def test_third_moment_in_the_pause_the_newest_is_left_alone_however_long_it_takes() -> None:
    done, newest = minutes("10:32", "10:33")
    for wall in ("10:35", "11:00", "23:00"):
        plan = judge([newest], camera(stream(done, complete=True), delivered=[done]), wall=wall)
        assert kinds(plan) == {"10:33.mp4": VerdictKind.NEWEST}
        assert (plan.play, deleted(plan)) == ({}, [])


def test_fourth_moment_after_the_pause_up_to_1040_is_deleted_and_1041_plays() -> None:
    done = minute("10:32")
    again = minutes("10:31", "10:32", took=600.0)  # uploaded once more in the pause
    files = [*again, *minutes("10:33", "10:45")]
    plan = judge(files, camera(stream(done, complete=True), delivered=[done]))
    assert deleted(plan) == [f"10:{number}.mp4" for number in range(31, 41)]
    assert kinds(plan) == {
        **dict.fromkeys(["10:31.mp4", "10:32.mp4"], VerdictKind.LATE),
        **dict.fromkeys([f"10:{number}.mp4" for number in range(33, 41)], VerdictKind.EXPIRED),
        "10:41.mp4": VerdictKind.PLAY,
        **dict.fromkeys(["10:42.mp4", "10:43.mp4", "10:44.mp4"], VerdictKind.WAIT),
        "10:45.mp4": VerdictKind.NEWEST,
    }
    assert verdict_on(plan, files[9]).reason == ("recorded 10:40, 300 s behind the newest 10:45: limit MAX_LAG=300 s")


def test_1031_to_1045_met_for_the_first_time_is_the_same() -> None:
    plan = judge(minutes("10:31", "10:45"))
    assert deleted(plan) == [f"10:{number}.mp4" for number in range(31, 41)]
    assert taken(plan) == "10:41.mp4"


# --- rule 0: what is no segment


def test_an_empty_inbox_is_no_decision() -> None:
    assert judge([]) == Plan((), {}, {}, (), None, None)


def test_litter_is_ignored_and_stands_last() -> None:
    litter = [fact("z.jpg", "10:40"), fact("_failed/10:30.mp4", "10:40"), fact("10:50.mp4.part", "10:51")]
    files = [*litter, *minutes("10:30", "10:31")]
    plan = judge(files)
    assert [verdict.file.path for verdict in plan.verdicts] == [
        "10:30.mp4",
        "10:31.mp4",
        "10:50.mp4.part",
        "_failed/10:30.mp4",
        "z.jpg",
    ]
    assert {verdict.action for verdict in plan.verdicts[2:]} == {Action.NONE}
    assert all(verdict.reason and verdict.recorded_at is None for verdict in plan.verdicts[2:])
    assert set(plan.keys) == {file.id for file in files[3:]}
    assert plan.newest == at("10:31")


def test_the_archive_inside_the_inbox_is_not_played_again() -> None:
    files = [fact(f"old/{file.path}", file.mtime) for file in minutes("10:30", "10:33")]
    assert taken(judge(files)) is not None
    assert judge(files, settings=replace(SETTINGS, archive="old")).play == {}
    assert is_segment_name("old/10:30.mp4") and not is_segment_name("old/10:30.mp4", "old")  # noqa: PT018 - one rule


# --- in hand and delivered


def test_a_file_in_hand_is_never_touched() -> None:
    """However far behind, however often its inspection failed, whatever lies before it."""
    held, *rest = minutes("10:20", "10:45")
    state = camera(
        stream(hand=[held]),
        attempts={held.id: Attempts(9, at("10:40"), "odd")},
        before=frozenset([held.id]),
        delivered=[held],
    )
    verdict = verdict_on(judge([held, *rest], state), held)
    assert (verdict.kind, verdict.action, verdict.streams) == (VerdictKind.SENDING, Action.NONE, (ONE,))


def test_a_stream_takes_the_next_while_it_has_one_in_hand() -> None:
    files = minutes("10:30", "10:33")
    plan = judge(files, camera(stream(files[0], gop=3, hand=files[:1])))
    assert taken(plan) == "10:31.mp4"
    assert kinds(plan)["10:30.mp4"] is VerdictKind.SENDING


def test_a_confirmed_file_goes_once_every_stream_has_confirmed_it() -> None:
    files = minutes("10:30", "10:32")
    first = files[0]
    both = camera(stream(first, complete=True), stream(first, complete=True), delivered=[first])
    assert verdict_on(judge(files, both), first).action is Action.NONE
    both = replace(both, delivered={ONE: frozenset([first.id]), TWO: frozenset([first.id])})
    verdict = verdict_on(judge(files, both), first)
    assert (verdict.kind, verdict.action) == (VerdictKind.DELIVERED, Action.DELETE)


def test_a_confirmed_file_stays_until_the_journal_says_so() -> None:
    """A cursor is known at once, a delivery once it is on disk: before, a crash would lose the tail."""
    files = minutes("10:30", "10:32")
    verdict = verdict_on(judge(files, camera(stream(files[0], complete=True))), files[0])
    assert (verdict.kind, verdict.action, verdict.streams) == (VerdictKind.SENDING, Action.NONE, (ONE,))


def test_a_file_that_one_stream_confirmed_and_another_passed_is_done() -> None:
    files = minutes("10:30", "10:33")
    state = camera(stream(files[0], complete=True), stream(files[1]), delivered=files[:1])
    verdict = verdict_on(judge(files, state), files[0])
    assert (verdict.kind, verdict.action) == (VerdictKind.DELIVERED, Action.DELETE)
    assert ONE in verdict.reason
    assert TWO in verdict.reason


def test_a_file_that_repeats_others_goes_with_the_reason_once_every_stream_has_passed_it() -> None:
    """A file is not said to be delivered when nothing of it was sent."""
    files = minutes("10:30", "10:33")
    again = files[1]
    reason = f"its content is that of {files[0].path}, which was played"
    begun = stream(files[2], hand=[files[2]])
    state = camera(begun, begun, repeated={again.id: reason})
    passed = judge(files, replace(state, delivered={ONE: frozenset([again.id]), TWO: frozenset([again.id])}))
    verdict = verdict_on(passed, again)
    assert (verdict.kind, verdict.action, verdict.reason) == (VerdictKind.REPEATED, Action.DELETE, reason)


def test_a_file_that_repeats_others_stays_while_a_stream_has_still_to_pass_it() -> None:
    files = minutes("10:30", "10:33")
    again = files[1]
    reason = f"its content is that of {files[0].path}, which was played"
    one = stream(files[2], hand=[files[2]])
    for two in (stream(files[0], complete=True), stream(files[0], hand=files[:1]), stream(again, hand=[again])):
        delivered = {ONE: frozenset([again.id]), TWO: frozenset([files[0].id])}
        state = replace(camera(one, two, repeated={again.id: reason}), delivered=delivered)
        assert verdict_on(judge(files, state), again).action is Action.NONE
    closing = replace(stream(again, complete=True), closing=frozenset([again.id]))
    state = replace(camera(one, closing, repeated={again.id: reason}), delivered={ONE: frozenset([again.id])})
    verdict = verdict_on(judge(files, state), again)
    assert (verdict.kind, verdict.action) == (VerdictKind.SENDING, Action.NONE)


def test_a_file_that_repeats_others_is_taken_in_its_turn() -> None:
    """The stream passes it by itself, once all before it is confirmed."""
    files = minutes("10:30", "10:32")
    state = camera(stream(files[0], complete=True), delivered=files[:1], repeated={files[1].id: "it repeats another"})
    assert taken(judge(files, state)) == files[1].path


def test_which_names_are_believed_is_told() -> None:
    files = minutes("10:30", "10:32")
    assert judge(files).named == {file.id for file in files}
    assert judge([*files, fact("holiday.mp4", "10:31")]).named == frozenset()


def test_each_streams_lag_is_measured_to_the_last_file_that_it_has_to_deliver() -> None:
    files = minutes("10:30", "10:33")
    state = camera(stream(files[3], complete=True), stream(), delivered=[files[3]])
    plan = judge(files, state)
    assert plan.fronts == {ONE: at("10:32"), TWO: at("10:33")}
    assert plan.newest == at("10:33")
    assert judge([]).fronts == {}


def test_a_file_that_one_stream_still_needs_stays() -> None:
    files = minutes("10:30", "10:33")
    state = camera(stream(files[2], hand=files[2:3]), stream(), delivered=files[:2])
    plan = judge(files, state)
    assert kinds(plan)["10:30.mp4"] is VerdictKind.PLAY
    assert plan.play == {TWO: files[0]}
    assert deleted(plan) == []


def test_streams_go_each_their_own_way() -> None:
    files = minutes("10:30", "10:34")
    plan = judge(files, camera(stream(files[2], hand=[files[2]]), stream(files[0], hand=[files[0]])))
    assert plan.play == {ONE: files[3], TWO: files[1]}
    assert verdict_on(plan, files[1]).streams == (TWO,)
    assert verdict_on(plan, files[3]).streams == (ONE,)


def test_a_stream_takes_a_file_that_another_has_in_hand() -> None:
    files = minutes("10:30", "10:33")
    plan = judge(files, camera(stream(hand=[files[0]]), stream()))
    assert plan.play == {ONE: files[1], TWO: files[0]}
    assert kinds(plan)["10:30.mp4"] is VerdictKind.SENDING


def test_two_streams_that_take_one_file_are_both_named() -> None:
    files = minutes("10:30", "10:31")
    verdict = verdict_on(judge(files, camera(stream(), stream())), files[0])
    assert verdict.streams == tuple(sorted([ONE, TWO]))


def test_without_a_stream_nothing_is_touched() -> None:
    plan = judge(minutes("10:20", "10:45"), CameraState({}))
    assert set(kinds(plan).values()) == {VerdictKind.WAIT}
    assert {verdict.action for verdict in plan.verdicts} == {Action.NONE}


# --- where a stream goes on


def test_a_stream_resumes_the_segment_that_it_had_begun() -> None:
    files = minutes("10:30", "10:33")
    assert taken(judge(files, camera(stream(files[1], gop=2)))) == "10:31.mp4"


@pytest.mark.parametrize("closing", [1, 2])
def test_it_resumes_while_the_journal_does_not_know_yet_that_the_ones_before_are_delivered(closing: int) -> None:
    """They stay, and the segment that was begun is taken up again: nothing of it was confirmed as late."""
    files = minutes("10:30", "10:34")
    known = replace(stream(files[closing], gop=0), closing=frozenset(file.id for file in files[:closing]))
    plan = judge(files, camera(known))
    assert taken(plan) == files[closing].path
    for file in files[:closing]:
        verdict = verdict_on(plan, file)
        assert (verdict.kind, verdict.action) == (VerdictKind.SENDING, Action.NONE)
    assert not plan.step_back


def test_it_resumes_though_the_segment_is_the_newest_by_now() -> None:
    """It was whole when it was begun, and has not changed since."""
    (file,) = minutes("10:30", "10:30")
    assert taken(judge([file], camera(stream(file, gop=2)))) == file.path


def test_a_segment_that_was_written_anew_is_not_resumed() -> None:
    files = minutes("10:30", "10:33")
    plan = judge(files, camera(stream(minute("10:31", size=5), gop=2)))
    assert taken(plan) == "10:32.mp4"
    assert kinds(plan)["10:31.mp4"] is VerdictKind.LATE


def test_a_segment_that_is_gone_is_not_waited_for() -> None:
    files = minutes("10:30", "10:33")
    plan = judge(files[2:], camera(stream(files[1], gop=2)))
    assert taken(plan) == "10:32.mp4"


def test_a_segment_too_far_behind_is_not_resumed() -> None:
    files = minutes("10:30", "10:36")
    plan = judge(files, camera(stream(files[1], gop=2)))
    assert kinds(plan)["10:31.mp4"] is VerdictKind.EXPIRED
    assert taken(plan) == "10:32.mp4"


@pytest.mark.parametrize("length", [240, 300, 600, 3600])
def test_a_camera_of_long_files_plays_though_each_is_max_lag_behind_when_the_next_begins(length: int) -> None:
    begin = at("10:00")
    files = [minute(begin + length * index, took=length + 1) for index in range(3)]
    plan = judge(files[1:])
    assert verdict_on(plan, files[1]).kind is VerdictKind.PLAY


def test_a_file_before_the_newest_that_ended_long_ago_is_passed_over() -> None:
    files = [minute("10:00"), minute("10:45")]
    assert verdict_on(judge(files), files[0]).kind is VerdictKind.EXPIRED


def test_a_segment_whose_inspection_fails_now_is_passed() -> None:
    files = minutes("10:30", "10:33")
    attempts = {files[1].id: Attempts(1, at("10:35"), "odd")}
    plan = judge(files, camera(stream(files[1], gop=2), attempts=attempts), wall="10:35:01")
    assert kinds(plan)["10:31.mp4"] is VerdictKind.RETRY
    assert taken(plan) == "10:32.mp4"


def test_what_was_taken_last_is_the_floor_though_nothing_of_it_is_confirmed() -> None:
    files = minutes("10:30", "10:34")
    plan = judge(files, camera(stream(files[0], gop=1, hand=files[:3])))
    assert taken(plan) == "10:33.mp4"


def test_a_head_whose_file_is_gone_is_still_the_floor() -> None:
    files = minutes("10:30", "10:34")
    gone = minute("10:32", size=9)
    state = camera(StreamState(None, key(gone), frozenset([gone.id])))
    assert taken(judge(files, state)) == "10:33.mp4"


def test_the_floor_moves_with_the_files_when_names_lose_their_meaning() -> None:
    """A foreign file turns all to times of writing; no file may become late by that, and none play twice."""
    files = minutes("10:30", "10:33")
    state = camera(stream(files[1], complete=True), delivered=files[:2])
    assert taken(judge(files[2:], state)) == "10:32.mp4"
    plan = judge([*files[2:], fact("holiday.mp4", "10:20")], state)
    assert taken(plan) == "10:32.mp4"
    assert plan.warnings


# --- rule 2: late

PAST = camera(stream(minute("10:31"), complete=True), delivered=[minute("10:31")])


def test_a_late_file_stays_while_nothing_proves_it_late() -> None:
    plan = judge([minute("10:30")], PAST)
    assert (kinds(plan), deleted(plan)) == ({"10:30.mp4": VerdictKind.LATE}, [])
    assert plan.late_since is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_late_files_go_once_a_newer_one_than_the_cursor_is_there(count: int) -> None:
    late = minutes("10:20", "10:31")[-count:]
    plan = judge([*late, minute("10:32")], PAST)
    assert deleted(plan) == [file.path for file in late]
    assert {verdict_on(plan, file).kind for file in late} == {VerdictKind.LATE}
    assert (plan.late_since, plan.step_back) == (None, frozenset())


def test_a_late_file_waits_for_a_newer_one_that_came_after_it() -> None:
    """The newest lies there always; only what comes after the late one shows which way the clock goes."""
    newest, late = minute("10:32"), fact("10:30.mp4", "10:34")
    assert deleted(judge([newest, late], PAST)) == []
    assert deleted(judge([newest, late, minute("10:33")], PAST)) == ["10:30.mp4"]
    assert deleted(judge([newest, fact("10:30.mp4", newest.mtime)], PAST)) == ["10:30.mp4"]


def test_a_late_file_that_is_still_uploaded_stays() -> None:
    files = [fact("10:30.mp4", "10:40"), minute("10:39")]
    files.append(fact("10:41.mp4", "10:40:01"))
    assert deleted(judge(files, PAST, wall="10:40:29.9")) == []
    assert judge(files, PAST, wall="10:40:29").wake_at == at("10:40:30")
    assert deleted(judge(files, PAST, wall="10:40:30")) == ["10:30.mp4"]


def test_before_the_first_segment_nothing_is_late() -> None:
    assert VerdictKind.LATE not in kinds(judge(minutes("10:20", "10:31"))).values()


def test_a_file_is_late_only_when_every_stream_has_passed_it() -> None:
    files = minutes("10:30", "10:33")
    plan = judge(files, camera(stream(files[2], hand=files[2:3]), stream(files[0], hand=files[:1])))
    assert kinds(plan)["10:31.mp4"] is VerdictKind.PLAY
    plan = judge(files, camera(stream(files[2], hand=files[2:3]), stream(files[2], hand=files[2:3])))
    assert kinds(plan)["10:31.mp4"] is VerdictKind.LATE


def test_a_late_file_that_lay_here_before_is_set_aside() -> None:
    files = minutes("10:30", "10:32")
    plan = judge(files, replace(PAST, before=frozenset([files[0].id])))
    assert [verdict_on(plan, file).action for file in files[:2]] == [Action.SET_ASIDE, Action.DELETE]
    assert "_before/" in verdict_on(plan, files[0]).reason


# --- rule 2: the camera's clock stepped back

RESET = [fact(f"20000101_00{number:02}00.mp4", at("10:40") + 60 * number) for number in range(9)]
BEFORE_RESET = fact("20260205_103100.mp4", "10:32")
THEN = camera(stream(BEFORE_RESET, complete=True), delivered=[BEFORE_RESET])


def test_one_late_file_is_no_step() -> None:
    plan = judge(RESET[:1], replace(THEN, late_since=at("09:00")), wall="11:00")
    assert (plan.step_back, plan.late_since, plan.wake_at) == (frozenset(), None, None)


@pytest.mark.parametrize("count", [2, 3, 9])
def test_when_only_late_files_come_for_as_long_as_the_longest_lag_the_clock_stepped_back(count: int) -> None:
    files = RESET[:count]
    first = judge(files, THEN, wall="11:00")
    assert (first.step_back, first.late_since, first.wake_at) == (frozenset(), at("11:00"), at("11:05"))
    state = replace(THEN, late_since=first.late_since)
    assert judge(files, state, wall="11:04:59").step_back == frozenset()
    plan = judge(files, state, wall="11:05:00")
    assert plan.step_back == {ONE}
    assert deleted(plan) == []
    assert "stepped back" in plan.warnings[0]
    after = judge(files, replace(state, streams={ONE: stream()}, late_since=plan.late_since), wall="11:05:00")
    assert taken(after) == files[max(0, count - 5)].path
    assert (after.late_since, after.step_back) == (None, frozenset())


def test_without_a_longest_lag_five_minutes_count() -> None:
    never = replace(SETTINGS, max_lag=None)
    state = replace(THEN, late_since=at("11:00"))
    assert judge(RESET[:2], state, wall="11:04:59", settings=never).step_back == frozenset()
    assert judge(RESET[:2], state, wall="11:05:00", settings=never).step_back == {ONE}


def test_a_new_stream_is_not_led_astray_by_a_file_of_before_the_step() -> None:
    """To it nothing is late; but what came after a file that is years ahead is not too far behind it."""
    last = fact("20260205_103200.mp4", "10:33")
    state = camera(late_since=at("10:41"))
    plan = judge([last, *RESET[:3]], state, wall="10:45:59")
    assert {kinds(plan)[file.path] for file in RESET[:3]} == {VerdictKind.EXPIRED}
    assert (deleted(plan), plan.play, plan.late_since) == ([], {}, at("10:41"))
    plan = judge([last, *RESET[:3]], state, wall="10:46")
    assert (deleted(plan), taken(plan), plan.step_back) == ([], last.path, frozenset())
    state = camera(stream(last, complete=True), delivered=[last], late_since=at("10:41"))
    assert judge(RESET[:3], state, wall="10:47").step_back == {ONE}


def test_without_a_longest_lag_a_new_stream_keeps_nobody_from_stepping_back() -> None:
    """For it, all are in order; the old stream shows that the newest is not written any more."""
    never = replace(SETTINGS, max_lag=None)
    last = fact("20260205_103200.mp4", "10:33")
    old = stream(BEFORE_RESET, complete=True)
    state = replace(camera(old, stream(), delivered=[BEFORE_RESET]), late_since=at("10:41"))
    early = judge([last, *RESET[:3]], state, wall="10:45:59", settings=never)
    assert early.play == {TWO: RESET[0]}
    assert kinds(early)[last.path] is VerdictKind.NEWEST
    plan = judge([last, *RESET[:3]], state, wall="10:46", settings=never)
    assert plan.play == {ONE: last, TWO: RESET[0]}


def test_a_step_of_minutes_is_a_step() -> None:
    """The late ones are not too far behind the newest, only behind what was begun."""
    newest, done = minute("10:33"), minute("10:32")
    late = [fact("10:30.mp4", "10:35"), fact("10:31.mp4", "10:36")]
    state = camera(stream(done, complete=True), delivered=[done], late_since=at("10:36"))
    plan = judge([newest, *late], state, wall="10:40:59")
    assert (plan.play, plan.late_since, deleted(plan)) == ({}, at("10:36"), [])
    assert judge([newest, *late], state, wall="10:41").play == {ONE: newest}


def test_a_stream_that_meets_the_files_in_order_does_not_take_the_newest() -> None:
    """Though for another stream the clock stepped back."""
    state = replace(camera(stream(BEFORE_RESET, complete=True), stream()), late_since=at("10:41"))
    state = replace(state, delivered={ONE: frozenset([BEFORE_RESET.id])})
    plan = judge(RESET[:2], state, wall="10:50")
    assert plan.step_back == {ONE}
    assert plan.play == {TWO: RESET[0]}
    assert kinds(plan)[RESET[1].path] is VerdictKind.NEWEST


def test_what_is_late_for_all_goes_only_when_all_know_it() -> None:
    """A clip that one stream passed and the other waits for proves nothing to the first."""
    done, after = minute("10:30"), minute("10:33")
    state = camera(stream(after, complete=True), stream(done, complete=True))
    state = replace(state, delivered={ONE: frozenset([after.id]), TWO: frozenset([done.id])})
    late, between = fact("10:29.mp4", "10:40"), fact("10:31.mp4", "10:41")
    plan = judge([late, between, after], state)
    assert plan.play == {TWO: between}
    assert verdict_on(plan, late).action is Action.NONE


def test_a_newer_file_ends_the_doubt() -> None:
    newer = fact("20260205_110000.mp4", "11:01")
    plan = judge([*RESET, newer], replace(THEN, late_since=at("10:50")), wall="11:02")
    assert (plan.step_back, plan.late_since) == (frozenset(), None)
    assert deleted(plan) == [file.path for file in RESET]


def test_the_newest_of_before_the_step_plays_first_since_it_is_not_written_any_more() -> None:
    """Else it would be the newest for ever, and all that comes after it would count as late."""
    last = fact("20260205_103200.mp4", "10:33")
    files = [last, *RESET[:3]]
    doubt = judge(files, replace(THEN, late_since=at("10:41")), wall="10:45:59")
    assert kinds(doubt)[last.path] is VerdictKind.NEWEST
    assert deleted(doubt) == []
    plan = judge(files, replace(THEN, late_since=at("10:41")), wall="10:46")
    assert (taken(plan), plan.step_back, deleted(plan)) == (last.path, frozenset(), [])
    state = camera(stream(last, gop=1, hand=[last]), late_since=at("10:41"))
    plan = judge(files, state, wall="10:47")
    assert (plan.play, plan.step_back, plan.late_since) == ({}, frozenset(), at("10:41"))
    state = camera(stream(last, complete=True), delivered=[last], late_since=at("10:41"))
    plan = judge(files, state, wall="10:47")
    assert plan.step_back == {ONE}


def test_a_stream_that_has_something_to_send_does_not_step_back() -> None:
    """Its cursor would be written again with the next confirmation."""
    state = camera(stream(BEFORE_RESET, gop=1), late_since=at("10:50"))
    plan = judge([BEFORE_RESET, *RESET], state, wall="11:00")
    assert (taken(plan), plan.step_back) == (BEFORE_RESET.path, frozenset())


def test_each_stream_steps_back_when_it_is_through() -> None:
    held = camera(stream(BEFORE_RESET, gop=1, hand=[BEFORE_RESET]), stream(BEFORE_RESET, complete=True))
    state = replace(held, delivered={TWO: frozenset([BEFORE_RESET.id])}, late_since=at("10:50"))
    assert judge([BEFORE_RESET, *RESET], state, wall="11:00").step_back == {TWO}


def test_a_stream_that_stepped_back_does_not_lag_behind_what_another_has_still_to_deliver() -> None:
    """It would skip all that the camera records from then on."""
    state = camera(stream(), stream(BEFORE_RESET, gop=1, hand=[BEFORE_RESET]), delivered=[BEFORE_RESET])
    plan = judge([BEFORE_RESET, *RESET], state, wall="11:00")
    times = {file: key.recorded_at for file, key in plan.keys.items()}
    assert plan.newest == plan.fronts[TWO] == times[BEFORE_RESET.id]
    assert plan.fronts[ONE] == times[RESET[-1].id] < times[BEFORE_RESET.id]


def test_files_that_failed_do_not_count_as_coming_late() -> None:
    files = [fact("20260205_103000.mp4", "10:33"), fact("20260205_102900.mp4", "10:33")]
    attempts = {file.id: Attempts(1, at("10:34"), "odd") for file in files}
    plan = judge(files, replace(THEN, attempts=attempts, late_since=at("10:00")), wall="10:50")
    assert (plan.step_back, plan.late_since) == (frozenset(), None)


def test_a_clock_of_this_machine_that_went_back_shortens_no_patience() -> None:
    plan = judge(RESET, replace(THEN, late_since=at("12:00")), wall="11:00")
    assert (plan.step_back, plan.late_since, plan.wake_at) == (frozenset(), at("11:00"), at("11:05"))


# --- rule 3: the newest


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_newest_is_not_taken_while_it_is_the_newest(count: int) -> None:
    files = minutes("10:30", "10:34")[:count]
    plan = judge(files, wall="20:00")
    assert verdict_on(plan, files[-1]).kind is VerdictKind.NEWEST
    assert taken(plan) == (files[0].path if count > 1 else None)


def test_a_newest_that_is_proven_whole_is_taken_where_the_setting_says_so() -> None:
    (file,) = minutes("10:30", "10:30")
    proven = camera(proven=frozenset([file.id]))
    assert taken(judge([file], proven)) is None
    assert taken(judge([file], settings=PROVEN)) is None
    assert taken(judge([file], proven, settings=PROVEN)) == file.path


def test_a_proven_newest_is_still_young() -> None:
    (file,) = minutes("10:30", "10:30")
    plan = judge([file], camera(proven=frozenset([file.id])), wall=file.mtime + 29, settings=PROVEN)
    assert kinds(plan) == {file.path: VerdictKind.YOUNG}


def test_the_newest_is_prepared_to_be_proven_once_it_has_been_still_for_a_moment() -> None:
    files = minutes("10:30", "10:31")
    early = judge(files, wall=files[1].mtime + 1.9, settings=PROVEN)
    assert files[1] not in early.prepare
    assert early.wake_at == files[1].mtime + 2
    assert judge(files, wall=files[1].mtime + 2, settings=PROVEN).prepare[-1] == files[1]
    assert files[1] not in judge(files).prepare


def test_a_newest_that_failed_is_not_prepared_again_and_again() -> None:
    (file,) = minutes("10:30", "10:30")
    for attempts in (Attempts(1, at("10:32"), "odd"), Attempts(3, at("09:00"), "odd")):
        plan = judge([file], camera(attempts={file.id: attempts}), wall="10:33", settings=PROVEN)
        assert (plan.prepare, kinds(plan)) == ((), {file.path: VerdictKind.NEWEST})
    again = judge([file], camera(attempts={file.id: Attempts(1, at("10:32"), "odd")}), wall="10:37", settings=PROVEN)
    assert again.prepare == (file,)


# --- rule 4: young


@pytest.mark.parametrize(("age", "young"), [(0.0, True), (29.9, True), (30.0, False), (31.0, False)])
def test_a_file_that_changed_a_moment_ago_waits(age: float, young: bool) -> None:  # noqa: FBT001
    file, newest = fact("10:30.mp4", "10:40"), fact("10:31.mp4", "10:40")
    plan = judge([file, newest], wall=at("10:40") + age)
    assert (kinds(plan)["10:30.mp4"] is VerdictKind.YOUNG) is young
    assert (taken(plan) is None) is young
    assert plan.wake_at == (at("10:40:30") if young else None)


def test_youth_can_be_turned_off() -> None:
    file, newest = fact("10:30.mp4", "10:40"), fact("10:31.mp4", "10:40")
    assert taken(judge([file, newest], wall="10:40", settings=replace(SETTINGS, min_file_age=0))) == "10:30.mp4"


def test_a_young_file_blocks_nobody() -> None:
    files = [fact("10:30.mp4", "10:40"), *minutes("10:31", "10:33")]
    assert taken(judge(files, wall="10:40:10")) == "10:31.mp4"


def test_a_time_of_writing_in_the_future_does_not_block_for_ever() -> None:
    """The share's clock may be ahead a little; by more it says nothing."""
    newest = minute("10:40")
    near, far = fact("10:38.mp4", at("10:50")), fact("10:39.mp4", at("10:50:01"))
    plan = judge([near, far, newest], wall="10:40")
    assert kinds(plan) == {
        "10:38.mp4": VerdictKind.YOUNG,
        "10:39.mp4": VerdictKind.PLAY,
        "10:40.mp4": VerdictKind.NEWEST,
    }


def test_a_stream_whose_segment_was_written_in_the_future_goes_on_after_it_and_not_to_it() -> None:
    """Its key is kept as it was: dated today, it would be as late as the latest file, and all others before it."""
    future = fact("x.mp4", "2036-01-01 00:00")
    cursor = Cursor(OrderKey(at("10:31:30"), natural_key("x.mp4")), future.path, future.id, 3, complete=True)
    files = [future, fact("a.mp4", "10:31"), fact("b.mp4", "10:32"), fact("c.mp4", "10:33")]
    plan = judge(files, camera(StreamState(cursor)), wall="10:40")
    assert taken(plan) == "b.mp4"
    assert kinds(plan) == {
        "a.mp4": VerdictKind.LATE,
        "b.mp4": VerdictKind.PLAY,
        "c.mp4": VerdictKind.WAIT,
        "x.mp4": VerdictKind.SENDING,
    }


def test_a_clip_with_a_mark_of_recording_beside_it_waits() -> None:
    clip, newest, mark = fact("10:30.avi", "10:31"), fact("10:33.avi", "10:34"), fact("10:30.avi_idx", "10:30")
    plan = judge([clip, newest, mark], wall="10:40")
    assert kinds(plan)["10:30.avi"] is VerdictKind.YOUNG
    assert mark.path in verdict_on(plan, clip).reason
    assert taken(judge([clip, newest], wall="10:40")) == "10:30.avi"
    assert plan.wake_at == at("11:31")
    assert taken(judge([clip, newest, mark], wall="11:31")) == "10:30.avi"  # a leftover


# --- rule 5: expired


@pytest.mark.parametrize(("behind", "expired"), [(0, False), (1, False), (299, False), (300, True), (301, True)])
def test_a_file_too_far_behind_the_newest_is_skipped_and_deleted(behind: int, expired: bool) -> None:  # noqa: FBT001
    newest = f"10_{30 + behind // 60}_{behind % 60:02}.mp4"
    files = [fact("10-30-00.mp4", "10:31"), fact(newest, at("10:31") + behind)]
    verdict = verdict_on(judge(files), files[0])
    assert (verdict.kind is VerdictKind.EXPIRED) is expired
    assert verdict.action is (Action.DELETE if expired else Action.NONE)


def test_a_file_that_came_after_all_newer_ones_is_skipped_and_stays_until_one_more_comes() -> None:
    """As a late one: a camera whose clock was reset must not lose all that it records from then on."""
    files = [*minutes("10:41", "10:45"), fact("10:31.mp4", "10:47")]
    plan = judge(files)
    assert (kinds(plan)["10:31.mp4"], deleted(plan), taken(plan)) == (VerdictKind.EXPIRED, [], "10:41.mp4")
    assert deleted(judge([*files, minute("10:46")])) == ["10:31.mp4", "10:41.mp4"]


def test_files_that_were_all_written_in_one_instant_are_skipped_and_deleted() -> None:
    """A copy, or a file system that counts in seconds."""
    files = [fact(file.path, "10:50") for file in minutes("10:39", "10:45")]
    assert deleted(judge(files)) == ["10:39.mp4", "10:40.mp4"]


def test_the_newest_is_never_behind_itself() -> None:
    (file,) = minutes("10:30", "10:30")
    none = replace(PROVEN, max_lag=0.0)
    assert taken(judge([file], camera(proven=frozenset([file.id])), settings=none)) == file.path


def test_lag_is_measured_against_the_newest_file_not_against_the_clock() -> None:
    plan = judge(minutes("10:30", "10:34"), wall="2026-02-09 10:00")
    assert (deleted(plan), taken(plan)) == ([], "10:30.mp4")


def test_without_a_longest_lag_nothing_is_skipped() -> None:
    plan = judge(minutes("08:00", "10:34"), settings=replace(SETTINGS, max_lag=None))
    assert (deleted(plan), taken(plan)) == ([], "08:00.mp4")


def test_what_lay_here_before_the_service_came_is_set_aside() -> None:
    films = minutes("10:00", "10:09")
    plan = judge(films, camera(before=frozenset(file.id for file in films[:3])))
    aside = [verdict.file for verdict in plan.verdicts if verdict.action is Action.SET_ASIDE]
    assert aside == films[:3]
    assert deleted(plan) == [file.path for file in films[3:5]]
    assert "_before/" in verdict_on(plan, films[0]).reason


def test_one_file_dated_2036_expires_nothing() -> None:
    wrong = fact("20360101_000000.mp4", "10:33:30")
    files = [fact(f"20260205_10{number}00.mp4", at(f"10:{number + 1}:01")) for number in range(29, 34)]
    plan = judge([*files, wrong])
    assert deleted(plan) == []
    assert taken(plan) == files[0].path
    assert wrong.path in plan.warnings[0]


def test_a_cursor_in_a_file_dated_ahead_outlaws_nothing() -> None:
    """It was alone, so it was believed; once another file shows what is usual, it is not."""
    ahead = fact("20260205_150000.mp4", "10:31:01")
    state = camera(stream(ahead, complete=True), delivered=[ahead])
    files = [fact(f"20260205_10{number}00.mp4", at(f"10:{number + 1}:01")) for number in range(31, 34)]
    assert taken(judge(files, state)) == files[0].path


# --- rule 6: failed


def failing(count: int, last: float | str = "10:40") -> tuple[list[FileFact], CameraState]:
    files = minutes("10:30", "10:33")
    moment = at(last) if isinstance(last, str) else last
    return files, camera(attempts={files[0].id: Attempts(count, moment, "no key frame")})


@pytest.mark.parametrize(
    ("count", "kind"),
    [(1, VerdictKind.RETRY), (2, VerdictKind.RETRY), (3, VerdictKind.FAILED), (4, VerdictKind.FAILED)],
)
def test_a_file_whose_inspection_fails_is_tried_again_and_then_put_away(count: int, kind: VerdictKind) -> None:
    files, state = failing(count)
    plan = judge(files, state, wall="10:41")
    verdict = verdict_on(plan, files[0])
    assert verdict.kind is kind
    assert verdict.action is (Action.QUARANTINE if kind is VerdictKind.FAILED else Action.NONE)
    assert "no key frame" in verdict.reason
    assert taken(plan) == "10:31.mp4"


@pytest.mark.parametrize(("after", "waits"), [(0.0, True), (299.9, True), (300.0, False), (301.0, False)])
def test_between_two_tries_lies_the_retry_delay(after: float, waits: bool) -> None:  # noqa: FBT001
    files, state = failing(1)
    plan = judge(files, state, wall=at("10:40") + after)
    assert (verdict_on(plan, files[0]).kind is VerdictKind.RETRY) is waits
    assert plan.wake_at == (at("10:45") if waits else None)
    assert (plan.prepare[0] == files[0]) is not waits


def test_no_tries_at_all_is_a_failure_at_the_first() -> None:
    files, state = failing(1)
    plan = judge(files, state, settings=replace(SETTINGS, max_retries=1))
    assert kinds(plan)[files[0].path] is VerdictKind.FAILED


def test_a_failure_in_the_future_does_not_block_for_ever() -> None:
    files, state = failing(1, "2036-01-01 00:00")
    assert taken(judge(files, state, wall="10:41")) == files[0].path


def test_another_version_of_a_file_that_failed_is_a_new_file() -> None:
    files, state = failing(3)
    again = minute("10:30", size=2000)
    assert taken(judge([again, *files[1:]], state)) == again.path


def test_a_file_that_failed_for_good_is_put_away_though_the_cursor_has_not_passed_it() -> None:
    files, state = failing(3)
    assert verdict_on(judge(files, state), files[0]).action is Action.QUARANTINE


def test_a_file_that_failed_and_was_passed_is_tried_to_the_end() -> None:
    """Behind the cursor, only what turns out to be good is late: then nothing more is known against it."""
    files, _ = failing(1)
    passed = camera(stream(files[1], hand=[files[1]]))

    def tried(count: int, wall: str) -> Plan:
        return judge(files, replace(passed, attempts={files[0].id: Attempts(count, at("10:40"), "odd")}), wall=wall)

    early, due, last = tried(1, "10:44:59"), tried(1, "10:45"), tried(3, "10:45")
    assert [verdict_on(plan, files[0]).kind for plan in (early, due, last)] == [
        VerdictKind.RETRY,
        VerdictKind.RETRY,
        VerdictKind.FAILED,
    ]
    assert early.wake_at == at("10:45")
    assert [files[0] in plan.prepare for plan in (early, due, last)] == [False, True, False]
    assert verdict_on(last, files[0]).action is Action.QUARANTINE
    assert kinds(judge(files, passed))["10:30.mp4"] is VerdictKind.LATE


def test_a_file_that_failed_and_was_passed_is_not_put_away_while_it_may_be_written() -> None:
    files, _ = failing(1)
    files[0] = fact(files[0].path, "10:39:45")
    state = camera(stream(files[1], hand=[files[1]]), attempts={files[0].id: Attempts(3, at("10:39:50"), "odd")})
    verdict = verdict_on(judge(files, state, wall="10:40"), files[0])
    assert (verdict.kind, verdict.action) == (VerdictKind.YOUNG, Action.NONE)


# --- what to prepare


def test_what_plays_is_prepared_first_then_two_of_what_follows() -> None:
    files = minutes("10:30", "10:34")
    assert list(judge(files).prepare) == files[:3]


def test_two_streams_prepare_each_file_once() -> None:
    files = minutes("10:30", "10:35")
    settings = replace(SETTINGS, max_lag=None)
    plan = judge(files, camera(stream(), stream(files[0], hand=[files[0]])), settings=settings)
    assert plan.play == {ONE: files[0], TWO: files[1]}
    assert list(plan.prepare) == files[:4]


def test_young_and_failing_files_are_not_prepared() -> None:
    files = minutes("10:30", "10:34")
    files[1] = fact(files[1].path, "10:39:55")
    attempts = {files[2].id: Attempts(1, at("10:39"), "odd")}
    assert list(judge(files, camera(attempts=attempts), wall="10:40").prepare) == [files[0], files[3]]


# --- the whole


def test_verdicts_stand_in_the_order_of_play() -> None:
    files = minutes("10:30", "10:34")
    plan = judge(files[::-1])
    assert [verdict.file for verdict in plan.verdicts] == files
    assert [verdict.recorded_at for verdict in plan.verdicts] == [at(f"10:{number}") for number in range(30, 35)]
    assert all(verdict.reason for verdict in plan.verdicts)


def test_an_unknown_zone_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError):
        decide([minute("10:30")], camera(), at("10:40"), replace(SETTINGS, timezone="Nowhere"))


def test_reasons_say_what_a_technician_needs() -> None:
    files = minutes("10:30", "10:34")
    plan = judge([*files, fact("10:29.mp4", at("10:29") + 400)], camera(stream(files[0], hand=files[:1])))
    reasons = {verdict.file.path: verdict.reason for verdict in plan.verdicts}
    assert reasons == {
        "10:29.mp4": "recorded 10:29, not later than what every stream has begun; kept until a newer file comes after"
        " it, which proves that the camera's clock did not step back",
        "10:30.mp4": f"recorded 10:30: in hand of {ONE}",
        "10:31.mp4": f"recorded 10:31: the next of {ONE}",
        "10:32.mp4": "its turn comes",
        "10:33.mp4": "its turn comes",
        "10:34.mp4": "the newest file: the camera may still be writing it (NEWEST=never)",
    }
    assert isinstance(plan.verdicts[0], Verdict)
