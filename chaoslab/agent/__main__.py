"""`python -m chaoslab.agent`: the lab's eyes and hands in a network namespace, or, by `respond`, an
HTTP server with declared answers.
"""

import sys

from chaoslab.agent.main import main
from chaoslab.agent.responder import respond

if sys.argv[1:2] == ["respond"]:
    respond(*sys.argv[2:])
else:
    main()
