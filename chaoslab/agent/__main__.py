"""`python -m chaoslab.agent`: the lab's eyes and hands in a network namespace."""

from chaoslab.agent.main import main

main()
