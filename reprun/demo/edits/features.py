"""What the network sees: an idea of this morning, not committed yet."""


def scale(pixels: list[int]) -> list[float]:
    """The pixels around zero, and how much ink each row and each column holds."""
    rows = [sum(pixels[start : start + 8]) / 64 for start in range(0, 64, 8)]
    columns = [sum(pixels[start::8]) / 64 for start in range(8)]
    return [value / 8 - 1 for value in pixels] + rows + columns
