"""Pages: `/`, the page; `/watch/{stage}`, only a stage's picture; and the files of both."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

from omote.server.problems import Problem
from omote.server.stages import NAME


def routes(web: Path) -> APIRouter:
    """To be included last: the files are the only ones without a path of their own."""
    static = StaticFiles(directory=web, check_dir=False)

    async def page(request: Request, file: str = "index.html") -> Response:
        response = await static.get_response(file, request.scope)
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def watch(stage: str, request: Request) -> Response:
        if not NAME.fullmatch(stage):
            raise Problem(404, "a stage's name is 1 to 40 of a-z, 0-9 and -")
        return await page(request, "watch.html")

    router = APIRouter(include_in_schema=False)
    router.add_api_route("/", page, methods=["GET", "HEAD"])
    router.add_api_route("/watch/{stage}", watch, methods=["GET", "HEAD"])
    router.add_api_route("/{file}", page, methods=["GET", "HEAD"])
    return router
