"""The services under a real systemd: names, crashes, hangs, a full disk, a broken upgrade.

All tests that want the machine stand here: what installs and boots it takes most of their time.
"""

import ctypes
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.field.conftest import Machine
from tests.integration.field.releases import TRAP, release

SEIZE, INTERRUPT, GO_ON = 0x4206, 0x4207, 7
WAIT_ALL = 0x40000000
TRIES = 10
SCENE = """python3 -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:8787/api/scene", timeout=1.5).read())
'"""


def test_the_package_waits_for_its_gallery_and_names_people(machine: Machine) -> None:
    assert "no gallery yet" in machine.sh("systemctl show -p StatusText tvradar")
    machine.configure()
    assert "no gallery yet" in machine.sh("systemctl show -p StatusText tvradar")
    machine.bring_gallery()
    machine.answers_after_s()
    assert machine.named()
    status = machine.sh("systemctl show -p ActiveState,StatusText,User tvradar")
    assert "ActiveState=active" in status
    assert "User=tvradar" in status
    assert machine.sh("systemctl is-active tvradar.target").strip() == "active"


def test_a_killed_recogniser_answers_again(machine: Machine) -> None:
    """In under 2 s on a quiet machine (docs/field.md); here it only has to come."""
    machine.name_people()
    machine.sh(f"kill -9 {machine.pid()}")
    assert machine.answers_after_s() < 15
    assert machine.named()


def test_a_stopped_process_is_replaced_by_the_watchdog(machine: Machine) -> None:
    machine.name_people()
    before = machine.pid()
    machine.sh(f"kill -STOP {before}")
    machine.answers_after_s()
    assert machine.pid() != before
    assert "Watchdog timeout" in machine.sh("journalctl -u tvradar --no-pager")


def test_an_engine_that_blocks_is_replaced_by_the_watchdog(machine: Machine) -> None:
    """The thread that recognises is held as a blocked engine would hold it; the others run on."""
    machine.name_people()
    before = machine.pid()
    thread = _outer_thread(machine, before, "recognise")
    answers: list[bool] = []

    def answered() -> bool:
        assert machine.pid() == before
        answers.append('"pts_s"' in machine.sh(SCENE))
        return answers[-1]

    held = threading.Thread(target=_hold, args=(thread, answered))
    held.start()
    held.join(60)
    assert answers[-1:] == [True]  # the web side does not hang with it
    assert not held.is_alive()
    machine.answers_after_s()
    assert machine.pid() != before


def test_a_process_that_dies_of_memory_is_started_again(machine: Machine) -> None:
    """Memory limits of units do not act here, so the kernel's own kill is imitated: SIGKILL."""
    machine.name_people()
    restarts = int(machine.sh("systemctl show -p NRestarts --value tvradar"))
    machine.sh("systemctl kill --kill-whom=main --signal=KILL tvradar")
    machine.answers_after_s()
    assert int(machine.sh("systemctl show -p NRestarts --value tvradar")) == restarts + 1


def test_a_full_disk_does_not_end_the_service(machine: Machine) -> None:
    machine.name_people()
    before = machine.pid()
    machine.sh(
        "for d in /run/tvradar /var/lib/tvradar; do mount -t tmpfs -o size=64k tmpfs $d;"
        " chown tvradar $d; head -c 1M /dev/zero > $d/full; done"
    )
    try:
        time.sleep(1.5)
        assert machine.named()
        assert machine.pid() == before
        machine.sh("systemctl restart tvradar")  # it starts on a full disk too
        machine.answers_after_s()
        assert machine.named()
    finally:
        machine.sh("umount /run/tvradar /var/lib/tvradar; systemctl restart tvradar")


def test_the_updater_has_no_part_in_naming(machine: Machine) -> None:
    machine.name_people()
    before = machine.pid()
    machine.sh(
        "echo TVRADAR_SYNC_FROM=file:///nowhere > /etc/tvradar/sync.env; echo {} >"
        " /etc/tvradar/root.json; systemctl start tvradar-sync; sleep 1;"
        " systemctl kill --signal=KILL tvradar-sync"
    )
    assert machine.named()
    assert machine.pid() == before


