#!/usr/bin/python3
"""The settings of our server: `settings.py build/dev/sluiced`.

-t, -T and -C beside those of OpenSSH's sshd for the same file; then OpenSSH's client at a server
that has moduli, and at one with Match and PAM, whose service is put in place of the system's in a
mount namespace of its own. A line a case, as the other programs here.
"""

import contextlib
import os
import re
import pathlib
import pwd
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from case_runner import run_all, tell_sum  # noqa: E402
from peers import Failure  # noqa: E402

SHARED = """
HostKey {d}/host
AuthorizedKeysFile {d}/keys
MaxAuthTries 4
PermitOpen a:1 [::1]:2
X11Forwarding no
UseDNS no
AllowUsers ada@10.0.0.0/8
SetEnv A=1
Match User eve,!x LocalPort 2222
  MaxAuthTries 2
  PasswordAuthentication no
Match LocalAddress 127.0.0.0/8
  MaxAuthTries 5
Match User e* Address 10.0.0.0/8
  MaxAuthTries 3
  ForceCommand internal-sftp
  Banner {d}/list
Match Group x,roo?,!no-such
  MaxAuthTries 7
Match Host k.exam*
  MaxAuthTries 2
"""
ME = pwd.getpwuid(os.geteuid())
COMPARED = ("maxauthtries", "permitopen", "x11forwarding", "usedns", "allowusers", "setenv",
            "passwordauthentication", "forcecommand", "banner", "pubkeyauthentication")
LOGINS = ("user=ada,host=h,addr=10.0.0.1,laddr=::1,lport=22",
          "user=eve,host=h,addr=10.0.0.1,laddr=::1,lport=2222",
          "user=eve,host=h,addr=11.0.0.1,laddr=::1,lport=2222",
          "user=elf,host=h,addr=10.0.0.1,laddr=::1,lport=2222",
          "user=elf,host=h,addr=10.0.0.1,laddr=127.0.0.9,lport=2222",
          "user=root,host=h,addr=11.0.0.1,laddr=::1,lport=2222",
          "user=bob,host=K.example,addr=11.0.0.1,laddr=::1,lport=2222")

SERVED = """
HostKey {d}/host
ChrootDirectory {d}/root
ListenAddress 127.0.0.1:0
AuthorizedKeysFile {d}/keys
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
Match User eve
  KbdInteractiveAuthentication no
  PubkeyAuthentication no
"""


# Systems whose files are taken as they stand: this one, and that of tests/debian13 where it is.
STOCK = (("this system", ""),
         ("Debian 13", "/var/cache/sluice/debian13"),
         ("Debian 13", os.path.expanduser("~/.cache/sluice/debian13")))
# What both say in the same way where the file is stock: settings that mean the same here.
STOCK_COMPARED = ("acceptenv", "addressfamily", "authenticationmethods", "authorizedkeyscommand",
                  "authorizedprincipalsfile", "banner", "clientalivecountmax", "disableforwarding",
                  "forcecommand", "gssapiauthentication", "hostbasedauthentication",
                  "hostkeyagent", "ignorerhosts", "kbdinteractiveauthentication",
                  "kerberosauthentication", "logingracetime", "loglevel", "maxauthtries",
                  "maxsessions", "maxstartups", "passwordauthentication", "permitemptypasswords",
                  "permitopen", "permituserenvironment", "permittunnel", "printmotd",
                  "pubkeyauthentication", "pubkeyauthoptions", "revokedkeys", "tcpkeepalive",
                  "trustedusercakeys", "usedns", "usepam", "versionaddendum")
# And where ours was made from what sshd printed.
PRINTED_COMPARED = STOCK_COMPARED + (
    "authorizedkeysfile", "ciphers", "clientaliveinterval", "kexalgorithms", "macs", "modulifile",
    "persourcemaxstartups", "persourcenetblocksize", "pidfile", "port", "pubkeyacceptedalgorithms",
    "requiredrsasize", "strictmodes")


