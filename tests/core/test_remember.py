import secrets

from ftp_stream.core.remember import PERIOD, ROUNDS, Remembered


def counting() -> tuple[Remembered[str], list[str]]:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    return Remembered(make), made


def test_a_result_is_made_once() -> None:
    memory, made = counting()
    assert [memory["a"], memory["b"], memory["a"]] == ["A", "B", "A"]
    assert memory.all(["b", "c", "a"]) == ["B", "C", "A"]
    assert memory.all([]) == []
    assert made == ["a", "b", "c"]


def test_an_empty_answer_is_an_answer() -> None:
    memory, made = counting()
    assert memory.all(["", ""]) == ["", ""]
    assert memory[""] == ""
    assert made.count("") <= 2


def test_what_is_wanted_at_each_turn_is_made_once_however_much_it_is() -> None:
    memory, made = counting()
    prefix = secrets.token_hex(4)
    keys = [f"{prefix}{number}" for number in range(2 * PERIOD)]
    for _ in range(5 * ROUNDS):
        memory.all(keys)
    assert made == keys


def test_what_is_not_wanted_any_more_is_forgotten() -> None:
    """A camera's names of years must not stay."""
    memory, made = counting()
    for turn in range(PERIOD):
        memory.all([f"{turn + ahead}" for ahead in range(10)])
    assert len(made) == PERIOD + 9
    assert len(memory) <= PERIOD / 2
    memory["0"]
    assert made[-1] == "0"


def test_many_small_askers_do_not_make_a_large_one_forget() -> None:
    memory, made = counting()
    large = [f"large {number}" for number in range(PERIOD)]
    for turn in range(3 * ROUNDS):
        memory.all(large)
        for small in range(100):
            memory.all([f"{small} {turn}"])
    assert sum(key.startswith("large") for key in made) == PERIOD
