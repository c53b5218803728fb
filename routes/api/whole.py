"""What is asked of all pictures together: counts, the model, the data set."""

import shutil
from typing import IO

from starlette.responses import Response

from dataset.write import NothingToExport, Options, export_zip
from db import wilson
from routes.answers import Asked, Held
from routes.api import shapes
from routes.api.door import Refusal, in_thread, json, options
from routes.api.pictures import classifier, selected
from routes.export import MANY, downloads
from routes.spool import SpoolFull
from workflow import resources
from workflow.jobs import Job, NoSuchJob, TooManyJobs, jobs

NO_JOB = "There is no such import."


def _share(part: int, whole: int) -> shapes.Share | None:
    """A share of pictures, each counted once, with its interval."""
    if not whole:
        return None
    return shapes.Share(part / whole, *wilson(part, whole), whole)


def _statistics() -> shapes.Statistics:
    database = resources.database()
    counts, sample = database.statistics(), database.sample()
    fair = sample.estimate() if sample else None
    several, agreed = database.agreement()
    return shapes.Statistics(
        counts.total,
        counts.reviewed,
        counts.unreviewed,
        counts.correct,
        [shapes.LabelFigures(c.label, c.correct, c.incorrect) for c in counts.classes],
        shapes.Share(fair.share, fair.low, fair.high, fair.checked) if fair else None,
        _share(agreed, several),
    )


async def show_statistics(asked: Asked) -> Response:
    """Count pictures, reviews and right answers, as the sidebar does."""
    options(asked, shapes.Nothing)
    return json(await in_thread(_statistics))


def _model() -> shapes.Model:
    model = classifier()
    right: dict[str, shapes.Share] = {}
    for name, found in model.bundle.card.get("figures", {}).items():
        if isinstance(found, dict) and {"n", "top1"} <= set(found):
            number = int(found["n"])
            share = _share(round(found["top1"] / 100 * number), number)
            right |= {name: share} if share else {}
    published = model.bundle.version
    return shapes.Model(
        model.version, published, model.engine, list(model.classes), right
    )


async def show_model(asked: Asked) -> Response:
    """Tell which version answers, and how often it was right when it was measured."""
    options(asked, shapes.Nothing)
    return json(await in_thread(_model))


async def send_export(asked: Asked) -> Response:
    """Download the data set, or a part of it, as on the page.

    `changed` counts from the last download of these pictures, by anybody.
    """
    asks = options(asked, shapes.ExportOptions)
    if asks.state == "trash":
        raise Refusal(422, "What is in the trash is not exported: restore it first.")
    query = selected(asks)
    chosen = Options(asks.unreviewed, asks.changed, asks.split)
    try:
        asked.place.enter_context(downloads.place(asked.sender.visitor))
        pieces = await in_thread(
            lambda: export_zip(resources.database(), query, chosen, asked.sender.person)
        )
    except SpoolFull as full:
        raise Refusal(503, MANY) from full
    except NothingToExport as nothing:
        raise Refusal(404, str(nothing)) from nothing
    if asked.request.method == "HEAD":  # one taken to its end is noted as a download
        pieces = iter(())
    named = {"Content-Disposition": 'attachment; filename="dataset.zip"'}
    held = asked.place.pop_all()
    return Held(pieces, held, media_type="application/zip", headers=named)


def _kept(file: IO[bytes], asks: shapes.ImportOptions, who: str) -> Job:
    """Hand over a ZIP to the work in the background."""
    try:
        job = jobs().new(asks.name, who, labels=asks.labels)
    except TooManyJobs as many:
        raise Refusal(503, str(many)) from many
    with jobs().zip_place(job.id).open("wb") as place:
        shutil.copyfileobj(file, place, 2**20)
    return jobs().received(job.id)


def _told(job: Job) -> shapes.Job:
    return shapes.Job(*(getattr(job, name) for name in shapes.Job.__struct_fields__))


async def start_import(asked: Asked) -> Response:
    """Import a ZIP: pictures, an export of this application, or another data set.

    The ZIP is the whole body, of 2 GB at most. It is read in the background; `Location`
    names where to ask how far it is.
    """
    asks = options(asked, shapes.ImportOptions)
    file = await asked.archive()
    file.seek(0)
    job = await in_thread(_kept, file, asks, asked.sender.person)
    place = str(asked.request.url.path).removesuffix("import") + f"jobs/{job.id}"
    return json(_told(job), 202, Location=place)


def _job(job_id: str, who: str) -> shapes.Job:
    try:
        job = jobs().get(job_id)
    except NoSuchJob as gone:
        raise Refusal(404, NO_JOB) from gone
    if job.who != who:  # another program's, or a person's
        raise Refusal(404, NO_JOB)
    return _told(job)


async def show_job(asked: Asked) -> Response:
    """Tell how far an import is that this program has started."""
    options(asked, shapes.Nothing)
    job_id = str(asked.request.path_params["id"])
    return json(await in_thread(_job, job_id, asked.sender.person))
