"""A request to predict rows with one of the models: what is noted of it, and how long it may take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from fastapi import Request

from medley.serve.loaded import Loaded, Predicted
from medley.serve.rows import Options, Rows
from medley.serve.served import ServedModel
from medley.serve.settings import Settings


@dataclass(frozen=True)
class ModelRequest:
    """A request with the model that it names.

    Args:
        request: its rows are read by the routes.
        model: as it is served.
        loaded: the version that answers, even if another is loaded meanwhile.
        settings: of the server.
        started: by `time.monotonic`.
    """

    request: Request
    model: ServedModel
    loaded: Loaded
    settings: Settings
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, request: Request, name: str) -> ModelRequest:
        """The request, which is noted in the log and in metrics under the name of the model.

        Raises:
            Refusal: there is no such model.
        """
        model: ServedModel = request.app.state.served[name]
        request.state.model = model.name
        return cls(request, model, model.loaded, request.app.state.settings)

    async def predicted(self, rows: Rows, options: Options) -> Predicted:
        """Predicts the rows in the time that is left.

        Raises:
            Refusal: as of `Batcher.submit`.
        """
        self.request.state.rows = len(rows)
        left = max(self.settings.limits.seconds - (time.monotonic() - self.started), 0.001)
        return await self.model.batcher.submit(self.loaded, rows, options, left)
