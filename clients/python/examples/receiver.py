#!/usr/bin/env python3
"""Prints number, length and SHA-256 of each message, read where the sender has written it.

python3 receiver.py ENDPOINT
"""

import hashlib
import sys

from pageferry import PageferryError, Receiver


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} ENDPOINT")
    try:
        with Receiver(sys.argv[1]) as receiver:
            for message in receiver:
                print(message.number, len(message), hashlib.sha256(message).hexdigest(), flush=True)
    except PageferryError as error:
        sys.exit(f"receiver.py: {error}")
    print("end", flush=True)


if __name__ == "__main__":
    main()
