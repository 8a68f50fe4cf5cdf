"""One operation by asyncssh: asyncssh_client.py HOST PORT USER KEY OPERATION WORDS."""

import asyncio
import sys

import asyncssh

host, port, user, key, operation, *words = sys.argv[1:]


async def work():
    async with asyncssh.connect(host, int(port), username=user, client_keys=[key],
                                known_hosts=None, config=None, agent_path=None) as connection:
        if operation == "command":
            done = await connection.run(words[0], input=sys.stdin.buffer.read(), encoding=None)
            sys.stdout.buffer.write(done.stdout)
            return done.exit_status
        async with connection.start_sftp_client() as sftp:
            if operation == "list":
                print("\n".join(entry.filename for entry in await sftp.readdir(words[0])))
            elif operation == "mode":
                await sftp.chmod(words[0], 0o640)
            elif operation in ("put_tree", "get_tree"):
                await getattr(sftp, operation[:3])(*words, recurse=True, follow_symlinks=False)
            else:
                await {"put": sftp.put, "get": sftp.get, "rename": sftp.posix_rename,
                       "remove": sftp.remove, "make_folder": sftp.mkdir,
                       "remove_folder": sftp.rmdir, "link": sftp.symlink}[operation](*words)
    return 0


sys.exit(asyncio.run(work()))
