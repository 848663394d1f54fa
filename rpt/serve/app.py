"""The web application: a page, the list of runs, and answers to rows."""

# No `from __future__ import annotations`: FastAPI reads the annotations of functions inside `create_app`.
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict

from rpt.predict.predictor import Predictor
from rpt.serve.batches import Answers, Batcher
from rpt.serve.body import read_json
from rpt.serve.facts import ServerFacts, server_facts
from rpt.serve.limits import Limits
from rpt.serve.page import interface_policy, page_policy, render_interface, render_page
from rpt.serve.refusal import Refusal, shortened
from rpt.serve.request import PredictRequest, read_request
from rpt.system.writing import as_json

GATHER_SECONDS = 0.005
"""Default time in seconds that the first request of a batch waits for further requests."""

DESCRIPTION = "Answers of finished rpt runs to new rows. `rpt.predict` gives the same answers."


class Answer(BaseModel):
    """Answer of a run to an example of a row. `docs/using-a-prompt.md` explains the keys."""

    model_config = ConfigDict(extra="allow")

    row: int
    run: str
    idx: int | str | list[int]
    label: str | int | bool | None
    predicted: str
    choice: int | None
    scores: list[float | None] | None = None
    log_probabilities: dict[str, float | None] | None = None


class PredictResponse(BaseModel):
    """Answers by row, then by run in the order of the request."""

    answers: list[Answer]


class Fault(BaseModel):
    """Reason why a request was not answered."""

    error: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Fault, "description": "The body is not JSON."},
    404: {"model": Fault, "description": "A run is unknown."},
    408: {"model": Fault, "description": "The body did not arrive in time."},
    413: {"model": Fault, "description": "The body is too large."},
    415: {"model": Fault, "description": "The content type is not JSON."},
    422: {
        "model": Fault,
        "description": "The request has wrong keys, too many rows, or a row that does not fit the task.",
    },
    503: {"model": Fault, "description": "Too many answers are waiting for the model."},
}


class Service:
    """Computes the content of the responses, which `create_app` sends over HTTP.

    Args:
        predictor: The runs that answer, with their loaded backbone.
        limits: Limits of a request and of the queue.
        gather_seconds: Time in seconds that the first request of a batch waits for further requests.

    Attributes:
        facts: Facts of the runs, for `GET /runs` and the page.
        batcher: Worker thread that owns the model.
    """

    def __init__(self, predictor: Predictor, limits: Limits, gather_seconds: float) -> None:
        self.facts = server_facts(predictor)
        self.batcher = Batcher(predictor, limits, gather_seconds)
        self._names = [run.name for run in self.facts.runs]
        self._limits = limits

    async def answers(self, request: Any) -> Answers:
        """Answer the rows of a request with the runs that it names.

        Args:
            request: Request of FastAPI.

        Returns:
            Answers by row, then by run in the order of the request.

        Raises:
            Refusal: The request cannot be answered.
        """
        rows, names = read_request(await read_json(request, self._limits), self._names, self._limits)
        return await asyncio.wrap_future(self.batcher.submit(rows, names))


def create_app(predictor: Predictor, limits: Limits | None = None, gather_seconds: float = GATHER_SECONDS) -> Any:
    """Create the FastAPI application. Its worker thread ends with the application.

    Args:
        predictor: The runs that answer, with their loaded backbone.
        limits: Limits of a request and of the queue; None means the defaults.
        gather_seconds: Time in seconds that the first request of a batch waits for further requests.
    """
    from fastapi import FastAPI, Request, Response
    from starlette.exceptions import HTTPException

    service = Service(predictor, limits or Limits(), gather_seconds)
    page = render_page(service.facts)

    async def show_page() -> Response:
        return Response(page, headers={"Content-Security-Policy": page_policy()}, media_type="text/html")

    async def list_runs() -> Response:
        """Names, tasks, fields and scores of the runs."""
        return json_response(service.facts.model_dump(mode="json"))

    async def predict(request: Request) -> Response:
        """Answers of the named runs to each row, with the log-probability of each choice."""
        return json_response({"answers": await service.answers(request)})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.batcher.close)

    # FastAPI's own pages of the interface are switched off, because they load scripts from another host.
    own_pages = {"docs_url": None, "redoc_url": None}
    app = FastAPI(title="rpt.serve", version=version("rpt"), description=DESCRIPTION, lifespan=lifespan, **own_pages)
    app.state.batcher = service.batcher
    no_model = {"response_model": None}  # the functions return complete responses
    app.add_api_route("/", show_page, methods=["GET"], include_in_schema=False, **no_model)
    app.add_api_route("/runs", list_runs, methods=["GET"], responses={200: {"model": ServerFacts}}, **no_model)
    body = {"required": True, "content": {"application/json": {"schema": PredictRequest.model_json_schema()}}}
    responses = {200: {"model": PredictResponse}, **REFUSALS}
    described = {"responses": responses, "openapi_extra": {"requestBody": body}}
    app.add_api_route("/predict", predict, methods=["POST"], **described, **no_model)
    app.add_api_route("/docs", _interface_page(app), methods=["GET"], include_in_schema=False, **no_model)
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_bug)
    return app


def _interface_page(app: Any) -> Callable[[], Awaitable[Any]]:
    """Return the function that answers `GET /docs` with the description of the application's interface."""
    from fastapi import Response

    async def show_interface() -> Response:
        headers = {"Content-Security-Policy": interface_policy()}
        return Response(render_interface(app.openapi()), headers=headers, media_type="text/html")

    return show_interface


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Any:
    """Make an HTTP response with a JSON value. NaN and infinity become null, because JSON has no such numbers."""
    from fastapi import Response

    return Response(as_json(value), status, headers, "application/json")


async def on_refusal(request: Any, error: Any) -> Any:
    """Send the reason for a refusal, with its status code and headers."""
    return json_response({"error": error.message}, error.status, error.headers)


async def on_http_exception(request: Any, error: Any) -> Any:
    """Refuse a request for an unknown path, or with a method that the path does not have."""
    allowed = "allowed are GET /, GET /runs, POST /predict, GET /docs and GET /openapi.json"
    message = shortened(f"{request.method} {request.url.path}: {error.detail}; {allowed}.")
    return json_response({"error": message}, error.status_code, error.headers)


async def on_bug(request: Any, error: Exception) -> Any:
    """Send status 500 for a request that a bug has ended. The web server writes the traceback to stderr."""
    return json_response({"error": "the server has a bug; its stderr holds the traceback."}, 500)
