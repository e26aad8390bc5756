"""The U-Net, in 2D and in 3D: the segmenter that the chapters share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["instance", "batch"] | None


class UNet(nn.Module):
    """Contracting path, expanding path, and a skip at each resolution (Ronneberger et al., 2015).

    Level ``l`` works at 1 / 2^l of the resolution with ``base * 2^l`` channels::

        x -> block 0 ------------------ skip ------------------> cat, block -> 1x1 conv -> logits
               max pool                              transposed conv
                 -> block 1 ---------- skip ---------> cat, block
                      max pool             transposed conv
                        -> block 2 (deepest)

    A block is twice: 3x3 convolution, norm, ReLU. The 2D network of the defaults
    (``UNet(1, 1, dim=2)``) has 29,481 parameters, the 3D one 85,177. Counting convolution weights
    alone, with w = base * 2^l: a block of the contracting path has 3^dim (w^2 / 2 + w^2) (the
    first: 3^dim (in_channels w + w^2)), one of the expanding path 3^dim (2 w^2 + w^2), the
    transposed convolution into level l 2^dim 2 w^2, the last convolution out_channels base.

    Departures from the paper: convolutions are padded, so that logits and image have the same
    size (the paper crops); sides that do not divide by 2^(levels - 1) are padded by replication
    inside and cropped again; a norm follows each convolution (the paper has none: ``norm=None``);
    three levels of 8 channels instead of five of 64; ``dropout`` drops whole channels at the end
    of each block. Weights start as in the paper: Gaussian with variance 2 / fan-in.

    In evaluation "instance" has no memory of the training images; "batch" does.

    Args:
        in_channels: channels of the image.
        out_channels: channels of the logits: 1 for a binary mask, K for K classes.
        dim: 2 or 3 spatial axes.
        base: channels at full resolution.
        levels: resolutions, at least 1.
        norm: "instance", "batch" or None.
        dropout: chance that a channel is dropped during training.

    Shapes:
        (B, in_channels, *S) -> (B, out_channels, *S), logits; S of any size.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dim: Literal[2, 3] = 2,
        base: int = 8,
        levels: int = 3,
        norm: Norm = "instance",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_arguments(in_channels, out_channels, dim, base, levels, norm, dropout)
        self.dim, self.levels = dim, levels
        conv = nn.Conv2d if dim == 2 else nn.Conv3d
        upsample = nn.ConvTranspose2d if dim == 2 else nn.ConvTranspose3d
        width = [base * 2**level for level in range(levels)]

        inputs = [in_channels, *width[:-1]]
        self.down = nn.ModuleList(
            conv_block(inputs[level], width[level], dim=dim, norm=norm, dropout=dropout)
            for level in range(levels)
        )
        self.upsample = nn.ModuleList(
            upsample(width[level + 1], width[level], kernel_size=2, stride=2)
            for level in range(levels - 1)
        )
        self.up = nn.ModuleList(
            conv_block(2 * width[level], width[level], dim=dim, norm=norm, dropout=dropout)
            for level in range(levels - 1)
        )
        self.head = conv(base, out_channels, kernel_size=1)
        self.apply(_start_weights)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the same spatial size as the image."""
        if image.ndim != self.dim + 2 or image.shape[1] != self.in_channels:
            wanted = "(B, C, H, W)" if self.dim == 2 else "(B, C, D, H, W)"
            raise ValueError(
                f"image must be {wanted} with C = {self.in_channels}; got {tuple(image.shape)}"
                + (": add the channel with image[:, None]?" if image.ndim == self.dim + 1 else "")
            )
        size = image.shape[2:]
        logits = self.decode(self.encode(self._pad(image)))
        return logits[(..., *(slice(side) for side in size))]  # crop what was padded

    def encode(self, image: Tensor) -> list[Tensor]:
        """Features of each level, finest first; sides must divide by 2^(levels - 1)."""
        pool = F.max_pool2d if self.dim == 2 else F.max_pool3d
        features = [self.down[0](image)]
        for block in self.down[1:]:
            features.append(block(pool(features[-1], 2)))  # (B, base * 2^l, *S / 2^l)
        return features

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Logits from the features of each level."""
        x = features[-1]
        for level in reversed(range(self.levels - 1)):
            upsampled = self.upsample[level](x)  # (B, base * 2^l, *S / 2^l)
            x = self.up[level](torch.cat([features[level], upsampled], dim=1))
        return self.head(x)

    @property
    def in_channels(self) -> int:
        """Channels of the image."""
        return self.down[0][0].in_channels

    def _pad(self, image: Tensor) -> Tensor:
        """Replicate the far borders until the deepest level has whole voxels, two at least."""
        step = 2 ** (self.levels - 1)
        missing = [max(2 * step, -(-side // step) * step) - side for side in image.shape[2:]]
        if not any(missing):
            return image
        # F.pad counts from the last axis and wants (before, after) of each.
        return F.pad(image, [n for m in reversed(missing) for n in (0, m)], mode="replicate")


class InstanceNorm(nn.GroupNorm):
    """Each channel of each image to mean 0 and variance 1, then a learned gain and shift.

    A group norm with one channel a group. Convolutions are fastest with channels last, this sum
    over space with channels first: the two changes of layout cost less than either one alone.
    (B, C, *S) -> (B, C, *S), in the layout it came in.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """The normalised features."""
        last = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
        out = super().forward(x.contiguous())
        return out if x.is_contiguous() else out.contiguous(memory_format=last)


def conv_block(
    in_channels: int,
    out_channels: int,
    *,
    dim: int = 2,
    norm: Norm = "instance",
    dropout: float = 0.0,
) -> nn.Sequential:
    """Twice: 3x3 convolution, norm, ReLU; then channel dropout. (B, in, *S) -> (B, out, *S)."""
    conv = nn.Conv2d if dim == 2 else nn.Conv3d
    batch = nn.BatchNorm2d if dim == 2 else nn.BatchNorm3d
    layers: list[nn.Module] = []
    for inputs in (in_channels, out_channels):
        # A norm has its own shift, which makes the convolution's bias superfluous.
        layers.append(conv(inputs, out_channels, kernel_size=3, padding=1, bias=norm is None))
        if norm == "instance":
            layers.append(InstanceNorm(out_channels))
        elif norm == "batch":
            layers.append(batch(out_channels))
        layers.append(nn.ReLU(inplace=True))
    if dropout > 0:
        layers.append(nn.Dropout2d(dropout) if dim == 2 else nn.Dropout3d(dropout))
    return nn.Sequential(*layers)


def _start_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _check_arguments(
    in_channels: int,
    out_channels: int,
    dim: int,
    base: int,
    levels: int,
    norm: Norm,
    dropout: float,
) -> None:
    if dim not in (2, 3):
        raise ValueError(f"dim must be 2 or 3; got {dim!r}")
    counts = dict(in_channels=in_channels, out_channels=out_channels, base=base, levels=levels)
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} must be 1 or more; got {value!r}")
    if norm not in ("instance", "batch", None):
        raise ValueError(f'norm must be "instance", "batch" or None; got {norm!r}')
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1); got {dropout!r}")
