"""The peers of matrix.py: what they know, how they are run as clients and as servers, and our
client beside them."""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import threading

import peers
from peers import HOST, Failure, check, last_line, run

KINDS = ("kex", "host_key", "user_key", "cipher", "mac", "compression")
SECONDS = 60
DATA_BYTES = 200_000


def known_algorithms(program):
    names = {kind: [] for kind in KINDS}
    for line in run([program]).stdout.decode().splitlines():
        kind, name, offer = line.split()
        names[kind].append((name, offer))
    return names


# --- what the peers need --------------------------------------------------------------------------

class Place:
    """Where the peers' programs are: this machine, or a folder."""

    def __init__(self, root):
        self.root = root
        self.prefix = []
        if root:
            self.prefix = ["chroot", root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                           "LC_ALL=C", "SSH_AUTH_SOCK="]

    def argv(self, *argv, home=None):
        if self.root:
            return [*self.prefix, f"HOME={home or '/root'}", *argv]
        return list(argv)

    def has(self, program):
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        if self.root:
            path = ":".join(self.root + part for part in path.split(":"))
        return shutil.which(program, path=path)


CERTIFIED = "-cert-v01@openssh.com"


def is_certified(host_or_user, kind, name):
    return kind == f"{host_or_user}_key" and name.endswith(CERTIFIED)


class Keys:
    """A key of every type, for users and hosts, in the forms that the peers read. Hosts have a
    certificate for each, and there are keys of users that only a certificate lets in. What certifies
    them is one authority, which ssh-keygen or, for what that does not know, asyncssh acts for."""

    TYPES = {"ssh-ed25519": "ed25519", "ecdsa-sha2-nistp256": "ecdsa256",
             "ecdsa-sha2-nistp384": "ecdsa384", "ecdsa-sha2-nistp521": "ecdsa521",
             "rsa-sha2-256": "rsa3072", "rsa-sha2-512": "rsa3072", "ssh-rsa": "rsa3072",
             "ssh-ed448": "ed448"}

    def __init__(self, setup, worker):
        self.setup = setup
        self.host = {p.name[len("host_"):]: p for p in setup.host_keys}
        self.host["rsa3072"] = self.host.pop("rsa3072")
        self.user, self.certified = {}, {}
        ours = ((self.user, "login"), (self.certified, "certified"))
        for kind, bits in setup.KEY_TYPES:
            stem = f"{kind}{bits or ''}"
            for keys, use in ours:
                keys[stem] = setup.folder / f"{use}_{stem}"
                setup.make_key(keys[stem], kind, bits)
        for keys, stem in ((self.host, "host"), *ours):
            keys["ed448"] = setup.folder / f"{stem}_ed448"
            worker.ask({"what": "key", "type": "ssh-ed448", "path": str(keys["ed448"])})
            keys["ed448"].chmod(0o600)
        setup.own(self.host["ed448"])

        self.authority = setup.folder / "authority"
        setup.make_key(self.authority, "ed25519", None)
        authority = pathlib.Path(f"{self.authority}.pub").read_text()
        self.known_hosts = setup.folder / "known_authorities"
        self.known_hosts.write_text(f"@cert-authority * {authority}")
        users = {setup.account.pw_name, pwd.getpwuid(os.geteuid()).pw_name, "anybody"}
        for keys, host, principals in ((self.host, True, [HOST]),
                                       (self.certified, False, sorted(users))):
            for key in keys.values():
                self.certify(key, host, principals, worker)
        setup.authorized_keys.write_text(
            "".join(pathlib.Path(f"{key}.pub").read_text() for key in self.user.values())
            + f"cert-authority {authority}")

    def certify(self, key, host, principals, worker):
        if key.name.endswith("ed448"):
            worker.ask({"what": "certify", "authority": str(self.authority), "key": f"{key}.pub",
                        "host": host, "principals": principals, "path": f"{key}-cert.pub"})
        else:
            run(["ssh-keygen", "-q", *(["-h"] if host else []), "-s", self.authority, "-I",
                 key.name, "-n", ",".join(principals), f"{key}.pub"])

    def user_for(self, algorithm):
        stem = self.TYPES.get(algorithm.removesuffix(CERTIFIED))
        keys = self.certified if algorithm.endswith(CERTIFIED) else self.user
        return keys.get(stem) if stem else None

    def host_certificate(self, algorithm):
        return f"{self.host[self.TYPES[algorithm.removesuffix(CERTIFIED)]]}-cert.pub"

    def converted(self, key, form):
        """A user or host key for PuTTY or Dropbear; None where that has no such type."""
        path = pathlib.Path(f"{key}.{form}")
        if not path.exists():
            argv = {"ppk": ["puttygen", key, "-O", "private", "-o", path],
                    "dropbear": ["dropbearconvert", "openssh", "dropbear", key, path]}[form]
            if run(argv, status=None, env=self.setup.environment()).returncode != 0:
                return None
            path.chmod(0o600)
        return path


