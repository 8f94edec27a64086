"""Webhooks of a project: who is told of what, the log of what was sent, and sending it again.

A delivery is a row before it is sent, so that nothing is lost with Redis or a worker. The sweeper hands due rows to the
queue `io` (`carry`); a worker takes one (`claim`), sends it (workers/webhooks.py) and writes the outcome (`settle`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Webhook, WebhookDelivery
from backend.domain.jobs import Call, DeliverCall, QueueName
from backend.domain.webhooks import BACKOFF, MOST_FAILURES, DeliveryState, InvalidWebhook, WebhookEvent, host_of
from backend.domain.workflow import Action
from backend.errors import NotFound
from backend.services import audit, outbox
from backend.services.access import Principal, require, role_in
from backend.services.paging import Page, page
from backend.stores.queue import JobQueue

CARRIED_FOR = timedelta(seconds=60)
KEPT_FOR = timedelta(days=30)
_BATCH = 100


class WebhookNotFound(NotFound):
    """No such webhook or delivery in the caller's projects. Raised by services.webhooks."""

    code = "webhook_not_found"
    title = "There is no such webhook"


@dataclass(frozen=True, slots=True)
class Message:
    """What a worker sends; `attempt` counts from 1."""

    id: UUID
    url: str
    secret: str
    event: str
    body: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: the HTTP status, or why there is none."""

    status: int | None
    error: str | None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Webhooks:
    def __init__(
        self,
        db: Database,
        queue: JobQueue,
        *,
        private: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`private`: messages may go to addresses that are not public."""
        self._db = db
        self._queue = queue
        self._private = private
        self._clock = clock

    # -- for managers -------------------------------------------------------------------------------------------------
    def of_project(self, who: Principal, project_id: UUID) -> list[Webhook]:
        with self._db.begin() as session:
            require(session, who, project_id, Action.MANAGE)
            return list(session.scalars(select(Webhook).where(Webhook.project_id == project_id).order_by(Webhook.id)))

    def create(self, who: Principal, project_id: UUID, url: str, events: Sequence[WebhookEvent]) -> Webhook:
        """A webhook with a fresh secret, which is not shown again. Raises InvalidWebhook, AddressNotAllowed."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.MANAGE)
            host_of(url.strip(), private=self._private)
            hook = Webhook(
                project_id=project_id,
                url=url.strip(),
                events=_events(events),
                secret=secrets.token_urlsafe(32),
                created_by=who.id,
            )
            session.add(hook)
            session.flush()
            session.refresh(hook)
            audit.record(session, who, "webhook.created", project_id=project_id, subject=hook.id)
            return hook

    def change(
        self, who: Principal, webhook_id: UUID, *, events: Sequence[WebhookEvent] | None, active: bool | None
    ) -> Webhook:
        """Change what it is told of, or switch it on or off. Raises WebhookNotFound, InvalidWebhook."""
        with self._db.begin() as session:
            hook = self._hook(session, who, webhook_id)
            if events is not None:
                hook.events = _events(events)
            if active is not None:
                hook.disabled_at = None if active else hook.disabled_at or self._clock()
                hook.failures = 0 if active else hook.failures
            audit.record(session, who, "webhook.changed", project_id=hook.project_id, subject=hook.id, active=active)
            session.flush()
            return hook

    def delete(self, who: Principal, webhook_id: UUID) -> None:
        """Forget the webhook and its log. Raises WebhookNotFound."""
        with self._db.begin() as session:
            hook = self._hook(session, who, webhook_id)
            audit.record(session, who, "webhook.deleted", project_id=hook.project_id, subject=hook.id)
            session.delete(hook)

    def ping(self, who: Principal, webhook_id: UUID) -> WebhookDelivery:
        """Send a message that says nothing, to try the address. Raises WebhookNotFound."""
        with self._db.begin() as session:
            hook = self._hook(session, who, webhook_id)
            return self._added(session, outbox.add(session, hook, WebhookEvent.PING, {}))

    def deliveries(self, who: Principal, webhook_id: UUID, *, limit: int, cursor: str | None) -> Page[WebhookDelivery]:
        """What was sent or waits to be, the newest first. Raises WebhookNotFound."""
        with self._db.begin() as session:
            hook = self._hook(session, who, webhook_id)
            query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == hook.id)
            return page(session, query, WebhookDelivery.id, limit=limit, cursor=cursor)

    def redeliver(self, who: Principal, delivery_id: UUID) -> WebhookDelivery:
        """Send the very same message once more, now. Raises WebhookNotFound."""
        with self._db.begin() as session:
            delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
            if delivery is None:
                raise WebhookNotFound("This delivery does not exist.")
            hook = self._hook(session, who, delivery.webhook_id)
            delivery.state, delivery.attempts, delivery.next_at = DeliveryState.PENDING, 0, self._clock()
            delivery.carried_at = delivery.finished_at = None
            audit.record(session, who, "webhook.redelivered", project_id=hook.project_id, subject=delivery.id)
            return self._added(session, delivery)

    @staticmethod
    def _hook(session: Session, who: Principal, webhook_id: UUID) -> Webhook:
        hook = session.get(Webhook, webhook_id)
        if hook is None or role_in(session, who, hook.project_id) is None:
            raise WebhookNotFound("This webhook does not exist or is not in one of your projects.")
        require(session, who, hook.project_id, Action.MANAGE)
        return hook

    @staticmethod
    def _added(session: Session, delivery: WebhookDelivery) -> WebhookDelivery:
        session.flush()
        session.refresh(delivery)
        return delivery

    # -- for the sweeper ----------------------------------------------------------------------------------------------
    def carry(self) -> int:
        """Hand what is due to the workers; several processes may. Returns how many messages it was."""
        now = self._clock()
        with self._db.begin() as session:
            due = list(
                session.scalars(
                    select(WebhookDelivery)
                    .where(
                        WebhookDelivery.state == DeliveryState.PENDING,
                        WebhookDelivery.next_at <= now,
                        or_(WebhookDelivery.carried_at.is_(None), WebhookDelivery.carried_at < now - CARRIED_FOR),
                    )
                    .order_by(WebhookDelivery.next_at)
                    .limit(_BATCH)
                    .with_for_update(skip_locked=True)
                )
            )
            for delivery in due:
                delivery.carried_at = now
        for delivery in due:
            call = DeliverCall(delivery_id=delivery.id, attempts=delivery.attempts)
            self._queue.cast(QueueName.IO, Call.DELIVER, call, ttl_s=int(CARRIED_FOR.total_seconds()))
        return len(due)

    def forget_old(self) -> None:
        """Delete what was sent, or given up, more than KEPT_FOR ago."""
        with self._db.begin() as session:
            session.execute(delete(WebhookDelivery).where(WebhookDelivery.finished_at < self._clock() - KEPT_FOR))

    # -- in a worker --------------------------------------------------------------------------------------------------
    def claim(self, call: DeliverCall) -> Message | None:
        """The message for the first worker that asks, None for others. The next attempt is planned at once, so that a
        worker that dies changes nothing."""
        with self._db.begin() as session:
            delivery = session.scalar(
                update(WebhookDelivery)
                .where(
                    WebhookDelivery.id == call.delivery_id,
                    WebhookDelivery.state == DeliveryState.PENDING,
                    WebhookDelivery.attempts == call.attempts,
                )
                .values(
                    attempts=WebhookDelivery.attempts + 1,
                    next_at=self._clock() + BACKOFF[min(call.attempts, len(BACKOFF) - 1)],
                    carried_at=None,
                )
                .returning(WebhookDelivery)
            )
            if delivery is None:
                return None
            hook = session.get_one(Webhook, delivery.webhook_id)
            return Message(
                delivery.id, hook.url, hook.secret, delivery.event, delivery.body.encode(), delivery.attempts
            )

    def settle(self, message: Message, outcome: Outcome) -> None:
        """Write what became of an attempt. Who fails too often in a row is told nothing more."""
        with self._db.begin() as session:
            delivery = session.get(WebhookDelivery, message.id, with_for_update=True)
            if delivery is None or delivery.attempts != message.attempt:
                return  # deleted, or sent again by hand meanwhile
            hook = session.get_one(Webhook, delivery.webhook_id, with_for_update=True)
            delivery.status, delivery.error = outcome.status, outcome.error
            if outcome.is_delivered:
                delivery.state, delivery.finished_at, hook.failures = DeliveryState.DELIVERED, self._clock(), 0
                return
            hook.failures += 1
            if message.attempt > len(BACKOFF):
                delivery.state, delivery.finished_at = DeliveryState.FAILED, self._clock()
            if hook.failures >= MOST_FAILURES and hook.disabled_at is None:
                hook.disabled_at = self._clock()
                audit.record(session, None, "webhook.disabled", project_id=hook.project_id, subject=hook.id)
            if hook.disabled_at is not None and delivery.state == DeliveryState.PENDING:
                delivery.state, delivery.finished_at = DeliveryState.FAILED, self._clock()


def _events(events: Sequence[WebhookEvent]) -> list[str]:
    wanted = sorted({str(event) for event in events if event is not WebhookEvent.PING})
    if not wanted:
        raise InvalidWebhook("It would be told of nothing.", hint="Choose at least one event.")
    return wanted
