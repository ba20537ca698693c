"""The table of utterances is read strictly, and each fault is named by line, field and rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import DataInvalid
from assay.sources.audio import utterances
from assay.sources.audio.utterances import LONGEST_UTTERANCE, Utterance, check_within, read

HEADER = "file,utterance,start_s,end_s\n"
FILES = {"a.wav", "day 1/b.flac"}


def table(text: str, place: Path) -> dict[str, list[Utterance]]:
    """The table, read."""
    (place / "t.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    return read(place / "t.csv", "t.csv", FILES)


def test_utterances_come_by_file_in_the_order_of_time(tmp_path: Path) -> None:
    lines = 'a.wav,two,1.5,2\r\n"day 1/b.flac", one ,0,0.25\r\n\r\na.wav,"one, again",0.5,1\r\n'
    assert table("\ufeff" + HEADER.replace("\n", "\r\n") + lines, tmp_path) == {
        "a.wav": [Utterance(0.5, 1.0, "one, again", 5), Utterance(1.5, 2.0, "two", 2)],
        "day 1/b.flac": [Utterance(0.0, 0.25, "one", 3)],
    }


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    assert table("end_s,start_s,utterance,file\n2,1,x,a.wav\n", tmp_path) == {"a.wav": [Utterance(1, 2, "x", 2)]}


def test_a_table_without_lines_says_nothing(tmp_path: Path) -> None:
    assert table(HEADER, tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,utterance,start_s\na.wav,x,1\n", "line 1: the column 'end_s' is missing"),
        ("file,utterance,start_s,end_s,who\na.wav,x,1,2,me\n", "line 1: the column 'who' is unknown; there are file"),
        ("file,file,start_s,end_s\n", "two columns are named 'file'"),
        ("", "the header is missing"),
        (HEADER + "a.wav,x,1\n", "line 2 has 3"),
        (HEADER + "a.wav,x,1,2\nb.wav,x,1,2\n", "line 3: file 'b.wav' is no recording that is here"),
        (HEADER + "../a.wav,x,1,2\n", "line 2: file '../a.wav' is no recording"),
        (HEADER + "a.wav,,1,2\n", "line 2: utterance must be 1 to 200 printable characters"),
        (HEADER + "a.wav,a\tb,1,2\n", "line 2: utterance must be"),
        (HEADER + "a.wav,x,2,2\n", "line 2: start_s is 2, which must be before end_s, 2"),
        (HEADER + "a.wav,x,3,2\n", "line 2: start_s is 3, which must be before"),
        (HEADER + "a.wav,x,1,2\na.wav,y,3,4\n\na.wav,x,1,2\n", "line 5: says what line 2 says already"),
        (HEADER + 'a.wav,"x,1,2\n', "a quote is opened"),
        (HEADER + "a.wav,caf\udce9,1,2\n", "not UTF-8"),
        (HEADER + "a.wav,x\0,1,2\n", "NUL"),
        *(
            (HEADER + f"a.wav,x,{wrong},9\n", "line 2: start_s must be a number of seconds from the beginning")
            for wrong in ("", "one", "-1", "nan", "inf", "1e3", "1_0", "0x1", "\u0661", "1.", ".5", "1 2", "9" * 40)
        ),
    ],
)
def test_a_fault_is_named_by_line_field_and_rule(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataInvalid) as refused:
        table(text, tmp_path)
    assert said in str(refused.value)
    assert str(refused.value).startswith("t.csv: ")


def test_words_are_of_a_certain_length(tmp_path: Path) -> None:
    assert table(f"{HEADER}a.wav,{'x' * LONGEST_UTTERANCE},1,2\n", tmp_path)
    with pytest.raises(DataInvalid, match="utterance must be"):
        table(f"{HEADER}a.wav,{'x' * (LONGEST_UTTERANCE + 1)},1,2\n", tmp_path)


def test_an_endless_table_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utterances, "LONGEST_TABLE", len(HEADER))
    assert table(HEADER, tmp_path) == {}
    with pytest.raises(DataInvalid, match="more than 29 bytes"):
        table(HEADER + "\n", tmp_path)


def test_words_after_the_end_of_their_recording_are_refused() -> None:
    said = [Utterance(0, 1, "x", 2), Utterance(1, 2.009, "y", 7)]
    check_within(said, 2.0, "a.wav", "t.csv")
    with pytest.raises(DataInvalid, match=r"t\.csv: line 7: end_s is 2\.009, and 'a\.wav' ends at 1\.990 seconds"):
        check_within(said, 1.99, "a.wav", "t.csv")
