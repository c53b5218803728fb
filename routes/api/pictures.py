"""Pictures: classify them, find saved ones, say what they show."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import msgspec
from starlette.responses import Response

from db import Database, HistoryQuery, HistoryRow, LabelRefused
from intake.errors import Refused
from intake.fetch import fetch_all
from intake.kinds import MAX_BYTES
from model.bundle import BundleError
from model.classifier import Classifier
from routes.answers import Asked, Sender
from routes.api import shapes
from routes.api.door import Refusal, body, check_may_write, in_thread, json, options
from routes.api.multipart import boundary, files
from routes.originals import AS_IT_IS, STILL
from routes.thumbnails import SHA256
from routes.upload import MAX_BATCH, MAX_FILES
from workflow import resources
from workflow.classify import Classified, classify
from workflow.receive import AT_ONCE, CHUNK_BYTES, Source, name_of_url
from workflow.room import fetch_turn
from workflow.verdicts import by

MAX_FORM = MAX_BATCH + 2**18
"""Bytes of a form: its files, and what stands between."""
NOT_SAVED = "No such picture is saved."


def classifier() -> Classifier:
    """The model at work.

    Raises:
        Refusal: it is missing or damaged.
    """
    try:
        return resources.at_work()
    except BundleError as wrong:
        raise Refusal(503, f"Classification is off: {wrong}") from wrong


def _answer(done: Classified) -> shapes.Answer:
    said, no = done.prediction, done.refusal
    if said is None:
        given = done.source.url or done.source.name
        return shapes.Answer(given, refusal=str(no), retry=bool(no and no.retry))
    return shapes.Answer(
        done.source.name,
        done.sha256,
        said.label,
        said.confidence,
        said.chances,
        said.in_scope,
        said.scope_score,
        said.model_version,
        done.saved,
    )


def _classified(sources: Sequence[Source], who: str, *, save: bool) -> shapes.Answers:
    database = resources.database() if save else None
    done = classify(sources, classifier(), database, who)
    return shapes.Answers([_answer(each) for each in done])


async def _files(asked: Asked, between: bytes) -> list[Source]:
    file = await asked.batch(MAX_FORM)
    size = file.seek(0, 2)
    file.seek(0)
    await asked.take_room(2 * size)  # the form, and its files
    return await in_thread(lambda: files(file.read(), between, MAX_FILES))


def _fetched(urls: Sequence[str], visitor: str) -> Iterator[list[Source]]:
    with closing(fetch_all(urls, turn=fetch_turn(visitor))) as answers:
        for part in answers:
            yield [
                Source(url if isinstance(d, Refused) else name_of_url(url), d, url)
                for url, d in part
            ]
            del part  # else its bodies would stay while others come


def _from_links(urls: Sequence[str], sender: Sender, *, save: bool) -> shapes.Answers:
    """Fetch and classify; each link once, and answered as often as it was given."""
    model, database = classifier(), resources.database() if save else None
    answers: dict[str, shapes.Answer] = {}
    for part in _fetched(list(dict.fromkeys(urls)), sender.visitor):
        for done in classify(part, model, database, sender.person):
            answers[done.source.url] = _answer(done)
        del part
    return shapes.Answers([answers[url] for url in urls])


async def classify_pictures(asked: Asked) -> Response:
    """Classify pictures: files of a form, or links as JSON.

    With `save=true` the pictures come into the history, where people review them;
    that needs the right to write. At most 100 pictures and 32 MB at once.
    """
    save = options(asked, shapes.ClassifyOptions).save
    if save:
        check_may_write(asked.request)
    if between := boundary(asked.request.headers.get("content-type", "")):
        sources = await _files(asked, between)
        who = asked.sender.person
        return json(await in_thread(lambda: _classified(sources, who, save=save)))
    urls = (await body(asked, shapes.Addresses)).addresses
    if len(urls) > shapes.MOST_ADDRESSES:
        raise Refusal(413, f"More than {shapes.MOST_ADDRESSES} links at once.")
    await asked.take_room(AT_ONCE * CHUNK_BYTES)
    sender = asked.sender
    return json(await in_thread(lambda: _from_links(urls, sender, save=save)))


def selected(
    chosen: shapes.Selection, sort: str = "", down: bool = True
) -> HistoryQuery:
    """The history's query of these filters."""
    return HistoryQuery(
        state=chosen.state,
        search=chosen.search.strip(),
        label=chosen.label or None,
        predicted=chosen.predicted or None,
        sort=sort,
        descending=down,
        who=chosen.reviewer,
        way=chosen.way,
        version=chosen.version or None,
        since=chosen.since,
        until=chosen.until,
    )


def _picture(row: HistoryRow) -> shapes.Picture:
    return shapes.Picture(
        own_label=row.custom,
        **{
            n: getattr(row, n)
            for n in shapes.Picture.__struct_fields__
            if n != "own_label"
        },
    )


