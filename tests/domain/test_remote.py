"""A specification says whom to ask and how, is refused where it could ask somebody else, and encodes what it is given."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.domain.remote import Place, Remote, Response

URL = "http://127.0.0.1:8010/api/detect/{label}/{audio}"
VALUES = {"label": "a b/é?&#%+", "audio": "/kept/one file.wav", "digest": "ab12", "name": "one.wav"}


def spec(**told: Any) -> Remote:
    return msgspec.convert({"url": URL, **told}, Remote)


def test_a_value_is_one_segment_of_a_path_or_one_parameter_whatever_it_holds() -> None:
    coded = "a%20b%2F%C3%A9%3F%26%23%25%2B"
    assert spec().target(VALUES) == f"/api/detect/{coded}/%2Fkept%2Fone%20file.wav"
    by_query = spec(url="http://127.0.0.1/api/detect/?utterance={label}&audio_loc={audio}")
    assert by_query.target(VALUES) == f"/api/detect/?utterance={coded}&audio_loc=%2Fkept%2Fone%20file.wav"
    assert spec(url="http://h/{label}?x={digest}&y={name}").target(VALUES) == f"/{coded}?x=ab12&y=one.wav"
    assert spec(url="http://h?x={label}{audio}").target({"label": "1", "audio": "2"}) == "/?x=12"


@pytest.mark.parametrize("label", [".", ".."])
def test_a_value_cannot_climb_in_a_path(label: str) -> None:
    with pytest.raises(ValueError, match="path"):
        spec().target(VALUES | {"label": label})
    assert spec(url="http://h/x?a={label}&b={audio}").target(VALUES | {"label": label}).startswith(f"/x?a={label}&")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127.0.0.1/{label}/{audio}", ("http", "127.0.0.1", 80)),
        ("https://Models.Example.org/{label}/{audio}", ("https", "models.example.org", 443)),
        ("http://[::1]:8010/{label}/{audio}", ("http", "::1", 8010)),
    ],
)
def test_it_says_where_the_endpoint_listens(url: str, place: tuple[Any, ...]) -> None:
    assert spec(url=url).place == place


def test_a_place_is_told_as_it_is_typed() -> None:
    assert str(Place("http", "h", 80)) == "http://h"
    assert str(Place("https", "h", 80)) == "https://h:80"
    assert str(Place("http", "::1", 8010)) == "http://[::1]:8010"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd?{label}{audio}", "ftp://h/{label}/{audio}", "//h/{label}/{audio}", "h/{label}/{audio}", "",
        "http:///{label}/{audio}", "http://user:secret@h/{label}/{audio}", "http://user@h/{label}/{audio}",
        "http://{label}/{audio}", "http://h:{label}/{audio}", "http://h:0/{label}/{audio}", "http://h:99999/{label}/{audio}",
        "http://h/{label}/{audio}#x", "http://h/{label}/{audio} x", "http://h/{label}/{audio}\n", "http://h/é{label}/{audio}",
        "http://h\\@evil/{label}/{audio}", "http://h/{label}/{audio}/%zz", "http://h/{label/{audio}", "http://h/{}/{label}/{audio}",
        "http://h/{label}/{audio}/{other}", "http://h/{label}/{columns}", "http://h/{label}", "http://h/{audio}",
        "http://h/{label}/{audio}" + "x" * 8_192, "gopher://h/{label}/{audio}", "http://ho st/{label}/{audio}",
    ],
)  # fmt: skip
def test_a_url_that_could_mean_anything_else_is_refused(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        spec(url=url)


@pytest.mark.parametrize(
    "told",
    [
        {"timeout_s": 0}, {"timeout_s": None}, {"timeout_s": 3_601}, {"retries": -1}, {"retries": 11}, {"concurrency": 0},
        {"concurrency": 65}, {"failures": 0}, {"rest_s": 0}, {"longest_answer": 1_023}, {"longest_answer": (1 << 30) + 1},
        {"unknown": [500]}, {"method": "PUT"}, {"asks": "all"}, {"other": 1}, {"body": {"x": "{label}"}},
        {"response": {"label": "x", "time": "x"}}, {"response": {"time": ""}}, {"response": {"at": "a..b"}},
        {"response": {"key": "x"}}, {"response": {"label": 'a"b'}},
        {"headers_from": {"Host": "x"}}, {"headers_from": {"content-length": "x"}}, {"headers_from": {"A B": "x"}},
        {"headers_from": {"A\r\nB": "x"}}, {"asks": "recording"}, {"asks": "rows"},
        {"url": "http://h/{audio}", "asks": "recording", "response": {"label": ""}},
        {"url": "http://h/x", "asks": "rows", "method": "POST"},
        {"url": "http://h/{label}", "asks": "rows", "method": "POST", "body": "{rows}"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_or_has_no_end_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        spec(**told)


def test_a_body_is_filled_where_it_has_braces_and_stays_json() -> None:
    told = spec(
        url="http://h/x",
        method="POST",
        body={"u": "{label}", "a": ["{audio}", {"d": "x{digest}x"}], "n": 1.5, "t": None},
    )
    assert msgspec.json.decode(told.content(VALUES) or b"") == {
        "u": VALUES["label"], "a": [VALUES["audio"], {"d": "xab12x"}], "n": 1.5, "t": None,
    }  # fmt: skip
    assert spec().content(VALUES) is None


def test_a_list_stands_where_its_name_stands_alone() -> None:
    told = spec(url="http://h/x", method="POST", asks="rows", body={"inputs": "{columns}", "weight": "{carat}"})
    assert told.words() == {"columns", "carat"}
    content = told.content({"columns": {"carat": [1.0, None]}, "carat": [1.0, float("nan")]})
    assert content == b'{"inputs":{"carat":[1.0,null]},"weight":[1.0,null]}'


def test_what_is_kept_is_what_was_told_and_no_more() -> None:
    told = spec(response={"label": "phrase"}, headers_from={"Authorization": "detector"})
    kept = msgspec.json.encode(told)
    assert msgspec.json.decode(kept) == {
        "url": URL, "response": {"label": "phrase"}, "headers_from": {"Authorization": "detector"},
    }  # fmt: skip
    assert msgspec.json.decode(kept, type=Remote) == told
    assert told.response == Response(label="phrase")
