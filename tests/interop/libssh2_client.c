/* Sends a file and fetches it back by SFTP with libssh2, with the algorithms that are asked for.
 * Exit status: 0 done, 1 failed, 77 the library does not know an algorithm. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <libssh2.h>
#include <libssh2_sftp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { chunk = 256 * 1024 };

static LIBSSH2_SESSION* session;

static void fail(const char* what) {
    char* text = NULL;
    libssh2_session_last_error(session, &text, NULL, 0);
    fprintf(stderr, "%s: %s\n", what, text != NULL ? text : "");
    exit(1);
}

/* "-" leaves the library's own choice. */
static void want(int method, const char* name) {
    if (strcmp(name, "-") == 0) return;
    if (libssh2_session_method_pref(session, method, name) != 0) exit(77);
}

static void put(LIBSSH2_SFTP* sftp, const char* local, const char* remote) {
    static char data[chunk];
    const int fd = open(local, O_RDONLY);
    if (fd < 0) fail(local);
    LIBSSH2_SFTP_HANDLE* file = libssh2_sftp_open(
        sftp, remote, LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT | LIBSSH2_FXF_TRUNC, 0644);
    if (file == NULL) fail("open to write");
    for (;;) {
        ssize_t left = read(fd, data, sizeof data);
        if (left < 0) fail("read");
        if (left == 0) break;
        for (const char* from = data; left > 0;) {
            const ssize_t n = libssh2_sftp_write(file, from, (size_t)left);
            if (n < 0) fail("write");
            from += n;
            left -= n;
        }
    }
    if (libssh2_sftp_close(file) != 0) fail("close");
    close(fd);
}

static void get(LIBSSH2_SFTP* sftp, const char* remote, const char* local) {
    static char data[chunk];
    const int fd = open(local, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) fail(local);
    LIBSSH2_SFTP_HANDLE* file = libssh2_sftp_open(sftp, remote, LIBSSH2_FXF_READ, 0);
    if (file == NULL) fail("open to read");
    for (;;) {
        const ssize_t n = libssh2_sftp_read(file, data, sizeof data);
        if (n < 0) fail("read");
        if (n == 0) break;
        if (write(fd, data, (size_t)n) != n) fail("write");
    }
    libssh2_sftp_close(file);
    if (close(fd) != 0) fail("close");
}

int main(int argc, char** argv) {
    if (argc != 13) {
        fprintf(stderr,
                "usage: %s host port user key kex hostkey cipher mac compression in remote out\n",
                argv[0]);
        return 1;
    }
    if (libssh2_init(0) != 0) return 1;
    session = libssh2_session_init();
    if (session == NULL) return 1;
    want(LIBSSH2_METHOD_KEX, argv[5]);
    want(LIBSSH2_METHOD_HOSTKEY, argv[6]);
    want(LIBSSH2_METHOD_CRYPT_CS, argv[7]);
    want(LIBSSH2_METHOD_CRYPT_SC, argv[7]);
    want(LIBSSH2_METHOD_MAC_CS, argv[8]);
    want(LIBSSH2_METHOD_MAC_SC, argv[8]);
    if (strcmp(argv[9], "-") != 0 && strcmp(argv[9], "none") != 0)
        libssh2_session_flag(session, LIBSSH2_FLAG_COMPRESS, 1);
    want(LIBSSH2_METHOD_COMP_CS, argv[9]);
    want(LIBSSH2_METHOD_COMP_SC, argv[9]);

    const int connection = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &address.sin_addr);
    if (connect(connection, (struct sockaddr*)&address, sizeof address) != 0) {
        perror("connect");
        return 1;
    }
    if (libssh2_session_handshake(session, connection) != 0) fail("handshake");
    if (libssh2_userauth_publickey_fromfile(session, argv[3], NULL, argv[4], NULL) != 0)
        fail("login");
    LIBSSH2_SFTP* sftp = libssh2_sftp_init(session);
    if (sftp == NULL) fail("sftp");
    put(sftp, argv[10], argv[11]);
    get(sftp, argv[11], argv[12]);
    libssh2_sftp_shutdown(sftp);
    libssh2_session_disconnect(session, "done");
    libssh2_session_free(session);
    close(connection);
    libssh2_exit();
    return 0;
}
