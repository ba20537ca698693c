"""Made-up users with their interests and what they have read: the same for the same seed, with a relation that can be learnt."""

from __future__ import annotations

import json
from functools import cache
from uuid import UUID

import numpy as np
import polars as pl

from model import FIELDS, INTERESTS

KISIZA = "e337a675-46f5-437e-aa72-5d43643b5461"
USERS, SEED = 4_000, 42
SILENT = 0.1  # the share of users who have read nothing yet
MOST_READ = 15
ABOUT_OTHERS = 0.25  # the share of titles that are about no interest of the reader
SEPARATOR = " / "
FORMS = (
    "{} and {}", "The {} of {}", "A guide to {}: {}", "Why {} matters for {}", "{}, {} and you", "From {} to {}",
    "Ten facts about {} and {}", "{} without {}",
)  # fmt: skip
SOUNDS = "ba be da do fa ga ke ki la lo ma mi na no ra ri sa si ta to va wa ya za".split()


def users(count: int = USERS, seed: int = SEED) -> pl.DataFrame:
    """Every user with the titles that he has read, joined by a separator: `id, name, type, content_titles`."""
    known, read = people(count, seed).select("id", "name", "type"), activity(count, seed)
    joined = read.group_by("id", maintain_order=True).agg(pl.col("title").str.join(SEPARATOR).alias("content_titles"))
    return known.join(joined, on="id", how="left", maintain_order="left").with_columns(
        pl.col("content_titles").fill_null("")
    )


def rows(count: int = USERS, seed: int = SEED) -> pl.DataFrame:
    """What users are interested in, to learn from: `id, interests`; what else is known of them is in the feature table."""
    return people(count, seed).select("id", "interests")


@cache
def people(count: int, seed: int) -> pl.DataFrame:
    """Users with their interests, a JSON list: some are liked by many, and companies like others than consumers do."""
    draw = np.random.default_rng(seed)
    labels = np.array(list(INTERESTS))
    liked = {kind: draw.permutation(1 / np.arange(3, len(labels) + 3)) for kind in ("B2B", "B2C")}
    kinds = draw.choice(["B2B", "B2C"], count, p=[0.35, 0.65])
    kinds[0] = "B2B"
    found = []
    for kind in kinds:
        wanted = int(draw.integers(1, 6))
        found.append(draw.choice(labels, wanted, replace=False, p=liked[str(kind)] / liked[str(kind)].sum()).tolist())
    names = ["".join(draw.choice(SOUNDS, 3)).title() for _ in range(count)]
    ids = [str(UUID(bytes=draw.bytes(16), version=4)) for _ in range(count)]
    ids[0], names[0] = KISIZA, "Kisiza"
    told = [json.dumps(one) for one in found]
    return pl.DataFrame({"id": ids, "name": names, "type": kinds, "interests": told})


def activity(count: int = USERS, seed: int = SEED) -> pl.DataFrame:
    """What was read, one title a row: `id, title`; most titles are about an interest of the reader."""
    draw = np.random.default_rng(seed + 1)
    subjects, labels = words(seed), list(INTERESTS)
    read: dict[str, list[str]] = {"id": [], "title": []}
    for user, told in people(count, seed).select("id", "interests").iter_rows():
        own = json.loads(told)
        silent = draw.random() < SILENT and user != KISIZA
        for _ in range(0 if silent else int(draw.integers(1, MOST_READ + 1))):
            about = str(draw.choice(labels if draw.random() < ABOUT_OTHERS else own))
            read["id"].append(user)
            read["title"].append(str(draw.choice(FORMS)).format(*draw.choice(subjects[about], 2, replace=False)))
    return pl.DataFrame(read)


@cache
def words(seed: int) -> dict[str, list[str]]:
    """The words of titles about an interest: some of its own, and some of its whole field of work."""
    draw = np.random.default_rng(seed + 2)
    coined = iter(dict.fromkeys("".join(draw.choice(SOUNDS, 4)).title() for _ in range(1_000)))
    found: dict[str, list[str]] = {}
    for labels in FIELDS.values():
        shared = [next(coined) for _ in range(6)]
        found |= {label: [*label.title().split(), *(next(coined) for _ in range(4)), *shared] for label in labels}
    return found