class AsyncsshWorker:
    """The process of asyncssh_worker.py, in the place of the peers."""

    def __init__(self, place, folder):
        script = folder / "asyncssh_worker.py"
        shutil.copy(pathlib.Path(__file__).with_name("asyncssh_worker.py"), script)
        self.errors = open(folder / "asyncssh.log", "wb")
        argv = place.argv("/usr/bin/python3", "-B", str(script))
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, start_new_session=True)
        self.answers, self.number = {}, 0
        self.condition = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.condition:
                self.answers[answer["id"]] = answer
                self.condition.notify_all()
        with self.condition:
            self.answers = None
            self.condition.notify_all()

    def ask(self, order):
        with self.condition:
            self.number += 1
            number = self.number
            self.process.stdin.write((json.dumps({**order, "id": number}) + "\n").encode())
            self.process.stdin.flush()
            there = self.condition.wait_for(
                lambda: self.answers is None or number in self.answers, SECONDS + 30)
            check(there and self.answers is not None, "asyncssh's process ended")
            answer = self.answers.pop(number)
        check(answer["error"] is None, str(answer["error"])[:200])
        return answer

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.errors.close()


# --- the peers as clients -------------------------------------------------------------------------

class World:
    """All that a case needs."""

    def __init__(self, options, setup, place):
        self.setup, self.place, self.options = setup, place, options
        self.worker = AsyncsshWorker(place, setup.folder)
        self.keys = Keys(setup, self.worker)
        self.known = known_algorithms(options.known)
        self.data = setup.folder / "data"
        self.data.write_bytes(os.urandom(DATA_BYTES))
        self.data.chmod(0o644)
        self.home = setup.folder / "peer-home"
        self.home.mkdir()
        self.servers = []
        self.user = setup.account.pw_name
        self.offered = {kind: [n for n, offer in rows if offer != "weak"]
                        for kind, rows in self.known.items()}

    def sluiced(self, kind, name):
        """Our server, which has nothing but that."""
        config = {"PasswordAuthentication": "no"}
        setting = {"kex": "KexAlgorithms", "host_key": "HostKeyAlgorithms", "cipher": "Ciphers",
                   "mac": "MACs", "user_key": "PubkeyAcceptedAlgorithms"}.get(kind)
        if setting:
            config[setting] = name
        if kind == "cipher":
            config["MACs"] = ",".join(self.offered["mac"])  # of old peers too
        if kind == "mac":
            config["Ciphers"] = "aes128-ctr,aes256-ctr"
        if kind != "mac" and kind != "cipher":
            config["MACs"] = ",".join(self.offered["mac"])
        if kind != "kex":
            config["KexAlgorithms"] = "+ecdh-sha2-nistp256"
        if is_certified("host", kind, name):
            config["HostCertificate"] = self.keys.host_certificate(name)
        config["Compression"] = "yes" if name == "zlib@openssh.com" else "no"
        return peers.Server(self.setup, "sluiced", self.options.sluiced, config,
                            host_keys=list(self.keys.host.values()))

    def run_peer(self, argv, data):
        done = run(self.place.argv(*[str(a) for a in argv], home=str(self.home)), SECONDS, data,
                   None, {**self.setup.environment(), "HOME": str(self.home)})
        if done.returncode != 0:
            raise Failure(last_line(done.stderr.decode(errors="replace"))
                          or f"exited with {done.returncode}")
        if done.stdout != data:
            raise Failure(f"{len(done.stdout)} of {len(data)} bytes came back, or others")

    def offer(self, argv_for_port):
        offer = peers.client_offer(
            lambda port: self.place.argv(*[str(a) for a in argv_for_port(port)],
                                         home=str(self.home)),
            {**self.setup.environment(), "HOME": str(self.home)})
        return {**offer, "user_key": list(offer["host_key"])}

    def key_for(self, kind, name):
        return self.keys.user_for(name) if kind == "user_key" else self.keys.user["ed25519"]

    def stop(self):
        for server in self.servers:
            server.stop()
        self.worker.stop()


