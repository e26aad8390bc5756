"""Exercises of chapter 03: predict a count, turn a knob, build the stiffness of springs."""

import numpy as np

from medtutor.course.exercises import Exercise
from medtutor.methods.training_data.deformations import paper_code_matrix, spring_matrix


def modes_left():
    return 3 * 4**3 - 6


def examples_for_alpha(alpha, half):
    return half * alpha / (1 - alpha)


def rule_turned_round(alpha, half):
    return half * (1 - alpha) / alpha


def share_of_half(alpha, half):
    return half * alpha


def spring_by_hand(points):
    return spring_matrix(points)


def signs_of_the_released_tool(points):
    return paper_code_matrix(points)


def nothing_on_the_diagonal(points):
    matrix = -paper_code_matrix(points)
    return matrix + np.eye(len(matrix))


def directions_not_of_length_one(points):
    between = points[None] - points[:, None]
    pull = np.einsum("ija,ijb->aibj", between, between)
    stiffness, here = -pull, np.arange(len(points))
    stiffness[:, here, :, here] += np.moveaxis(pull.sum(axis=3), 1, 0)
    return stiffness.reshape(points.size, points.size)


EXERCISES = [
    Exercise(
        name="modes_left",
        kind="read",
        reference=modes_left,
        hint="Three displacements for each of 64 points; a rigid body in space has how many?",
        mistakes=[192, 189, 58],
    ),
    Exercise(
        name="examples_for_alpha",
        kind="change",
        reference=examples_for_alpha,
        hint="Solve alpha = N / (N + half) for N. At N = half it is 1/2.",
        mistakes=[rule_turned_round, share_of_half],
        cases=[(0.5, 7.0), (0.9, 2.0), (0.25, 12.0), (0.0, 3.0)],
    ),
    Exercise(
        name="spring_by_hand",
        kind="build",
        reference=spring_by_hand,
        hint="Off the diagonal -n n', on it the sum of all n n' of that point; n has length 1.",
        mistakes=[
            signs_of_the_released_tool,
            nothing_on_the_diagonal,
            directions_not_of_length_one,
        ],
        cases=[
            (np.array([[0.0, 0.0], [3.0, 4.0]]),),
            (np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]),),
            (np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [1, 1, 3.0]]),),
        ],
    ),
]
