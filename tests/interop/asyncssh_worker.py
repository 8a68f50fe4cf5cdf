#!/usr/bin/python3
"""asyncssh as a peer of matrix.py, both ways, in one process: `asyncssh_worker.py`.

Reads a JSON object a line and answers with one, which has the same "id" and "error", null where all
went well:
  {"what": "knows"}   answers with the names it has, by kind
  {"what": "key", "type": T, "path": P}   writes a new private key, and P.pub
  {"what": "certify", "authority": P, "key": P, "host": B, "principals": [N, ...], "path": P}
                      writes a certificate for a public key
  {"what": "serve", "host_keys": [P, ...], "authorized_keys": P}   answers with its "port"
  {"what": "run", "port": N, "user": U, "key": P, "choice": {kind: name}, "data": P,
   "known_hosts": P}  sends the file through `cat` on a server and compares what comes back
The server offers all that it knows; each of its commands is `cat`.
"""

import asyncio
import json
import sys
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import asyncssh
    import asyncssh.compression
    import asyncssh.encryption
    import asyncssh.kex
    import asyncssh.mac
    import asyncssh.public_key

HOST = "127.0.0.1"
CERTIFIED = "-cert-v01@openssh.com"
OPTIONS = {"kex": "kex_algs", "host_key": "server_host_key_algs", "cipher": "encryption_algs",
           "mac": "mac_algs", "compression": "compression_algs", "user_key": "signature_algs"}


def knows():
    def names(algorithms):
        return [name.decode() for name in algorithms]
    return {"kex": names(asyncssh.kex.get_kex_algs()),
            "host_key": names(asyncssh.public_key.get_public_key_algs())
            + names(asyncssh.public_key.get_certificate_algs()),
            "cipher": names(asyncssh.encryption.get_encryption_algs()),
            "mac": names(asyncssh.mac.get_mac_algs()),
            "compression": names(asyncssh.compression.get_compression_algs())}


async def echo(process):
    while data := await process.stdin.read(65536):
        process.stdout.write(data)
        await process.stdout.drain()
    process.exit(0)


async def serve(order):
    known = knows()
    acceptor = await asyncssh.listen(
        HOST, 0, server_host_keys=order["host_keys"], process_factory=echo, encoding=None,
        authorized_client_keys=order["authorized_keys"], kex_algs=known["kex"],
        encryption_algs=known["cipher"], mac_algs=known["mac"],
        compression_algs=known["compression"],
        signature_algs=[name for name in known["host_key"] if not name.endswith(CERTIFIED)])
    return {"port": acceptor.sockets[0].getsockname()[1]}


async def run(order):
    options = {OPTIONS[kind]: [name] for kind, name in order["choice"].items()}
    if "user_key" in order["choice"]:  # it calls that of a certificate by the key's name
        options["signature_algs"] = [order["choice"]["user_key"].removesuffix(CERTIFIED)]
    options.setdefault("compression_algs", ["none"])
    with open(order["data"], "rb") as file:
        data = file.read()
    async with asyncssh.connect(HOST, order["port"], username=order["user"],
                                known_hosts=order["known_hosts"],
                                config=None, agent_path=None, client_keys=[order["key"]],
                                **options) as connection:
        done = await connection.run("cat", input=data, encoding=None)
    if done.stdout != data:
        raise ValueError(f"{len(done.stdout)} of {len(data)} bytes came back, or others")
    return {}


async def make_key(order):
    key = asyncssh.generate_private_key(order["type"])
    key.write_private_key(order["path"])
    key.write_public_key(order["path"] + ".pub")
    return {}


async def certify(order):
    authority = asyncssh.read_private_key(order["authority"])
    issue = authority.generate_host_certificate if order["host"] else \
        authority.generate_user_certificate
    issue(asyncssh.read_public_key(order["key"]), "matrix",
          principals=order["principals"]).write_certificate(order["path"])
    return {}


async def known(_):
    return knows()


async def answer(order):
    try:
        work = {"knows": known, "key": make_key, "certify": certify, "serve": serve,
                "run": run}[order["what"]]
        result = await asyncio.wait_for(work(order), 60)
        result["error"] = None
    except Exception as error:  # an answer comes, whatever it was
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps({**result, "id": order["id"]}), flush=True)


async def main():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main())
