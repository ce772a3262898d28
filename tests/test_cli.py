"""The command line as a person meets it: help, mistakes, one clear line with a remedy."""

import json
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

import integrator
from integrator.cli import app
from tests.authoring.sites import BASE, edited, write
from tests.authoring.test_check import PLANTED
from tests.services.bus import BusProcess
from tests.services.site import ROOT, copy_site

_PAINT = re.compile(r"\x1b\[[0-9;]*m")


def names(group: typer.Typer, prefix: str = "") -> set[str]:
    """Every command of a group, spelled as it is typed."""
    found = {f"{prefix}{command.name or command.callback.__name__}" for command in group.registered_commands}
    for inner in group.registered_groups:
        if isinstance(inner.name, str):
            found |= {f"{prefix}{inner.name}"} | names(inner.typer_instance, f"{prefix}{inner.name} ")
        else:  # its commands stand in the group around it
            found |= names(inner.typer_instance, prefix)
    return found


COMMANDS = ("", *sorted(names(app)))


def run(*arguments: str, cwd, **options) -> subprocess.CompletedProcess[str]:
    """The console script in a process of its own."""
    command = [sys.executable, "-m", "integrator.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=cwd, stdin=subprocess.DEVNULL, **options
    )


def one_line(done: subprocess.CompletedProcess[str], *words: str, status: int = 1) -> None:
    """Standard error is one line, with those words; no traceback."""
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ")
    for word in words:
        assert word in done.stderr, done.stderr


# --- help ---


def test_the_commands_that_are_promised_exist():
    assert {"run", "check", "send", "key add", "journal list", "journal show", "doctor"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example_and_describes_every_option(command):
    done = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    text = _PAINT.sub("", done.output)
    assert done.exit_code == 0
    assert re.search(r"Examples?:\s+integrator ", text), text
    for line in text.splitlines():
        option = re.search(r"(--[a-z-]+)\s+<?\w*>?\s*(.*?)\s*[│|]", line)
        if option:
            assert option[2], f"{command} {option[1]} is not described"


def test_an_example_is_a_command_that_exists():
    for command in COMMANDS:
        done = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "400", "TERM": "dumb"})
        example = _PAINT.sub("", done.output).rpartition("Example")[2].partition(":")[2]
        for text in example.split("·"):
            words = text.replace("'", "").split()
            assert words[0] == "integrator"
            assert any(" ".join(words[1:]).startswith(name) for name in COMMANDS if name), text


def test_the_version(tmp_path):
    done = run("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{integrator.__version__}\n")


