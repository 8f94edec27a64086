"""Background jobs and interactive calls: their kinds, queues, payloads.

A background job is a row in `jobs`; the queue carries only its id. An interactive call (`Call`) has no row: somebody
waits for the answer and asks again when it is lost.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from backend.domain.learning import Generator, PromptKind
from backend.domain.reading import ConsensusMethod
from backend.errors import AppError, Conflict, TooManyRequests, Unavailable


class QueueName(StrEnum):
    CLICK = "click"
    ENCODE = "encode"
    TRAIN = "train"
    EVALUATE = "evaluate"
    """apart from `train`: a worker of both takes it last, and interrupts it for learning"""
    IO = "io"


class JobKind(StrEnum):
    IMPORT = "import"
    EXPORT = "export"
    LEARN_PROMPT = "learn_prompt"
    AUTO_SEGMENT = "auto_segment"
    PROPAGATE = "propagate"
    EVALUATE = "evaluate"
    ARCHIVE = "archive"
    RESTORE = "restore"
    AGREEMENT = "agreement"
    CONSENSUS = "consensus"
    COMPARE = "compare"
    PULL = "pull"
    PUSH = "push"
    BLANK = "blank"
    IMPORT_MASKS = "import_masks"


QUEUE_OF: dict[JobKind, QueueName] = {
    JobKind.IMPORT: QueueName.IO,
    JobKind.EXPORT: QueueName.IO,
    JobKind.LEARN_PROMPT: QueueName.TRAIN,
    JobKind.AUTO_SEGMENT: QueueName.TRAIN,
    JobKind.PROPAGATE: QueueName.TRAIN,
    JobKind.ARCHIVE: QueueName.IO,
    JobKind.RESTORE: QueueName.IO,
    JobKind.PULL: QueueName.IO,
    JobKind.PUSH: QueueName.IO,
    JobKind.BLANK: QueueName.IO,
    JobKind.EVALUATE: QueueName.EVALUATE,
    JobKind.AGREEMENT: QueueName.IO,
    JobKind.CONSENSUS: QueueName.IO,
    JobKind.IMPORT_MASKS: QueueName.IO,
    JobKind.COMPARE: QueueName.EVALUATE,
}

LEARNING_KINDS = (JobKind.LEARN_PROMPT, JobKind.AUTO_SEGMENT, JobKind.PROPAGATE)


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class JobMessage(StrEnum):
    """What jobs say that pages say in their own language; the numbers that go with it are named in brackets."""

    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    """a newer request took the job's place"""
    WORKER_LOST = "worker_lost"
    """the job is tried once more"""
    READING_SLICES = "reading_slices"
    TRYING = "trying"
    """learning without a slice, to be judged by it (slices)"""
    LEARNING = "learning"
    """(slices)"""
    LOCATING = "locating"
    """learning where the label is"""
    PROPOSING = "proposing"
    """(done, of)"""
    COMPARING = "comparing"
    """(done, of)"""
    PULLING = "pulling"
    """receiving images from another server (done, of)"""
    PUSHING = "pushing"
    """sending masks to another server"""
    BLANKING = "blanking"
    """making rectangles of images blank (done, of)"""
    PLACING_MASKS = "placing_masks"
    """(done, of) files of masks"""
    FOLLOWING = "following"
    """(slice), counted from 1"""
    PACKING_RECORDS = "packing_records"
    PACKING_IMAGES = "packing_images"
    """(done, of)"""
    PACKING_MASKS = "packing_masks"
    """(done, of)"""
    CHECKING_ARCHIVE = "checking_archive"
    """(done, of) files"""
    RESTORING_RECORDS = "restoring_records"
    RESTORING_IMAGES = "restoring_images"
    """(done, of)"""


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class UploadedFile(_Payload):
    """One file of an upload as it lies in the object store. What it is called lies there too (services.imports): names
    of files may be names of patients, and rows of jobs stay."""

    key: str
    size_bytes: int


class ImportPayload(_Payload):
    """What to import: uploaded files, the samples, or what was received of a DICOM study and awaits import."""

    project_id: UUID
    files: tuple[UploadedFile, ...] = ()
    samples: bool = False
    study_uid: str | None = None


ExportFormat = Literal["nifti", "nrrd", "dicom-seg", "dicom-seg-labelmap", "rtstruct", "dicom-sr", "png", "coco"]


class ExportPayload(_Payload):
    case_id: UUID
    format: str
    annotator_id: UUID | None = None


class ArchivePayload(_Payload):
    """A project as one file. `images`: with the voxels and the original files; `masks`: also as NIfTI and DICOM SEG."""

    project_id: UUID
    images: bool = True
    masks: bool = True


class RestorePayload(_Payload):
    """An uploaded archive of a project. With a `name` it becomes a project of that name beside the one it was made of,
    if that is here."""

    files: tuple[UploadedFile, ...]
    name: str | None = None


class AgreementPayload(_Payload):
    """Compare the readers of a project. Surfaces agree within `tolerance_mm`."""

    project_id: UUID
    tolerance_mm: float


class ConsensusPayload(_Payload):
    """One mask for the reviewer out of what these people drew on a case."""

    case_id: UUID
    method: ConsensusMethod
    reader_ids: tuple[UUID, ...]
    reviewer_id: UUID


class ComparePayload(_Payload):
    """Compute the masks of a blinded comparison."""

    comparison_id: UUID


