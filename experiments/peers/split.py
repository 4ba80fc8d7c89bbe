"""How the cores of a package share one GEMM; plain Python, for the interpreter of any peer."""

from math import ceil


def split(cores: int, rows: int, columns: int, width: int) -> tuple[int, int]:
    """Cores along rows and along columns of the result.

    Parameters
    ----------
    cores : int
    rows, columns : int
        Of the result.
    width : int
        Columns that the arrays of one core compute side by side.

    Returns
    -------
    tuple of int
        The divisors of `cores` that leave least idle; of equal ones the squarest share.

    >>> split(128, 2048, 8192, 256)
    (4, 32)
    >>> split(108, 2048, 8192, 256)
    (27, 4)
    """

    def cost(down: int) -> tuple[float, float]:
        across = cores // down
        used = rows / (down * ceil(rows / down))
        used *= columns / (across * width * ceil(columns / (across * width)))
        return -used, abs(rows / down - columns / across)

    down = min((size for size in range(1, cores + 1) if cores % size == 0), key=cost)
    return down, cores // down


def padded(size: int, parts: int) -> int:
    """The size that divides into equal whole parts.

    >>> padded(2048, 27)
    2052
    """
    return ceil(size / parts) * parts
