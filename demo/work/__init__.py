"""Work: what the app has done for it by workers. Nothing here knows the page."""

from demo.work.codecs import Judge, Quality, Reencode, Reencoded, Sweep
from demo.work.decoding import Decode, Decoded, Part, Rendering
from demo.work.encoding import Encode, Made, Opened
from demo.work.explaining import Crops, Explain, Explained, Foretold, ShownLevel
from demo.work.rehearsal import Gauge, Gauged, Rehearse
from demo.work.revealing import UNSURE, Reveal, Revealed
from demo.work.source import Measure, Measured, Source
from demo.work.waves import ShownWaves, Waves

__all__ = [
    "UNSURE",
    "Crops",
    "Decode",
    "Decoded",
    "Encode",
    "Explain",
    "Explained",
    "Foretold",
    "Gauge",
    "Gauged",
    "Judge",
    "Made",
    "Measure",
    "Measured",
    "Opened",
    "Part",
    "Quality",
    "Reencode",
    "Reencoded",
    "Rehearse",
    "Rendering",
    "Reveal",
    "Revealed",
    "ShownLevel",
    "ShownWaves",
    "Source",
    "Sweep",
    "Waves",
]
