"""A request that the service does not take, in gRPC's terms; a wire spells it out (rest.md 1.5)."""

INVALID_ARGUMENT = 3
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
INTERNAL = 13
UNAUTHENTICATED = 16


class Refused(Exception):  # noqa: N818 - it is an answer of the service, not an error of the emulator
    """Answered with an error: HTTP `status`, gRPC `code`, `message`; `nested` for the streaming RPCs' envelope."""

    def __init__(self, status: int, code: int, message: str, *, nested: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.nested = nested