# What has an effect that a client, or the machine, can see.
EFFECTS = """
HostKey {d}/host
ChrootDirectory {d}/root
ListenAddress 127.0.0.1:0
AuthorizedKeysFile {d}/keys
PasswordAuthentication no
PidFile {d}/pid
VersionAddendum of the house
X11Forwarding yes
SFTPDevices yes
SFTPSetId yes
Subsystem sftp /usr/lib/openssh/sftp-server -d /in/%u -l INFO -P rmdir
Match User eve
  ForceCommand internal-sftp -R
Match User {me}
  ForceCommand internal-sftp -l ERROR
"""

PROGRAM = """
HostKey {d}/host
ChrootDirectory {d}/root
ListenAddress 127.0.0.1:0
AuthorizedKeysFile none
AuthorizedKeysCommand {d}/program %u %t %k
AuthorizedKeysCommandUser RUNS_AS
User RUNS_AS
"""

NAMES = """
HostKey {d}/host
ChrootDirectory {d}/root
ListenAddress 127.0.0.1:0
AuthorizedKeysFile none
TrustedUserCAKeys {d}/ca.pub
AuthorizedPrincipalsCommand {d}/names %u %s %i
AuthorizedPrincipalsCommandUser RUNS_AS
User RUNS_AS
"""

IN_HOME = """
HostKey {d}/host
ChrootDirectory {d}/root
ListenAddress 127.0.0.1:0
AuthorizedKeysFile .ssh/absent .sluice-test/keys
StrictModes yes
LogLevel VERBOSE
"""


