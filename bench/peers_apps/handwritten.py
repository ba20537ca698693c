"""What a web team writes by hand: FastAPI, a pipeline, and where $DATABASE is set a committed row before each answer."""
# mypy: ignore-errors
# These programs run in environments of their own, with libraries that ours does not have.

import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import priced
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import JSON, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker


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


class Price(BaseModel):
    """The answer."""

    price: float


class Tables(DeclarativeBase):
    """What the database holds."""


class Exchange(Tables):
    """A request and its response."""

    __tablename__ = "exchanges"
    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    request: Mapped[dict] = mapped_column(JSON)
    response: Mapped[dict] = mapped_column(JSON)


def opened(place: str) -> sessionmaker:
    """Sessions on a PostgreSQL, or on an SQLite file in WAL mode, every commit synced."""
    if place.startswith("postgresql://"):
        engine = create_engine(place, pool_size=40)
        Tables.metadata.create_all(engine)
        return sessionmaker(engine)
    engine = create_engine(f"sqlite:///{place}")

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")

    Tables.metadata.create_all(engine)
    return sessionmaker(engine)


app = FastAPI()
pipeline = priced.load()
sessions = opened(os.environ["DATABASE"]) if "DATABASE" in os.environ else None


@app.post("/predict")
def predict(stone: Stone) -> Price:
    """Plain `def`, so that FastAPI runs it in its thread pool, as its documentation advises for work that blocks."""
    request = stone.model_dump()
    answer = Price(price=priced.prices(pipeline, [request])[0])
    if sessions is not None:
        with sessions.begin() as session:
            session.add(Exchange(id=uuid4().hex, at=datetime.now(UTC), request=request, response=answer.model_dump()))
    return answer
