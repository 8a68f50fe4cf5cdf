"""Programs of other people that move files by SFTP or SCP, each as the operations that it has.

A client is a class with a title, its version, and a method for each operation that
tests/interop/programs.py knows; what it does not have, it has no method for. `name` is a path below
the served folder, `local` one of this machine.
"""

import os
import pathlib
import re

import cases
import peers
from peers import HOST

HERE = pathlib.Path(__file__).resolve().parent


def version_of(argv, pattern=r"(\d+\.\d+[\w.]*)", **how):
    done = peers.run(argv, status=None, **how)
    said = (done.stdout + done.stderr).decode(errors="replace")
    found = re.search(pattern, said)
    peers.check(found, f"{argv[0]} tells no version: {peers.last_line(said)}")
    return found[1]


class Client:
    """What most have in common."""

    config = {}  # of the server, where its defaults are too new for the client
    gives_input = True  # to a command

    def __init__(self, server, folder):
        self.server, self.setup = server, server.setup
        self.folder = folder  # for files of its own
        self.environment = {**self.setup.environment(), "TERM": "dumb"}

    def run(self, *argv, **how):
        how.setdefault("env", self.environment)
        return peers.run(argv, **how).stdout.decode(errors="replace")

    def path(self, name):
        """As the server's commands see it."""
        return self.setup.served / name


class Sftp(Client):
    title = "OpenSSH sftp"

    def version(self):
        return version_of(["ssh", "-V"], r"OpenSSH_([\w.]+)")

    def batch(self, *lines, flags=()):
        return peers.sftp_batch(self.server, lines, flags=flags)

    def put(self, local, name): self.batch(f"put {local} {name}")
    def get(self, name, local): self.batch(f"get {name} {local}")
    def list(self, name): return self.batch(f"ls -1 {name}")
    def rename(self, name, other): self.batch(f"rename {name} {other}")
    def remove(self, name): self.batch(f"rm {name}")
    def make_folder(self, name): self.batch(f"mkdir {name}")
    def remove_folder(self, name): self.batch(f"rmdir {name}")
    def mode(self, name): self.batch(f"chmod 640 {name}")
    def link(self, target, name): self.batch(f"symlink {target} {name}")
    def put_tree(self, local, name): self.batch(f"mkdir {name}", f"put -R {local}/. {name}")
    def get_tree(self, name, local): self.batch(f"get -R {name} {local}")
    def go_on_up(self, local, name): self.batch(f"reput {local} {name}")
    def go_on_down(self, name, local): self.batch(f"reget {name} {local}")

    def command(self, text, given):
        return peers.ssh(self.server, text, given).stdout


class Scp(Client):
    """By the old protocol; by SFTP, which is its default, it is as sftp above."""
    title = "OpenSSH scp -O"
    version = Sftp.version

    def scp(self, *arguments):
        self.run("scp", "-O", "-q", "-P", self.server.port, *peers.openssh_options(self.server),
                 *arguments)

    def at(self, name): return f"{self.server.user}@{HOST}:{self.path(name)}"
    def put(self, local, name): self.scp(local, self.at(name))
    def get(self, name, local): self.scp(self.at(name), local)
    def put_tree(self, local, name): self.scp("-r", local, self.at(name))
    def get_tree(self, name, local): self.scp("-r", self.at(name), local)


class Rclone(Client):
    title = "rclone"

    def version(self):
        return version_of(["rclone", "version"], r"rclone v([\d.]+)")

    def rclone(self, *arguments):
        # --retries 1: what fails once has failed. It asks md5sum of a command, which knows other
        # paths than SFTP below a root.
        return self.run("rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries",
                        "1", "--sftp-host", HOST, "--sftp-port", self.server.port, "--sftp-user",
                        self.server.user, "--sftp-key-file", self.setup.key,
                        "--sftp-path-override", self.override(arguments), *arguments)

    def override(self, arguments):
        """The folder of this operation, as a command sees it: rclone puts it before a file's name."""
        far = next(a for a in arguments if str(a).startswith(":sftp:"))
        path = self.path(far.removeprefix(":sftp:/"))
        return path if path.is_dir() or arguments[0] in ("copy", "sync") else path.parent

    @staticmethod
    def at(name): return f":sftp:/{name}"
    def put(self, local, name): self.rclone("copyto", local, self.at(name))
    def get(self, name, local): self.rclone("copyto", self.at(name), local)
    def list(self, name): return self.rclone("lsf", self.at(name))
    def rename(self, name, other): self.rclone("moveto", self.at(name), self.at(other))
    def remove(self, name): self.rclone("deletefile", self.at(name))
    def make_folder(self, name): self.rclone("mkdir", self.at(name))
    def remove_folder(self, name): self.rclone("rmdir", self.at(name))
    def put_tree(self, local, name): self.rclone("copy", "-l", local, self.at(name))
    def get_tree(self, name, local): self.rclone("copy", "-l", self.at(name), local)
    def sync(self, local, name):
        self.rclone("sync", "-l", local, self.at(name))
        self.rclone("check", "-l", local, self.at(name))


