"""Makes the pictures of the README, by a real run: ``.venv/bin/python docs/pictures.py``."""

from pathlib import Path
from tempfile import TemporaryDirectory

import dicomlab as dl
from dicomlab.demo import tell
from dicomlab.slides import save

HERE = Path(__file__).parent

with TemporaryDirectory() as folder:
    for _ in tell(Path(folder)):
        pass
    [association] = dl.dissect(Path(folder, "conversation.pcapng")).associations
    for theme, ending in (("light", ""), ("dark", "-dark")):
        save(association.pdus[2], HERE / f"c-echo-rq{ending}.png", theme=theme)
        save(association, HERE / f"sequence{ending}.png", theme=theme)
