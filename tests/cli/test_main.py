"""Whatever goes wrong ends as one sentence on standard error and an honest exit code."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, PROGRAM, Run, as_json, program, run

COMMANDS = ("train", "versions", "evaluate", "promote", "rollback", "predict", "serve", "doctor")


def test_help_names_every_command() -> None:
    told = run("--help")
    assert told.exit_code == 0
    assert [name for name in COMMANDS if f"  {name} " not in told.stdout] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    told = run(command, "--help")
    assert told.exit_code == 0
    assert "--home" in told.stdout


def test_the_version_is_told() -> None:
    assert run("--version").stdout.startswith("assay 0.")


def test_help_needs_neither_the_store_nor_the_tables() -> None:
    code = "import sys, assay.cli.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    ran = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, text=True, check=True)
    assert not {"rich", "sqlalchemy", "pydantic", "numpy", "polars", "fastapi"} & set(ran.stdout.split())


def test_an_unknown_command_is_misuse_and_the_nearest_is_suggested() -> None:
    refused = run("tran")
    assert refused.exit_code == 2
    assert "Did you mean 'train'" in refused.stderr
    assert refused.stdout == ""


def test_an_unknown_option_is_misuse_and_the_nearest_is_suggested() -> None:
    refused = run("train", "somewhere", "--tirals", "3")
    assert refused.exit_code == 2
    assert "--trials" in refused.stderr


def test_a_folder_that_is_not_there_fails_with_one_sentence(tmp_path: Path) -> None:
    refused = program("versions", tmp_path / "nowhere")
    assert refused.returncode == 1
    assert refused.stderr.startswith(b"error: There is no folder")
    assert b"APP is the folder that holds model.py." in refused.stderr
    assert b"Traceback" not in refused.stderr
    assert refused.stdout == b""


def test_a_model_file_that_cannot_be_imported_fails_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("import nothing_of_the_kind")
    refused = run("versions", tmp_path)
    assert refused.exit_code == 1
    assert "nothing_of_the_kind" in refused.stderr
    assert "APP is the folder" not in refused.stderr


def test_a_setting_of_the_environment_that_is_wrong_is_named(app: Path) -> None:
    refused = program("versions", app, environment={"ASSAY_WORKERS": "many"})
    assert refused.returncode == 2
    assert b"ASSAY_WORKERS" in refused.stderr
    assert b"Traceback" not in refused.stderr


def test_a_list_in_the_environment_that_is_not_json_is_named(app: Path) -> None:
    refused = program("versions", app, environment={"ASSAY_ALLOWED_HOSTS": "one,two"})
    assert refused.returncode == 2
    assert b"ASSAY_ALLOWED_HOSTS" in refused.stderr


@pytest.mark.parametrize(("text", "said"), [("workrs = 2", "did you mean 'workers'"), ("workers = ", "assay.toml")])
def test_a_settings_file_that_is_wrong_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "assay.toml").write_text(text)
    refused = run("versions", tmp_path)
    assert refused.exit_code == 2
    assert said in refused.stderr


def test_a_home_that_cannot_be_made_fails_with_one_sentence(app: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run("versions", app, "--home", tmp_path / "file" / "home")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: ")


def test_a_reader_that_goes_away_gets_no_traceback(app: Path, trained: Path) -> None:
    command = " ".join(f"'{word}'" if word != PROGRAM[2] else f'"{word}"' for word in PROGRAM)
    piped = f"{command} versions {app} --home {trained} --json | true"
    ran = subprocess.run(["bash", "-c", piped], capture_output=True, check=False)
    assert b"Traceback" not in ran.stderr
    assert b"BrokenPipe" not in ran.stderr


@pytest.mark.parametrize("after_s", [0.6, 1.5])
def test_ctrl_c_ends_training_with_130_and_a_sound_store(app: Path, home: Path, after_s: float) -> None:
    (slow := home.parent / "slow").mkdir()
    (slow / "model.py").write_text(
        MODEL.replace('raise ValueError("there', 'import time; time.sleep(60)\n    raise ValueError("there')
    )
    (slow / "data.py").write_text((app / "data.py").read_text())
    begun = subprocess.Popen([*PROGRAM, "train", str(slow), "--home", str(home)], stdout=-1, stderr=-1)
    time.sleep(after_s)
    begun.send_signal(signal.SIGINT)
    _, said = begun.communicate(timeout=30)
    assert begun.returncode == 130, said
    assert b"Traceback" not in said
    assert as_json(run("versions", app, "--home", home, "--json"))["ruling"] == 1


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
        {"TZ": "Asia/Kathmandu"},
        {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
        {"NO_COLOR": "1", "TERM": "dumb"},
    ],
)
def test_it_works_in_any_surroundings(app: Path, trained: Path, environment: dict[str, str]) -> None:
    told = program("versions", app, "--home", trained, environment=environment)
    assert told.returncode == 0, told.stderr
    assert b"linear" in told.stdout
    assert b"\x1b" not in told.stdout


def test_it_works_where_the_folder_may_not_be_written(app: Path, trained: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    ran = subprocess.run(
        [*PROGRAM, "versions", str(app), "--home", str(trained)], cwd=tmp_path, capture_output=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_what_authors_wrote_cannot_steer_the_terminal(assay: Run) -> None:
    shown = assay("versions", 3)
    assert "there is no such thing" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_an_interruption_within_the_loading_of_a_library_is_one() -> None:
    from assay.cli.main import _was_interrupted

    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as pressed:
            raise ImportError("initialization failed") from pressed
    except ImportError as failed:
        assert _was_interrupted(failed)
    assert not _was_interrupted(ImportError("no such library"))
