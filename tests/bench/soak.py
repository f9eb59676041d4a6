"""Long use: what people do with the page, and what befalls it; then whether all of it is true.

    PYTHONPATH=. python tests/bench/soak.py [MINUTES] [--seed 0]

The page is served as it always is. A script starts, pauses, resumes, cancels, renames and deletes
runs, chats, closes tabs in the middle of an answer and reloads; workers, the chat engine and the
page itself are killed or halted, and saved states damaged, at random. At the end every
acknowledged deed has to be there, every final state true, and no process, no temporary file and no
grown memory left. An hour by default; exits with 1 if anything is not so.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from soak_deeds import DEEDS, KILL_PAGE, Soak, kill_page
from soak_truth import faults_of, leftovers, living

from studio.tuning.minding import may_go_on
from studio.tuning.run import UNDER_WAY

CALM_SHARE = 0.5  # of the time, at the end, in which the page itself is left alone
PATIENCE = 900.0  # seconds in which the last runs have to end


def main() -> None:
    """Do things, bring them to an end, and tell."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("minutes", nargs="?", type=float, default=60.0)
    reader.add_argument("--seed", type=int, default=0)
    asked = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder) / "home", asked.seed)
        soak.page.start()
        counts = live(soak, 60 * asked.minutes)
        bring_to_an_end(soak)
        wrong = faults_of(soak.studio, soak.ledger, soak.datasets)
        grown, told = soak.page.memory()
        soak.page.stop()
        soak.studio.close()
        wrong += living(soak.page.mark) + leftovers(soak.studio.settings.home)
        if grown:
            wrong.append(f"The page's memory grew: {told}")
        tell(soak, counts, told, wrong)
    sys.exit(1 if wrong else 0)


def live(soak: Soak, seconds: float) -> Counter[str]:
    """Random deeds for so long; how many of each there were."""
    began, counts = time.monotonic(), Counter[str]()
    while (gone := time.monotonic() - began) < seconds:
        wild = gone < seconds * (1 - CALM_SHARE)
        weights = DEEDS | ({kill_page: KILL_PAGE} if wild else {})
        (deed,) = soak.draw.choices(list(weights), list(weights.values()))
        if done := deed(soak):
            counts[deed.__name__] += 1
            print(f"{gone:7.1f} s  {done}", flush=True)
        soak.page.feel()
        time.sleep(soak.draw.uniform(0.2, 2))
    return counts


def bring_to_an_end(soak: Soak) -> None:
    """Everybody has the answer, and every run has ended or stands still for good."""
    for talk in soak.talks:
        talk.result(timeout=PATIENCE)
    soak.people.shutdown()
    deadline = time.monotonic() + PATIENCE
    while any(run.status() in UNDER_WAY or may_go_on(run) for run in soak.studio.runs()):
        if time.monotonic() > deadline:
            soak.ledger.wrong("Not every run came to an end")
            break
        soak.page.feel()
        time.sleep(0.5)


def tell(soak: Soak, counts: Counter[str], memory: str, wrong: list[str]) -> None:
    """What was done, what came of it, and what is not as it should be."""
    print("\n| deed | times |\n|---|--:|")
    for name, count in sorted(counts.items()):
        print(f"| {name.replace('_', ' ')} | {count} |")
    ends = Counter(soak.ledger.ends.values())
    print(f"\nRuns: {', '.join(f'{count} {word}' for word, count in sorted(ends.items()))}; "
          f"{len(soak.ledger.answered)} answers read to their end, {len(soak.ledger.asked)} left; "
          f"the page lived {soak.page.lives} times. Memory of the page: {memory}.")  # fmt: skip
    print("\n" + ("\n".join(f"WRONG: {one}" for one in wrong) or "Everything is as it was said."))


if __name__ == "__main__":
    main()
