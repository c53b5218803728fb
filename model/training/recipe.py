"""Every number that decides what training comes to."""

from dataclasses import dataclass

PARTS = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
"""Of the network, from the first on; the last layer, `fc`, always learns."""


@dataclass(frozen=True)
class Recipe:
    """Every number that decides the result; saved with the weights."""

    stages: tuple[tuple[int, int], ...] = ((4, 16), (6, 24), (3, 32))
    """(epochs, side in pixels), in order."""
    batch_size: int = 512
    peak_lr: float = 0.1
    """Of Muon: about the share by which a step changes a kernel."""
    momentum: float = 0.85
    muon: bool = True
    """Whether kernels learn by Muon, else by SGD as everything else does."""
    sgd_lr: float = 0.2
    """Peak for what Muon is not made for: first and last layer, norms, biases."""
    sgd_momentum: float = 0.9
    weight_decay: float = 5e-4
    """On weights that learn by SGD, not on norms and biases; Muon fixes a kernel's
    norm."""
    sam: float = 0.0
    """How far sharpness-aware minimisation looks (`model/training/sam.py`); 0: not."""
    sam_from: float = 0.5
    """Share of all steps after which it begins."""
    warm_up: float = 0.15
    """Share of all steps over which the learning rates rise."""
    ema_decay: float = 0.99
    pruned: float = 0.5
    """Share of the easy pictures that an epoch leaves out (`sample_pruning.py`)."""
    unpruned_end: float = 0.125
    """Share of all epochs, the last ones, that take every picture."""
    augmented: float = 1.0
    """Strength of the augmentation at first."""
    faded: float = 0.75
    """Share of it that is gone at the end."""
    cutout: int = 8
    """Side in pixels of the square that is blanked in a picture."""
    mixed: float = 0.0
    """Share of the pictures that mixup blends with another, at first."""
    taught: float = 0.9
    """Weight in the loss of what teachers say (`teachers.py`), if there are."""
    softness: float = 3.0
    """Temperature at which teachers are listened to."""
    photographs: float = 0.0
    """Share of a batch that are photographs of the ten (`photographs.py`)."""
    others: float = 0.0
    """Share of a batch that are photographs of other things."""
    steps: int = 100
    """Batches of an epoch, where there are photographs in it."""
    minutes: float = 0.0
    """Time after which the run ends, as many epochs as that may be; 0: as `stages`
    says."""
    wide: bool = False
    """Whether the network has twice the channels: a teacher, not for publishing."""
    frozen: tuple[str, ...] = ()
    """Parts of the network that keep the weights they start from."""
    seed: int = 0

    @property
    def sizes(self) -> list[int]:
        """Side in pixels of every epoch."""
        return [size for epochs, size in self.stages for _ in range(epochs)]

    def size(self, epoch: int) -> int:
        """Side in pixels; of the last stage, should there be more epochs than told."""
        return self.sizes[min(epoch, len(self.sizes) - 1)]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Of a batch: pictures, photographs of the ten, photographs of others."""
        inside, outside = (
            round(share * self.batch_size) for share in (self.photographs, self.others)
        )
        return self.batch_size - inside - outside, inside, outside

    def pruned_in(self, epoch: int) -> float:
        """Share of the easy pictures that this epoch leaves out."""
        epochs = len(self.sizes)
        return self.pruned if epoch < epochs * (1 - self.unpruned_end) else 0.0

    def strength(self, progress: float) -> float:
        """How strong augmentation is; `progress` is 0..1.

        What a small step late in the run learns should be what pictures look like.
        """
        return self.augmented * (1 - self.faded * progress)

    def mixed_at(self, progress: float) -> float:
        """Share of the pictures that are blended; `progress` is 0..1."""
        return self.mixed * (1 - self.faded * progress)

    def looks_ahead(self, progress: float) -> bool:
        """Whether a step minimises sharpness too; `progress` is 0..1."""
        return self.sam > 0 and progress >= self.sam_from


def parse_stages(text: str) -> tuple[tuple[int, int], ...]:
    """`4@16,3@32` is four epochs at 16 pixels, then three at 32."""
    pairs = [part.split("@") for part in text.split(",")]
    stages = tuple((int(epochs), int(size)) for epochs, size in pairs)
    if min(number for stage in stages for number in stage) < 1:
        raise ValueError("there are no epochs, or pictures, of size 0")
    return stages


def parse_parts(text: str) -> tuple[str, ...]:
    """`conv1,bn1,layer1` names what `Recipe.frozen` keeps."""
    parts = tuple(text.split(","))
    if unknown := set(parts) - set(PARTS):
        raise ValueError(f"the network has no {', '.join(sorted(unknown))}")
    return parts


def rate(recipe: Recipe, progress: float) -> float:
    """Share of the peak learning rate: up in a line, then down; `progress` is 0..1."""
    if progress < recipe.warm_up:
        return progress / recipe.warm_up
    return (1 - progress) / (1 - recipe.warm_up)
