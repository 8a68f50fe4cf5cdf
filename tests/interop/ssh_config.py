#!/usr/bin/python3
"""Compares what our client makes of ssh_config(5) with `ssh -G`: `ssh_config.py build/dev/sluice`.

Each case is a folder of files and a command line, given to `ssh -G -F file …` and to
`sluice config -F file …`. Every line that either prints is compared, in the order of a keyword's
values. Left out, and nothing else:

- defaults that differ on purpose, unless the case says the keyword: ServerAliveInterval,
  ConnectTimeout, RequiredRSASize, IdentityFile, and the lists of algorithms, which are compared
  where a case names algorithms (not where it changes a default by +, - or ^);
- defaults of Debian's ssh that upstream's has not, likewise: ForwardX11Trusted, and
  ServerAliveInterval under BatchMode;
- the DynamicForward that ssh prints a second time for a LocalForward to a socket's path.

A case that ssh refuses, we must refuse. (We also refuse a list that leaves no algorithm, which
`ssh -G` prints empty and ssh refuses when it connects, and service names as ports. Conditions of
`Match` that are not known do not hold, where ssh refuses the file.)

What `ssh -G` prints is taken as a file, too, by `sluice ssh -F FILE -G`: all that it says is said
again, but for keywords that we do not print. `--root` names a folder with another release's ssh, to
be entered by chroot (tests/debian13), which then is asked in place of this system's. The last line is `N passed, N failed`.
"""

import argparse
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import case_runner  # noqa: E402
from peers import Absent, Failure, check  # noqa: E402

LISTS = {"ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms",
         "hostbasedacceptedalgorithms", "casignaturealgorithms"}
OWN_DEFAULTS = LISTS | {"serveraliveinterval", "connecttimeout", "requiredrsasize", "identityfile",
                        "forwardx11trusted"}
ALIASES = {"pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms", "setuptimeout": "serveraliveinterval",
           "hostbasedkeytypes": "hostbasedacceptedalgorithms", "identityfile2": "identityfile",
           "protocolkeepalives": "serveraliveinterval"}

# Name: (the main file, arguments). Further files of a case are in FILES; {d} is its folder.
CASES = {}
FILES = collections.defaultdict(dict)


def case(name, text, *arguments, **files):
    assert name not in CASES, name
    CASES[name] = (text, arguments or ("h.example",))
    for path, content in files.items():
        FILES[name][path] = content


# --- what a file may say -----------------------------------------------------------------------------

case("empty file", "")
case("comments and blanks", "# one\n\n   # two\n\t\nPort 23 # three\n")
case("keyword = value", "Port=23\nUser = ada\nHostName\t=\tother\n")
case("quotes", 'IdentityFile "/a b/c"\nUser \'x y\'\nHostKeyAlias "a"\'b\'c\n')
case("escapes", 'IdentityFile "/a \\"b\\" \\\\c"\nIdentityFile /a\\ b\nIdentityFile \'/x\\\'y\'\n')
case("hash within a word", "User a#b\nIdentityFile /x#y\nIdentityFile \"/x #y\"\n")
case("CR LF and form feed", "Port 23\r\nUser ada \f\r\n")
case("no end of line", "Port 23\nUser ada")
case("indented", "Host h.example\n\tPort 23\n    User ada\n")
case("quoted keyword", '"Port" 23\n')
case("keywords in any case", "pOrT 23\nUSER ada\nhostNAME x\n")
case("the first value counts", "Port 23\nPort 24\nUser a\nUser b\nCompression yes\nCompression no\n")
case("the command line counts before", "Port 23\nUser a\n", "-p", "99", "h.example")
case("user of the host argument", "User a\n", "eve@h.example")
case("-l", "User a\n", "-l", "eve", "h.example")
case("-o", "Port 23\nCiphers aes256-ctr\n", "-o", "Port=99", "-o", "Ciphers aes128-ctr",
     "-o", "SendEnv A B", "h.example")
case("-i adds up", "IdentityFile /two\nIdentityFile /three\n", "-i", "{d}/key", "h.example", key="")
case("-J", "ProxyJump other\n", "-J", "a,b@c:22", "h.example")

# --- Host ----------------------------------------------------------------------------------------------

