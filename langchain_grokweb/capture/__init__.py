"""A turn as it came over the wire, with its texts replaced: to hand over what an account really got."""

from langchain_grokweb.capture.player import Played, play
from langchain_grokweb.capture.recorder import record

__all__ = ["Played", "play", "record"]
