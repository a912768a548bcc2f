"""`python -m chaoslab.agent`: observes and changes a network namespace for the lab.

`python -m chaoslab.agent respond` is an HTTP server with declared answers.
"""

import sys

from chaoslab.agent.main import main
from chaoslab.agent.responder import respond

if sys.argv[1:2] == ["respond"]:
    respond(*sys.argv[2:])
else:
    main()
