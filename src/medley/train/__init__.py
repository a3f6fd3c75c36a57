"""Training: the plan, the steppers, the loop, which yields one record per epoch, and the training state."""

from __future__ import annotations

from typing import Any

from medley.core.registry import register


@register("train.fit_more")
def _fit_more(*args: Any, **options: Any) -> Any:  # registered here, because a model may not import its training
    from medley.train.more import fit_more

    return fit_more(*args, **options)
