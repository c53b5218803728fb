"""The ten classes of CIFAR-10, in the order of the network's outputs."""

CLASSES: tuple[str, ...] = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

NONE = "none of these"
"""What people call a picture of something else, where they give it no name."""
