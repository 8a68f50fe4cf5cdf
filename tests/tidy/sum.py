#!/usr/bin/python3
"""What ctest's report says: `sum.py JUNIT_XML` prints how many tests passed, failed and were skipped,
and a line `failed NAME` or `skipped NAME` for each that did not pass.

A test is skipped that says itself that it lacks something to run with. What was not run for another
reason, or is disabled, counts as failed: it tells nothing. `--self` tests this.
"""

import sys
import xml.etree.ElementTree


def judged(case):
    if case.get("status") == "run":
        return "passed"
    skipped = case.find("skipped")
    said = "" if skipped is None else skipped.get("message", "")
    return "skipped" if said.startswith("SKIP_") else "failed"


def told(suite):
    outcome = [(judged(case), case.get("name")) for case in suite.iter("testcase")]
    counts = [sum(o == kind for o, _ in outcome) for kind in ("passed", "failed", "skipped")]
    return [" ".join(map(str, counts)), *(f"{o} {n}" for o, n in outcome if o != "passed")]


REPORT = """<testsuite tests="6">
<testcase name="a.Good" status="run"/>
<testcase name="a.Bad" status="fail"><failure message=""/></testcase>
<testcase name="a.Dataless" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>
<testcase name="a.Codes" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>
<testcase name="a.Gone" status="notrun"><skipped message="Unable to find executable"/></testcase>
<testcase name="a.Off" status="disabled"/>
</testsuite>"""


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--self":
        got = told(xml.etree.ElementTree.fromstring(REPORT))
        want = ["1 3 2", "failed a.Bad", "skipped a.Dataless", "skipped a.Codes", "failed a.Gone",
                "failed a.Off"]
        sys.exit(f"{got}, not {want}" if got != want else 0)
    print("\n".join(told(xml.etree.ElementTree.parse(sys.argv[1]).getroot())))


if __name__ == "__main__":
    main()
