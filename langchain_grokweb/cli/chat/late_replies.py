"""What a terminal says late to a question about itself is nothing that was typed.

After the first picture the terminal is asked what it can show (`cli.chat.made`). Over a slow line its reply comes when
the next question is being asked, and prompt_toolkit knows only the replies to its own questions.
"""

from __future__ import annotations

from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

_PARAMETERS = "0123456789;?:"  # of a control sequence; any other character ends it
_END_OF_STRING = "\\"  # after Escape, it ends what began with Escape and an underscore


class LateReplies:
    """Swallows control sequences (`ESC [ ... c`) and replies of kitty (`ESC _ G ...`)."""

    def __init__(self) -> None:
        self._is_in_sequence = False
        self._is_in_string = False

    def bind(self, keys: KeyBindings) -> None:
        """Add what a reply consists of to the keys of a prompt."""

        @keys.add("escape", "[")
        def _(_: KeyPressEvent) -> None:
            self._is_in_sequence = True

        @keys.add("escape", "_", "G")
        def _(_: KeyPressEvent) -> None:
            self._is_in_string = True

        @keys.add(Keys.Any, filter=Condition(lambda: self._is_in_sequence or self._is_in_string), eager=True)
        def _(event: KeyPressEvent) -> None:
            self._swallow(event)

    def _swallow(self, event: KeyPressEvent) -> None:
        press = event.key_sequence[-1]
        if isinstance(press.key, Keys) and press.key is not Keys.Escape:  # somebody's key after all
            self._is_in_sequence = self._is_in_string = False
            event.app.key_processor.feed(press, first=True)
        elif self._is_in_string:
            self._is_in_string = press.key != _END_OF_STRING
        else:
            self._is_in_sequence = press.key in _PARAMETERS