case("Host", "Host a.example\nPort 1\nHost h.example\nPort 2\nHost *\nPort 3\n")
case("Host patterns", "Host x* h.exampl?\nPort 2\nHost *.example\nUser a\nHost h\nUser b\n")
case("Host negated", "Host * !h.*\nPort 2\nHost !x *\nUser u\n")
case("Host negated only", "Host !x\nPort 2\n")
case("Host negation wins later", "Host h.example !*.example\nPort 2\n")
case("Host goes by what was typed", "HostName other\nHost other\nPort 2\nHost h.example\nUser u\n")
case("Host minds capitals", "Host H.EXAMPLE\nPort 2\n", "h.example")
case("a name in capitals", "Host h.example\nPort 2\nHost H.Example\nPort 3\n", "H.Example")
case("Host quoted", 'Host "h.example" "x y"\nPort 2\n')
case("lines that do not count are checked", "Host other\nPort 0\n")
case("unknown where nothing counts", "Host other\nFrobnicate 1\n")

# --- Match ---------------------------------------------------------------------------------------------

case("Match all", "Match all\nPort 2\n")
case("Match host", "Match host h.*,x\nPort 2\nMatch host x\nUser u\n")
case("Match host ignores case", "Match host H.EXAMPLE\nPort 2\n")
case("Match host after HostName", "HostName real.%h\nMatch host real.*\nPort 2\n"
     "Match host h.example\nUser u\n")
case("Match originalhost", "HostName real\nMatch originalhost h.example\nPort 2\n")
case("Match user", "User ada\nMatch user ada\nPort 2\nMatch user root\nCompression yes\n")
case("Match user of the argument", "Match user eve\nPort 2\n", "eve@h.example")
case("Match localuser", "Match localuser *\nPort 2\nMatch localuser !*\nUser u\n")
case("Match negated", "Match !host x\nPort 2\nMatch !host h.example\nUser u\n")
case("Match negated list", "Match host *,!h.example\nPort 2\n")
case("Match several", "Match host h.example user *\nPort 2\nMatch host h.example user nobody\nUser u\n")
case("Match with quotes and =", 'Match host="h.example"\nPort 2\nMatch "host" h.example\nUser u\n')
case("Match and a comment", "Match host h.example # why\nPort 2\nMatch all # why\nUser u\n")
case("Match exec", "Match exec true\nPort 2\nMatch exec false\nUser u\nMatch !exec \"exit 3\"\n"
     "Compression yes\n")
case("Match exec tokens", "Match exec \"test %h-%n-%p-%r = real-h.example-44-u\"\nCompression yes\n"
     "HostName real\nPort 44\nUser u\n"
     "Match exec \"test %h-%n-%p-%r = real-h.example-44-u\"\nBatchMode no\nConnectionAttempts 7\n")
case("Match exec where the rest does not hold", "Match host x exec \"touch {d}/ran\"\nPort 2\n"
     "Match exec \"test -e {d}/ran\"\nUser u\n")
case("Match final", "Match final\nPort 2\nMatch !final\nUser u\n")
case("Match final reads twice", "SendEnv A\nIdentityFile /x\nLocalForward 1 a:1\nSetEnv A=1\n"
     "CertificateFile /c\nMatch final host h.example\nPort 2\n")
case("Match canonical", "Match canonical\nPort 2\nMatch !canonical\nUser u\n")
case("Match canonical and final", "Match final\nUser u\nMatch canonical\nPort 2\n")
case("Match final all", "Match final all\nPort 2\n")
case("Match canonical all", "Match canonical all\nPort 2\n")
case("Match final sees HostName", "Host h.example\nHostName real.example\nMatch final host real.*\n"
     "Port 2\nHost real.example\nUser u\n")
case("Match ends a Host", "Host x\nPort 2\nMatch all\nUser u\nHost h.example\nPort 3\n")
for number, line in enumerate(["", "host", "all host x", "host x user y all z", "final final all",
                               "exec", "host # x", "user", "!all host x", "exec \"x %Z\""]):
    case(f"Match is refused {number}", f"Match {line}\nPort 2\n")

# --- Include --------------------------------------------------------------------------------------------