class PullPayload(_Payload):
    """Studies to fetch from a configured DICOMweb server, kept in the name of a person."""

    project_id: UUID
    server: str
    study_uids: tuple[str, ...]
    user_id: UUID


class PushPayload(_Payload):
    """Masks to send to a configured DICOMweb server."""

    server: str
    export: ExportPayload


class BlankScope(StrEnum):
    """Where rectangles are made blank."""

    SLICE = "slice"
    VOLUME = "volume"
    CASE = "case"
    """every slice of all images of the case that have the same size"""


class BlankPayload(_Payload):
    """Rectangles (left, top, right, bottom) of a slice to make blank, in the name of a person."""

    volume_id: UUID
    slice_index: int
    rectangles: tuple[tuple[int, int, int, int], ...]
    scope: BlankScope
    user_id: UUID


class LearningPayload(_Payload):
    """What learning is about. Without a volume: all pictures (volumes of one slice) of the label's project; without a
    model: the installation's (filled in when the job is queued)."""

    volume_id: UUID | None
    label_id: UUID
    annotator_id: UUID
    model: str | None = None
    seed: int = 0

    @property
    def subject(self) -> str:
        """Of one kind, only the newest job of a subject is wanted."""
        return f"{self.volume_id or 'pictures'}/{self.label_id}/{self.annotator_id}"


class LearnPromptPayload(LearningPayload):
    automatic: bool = False


class AutoSegmentPayload(LearningPayload):
    """`targets`: the slices to propose on, None for all that are not annotated. `top_k`: at most so many parts a slice;
    `per_component`: one prompt for each part, for many instances. If it or `prompts` is None, the examples decide."""

    generator: Generator = Generator.SAPNET
    prompts: PromptKind | None = None
    per_component: bool | None = None
    top_k: int | None = None
    targets: tuple[int, ...] | None = None


class PropagatePayload(LearningPayload):
    """From slice `start` upwards (1), downwards (-1) or both (None), at most `most_slices` each way."""

    start: int
    direction: Literal[1, -1] | None = None
    most_slices: int | None = None


class SliceSource(_Payload):
    """How a worker finds the pixels of one slice without asking the database. `window` is (width, center)."""

    voxels_hash: str
    slice_index: int
    size_hw: tuple[int, int]
    window: tuple[float, float] | None
    model: str
    embedding_key: str


class Call(StrEnum):
    """Interactive calls."""

    PREDICT = "predict"
    ENCODE = "encode"
    DELIVER = "deliver"


class DeliverCall(_Payload):
    """A webhook's message to send, if it still has had so many attempts."""

    delivery_id: UUID
    attempts: int


class EncodeCall(_Payload):
    source: SliceSource


class PredictCall(_Payload):
    """Points are (x, y, positive) in voxel indices; the box has both corners inside; the mask is COCO RLE counts.
    With a `learned_prompt` the model answers as it was taught; the mask changes only `around` these places (x, y), if
    there are any."""

    source: SliceSource
    points: tuple[tuple[float, float, bool], ...]
    box_xyxy: tuple[float, float, float, float] | None
    mask_counts: str | None
    learned_prompt: UUID | None = None
    around: tuple[tuple[float, float], ...] = ()


class ModelInfo(_Payload):
    """What a worker announces of a model that it can load."""

    checksum: str
    preprocessing: str


class PredictAnswer(_Payload):
    """`counts` is the mask as COCO compressed RLE of the slice's size; times are milliseconds in the worker."""

    counts: str
    score: float
    encoded_now: bool
    encode_ms: float
    decode_ms: float


class JobCancelled(AppError):
    """Raised inside a running job when somebody asked it to stop. Caught by workers.runtime only."""

    code = "job_cancelled"
    title = "The job was cancelled"


class WorkerStopping(AppError):
    """Raised inside a running job whose worker was asked to stop. Caught by workers.runtime only."""

    code = "worker_stopping"
    title = "The worker is stopping"


class JobIsOver(Conflict):
    """A finished job cannot be cancelled. Raised by services.jobs."""

    code = "job_is_over"
    title = "The job is already over"


class TooManyJobs(TooManyRequests):
    """The caller has as many unfinished learning jobs as one person may. Raised by services.learning."""

    code = "too_many_jobs"
    title = "Too many jobs are waiting"


class NoWorker(Unavailable):
    """No process serves the queue that the request needs. Raised by stores.queue, segmentation and learning."""

    code = "no_worker"
    title = "No worker is running"


class CallTimedOut(Unavailable):
    """A worker is there but did not answer in time. Raised by stores.queue."""

    code = "worker_timeout"
    title = "The worker did not answer in time"


class WorkerFailed(Unavailable):
    """The worker answered with an unexpected failure. Raised by stores.queue."""

    code = "worker_failed"
    title = "The worker failed"


class QueueUnavailable(Unavailable):
    """Redis cannot be reached. Raised by stores.queue and stores.embeddings."""

    code = "queue_unavailable"
    title = "The queue cannot be reached"


class ModelMissing(Unavailable):
    """No running worker has the model that the request names. Raised by services.segmentation."""

    code = "model_missing"
    title = "The model is not available"


class WorkerLost(Unavailable):
    """A job's worker stopped without a word, twice. Stored on the job by services.jobs."""

    code = "worker_lost"
    title = "The worker was lost"
