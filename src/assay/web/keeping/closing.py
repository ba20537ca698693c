"""How a listening socket ends without a connection that was made and then reset."""

from __future__ import annotations

import socket
import struct
import sys
from array import array

SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python has no name for it
FLAGS_AT, SYN = 13, 0x02  # where the flags lie in a TCP header, and the one that asks for a connection (RFC 9293, 3.1)
_LOAD_BYTE, _SKIP_UNLESS_ANY, _RETURN = 0x30, 0x45, 0x06  # of the classic BPF machine: linux/bpf_common.h
_WHOLE = 0xFFFFFFFF
_NO_NEW_CONNECTIONS = (
    (_LOAD_BYTE, 0, 0, FLAGS_AT),
    (_SKIP_UNLESS_ANY, 0, 1, SYN),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, _WHOLE),
)


def accept_no_more(listening: socket.socket) -> None:
    """From now on nobody new is let in; who is connected, or about to be, can still be accepted.

    `listen(0)` is no such thing on Linux: while its queue is empty a socket goes on letting somebody in, who is reset if it
    is closed just then. So what asks for a connection is dropped, unseen by those who accept; whoever asked asks again a
    second later, and is refused then.
    """
    if sys.platform == "linux":
        program = array("B", b"".join(struct.pack("=HBBI", *step) for step in _NO_NEW_CONNECTIONS))
        told = struct.pack("@HP", len(_NO_NEW_CONNECTIONS), program.buffer_info()[0])
        try:
            listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, told)
        except OSError:  # a kernel without such filters
            listening.listen(0)
    else:
        listening.listen(0)
