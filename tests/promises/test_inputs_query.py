"""Bad inputs, family Q: addresses, parameters and ids, on a real server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from tests.promises.conftest import Tally
from tests.promises.servers import JSON, STONE, Server

GOOD = json.dumps(STONE).encode()
LIKE = json.dumps({"carat": 1.0, "cut": "Ideal", "color": "E"}).encode()
LISTS = ("/v1/exchanges", "/v1/predictions")
UNKNOWN = "0" * 32


@dataclass(frozen=True)
class Case:
    """An address, and what must come back."""

    id: str
    path: str
    statuses: tuple[int, ...]
    code: str = ""
    body: bytes | None = None
    method: str = ""


def each(
    family: str,
    template: str,
    values: tuple[str, ...],
    statuses: tuple[int, ...],
    code: str = "",
    body: bytes | None = None,
) -> list[Case]:
    """One case for each value, percent-encoded."""
    return [
        Case(
            f"{family} {template.rsplit('?', maxsplit=1)[-1][:30]} {value[:24] or 'empty'}",
            template.format(quote(value, safe="")),
            statuses,
            code,
            body,
        )
        for value in values
    ]


NUMBERS = (
    "0",
    "-5",
    "1000000000",
    "10000000000000000000",
    "1.5",
    "abc",
    "",
    " 5",
    "5 ",
    "+5",
    "1e3",
    "٣",
    "0x10",
    "5,5",
    "NaN",
    "1_0",
)
TIMES = (
    "yesterday",
    "2026-13-01T00:00:00Z",
    "2026-03-03T12:00:00",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2026-06-30T23:59:60Z",
    "",
    "1e9",
    "2026-03-03T12:00:00+99:00",
)
TRAVERSALS = (
    "../",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..\\..\\",
    "/etc/passwd",
    "a\x00b",
    ".",
    "..",
    "~root",
    "con",
)
STRANGERS = (
    "nobody",
    "\u0455tones",
    "STONES",
    "stones ",
    "s" * 300,
    "latest",
    "null",
    "0",
    "-1",
    "st%6Fnes",
    "stones;x=1",
    "stones\n",
)
VERSIONS = ("0", "-1", "latest", "v1", "999999999999", "1.0", "01x", "٣", "1 ", "", "null", "1e0", "9" * 5000)

CASES = [
    *[case for path in LISTS for case in each("Q02", path + "?limit={}", NUMBERS, (422,), "invalid_parameter")],
    *each("Q02", "/v1/models/stones/similar?n={}", NUMBERS, (422,), "invalid_parameter", LIKE),
    *[case for path in LISTS for case in each("Q01", path + "?status={}" if "exch" in path else path + "?version={}", ("abc", "99", "-1", "1e999", "", "NaN", "99999999999999999999")[: 7 if "exch" in path else 1], (422,), "invalid_parameter")],
    *[Case(f"Q01 repeated {path}", f"{path}?limit=5&limit=6", (422,), "invalid_parameter") for path in LISTS],
    *[case for path in LISTS for case in each("Q03", path + "?cursor={}", ("x", "a" * 22 + "==", "é" * 22, "!" * 22, "A" * 21, "A" * 23, "", "../../..", base64.urlsafe_b64encode(b"0" * 15).decode()), (400,), "bad_cursor")],
    *[case for path in LISTS for name in ("since", "until") for case in each("Q04", path + f"?{name}={{}}", TIMES, (422,), "invalid_parameter")],
    *[Case(f"Q04 reversed {path}", f"{path}?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", (422,), "invalid_parameter") for path in LISTS],
    *[case for path in LISTS for case in each("Q05", path + "?sort={}", ("price;drop table", "nothing", ",".join(["id"] * 1000)), (422,), "invalid_parameter")],
    *[case for base in ("/v1/models/{}", "/v1/models/{}/versions", "/v1/models/stones/versions/{}", "/v1/exchanges/{}", "/v1/predictions/{}", "/docs/{}", "/{}")
      for case in each("Q06", base, TRAVERSALS, (404, 422), "")],
    Case("Q06 raw dots", "/v1/models/../../etc/passwd", (404,), "not_found"),
    Case("Q06 raw dots in predict", "/v1/models/../predict", (404, 405), "", GOOD),
    Case("Q06 encoded slash in predict", "/v1/models/stones%2fversions%2f1/predict", (200, 404), "", GOOD),
    *[Case(f"Q07 {path} {told[:12]}", f"{path}/{told}", (404,), "not_found") for path in LISTS for told in ("x", UNKNOWN, UNKNOWN[:-1], "f" * 5000, "%27%20OR%201=1")],
    Case("Q08 address of 8 KiB and one byte", "/v1/exchanges?path=" + "a" * (8193 - len("/v1/exchanges?path=") + 1), (414,), "uri_too_long"),
    Case("Q08 predict address of 8 KiB and more", "/v1/models/" + "s" * 8200 + "/predict", (414,), "uri_too_long", GOOD),
    Case("Q08 1,000 parameters", "/v1/exchanges?" + "&".join(f"p{i}=1" for i in range(900)), (422,), "invalid_parameter"),
    Case("Q08 an array of parameters", "/v1/exchanges?limit[]=5", (422,), "invalid_parameter"),
    Case("Q08 unknown", "/v1/predictions?verison=1", (422,), "invalid_parameter"),
    Case("Q08 unknown on predict", "/v1/models/stones/predict?verison=1", (200, 422), "", GOOD),
    *[Case(f"Q08 unknown on {path}", f"{path}?x=1", (422,), "invalid_parameter") for path in ("/v1/models", "/v1/models/stones", "/v1/models/stones/versions", "/v1/models/stones/versions/1", "/v1/models/stones/rollouts")],
    *[Case(f"Q09 {text[:12]}", "/v1/exchanges?path=" + quote(text), (200,)) for text in ("%", "_", "*", "' OR 1=1 --", '"x" NEAR y', "(a+)+$" * 30)],
    Case("Q09 NUL", "/v1/exchanges?path=%00", (422,), "invalid_parameter"),
    Case("Q09 not UTF-8", "/v1/exchanges?path=%ff%fe", (200, 400, 422)),
    *[Case(f"Q12 {path}", path, (404, 405), "", GOOD) for path in ("/v1/models/stones/predict/", "//v1/models/stones/predict", "/V1/models/stones/predict", "/v1/models/stones/PREDICT", "/v1/models/stones/predict;jsessionid=1", "/v1//models/stones/predict")],
    *each("Q13", "/v1/models/{}/predict", STRANGERS, (404,), "model_not_found", GOOD),
    *each("Q13", "/v1/models/{}", STRANGERS, (404,), "model_not_found"),
    *each("Q14", "/v1/models/stones/versions/{}/predict", VERSIONS, (404,), "", GOOD),
    *each("Q14", "/v1/models/stones/versions/{}/explain", VERSIONS, (404,), "", GOOD),
    *each("Q14", "/v1/models/stones/versions/{}", VERSIONS[:-4], (404,), ""),
]  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case.id).strip("'"))
def test_bad_address(case: Case, shared_server: Server, tally: Callable[[str], Tally]) -> None:
    """Refused with the field's name or not found; never a 500, never a file, always recorded."""
    count = tally("P4")
    count.count(1)
    answer = shared_server.ask(case.path, case.body, method=case.method, headers=JSON if case.body else None)
    assert answer.status in case.statuses, answer.body[:300]
    if case.code:
        assert answer.code == case.code
    assert b"root:" not in answer.body
    assert b"Traceback" not in answer.body
    assert shared_server.alive()
    assert shared_server.predict().status == 200
    kept = shared_server.exchange(answer.headers["x-request-id"])
    assert kept is not None and kept["status"] == answer.status
    count.failures -= 1


