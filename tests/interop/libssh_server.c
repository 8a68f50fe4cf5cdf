/* A server of libssh for matrix.py: `libssh_server PORT KEX HOSTKEYS CIPHERS MACS USERKEYS KEY...`.
 * Of each list it takes what the library knows. Everybody who has a key comes in; every command is
 * `cat`. It runs until it is ended, a process a connection. */

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int status, ssh_bind server, const char* what) {
    if (status == SSH_OK) return;
    fprintf(stderr, "%s: %s\n", what, ssh_get_error(server));
    exit(1);
}

static void on_login(ssh_message m) {
    if (ssh_message_subtype(m) == SSH_AUTH_METHOD_PUBLICKEY) {
        if (ssh_message_auth_publickey_state(m) == SSH_PUBLICKEY_STATE_NONE) {
            ssh_message_auth_reply_pk_ok_simple(m);
            return;
        }
        if (ssh_message_auth_publickey_state(m) == SSH_PUBLICKEY_STATE_VALID) {
            ssh_message_auth_reply_success(m, 0);
            return;
        }
    }
    ssh_message_auth_set_methods(m, SSH_AUTH_METHOD_PUBLICKEY);
    ssh_message_reply_default(m);
}

static void cat(ssh_channel channel) {
    static char data[32 * 1024];
    for (;;) {
        const int n = ssh_channel_read(channel, data, sizeof data, 0);
        if (n <= 0) break;
        if (ssh_channel_write(channel, data, (uint32_t)n) != n) return;
    }
    ssh_channel_request_send_exit_status(channel, 0);
    ssh_channel_send_eof(channel);
    ssh_channel_close(channel);
}

static void serve(ssh_session session) {
    ssh_channel channel = NULL;
    ssh_message m;
    if (ssh_handle_key_exchange(session) != SSH_OK) {
        fprintf(stderr, "key exchange: %s\n", ssh_get_error(session));
        return;
    }
    while ((m = ssh_message_get(session)) != NULL) {
        const int type = ssh_message_type(m);
        if (type == SSH_REQUEST_AUTH) {
            on_login(m);
        } else if (type == SSH_REQUEST_CHANNEL_OPEN && channel == NULL) {
            channel = ssh_message_channel_request_open_reply_accept(m);
        } else if (type == SSH_REQUEST_CHANNEL && ssh_message_subtype(m) == SSH_CHANNEL_REQUEST_EXEC) {
            ssh_message_channel_request_reply_success(m);
            ssh_message_free(m);
            cat(channel);
            continue;
        } else {
            ssh_message_reply_default(m);
        }
        ssh_message_free(m);
    }
}

int main(int argc, char** argv) {
    if (argc < 8) {
        fprintf(stderr, "usage: %s PORT KEX HOSTKEYS CIPHERS MACS USERKEYS KEY...\n", argv[0]);
        return 1;
    }
    const int no = 0;
    ssh_init();
    ssh_bind server = ssh_bind_new();
    ssh_bind_options_set(server, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
    ssh_bind_options_set(server, SSH_BIND_OPTIONS_BINDADDR, "127.0.0.1");
    ssh_bind_options_set(server, SSH_BIND_OPTIONS_BINDPORT_STR, argv[1]);
    const struct {
        enum ssh_bind_options_e what;
        const char* names;
    } lists[] = {{SSH_BIND_OPTIONS_KEY_EXCHANGE, argv[2]},
                 {SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, argv[3]},
                 {SSH_BIND_OPTIONS_CIPHERS_C_S, argv[4]},
                 {SSH_BIND_OPTIONS_CIPHERS_S_C, argv[4]},
                 {SSH_BIND_OPTIONS_HMAC_C_S, argv[5]},
                 {SSH_BIND_OPTIONS_HMAC_S_C, argv[5]},
                 {SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, argv[6]}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; ++i)
        must(ssh_bind_options_set(server, lists[i].what, lists[i].names), server, lists[i].names);
    for (int i = 7; i < argc; ++i)
        must(ssh_bind_options_set(server, SSH_BIND_OPTIONS_HOSTKEY, argv[i]), server, argv[i]);
    must(ssh_bind_listen(server), server, "listen");
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        ssh_session session = ssh_new();
        if (ssh_bind_accept(server, session) != SSH_OK) {
            fprintf(stderr, "accept: %s\n", ssh_get_error(server));
            return 1;
        }
        if (fork() == 0) {
            ssh_bind_free(server);
            serve(session);
            ssh_disconnect(session);
            ssh_free(session);
            _exit(0);
        }
        ssh_disconnect(session); /* ours alone: the child has its own descriptor */
        ssh_free(session);
    }
}