class Peer:
    """What most peers have in common."""

    def turn(self, _kind):
        """To be held while our client is at its server."""
        return contextlib.nullcontext()


def offered_by(servers):
    """What any of them offers; keys of users are of the types of hosts."""
    known = {kind: [] for kind in KINDS}
    for server in servers:
        offer = peers.server_offer(server.port)[0]
        for kind, names in {**offer, "user_key": offer["host_key"]}.items():
            known[kind] += [name for name in names if name not in known[kind]]
    return known


class OpenSsh(Peer):
    title, server = "OpenSSH", True

    def __init__(self, world):
        self.world = world
        version = subprocess.run(world.place.argv("ssh", "-V"), capture_output=True,
                                 check=True).stderr.decode()
        self.version = re.search(r"OpenSSH_(\d+\.\d+)", version)[1]

    def server_for(self, _kind, _name):
        return self.running

    def client_knows(self):
        def listed(what):
            return run(self.world.place.argv("ssh", "-Q", what)).stdout.decode().split()
        return {"kex": listed("kex"), "host_key": listed("HostKeyAlgorithms"),
                "user_key": listed("key-sig"), "cipher": listed("cipher"), "mac": listed("mac"),
                "compression": ["none", "zlib@openssh.com"]}

    server_knows = client_knows

    def connect(self, server, kind, name, key):
        w = self.world
        settings = {"BatchMode": "yes", "IdentitiesOnly": "yes", "StrictHostKeyChecking": "no",
                    "UserKnownHostsFile": "/dev/null", "GlobalKnownHostsFile": "/dev/null",
                    "LogLevel": "ERROR"}
        option = {"kex": "KexAlgorithms", "host_key": "HostKeyAlgorithms", "cipher": "Ciphers",
                  "mac": "MACs", "user_key": "PubkeyAcceptedAlgorithms"}.get(kind)
        if option:
            settings[option] = name
        else:
            settings["Compression"] = "no" if name == "none" else "yes"
        if is_certified("host", kind, name):
            settings |= {"StrictHostKeyChecking": "yes", "UserKnownHostsFile": w.keys.known_hosts}
        argv = ["ssh", "-F", "none", "-i", key, "-p", server.port]
        for setting, value in settings.items():
            argv += ["-o", f"{setting}={value}"]
        w.run_peer([*argv, f"{w.user}@{HOST}", "cat"], w.data.read_bytes())

    def serve(self):
        w = self.world
        known = self.server_knows()
        program = w.place.has("sshd")
        check(program, "openssh-server is not installed")
        if os.geteuid() == 0:
            os.makedirs((w.place.root or "") + "/run/sshd", mode=0o755, exist_ok=True)
        config = {"KexAlgorithms": ",".join(known["kex"]), "Ciphers": ",".join(known["cipher"]),
                  "MACs": ",".join(known["mac"]), "HostKeyAlgorithms": ",".join(known["host_key"]),
                  "PubkeyAcceptedAlgorithms": ",".join(known["user_key"]), "Compression": "yes"}
        hosts = [k for stem, k in w.keys.host.items() if stem != "ed448"]
        config["HostCertificate"] = "\nHostCertificate ".join(f"{k}-cert.pub" for k in hosts)
        server = peers.Server(w.setup, "sshd", "/usr/sbin/sshd" if w.place.root else program,
                              config, host_keys=hosts,
                              prefix=w.place.argv(home="/root") if w.place.root else ())
        server.user = "root" if w.place.root else pwd.getpwuid(os.geteuid()).pw_name
        return server