class Sshfs(Client):
    title = "sshfs"

    def version(self):
        return version_of(["sshfs", "--version"], r"SSHFS version ([\d.]+)")

    def mounted(self, work):
        with cases.Mounted(self, {}) as point:
            return work(point)

    def sh(self, script, *arguments):
        return self.mounted(lambda point: self.run("sh", "-ec", script, "sh", *arguments, cwd=point))

    def put(self, local, name): self.sh('cp "$1" "$2"', local, name)
    def get(self, name, local): self.sh('cp "$1" "$2"', name, local)
    def list(self, name): return self.sh('ls -1 "$1"', name)
    def rename(self, name, other): self.sh('mv "$1" "$2"', name, other)
    def remove(self, name): self.sh('rm "$1"', name)
    def make_folder(self, name): self.sh('mkdir "$1"', name)
    def remove_folder(self, name): self.sh('rmdir "$1"', name)
    def mode(self, name): self.sh('chmod 640 "$1"', name)
    def link(self, target, name): self.sh('ln -s "$1" "$2"', target, name)
    def put_tree(self, local, name):
        self.sh('cp -r "$1" "$2"', local, name)
        for path in local.rglob("*"):
            peers.arrived(self.setup.served / name / path.relative_to(local))

    def get_tree(self, name, local): self.sh('cp -r "$1" "$2"', name, local)


class SshfsAtomic(Sshfs):
    title = "sshfs, AtomicUploads yes"
    config = {"AtomicUploads": "yes"}


class Curl(Client):
    """By libssh2, which has no MAC of the encrypt-then-MAC kind and no AEAD yet."""
    title = "curl sftp://"

    def version(self):
        return version_of(["curl", "--version"], r"curl ([\d.]+)")

    def curl(self, *arguments):
        return self.run("curl", "-sS", "--insecure", "-u", f"{self.server.user}:", "--key",
                        self.setup.key, "--pubkey", f"{self.setup.key}.pub", *arguments)

    def at(self, name): return f"sftp://{HOST}:{self.server.port}/{name}"
    def quote(self, *commands):
        flags = [word for c in commands for word in ("-Q", c)]
        self.curl(*flags, self.at(""), "-o", "/dev/null")

    def put(self, local, name): self.curl("-T", local, self.at(name))
    def get(self, name, local): self.curl("-o", local, self.at(name))
    def list(self, name): return self.curl("--list-only", self.at(name) + "/")
    def rename(self, name, other): self.quote(f"rename /{name} /{other}")
    def remove(self, name): self.quote(f"rm /{name}")
    def make_folder(self, name): self.quote(f"mkdir /{name}")
    def remove_folder(self, name): self.quote(f"rmdir /{name}")
    def mode(self, name): self.quote(f"chmod 640 /{name}")
    # Of a link it says that it failed, and has made it; with sshd too.
    def go_on_up(self, local, name): self.curl("-C", "-", "-T", local, self.at(name))
    def go_on_down(self, name, local): self.curl("-C", "-", "-o", local, self.at(name))


class CurlScp(Curl):
    title = "curl scp://"

    def at(self, name): return f"scp://{HOST}:{self.server.port}{self.path(name)}"
    list = rename = remove = make_folder = remove_folder = mode = None
    go_on_up = go_on_down = None


