"""The command line's entry point. Loads no command, and so no torch, before one is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError, Parameter

from eyechart import __version__

if TYPE_CHECKING:
    from eyechart.errors import EyechartError

app = App(
    name="eyechart",
    help="An eye exam for image models: what they really look at, and how little it takes to change their mind.",
    version=f"eyechart {__version__}",
    default_parameter=Parameter(negative_iterable=()),  # no --empty-set beside --set
)
app.command(
    "eyechart.cli.demo:demo", name="demo", help="Examine the embedded model on the embedded images; about a minute."
)
app.command(
    "eyechart.cli.exam:exam", name="exam", help="Examine a model on images and write a run folder with a report."
)
app.command(
    "eyechart.cli.spectrum:spectrum", name="spectrum", help="Measure where the energy of images lies; needs no model."
)
app.command(
    "eyechart.cli.boxes:boxes", name="boxes", help="Measure where objects lie in annotated images; needs no model."
)
app.command(
    "eyechart.cli.stimuli:stimuli",
    name="stimuli",
    help="Make pictures without a cue, or with cues in conflict, of images.",
)
app.command(
    "eyechart.cli.features:features",
    name="features",
    help="Show what the channels of a network look for, as a gallery.",
)
app.command(
    "eyechart.cli.treat:treat", name="treat", help="Change a model, or train it on, and prove what that is worth."
)
app.command("eyechart.cli.train:train", name="train", help="Train a net by a recipe, and watch what it learns.")
app.command(
    "eyechart.cli.prescribe:prescribe", name="prescribe", help="Name remedies for what a run found weak, with evidence."
)
app.command(
    "eyechart.cli.decisions:decisions",
    name="decisions",
    help="Compare what people and networks answered, from tables; needs no model.",
)
app.command("eyechart.cli.report:report", name="report", help="Write the report of a run again (needs no model).")
app.command(
    "eyechart.cli.catalogue:list_",
    name="list",
    help="List exams, suites, remedies, recipes, augmentations, models or kinds of stimuli.",
)
app.command(
    "eyechart.cli.catalogue:show",
    name="show",
    help="Show an exam's measures and settings, a remedy's or an augmentation's, or a recipe.",
)
app.command(
    "eyechart.cli.layers:layers", name="layers", help="List the layers of a model, by the names that exams take."
)
app.command(
    "eyechart.cli.doctor:doctor", name="doctor", help="Check the installation, and a model and images before an exam."
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; errors become one paragraph on stderr and an exit code."""
    from eyechart.errors import EyechartError

    # Read when torch is loaded. Threads that wait for each other by spinning take the cores from the decode workers and from
    # all else on the machine: beside two loads on two cores a forward takes 5 to 20 times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except EyechartError as error:
        from eyechart.cli.console import complain

        complain(error)
        sys.exit(error.exit_code)
    except CycloptsError as error:
        from eyechart.cli.console import complain

        complain(usage_error(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as with "| head"
        sys.stderr.close()
        sys.exit(0)


def usage_error(error: CycloptsError) -> EyechartError:
    """A command that cannot be read, as one of our own errors."""
    from pydantic import ValidationError

    from eyechart.errors import SettingError

    way_out = f"See: {' '.join(['eyechart', *(error.command_chain or ())])} --help."
    if isinstance(error.__cause__, ValidationError):
        from eyechart.core.settings import misfit

        return misfit(error.__cause__, lambda name: f"--{name.replace('_', '-')}", way_out)
    return SettingError(str(error).strip(), setting="command", value=" ".join(sys.argv[1:]), way_out=way_out)


if __name__ == "__main__":
    main()