class Asyncssh(Peer):
    title, server = "asyncssh", True

    def __init__(self, world):
        self.world = world
        self.version = run(world.place.argv(
            "/usr/bin/python3", "-c", "import asyncssh; print(asyncssh.__version__)")
        ).stdout.decode().strip()
        self.lock = threading.Lock()

    def turn(self, kind):
        # Connections share what a host key of it signs by.
        return self.lock if kind == "host_key" else contextlib.nullcontext()

    def server_for(self, _kind, _name):
        return self.running

    def client_knows(self):
        known = self.world.worker.ask({"what": "knows"})
        return {**{kind: known[kind] for kind in KINDS if kind in known},
                "user_key": known["host_key"]}

    server_knows = client_knows

    def connect(self, server, kind, name, key):
        w = self.world
        choice = {kind: name}
        if kind == "mac":
            choice["cipher"] = "aes128-ctr"
        hosts = str(w.keys.known_hosts) if is_certified("host", kind, name) else None
        w.worker.ask({"what": "run", "port": server.port, "user": w.user, "key": str(key),
                      "choice": choice, "data": str(w.data),
                      "known_hosts": hosts})

    def serve(self):
        w = self.world
        port = w.worker.ask({"what": "serve", "host_keys": [str(k) for k in w.keys.host.values()],
                             "authorized_keys": str(w.setup.authorized_keys)})["port"]
        return Listening(port, "anybody")


class Listening:
    """A server that something else ends."""

    def __init__(self, port, user):
        self.port, self.user = port, user

    def stop(self):
        pass


class Dropbear(Peer):
    title, server = "Dropbear", True

    def __init__(self, world):
        self.world = world
        said = subprocess.run(world.place.argv("dbclient", "-V"), capture_output=True, check=False)
        self.version = re.search(r"v(\d+\.\d+)", (said.stderr + said.stdout).decode())[1]

    def argv(self, port, key):
        # Keepalive, as 2022.83 sleeps on when CLOSE comes before it has written all that came ahead
        # of it: whatever wakes it ends that.
        return ["dbclient", "-y", "-y", "-K", 1, "-i", key, "-p", port,
                f"{self.world.user}@{HOST}", "cat"]

    def client_knows(self):
        key = self.world.keys.converted(self.world.keys.user["ed25519"], "dropbear")
        return self.world.offer(lambda port: self.argv(port, key))

    def connect(self, server, kind, name, key):
        converted = self.world.keys.converted(key, "dropbear")
        check(converted, "dropbearconvert does not take the key")
        self.world.run_peer(self.argv(server.port, converted), self.world.data.read_bytes())

    def server_knows(self):
        return offered_by(self.servers)

    def serve(self):
        """Two, as one takes at most four host keys."""
        w = self.world
        self.program = w.place.has("dropbear")
        check(self.program, "dropbear-bin is not installed")
        self.home = w.setup.folder / "dropbear-home"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self.home.chmod(0o700)
        keys = self.home / ".ssh" / "authorized_keys"
        shutil.copy(w.setup.authorized_keys, keys)
        keys.chmod(0o600)
        stems = [stem for stem, key in w.keys.host.items() if w.keys.converted(key, "dropbear")]
        self.parts = [stems[:4], stems[4:]]
        self.servers = [self.start(part) for part in self.parts if part]
        return self

    def start(self, stems):
        """It reads authorized_keys from the account's home and nowhere else: it gets another home,
        in a mount namespace of its own."""
        w = self.world
        argv = ["-F", "-E", "-m", "-P", "", "-s"]
        for stem in stems:
            argv += ["-r", str(w.keys.converted(w.keys.host[stem], "dropbear"))]
        port = peers.free_port()
        argv += ["-p", f"{HOST}:{port}"]
        mine = pwd.getpwuid(os.geteuid())
        account = "/root" if w.place.root else mine.pw_dir
        mount = f'mount --bind "{self.home}" "{(w.place.root or "") + account}" && exec "$@"'
        unshare = ["unshare", "--mount"] if os.geteuid() == 0 else [
            "unshare", "--mount", "--user", "--map-current-user"]
        inside = w.place.argv("/usr/sbin/dropbear" if w.place.root else self.program, *argv,
                              home=account)
        server = peers.Program(w.setup, [*unshare, "sh", "-c", mount, "sh", *inside], port)
        server.user = "root" if w.place.root else mine.pw_name
        return server

    def server_for(self, kind, name):
        stem = Keys.TYPES.get(name) if kind == "host_key" else None
        return self.servers[-1] if stem in self.parts[1] else self.servers[0]

    def stop(self):
        for server in self.servers:
            server.stop()


