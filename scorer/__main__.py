"""The program `scorer`, also as `python -m scorer`."""

import signal


def main() -> None:
    """Load it, then run it. Loading takes half a second: who presses Ctrl-C meanwhile wants no traceback."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from scorer import cli  # noqa: PLC0415

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
