"""One operation by paramiko: paramiko_client.py HOST PORT USER KEY OPERATION WORDS."""

import sys

import paramiko

host, port, user, key, operation, *words = sys.argv[1:]
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect(host, int(port), user, key_filename=key, allow_agent=False, look_for_keys=False)
with client:
    if operation == "command":
        stdin, stdout, _ = client.exec_command(words[0])
        stdin.write(sys.stdin.buffer.read())
        stdin.channel.shutdown_write()
        sys.stdout.buffer.write(stdout.read())
        sys.exit(stdout.channel.recv_exit_status())
    sftp = client.open_sftp()
    if operation == "list":
        print("\n".join(entry.filename for entry in sftp.listdir_attr(words[0])))
    else:
        {"put": sftp.put, "get": sftp.get, "rename": sftp.posix_rename, "remove": sftp.remove,
         "make_folder": sftp.mkdir, "remove_folder": sftp.rmdir, "link": sftp.symlink,
         "mode": lambda name: sftp.chmod(name, 0o640)}[operation](*words)