case("Include", "Include {d}/one\nPort 3\n", one="Port 2\n")
case("Include within Host", "Host h.example\nInclude {d}/one\nHost x\nInclude {d}/two\nHost *\nPort 3\n",
     one="User u\n", two="Port 2\nHost *\nPort 5\n")
case("Include leaves the block", "Host h.example\nInclude {d}/one\nPort 3\n", one="Host x\nUser u\n")
case("Include globs", "Include {d}/*.conf {d}/none*\n", **{"a.conf": "Port 2\n", "b.conf": "Port 3\nUser u\n"})
case("Include of nothing", "Include {d}/not-there\nPort 2\n")
case("Include nested", "Include {d}/one\n", one="Include {d}/two\nUser u\n", two="Port 2\n")
case("Include without end", "Include {d}/main\n", main="Include {d}/main\n")
case("Include without end, active nowhere", "Host x\nInclude {d}/main\n", main="Include {d}/main\n")
case("Include with an error", "Include {d}/one\n", one="\nPort x\n")
case("Include and Match final", "Include {d}/one\n", one="Match final\nPort 2\n")
case("Include quoted", 'Include "{d}/a b"\n', **{"a b": "Port 2\n"})
case("Include of what others may write", "Include {d}/open\n", open="Port 2\n")

# --- unknown, former -----------------------------------------------------------------------------------

case("unknown", "Frobnicate yes\n")
case("IgnoreUnknown", "IgnoreUnknown Frob*,x\nFrobnicate yes\nX y z\n")
case("IgnoreUnknown in lower case", "IgnoreUnknown frob*\nFrobnicate yes\n")
case("IgnoreUnknown too late", "Frobnicate yes\nIgnoreUnknown frob*\n")
case("IgnoreUnknown negated", "IgnoreUnknown *,!frob*\nFrobnicate yes\n")
case("former keywords", "Protocol 2\nCipher 3des\nUsePrivilegedPort no\nRSAAuthentication yes\n"
     "CompressionLevel 6\nRhostsRSAAuthentication no\nUseRoaming no\n")
case("former names", "ChallengeResponseAuthentication no\nDSAAuthentication no\nKeepAlive no\n"
     "PubkeyAcceptedKeyTypes ssh-ed25519\nIdentityFile2 /x\nSmartcardDevice /lib\n")
case("no argument", "Port\n")
case("no argument but a comment", "Port # x\n")
case("empty argument", 'User ""\n')
case("too many arguments", "Port 22 23\n")
case("a quote that does not end", 'User "ada\n')

# --- kinds of values --------------------------------------------------------------------------------------

FLAGS = ["BatchMode", "CanonicalizeFallbackLocal", "CheckHostIP", "EnableSSHKeysign",
         "ClearAllForwardings", "ExitOnForwardFailure", "ForwardX11", "ForwardX11Trusted",
         "GatewayPorts", "GSSAPIAuthentication", "GSSAPIKeyExchange", "GSSAPIDelegateCredentials",
         "GSSAPITrustDns", "GSSAPIRenewalForcesRekey", "HashKnownHosts", "HostbasedAuthentication",
         "IdentitiesOnly", "KbdInteractiveAuthentication", "NoHostAuthenticationForLocalhost",
         "PasswordAuthentication", "PermitLocalCommand", "StdinNull", "StreamLocalBindUnlink",
         "TCPKeepAlive", "VisualHostKey", "EnableEscapeCommandline"]
for word in ("yes", "no", "true", "FALSE"):
    case(f"flags {word}", "".join(f"{name} {word}\n" for name in FLAGS))
for name in FLAGS[:3]:
    case(f"{name} maybe", f"{name} maybe\n")
