"""A plugin for Pillow: `import combiner_core.pillow`, and it opens and saves `.cmb` images.

    image = Image.open("photo.png")
    image.save("photo.cmb", bpp=0.2)
    Image.open("photo.cmb").show()

Keyword arguments of `save` are those of `combiner_core.compress`.
"""

from __future__ import annotations

import io
from typing import IO, Any

from PIL import Image, ImageFile

from combiner_core import bitstream
from combiner_core.api import compress
from combiner_core.codec import decode
from combiner_core.errors import BitstreamError
from combiner_core.signals import ImageShape

FORMAT = "CMB"
# those that make sense for an image; Pillow's callers pass what other formats take as well
_SETTINGS = (
    *("bytes", "bpp", "model", "effort", "rec", "seed", "device", "tune"),
    *("refine", "optimise_latents", "models", "limits"),
)


class CombinerImageFile(ImageFile.ImageFile):
    """An image in a `.cmb` file, which is decoded when its pixels are asked for."""

    format = FORMAT
    format_description = "COMBINER"

    def _open(self) -> None:
        assert self.fp is not None
        content = self.fp.read()
        try:
            shape = bitstream.read(content).header.signal_shape
        except BitstreamError as error:
            raise SyntaxError(str(error)) from error
        if not isinstance(shape, ImageShape):
            raise SyntaxError("The file holds a clip, not an image.")
        self._content: bytes | None = content
        self._size, self._mode = (shape.width, shape.height), "RGB"

    def load(self) -> Any:
        """Decode, if that is not done yet.

        Raises:
            CombinerError: the file cannot be decoded.
        """
        if self._content is not None:
            pixels = decode(self._content).values
            self._content = None
            if self.fp is not None and self._exclusive_fp:
                self.fp.close()
            self.fp = io.BytesIO(pixels.tobytes())
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]
        return super().load()


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(bitstream.MAGIC)


def _save(image: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    given = getattr(image, "encoderinfo", {})
    settings = {name: given[name] for name in _SETTINGS if name in given}
    stream.write(compress(image, **settings))


Image.register_open(FORMAT, CombinerImageFile, _accept)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, ".cmb")
