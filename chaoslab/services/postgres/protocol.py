"""The few messages of PostgreSQL's protocol that the lab sends or recognizes without a driver.

Sources: PostgreSQL, "SSL Session Encryption", "Message Formats", "Error and Notice Message Fields".
"""

from __future__ import annotations

import struct

# SSLRequest: answered by one byte, without credentials.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
# 'X' and its length: a pool sends it last, also on connections that it never used.
TERMINATE = b"X" + struct.pack("!i", 4)
# Fields V and C of ErrorResponse or NoticeResponse, severity and SQLSTATE, the same in every
# language of the server: admin_shutdown, crash_shutdown, cannot_connect_now.
DISMISSALS = tuple(
    b"V" + severity + b"\x00C" + code + b"\x00"
    for severity in (b"FATAL", b"WARNING")
    for code in (b"57P01", b"57P02", b"57P03")
)