class Putty(Peer):
    title, server = "PuTTY", False

    def __init__(self, world):
        self.world = world
        said = run(world.place.argv("plink", "-V"), status=None).stdout.decode()
        self.version = re.search(r"Release (\d+\.\d+)", said)[1]
        self.fingerprints = []
        for key in world.keys.host.values():
            blob = base64.b64decode(pathlib.Path(f"{key}.pub").read_text().split()[1])
            digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
            self.fingerprints += ["-hostkey", f"SHA256:{digest}"]
        # As its settings' page "trusted host certification authorities" writes it.
        folder = world.home / ".putty" / "sshhostcas"
        folder.mkdir(parents=True)
        blob = pathlib.Path(f"{world.keys.authority}.pub").read_text().split()[1]
        (folder / "matrix").write_text(f"PublicKey={blob}\nValidity=*\nPermitRSASHA1=1\n"
                                       "PermitRSASHA256=1\nPermitRSASHA512=1\n")

    def argv(self, port, key, flags=(), hosts=None):
        w = self.world
        hosts = self.fingerprints if hosts is None else hosts
        return ["plink", "-batch", "-noagent", "-i", key, "-P", port, *flags, *hosts,
                f"{w.user}@{HOST}", "cat"]

    def client_knows(self):
        key = self.world.keys.converted(self.world.keys.user["ed25519"], "ppk")
        return self.world.offer(lambda port: self.argv(port, key, ("-C",)))

    def connect(self, server, kind, name, key):
        converted = self.world.keys.converted(key, "ppk")
        check(converted, "puttygen does not take the key")
        flags = ("-C",) if name == "zlib@openssh.com" else ()
        hosts = None
        if is_certified("user", kind, name):
            flags = ("-cert", f"{key}-cert.pub")
        if is_certified("host", kind, name):
            hosts = ()  # it knows none but the authority
        self.world.run_peer(self.argv(server.port, converted, flags, hosts),
                            self.world.data.read_bytes())