def _cursor(place: tuple[str | float, int] | None) -> str | None:
    if place is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def _place(cursor: str, sort: str) -> tuple[str | float, int] | None:
    """Where a page begins, as an earlier answer named it."""
    if not cursor:
        return None
    key: Any = {"created": int, "confidence": float}.get(sort, str)
    try:
        told = base64.b64decode(cursor, b"-_", validate=True)
        place: tuple[str | float, int] = msgspec.json.decode(told, type=tuple[key, int])
    except ValueError as wrong:
        raise Refusal(422, "This cursor is not of such a page.") from wrong
    return place


def _page(query: HistoryQuery, limit: int, cursor: str) -> shapes.Pictures:
    place = _place(cursor, query.sort)
    try:
        page, after = resources.database().following(query, limit, place)
    except KeyError as gone:
        raise Refusal(410, "This page is gone: begin again without a cursor.") from gone
    rows = [_picture(row) for row in page.rows]
    return shapes.Pictures(rows, page.total, page.more, _cursor(after))


async def list_pictures(asked: Asked) -> Response:
    """List saved pictures by the filters of the history, page by page."""
    asks = options(asked, shapes.PagesOptions)
    query = selected(asks, asks.sort, asks.descending)
    return json(await in_thread(_page, query, asks.limit, asks.cursor))


def _row(database: Database, sha256: str) -> HistoryRow:
    found = database.known([sha256]) if SHA256.fullmatch(sha256) else {}
    if sha256 not in found:
        raise Refusal(404, NOT_SAVED)
    return found[sha256]


def _details(sha256: str) -> shapes.Details:
    database = resources.database()
    row = _row(database, sha256)
    chances, score = database.answer(row.image_id)
    named = len(chances) == len(database.classes)  # an import brings any
    record = [
        shapes.Event(
            e.event, e.label, e.predicted, e.model_version, e.who, e.way, e.created
        )
        for e in database.history(row.image_id)
    ]
    return shapes.Details(
        _picture(row),
        dict(zip(database.classes, chances, strict=True)) if named else {},
        score,
        record,
        database.opinions(row.image_id),
    )


def _sha256(asked: Asked) -> str:
    return str(asked.request.path_params["sha256"])


async def show_picture(asked: Asked) -> Response:
    """Tell all that is on record of one saved picture."""
    options(asked, shapes.Nothing)
    return json(await in_thread(_details, _sha256(asked)))


def _original(sha256: str) -> tuple[bytes, str]:
    database = resources.database()
    _row(database, sha256)
    saved = database.original(sha256)
    if saved is None:  # deleted for good meanwhile
        raise Refusal(404, NOT_SAVED)
    return saved


async def send_original(asked: Asked) -> Response:
    """Send the original bytes of a saved picture, as they came."""
    options(asked, shapes.Nothing)
    await asked.take_room(MAX_BYTES, 0)
    data, kind = await in_thread(_original, _sha256(asked))
    media = AS_IT_IS.get(kind, f"image/{kind.lower()}")
    named = {"Content-Disposition": f'attachment; filename="{_sha256(asked)[:16]}"'}
    return Response(data, 200, STILL | named, media)


def _thumbnail(sha256: str) -> bytes:
    database = resources.database()
    _row(database, sha256)
    return database.thumbnail(sha256) or b""


async def send_thumbnail(asked: Asked) -> Response:
    """Send the thumbnail of a saved picture, as JPEG without metadata."""
    options(asked, shapes.Nothing)
    return Response(
        await in_thread(_thumbnail, _sha256(asked)), 200, None, "image/jpeg"
    )


def _reviewed(said: shapes.Review, who: str) -> shapes.Reviewed:
    database = resources.database()
    row = _row(database, said.sha256)
    checks = said.expected is not msgspec.UNSET
    try:
        change = database.review(
            [row.image_id],
            said.label,
            who,
            expected={row.image_id: said.expected} if checks else None,  # type: ignore[dict-item]
            given=by(who, "api"),
            strict=True,
        )
    except LabelRefused as wrong:
        raise Refusal(422, str(wrong)) from wrong
    if change.conflicts:
        _tell_conflict(change.conflicts[0].found, change.conflicts[0].who)
    if change.gone:
        raise Refusal(404, NOT_SAVED)
    label = change.label
    return shapes.Reviewed(
        said.sha256, label, bool(change.changed), bool(change.respelled)
    )


def _tell_conflict(found: str | None, who: str) -> None:
    by_whom = f" by {who}" if who else ""
    said = f"It was labelled {found}{by_whom}" if found else "Its label was taken back"
    text = f"{said} meanwhile. Nothing was written."
    raise Refusal(409, text, label=found, who=who)


async def write_review(asked: Asked) -> Response:
    """Say what a saved picture shows; a label of your own is allowed.

    Where `expected` is not the label that stands, the answer is 409 with whose it is.
    """
    options(asked, shapes.Nothing)
    said = await body(asked, shapes.Review)
    return json(await in_thread(_reviewed, said, asked.sender.person))
