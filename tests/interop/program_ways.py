"""What programs of other people do over SSH, beside moving files: each a function that is given a
server and a folder of its own, and raises peers.Failure where something is wrong."""

import os
import re
import shlex
import shutil
import textwrap

import peers
from peers import HOST, check
from program_clients import version_of


def ssh_words(server):
    """ssh with all its options, for those that take a command line."""
    return ["ssh", "-p", str(server.port), *peers.openssh_options(server)]


def ssh_command(server):
    return shlex.join(ssh_words(server))


def served_folder(server, name):
    """A folder that the server's user may fill."""
    path = server.setup.served / name
    path.mkdir()
    server.setup.own(path)
    return path


def write_tree(folder, files=40):
    """Of all sizes around those of packets and buffers, and names that want quoting."""
    folder.mkdir()
    sizes = (0, 1, 511, 32 * 1024 + 5, 33_000, 70_001, 262_144, 300_000)
    for i in range(files):
        inside = folder / f"folder {i % 3}"
        inside.mkdir(exist_ok=True)
        (inside / f"file {i} ünï").write_bytes(os.urandom(sizes[i % len(sizes)]))
    return folder


def same_tree(one, other):
    done = peers.run(["diff", "-r", "--no-dereference", one, other], status=None)
    check(done.returncode == 0, "trees differ: " + peers.last_line(done.stdout.decode()))


# --- git -------------------------------------------------------------------------------------------

def git(server, folder):
    """10,000 objects are pushed, cloned and fetched."""
    environment = {**server.setup.environment(), "GIT_SSH_COMMAND": ssh_command(server),
                   "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}

    def run(*words, cwd=folder, **how):
        return peers.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words],
                         300, cwd=cwd, env=environment, **how)

    far = served_folder(server, "git.git")
    peers.ssh(server, f"git init -q --bare -b main {far}")
    here = folder / "here"
    run("init", "-q", "-b", "main", here)
    commit = ["commit refs/heads/main\ncommitter a <a@example.com> 0 +0000\ndata 1\nx\n"]
    for i in range(10_000):
        commit.append(f"M 644 inline {i % 100}/{i}\ndata {len(str(i)) + 1}\n{i}\n\n")
    run("fast-import", "--quiet", cwd=here, stdin="".join(commit).encode())
    url = f"ssh://{server.user}@{HOST}{far}"
    run("push", "-q", url, "main", cwd=here)
    run("clone", "-q", url, folder / "clone")
    check(len(list((folder / "clone").rglob("*"))) > 10_000, "files are missing from the clone")
    run("reset", "-q", "--hard", cwd=here)
    (here / "new").write_text("new\n")
    run("add", "new", cwd=here)
    run("commit", "-q", "-m", "new", cwd=here)
    run("push", "-q", url, "main", cwd=here)
    run("pull", "-q", "--ff-only", cwd=folder / "clone")
    check((folder / "clone" / "new").read_text() == "new\n", "what was new was not fetched")
    run("fsck", "--no-dangling", cwd=folder / "clone")


# --- rsync -----------------------------------------------------------------------------------------

def rsync(server, folder):
    here = write_tree(folder / "here")
    (here / "link").symlink_to("folder 0")
    far = served_folder(server, "rsync")
    at = f"{server.user}@{HOST}:{far}/"

    def run(*words):
        peers.run(["rsync", "-a", "--delete", "--no-owner", "--no-group", "-e",
                   ssh_command(server), *words], 300, env=server.setup.environment())

    run(f"{here}/", at)
    same_tree(here, far)
    shutil.rmtree(here / "folder 1")
    (here / "folder 0" / "new").write_bytes(os.urandom(1 << 20))
    run(f"{here}/", at)
    same_tree(here, far)
    run(at, folder / "back")
    same_tree(here, folder / "back")


# --- ansible ---------------------------------------------------------------------------------------

PLAYBOOK = """
- hosts: all
  gather_facts: true
  tasks:
    - ping:
    - command: id -un
      register: who
    - assert: {that: "who.stdout == user"}
    - shell: "cat; exit 0"
      args: {stdin: "given"}
      register: echo
    - assert: {that: "echo.stdout == 'given'"}
    - file: {path: "{{ far }}/folder", state: directory, mode: "0750"}
    - copy: {src: "{{ local }}", dest: "{{ far }}/folder/copied"}
    - lineinfile: {path: "{{ far }}/folder/lines", line: "one", create: true}
    - stat: {path: "{{ far }}/folder/copied", checksum_algorithm: sha256}
      register: copied
    - assert: {that: "copied.stat.checksum == sum"}
    - fetch: {src: "{{ far }}/folder/copied", dest: "{{ here }}/fetched", flat: true}
    - file: {path: "{{ far }}/folder", state: absent}
"""


def ansible(server, folder, pipelining):
    setup = server.setup
    far = served_folder(server, f"ansible{pipelining}")
    here = folder / f"ansible{pipelining}"
    here.mkdir()
    (here / "play.yml").write_text(PLAYBOOK)
    options = peers.openssh_options(server)
    (here / "hosts").write_text(textwrap.dedent(f"""\
        far ansible_host={HOST} ansible_port={server.port} ansible_user={server.user}
        [all:vars]
        ansible_ssh_common_args={shlex.quote(shlex.join(options))}
        ansible_remote_tmp={far}/tmp
        ansible_python_interpreter=/usr/bin/python3
        """))
    environment = {**setup.environment(), "ANSIBLE_PIPELINING": str(pipelining),
                   "ANSIBLE_HOME": str(here / "home"), "ANSIBLE_LOCAL_TEMP": str(here / "tmp"),
                   "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"), "LC_ALL": "C.UTF-8",
                   "ANSIBLE_NOCOLOR": "1"}
    peers.run(["ansible-playbook", "-i", here / "hosts", "-e",
               f"user={server.user} far={far} local={setup.small} here={here} "
               f"sum={peers.digest(setup.small)}", here / "play.yml"], 300, env=environment,
              cwd=here)
    peers.same(setup.small, here / "fetched")
    check(not (far / "folder").exists(), "the folder is still there")


