"""All tables. Rows are records of what happened or of what is; rules about them live in the services.

Times are UTC. Identifiers are UUIDv7. `revisions`, `revision_slices`, `learned_prompts`, `audit_events`,
`comparison_pairs` and `comparison_votes` are append-only: services only insert, an ORM listener refuses anything else,
and so does a trigger in the database (migrations).
"""

from __future__ import annotations

from backend.db.tables.annotations import (
    Agreement,
    Annotation,
    AnnotationEffort,
    AnnotationWork,
    Comment,
    CountedAnnotation,
    CurrentMask,
    Measurement,
    Revision,
    RevisionSlice,
)
from backend.db.tables.base import Base
from backend.db.tables.comparisons import Comparison, ComparisonPair, ComparisonReader, ComparisonTurn, ComparisonVote
from backend.db.tables.images import (
    NO_DUE_DATE,
    URGENCY,
    Case,
    DicomInstance,
    DiscardedObject,
    Intake,
    IntakeFile,
    Lease,
    Original,
    Reading,
    VolumeRow,
)
from backend.db.tables.learning import ActivePrompt, LearnedPromptRow, Proposal
from backend.db.tables.people import Credential, Identity, User
from backend.db.tables.projects import LabelRow, LabelSet, Member, Project, Pseudonym
from backend.db.tables.work import AuditEvent, Job, Webhook, WebhookDelivery

APPEND_ONLY = (Revision, RevisionSlice, LearnedPromptRow, AuditEvent, ComparisonPair, ComparisonVote)

__all__ = [
    "APPEND_ONLY",
    "NO_DUE_DATE",
    "URGENCY",
    "ActivePrompt",
    "Agreement",
    "Annotation",
    "AnnotationEffort",
    "AnnotationWork",
    "AuditEvent",
    "Base",
    "Case",
    "Comment",
    "Comparison",
    "ComparisonPair",
    "ComparisonReader",
    "ComparisonTurn",
    "ComparisonVote",
    "CountedAnnotation",
    "Credential",
    "CurrentMask",
    "DicomInstance",
    "DiscardedObject",
    "Identity",
    "Intake",
    "IntakeFile",
    "Job",
    "LabelRow",
    "LabelSet",
    "LearnedPromptRow",
    "Lease",
    "Measurement",
    "Member",
    "Original",
    "Project",
    "Proposal",
    "Pseudonym",
    "Reading",
    "Revision",
    "RevisionSlice",
    "User",
    "VolumeRow",
    "Webhook",
    "WebhookDelivery",
]
