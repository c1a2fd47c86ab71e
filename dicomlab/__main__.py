"""``python -m dicomlab`` is the command ``dicomlab``."""

from dicomlab.cli import main

main()
