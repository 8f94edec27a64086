"""What is written into the log has a phrase on the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path

from backend.domain.jobs import JobKind
from backend.domain.learning import ProposalState

REPOSITORY = Path(__file__).resolve().parent.parent
PHRASES = (REPOSITORY / "frontend/src/i18n/audit_en.ts").read_text(encoding="utf-8")

RECORDED = re.compile(
    r"(?:audit\.|_)record\(\s*session,\s*(?:who|None|principal_of\(user\)),(?:\s*comparison,)?\s*f?\"([a-z_]+\.[a-z_{}]+)\""
)
NAMED_BEFORE = re.compile(r"action = (.*)")


def recorded_actions() -> set[str]:
    found: set[str] = set()
    for path in (REPOSITORY / "backend/services").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(RECORDED.findall(text))
        if "audit.record(session, who, action," in text:
            found |= {name for line in NAMED_BEFORE.findall(text) for name in re.findall(r'"([a-z_]+\.[a-z_]+)"', line)}
    found -= {"job.{kind}", "proposals.{state}"}
    decided = set(ProposalState) - {ProposalState.CORRECTED}  # that is a revision
    return found | {f"job.{kind}" for kind in JobKind} | {f"proposals.{state}" for state in decided}


def test_every_action_has_a_phrase() -> None:
    actions = recorded_actions()
    assert {"case.changed", "comment.added", "label.deleted", "proposals.accepted"} <= actions  # it found them
    phrased = set(re.findall(r"^    '([a-z_]+\.[a-z_]+)':", PHRASES, re.MULTILINE))
    assert actions - phrased == set(), "these need a phrase in audit_en.ts and audit_zh.ts"