# --- wrong options ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chek"], ["check", "integrator --help"]),
        (["run", "--prot", "1"], ["--port", "integrator run --help"]),
        (["run", "--port", "many"], ["--port", "integer"]),
        (["send"], ["flow", "integrator send --help"]),
        (["send", "x", "--as"], ["--as"]),
        (["journal", "list", "--limit", "0"], ["--limit"]),
        (["journal", "show", "x"], ["--why"]),
        (["journal", "search", "--why", "a case of 2026"], ["--subject", "--ticket"]),
        (["check", "--format", "xml"], ["text or json"]),
        (["check", "--site", "nowhere"], ["nowhere", "--site"]),
        (["site", "schemas", "--site", "nowhere"], ["nowhere", "--site"]),
        (["key", "add", "x", "--days", "0"], ["--days"]),
    ],
)
def test_a_wrong_option_is_one_line_that_says_what_to_do(arguments, words, tmp_path):
    one_line(run(*arguments, cwd=tmp_path), *words, status=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--port", "70000"], ["port"]),
        (["run", "--workers", "0"], ["workers"]),
        (["run", "--database", "mysql://x"], ["sqlite:///", "postgresql://"]),
        (["run", "--broker", "redis://x"], ["memory://", "amqp://"]),
        (["run", "--host", "192.0.2.1", "--port", "0"], ["192.0.2.1", "--host"]),
        (["run", "--sandbox", "--host", "0.0.0.0"], ["loopback"]),
        (["run", "--demo"], ["--sandbox"]),
        (["keyring", "create", "."], ["not there yet"]),
    ],
)
def test_a_wrong_value_is_one_line_that_says_what_to_do(arguments, words, tmp_path):
    one_line(run(*arguments, cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


# --- check ---


def test_the_walloon_site_has_no_mistakes():
    text = run("check", "--site", str(ROOT), cwd=ROOT)
    assert (text.returncode, text.stdout, text.stderr) == (0, "No mistakes.\n", "")
    found = run("check", "--site", str(ROOT), "--format", "json", cwd=ROOT)
    assert found.returncode == 0
    assert json.loads(found.stdout) == {"problems": [], "errors": 0, "warnings": 0}


def test_twelve_planted_mistakes_are_shown_at_once(tmp_path):
    files, places = edited(*PLANTED)
    site = write(tmp_path, files)
    assert len(places) >= 12
    text = run("check", "--site", str(site), cwd=tmp_path)
    assert text.returncode == 1
    for file, line, column in places:
        shown = [row for row in text.stdout.splitlines() if row.startswith(f"{file}:{line}:{column} ")]
        assert shown, (file, line, column)
        assert all(" → " in row for row in shown)
    assert "\x1b[" not in text.stdout
    done = run("check", "--site", str(site), "--format", "json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert {(p["file"], p["line"], p["column"]) for p in found["problems"]} == set(places)
    assert all(p["rule"] and p["message"] and p["remedy"] for p in found["problems"])


def test_warnings_alone_do_not_fail(tmp_path):
    files = {**BASE, "routes.yaml": BASE["routes.yaml"].replace("languages: [fr]", "languages: [fr, nl]")}
    done = run("check", "--site", str(write(tmp_path, files)), cwd=tmp_path)
    assert done.returncode == 0
    assert "warning" in done.stdout


def test_schemas_are_written_into_the_directory_that_site_names(tmp_path):
    (tmp_path / "repository").mkdir()
    (tmp_path / "elsewhere").mkdir()
    done = run("site", "schemas", "--site", str(tmp_path / "repository"), cwd=tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []
    written = {path for path in (tmp_path / "repository").rglob("*") if path.is_file()}
    assert {str(path) for path in written} == set(done.stdout.split())
    for path in written:
        assert path.read_text() == (ROOT / path.relative_to(tmp_path / "repository")).read_text()


# --- no bus ---


@pytest.mark.parametrize(
    "arguments",
    [
        ["journal", "list"],
        ["journal", "check"],
        ["journal", "search", "--subject", "66091495277", "--why", "a case of 2026"],
        ["key", "list"],
        ["key", "add", "municipal/namur"],
        ["key", "revoke", "0123"],
        ["activate"],
        ["keyring", "enrol"],
        ["send", "person-consult", "--as", "municipal/namur", "--data", "-"],
    ],
)
def test_where_no_bus_ever_ran_nothing_is_made(arguments, tmp_path):
    one_line(run(*arguments, cwd=tmp_path), "var", "integrator run")
    assert list(tmp_path.iterdir()) == []


def test_doctor_names_what_is_wrong_and_what_to_do(tmp_path):
    done = run("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "1 mistake " in done.stdout
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- with a bus ---


@pytest.fixture(scope="module")
def bus(tmp_path_factory):
    """A bus with its sandbox, as `make run` starts it."""
    directory = tmp_path_factory.mktemp("cli")
    site = copy_site(directory)
    nowhere = {"regional/bced-person": "http://127.0.0.1:9", "regional/permit-platform": "http://127.0.0.1:9"}
    bus = BusProcess(site, directory / "var", nowhere)
    bus.sandbox = True
    bus.start()
    yield bus
    assert bus.stop() == 0


REASON = ("--purpose", "environmental-permit", "--dossier", "imio-urban:PE/2026/118",
          "--agent", "RN/RBis:78051495111")  # fmt: skip


def send(bus: BusProcess, flow: str, party: str, data: str, *more: str):
    """`integrator send`."""
    wanted = ("send", flow, "--as", party, "--data", data, "--var", str(bus.var))
    return run(*wanted, *more, cwd=bus.site)


def test_send_prints_the_answer_and_the_exchange(bus, tmp_path):
    data = tmp_path / "request.json"
    data.write_text('{"niss": "67051595240"}')
    done = send(bus, "person-consult", "municipal/namur", str(data), *REASON)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["niss"] == "67051595240"
    assert re.fullmatch(r"200  exchange [0-9a-f-]{36}\n", done.stderr)
    exchange = done.stderr.split()[-1]
    shown = run("journal", "show", exchange, "--why", "a case of 2026", "--var", str(bus.var), cwd=bus.site)
    assert [r["type"] for r in json.loads(shown.stdout)["records"]] == ["received", "completed"]


def test_a_refusal_is_the_answer_and_status_1(bus, tmp_path):
    data = tmp_path / "request.json"
    data.write_text('{"niss": "67051595240"}')
    done = send(bus, "person-consult", "municipal/namur", str(data), *REASON[:2], "--dossier", "imio-urban:0")
    assert done.returncode == 1
    assert json.loads(done.stdout)["reason"] == "dossier-void"


def test_what_cannot_be_sent_is_one_line(bus, tmp_path):
    good = tmp_path / "request.json"
    good.write_text("{}")
    one_line(
        send(bus, "person-consult", "municipal/nobody", str(good)), "INTEGRATOR_KEY", "integrator key add"
    )
    one_line(send(bus, "person-consul", "municipal/namur", str(good)), "did you mean 'person-consult'")
    one_line(send(bus, "person-consult", "municipal/namur", str(tmp_path / "none.json")), "none.json")
    one_line(send(bus, "person-consult", "municipal/namur", str(tmp_path)), str(tmp_path))


def test_keys_are_made_listed_and_revoked(bus):
    made = run("key", "add", "municipal/liege", "--label", "test", "--var", str(bus.var), cwd=bus.site)
    key = made.stdout.strip()
    assert made.returncode == 0, made.stderr
    assert key.startswith("itg_")
    key_id = re.match(r"key (\S+) of municipal/liege", made.stderr)[1]
    listed = run("key", "list", "--var", str(bus.var), cwd=bus.site)
    assert key_id in [json.loads(line)["id"] for line in listed.stdout.splitlines()]
    assert key.rpartition("_")[2] not in listed.stdout
    assert run("key", "revoke", key_id, "--var", str(bus.var), cwd=bus.site).returncode == 0
    one_line(run("key", "revoke", key_id, "--var", str(bus.var), cwd=bus.site), key_id)
    listed = run("key", "list", "--var", str(bus.var), cwd=bus.site)
    assert key_id not in listed.stdout
    assert key_id in run("key", "list", "--all", "--var", str(bus.var), cwd=bus.site).stdout


def test_a_key_of_an_unknown_party_is_refused(bus):
    one_line(run("key", "add", "municipal/nowhere", "--var", str(bus.var), cwd=bus.site), "parties/*.yaml")


def test_doctor_beside_a_running_bus(bus):
    done = run("doctor", "--var", str(bus.var), "--site", str(bus.site), cwd=bus.site,
               env={**bus.environment, "INTEGRATOR_PORT": str(bus.port), "COLUMNS": "200"})  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert f"the bus answers at {bus.address}" in done.stdout
    assert "no mistakes" in done.stdout
