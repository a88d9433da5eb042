"""The web application: the page, and an API in JSON that `/api/openapi.json` describes."""

from collections.abc import Callable, Collection
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from gcl_spec._words import one_line
from gcl_spec.errors import GclError
from gcl_spec.serve.answers import About, Found, Points, Refused, Shown
from gcl_spec.serve.guards import Guards
from gcl_spec.serve.service import MOST_BYTES, Service

__all__ = ["create_app"]

_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/map.js": ("map.js", "text/javascript; charset=utf-8"),
    "/pieces.js": ("pieces.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_REFUSALS: dict[int | str, dict[str, Any]] = {"4XX": {"model": Refused}}


def create_app(
    service: Service, *, hosts: Collection[str] | None = None, most_bytes: int = MOST_BYTES
) -> FastAPI:
    """An ASGI application that serves an index.

    Args:
        service: what answers.
        hosts: the names under which it is reached; None: any.
        most_bytes: the largest request.
    """
    app = FastAPI(
        title="gcl serve",
        summary="Search an index of pictures, texts and pairs by a picture, a text, or both.",
        version=version("gcl-spec"),
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Guards, most_bytes=most_bytes, hosts=hosts)
    _add_errors(app)
    _add_page(app)
    _add_search(app, service)
    _add_items(app, service)
    return app


def _add_page(app: FastAPI) -> None:
    folder = files("gcl_spec.serve").joinpath("page")

    def shows(content: bytes, kind: str) -> Callable[[], Response]:
        return lambda: Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    for path, (name, kind) in _PAGE.items():
        content = folder.joinpath(name).read_bytes()
        app.get(path, include_in_schema=False)(shows(content, kind))


def _add_search(app: FastAPI, service: Service) -> None:
    @app.post("/api/search", responses=_REFUSALS)
    def search(
        image: Annotated[UploadFile | None, File(description="A picture.")] = None,
        text: Annotated[str | None, Form(description="A text; fused with the picture.")] = None,
        like: Annotated[str | None, Form(description="The id of an item, instead.")] = None,
        minus: Annotated[str | None, Form(description="A text that is subtracted.")] = None,
        k: Annotated[int, Form(description="How many hits are wanted.")] = 24,
        only: Annotated[list[str] | None, Form(description="Modalities; repeatable.")] = None,
        weight: Annotated[float | None, Form(description="Of the picture, 0 to 1.")] = None,
        balanced: Annotated[bool, Form(description="Hits of each modality in turn.")] = False,
        exact: Annotated[bool, Form(description="Exactly, also if there are many.")] = False,
        min_score: Annotated[float | None, Form(description="The lowest score.")] = None,
        calibration: Annotated[str, Form(description="Of the index, by its name.")] = "",
    ) -> Found:
        """Search by a picture, a text, both, or an item of the index."""
        return service.search(
            image=None if image is None else image.file.read(),
            text=text,
            like=like,
            minus=minus,
            k=k,
            only=only or (),
            weight=weight,
            balanced=balanced,
            exact=exact,
            min_score=min_score,
            calibration=calibration,
        )


def _add_items(app: FastAPI, service: Service) -> None:
    @app.get("/api/index", responses=_REFUSALS)
    def index() -> About:
        """What is in the index."""
        return service.about()

    @app.get("/api/item", responses=_REFUSALS)
    def item(id: Annotated[str, Query(description="Of the item.")]) -> Shown:
        """An item, with its whole text."""
        return service.item(id)

    @app.get("/api/picture", responses=_REFUSALS, response_class=Response)
    def picture(
        id: Annotated[str, Query(description="Of the item.")],
        side: Annotated[int, Query(description="Pixels: 320 or 1280.")] = 320,
    ) -> Response:
        """The picture of an item, as a WebP."""
        return Response(service.picture(id, side), media_type="image/webp")

    @app.get("/api/points", responses=_REFUSALS)
    def points(
        count: Annotated[int, Query(description="How many items at most.")] = 1500,
    ) -> Points:
        """Some items on the plane in which their rows vary most."""
        return service.points(count)


def _add_errors(app: FastAPI) -> None:
    """Every refusal is {"error": one sentence}."""

    @app.exception_handler(GclError)
    def refused(request: Request, error: GclError) -> JSONResponse:
        return JSONResponse({"error": one_line(error)}, 400)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return JSONResponse({"error": one_line(f"{name}: {first['msg']}")}, 422)

    @app.exception_handler(HTTPException)
    def failed(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": one_line(error.detail)}, error.status_code)
