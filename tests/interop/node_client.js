// One operation by ssh2 or ssh2-sftp-client:
// node_client.js PACKAGE HOST PORT USER KEY OPERATION WORDS
"use strict";

const fs = require("fs");
const [package_, host, port, username, key, operation, ...words] = process.argv.slice(2);
const options = { host, port: Number(port), username, privateKey: fs.readFileSync(key) };

function fail(error) {
    console.error(String(error));
    process.exit(1);
}

function by_ssh2() {
    const { Client } = require("ssh2");
    const client = new Client();
    const done = (error) => (error ? fail(error) : client.end());
    client.on("error", fail).on("ready", () => {
        if (operation === "command") {
            client.exec(words[0], (error, stream) => {
                if (error) fail(error);
                stream.on("close", (code) => {
                    client.end();
                    process.exitCode = code;
                });
                stream.pipe(process.stdout);
                stream.stderr.pipe(process.stderr);
                process.stdin.pipe(stream);
            });
            return;
        }
        client.sftp((error, sftp) => {
            if (error) fail(error);
            const work = {
                put: () => sftp.fastPut(...words, done),
                get: () => sftp.fastGet(...words, done),
                list: () =>
                    sftp.readdir(words[0], (e, entries) => {
                        if (!e) console.log(entries.map((one) => one.filename).join("\n"));
                        done(e);
                    }),
                rename: () => sftp.ext_openssh_rename(...words, done),
                remove: () => sftp.unlink(...words, done),
                make_folder: () => sftp.mkdir(...words, done),
                remove_folder: () => sftp.rmdir(...words, done),
                mode: () => sftp.chmod(words[0], 0o640, done),
                link: () => sftp.symlink(...words, done),
            };
            work[operation]();
        });
    });
    client.connect(options);
}

async function by_sftp_client() {
    const Client = require("ssh2-sftp-client");
    const sftp = new Client();
    await sftp.connect(options);
    const work = {
        put: () => sftp.put(...words),
        get: () => sftp.get(...words),
        list: async () => console.log((await sftp.list(words[0])).map((one) => one.name).join("\n")),
        rename: () => sftp.posixRename(...words),
        remove: () => sftp.delete(words[0]),
        make_folder: () => sftp.mkdir(words[0], false),
        remove_folder: () => sftp.rmdir(words[0], false),
        mode: () => sftp.chmod(words[0], 0o640),
        put_tree: () => sftp.uploadDir(...words),
        get_tree: () => sftp.downloadDir(...words),
    };
    await work[operation]();
    await sftp.end();
}

if (package_ === "ssh2") by_ssh2();
else by_sftp_client().catch(fail);
