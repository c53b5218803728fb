"""Imports of any size (`workflow/jobs.py`), as the page starts, follows and stops them.

`POST /imports?name=&who=&labels=&go=`: the body is a ZIP, or empty where files follow
in batches, each to `POST /imports/<id>/files/<number>` as they are sent to a tray. They
are let in like all uploads (`routes/answers.py`) and lie on disk from their first byte.
`POST /imports/<id>/<act>`: `received` says that all batches are there; then `go`,
`pause`, `resume`, `cancel`. `go=0` has the pictures counted and a person asked first.
`GET /imports` and `GET /imports/<id>` say how far they are. Every answer is the job.
"""

import asyncio
import os
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from routes.answers import HEADERS, Asked, BadRequest
from routes.upload import longest_batch, parse_list
from workflow.jobs import Job, Jobs, NoSuchJob, TooManyJobs, jobs

GONE = "There is no such import."
MOST_NAME = 500
MOST_BATCHES = 10_000
"""Of one import: a million files, or 300 GB."""
ACTS: dict[str, Callable[[Jobs, str, bool, bool], Job]] = {
    "received": lambda all_, job, labels, go: all_.received(job, go=go),
    "go": lambda all_, job, labels, go: all_.go(job, labels=labels),
    "pause": lambda all_, job, labels, go: all_.pause(job),
    "resume": lambda all_, job, labels, go: all_.resume(job),
    "cancel": lambda all_, job, labels, go: all_.cancel(job),
}


def _answer(job: Job) -> Response:
    return JSONResponse(job.as_data(), headers=HEADERS)


def _wants(asked: Asked, what: str) -> bool:
    return asked.request.query_params.get(what, "1") != "0"


def _new(asked: Asked) -> Job:
    name = asked.request.query_params.get("name", "")[:MOST_NAME] or "pictures"
    try:
        return jobs().new(name, asked.sender.person, labels=_wants(asked, "labels"))
    except TooManyJobs as problem:
        raise BadRequest(503, str(problem)) from problem


async def begin_import(asked: Asked) -> Response:
    """`POST /imports`: a ZIP, or the announcement of batches."""
    job = await asyncio.to_thread(_new, asked)
    if asked.request.headers.get("content-length") == "0":
        return _answer(job)
    try:
        await asked.archive(jobs().zip_place(job.id))
        go = _wants(asked, "go")
        return _answer(await asyncio.to_thread(jobs().received, job.id, go=go))
    except BaseException:  # also where the browser has gone: half a ZIP is none
        await asyncio.to_thread(jobs().cancel, job.id)
        raise


async def add_files(asked: Asked) -> Response:
    """`POST /imports/<id>/files/<number>`: a batch; sent twice it counts once."""
    number = asked.request.path_params["number"]
    if number >= MOST_BATCHES:
        raise BadRequest(413, "More files at once than may be.")
    try:
        place = jobs().batch_place(asked.request.path_params["job"], number)
    except NoSuchJob as problem:
        raise BadRequest(404, GONE) from problem
    part = place.with_suffix(".part")
    try:
        file = await asked.batch(longest_batch(), part)
        await asyncio.to_thread(parse_list, file)
        await asyncio.to_thread(os.replace, part, place)
    finally:
        part.unlink(missing_ok=True)
    return JSONResponse({}, headers=HEADERS)


async def steer_import(asked: Asked) -> Response:
    """`POST /imports/<id>/<act>`: one of `ACTS`."""
    act = ACTS.get(asked.request.path_params["act"])
    if act is None:
        raise BadRequest(404, "An import cannot do that.")
    job_id, labels, go = (
        asked.request.path_params["job"],
        _wants(asked, "labels"),
        _wants(asked, "go"),
    )
    try:
        return _answer(await asyncio.to_thread(act, jobs(), job_id, labels, go))
    except NoSuchJob as problem:
        raise BadRequest(404, GONE) from problem


async def imports(_: Request) -> Response:
    """`GET /imports`: all there are, the newest first."""
    found = await asyncio.to_thread(jobs().all)
    return JSONResponse([job.as_data() for job in found], headers=HEADERS)


async def one_import(request: Request) -> Response:
    """`GET /imports/<id>`: how far it is."""
    try:
        return _answer(await asyncio.to_thread(jobs().get, request.path_params["job"]))
    except NoSuchJob:
        return PlainTextResponse(GONE, 404, headers=HEADERS)