class Lftp(Client):
    title = "lftp"

    def version(self):
        return version_of(["lftp", "--version"], r"Version ([\d.]+)")

    def lftp(self, *commands):
        return peers.lftp(self.server, commands).stdout.decode()

    def put(self, local, name): self.lftp(f"put {local} -o {name}")
    def get(self, name, local): self.lftp(f"get {name} -o {local}")
    def list(self, name): return self.lftp(f"cls -1 {name}")
    def rename(self, name, other): self.lftp(f"mv {name} {other}")
    def remove(self, name): self.lftp(f"rm {name}")
    def make_folder(self, name): self.lftp(f"mkdir {name}")
    def remove_folder(self, name): self.lftp(f"rmdir {name}")
    def mode(self, name): self.lftp(f"chmod 640 {name}")
    def link(self, target, name): self.lftp(f"ln -s {target} {name}")
    def put_tree(self, local, name): self.lftp(f"mirror -R {local} {name}")
    def get_tree(self, name, local): self.lftp(f"mirror {name} {local}")
    def sync(self, local, name): self.lftp(f"mirror -R -e {local} {name}")
    def go_on_up(self, local, name): self.lftp(f"put -c {local} -o {name}")
    def go_on_down(self, name, local): self.lftp(f"get -c {name} -o {local}")


class Psftp(Client):
    title = "PuTTY psftp, plink"

    def version(self):
        return version_of(["plink", "-V"], r"Release ([\d.]+)")

    def psftp(self, *commands):
        return peers.psftp(self.server, commands).stdout.decode()

    def put(self, local, name): self.psftp(f"put {local} {name}")
    def get(self, name, local): self.psftp(f"get {name} {local}")
    def list(self, name): return self.psftp(f"ls {name}")
    def rename(self, name, other): self.psftp(f"mv {name} {other}")
    def remove(self, name): self.psftp(f"rm {name}")
    def make_folder(self, name): self.psftp(f"mkdir {name}")
    def remove_folder(self, name): self.psftp(f"rmdir {name}")
    def mode(self, name): self.psftp(f"chmod 640 {name}")
    def put_tree(self, local, name): self.psftp(f"put -r {local} {name}")
    def get_tree(self, name, local): self.psftp(f"get -r {name} {local}")
    def go_on_up(self, local, name): self.psftp(f"reput {local} {name}")
    def go_on_down(self, name, local): self.psftp(f"reget {name} {local}")

    def command(self, text, given):
        hosts = []
        for key in self.setup.host_keys:
            line = peers.run(["ssh-keygen", "-l", "-f", f"{key}.pub"]).stdout.decode().split()
            hosts += ["-hostkey", line[1]]
        argv = ["plink", "-batch", "-ssh", "-i", peers.putty_key(self.setup), "-P",
                self.server.port, *hosts, f"{self.server.user}@{HOST}", text]
        return peers.run(argv, stdin=given, env=self.environment).stdout


class Script(Client):
    """A program of this folder that does one operation by a library: its words are those here."""

    def one(self, *words, **how):
        return self.run(*self.argv(), HOST, self.server.port, self.server.user, self.key(), *words,
                        **how)

    def key(self): return self.setup.key
    def put(self, local, name): self.one("put", local, f"/{name}")
    def get(self, name, local): self.one("get", f"/{name}", local)
    def list(self, name): return self.one("list", f"/{name}")
    def rename(self, name, other): self.one("rename", f"/{name}", f"/{other}")
    def remove(self, name): self.one("remove", f"/{name}")
    def make_folder(self, name): self.one("make_folder", f"/{name}")
    def remove_folder(self, name): self.one("remove_folder", f"/{name}")
    def mode(self, name): self.one("mode", f"/{name}")
    def link(self, target, name): self.one("link", target, f"/{name}")

    def command(self, text, given):
        return self.one("command", text, stdin=given).encode()


class Paramiko(Script):
    title = "paramiko"

    def version(self):
        return version_of(["/usr/bin/python3", "-c", "import paramiko; print(paramiko.__version__)"])

    @staticmethod
    def argv(): return ["/usr/bin/python3", HERE / "paramiko_client.py"]


class Asyncssh(Script):
    title = "asyncssh"

    def version(self):
        return version_of(["/usr/bin/python3", "-c", "import asyncssh; print(asyncssh.__version__)"])

    @staticmethod
    def argv(): return ["/usr/bin/python3", HERE / "asyncssh_client.py"]
    def put_tree(self, local, name): self.one("put_tree", local, f"/{name}")
    def get_tree(self, name, local): self.one("get_tree", f"/{name}", local)


