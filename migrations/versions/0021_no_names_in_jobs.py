"""Names of uploaded files may be names of patients: they leave the payloads of jobs, in which they stayed for good."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        update jobs set payload = jsonb_set(payload, '{files}', (
            select coalesce(jsonb_agg(file - 'name' order by place), '[]'::jsonb)
            from jsonb_array_elements(payload -> 'files') with ordinality as files (file, place)
        )) where kind in ('import', 'import_masks', 'restore') and jsonb_array_length(payload -> 'files') > 0
    """)


def downgrade() -> None:
    pass
