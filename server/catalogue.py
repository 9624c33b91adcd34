"""Catalogue: the stages and the effects over HTTP, and orders to a stage."""

from math import inf
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection

from omote.engines.effect import kinds
from omote.server.body import require_type, text
from omote.server.control import Answer, Control
from omote.server.messages import Refusal
from omote.server.payload import AT_MOST
from omote.server.problems import Problem
from omote.server.protocols import Stage, Stages
from omote.server.schemas import accepted_schema, blocks, described, model_schema, order_schema
from omote.server.tokens import SCOPES, Gate

MERGE_PATCH = "application/merge-patch+json"
MOST_STAGES = 100


def stage_named(stages: Stages, name: str) -> Stage:
    """The stage, made if there is none; raises a `Problem` for a bad name or one too many."""
    if stages.get(name) is None and len(stages.names()) >= MOST_STAGES:
        raise Problem(507, f"there are {MOST_STAGES} stages already; delete one first")
    try:
        return stages[name]
    except ValueError as exc:
        raise Problem(404, str(exc)) from exc


class Catalogue:
    """`/stages`, `/stages/{name}` and `/effects`."""

    def __init__(self, stages: Stages, gate: Gate, control: Control) -> None:
        self._stages = stages
        self._gate = gate
        self._control = control

    async def all(self, request: Request) -> dict[str, Any]:
        """Every stage the token may see, with its state and its figures."""
        names = self._gate.visible(request, self._stages.names())
        found = (self._stages.get(name) for name in names)
        return {"stages": [_shown(stage) for stage in found if stage]}

    async def create(self, name: str, request: Request, response: Response) -> dict[str, Any]:
        """Make a stage; 201, or 200 when it is there already."""
        self._gate.check(request, *SCOPES, stage=name)  # publishing or viewing makes it, too
        response.status_code = 200 if self._stages.get(name) else 201
        return _shown(stage_named(self._stages, name))

    async def one(self, name: str, request: Request) -> dict[str, Any]:
        """One stage, its state and its figures."""
        self._gate.check(request, *SCOPES, stage=name)
        return _shown(self._find(name))

    async def ages(self, name: str, request: Request) -> dict[str, Any]:
        """How many frames left at what age, in milliseconds, since the stage was made.

        Counts add up from the first bucket on; the difference of two answers gives the exact
        quantiles of the time between them.
        """
        self._gate.check(request, *SCOPES, stage=name)
        buckets = self._find(name).age_buckets()
        return {
            "buckets": [
                {"at_most_ms": None if edge == inf else edge, "count": count}
                for edge, count in buckets
            ]
        }

    async def order(self, name: str, request: Request) -> Response:
        """Change a stage: a JSON merge patch, applied whole between two frames or refused whole."""
        self._gate.check(request, "control", stage=name)
        stage = self._find(name)
        require_type(request, MERGE_PATCH, "application/json")
        body = await text(request, AT_MOST)
        return _response(await self._control.carry_out(stage, body, client_of(request)))

    async def remove(self, name: str, request: Request) -> Response:
        """End a stage and forget its settings."""
        self._gate.check(request, "admin", stage=name)
        self._find(name)
        await self._stages.remove(name)
        return Response(status_code=204)

    def _find(self, name: str) -> Stage:
        stage = self._stages.get(name)
        if stage is None:
            raise Problem(404, "no such stage; PUT makes it, and so does publishing to it")
        return stage

    async def effects(self) -> dict[str, Any]:
        """Every effect and every block of stage settings, with the JSON schemas of their values.

        An effect's values are at `params.{name}` of an order and a state, a block's at `{name}`.
        """
        return {
            "effects": [described(name, kind, kind.Params) for name, kind in kinds().items()],
            "settings": [described(name, model, model) for name, model in blocks()],
        }

    def routes(self) -> APIRouter:
        """The explicit list."""
        router = APIRouter(tags=["stages"])
        one = "/stages/{name}"
        router.add_api_route("/stages", self.all)
        router.add_api_route(one, self.one)
        router.add_api_route(f"{one}/ages", self.ages)
        router.add_api_route(one, self.create, methods=["PUT"])
        body, answers = _patch_body(), _answers()
        router.add_api_route(
            one, self.order, methods=["PATCH"], openapi_extra=body, responses=answers
        )
        router.add_api_route(one, self.remove, methods=["DELETE"], status_code=204)
        router.add_api_route("/effects", self.effects)
        return router


def _shown(stage: Stage) -> dict[str, Any]:
    return {"name": stage.name, "state": stage.state(), "stats": stage.stats()}


def client_of(connection: HTTPConnection) -> str:
    """Who orders, for the rate limit: the address, whatever it has open."""
    return connection.client.host if connection.client else ""


def _response(answer: Answer) -> Response:
    if answer.status in (200, 422):
        return JSONResponse(answer.message(), answer.status)
    headers = {"Retry-After": "1"} if answer.status == 429 else None
    raise Problem(answer.status, answer.errors[0]["message"], headers)


def _patch_body() -> dict[str, Any]:
    example = {"id": "abc", "stage": {"mirror": True}}
    content = {MERGE_PATCH: {"schema": order_schema(), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def _answers() -> dict[int | str, dict[str, Any]]:
    """What an order is answered, for OpenAPI."""
    refused = {"schema": model_schema(Refusal)}
    return {
        200: {"content": {"application/json": {"schema": accepted_schema()}}},
        422: {"description": "Refused", "content": {"application/json": refused}},
    }
