/* Sends a file and fetches it back by SFTP with libssh, with the algorithms that are asked for.
 * Exit status: 0 done, 1 failed, 77 the library does not know an algorithm. */

#include <fcntl.h>
#include <libssh/libssh.h>
#include <libssh/sftp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { chunk = 32 * 1024 };

static ssh_session session;

static void fail(const char* what) {
    fprintf(stderr, "%s: %s\n", what, ssh_get_error(session));
    exit(1);
}

/* "-" leaves the library's own choice. */
static void want(enum ssh_options_e option, const char* name) {
    if (strcmp(name, "-") == 0) return;
    if (ssh_options_set(session, option, name) != SSH_OK) exit(77);
}

static void put(sftp_session sftp, const char* local, const char* remote) {
    static char data[chunk];
    const int fd = open(local, O_RDONLY);
    if (fd < 0) fail(local);
    sftp_file file = sftp_open(sftp, remote, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file == NULL) fail("open to write");
    for (;;) {
        const ssize_t n = read(fd, data, sizeof data);
        if (n < 0) fail("read");
        if (n == 0) break;
        if (sftp_write(file, data, (size_t)n) != n) fail("write");
    }
    if (sftp_close(file) != SSH_OK) fail("close");
    close(fd);
}

static void get(sftp_session sftp, const char* remote, const char* local) {
    static char data[chunk];
    const int fd = open(local, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) fail(local);
    sftp_file file = sftp_open(sftp, remote, O_RDONLY, 0);
    if (file == NULL) fail("open to read");
    for (;;) {
        const ssize_t n = sftp_read(file, data, sizeof data);
        if (n < 0) fail("read");
        if (n == 0) break;
        if (write(fd, data, (size_t)n) != n) fail("write");
    }
    sftp_close(file);
    if (close(fd) != 0) fail("close");
}

int main(int argc, char** argv) {
    if (argc != 13) {
        fprintf(stderr,
                "usage: %s host port user key kex hostkey cipher mac compression in remote out\n",
                argv[0]);
        return 1;
    }
    const unsigned port = (unsigned)atoi(argv[2]);
    const int no = 0;
    const int yes = 1;
    session = ssh_new();
    if (session == NULL) return 1;
    ssh_options_set(session, SSH_OPTIONS_HOST, argv[1]);
    ssh_options_set(session, SSH_OPTIONS_PORT, &port);
    ssh_options_set(session, SSH_OPTIONS_USER, argv[3]);
    ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
    ssh_options_set(session, SSH_OPTIONS_NODELAY, &yes); /* else 40 ms for each of its requests */
    /* A certificate beside the key is shown in its place. */
    char beside[4096];
    snprintf(beside, sizeof beside, "%s-cert.pub", argv[4]);
    ssh_key certificate = NULL;
    if (access(beside, R_OK) == 0 && ssh_pki_import_cert_file(beside, &certificate) != SSH_OK)
        exit(77);
    /* All that it knows: the server decides. */
    want(SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES,
         certificate != NULL ? "ssh-ed25519-cert-v01@openssh.com,"
                               "ecdsa-sha2-nistp256-cert-v01@openssh.com,"
                               "ecdsa-sha2-nistp384-cert-v01@openssh.com,"
                               "ecdsa-sha2-nistp521-cert-v01@openssh.com,"
                               "rsa-sha2-512-cert-v01@openssh.com,"
                               "rsa-sha2-256-cert-v01@openssh.com,ssh-rsa-cert-v01@openssh.com" :
         "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,"
         "rsa-sha2-256,ssh-rsa");
    want(SSH_OPTIONS_KEY_EXCHANGE, argv[5]);
    want(SSH_OPTIONS_HOSTKEYS, argv[6]);
    want(SSH_OPTIONS_CIPHERS_C_S, argv[7]);
    want(SSH_OPTIONS_CIPHERS_S_C, argv[7]);
    want(SSH_OPTIONS_HMAC_C_S, argv[8]);
    want(SSH_OPTIONS_HMAC_S_C, argv[8]);
    want(SSH_OPTIONS_COMPRESSION_C_S, argv[9]);
    want(SSH_OPTIONS_COMPRESSION_S_C, argv[9]);
    if (ssh_connect(session) != SSH_OK) fail("connect");

    ssh_key key = NULL;
    if (ssh_pki_import_privkey_file(argv[4], NULL, NULL, NULL, &key) != SSH_OK) exit(77);
    if (certificate != NULL && ssh_pki_copy_cert_to_privkey(certificate, key) != SSH_OK) exit(77);
    if (ssh_userauth_publickey(session, NULL, key) != SSH_AUTH_SUCCESS) fail("login");
    ssh_key_free(key);

    sftp_session sftp = sftp_new(session);
    if (sftp == NULL || sftp_init(sftp) != SSH_OK) fail("sftp");
    put(sftp, argv[10], argv[11]);
    get(sftp, argv[11], argv[12]);
    sftp_free(sftp);
    ssh_disconnect(session);
    ssh_free(session);
    return 0;
}
