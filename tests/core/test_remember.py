from ftp_stream.core.remember import Remembered


def test_a_result_is_made_once() -> None:
    made: list[str] = []
    memory = Remembered(lambda key: made.append(key) or key.upper())  # type: ignore[func-returns-value]
    assert [memory["a"], memory["b"], memory["a"]] == ["A", "B", "A"]
    assert made == ["a", "b"]


def test_a_full_memory_is_emptied_and_goes_on() -> None:
    memory = Remembered(str.upper, limit=3)
    assert [memory[key] for key in "abcdabcd"] == list("ABCDABCD")
    assert len(memory) <= 3