CHOICES = {
    "AddressFamily": ("any", "inet", "INET6", "4"), "Compression": ("yes", "no", "true"),
    "ControlMaster": ("yes", "no", "auto", "ask", "autoask", "x"),
    "CanonicalizeHostname": ("no", "false", "x"), "FingerprintHash": ("md5", "SHA256", "sha1"),
    "PubkeyAuthentication": ("yes", "no", "unbound", "host-bound", "x"),
    "RequestTTY": ("yes", "no", "force", "auto", "x"),
    "SessionType": ("none", "subsystem", "default", "x"),
    "StrictHostKeyChecking": ("yes", "no", "off", "ask", "accept-new", "x"),
    "Tunnel": ("yes", "no", "ethernet", "point-to-point", "x"),
    "VerifyHostKeyDNS": ("yes", "no", "ask", "x"), "UpdateHostKeys": ("yes", "no", "x"),
    "LogLevel": ("quiet", "FATAL", "error", "info", "verbose", "debug", "DEBUG1", "debug2", "debug3",
                 "loud"),
    "SyslogFacility": ("daemon", "USER", "auth", "local3", "LOCAL8"),
    "AddKeysToAgent": ("yes", "no", "ask", "confirm", "confirm 5m", "1h", "yes 5m", "x"),
    "ControlPersist": ("yes", "no", "0", "90", "1h30m", "x"),
    "ForwardAgent": ("yes", "no", "/path", "~/x-%h", "$NOT-A-NAME"),
    "EscapeChar": ("none", "^A", "~", "ab", "\\\\"),
    "IPQoS": ("af21", "af21 cs1", "0x10", "lowdelay none", "le", "255", "256", "x"),
    "RekeyLimit": ("default", "1G", "1.5M 1h", "100K none", "512k 90", "8", "x", "default 1d"),
    "StreamLocalBindMask": ("0077", "7", "1000", "x"),
    "TunnelDevice": ("any", "1", "1:2", "any:3", "x"),
    "PermitRemoteOpen": ("any", "none", "a:1 [::1]:2", "*:*", "a"),
    "Port": ("1", "65535", "0", "65536", "-1", "2x"),
    "ConnectionAttempts": ("1", "9", "0", "x"), "NumberOfPasswordPrompts": ("0", "5", "-1"),
    "ServerAliveCountMax": ("0", "7", "x"), "CanonicalizeMaxDots": ("0", "3", "x"),
    "ServerAliveInterval": ("0", "90", "2m", "none", "2y"),
    "ConnectTimeout": ("none", "7", "1m30s", "x"), "ForwardX11Timeout": ("0", "1h", "x"),
    "RequiredRSASize": ("2048", "4096", "x"),
    "HostKeyAlias": ("Alias.Example",), "BindAddress": ("127.0.0.1",), "BindInterface": ("lo",),
    "PreferredAuthentications": ("publickey,password",), "KbdInteractiveDevices": ("pam,bsdauth",),
    "PKCS11Provider": ("/lib/x", "none"), "SecurityKeyProvider": ("/lib/y", "none"),
    "XAuthLocation": ("/bin/xauth",), "RevokedHostKeys": ("~/revoked", "none"),
    "GSSAPIClientIdentity": ("me",), "GSSAPIServerIdentity": ("them",),
    "IdentityAgent": ("none", "SSH_AUTH_SOCK", "~/agent-%u", "/x/${HOME}", "$SOME_NAME",
                      "${NOT_SET_HERE}", "$not-a-name", "/x/%%y"),
    "ControlPath": ("none", "~/c-%r@%h:%p", "/tmp/%C", "/tmp/%%-%L-%l-%i-%k-%n-%u-%d", "/tmp/%Z"),
    "SendEnv": ("A", "LANG LC_*", "A=b"), "SetEnv": ("A=1", "A=1 B=\"x y\" A=2", "A"),
    "IdentityFile": ("~/.ssh/%h_key", "none", '"/a b"'), "CertificateFile": ("~/c",),
    "CanonicalDomains": ("none", "a.example b.example", "none a", "a..b", "-x"),
    "CanonicalizePermittedCNAMEs": ("none", "*.A:*.b x:y", "none a:b", "a"),
    "ProxyJump": ("a", "u@a:22", "a,b", "ssh://u@a:33", "ssh://a", "[::1]:44", "::1", "none", "a,",
                  "u@", "a:0", "127.0.0.1", "ssh://a/x"),
    "ProxyCommand": ("nc %h %p", "none", "=x", "a 'b c' # d"),
    "RemoteCommand": ("echo %h \"%p\"  x", "none", "%T"), "LocalCommand": ("echo %h", "none"),
    "KnownHostsCommand": ("/bin/x %H", "none"),
    "LocalForward": ("8080 a:80", "127.0.0.1:8080 a:80", "[::1]:8080 [::2]:80", "/s a:80", "*:1 a:1",
                     "8080 /t", "8080", "8080 a", "x a:80", "70000 a:80", "8080 a:0"),
    "RemoteForward": ("8080 a:80", "0 a:80", "8080", "/s /t", "*:1 a:1", "/s", "x"),
    "DynamicForward": ("1080", "[::1]:1080", "localhost:1080", "x", "1 a:1"),
    "UserKnownHostsFile": ("/a", "/a ~/b", "none", "none /a", "~/k-%h-%k", "/x/${HOME}"),
    "GlobalKnownHostsFile": ("/a", "/a ~/b", "none", "none /a"),
    "Ciphers": ("aes256-ctr", "aes128-cbc,aes256-gcm@openssh.com", "aes256-ctr,aes256-ctr", "rot13"),
    "MACs": ("hmac-sha2-256", "umac-64@openssh.com,hmac-md5", "x"),
    "KexAlgorithms": ("curve25519-sha256", "ecdh-sha2-nistp256,diffie-hellman-group14-sha1", "x"),
    "HostKeyAlgorithms": ("ssh-ed25519", "ssh-rsa,ssh-dss", "rsa-sha2-512-cert-v01@openssh.com", "x"),
    "PubkeyAcceptedAlgorithms": ("ssh-ed25519,rsa-sha2-512", "x"),
    "HostbasedAcceptedAlgorithms": ("ssh-ed25519",), "CASignatureAlgorithms": ("ssh-ed25519",),
    "ProxyUseFdpass": ("no",), "ForkAfterAuthentication": ("no",),
}
for keyword, values in CHOICES.items():
    for value in values:
        case(f"{keyword} {value}", f"{keyword} {value}\n")