# --- backups ---------------------------------------------------------------------------------------

def restic(server, folder):
    served_folder(server, "restic")
    here = write_tree(folder / "restic-here")
    environment = {**server.setup.environment(), "RESTIC_PASSWORD": "word",
                   "RESTIC_CACHE_DIR": str(folder / "restic-cache")}

    def run(*words):
        command = f"{ssh_command(server)} {server.user}@{HOST} -s sftp"
        return peers.run(["restic", "-q", "-r", f"sftp:{server.user}@{HOST}:/restic/backup", "-o",
                          f"sftp.command={command}", *words], 300, env=environment)

    run("init")
    run("backup", here)
    shutil.rmtree(here / "folder 1")
    run("backup", here)
    run("check", "--read-data")
    run("forget", "--keep-last", "1", "--prune")
    run("restore", "latest", "--target", folder / "restic-back")
    same_tree(here, folder / "restic-back" / here.relative_to("/"))


def borg(server, folder):
    far = served_folder(server, "borg")
    here = write_tree(folder / "borg-here")
    environment = {**server.setup.environment(), "BORG_RSH": ssh_command(server),
                   "BORG_BASE_DIR": str(folder / "borg-base"),
                   "BORG_REMOTE_PATH": f"env BORG_BASE_DIR={far}/base borg",
                   "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
                   "BORG_REPO": f"ssh://{server.user}@{HOST}:{server.port}{far}/backup"}

    def run(*words, cwd=folder):
        return peers.run(["borg", *words], 300, env=environment, cwd=cwd)

    run("init", "-e", "none")
    run("create", "::one", here.name)
    run("check", "--verify-data")
    back = folder / "borg-back"
    back.mkdir()
    run("extract", "::one", cwd=back)
    same_tree(here, back / here.name)


# --- both sides change -----------------------------------------------------------------------------

def unison(server, folder):
    far = served_folder(server, "unison")
    here = write_tree(folder / "unison-here", 12)
    environment = {**server.setup.environment(), "UNISON": str(folder / "unison-archives"),
                   "LC_ALL": "C.UTF-8"}

    def run():
        peers.run(["unison", "-batch", "-auto", "-ui", "text", here,
                   f"ssh://{server.user}@{HOST}:{server.port}/{far}/tree",
                   "-sshargs", shlex.join(peers.openssh_options(server)),
                   "-servercmd", f"env HOME={far} UNISON={far}/archives unison"], 300, env=environment)

    run()
    same_tree(here, far / "tree")
    (here / "mine").write_text("mine")
    (far / "tree" / "theirs").write_text("theirs")
    run()
    same_tree(here, far / "tree")
    check((here / "theirs").exists(), "what was new there did not come")


# --- their server, our client ----------------------------------------------------------------------

def rclone_serves(setup, sluice, folder):
    """`sluice` at the server of rclone, which is Go's."""
    far = folder / "rclone-served"
    far.mkdir()
    port = peers.free_port()
    argv = ["rclone", "--config", "/dev/null", "serve", "sftp", far, "--addr", f"{HOST}:{port}",
            "--user", "ada", "--authorized-keys", setup.authorized_keys, "--key",
            setup.host_keys[0], "--vfs-cache-mode", "full", "--cache-dir", folder / "rclone-cache"]
    server = peers.Program(setup, argv, port)
    try:
        def run(*words):
            return peers.run([sluice, words[0], "-F", "none", "-o", "StrictHostKeyChecking=no",
                              "-o", "UserKnownHostsFile=/dev/null", "-i", setup.key, "-p", port,
                              *words[1:]], 120, env=setup.environment()).stdout.decode()

        tree = write_tree(folder / "rclone-here", 12)
        run("put", "-r", tree, f"ada@{HOST}:tree")
        run("get", "-r", f"ada@{HOST}:tree", folder / "rclone-back")
        same_tree(tree, folder / "rclone-back")
        check("folder 1" in run("ls", f"ada@{HOST}:tree"), "a folder is not listed")
    finally:
        server.stop()


def dpkg(package):
    return version_of(["dpkg-query", "-W", "-f", "${Version}", package],
                      r"(?:\d+:)?(\d+\.\d+[\w.]*)")


# What is done, by which program, whose version tells `dpkg`.
WAYS = (
    ("git", "push, clone and pull of 10,000 objects, fsck", "git", git),
    ("rsync", "-a --delete up, again after changes, and down", "rsync", rsync),
    ("ansible", "a playbook of 13 tasks, with pipelining", "ansible-core",
     lambda server, folder: ansible(server, folder, True)),
    ("ansible", "the same without pipelining, by sftp", "ansible-core",
     lambda server, folder: ansible(server, folder, False)),
    ("restic", "init, two backups, check, prune and restore over sftp", "restic", restic),
    ("borg", "init, create, check and extract", "borgbackup", borg),
    ("unison", "changes of both sides", "unison", unison),
)