class Libssh(Peer):
    title, server = "libssh", True

    def __init__(self, world):
        self.world = world
        folder = world.setup.folder
        self.program, self.server_program = (self.compiled(f"libssh_{end}")
                                             for end in ("client", "server"))
        (folder / "version.c").write_text(
            "#include <libssh/libssh.h>\n#include <stdio.h>\n"
            "int main(void) { puts(ssh_version(0)); return 0; }\n")
        run(world.place.argv("cc", "-o", str(folder / "version"), str(folder / "version.c"),
                             "-lssh"))
        self.version = run(world.place.argv(str(folder / "version"))).stdout.decode().split("/")[0]

    def compiled(self, name):
        program = self.world.setup.folder / name
        shutil.copy(pathlib.Path(__file__).with_name(f"{name}.c"), f"{program}.c")
        run(self.world.place.argv("cc", "-O1", "-w", "-o", str(program), f"{program}.c", "-lssh"))
        return program

    # It takes a name or says that it does not know it: see `connect`.
    def client_knows(self):
        return None

    def server_knows(self):
        return offered_by(self.servers.values())

    def server_for(self, kind, name):
        stem = Keys.TYPES.get(name) if kind == "host_key" else None
        return self.servers.get(stem, self.servers["ecdsa256"])

    def serve(self):
        """Three, as one takes at most one host key of ECDSA."""
        self.servers = {stem: self.start(stem) for stem in ("ecdsa256", "ecdsa384", "ecdsa521")}
        return self

    def stop(self):
        for server in self.servers.values():
            server.stop()

    def start(self, ecdsa):
        w = self.world
        lists = [",".join(name for name, _ in w.known[kind] if not name.endswith(CERTIFIED))
                 for kind in ("kex", "host_key", "cipher", "mac", "user_key")]
        keys = [str(w.keys.host[stem]) for stem in ("ed25519", "rsa3072", ecdsa)]
        port = peers.free_port()
        server = peers.Program(w.setup, w.place.argv(str(self.server_program), str(port), *lists,
                                                     *keys), port)
        server.user = "anybody"
        return server

    def connect(self, server, kind, name, key):
        w = self.world
        if is_certified("host", kind, name):
            return False  # it takes the name, and then has none to offer
        algorithms = [name if k == kind else "-"
                      for k in ("kex", "host_key", "cipher", "mac", "compression")]
        if kind == "mac":
            algorithms[2] = "aes128-ctr"
        back = w.setup.folder / f"back-{w.setup.fresh('libssh')[0]}"
        remote = w.setup.fresh("libssh")[0]
        argv = w.place.argv(str(self.program), HOST, str(server.port), w.user, str(key),
                            *algorithms, str(w.data), remote, str(back), home=str(w.home))
        done = run(argv, SECONDS, b"", None,
                   {**w.setup.environment(), "HOME": str(w.home)})
        if done.returncode == 77:
            return False
        check(done.returncode == 0, last_line(done.stderr.decode(errors="replace"))
              or f"exited with {done.returncode}")
        peers.same(w.data, back)
        return True


# --- our client -----------------------------------------------------------------------------------

class OurClient:
    OPTIONS = {"kex": "KexAlgorithms", "host_key": "HostKeyAlgorithms", "cipher": "Ciphers",
               "mac": "MACs", "user_key": "PubkeyAcceptedAlgorithms", "compression": "Compression"}

    def __init__(self, world):
        self.world = world
        self.lacks = {kind for kind in ("user_key", "compression")
                      if not self.takes(self.OPTIONS[kind])}

    def takes(self, keyword):
        done = run([self.world.options.sluice, "run", "-o", f"{keyword}=?", HOST, "true"],
                   status=None)
        return b"nknown" not in done.stderr or b"algorithm" in done.stderr

    def connect(self, server, kind, name, key):
        w = self.world
        data = w.data.read_bytes()
        settings = {"BatchMode": "yes", "IdentityAgent": "none", "IdentitiesOnly": "yes",
                    "UserKnownHostsFile": w.setup.folder / w.setup.fresh("known_hosts")[0],
                    "StrictHostKeyChecking": "accept-new"}
        if is_certified("host", kind, name):
            settings |= {"StrictHostKeyChecking": "yes", "UserKnownHostsFile": w.keys.known_hosts}
        if kind == "compression":
            if kind not in self.lacks:
                settings["Compression"] = "yes" if name != "none" else "no"
        elif kind not in self.lacks:
            settings[self.OPTIONS[kind]] = name
        if kind == "cipher":
            settings["MACs"] = ",".join(w.offered["mac"])
        if kind == "mac":
            settings["Ciphers"] = "aes128-ctr"
        if kind not in ("mac", "cipher"):
            settings["MACs"] = ",".join(w.offered["mac"])
        argv = [w.options.sluice, "run", "-p", server.port, "-i", key]
        for setting, value in settings.items():
            argv += ["-o", f"{setting}={value}"]
        done = run([*argv, f"{server.user}@{HOST}", "cat"], SECONDS, data, None,
                   w.setup.environment())
        check(done.returncode == 0, last_line(done.stderr.decode(errors="replace"))
              or f"exited with {done.returncode}")
        check(done.stdout == data, "the bytes that came back differ")

    def cannot(self, kind, name):
        if kind == "compression" and kind in self.lacks and name != "none":
            return "our client has no setting for it"
        if kind == "user_key" and kind in self.lacks and name in ("rsa-sha2-256", "ssh-rsa"):
            return "our client has no setting for it"
        return None