# --- what goes together --------------------------------------------------------------------------------------

case("SendEnv takes back", "SendEnv A B LC_*\nSendEnv -LC_* -B C\n")
case("SendEnv adds up", "SendEnv A\nSendEnv B A\n")
case("SetEnv does not add up", "SetEnv A=1\nSetEnv B=2\n")
case("IdentityFile adds up", "IdentityFile a\nIdentityFile b\nIdentityFile a\n")
case("forwards add up", "LocalForward 1 a:1\nLocalForward 2 b:2\nLocalForward 1 a:1\nRemoteForward 3 c:3\n"
     "DynamicForward 4\nDynamicForward 5\n")
case("known hosts do not add up", "UserKnownHostsFile /a\nUserKnownHostsFile /b\n")
case("ProxyCommand, then ProxyJump", "ProxyCommand nc %h %p\nProxyJump a\n")
case("ProxyJump, then ProxyCommand", "ProxyJump a\nProxyCommand nc %h %p\n")
case("ProxyJump none, then ProxyCommand", "ProxyJump none\nProxyCommand nc %h %p\n")
case("ProxyCommand none, then ProxyJump", "ProxyCommand none\nProxyJump a\n")
case("HostName with tokens", "HostName %h.internal%%x\n")
case("HostName with a token of others", "HostName %p\n")
case("HostName in capitals", "HostName REAL.Example\n")
case("tokens after HostName", "HostName real\nControlPath /c/%h-%n-%k\nUserKnownHostsFile /k/%h\n")
case("HostKeyAlias in tokens", "HostKeyAlias Al\nUserKnownHostsFile /k/%k\nControlPath /c/%k\n")
case("user and port in tokens", "User u\nPort 44\nControlPath /c/%r-%p-%C\n")
case("UpdateHostKeys with own known hosts", "UserKnownHostsFile /a\n")
case("UpdateHostKeys with VerifyHostKeyDNS", "VerifyHostKeyDNS yes\n")
case("PATH of another's home", "UserKnownHostsFile ~root/x ~nobody-such/y\n")
case("known hosts of root", "UserKnownHostsFile ~root/x\n")
case("an address", "Host 127.0.0.1\nPort 2\n", "127.0.0.1")
case("an address shortened", "Host 127.1\nPort 2\n", "127.1")
case("an IPv6 address", "Match host ::1\nPort 2\n", "0:0::1")

# --- canonical names: nothing is found here without a network ---------------------------------------------------

