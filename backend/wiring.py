"""The composition root: settings in, the whole object graph out. One graph per process; nothing is made elsewhere."""

from __future__ import annotations

import os
from dataclasses import dataclass

from backend.db.session import Database
from backend.errors import Rejected
from backend.metrics import Metrics
from backend.services.accounts import Accounts
from backend.services.agreements import Agreements
from backend.services.annotations import Annotations
from backend.services.archives import Archives
from backend.services.audit import AuditLog
from backend.services.cases import Cases
from backend.services.comments import Comments
from backend.services.comparisons import Comparisons
from backend.services.consensus import ConsensusProposals
from backend.services.content import Content
from backend.services.dicom_index import DicomIndex
from backend.services.dicom_projects import DicomProjects
from backend.services.dicom_query import DicomQuery
from backend.services.dicom_remote import DicomRemote
from backend.services.dicom_store import DicomStore
from backend.services.effort import Efforts
from backend.services.evaluations import Evaluations
from backend.services.exports import Exports
from backend.services.imports import Imports
from backend.services.intakes import Intakes
from backend.services.isolation import Isolation
from backend.services.jobs import Jobs
from backend.services.judging import Judging
from backend.services.label_sets import LabelSets
from backend.services.learned_prompts import LearnedPrompts
from backend.services.learning import Learning
from backend.services.leases import Leases
from backend.services.login_limits import LoginLimits
from backend.services.mask_imports import MaskImports
from backend.services.measurements import Measurements
from backend.services.networks import Networks
from backend.services.oidc import Admission, SingleSignOn
from backend.services.oidc_logout import ProviderLogout
from backend.services.oidc_provider import Provider
from backend.services.people import People
from backend.services.privacy import PrivacyService
from backend.services.projects import Projects
from backend.services.proposals import Proposals
from backend.services.readings import Readings
from backend.services.rounds import Rounds
from backend.services.segmentation import Segmentation
from backend.services.sessions import Sessions
from backend.services.statistics import Statistics
from backend.services.system import System
from backend.services.text_in_pixels import TextInPixels
from backend.services.volumes import Volumes
from backend.services.webhooks import Webhooks
from backend.settings import Settings
from backend.stores.embeddings import Embeddings
from backend.stores.objects import Objects
from backend.stores.planes import Planes
from backend.stores.queue import JobQueue


class ServicesNotConfigured(Rejected):
    """A process other than `sammed up` was started without the addresses of its services. Raised by wiring."""

    code = "services_not_configured"
    title = "The services' addresses are missing"


