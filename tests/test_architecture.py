"""Who may import whom: the Python contracts stand in pyproject.toml, those of the frontend here. And who follows whom
among the migrations."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from backend.db.migrate import config

REPOSITORY = Path(__file__).resolve().parent.parent
FRONTEND = REPOSITORY / "frontend" / "src"

IMPORT = re.compile(
    r"""(?:^|[\s;])(?:import|export)\s(?:[^'"`;]*?\sfrom\s*)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]"""
)

# Folder -> the folders and packages that it may import from. `main.tsx` puts all together and may import everything.
ALLOWED: dict[str, set[str]] = {
    "viewer": {"viewer", "@preact/signals-core"},
    "api": {"api", "viewer", "@preact/signals-core"},
    "i18n": {"i18n", "@preact/signals-core", "@preact/signals"},
    "annotate": {"annotate", "viewer", "api", "@preact/signals-core"},
    "panels": {"panels", "annotate", "viewer", "api", "i18n", "preact", "@preact/signals", "@preact/signals-core"},
    "pages": {
        "pages",
        "panels",
        "annotate",
        "viewer",
        "api",
        "i18n",
        "preact",
        "@preact/signals",
        "@preact/signals-core",
    },
}


def test_python_arrows_point_one_way() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def targets(path: Path, source: Path = FRONTEND) -> list[str]:
    """What a TypeScript file imports: the folder of `src` that a relative path leads to, or the name of a package."""
    found = []
    for match in IMPORT.finditer(path.read_text(encoding="utf-8")):
        name = match[1] or match[2]
        if name.startswith("."):
            found.append((path.parent / name).resolve().relative_to(source).parts[0])
        else:
            words = name.split("/")
            found.append("/".join(words[:2]) if name.startswith("@") else words[0])
    return found


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_typescript_arrows_point_one_way(folder: str) -> None:
    files = [path for path in (FRONTEND / folder).rglob("*.ts*") if path.suffix in (".ts", ".tsx")]
    assert files, f"frontend/src/{folder} is empty"
    wrong = [
        f"{path.relative_to(REPOSITORY)} imports {target}"
        for path in files
        for target in targets(path)
        if target not in ALLOWED[folder]
    ]
    assert wrong == []


def test_every_folder_of_the_frontend_has_its_rule() -> None:
    folders = {path.name for path in FRONTEND.iterdir() if path.is_dir()} - {"styles"}
    assert folders == set(ALLOWED)


def test_the_typescript_check_sees_every_form_of_import(tmp_path: Path) -> None:
    (tmp_path / "viewer").mkdir()
    file = tmp_path / "viewer" / "a.ts"
    file.write_text(
        "import './b.ts'\n"
        "import type { A } from '../api/types.ts'\n"
        "import {\n  one,\n  two,\n} from '../pages/app.tsx'\n"
        "export { three } from '@preact/signals-core'\n"
        "const later = await import('../panels/c.tsx')\n"
        "import { h } from 'preact/hooks'\n"
        "const text = 'no import from here'\n"
    )
    assert targets(file, tmp_path) == ["viewer", "api", "pages", "@preact/signals-core", "panels", "preact"]


def test_the_viewer_does_not_talk_to_the_network() -> None:
    talkers = [
        str(path.relative_to(REPOSITORY))
        for path in (FRONTEND / "viewer").rglob("*.ts")
        if re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource)\s*\(", path.read_text(encoding="utf-8"))
    ]
    assert talkers == []


def test_the_web_application_starts_without_torch() -> None:
    """Not only by its own imports: no library that it uses may pull torch in either."""
    question = "import sys, backend.main, backend.cli; print('torch' in sys.modules)"
    outcome = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert outcome.stdout.strip() == "False"


def test_the_migrations_are_one_chain() -> None:
    heads = ScriptDirectory.from_config(config()).get_heads()
    assert len(heads) == 1, f"each migration follows another one: {heads}"
