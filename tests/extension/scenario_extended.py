"""A fault, an expectation, a probe and a service of the extension, beside those of chaoslab."""

from chaoslab_example.answers_quickly import AnswersQuickly
from chaoslab_example.cache_probe import CACHE_PROBE
from chaoslab_example.congested import Congested

from chaoslab import Severed, expect, when


async def test_congested(chaos):
    await chaos.run(
        Congested(
            target="memcached",
            latency_s=0.2,
            rate_kb_per_s=8,
            start=when.started(),
            stop=when.in_force("congested:memcached", after_s=0.8),
        ),
        probes=[CACHE_PROBE],
        expect=[
            expect.Starts(mode="normal", rests_on=()),
            expect.Sampled(probe="cache_named", share=0.9, rests_on=()),
            AnswersQuickly(within_s=2.0),
        ],
    )


async def test_severed(chaos):
    await chaos.run(
        Severed(
            target="memcached",
            mode="refused",
            start=when.started(),
            stop=when.degraded(after_s=1.0),
        ),
        expect=[expect.Degrades(naming=("memcached",)), expect.Recovers(proved=False)],
    )
