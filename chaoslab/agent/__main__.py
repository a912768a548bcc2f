"""`python -m chaoslab.agent`: observes and changes a network namespace for the lab.

`python -m chaoslab.agent respond` is an HTTP server with declared answers.
`python -m chaoslab.agent hold` is the first process of a lab's namespaces.
"""

import sys

from chaoslab.agent.main import main
from chaoslab.agent.responder import respond

if sys.argv[1:2] == ["respond"]:
    respond(*sys.argv[2:])
elif sys.argv[1:2] == ["hold"]:
    from chaoslab.agent.namespaces import hold

    hold(*sys.argv[2:])
else:
    main()