CLEANING_PROCESSES = min(4, max(1, (os.cpu_count() or 2) // 2))
"""Processes that take patients out of what is received, apart from those that draw pictures, which somebody awaits."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a process needs, ready to use."""

    settings: Settings
    db: Database
    objects: Objects
    embeddings: Embeddings
    queue: JobQueue
    accounts: Accounts
    single_sign_on: SingleSignOn
    provider_logout: ProviderLogout
    sessions: Sessions
    people: People
    audit_log: AuditLog
    projects: Projects
    privacy: PrivacyService
    label_sets: LabelSets
    cases: Cases
    readings: Readings
    rounds: Rounds
    agreements: Agreements
    consensus: ConsensusProposals
    comparisons: Comparisons
    judging: Judging
    leases: Leases
    comments: Comments
    measurements: Measurements
    statistics: Statistics
    efforts: Efforts
    volumes: Volumes
    content: Content
    text_in_pixels: TextInPixels
    annotations: Annotations
    segmentation: Segmentation
    learned_prompts: LearnedPrompts
    learning: Learning
    proposals: Proposals
    networks: Networks
    jobs: Jobs
    imports: Imports
    intakes: Intakes
    mask_imports: MaskImports
    exports: Exports
    webhooks: Webhooks
    archives: Archives
    dicom_index: DicomIndex
    dicom_query: DicomQuery
    dicom_store: DicomStore
    dicom_projects: DicomProjects
    dicom_remote: DicomRemote
    isolation: Isolation
    cleaning: Isolation
    evaluations: Evaluations
    system: System
    metrics: Metrics

    def close(self) -> None:
        self.isolation.close()
        self.cleaning.close()
        self.queue.close()
        self.embeddings.close()
        self.db.close()


def build_services(settings: Settings) -> Services:
    """Connect to nothing yet: pools connect when first used. Raises ServicesNotConfigured."""
    if not (settings.database_url and settings.redis_url and settings.cache_redis_url):
        raise ServicesNotConfigured(
            "SAMMED_DATABASE_URL, SAMMED_REDIS_URL and SAMMED_CACHE_REDIS_URL must be set.",
            hint="`sammed up` starts private services and sets them for its processes.",
        )
    db = Database(settings.database_url)
    objects = Objects(settings.objects_location)
    embeddings = Embeddings(settings.cache_redis_url, ttl_s=settings.embedding_ttl_s)
    queue = JobQueue(settings.redis_url)
    planes = Planes(objects, settings.data_dir / "cache" / "planes", max_bytes=settings.plane_cache_bytes)
    volumes = Volumes(db, planes)
    jobs = Jobs(db, queue)
    learned_prompts = LearnedPrompts(db)
    segmentation = Segmentation(
        db, queue, embeddings, learned_prompts, default_model=settings.model, timeout_s=settings.click_timeout_s
    )
    learning = Learning(db, queue, jobs, learned_prompts, segmentation)
    annotations = Annotations(db, learning)
    proposals = Proposals(db, annotations)
    limits = LoginLimits(queue.redis)
    provider = provider_of(settings)
    accounts = Accounts(db, limits, passwords=not settings.oidc_only)
    privacy = PrivacyService(db, secret=settings.privacy_key, folder=settings.data_dir)
    isolation, cleaning = Isolation(), Isolation(CLEANING_PROCESSES)
    content = Content(db, objects, embeddings, planes)
    return Services(
        settings=settings,
        db=db,
        objects=objects,
        embeddings=embeddings,
        queue=queue,
        accounts=accounts,
        single_sign_on=SingleSignOn(db, queue.redis, accounts, limits, provider, _admission(settings)),
        provider_logout=ProviderLogout(db, queue.redis, provider),
        sessions=Sessions(db),
        people=People(db, accounts),
        audit_log=AuditLog(db),
        projects=Projects(db, accounts),
        privacy=privacy,
        label_sets=LabelSets(db),
        cases=Cases(db),
        readings=Readings(db),
        rounds=Rounds(db),
        agreements=Agreements(db, jobs),
        consensus=ConsensusProposals(db, jobs, proposals),
        comparisons=Comparisons(db, queue, jobs, segmentation),
        judging=Judging(db),
        leases=Leases(db),
        comments=Comments(db),
        measurements=Measurements(db, volumes, objects),
        statistics=Statistics(db),
        efforts=Efforts(db),
        volumes=volumes,
        content=content,
        text_in_pixels=TextInPixels(db, jobs),
        annotations=annotations,
        segmentation=segmentation,
        learned_prompts=learned_prompts,
        learning=learning,
        proposals=proposals,
        networks=Networks(db, objects),
        jobs=jobs,
        imports=Imports(
            db, objects, jobs, privacy, max_bytes=settings.upload_max_bytes, max_files=settings.upload_max_files
        ),
        intakes=Intakes(
            db, objects, jobs, privacy, max_bytes=settings.upload_max_bytes, max_files=settings.upload_max_files
        ),
        mask_imports=MaskImports(
            db, objects, jobs, annotations, learning, privacy, max_bytes=settings.upload_max_bytes
        ),
        webhooks=Webhooks(db, queue, private=settings.webhook_private),
        exports=Exports(db, objects, jobs),
        archives=Archives(db, objects, jobs, max_bytes=settings.upload_max_bytes),
        dicom_index=DicomIndex(db),
        dicom_query=DicomQuery(db),
        dicom_store=DicomStore(
            db,
            objects,
            jobs,
            privacy,
            cleaning,
            content,
            max_bytes=settings.upload_max_bytes,
            max_files=settings.upload_max_files,
        ),
        dicom_projects=DicomProjects(db, default=settings.dicomweb_project),
        dicom_remote=DicomRemote(db, jobs, settings.dicomweb_servers),
        isolation=isolation,
        cleaning=cleaning,
        evaluations=Evaluations(db, objects, queue, jobs, segmentation),
        system=System(db, queue, embeddings, objects, segmentation),
        metrics=Metrics(),
    )


def provider_of(settings: Settings) -> Provider | None:
    """The organisation's sign-in service, if one is configured."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    return Provider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)


def _admission(settings: Settings) -> Admission:
    domains = (settings.oidc_domains or "").lower().split(",")
    return Admission(
        email_claim=settings.oidc_email_claim,
        trust_email=settings.oidc_trust_email,
        admit_new=settings.oidc_new_people == "admit",
        domains=tuple(domain.strip() for domain in domains if domain.strip()),
        roles=settings.oidc_roles,
    )
