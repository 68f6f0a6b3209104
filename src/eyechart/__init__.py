"""eyechart: an eye exam for image models.

>>> import eyechart
>>> model = eyechart.load_model("demo")                              # doctest: +SKIP
>>> run = eyechart.examine(model, eyechart.load_images("demo"))      # doctest: +SKIP
>>> run.estimates.one("accuracy", band="low", radius=8.0)            # doctest: +SKIP

Importing the package imports neither torch nor anything else of weight; each name is loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eyechart.core.estimate import Estimate, Estimates
    from eyechart.errors import EyechartError
    from eyechart.examination import examine, open_run, write_report
    from eyechart.images.image_set import ImageSet
    from eyechart.images.load import load_images
    from eyechart.models.image_model import ImageModel
    from eyechart.models.load import load_model, wrap
    from eyechart.models.preprocessing import Preprocessing
    from eyechart.stimuli.export import Stimuli
    from eyechart.stimuli.make import make_stimuli
    from eyechart.store.run_folder import Run
    from eyechart.training import train_model
    from eyechart.treating import treat_model

_WHERE = {
    "Estimate": "eyechart.core.estimate",
    "Estimates": "eyechart.core.estimate",
    "EyechartError": "eyechart.errors",
    "ImageModel": "eyechart.models.image_model",
    "ImageSet": "eyechart.images.image_set",
    "Preprocessing": "eyechart.models.preprocessing",
    "Run": "eyechart.store.run_folder",
    "Stimuli": "eyechart.stimuli.export",
    "examine": "eyechart.examination",
    "load_images": "eyechart.images.load",
    "load_model": "eyechart.models.load",
    "make_stimuli": "eyechart.stimuli.make",
    "train_model": "eyechart.training",
    "treat_model": "eyechart.treating",
    "open_run": "eyechart.examination",
    "wrap": "eyechart.models.load",
    "write_report": "eyechart.examination",
}

__version__ = "0.1.0"

__all__ = [
    "Estimate",
    "Estimates",
    "EyechartError",
    "ImageModel",
    "ImageSet",
    "Preprocessing",
    "Run",
    "Stimuli",
    "examine",
    "load_images",
    "load_model",
    "make_stimuli",
    "open_run",
    "train_model",
    "treat_model",
    "wrap",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'eyechart' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_WHERE]
