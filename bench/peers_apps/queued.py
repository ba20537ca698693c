"""What a web team puts together for tasks: FastAPI in front of Celery with Redis, the model loaded once a worker."""
# mypy: ignore-errors
# These programs run in environments of their own, with libraries that ours does not have.

import os

import priced
from celery import Celery
from celery.result import AsyncResult
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

queue = Celery("queued", broker=f"{os.environ['REDIS']}/0", backend=f"{os.environ['REDIS']}/1")
# a task is done again whose worker was lost, as ours are
queue.conf.update(task_acks_late=True, task_reject_on_worker_lost=True, worker_send_task_events=False)
pipeline = priced.load() if os.environ.get("WORKER") else None


class Stone(BaseModel):
    """The question."""

    carat: float
    cut: str
    color: str
    clarity: str
    depth: float
    table: float
    x: float
    y: float
    z: float


@queue.task(name="price")
def price(stones: list) -> list:
    """The prices of some stones."""
    return priced.prices(pipeline, stones)


app = FastAPI()


@app.post("/tasks", status_code=202)
def submit(stone: Stone) -> dict:
    """Queues a stone."""
    return {"id": price.delay([stone.model_dump()]).id}


@app.get("/tasks/{id}")
def task(id: str) -> JSONResponse:
    """How far it is, and its price."""
    found = AsyncResult(id, app=queue)
    state = found.state  # asked for once: it may change between two looks
    if state not in ("SUCCESS", "FAILURE"):
        return JSONResponse({"id": id, "state": state}, 202)
    return JSONResponse({"id": id, "state": state, "score": found.result if state == "SUCCESS" else None})


@app.post("/predict")
def predict(stone: Stone) -> dict:
    """One price, waited for: it shows that everything is there."""
    return {"price": price.delay([stone.model_dump()]).get(timeout=30)[0]}
