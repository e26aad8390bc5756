"""Which octants there are about the centres of a batch, and which of them go side by side."""

from __future__ import annotations

import numpy as np

IMAGE, CORNER, DOWN, RIGHT, ROWS, COLUMNS, OWNS_AXIS, OWNS_DIAGONAL = range(8)


def octants_of(centre: np.ndarray, height: int, width: int) -> np.ndarray:
    """The octants with pixels of their own, the largest first. (B, 2) -> (octants, 8) integers.

    Octant pixel (n, m), n in [0, ROWS], m in [0, min(n, COLUMNS)], is at `CORNER + n DOWN +
    m RIGHT` of the flattened image: n is the distance from the centre along the longer axis, m
    along the other. An axis (m = 0) is in two octants and owned by one of them, and so is a
    diagonal (m = n).
    """
    found = []
    for image, (row, column) in enumerate(centre.tolist()):
        room = {(0, 1): height - 1 - row, (0, -1): row, (1, 1): width - 1 - column, (1, -1): column}
        for along in (0, 1):                                   # the longer axis: rows, columns
            for down in (1, -1):
                for right in (1, -1):
                    rows, columns = room[along, down], room[1 - along, right]
                    if rows == 0 or (columns == 0 and right < 0):
                        continue
                    stride = (width, 1) if along == 0 else (1, width)
                    found.append((image, row * width + column, down * stride[0],
                                  right * stride[1], rows, min(rows, columns),
                                  right > 0, along == 0))
    table = np.array(found, np.int64).reshape(-1, 8)
    return table[np.lexsort((-table[:, COLUMNS], -table[:, ROWS]))]


def grouped(octants: np.ndarray, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Octants filled up to whole groups of `lanes` (image -1), and (rows, columns, offset, area).

    A group has room for its largest octant: `area` pixels, from `offset` on.
    """
    missing = -len(octants) % lanes
    padded = np.pad(octants, ((0, missing), (0, 0)))
    padded[len(octants):, IMAGE] = -1
    size = padded.reshape(-1, lanes, 8)[:, :, [ROWS, COLUMNS]].max(1)
    inner = np.minimum(size[:, 0], size[:, 1])                 # rows that are not cut short
    area = (inner + 1) * (inner + 2) // 2 + (size[:, 0] - inner) * (inner + 1)
    return padded, np.column_stack((size, np.cumsum(area) - area, area))
