"""The loop: batches from the device, one step after another, a checkpoint after every epoch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from eyechart.core.view import Precision
from eyechart.models.chance_guard import global_chance_untouched
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.probe import probe_frames
from eyechart.models.statistics import norms_of, settle
from eyechart.store.folder import Folder
from eyechart.train import checkpoint
from eyechart.train.chance import EpochDraws
from eyechart.train.deal import Deal, shuffled
from eyechart.train.ema import RunningMean
from eyechart.train.failures import broken_loss, broken_net, out_of_memory, too_large
from eyechart.train.log import Log
from eyechart.train.objective import Look
from eyechart.train.optim import laid_out, learning_rate, optimiser_of, xavier
from eyechart.train.processes import Processes
from eyechart.train.recipe import Recipe
from eyechart.train.record import Record
from eyechart.train.remarks import remarks_of
from eyechart.train.resident import Resident
from eyechart.train.shares import ghosts_of, whole_batch
from eyechart.train.statistics import Statistics

Watch = Callable[[int, nn.Module], Mapping[str, Any]]  # (epochs finished, the net) -> further columns of the log


SETTLED = 512  # images that BatchNorm's statistics are taken from where the running mean's weights are kept


@dataclass
class Epoch:
    """Sums over an epoch so far."""

    loss: float = 0.0
    right: int = 0
    seen: int = 0


class Trainer:
    """Trains a net by a recipe.

    Args:
        net: trained in place; on the device of ``data``.
        recipe: how.
        data: the images.
        preprocessing: of the net; its mean and std are applied after augmentation.
        folder: where log and checkpoints go; the same call again goes on from the newest checkpoint, another one is refused.
        seed: of the start (xavier), the order and all augmentation.
        watch: called after each epoch.
        said: told of each line of the log, and of remarks, which have a ``note`` alone.
        about: what else makes this training the one it is, such as the fingerprint of weights to start from.
    """

    def __init__(
        self,
        net: nn.Module,
        recipe: Recipe,
        data: Resident,
        preprocessing: Preprocessing,
        folder: Folder,
        *,
        seed: int = 0,
        watch: Watch | None = None,
        said: Callable[[Mapping[str, Any]], None] = lambda _: None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.recipe, self.data, self.folder, self.seed = recipe, data, folder, seed
        self.processes = Processes.from_environment(data.images.device)
        self.net: nn.Module = net.to(data.images.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._steps, self._goal, self._watch, self._said = recipe.steps(), recipe.goal(), watch, said
        device = data.images.device
        self._mean = torch.tensor(preprocessing.mean, device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(preprocessing.std, device=device).view(1, -1, 1, 1)
        self._probe = probe_frames(preprocessing).to(device)
        self._labels = shuffled(data.labels, seed) if recipe.shuffled_labels else data.labels
        self._statistics = Statistics(self.net)
        self._parts = ghosts = ghosts_of(recipe, self.processes.world)  # a process takes its share in so many parts
        self._batch = whole_batch(recipe.batch_size, len(data), self.processes.world * ghosts)
        self.remarks = list(remarks_of(recipe, data, self._batch))
        self._note = ""
        told = {"recipe": recipe.told(), "seed": seed, "ids": data.ids, "labels": data.labels.tolist()}
        told |= dict(about or {})
        self.identity = blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()
        # What it is called in words may change, and a field with its default be added: neither makes it another.
        plan = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"about"})
        images = {"n": len(data), "fingerprint": data.fingerprint()}
        beside = {"seed": seed, "images": images, "preprocessing": preprocessing.to_dict()}
        self._about = {"recipe": plan, **beside, **dict(about or {})}

    @property
    def steps_an_epoch(self) -> int:
        """Whole batches; what is left over is another each epoch."""
        return len(self.data) // self._batch

    def run(self) -> nn.Module:
        """Train to the end, or from the newest checkpoint on; returns the net, with the running mean's weights if one is kept.

        Raises:
            TrainingError: the loss or the net's answers are not finite, or one image alone does not fit into memory.
            IdentityError: the folder holds another training.
        """
        record = Record(self.folder, self.identity, self._about)
        self.identity = record.identity
        if self.processes.first:
            record.write(remarks=self.remarks)
        try:
            with global_chance_untouched():
                return self._run()
        except BaseException:  # an interrupt, too
            if self.processes.first:
                record.release()
            raise

    def _run(self) -> nn.Module:
        for remark in self.remarks:
            self._tell({"note": remark})
        if self.recipe.start == "xavier":
            xavier(self.net, self.seed)
        optimiser = optimiser_of(self.recipe, [p for p in self.net.parameters() if p.requires_grad])
        mean = RunningMean(self.net, self.recipe.ema)
        done = self._resume(optimiser, mean)
        log = Log(self.folder, done)
        if self.processes.first:
            log.forget(done)
        if self._watch and done >= self.recipe.epochs and not log.watched:
            self._tell(
                {"note": "The training was finished already, so it is not watched. With another --out it would be."}
            )
        for epoch in range(done, self.recipe.epochs):
            line = self._epoch(epoch, optimiser, mean)
            with self._as_kept(mean, epoch):
                self._check(epoch)
                if self._watch and self.processes.first:
                    line |= self._watch(epoch + 1, self.net)
                self.processes.wait()
            self.net.train()
            state = self.net.state_dict()
            if self.processes.first:
                line["weights"] = checkpoint.digest(state)
                # The log first: a line without its checkpoint is written anew, a checkpoint without its line would lose it.
                log.add(line)
                found = checkpoint.Checkpoint(epoch + 1, state, mean.state, optimiser.state_dict())
                checkpoint.write(self.folder, found, self.identity)
            self._tell(line)
        mean.take()
        self._settle(self.recipe.epochs - 1)
        return self.net.eval()

    @contextmanager
    def _as_kept(self, mean: RunningMean, epoch: int) -> Iterator[None]:
        """The net as it would be kept after an epoch, for a while."""
        before = self._statistics.now()
        with mean.in_place():
            self._settle(epoch)
            yield
        self._statistics.put(before)

    @torch.no_grad()
    def _settle(self, epoch: int) -> None:
        """BatchNorm's statistics for the running mean's weights, from images as they were shown in that epoch."""
        if self.recipe.ema and norms_of(self.net):
            draws = EpochDraws(self.seed, epoch, len(self.data))
            some = draws.order[:SETTLED]
            shown, _ = Deal(some, self.data, self._labels, self._steps, draws).shown(some)
            settle(self.net.eval(), (shown - self._mean) / self._std)

    @torch.no_grad()
    def _check(self, epoch: int) -> None:
        """The weights of an epoch answer; losses were of the weights before each step."""
        self.net.eval()
        one_by_one = (asked(self.net, self._mean, self._std, "float32", frame) for frame in self._probe[:, None])
        if not all(torch.isfinite(rows).all() for rows in (*one_by_one, *self.net.parameters())):
            raise broken_net(self.recipe, epoch)

    def _tell(self, line: Mapping[str, Any]) -> None:
        if self.processes.first:
            self._said(line)

    def _resume(self, optimiser: torch.optim.Optimizer, mean: RunningMean) -> int:
        """Epochs that stand already."""
        found = checkpoint.newest(self.folder, self.identity)
        if found is None:
            return 0
        self.net.load_state_dict(dict(found.net))
        optimiser.load_state_dict(dict(found.optimiser))
        for parameter, values in optimiser.state.items():
            values |= {name: laid_out(value, parameter) for name, value in values.items() if isinstance(value, Tensor)}
        mean.load(found.mean)
        return found.epoch

    def _epoch(self, epoch: int, optimiser: torch.optim.Optimizer, mean: RunningMean) -> dict[str, Any]:
        began, counted = perf_counter(), Epoch()
        draws = EpochDraws(self.seed, epoch, len(self.data))
        self.net.train()
        rate = 0.0
        for k in range(self.steps_an_epoch):
            rate = learning_rate(self.recipe, epoch * self.steps_an_epoch + k, self.steps_an_epoch)
            for group in optimiser.param_groups:
                group["lr"] = rate
            batch = draws.order[k * self._batch : (k + 1) * self._batch]
            deal = Deal(batch, self.data, self._labels, self._steps, draws)
            optimiser.zero_grad(set_to_none=True)
            self._gradients(self.processes.share(batch), deal, counted, (epoch, k))
            self.processes.average_gradients(self.net)
            self.processes.average(self._statistics.means)
            if self.recipe.clip:
                nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
            optimiser.step()
            mean.update(self.net)
        loss, right, seen = self.processes.totals(counted.loss, counted.right, counted.seen)
        took = perf_counter() - began
        told = {"epoch": epoch + 1, "lr": rate, "loss": loss / seen, "accuracy": right / seen}
        noted = {"note": self._note} if self._note else {}
        return {**told, "seconds": round(took, 3), "images_per_second": round(seen / took, 1), **noted}

    def _gradients(self, index: Tensor, deal: Deal, counted: Epoch, place: tuple[int, int]) -> None:
        """Gradients of the batch's mean loss; where memory runs out, in smaller parts from here on."""
        before = self._statistics.now()
        while True:
            self._seeded(place)
            try:
                found = self._in_parts(index, deal, before)
                break
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                if self._parts >= len(index):
                    raise too_large(self.data.images.device) from error
            self.net.zero_grad(set_to_none=True)
            self._statistics.put(before)
            self._parts = min(2 * self._parts, len(index))
            self._note = f"memory was short: {len(index)} images in {self._parts} parts, so BatchNorm saw fewer at once"
        loss = sum(part for part, _ in found)
        if not torch.isfinite(torch.tensor(loss)):
            raise broken_loss(self.recipe, [self.data.ids[i] for i in index[:3].tolist()], place, loss)
        counted.loss += loss * len(index)
        counted.right += sum(right for _, right in found)
        counted.seen += len(index)

    def _in_parts(self, index: Tensor, deal: Deal, before: list[Tensor]) -> list[tuple[float, int]]:
        """Losses and right answers of the parts; BatchNorm's statistics move once."""
        parts = index.tensor_split(self._parts)
        found, ends = [], []
        for part in parts:
            if len(parts) > 1:
                self._statistics.put(before)
            found.append(self._part(part, len(index), deal))
            if len(parts) > 1:
                ends.append(self._statistics.now())
        if ends:
            self._statistics.put_mean(ends, [len(part) / len(index) for part in parts])
        return found

    def _seeded(self, place: tuple[int, int]) -> None:
        """Chance of the net's own, as of dropout: by the step, so that a resumed training and a second try draw the same."""
        key = f"{self.seed} {place[0]} {place[1]} {self.processes.rank}".encode()
        torch.manual_seed(int.from_bytes(blake2b(key, digest_size=7).digest(), "little"))

    def _part(self, index: Tensor, whole: int, deal: Deal) -> tuple[float, int]:
        """Forwards and backward of part of a batch: its share of the mean loss, and how many were right."""
        shown, mixed = deal.shown(index)
        at = index.to(self._labels.device)
        labels = self._labels[at]
        ask = partial(asked, self.net, self._mean, self._std, self.recipe.precision)
        draw, noise = partial(deal.drawn, at), partial(deal.draws.noise, at)
        look = Look(shown, labels, self.net, ask, draw, noise, mixed, deal.besides(index))
        loss, logits = self._goal.loss(look)
        loss = loss * (len(index) / whole)
        torch.autograd.backward(loss)
        wanted = labels if mixed is None else mixed.larger
        return float(loss.detach()), int((logits.argmax(1) == wanted).sum())


def asked(net: nn.Module, mean: Tensor, std: Tensor, precision: Precision, pixels: Tensor) -> Tensor:
    """Logits (n, k) float32 of pixels in [0, 1]; convolutions and matrices at the precision given."""
    frames = (pixels - mean) / std
    if precision == "float32":
        logits: Tensor = net(frames)
        return logits
    with torch.autocast(pixels.device.type, dtype=torch.bfloat16):
        low: Tensor = net(frames)
    return low.float()
