"""Resizes and crops pictures in the mode in which they come, and makes them RGB at the end.

OpenAI's CLIP and open_clip prepare pictures so (`_transform` in
https://github.com/openai/CLIP/blob/main/clip/clip.py), by torchvision's Resize and CenterCrop.
transformers' processors make pictures RGB first, which gives other pixels where there is a palette
or transparency: Pillow resizes palettes by the nearest pixel, and weights colours by their alpha.
"""

from typing import TYPE_CHECKING

from gcl_spec.data.prepare.pictures import check_pixels, eight_bits, turn_upright

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["cropped_then_rgb"]


def cropped_then_rgb(
    picture: "Image.Image", edge: int, crop: tuple[int, int], resample: int, where: str
) -> "Image.Image":
    """The picture upright, its shorter side resized to `edge`, the centre cropped, then RGB.

    A transparent pixel has the colour that the file gives it.

    Args:
        picture: it is not changed.
        edge: the length of the shorter side; the longer one is rounded down.
        crop: height and width of the result; what is outside of the picture is black.
        resample: the number of a Pillow filter.
        where: the picture's name, for errors.

    Raises:
        DataError: it is too long and thin to be resized, or of a mode that has no meaning as RGB.
    """
    working_copy = eight_bits(picture)
    working_copy = working_copy.copy() if working_copy is picture else working_copy
    turn_upright(working_copy)
    longer = int(edge * max(working_copy.size) / min(working_copy.size))
    width, height = (edge, longer) if working_copy.width <= working_copy.height else (longer, edge)
    check_pixels(width, height, where=f"{where}: resized to a shorter side of {edge}")
    working_copy = working_copy.resize((width, height), resample)
    # torchvision rounds the halves of odd numbers to even ones.
    top, left = round((height - crop[0]) / 2), round((width - crop[1]) / 2)
    return working_copy.crop((left, top, left + crop[1], top + crop[0])).convert("RGB")