def test_what_is_searched_for_is_taken_literally(shared_server: Server) -> None:
    """Q09: a percent sign finds nothing but itself."""
    assert shared_server.predict().status == 200
    assert shared_server.ask("/v1/exchanges?path=%25predict%25").json["results"] == []


def test_a_page_is_bounded_and_the_next_one_goes_on_where_it_ended(shared_server: Server) -> None:
    """Q11: the largest page is 1,000 entries, and paging meets every entry once."""
    for _ in range(12):
        shared_server.predict()
    seen: list[str] = []
    path = "/v1/predictions?limit=5"
    while path and len(seen) < 12:
        page = shared_server.ask(path).json
        seen += [one["id"] for one in page["results"]]
        path = page["next"]
    assert len(seen) == len(set(seen)) and seen == sorted(seen, reverse=True)


def test_a_cursor_of_one_list_is_no_key_to_another(shared_server: Server) -> None:
    """Q03: cursors hold a place in time and nothing else; used elsewhere they still page that list by time."""
    shared_server.predict()
    cursor = shared_server.ask("/v1/exchanges?limit=1").json["next_cursor"]
    answer = shared_server.ask(f"/v1/predictions?cursor={cursor}")
    assert answer.status in (200, 400)


def test_many_ranges_of_a_file_are_not_computed(shared_server: Server) -> None:
    """Q10: one answer, whatever ranges are asked."""
    ranges = "bytes=" + ",".join(["0-"] * 1000)
    answer = shared_server.ask("/docs/swagger-ui.css", headers={"Range": ranges})
    assert answer.status in (200, 416)
    assert shared_server.alive()