def lines_of(text, keyword):
    return {" ".join(line.split()) for line in text.splitlines() if line.split(" ")[0] == keyword}


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Settings:
    def __init__(self, program, folder):
        self.program, self.d = program, folder
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{name}"],
                           check=True)
        (folder / "keys").write_text((folder / "user.pub").read_text())
        (folder / "root").mkdir()
        (folder / "list").write_text("ls /\n")

    def write(self, name, text):
        (self.d / name).write_text(text.format(d=self.d, me=ME.pw_name))
        return str(self.d / name)

    def ours(self, file, *more):
        return subprocess.run([self.program, "--config", file, "--root", self.d / "root", *more],
                              capture_output=True, text=True, timeout=60)

    def checks(self):
        good = self.ours(self.write("shared", SHARED), "-t")
        expect((good.returncode, good.stdout, good.stderr) == (0, "", ""), f"-t: {good}")
        bad = self.ours(self.write("bad", SHARED + "UseDNS no\n"), "-t")
        expect(bad.returncode == 1 and "bad:23: UseDNS: may not stand" in bad.stderr, f"{bad}")
        # What is not enough to start with is told, and printed as far as it goes.
        little = self.write("little", "HostKey {d}/host\nAuthorizedKeysFile none\nPort 7\n")
        for extra, status in (("-t", 1), ("-T", 0)):
            done = self.ours(little, extra)
            expect(done.returncode == status and "nobody could log in" in done.stderr, f"{done}")
            expect(("\nport 7\n" in done.stdout) == (status == 0), f"{done}")
        no_key = self.ours(self.write("nokey", "HostKey {d}/absent\n"), "-t")
        expect(no_key.returncode == 1, f"no host key: {no_key}")

    def prints_what_reads_back(self):
        first = self.ours(self.write("shared", SHARED), "-T", "-C", LOGINS[3]).stdout
        expect("maxauthtries 3\n" in first, first)
        again = self.ours(self.write("printed", first.replace("{", "{{").replace("}", "}}")), "-T")
        expect(again.stdout == first, f"{again.stdout}{again.stderr}")
        # What this kernel has is in use; system.settings runs where seccomp is.
        active = re.search(r"^# Landlock is (on|not in this kernel), seccomp is on$", first, re.M)
        expect(active, first)
        off = self.ours(self.write("off", "Landlock no\nSeccomp no\n" + SHARED), "-T").stdout
        expect("# Landlock is off, seccomp is off\n" in off, off)

    def says_what_sshd_says(self):
        file = self.write("shared", SHARED)
        for login in LOGINS:
            theirs = subprocess.run(["/usr/sbin/sshd", "-T", "-f", file, "-C", login],
                                    capture_output=True, text=True, timeout=60)
            expect(theirs.returncode == 0, theirs.stderr)
            ours = self.ours(file, "-T", "-C", login)
            for keyword in COMPARED:
                lines = [lines_of(text, keyword) for text in (ours.stdout, theirs.stdout)]
                expect(lines[0] == lines[1], f"{login}: ours {lines[0]}, sshd's {lines[1]}")

    # The file that Debian installs, as it stands on this machine, and all that its sshd says of it:
    # each is taken, and what both know means the same.
    def takes_stock(self, system):
        file = f"{system}/etc/ssh/sshd_config"
        # Host keys are for root to read.
        mine = ("-h", str(self.d / "host"))
        ours = self.ours(file, "-T", *mine)
        expect(ours.returncode == 0, f"{ours}")
        expect(f"sluiced: {file}:" in ours.stderr and "X11Forwarding: X11 is not forwarded\n"
               in ours.stderr and len(ours.stderr.splitlines()) == 1, ours.stderr)
        theirs = self.sshd_says(system)
        (self.d / "said").write_text(theirs)
        printed = self.ours(str(self.d / "said"), "-T", *mine)
        expect(printed.returncode == 0, f"{printed}")
        for keywords, text in ((STOCK_COMPARED, ours.stdout), (PRINTED_COMPARED, printed.stdout)):
            for keyword in keywords:
                lines = [lines_of(one, keyword) for one in (text, theirs)]
                expect(lines[0] == lines[1], f"ours {lines[0]}, sshd's {lines[1]}")

    def sshd_says(self, system):
        command = ["/usr/sbin/sshd", "-T", "-h", str(self.d / "host")]
        if system:
            # Its programs are run in it, with a folder of ours for what they want to be there.
            inside = ("mount --bind \"$1\" \"$0/srv\" && mount -t tmpfs none \"$0/run\" && "
                      "mkdir \"$0/run/sshd\" && exec chroot \"$0\" /usr/sbin/sshd -T -h /srv/host")
            command = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", inside, system,
                       str(self.d)]
        elif os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        expect(done.returncode == 0, f"{done}")
        return done.stdout

    @contextlib.contextmanager
    def serving(self, name):
        with open(self.d / "log", "w") as log:
            # Root's own only: modules of libpam ask for what root alone may see.
            allow = ["--allow-root"] if os.geteuid() == 0 else []
            server = subprocess.Popen([self.program, "--config", self.d / name, *allow],
                                      stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield server.stdout.readline().rsplit(":", 1)[1].strip()
        finally:
            server.terminate()
            server.wait(timeout=30)

    def sftp(self, port, *options, user="ada", before=()):
        return subprocess.run(
            [*before, "sftp", "-F", "none", "-P", port, "-i", self.d / "user",
             "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", *options,
             "-b", self.d / "list", f"{user}@127.0.0.1"],
            capture_output=True, text=True, timeout=30)

    def effects(self):
        root = self.d / "root"
        (root / "in" / "ada").mkdir(parents=True)
        (root / ME.pw_dir.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (self.d / "data").write_text("12345")
        self.write("effects", EFFECTS)
        with self.serving("effects") as port:
            expect((self.d / "pid").read_text().strip().isdigit(), "no PidFile")
            (self.d / "list").write_text('pwd\nput {0} "a b"\nrename "a b" c\n-rmdir x\n'
                                         "-get absent\nmkdir x\nchmod 2711 x\nrm c\n".format(self.d / "data"))
            done = self.sftp(port, "-v")
            expect(done.returncode == 0, f"{done}")
            expect("Remote working directory: /in/ada" in done.stdout, f"-d: {done}")
            expect((root / "in/ada/x").is_dir() and "Permission denied" in done.stderr, f"-P: {done}")
            expect((root / "in/ada/x").stat().st_mode & 0o7777 == 0o2711, f"SFTPSetId: {done}")
            expect(re.search("remote software version .* of the house$", done.stderr, re.M),
                   f"VersionAddendum: {done}")
            (self.d / "list").write_text("pwd\n-mkdir y\nput {0} z\n".format(self.d / "data"))
            done = self.sftp(port, user="eve")
            expect(done.returncode != 0 and not (root / "y").exists(), f"-R: {done}")
            expect("Remote working directory: /\n" in done.stdout, f"no account: {done}")
            (self.d / "list").write_text("pwd\n")
            done = self.sftp(port, user=ME.pw_name)
            expect(f"Remote working directory: {ME.pw_dir}\n" in done.stdout, f"home: {done}")
        expect((self.d / "pid").read_text() == "", "PidFile is not empty in the end")
        log = (self.d / "log").read_text().splitlines()
        for line in ('setting_without_effect keyword=X11Forwarding',
                     r'sftp .*user=ada operation=open path="/in/ada/a b" flags=.*WRITE',
                     r'operation=close path="/in/ada/a b" read=0 written=5$',
                     r'operation=(posix-)?rename old="/in/ada/a b" new=/in/ada/c$',
                     'operation=remove path=/in/ada/c$', 'operation=mkdir path=/in/ada/x mode=0'):
            expect(any(re.search(line, one) for one in log), f"not logged: {line}\n{log}")
        expect(not any("user=eve operation" in one for one in log), f"logged without -l: {log}")

    # By keys that a program prints, which runs as the server's user and not as root.
    def keys_program(self):
        runs_as = "nobody" if os.geteuid() == 0 else ME.pw_name
        self.d.chmod(0o755)
        (self.d / "program").write_text(
            f'#!/bin/sh\nid -un >{self.d}/ran\n'
            f'[ "$1 $2" = "ada ssh-ed25519" ] && grep -F "$3" {self.d}/keys\n')
        (self.d / "program").chmod(0o755)
        (self.d / "ran").touch()
        (self.d / "ran").chmod(0o666)
        self.write("by_program", PROGRAM.replace("RUNS_AS", runs_as))
        with self.serving("by_program") as port:
            for user, want in (("ada", True), ("eve", False)):
                done = self.sftp(port, user=user)
                expect((done.returncode == 0) == want, f"{user}: {done}")
            expect((self.d / "ran").read_text() == f"{runs_as}\n", "it ran as another user")
            (self.d / "program").chmod(0o775)
            expect(self.sftp(port).returncode != 0, "a program that a group may change is run")
        for line, why in ((f"AuthorizedKeysCommandUser {runs_as}", "give AuthorizedKeysCommandUser"),
                          ("ListenAddress 127.0.0.1:0", None)):
            text = PROGRAM.replace("RUNS_AS", runs_as).replace(line + "\n", "")
            done = self.ours(self.write("without", text), "-t")
            expect((done.returncode == 0) == (why is None) and (why or "") in done.stderr, f"{done}")
        other = self.ours(self.write("other", PROGRAM.replace("RUNS_AS", runs_as).replace(
            f"CommandUser {runs_as}", "CommandUser root")), "-t")
        expect(other.returncode == 1 and "do not run as root" in other.stderr, f"{other}")

    # By certificates, with names that a program prints.
    def principals_program(self):
        runs_as = "nobody" if os.geteuid() == 0 else ME.pw_name
        self.d.chmod(0o755)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.d / "ca"],
                       check=True)
        (self.d / "user-cert.pub").unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-s", self.d / "ca", "-I", "an id", "-n", "ops",
                        "-z", "77", self.d / "user.pub"], check=True)
        (self.d / "names").write_text('#!/bin/sh\n[ "$*" = "ada 77 an id" ] && echo ops\n')
        (self.d / "names").chmod(0o755)
        self.write("by_names", NAMES.replace("RUNS_AS", runs_as))
        try:
            with self.serving("by_names") as port:
                for user, want in (("ada", True), ("ops", False)):
                    done = self.sftp(port, user=user)
                    expect((done.returncode == 0) == want, f"{user}: {done}")
        finally:
            (self.d / "user-cert.pub").unlink()

    # Keys in the home directory of an account; who has none does not come in.
    def keys_at_home(self):
        folder = pathlib.Path(ME.pw_dir) / ".sluice-test"
        folder.mkdir(mode=0o700)
        try:
            (folder / "keys").write_text((self.d / "user.pub").read_text())
            (folder / "keys").chmod(0o600)
            self.write("at_home", IN_HOME)
            with self.serving("at_home") as port:
                for user, want in ((ME.pw_name, True), ("no-account", False)):
                    done = self.sftp(port, user=user)
                    expect((done.returncode == 0) == want, f"{user}: {done}")
            expect("the user has no home directory here" in (self.d / "log").read_text(),
                   "the log does not say why")
        finally:
            (folder / "keys").unlink()
            folder.rmdir()

    # ssh would like 8192 bits, and takes 2048 of who has nothing else.
    def moduli(self):
        with open("/etc/ssh/moduli") as all_groups:
            small = [line for line in all_groups if line.split()[4:5] == ["2047"]]
        expect(small, "there is no group of 2048 bits in /etc/ssh/moduli")
        self.write("moduli", "".join(small))
        for file, bits in (("none", "8192"), ("{d}/moduli", "2048"), ("/etc/ssh/moduli", "8192")):
            self.write("groups", "HostKey {d}/host\nChrootDirectory {d}/root\n"
                       "ListenAddress 127.0.0.1:0\nAuthorizedKeysFile {d}/keys\n"
                       "KexAlgorithms +diffie-hellman-group-exchange-sha256\nModuliFile " + file)
            with self.serving("groups") as port:
                done = self.sftp(port, "-vv", "-o", "Ciphers=aes128-ctr", "-o",
                                 "KexAlgorithms=diffie-hellman-group-exchange-sha256")
            expect(done.returncode == 0 and f"/{bits}\n" in done.stderr, f"{file}: {done}")
        bad = self.ours(self.write("bad", "HostKey {d}/host\nAuthorizedKeysFile {d}/keys\n"
                                   "ModuliFile {d}/keys\n"), "-t")
        expect(bad.returncode == 1 and "keys: " in bad.stderr, f"not of moduli: {bad}")

    # What runs as root of a namespace: its own /etc/pam.d, the server, and clients one by one.
    def pam(self):
        os.makedirs(self.d / "pam.d")
        check = self.d / "check"
        check.write_text("#!/bin/sh\n[ \"$(tr -d '\\000')\" = sesame ]\n")
        check.chmod(0o700)
        (self.d / "pam.d" / "sluiced").write_text(
            f"auth required pam_exec.so expose_authtok quiet {check}\n"
            "account required pam_permit.so\n")
        self.write("served", SERVED)
        done = subprocess.run(["unshare", "-m" if os.geteuid() == 0 else "-rm", sys.executable,
                               __file__, self.program, "--inside", self.d],
                              capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, done.stdout + done.stderr)

    def inside(self):
        subprocess.run(["mount", "--bind", self.d / "pam.d", "/etc/pam.d"], check=True)
        with self.serving("served") as port:
            for user, how, word, want in (("ada", "keyboard-interactive", "sesame", True),
                                          ("ada", "keyboard-interactive", "wrong", False),
                                          ("ada", "publickey", "", True),
                                          ("eve", "keyboard-interactive", "sesame", False),
                                          ("eve", "publickey", "", False)):
                done = self.sftp(port, "-o", "NumberOfPasswordPrompts=1", "-o",
                                 f"PreferredAuthentications={how}", "-o", "BatchMode=no",
                                 user=user, before=("sshpass", "-p", word))
                expect((done.returncode == 0) == want, f"{user} by {how}, {word}: {done}")
        expect("sesame" not in (self.d / "log").read_text(), "a password is in the log")


def main():
    program = os.path.abspath(sys.argv[1])
    if sys.argv[2:3] == ["--inside"]:
        settings = Settings.__new__(Settings)
        settings.program, settings.d = program, pathlib.Path(sys.argv[3])
        settings.inside()
        return 0
    with tempfile.TemporaryDirectory() as folder:
        s = Settings(program, pathlib.Path(folder))
        cases = (("-t", s.checks), ("-T reads back", s.prints_what_reads_back),
                 ("-T beside sshd", s.says_what_sshd_says),
                 *[(f"stock sshd_config, {name}", lambda system=system: s.takes_stock(system))
                   for name, system in STOCK if pathlib.Path(f"{system}/usr/sbin/sshd").exists()],
                 ("groups of ModuliFile", s.moduli),
                 ("effects", s.effects), ("keys by a program", s.keys_program),
                 ("names by a program", s.principals_program),
                 ("keys at home", s.keys_at_home),
                 ("logins by PAM and Match", s.pam))
        return tell_sum(*run_all(cases, 150))


if __name__ == "__main__":
    sys.exit(main())
