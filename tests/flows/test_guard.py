"""The guard, with a real server and its worker: a version that answers out of all measure is taken back by itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests import tiny
from tests.promises.servers import Server, assay_of, serving

WILD = '''
@stone.recipe
def wild() -> Any:
    """A hundred thousand, whatever the stone."""
    from sklearn.dummy import DummyRegressor
    from sklearn.pipeline import make_pipeline

    from assay.recipes import one_hot

    return make_pipeline(one_hot(Stone, ["carat"]), DummyRegressor(strategy="constant", constant=100_000.0))
'''
PATIENCE_S = 60.0


def ask(server: Server, times: int) -> set[int]:
    """Asks so often about stones of all weights; which versions answered."""
    found = set()
    for place in range(times):
        told = tiny.QUESTION | {"carat": round(0.3 + 2.5 * (place % 97) / 97, 2)}
        answer = server.predict(told, model="stone")
        assert answer.status == 200
        found.add(int(answer.json["version"]))
    return found


@pytest.mark.timeout(240)
def test_a_switch_that_goes_wrong_is_taken_back_and_the_reason_is_kept(fresh_home: Path, tmp_path: Path) -> None:
    folder = tiny.write(tmp_path / "app")
    model = (folder / "model.py").read_text().split("@stone.recipe\ndef broken")[0].replace(
        'segments={"carat": [0, 1]}', 'segments={"carat": [0, 1]}, gate=assay.Gate(guard_s=60, guard_least=50)'
    )  # fmt: skip
    (folder / "model.py").write_text(model + WILD)
    assay = assay_of(fresh_home, folder)
    try:
        run = assay.train(assay.application.model(None), None)
        numbers = {version.recipe: version.number for version in run.versions}
        with serving(fresh_home, application=folder, told={"job_workers": 1, "look_interval_s": 0.5}) as server:
            assert ask(server, 150) == {numbers["linear"]}
            assay.promote("stone", numbers["wild"], by="a person in a hurry")
            until = time.monotonic() + PATIENCE_S
            while json.loads(server.ask("/v1/models/stone/rollout").body)["champion"] == numbers["wild"]:
                assert time.monotonic() < until, server.log.read_text()[-3000:]
                ask(server, 20)
            ruling = server.ask("/v1/models/stone/rollout").json
            assert (ruling["champion"], ruling["by"]) == (numbers["linear"], "assay guard")
            assert "the guard found" in ruling["reason"]
            verdict = server.ask("/v1/models/stone/verdicts?kind=guard").json["results"][0]
            assert (verdict["outcome"], verdict["version"]) == ("failed", numbers["wild"])
            assert any("stability index" in check["detail"] for check in verdict["checks"] if not check["passed"])
            time.sleep(1)
            assert ask(server, 20) == {numbers["linear"]}
    finally:
        assay.close()
