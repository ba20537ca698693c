"""The statements by which tasks are claimed and ended: made once, since making one costs more than running it."""

from __future__ import annotations

from sqlalchemy import Integer, String, and_, bindparam, case, or_, select, update

from assay.domain.given.task import TOGETHER
from assay.store.work.queue import jobs

LOST = and_(
    jobs.c.state == "running", or_(jobs.c.lease_boot != bindparam("boot"), jobs.c.lease_until < bindparam("ticks"))
)
QUEUED = and_(jobs.c.state == "queued", jobs.c.run_after <= bindparam("now"))
_OURS = select(
    jobs.c.id, jobs.c.attempts, jobs.c.max_attempts, jobs.c.total, jobs.c.state, jobs.c.cancel_requested
).where(jobs.c.verb == bindparam("verb"), jobs.c.model == bindparam("model")).limit(bindparam("most", type_=Integer))  # fmt: skip
OURS_LOST = _OURS.where(LOST).order_by(jobs.c.id)
OURS_QUEUED = _OURS.where(QUEUED).order_by(jobs.c.run_after, jobs.c.id)
LOST_OF_ALL = select(jobs.c.verb, jobs.c.model).where(LOST, jobs.c.verb.in_(TOGETHER)).distinct()
# one seek in the index leads to the next model, however many jobs each has
NEXT_MODEL = select(jobs.c.model, jobs.c.run_after).where(
    jobs.c.state == "queued", jobs.c.verb == bindparam("verb"), jobs.c.model > bindparam("last")
).order_by(jobs.c.model, jobs.c.run_after).limit(1)  # fmt: skip
_CHOSEN = jobs.c.id.in_(bindparam("ids", expanding=True))
CLAIM = update(jobs).where(_CHOSEN).values(
    state="running", token=bindparam("now_token"), worker=bindparam("now_worker"), started_at=bindparam("now_at"), code="",
    error="", attempts=jobs.c.attempts + bindparam("one_more"), lease_until=bindparam("until"),
    lease_boot=bindparam("boot"),
).returning(jobs.c.id, jobs.c.arguments, jobs.c.total, jobs.c.attempts, jobs.c.max_attempts)  # fmt: skip
ANYBODYS = select(jobs.c.id, jobs.c.cancel_requested).where(_CHOSEN)
HELD = ANYBODYS.where(jobs.c.state == "running", jobs.c.token == bindparam("held_by"))
_told = bindparam("told", type_=String)
END = update(jobs).where(jobs.c.id == bindparam("job")).values(
    state=_told, result=bindparam("came_of_it"), code=bindparam("named"), error=bindparam("said"),
    finished_at=bindparam("at_last"), done=case((_told == "succeeded", jobs.c.total), else_=0), lease_until=None,
    lease_boot=None,
)  # fmt: skip
