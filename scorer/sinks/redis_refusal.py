"""What Redis refuses for good: the setting has to be mended before asking again can help."""

import socket
import ssl
from collections.abc import Iterator

from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    InvalidResponse,
    NoPermissionError,
    ResponseError,
)


def why_refused(error: BaseException) -> str | None:
    """The reason and the way out, in words for a person; None where the same may work later."""
    errors = list(_chain(error))
    if any(_is_about_login(each) for each in errors):
        return (
            f"Redis refuses the user name or password ({errors[0]}); "
            "they belong into the URL, as redis://user:password@host:port/0"
        )
    reason = next(filter(None, map(_wrong_place, errors)), None)
    if reason is None:
        return None
    what, way_out = reason
    return f"{what} ({errors[0]}); {way_out}"


def _is_about_login(error: BaseException) -> bool:
    if isinstance(error, AuthenticationError | AuthenticationWrongNumberOfArgsError | NoPermissionError):
        return True
    return isinstance(error, ResponseError) and str(error).startswith(("NOAUTH", "WRONGPASS"))


def _wrong_place(error: BaseException) -> tuple[str, str] | None:
    """What is wrong, and the way out."""
    match error:
        case socket.gaierror():
            return "the host is unknown", "name one that can be looked up from here"
        case ssl.SSLCertVerificationError():
            return "its certificate is of no authority known here", "add ?ssl_ca_certs=FILE to the URL"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return "it speaks no TLS", "begin the URL with redis://"
        case InvalidResponse():
            return "what answers is no Redis", "name the port of one; one that speaks TLS is rediss://"
        case ResponseError() if "DB index" in str(error):
            return "it has no database of this number", "end the URL with another, such as /0"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__
