"""Control grid, physical modes, statistical modes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.methods.training_data.deformations import (
    ControlGrid,
    ShapeModel,
    element_matrices,
    modes_kept,
    paper_code_matrix,
    spline_weights,
    spring_matrix,
    variational_pca,
    vibrational_modes,
)


def test_shape():
    flat, solid = ControlGrid((40, 60), 4), ControlGrid((20, 30, 40), (3, 4, 5))
    assert (flat.count, flat.length, flat.dense(np.zeros(32)).shape) == (16, 32, (2, 40, 60))
    assert (solid.count, solid.length) == (60, 180)
    assert solid.dense(np.zeros(180)).shape == (3, 20, 30, 40)
    assert vibrational_modes(flat).vectors.shape == (32, 32 - 3)
    assert vibrational_modes(solid).vectors.shape == (180, 180 - 6)


def test_hand_value_grid():
    # 101 voxels, 5 % margin: from 5 to 95, three points 45 apart.
    assert ControlGrid((101, 41), (3, 2)).axes[0] == pytest.approx([5, 50, 95])
    assert ControlGrid((101, 41), (3, 2)).axes[1] == pytest.approx([2, 38])


def test_hand_value_spring():
    # Two points, a spring along (3, 4) / 5: n n' = [[9, 12], [12, 16]] / 25; order x1 x2 y1 y2.
    a, b, c = 9 / 25, 12 / 25, 16 / 25
    wanted = [[a, -a, b, -b], [-a, a, -b, b], [b, -b, c, -c], [-b, b, -c, c]]
    assert spring_matrix(np.array([[0.0, 0.0], [3.0, 4.0]])) == pytest.approx(np.array(wanted))


def test_hand_value_paper_code():
    # The same pair: + where the spring has -, and 1, 0 on the diagonals.
    a, b, c = 9 / 25, 12 / 25, 16 / 25
    wanted = [[1, a, 0, b], [a, 1, b, 0], [0, b, 1, c], [b, 0, c, 1]]
    assert paper_code_matrix(np.array([[0.0, 0.0], [3.0, 4.0]])) == pytest.approx(np.array(wanted))


@pytest.mark.parametrize(("c", "negative"), [(4, 9), (6, 23), (8, 46), (10, 71)])
def test_paper_code_is_indefinite(c, negative):
    squared = np.linalg.eigvalsh(paper_code_matrix(ControlGrid((256, 256), c).coordinates))
    assert (squared < 0).sum() == negative
    assert vibrational_modes(ControlGrid((256, 256), c)).squared_frequencies.min() > 0


@pytest.mark.parametrize("stiffness", ["spring", "fem"])
@pytest.mark.parametrize("neighbours", ["near", "all"])
@pytest.mark.parametrize("size", [(64, 64), (40, 90), (20, 30, 25)])
def test_rigid_motions_are_dropped(stiffness, neighbours, size):
    grid = ControlGrid(size, 3)
    modes = vibrational_modes(grid, stiffness=stiffness, neighbours=neighbours)
    assert modes.rigid.shape[1] == {2: 3, 3: 6}[len(size)]
    # A shift along an axis and a small turn in the first plane are combinations of them.
    shift = np.repeat(np.eye(grid.dim)[0], grid.count)
    turn = np.zeros((grid.dim, grid.count))
    turn[0], turn[1] = grid.coordinates[:, 1], -grid.coordinates[:, 0]
    for rigid in (shift, turn.ravel()):
        found = np.linalg.lstsq(modes.rigid, rigid, rcond=None)[0]
        assert modes.rigid @ found == pytest.approx(rigid, abs=1e-6)


def test_modes_solve_the_generalised_problem():
    grid = ControlGrid((50, 70), 4)
    masses = np.linspace(1, 3, grid.count)
    modes = vibrational_modes(grid, neighbours="all", masses=masses)
    stiffness, mass = spring_matrix(grid.coordinates), np.diag(np.tile(masses, 2))
    phi, squared = modes.vectors, modes.squared_frequencies
    assert stiffness @ phi == pytest.approx(mass @ phi * squared, abs=1e-9)
    assert phi.T @ mass @ phi == pytest.approx(np.eye(len(squared)), abs=1e-9)


def test_each_knob():
    grid = ControlGrid((64, 64), 6)
    # Modes that explain 80 %: springs between all pairs 48, the released tool's matrix 28.
    kept = {s: modes_kept(vibrational_modes(grid, stiffness=s, neighbours="all").variances, 0.8)
            for s in ("spring", "paper_code")}
    assert kept == {"spring": 48, "paper_code": 28}
    near = vibrational_modes(grid)
    assert modes_kept(near.variances, 0.8) < 48       # local springs: fewer, smoother modes
    heavy = vibrational_modes(grid, masses=np.full(grid.count, 4.0))
    assert heavy.squared_frequencies == pytest.approx(near.squared_frequencies / 4)


def test_elements_stretch_as_hooke_says():
    # Pull a 2 x 3 block along the first axis by 1 % with nothing across (plane strain):
    # energy = area * (lambda + 2 mu) e^2 / 2, E = 1, nu = 0.25: lambda = 0.4, mu = 0.4.
    grid = ControlGrid((3, 4), 2, margin=0.0)
    stiffness, mass = element_matrices(grid, poisson=0.25)
    move = np.zeros((2, 4))
    move[0] = 0.01 * grid.coordinates[:, 0]
    assert move.ravel() @ stiffness @ move.ravel() / 2 == pytest.approx(6 * 1.2 * 1e-4 / 2)
    assert np.ones(8) @ mass @ np.ones(8) == pytest.approx(2 * 6)        # density 1, two axes


def test_low_modes_are_smooth():
    grid = ControlGrid((64, 64), 8)
    for stiffness in ("spring", "fem"):
        modes = vibrational_modes(grid, stiffness=stiffness).vectors
        rough = [np.abs(np.diff(modes[:, k].reshape(2, 8, 8), axis=1)).sum() for k in (0, -1)]
        assert rough[0] < rough[1]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(10, 300), st.floats(-3, 3), st.floats(-3, 3))
def test_spline_keeps_straight_lines(c, n, offset, slope):
    """A cubic spline with a linear margin reproduces every straight line, margin included."""
    knots = np.linspace(0.05 * (n - 1), 0.95 * (n - 1), c)
    at = np.arange(n)
    values = offset + slope * knots
    assert spline_weights(knots, at) @ values == pytest.approx(offset + slope * at, abs=1e-8 * n)
    assert spline_weights(knots, at, 1) @ values == pytest.approx(np.full(n, slope), abs=1e-8)


def test_dense_and_scattered_agree():
    grid = ControlGrid((30, 50), (4, 6))
    d = np.random.default_rng(0).normal(size=grid.length)
    places = np.argwhere(np.ones(grid.size))
    assert grid.at(d, places) == pytest.approx(grid.dense(d).reshape(2, -1).T)
    assert grid.at(d, grid.coordinates).T.ravel() == pytest.approx(d)     # passes through


def test_pca_hand_value():
    # (1, 0), (-1, 0), (0, 0): mean 0, variance (1 + 1) / 2 = 1 along the first axis, 0 elsewhere.
    model = variational_pca(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]))
    assert model.mean == pytest.approx([0, 0])
    assert model.variances == pytest.approx([1.0])
    assert np.abs(model.vectors) == pytest.approx(np.array([[1.0], [0.0]]))


def test_pca_limits():
    examples = np.random.default_rng(1).normal(size=(5, 20))
    model = variational_pca(examples)
    assert len(model.variances) == 4                      # N - 1 directions
    assert model.unexplained(examples) == pytest.approx(0, abs=1e-12)
    one = variational_pca(examples[:1])
    assert one.mean == pytest.approx(examples[0])
    assert one.vectors.shape == (20, 0)
    assert model.unexplained(examples + 5, centre=(examples + 5).mean(0)) == pytest.approx(0)
    blind = ShapeModel(np.zeros(20), np.zeros((20, 0)), np.zeros(0))
    assert blind.unexplained(examples) == 1


def test_modes_kept_hand_values():
    variances = np.array([6.0, 3.0, 1.0])       # shares 0.6, 0.9, 1
    assert [modes_kept(variances, t) for t in (0, 0.5, 0.6, 0.61, 0.95, 1, 3)] == [
        0, 1, 1, 2, 3, 1, 3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ControlGrid((32, 32), 1), "at least 2"),
        (lambda: ControlGrid((32, 32), (3, 3, 3)), "each of 2 axes"),
        (lambda: ControlGrid((32,), 3), r"\(H, W\)"),
        (lambda: ControlGrid((32, 32), 3, margin=0.5), "margin"),
        (lambda: ControlGrid((8, 8), 3).dense(np.zeros(17)), r"\(18,\)"),
        (lambda: ControlGrid((8, 8), 3).dense(np.full(18, np.nan)), "NaN"),
        (lambda: ControlGrid((8, 8), 3).at(np.zeros(18), np.zeros((4, 3))), r"\(N, 2\)"),
        (lambda: spring_matrix(np.zeros((3, 2))), "lie at one place"),
        (lambda: paper_code_matrix(np.zeros((3, 2))), "lie at one place"),
        (lambda: vibrational_modes(ControlGrid((8, 8), 3), stiffness="glue"), "glue"),
        (lambda: vibrational_modes(ControlGrid((8, 8), 3), masses=np.zeros(9)), "positive"),
        (lambda: element_matrices(ControlGrid((8, 8), 3), poisson=0.5), "poisson"),
        (lambda: variational_pca(np.zeros(5)), r"\(N, n\)"),
        (lambda: variational_pca(np.array([[1.0, 2], [np.nan, 1]])), "example 1"),
        (lambda: modes_kept(np.ones(3), -0.1), "between 0 and the 3"),
        (lambda: modes_kept(np.ones(3), 4), "between 0 and the 3"),
        (lambda: modes_kept(np.ones(3), 1.5), "whole number"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
