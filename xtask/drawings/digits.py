"""Draws digits that MNIST never saw, for `cargo xtask e2e`: python digits.py DIR PER_CLASS SEED

Each picture is a digit from a font or from pen strokes on one kind of page:
DIR/font-shaded/7-03.jpg is a 7. The fonts are all those with digits in the packages below. The
strokes are skeletons of written shapes, bent, slanted and drawn with pens of several widths. The
pictures are reproducible with the same seed and the same versions of Pillow, NumPy and the fonts.
"""

import importlib.util
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Fonts that have other symbols in place of digits.
SYMBOLS = ("cmex10", "cmsy10")

PACKAGES = (
    "matplotlib", "font_amatic_sc", "font_caladea", "font_fredoka_one", "font_hanken_grotesk", "font_intuitive", "font_manrope",
    "font_roboto", "font_source_sans_pro", "font_source_serif_pro",
)

# Points (x, y) in the unit square, y down: one list per stroke, several shapes for some digits.
SKELETONS = {
    0: [[[(.5, 0), (.15, .2), (.05, .55), (.25, .95), (.6, .97), (.92, .65), (.9, .25), (.6, .01), (.5, 0)]]],
    1: [[[(.5, 0), (.5, 1)]], [[(.25, .25), (.55, 0), (.55, 1)]], [[(.2, .28), (.5, 0), (.5, 1)], [(.2, 1), (.8, 1)]]],
    2: [[[(.1, .25), (.3, .02), (.7, .03), (.85, .3), (.6, .6), (.1, 1)], [(.1, 1), (.92, .98)]],
        [[(.12, .2), (.4, 0), (.8, .15), (.7, .5), (.3, .9), (.1, .9), (.25, .78), (.55, .95), (.95, .95)]]],
    3: [[[(.12, .12), (.45, 0), (.8, .15), (.7, .4), (.4, .48)], [(.4, .48), (.8, .55), (.9, .8), (.5, 1), (.08, .88)]],
        [[(.1, .02), (.85, .02)], [(.85, .02), (.42, .42)], [(.42, .42), (.85, .55), (.85, .85), (.5, 1), (.1, .9)]]],
    4: [[[(.3, 0), (.1, .6)], [(.1, .6), (.9, .58)], [(.7, .1), (.68, 1)]], [[(.7, 1), (.7, 0)], [(.7, 0), (.05, .68)], [(.05, .68), (.95, .68)]]],
    5: [[[(.85, .02), (.22, .03)], [(.22, .03), (.17, .43)], [(.17, .43), (.55, .36), (.88, .6), (.75, .93), (.4, 1), (.08, .9)]]],
    6: [[[(.75, .02), (.3, .3), (.1, .7), (.3, .98), (.7, .98), (.88, .72), (.65, .5), (.3, .55), (.13, .75)]]],
    7: [[[(.08, .05), (.9, .04)], [(.9, .04), (.5, .5), (.35, 1)]],
        [[(.08, .05), (.9, .04)], [(.9, .04), (.55, .5), (.4, 1)], [(.3, .5), (.78, .5)]]],
    8: [[[(.75, .12), (.45, 0), (.2, .18), (.35, .42), (.7, .6), (.85, .82), (.5, 1), (.15, .85), (.3, .58), (.7, .38), (.8, .15), (.72, .1)]],
        [[(.5, 0), (.2, .2), (.5, .46), (.8, .2), (.5, 0)], [(.5, .46), (.1, .75), (.5, 1), (.9, .75), (.5, .46)]]],
    9: [[[(.8, .25), (.5, .02), (.15, .2), (.25, .48), (.6, .48), (.82, .22)], [(.82, .22), (.8, .6), (.7, 1)]],
        [[(.82, .15), (.45, 0), (.12, .22), (.3, .5), (.7, .42), (.82, .15)], [(.82, .15), (.82, .7), (.55, 1), (.2, .95)]]],
}


def fonts():
    """The font files of each package that have all digits, without duplicates in another format."""
    found = []
    for package in PACKAGES:
        root = pathlib.Path(importlib.util.find_spec(package).origin).parent
        files = {path.stem: path for path in sorted(root.rglob("*")) if path.suffix in (".ttf", ".otf")}
        found.append([path for stem, path in files.items() if stem not in SYMBOLS and has_digits(path)])
    return found


def has_digits(path):
    font = ImageFont.truetype(str(path), 40)
    missing = bytes(font.getmask("\uffff"))
    glyphs = {bytes(font.getmask(str(digit))) for digit in range(10)}
    return len(glyphs) == 10 and missing not in glyphs and b"" not in glyphs


def of_font(rng, digit, height, families):
    """A digit from a random font: cropped ink of shape (height, columns), from 0 to 1."""
    paths = families[rng.randint(len(families))]
    path = paths[rng.randint(len(paths))]
    font = ImageFont.truetype(str(path), 400)
    left, top, right, bottom = font.getbbox(str(digit))
    image = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), str(digit), fill=255, font=font)
    image = image.rotate(rng.uniform(-6, 6), Image.BICUBIC, expand=True)
    return fitted(image, height)


