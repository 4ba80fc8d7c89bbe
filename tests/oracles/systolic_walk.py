"""Systolic arrays cycle by cycle: every register is moved, every product is made.

The walks multiply real matrices and hand back the product with the number of cycles, so that a
wrong schedule shows as a wrong matrix. An array always runs its full height and width; what a
fold does not fill is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

Matrix = list[list[int]]
Vector = list[int]  # the q values that a processing element takes at once


@dataclass
class Run:
    """A product and the cycles it took."""

    cycles: int
    result: Matrix


def multiply(a: Matrix, b: Matrix) -> Matrix:
    """The product by its definition."""
    return [
        [sum(a[i][k] * b[k][j] for k in range(len(b))) for j in range(len(b[0]))]
        for i in range(len(a))
    ]


def transpose(a: Matrix) -> Matrix:
    return [list(row) for row in zip(*a, strict=True)]


def output_stationary(a: Matrix, b: Matrix, height: int, width: int, rate: int) -> Run:
    """Activations enter from the left, weights from above, each row and column a cycle later.

    A processing element multiplies what stands in front of it, adds to its own sum, and hands the
    activations to the right and the weights down. A fold ends when the last element is done.
    """
    rows, depth, columns = len(a), len(b), len(b[0])
    result = [[0] * columns for _ in range(rows)]
    cycles = 0
    beats = (depth + rate - 1) // rate

    def left(row: int, beat: int) -> Vector:
        inside = row < rows and 0 <= beat < beats
        return [
            a[row][k] if inside and k < depth else 0 for k in range(beat * rate, (beat + 1) * rate)
        ]

    def top(column: int, beat: int) -> Vector:
        inside = column < columns and 0 <= beat < beats
        return [
            b[k][column] if inside and k < depth else 0
            for k in range(beat * rate, (beat + 1) * rate)
        ]

    idle = [0] * rate
    for first_row in range(0, rows, height):
        for first_column in range(0, columns, width):
            sums = [[0] * width for _ in range(height)]
            taken = [[0] * width for _ in range(height)]  # beats each element has seen
            activation = [[idle] * width for _ in range(height)]
            weight = [[idle] * width for _ in range(height)]
            cycle = 0
            while any(beat < beats for line in taken for beat in line):
                moved_a = [
                    [left(first_row + i, cycle - i), *activation[i][:-1]] for i in range(height)
                ]
                moved_b = [
                    [
                        top(first_column + j, cycle - j) if i == 0 else weight[i - 1][j]
                        for j in range(width)
                    ]
                    for i in range(height)
                ]
                activation, weight = moved_a, moved_b
                for i in range(height):
                    for j in range(width):
                        if 0 <= cycle - i - j < beats:
                            taken[i][j] += 1
                        pairs = zip(activation[i][j], weight[i][j], strict=True)
                        sums[i][j] += sum(x * y for x, y in pairs)
                cycle += 1
            cycles += cycle
            for i in range(min(height, rows - first_row)):
                for j in range(min(width, columns - first_column)):
                    result[first_row + i][first_column + j] = sums[i][j]
    return Run(cycles, result)


def weight_stationary(a: Matrix, b: Matrix, height: int, width: int, rate: int) -> Run:
    """Weights are shifted in row by row, then activations stream and sums fall out below.

    Element (i, j) keeps q weights of depth i; activations move right, sums move down and are
    collected under each column. A fold ends when the last sum has left.
    """
    rows, depth, columns = len(a), len(b), len(b[0])
    result = [[0] * columns for _ in range(rows)]
    cycles = 0

    def at(matrix: Matrix, i: int, j: int) -> int:
        return matrix[i][j] if 0 <= i < len(matrix) and 0 <= j < len(matrix[0]) else 0

    idle = [0] * rate
    for first_depth in range(0, depth, height * rate):
        for first_column in range(0, columns, width):
            kept = [[idle] * width for _ in range(height)]
            for line in reversed(range(height)):  # the lowest line of weights enters first
                entering = [
                    [at(b, first_depth + line * rate + q, first_column + j) for q in range(rate)]
                    for j in range(width)
                ]
                kept = [entering, *kept[:-1]]
                cycles += 1
            activation = [[idle] * width for _ in range(height)]
            falling = [[0] * width for _ in range(height)]
            left_array = [0] * width
            cycle = 0
            while min(left_array) < rows:
                entering_left = [
                    [at(a, cycle - i, first_depth + i * rate + q) for q in range(rate)]
                    for i in range(height)
                ]
                activation = [[entering_left[i], *activation[i][:-1]] for i in range(height)]
                falling = [
                    [
                        (falling[i - 1][j] if i > 0 else 0)
                        + sum(x * y for x, y in zip(activation[i][j], kept[i][j], strict=True))
                        for j in range(width)
                    ]
                    for i in range(height)
                ]
                for j in range(width):
                    row = cycle - (height - 1) - j
                    if 0 <= row < rows:
                        left_array[j] += 1
                        if first_column + j < columns:
                            result[row][first_column + j] += falling[height - 1][j]
                cycle += 1
            cycles += cycle
    return Run(cycles, result)


def input_stationary(a: Matrix, b: Matrix, height: int, width: int, rate: int) -> Run:
    """Activations stay and weights stream: the transposed product with the operands exchanged."""
    run = weight_stationary(transpose(b), transpose(a), height, width, rate)
    return Run(run.cycles, transpose(run.result))


def tensor_unit(a: Matrix, b: Matrix, height: int, width: int, rate: int, deep: int) -> Run:
    """Matrix instructions of height x width x deep, each deep / rate cycles long.

    The sums of a block of outputs leave after the last instruction has gone through, which takes
    as long as an instruction; only then the next block starts.
    """
    rows, depth, columns = len(a), len(b), len(b[0])
    result = [[0] * columns for _ in range(rows)]
    cycles = 0
    for first_row in range(0, rows, height):
        for first_column in range(0, columns, width):
            for first_depth in range(0, depth, deep):
                for i in range(first_row, min(first_row + height, rows)):
                    for j in range(first_column, min(first_column + width, columns)):
                        for k in range(first_depth, min(first_depth + deep, depth)):
                            result[i][j] += a[i][k] * b[k][j]
                cycles += deep // rate
            cycles += deep // rate
    return Run(cycles, result)


DATAFLOWS = {
    "weight stationary": weight_stationary,
    "output stationary": output_stationary,
    "input stationary": input_stationary,
}


def hidden_folds(sizes: tuple[int, int, int], array: tuple[int, int, int], arrays: int,
                 dataflow: str) -> int:  # fmt: skip
    """Cycles when folds follow one another without a gap, dealt to several arrays one by one.

    A fold of weights (or activations) occupies its array while rows stream and while the next
    fold's weights are shifted in beside them; a fold of outputs while the depth streams. The skew
    of the first and the last fold is seen once.
    """
    rows, columns, depth = sizes
    height, width, rate = array
    if dataflow == "output stationary":
        streams, fill = (depth + rate - 1) // rate, height + width - 2
        cuts = [(i, j) for i in range(0, rows, height) for j in range(0, columns, width)]
    else:
        stream, kept = (rows, columns) if dataflow == "weight stationary" else (columns, rows)
        streams, fill = max(stream, height), height + (height - 1) + (width - 1)
        cuts = [(k, j) for k in range(0, depth, height * rate) for j in range(0, kept, width)]
    busy = [0] * arrays
    for number, _ in enumerate(cuts):
        busy[number % arrays] += streams
    return max(busy) + fill