def test_no_exposure_beyond_what_was_promised(machine: Machine) -> None:
    for unit, bound in (("tvradar", 1.8), ("tvradar-sync", 1.4), ("tvradar-engines", 1.3)):
        said = machine.sh(f"systemd-analyze security {unit}.service --no-pager")
        found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
        assert found, said
        assert float(found.group(1)) <= bound


def test_the_units_are_clean(machine: Machine) -> None:
    names = ("tvradar.service", "tvradar-sync.service", "tvradar-engines.service", "tvradar.target")
    units = " ".join(f"/etc/systemd/system/{name}" for name in names)
    assert machine.sh(f"systemd-analyze verify {units}") == ""


def test_engines_are_built_before_the_recogniser_and_never_hold_it_back(machine: Machine) -> None:
    """As on a Jetson that has lost its TensorRT; the build itself was not run on hardware."""

    def shown(unit: str, name: str) -> str:
        return machine.sh(f"systemctl show -p {name} --value {unit}").strip()

    assert shown("tvradar-engines", "ConditionResult") == "no"  # this is not a Jetson
    people = "/var/lib/tvradar/people"
    machine.sh(f"touch /etc/nv_tegra_release; mkdir -p {people}/a; echo > {people}/a/1.png")
    try:
        machine.sh("systemctl restart tvradar.target")
        assert shown("tvradar-engines", "ConditionResult") == "yes"
        assert shown("tvradar-engines", "ExecMainStatus") == "3"
        assert "tensorrt: not importable" in machine.sh("journalctl -u tvradar-engines --no-pager")
        ended = int(shown("tvradar-engines", "ExecMainExitTimestampMonotonic"))
        assert 0 < ended < int(shown("tvradar", "ExecMainStartTimestampMonotonic"))
        machine.answers_after_s()
        assert machine.named()
    finally:
        machine.sh(f"rm -r /etc/nv_tegra_release {people}; systemctl reset-failed")


def test_a_version_that_does_not_start_is_left_and_a_cut_upgrade_boots(machine: Machine) -> None:
    machine.name_people()
    shutil.rmtree(machine.root / "var/lib/broken", ignore_errors=True)
    release(machine.root / "var/lib/broken", "9.9")
    (machine.root / "var/lib/cut.sh").write_text(TRAP)
    installer = "bash /usr/share/tvradar/tools/install.sh"

    said = machine.sh(f"{installer} install --from /var/lib/broken", timeout_s=120)
    assert "did not start, slot a runs again" in said, said
    machine.answers_after_s()
    assert "tvradar 0." in machine.sh("tvradar --version")

    said = machine.sh(
        f"BASH_ENV=/var/lib/cut.sh CUT_AT='mv -T' CUT_NTH=2 {installer} install"
        " --from /var/lib/broken",
        timeout_s=120,
    )
    machine.power_off()
    machine.boot()
    machine.answers_after_s()
    assert "tvradar 0." in machine.sh("tvradar --version")
    assert machine.named()


def _outer_thread(machine: Machine, inner_pid: int, name: str) -> int:
    """Return the number outside the container of the first thread of that name."""
    for status in Path("/proc").glob("[0-9]*/status"):
        if not machine.owns(status.parent.name):
            continue
        lines = dict(
            line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line
        )
        numbers = lines.get("NSpid", "").split()
        if len(numbers) > 1 and int(numbers[-1]) == inner_pid:
            for task in sorted((status.parent / "task").iterdir(), key=lambda t: int(t.name)):
                if (task / "comm").read_text().strip() == name:
                    return int(task.name)
    raise AssertionError(machine.sh("ps -eLf"))


def _hold(thread: int, answered: Callable[[], bool]) -> None:
    """Stop one thread of another process until that process is killed.

    A blocked engine has let go of Python's lock. Where the thread was stopped with it, nothing in
    the process answers, and it is let go and stopped once more.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ask(request: int) -> None:
        if libc.ptrace(request, thread, None, None) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    ask(SEIZE)
    for _ in range(TRIES):
        ask(INTERRUPT)
        os.waitpid(thread, WAIT_ALL)
        if answered():
            break
        ask(GO_ON)
        time.sleep(0.3)
    while True:
        _, status = os.waitpid(thread, WAIT_ALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return