def of_strokes(rng, digit, height):
    """The same, drawn with a pen."""
    shapes = SKELETONS[digit]
    shape = shapes[rng.randint(len(shapes))]
    aspect, slant, angle = rng.uniform(.5, .9), rng.uniform(-.05, .35), np.radians(rng.uniform(-8, 8))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    width = 400 * rng.choice([.04, .07, .11, .16])
    bend = {}
    image = Image.new("L", (1000, 800))
    draw = ImageDraw.Draw(image)
    for stroke in shape:
        # Strokes that meet in a point still meet after the point has moved.
        points = np.array([bend.setdefault(point, np.array(point) + rng.normal(0, .02, 2)) for point in stroke])
        points = spline(points)
        points[:, 0] = points[:, 0] * aspect + slant * (1 - points[:, 1])
        points = (points - .5) @ turn.T * 400 + (500, 400)
        draw.line([tuple(p) for p in points], fill=255, width=int(width), joint="curve")
        for x, y in points:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return fitted(image, height)


def spline(points):
    """A Catmull-Rom spline through the points."""
    if len(points) == 2:
        return np.linspace(points[0], points[1], 20)
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, 16)[:, None]
    parts = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:]):
        parts.append(.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack(parts)


def fitted(image, height):
    image = image.crop(image.getbbox())
    width = max(1, round(image.width * height / image.height))
    return np.asarray(image.resize((width, height), Image.LANCZOS), dtype=np.float64) / 255


def page(rng, kind, draw):
    """A picture of shape (rows, columns), from 0 to 255."""
    side = {"tiny": (22, 41), "far": (300, 601)}.get(kind, (60, 401))
    rows, columns = rng.randint(*side), rng.randint(*side)
    share = {"far": (.08, .2)}.get(kind, (.3, .85))
    ink = draw(max(12, int(min(rows, columns) * rng.uniform(*share))))
    if ink.shape[1] > columns - 2:
        columns = ink.shape[1] + 4
    if ink.shape[0] > rows - 2:
        rows = ink.shape[0] + 4
    if kind == "cropped":
        rows, columns = ink.shape[0] + rng.randint(2, 6), ink.shape[1] + rng.randint(2, 6)
    cover = np.zeros((rows, columns))
    y, x = rng.randint(1, rows - ink.shape[0]), rng.randint(1, columns - ink.shape[1])
    cover[y:y + ink.shape[0], x:x + ink.shape[1]] = ink

    ground, level, noise, dim = 255.0, rng.uniform(0, 40), 0.0, 0.0
    if kind == "cropped":
        ground = rng.uniform(180, 255)
    elif kind == "chalk":
        ground, level, noise = rng.uniform(0, 70), rng.uniform(180, 255), rng.uniform(0, 6)
    elif kind == "faint":
        ground = rng.uniform(150, 255)
        level, noise = ground - rng.uniform(40, 90), rng.uniform(1, 4)
    elif kind == "shaded":
        across, down = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(-1, 1, rows))
        # A lamp somewhere above the page.
        x, y, reach = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(.8, 2)
        dim = rng.uniform(.2, .5) * (1 - np.exp(-((across - x)**2 + (down - y)**2) / (2 * reach**2)))
        ground, level, noise = rng.uniform(190, 235), rng.uniform(10, 60), rng.uniform(2, 8)
    elif kind == "noisy":
        ground, level, noise = rng.uniform(170, 230), rng.uniform(10, 50), rng.uniform(10, 25)
    picture = (ground * (1 - cover) + level * cover) * (1 - dim)
    if kind in ("shaded", "noisy"):
        for _ in range(rng.randint(0, 13)):
            spot = rng.randint(0, rows), rng.randint(0, columns)
            size = rng.randint(1, max(2, min(rows, columns) // 60))
            picture[spot[0]:spot[0] + size, spot[1]:spot[1] + size] = level
    picture += rng.normal(0, 1, picture.shape) * noise
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


KINDS = ("plain", "cropped", "chalk", "faint", "shaded", "noisy", "tiny", "far")


def main(directory, per_class, seed):
    rng = np.random.RandomState(seed)
    families = fonts()
    sources = {"font": lambda digit: lambda height: of_font(rng, digit, height, families),
               "strokes": lambda digit: lambda height: of_strokes(rng, digit, height)}
    for source, draw in sources.items():
        for kind in KINDS:
            place = directory / f"{source}-{kind}"
            place.mkdir(parents=True)
            for digit in range(10):
                for i in range(per_class):
                    image = Image.fromarray(page(rng, kind, draw(digit)))
                    if kind in ("shaded", "noisy"):
                        image.save(place / f"{digit}-{i:02}.jpg", quality=int(rng.randint(40, 90)))
                    else:
                        image.save(place / f"{digit}-{i:02}.png")
    print(f"{len(sources) * len(KINDS) * 10 * per_class} pictures, {sum(map(len, families))} fonts")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
