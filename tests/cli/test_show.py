"""Numbers, times and tables as people read them."""

from __future__ import annotations

import pytest
from rich.console import Console

from assay.cli import show
from assay.domain.version import Version


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mae", 1234.56, "1,234.6"), ("mae", 12.345, "12.35"), ("mae", 0.012345, "0.01235"), ("mape", 0.0638, "6.38 %"),
        ("r2", 0.97423, "0.9742"), ("rmse", None, "–"),
    ],
)  # fmt: skip
def test_a_metric_is_said_in_its_own_way(name: str, value: float | None, said: str) -> None:
    assert show.metric(name, value) == said


@pytest.mark.parametrize(("took_ms", "said"), [(0, "0.0 s"), (1234, "1.2 s"), (59_900, "59.9 s"), (125_000, "2m 05s")])
def test_a_duration_is_said_in_seconds_or_minutes(took_ms: int, said: str) -> None:
    assert show.took(took_ms) == said


def test_times_are_said_in_utc() -> None:
    assert show.moment(0) == "1970-01-01 00:00:00 UTC"


@pytest.mark.parametrize(
    ("text", "said"), [("a\x1b[2J", "a\\x1b[2J"), ("a\nb", "a b"), ("a\x00\u202e", "a\\x00\\u202e"), ("é", "é")]
)
def test_control_characters_are_spelt_out(text: str, said: str) -> None:
    assert show.clean(text) == said


def test_where_no_terminal_is_columns_says_the_width_and_no_line_ends_with_blanks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert show.console().width == show.WIDE
    monkeypatch.setenv("COLUMNS", "40")
    out = show.console()
    assert out.width == 40
    made = show.table("a", "because")
    made.add_row("é", "word " * 20)
    out.print(made)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert [line for line in lines if line != line.rstrip() or len(line) > 40] == []


@pytest.mark.parametrize("columns", ["80", "100", "140"])
def test_the_leaderboard_is_whole_on_any_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(width=int(columns)))
    version = Version(
        model="m", number=12, recipe="log-linear", status="ready", created_at=0, dataset="d", engine="onnx", took_ms=754_000,
        metrics={"mae": 1234.5, "rmse": 2345.6, "mape": 0.123, "r2": 0.98},
    )  # fmt: skip
    made = show.versions_table([version], ruling=12, unit="USD", ranked=True)
    out = Console(width=int(columns))
    with out.capture() as shown:
        out.print(made)
    assert "…" not in shown.get()
    for said in ("log-linear", "1,234.5", "2,345.6", "12.30 %", "0.9800", "12m 34s", "● answers"):
        assert said in shown.get()


@pytest.mark.parametrize("ranked", [True, False])
@pytest.mark.parametrize("columns", [80, 104, 120, 180])
def test_of_versions_with_many_metrics_as_many_are_shown_as_have_room(
    columns: int, ranked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(width=columns))
    version = Version(
        model="m", number=12, recipe="convolved", status="ready", created_at=0, dataset="d", engine="onnx", took_ms=4_000,
        metrics=dict.fromkeys(show.OF_LABELS, 0.5) | {"brier": 0.1234},
    )  # fmt: skip
    made = show.versions_table([version], ruling=12, unit="", metric_of="brier", ranked=ranked)
    out = Console(width=columns)
    with out.capture() as shown:
        out.print(made)
    assert "…" not in shown.get()
    assert len(shown.get().strip().splitlines()) == 3, "no cell has two lines"
    for said in ("convolved", "● answers", "Brier", "0.1234", *["4.0 s"] * ranked):
        assert said in shown.get()
    assert ("calib. error" in shown.get()) == (columns == 180)
    assert ("recall" in shown.get()) >= (columns >= 120)