case("Canonicalize falls back", "CanonicalizeHostname yes\nCanonicalDomains invalid\nMatch canonical\n"
     "Port 2\nHost nowhere\nUser u\n", "nowhere")
case("Canonicalize does not fall back", "CanonicalizeHostname yes\nCanonicalDomains invalid\n"
     "CanonicalizeFallbackLocal no\n", "nowhere")
case("Canonicalize with too many dots", "CanonicalizeHostname yes\nCanonicalDomains invalid\n"
     "CanonicalizeFallbackLocal no\nMatch final\nPort 2\n", "a.b.c")
case("Canonicalize not by a proxy", "CanonicalizeHostname yes\nCanonicalDomains invalid\nProxyJump a\n"
     "CanonicalizeFallbackLocal no\nMatch canonical\nPort 2\n", "nowhere")
case("Canonicalize always", "CanonicalizeHostname always\nCanonicalDomains invalid\nProxyJump a\n"
     "CanonicalizeFallbackLocal no\n", "nowhere")
case("Canonicalize an address", "CanonicalizeHostname yes\nCanonicalDomains invalid\n"
     "CanonicalizeFallbackLocal no\nMatch canonical host 127.0.0.1\nPort 2\n", "127.1")
case("Canonicalize sees capitals", "CanonicalizeHostname yes\nHost nowhere\nPort 2\nHost NoWhere\nUser u\n",
     "NoWhere")


# --- comparing --------------------------------------------------------------------------------------------------

def lines_of(text):
    lines = collections.defaultdict(list)
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        lines[keyword.lower()].append(value)
    return lines


def said_by(texts):
    """The keywords that a case mentions, and whether by + - or ^."""
    said = {}
    for text in texts:
        for line in re.split(r"[\n]", text):
            if found := re.match(r'\s*"?([A-Za-z0-9]+)"?[\s=]+"?([+^-]?)', line):
                name = found[1].lower()
                said.setdefault(ALIASES.get(name, name), found[2])
    return said


def compare(ours, theirs, said):
    differ = []
    for keyword in sorted(set(ours) | set(theirs)):
        left_out = keyword in OWN_DEFAULTS and (said.get(keyword) is None or
                                                (keyword in LISTS and said[keyword] != ""))
        if left_out:
            continue
        want, have = theirs.get(keyword, []), ours.get(keyword, [])
        if keyword == "dynamicforward":
            again = [f.split()[0] for f in theirs.get("localforward", []) if f.split()[1][0] == "/"]
            want = [f for f in want if f not in again or f in have]
        if want != have:
            differ.append(f"{keyword}: ssh has {want}, we {have}")
    return differ


def run_case(name, program, folder):
    text, arguments = CASES[name]
    place = folder / re.sub(r"[^a-z0-9]+", "-", name.lower()) / str(abs(hash(name)) % 10000)
    place.mkdir(parents=True)

    arguments = [a.replace("{d}", str(place)) for a in arguments]

    def write(path, content):
        content = content.replace("{d}", str(place))
        (place / path).write_bytes(content.encode())
        (place / path).chmod(0o666 if path == "open" else 0o600)
        return content

    texts = [write("config", text)] + [write(p, c) for p, c in FILES[name].items()]
    environment = {"HOME": os.environ.get("HOME", "/"), "PATH": os.environ["PATH"], "LC_ALL": "C"}

    def ask(command):
        (place / "ran").unlink(missing_ok=True)
        return subprocess.run([*command, "-F", str(place / "config"), *arguments], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, env=environment,
                              timeout=60, errors="replace")

    theirs, ours = ask(["ssh", "-G"]), ask([program, "config"])
    refused = theirs.returncode != 0
    check(ours.returncode in (0, 255), f"we exit with {ours.returncode}: {ours.stderr[-200:]}")
    check(refused == (ours.returncode != 0),
          f"ssh exits with {theirs.returncode} ({theirs.stderr.strip()[-200:]}), "
          f"we with {ours.returncode} ({ours.stderr.strip()[-200:]})")
    if refused:
        check(ours.stderr.startswith("sluice: "), f"we said {ours.stderr[:200]}")
        return
    said = said_by([*texts, *[a for a in arguments if "=" in a or " " in a]])
    if "-i" in arguments:
        said["identityfile"] = ""
    differ = compare(lines_of(ours.stdout), lines_of(theirs.stdout), said)
    check(not differ, "; ".join(differ))