class Node(Script):
    title = "node ssh2"
    package = "ssh2"

    def version(self):
        return version_of(["node", "-p", f"require('{self.package}/package.json').version"],
                          cwd=self.modules())

    @staticmethod
    def modules():
        """Fetched once into a folder of the build."""
        folder = HERE.parents[1] / "build" / "node"
        if not (folder / "node_modules" / "ssh2-sftp-client").is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            peers.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
                       "--prefix", folder, "ssh2@1.17.0", "ssh2-sftp-client@12.1.1"], 300,
                      env={**os.environ, "npm_config_cache": str(folder / "cache")})
        return folder

    def argv(self):
        self.environment["NODE_PATH"] = str(self.modules() / "node_modules")
        return ["node", HERE / "node_client.js", self.package]


class NodeSftpClient(Node):
    title = "node ssh2-sftp-client"
    package = "ssh2-sftp-client"
    link = command = None

    def put_tree(self, local, name): self.one("put_tree", local, f"/{name}")
    def get_tree(self, name, local): self.one("get_tree", f"/{name}", local)


class Phpseclib(Script):
    title = "phpseclib"
    gives_input = False

    def version(self):
        return version_of(["dpkg-query", "-W", "-f", "${Version}", "php-phpseclib3"])

    @staticmethod
    def argv(): return ["php", "-d", "memory_limit=256M", HERE / "phpseclib_client.php"]
    def go_on_up(self, local, name): self.one("go_on_up", local, f"/{name}")


class Jsch(Script):
    """Its newest ECDH and signatures are those of 2018."""
    title = "JSch"
    jar = "/usr/share/java/jsch.jar"

    def version(self):
        return version_of(["dpkg-query", "-W", "-f", "${Version}", "libjsch-java"])

    def key(self):
        path = self.folder / "jsch_key"
        if not path.exists():
            peers.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "", "-f",
                       path])
            with open(self.setup.authorized_keys, "a") as file:
                file.write(pathlib.Path(f"{path}.pub").read_text())
        return path

    def argv(self):
        if not (self.folder / "JschClient.class").exists():
            self.run("javac", "-cp", self.jar, "-d", self.folder, HERE / "JschClient.java")
        return ["java", "-cp", f"{self.jar}:{self.folder}", "JschClient"]


class Gio(Client):
    """GNOME's files, which have ssh start SFTP; each operation in a session bus of its own."""
    title = "gvfs"  # short, as a socket below its folder has a name of at most 107 bytes

    def version(self):
        return version_of(["dpkg-query", "-W", "-f", "${Version}", "gvfs-backends"])

    def at(self, name): return f"sftp://{self.server.user}@{HOST}:{self.server.port}/{name}"

    def gio(self, *words):
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        options = " ".join(peers.openssh_options(self.server)).replace(" -o BatchMode=yes", "")
        (programs / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh {options} "$@"\n')
        (programs / "ssh").chmod(0o755)
        environment = {**self.environment, "HOME": str(self.folder), "LC_ALL": "C.UTF-8",
                       "XDG_RUNTIME_DIR": str(self.folder),
                       "PATH": f"{programs}:{os.environ['PATH']}"}
        return self.run("dbus-run-session", "--", "sh", "-c", 'gio mount "$0" && gio "$@"',
                        self.at(""), *words, env=environment)

    def put(self, local, name): self.gio("copy", local, self.at(name))
    def get(self, name, local): self.gio("copy", self.at(name), local)
    def list(self, name): return self.gio("list", self.at(name))
    def rename(self, name, other): self.gio("rename", self.at(name), other)
    def remove(self, name): self.gio("remove", self.at(name))
    def make_folder(self, name): self.gio("mkdir", self.at(name))
    def remove_folder(self, name): self.gio("remove", self.at(name))
    def mode(self, name): self.gio("set", "-t", "uint32", self.at(name), "unix::mode", str(0o640))


CLIENTS = (Sftp, Scp, Rclone, Sshfs, SshfsAtomic, Curl, CurlScp, Lftp, Psftp, Paramiko, Asyncssh,
           Node, NodeSftpClient, Phpseclib, Jsch, Gio)
