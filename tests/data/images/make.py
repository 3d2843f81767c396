"""Makes the images of this folder and what Pillow (made with 13.0.0) and transformers (5.23.0) read of them.

NAME.png, NAME.jpg           the images; PNGs that Pillow does not write are written here
NAME.ppm                     Image.open(..).convert("RGB")
resized/FILTER_WxH.ppm       source.png resized
preprocess/NAME.json, .f32   a preprocessor_config.json and the pixel values [3, height, width] of source.png
"""

import io
import json
import os
import struct
import zlib

import numpy as np
from PIL import Image

OUT = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)


def picture(width, height, channels=3):
    """Smooth areas, edges and noise."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for c in range(channels):
        p = 127 + 100 * np.sin(x / (3.0 + c) + c) * np.cos(y / (4.0 - c))
        p[(x // 5 + y // 7 + c) % 3 == 0] = 255 * (c % 2)
        planes.append(p + 20 * rng.standard_normal(p.shape))
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(row, depth):
    """A row of samples as the bytes of a PNG."""
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype(np.uint8).tobytes()
    bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).ravel()
    return np.packbits(bits).tobytes()


def png(samples, depth, color, extra=b"", interlaced=False):
    height, width = samples.shape[:2]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x0, y0, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.shape[0] and part.shape[1]:
            raw += b"".join(b"\0" + pack(r.reshape(-1), depth) for r in part)
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def keep(name, data):
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)
    ppm(name.rsplit(".", 1)[0], Image.open(io.BytesIO(data)).convert("RGB"))


def ppm(name, image):
    image.save(os.path.join(OUT, name + ".ppm"))


def encoded(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def decoding():
    rgb = picture(23, 17)
    for depth in (1, 2, 4, 8, 16):
        keep(f"grey{depth}.png", png(rng.integers(0, 2**depth, (9, 13)), depth, 0))
        if depth < 16:
            count = min(2**depth, 200)
            palette = chunk(b"PLTE", rng.integers(0, 256, 3 * count, dtype=np.uint8).tobytes())
            keep(f"palette{depth}.png", png(rng.integers(0, count, (9, 13)), depth, 3, palette + chunk(b"tRNS", b"\0\x80")))
    keep("grey16_low.png", png(rng.integers(0, 400, (5, 7)), 16, 0))
    keep("grey_transparent.png", png(rng.integers(0, 9, (6, 6)), 8, 0, chunk(b"tRNS", b"\0\x03")))
    keep("grey_alpha.png", png(rng.integers(0, 256, (9, 13, 2)), 8, 4))
    keep("grey_alpha16.png", png(rng.integers(0, 65536, (9, 13, 2)), 16, 4))
    keep("rgb16.png", png(rng.integers(0, 65536, (9, 13, 3)), 16, 2))
    keep("rgb_transparent.png", png(rgb, 8, 2, chunk(b"tRNS", b"\0\1\0\2\0\3")))
    keep("rgba.png", png(picture(23, 17, 4), 8, 6))
    keep("rgba16.png", png(rng.integers(0, 65536, (9, 13, 4)), 16, 6))
    keep("interlaced.png", png(rgb, 8, 2, b"", True))
    keep("interlaced_grey1.png", png(rng.integers(0, 2, (11, 19)), 1, 0, b"", True))
    keep("interlaced_palette4.png", png(rng.integers(0, 16, (3, 2)), 4, 3, chunk(b"PLTE", bytes(range(48))), True))
    keep("one_pixel.png", png(rgb[:1, :1], 8, 2))
    keep("filtered.png", encoded(Image.fromarray(picture(40, 30)), format="PNG"))
    image = Image.fromarray(picture(45, 37))
    for name, options in {
        "jpeg444": dict(subsampling=0, quality=90),
        "jpeg422": dict(subsampling=1, quality=60),
        "jpeg420": dict(subsampling=2, quality=75),
        "jpeg_progressive": dict(progressive=True, quality=40),
    }.items():
        keep(name + ".jpg", encoded(image, format="JPEG", **options))
    keep("jpeg_grey.jpg", encoded(image.convert("L"), format="JPEG"))
    keep("jpeg_cmyk.jpg", encoded(image.convert("CMYK"), format="JPEG", quality=95))
    turned = Image.Exif()
    turned[0x0112] = 6
    keep("jpeg_turned.jpg", encoded(image.crop((0, 0, 16, 9)), format="JPEG", exif=turned))


def resizing():
    os.makedirs(os.path.join(OUT, "resized"), exist_ok=True)
    source = Image.fromarray(picture(61, 43))
    source.save(os.path.join(OUT, "source.png"))
    ppm("source", source)
    for number, name in enumerate(["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]):
        for width, height in [(20, 14), (61, 17), (97, 43), (150, 90), (1, 1), (7, 200)]:
            ppm(f"resized/{name}_{width}x{height}", source.resize((width, height), number))


def preprocessing():
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
    from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    os.makedirs(os.path.join(OUT, "preprocess"), exist_ok=True)
    source = Image.open(os.path.join(OUT, "source.png")).convert("RGB")
    crop = {"height": 24, "width": 20}
    cases = {
        "clip": (CLIPImageProcessorPil, dict(size={"shortest_edge": 30}, crop_size=crop)),
        "clip_small": (CLIPImageProcessorPil, dict(size={"shortest_edge": 19}, crop_size={"height": 25, "width": 40})),
        "clip_bare": (CLIPImageProcessorPil, dict(do_resize=False, do_rescale=False, do_normalize=False, crop_size=crop)),
        "clip_between": (CLIPImageProcessorPil, dict(size={"shortest_edge": 30, "longest_edge": 36}, do_center_crop=False)),
        "bit": (BitImageProcessorPil, dict(size={"shortest_edge": 31}, crop_size=crop, resample=2)),
        "vit": (ViTImageProcessorPil, dict(size={"height": 18, "width": 22}, resample=0)),
        "vit_unscaled": (ViTImageProcessorPil, dict(size={"height": 18, "width": 22}, do_rescale=False, image_mean=[9, 8, 7])),
        "vit_within": (ViTImageProcessorPil, dict(size={"max_height": 50, "max_width": 20})),
        "deit": (DeiTImageProcessorPil, dict(size={"height": 30, "width": 30}, crop_size=crop, rescale_factor=1 / 127.5)),
        "siglip": (SiglipImageProcessorPil, dict(size={"height": 20, "width": 20}, do_normalize=False, resample=1)),
        "llava": (LlavaImageProcessorPil, dict(do_pad=True, size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})),
    }
    for name, (kind, options) in cases.items():
        processor = kind(**options)
        values = np.asarray(processor(source, return_tensors="np")["pixel_values"][0], dtype="<f4")
        settings = json.loads(processor.to_json_string())
        settings["expected_shape"] = list(values.shape)
        with open(os.path.join(OUT, "preprocess", name + ".json"), "w") as f:
            json.dump(settings, f, indent=1)
        values.tofile(os.path.join(OUT, "preprocess", name + ".f32"))


decoding()
resizing()
preprocessing()