# What is printed is a file; each of these is read as it was printed.
PRINTED = {
    "nothing said": "",
    "much said": "User u\nPort 99\nHostName other.example\nCiphers aes256-ctr\nMACs hmac-sha2-256\n"
    "KexAlgorithms curve25519-sha256\nHostKeyAlgorithms ssh-ed25519,rsa-sha2-512\nCompression yes\n"
    "LocalForward 8080 a:80\nLocalForward [::1]:8081 [::2]:80\nDynamicForward 1080\n"
    "RemoteForward 9090 b:90\nSendEnv A LC_*\nSetEnv B=1\nIPQoS af21 cs1\nRekeyLimit 1G 1h\n"
    "IdentityFile ~/one\nIdentityFile ~/two\nCertificateFile ~/c\nIdentitiesOnly yes\n"
    "ControlMaster auto\nControlPersist 60\nAddKeysToAgent 1h\nForwardAgent yes\nLogLevel VERBOSE\n"
    "StrictHostKeyChecking accept-new\nUpdateHostKeys ask\nVerifyHostKeyDNS ask\nTunnel ethernet\n"
    "CanonicalizeHostname no\nCanonicalDomains a b\n"
    "PubkeyAuthentication host-bound\nRequestTTY force\nServerAliveInterval 7\nConnectTimeout 9\n"
    "UserKnownHostsFile /a /b\nGlobalKnownHostsFile none\nEscapeChar none\nRequiredRSASize 3072\n",
    "jumps": "ProxyJump u@a:22,b\n", "command": "ProxyCommand nc %h %p\nRemoteCommand ls\n",
    # Since OpenSSH 9.5; what it prints of interval:50 is not what it reads.
    "newer keywords": "Tag x\nObscureKeystrokeTiming no\nChannelTimeout session=5m *=1h\n"
    "VersionAddendum a b\nMatch tagged x sessiontype shell\nUser tagged\n"
    "Match command ls\nPort 9\n",
}


def run_printed(name, program, root, folder):
    text = PRINTED[name]
    inside = pathlib.Path("/tmp") / f"sluice-{os.getpid()}" if root else folder / "printed"
    outside = pathlib.Path(f"{root or ''}{inside}")
    outside.mkdir(exist_ok=True)
    try:
        (outside / "config").write_text(text)
        (outside / "config").chmod(0o600)
        argv = ["ssh", "-G", "-F", str(inside / "config"), "h.example"]
        if root:
            argv = ["chroot", root, "env", "-i", "HOME=/root", "PATH=/usr/bin:/bin", *argv]
        theirs = subprocess.run(argv, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=60)
        if theirs.returncode != 0 and name == "newer keywords":
            raise Absent("this release does not have them")
        check(theirs.returncode == 0, f"ssh -G: {theirs.stderr.strip()[-200:]}")
        taken = folder / "taken"
        taken.write_text(theirs.stdout)
        taken.chmod(0o600)
        ours = subprocess.run([program, "ssh", "-F", str(taken), "-G", "h.example"], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        check(ours.returncode == 0, f"we exit with {ours.returncode}: {ours.stderr.strip()[-200:]}")
        want, have = lines_of(theirs.stdout), lines_of(ours.stdout)
        differ = [f"{keyword}: ssh has {want[keyword]}, we {have.get(keyword)}"
                  for keyword in sorted(want) if want[keyword] != have.get(keyword)]
        check(not differ, "; ".join(differ))
    finally:
        shutil.rmtree(outside)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="our client")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name fits")
    parser.add_argument("--root", default="", metavar="FOLDER", help="where another ssh is")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    if shutil.which("ssh") is None:
        raise Failure("openssh-client is not installed")
    folder = tempfile.mkdtemp(prefix="interop-")
    try:
        place = pathlib.Path(folder)
        cases = [(f"printed: {name}", lambda n=name: run_printed(n, program, options.root, place))
                 for name in PRINTED]
        if not options.root:
            cases += [(name, lambda n=name: run_case(n, program, place)) for name in CASES]
        passed, failed = case_runner.run_all(cases, 60, options.only)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
