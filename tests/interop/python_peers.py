"""The two Python clients, asyncssh and paramiko: run in this process, many algorithms in a row."""

import asyncio
import contextlib
import warnings

from peers import HOST, PASSWORD, Failure, check

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import asyncssh
    import asyncssh.compression
    import asyncssh.encryption
    import asyncssh.kex
    import asyncssh.mac
    import asyncssh.public_key
    import paramiko

ASYNCSSH_OPTIONS = {"kex": "kex_algs", "host_key": "server_host_key_algs",
                    "cipher": "encryption_algs", "mac": "mac_algs",
                    "compression": "compression_algs"}


def asyncssh_knows():
    def names(algorithms):
        return [name.decode() for name in algorithms]
    return {"kex": names(asyncssh.kex.get_kex_algs()),
            "host_key": names(asyncssh.public_key.get_public_key_algs()),
            "cipher": names(asyncssh.encryption.get_encryption_algs()),
            "mac": names(asyncssh.mac.get_mac_algs()),
            "compression": names(asyncssh.compression.get_compression_algs())}


def asyncssh_connect(server, choice=None, **options):
    for kind, name in (choice or {}).items():
        options[ASYNCSSH_OPTIONS[kind]] = [name]
    options.setdefault("client_keys", [str(server.setup.key)])
    options.setdefault("compression_algs", ["none"])  # its own first choice is zlib, for all data
    return asyncssh.connect(HOST, server.port, username=server.user, known_hosts=None, config=None,
                            agent_path=None, **options)


def asyncssh_transfer(server, choice, source, name, back, timeout=300, **options):
    async def work():
        async with asyncssh_connect(server, choice, **options) as connection:
            async with connection.start_sftp_client() as sftp:
                await sftp.put(str(source), name)
                await sftp.get(name, str(back))
    asyncio.run(asyncio.wait_for(work(), timeout))


def asyncssh_upload_under(server, source, name, under_way, interrupt):
    """Uploads, with the interruption when some of it is there. Whether the session then takes no
    other file."""
    async def work():
        async with asyncssh_connect(server) as connection:
            async with connection.start_sftp_client() as sftp:
                put = asyncio.create_task(sftp.put(str(source), name, block_size=1024,
                                                   max_requests=4))
                while not put.done() and not under_way():
                    await asyncio.sleep(0)
                if put.done():
                    raise Failure("it was done before the interruption")
                interrupt()
                await put
                try:
                    await sftp.put(str(source), name + "-late")
                except (asyncssh.Error, OSError):
                    return True
                return False
    return asyncio.run(asyncio.wait_for(work(), 100))


def asyncssh_run(server, command, stdin=b"", **options):
    """A process result: stdout and stderr as bytes, exit_status, exit_signal."""
    async def work():
        async with asyncssh_connect(server, **options) as connection:
            return await connection.run(command, input=stdin, encoding=None)
    return asyncio.run(asyncio.wait_for(work(), 60))


def asyncssh_password(server):
    async def work(password):
        async with asyncssh_connect(server, client_keys=[], password=password) as connection:
            async with connection.start_sftp_client() as sftp:
                return await sftp.listdir(".")
    asyncio.run(asyncio.wait_for(work(PASSWORD), 30))
    refused = False
    try:
        asyncio.run(asyncio.wait_for(work("wrong"), 30))
    except asyncssh.PermissionDenied:
        refused = True
    check(refused, "a wrong password was accepted")


def asyncssh_many_channels(server, source, names, backs):
    """Several SFTP sessions at once on one connection."""
    async def one(connection, name, back):
        async with connection.start_sftp_client() as sftp:
            await sftp.put(str(source), name)
            await sftp.get(name, str(back))

    async def work():
        async with asyncssh_connect(server) as connection:
            await asyncio.gather(*(one(connection, n, b) for n, b in zip(names, backs)))
    asyncio.run(asyncio.wait_for(work(), 60))


def asyncssh_symlink(server, target, name):
    async def work():
        async with asyncssh_connect(server) as connection:
            async with connection.start_sftp_client() as sftp:
                await sftp.symlink(target, name)
    asyncio.run(asyncio.wait_for(work(), 30))


def asyncssh_small_windows(server, source, name, path, back):
    """One session whose window and packet size are far below what is usual."""
    async def work():
        async with asyncssh_connect(server) as connection:
            async with connection.start_sftp_client() as sftp:
                await sftp.put(str(source), name)
            result = await connection.run(f"head -c 100000 {path}", encoding=None, window=64,
                                          max_pktsize=7)
            back.write_bytes(result.stdout)
    asyncio.run(asyncio.wait_for(work(), 60))


def paramiko_knows():
    kind = paramiko.Transport
    return {"kex": list(kind._preferred_kex), "host_key": list(kind._preferred_keys),
            "cipher": list(kind._preferred_ciphers), "mac": list(kind._preferred_macs),
            "compression": ["none", "zlib@openssh.com"]}


PARAMIKO_OPTIONS = {"kex": "kex", "host_key": "key_types", "cipher": "ciphers", "mac": "digests",
                    "compression": "compression"}


def paramiko_refused(server, user, password):
    with contextlib.closing(paramiko.Transport((HOST, server.port))) as transport:
        transport.banner_timeout = transport.auth_timeout = 30
        refused = False
        try:
            transport.connect(username=user, password=password)
        except paramiko.AuthenticationException:
            refused = True
    check(refused, "a wrong password was accepted")


def paramiko_transfer(server, choice, source, name, back):
    with contextlib.closing(paramiko.Transport((HOST, server.port))) as transport:
        transport.banner_timeout = transport.auth_timeout = 30
        options = transport.get_security_options()
        for kind, algorithm in choice.items():
            setattr(options, PARAMIKO_OPTIONS[kind], (algorithm,))
        key = paramiko.Ed25519Key.from_private_key_file(str(server.setup.key))
        transport.connect(username=server.user, pkey=key)
        with paramiko.SFTPClient.from_transport(transport) as sftp:
            sftp.put(str(source), name)
            sftp.get(name, str(back))
