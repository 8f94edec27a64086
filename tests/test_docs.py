"""README.md tells the truth: its settings are the settings, its commands exist, its files are there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer
from pydantic.fields import FieldInfo

from backend.cli import HANDED_OVER, app
from backend.settings import ENV_PREFIX, Settings
from workers.cli import app as workers_app

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")

COMPUTED_DEFAULTS = {
    "data_dir": "`data` in a checkout, else `~/.local/share/sammed`",
    "frontend_dir": "`frontend/dist`",
}

BUILT = {"frontend/dist"}


def settings_row(name: str, field: FieldInfo) -> str:
    if name in COMPUTED_DEFAULTS:
        default = COMPUTED_DEFAULTS[name]
    else:
        default = "" if field.default is None else f"`{str(field.default).lower()}`"
    return f"| `{ENV_PREFIX}{name.upper()}` | {default} | {field.description} |"


def test_the_table_of_settings_is_the_class() -> None:
    expected = [settings_row(name, field) for name, field in Settings.model_fields.items()]
    written = [line for line in README.splitlines() if line.startswith(f"| `{ENV_PREFIX}")]
    assert written == expected, "the table should be:\n" + "\n".join(expected)


def test_every_make_command_exists() -> None:
    named = set(re.findall(r"`?make ([a-z-]+)", "\n".join(code_words())))
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))
    assert {"run", "test", "setup", "bench"} <= named
    assert named <= targets


def code_words() -> list[str]:
    """Everything in README.md that is set as code: spans and the blocks that are no picture and no Python."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    blocks = [block for language, block in fenced if not language]
    without_blocks = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks if "┌" not in block for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", without_blocks)


def sammed_commands() -> list[list[str]]:
    return [words for words in (line.split() for line in code_words()) if words[:1] == ["sammed"] and len(words) > 1]


def test_every_sammed_command_and_option_exists() -> None:
    root = typer.main.get_command(app)
    workers = typer.main.get_command(workers_app)
    commands = sammed_commands()
    assert len(commands) > 12
    for words in commands:
        command, context, rest = root, typer.Context(root), words[1:]
        if rest[0] in HANDED_OVER:
            command, context = workers, typer.Context(workers)
        while rest and hasattr(command, "get_command"):
            found = command.get_command(context, rest[0])
            assert found is not None, " ".join(words)
            command, rest = found, rest[1:]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, " ".join(words)


def test_every_command_is_in_the_readme() -> None:
    named = {words[1] for words in sammed_commands()}
    root = typer.main.get_command(app)
    assert set(root.list_commands(typer.Context(root))) <= named  # type: ignore[attr-defined]


def test_options_of_up_are_all_named() -> None:
    root = typer.main.get_command(app)
    up = root.get_command(typer.Context(root), "up")  # type: ignore[attr-defined]
    row = next(line for line in README.splitlines() if line.startswith("| `sammed up`"))
    options = [option for parameter in up.params for option in parameter.opts if option != "--help"]
    assert [option for option in options if f"`{option}`" not in row] == []


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:backend|workers|frontend|tests|migrations)/[^`\s]*)`", README)))
)
def test_every_path_exists(path: str) -> None:
    assert path in BUILT or (REPOSITORY / path).exists()


def test_the_table_of_commands_comes_from_make() -> None:
    listed = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^ +make run +\S", listed, flags=re.MULTILINE)
    assert re.search(r"^ +make test +\S", listed, flags=re.MULTILINE)


def test_no_registry_and_no_path_of_one_machine_is_named() -> None:
    hosts = ["python" + "hosted.org", "py" + "pi.org", "registry.n" + "pmjs", "deb.deb" + "ian"]
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, tracked.stdout.split("\0")):
        path = REPOSITORY / name
        if path.suffix in {".png", ".safetensors", ".gz", ".dcm"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {host}" for host in hosts if host in text]
    assert found == []
