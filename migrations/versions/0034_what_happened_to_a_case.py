"""What happened to one case is found in the log without reading all of it."""

from __future__ import annotations

from alembic import op

revision = "0034"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("audit_by_subject", "audit_events", ["subject", "at"])


def downgrade() -> None:
    op.drop_index("audit_by_subject", "audit_events")
