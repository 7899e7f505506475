"""Other people's servers as helpers of a scenario: their command lines and configurations.

``{folder}`` stands for the folder of the run. What a helper needs installed is in ``PACKAGES``.
"""

from __future__ import annotations

import shutil

from tests.lab.scenario import Event, Helper, Scenario

PACKAGES = {
    "nginx": "nginx-light",
    "squid": "squid-openssl",
    "haproxy": "haproxy",
    "tinyproxy": "tinyproxy-bin",
    "pure-ftpd": "pure-ftpd",
    "curl": "curl",
    "lftp": "lftp",
    "psql": "postgresql",
    "gnutls-cli": "gnutls-bin",
    "iptables": "iptables",
    "unbound": "unbound",
    "chronyd": "chrony",
    "openssl": "openssl",
    "sysctl": "procps",
    "dhclient": "isc-dhcp-client",
    "dhcpcd": "dhcpcd-base",
    "faketime": "faketime",
}
"""Debian package by program; that of psql brings the server of PostgreSQL, which lies outside the path."""

INTERNET, FIREWALL = "inet", "fw"
PROXY_PORT = 3128

OWN_DOORS = ("tls", "plain", "nobody", "library", "cut")
"""What a NEXUS serves on 9001 without nginx, by its setting ``serves``."""

_CLIENTS = {"curl": "curl", "lftp": "lftp", "gnutls": "gnutls-cli"}
"""Programs by the box's setting ``client``."""

PASS_UPGRADE = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"


def missing_for(scenario: Scenario) -> list[str]:
    """Name the programs, with their packages, that a scenario runs and this machine lacks."""
    lines = [*(helper.words for helper in scenario.helpers), *(event.words for event in scenario.events)]
    said = {word for words in lines for word in " ".join(words).split()}
    wanted = {name for name in PACKAGES if name in said}
    for box in scenario.boxes:
        wanted |= {_CLIENTS[client] for client in (box.settings.get("client"),) if client in _CLIENTS}
        wanted |= {box.settings["dhcp"]} & set(PACKAGES) if "dhcp" in box.settings else set()
        wanted |= {"faketime"} if box.clock_shift else set()
        wanted |= {"squid"} if box.program == "proxy" else set()
        wanted |= {"psql"} if "database" in box.settings else set()
        wanted |= {"nginx"} if box.settings.get("serves", "tls") not in OWN_DOORS else set()
    return [f"{name} (package {PACKAGES[name]})" for name in sorted(wanted) if not shutil.which(name)]


def nginx_config(listen: str, location: str, *, certificate: str = "") -> str:
    """Give a whole configuration of nginx with one server; inside TLS with a certificate."""
    safety = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};" if certificate else ""
    return f"""daemon off; worker_processes 1; pid {{folder}}/nginx-{listen.replace(":", "-")}.pid; user root;
error_log stderr warn;
events {{{{ worker_connections 64; }}}}
http {{{{
  access_log off; client_body_temp_path {{folder}}/ng1; proxy_temp_path {{folder}}/ng2;
  fastcgi_temp_path {{folder}}/ng3; uwsgi_temp_path {{folder}}/ng4; scgi_temp_path {{folder}}/ng5;
  server {{{{ listen {listen}{" ssl" if certificate else ""}; {safety} location / {{{{ {location} }}}} }}}}
}}}}
""".replace("{{", "{").replace("}}", "}")


def nginx(place: str, listen: str, location: str, *, certificate: str = "") -> Helper:
    """Run nginx with one server at ``address:port``; ``location`` holds its directives."""
    name = f"nginx-{listen.replace(':', '-')}"
    words = ("nginx", "-e", "stderr", "-c", f"{{folder}}/{name}.conf")
    return Helper(place, name, words, nginx_config(listen, location, certificate=certificate))


def squid(*rules: str, port: str = f"{PROXY_PORT}") -> Helper:
    """Run squid on the firewall with these lines of rules; ``port`` is its own ``http_port``.

    What it makes lies in ``{folder}/squid``, which belongs to it.
    """
    lines = (
        f"http_port {port}",
        *rules,
        "visible_hostname gate.office.example",
        "pid_filename none",
        "pinger_enable off",
        "cache_log {folder}/squid/log",
        "access_log none",
        "cache deny all",
        "dns_nameservers 8.8.8.8",
        "shutdown_lifetime 0 seconds",
        "cache_effective_user proxy",
    )
    # Its shared memory goes by the service's name, and several labs may run on one machine.
    script = (
        "mkdir {folder}/squid; chown proxy {folder}/squid; chmod 711 {folder}; chmod 644 {folder}/*.pem;"
        " runuser -u proxy -- /usr/lib/squid/security_file_certgen -c -s {folder}/squid/made -M 4MB;"
        " exec squid -N -n lab$$ -f {folder}/squid.conf"
    )
    return Helper(FIREWALL, "squid", ("sh", "-c", script), "\n".join(lines) + "\n")


def haproxy(place: str, *sections: str) -> Helper:
    """Run haproxy with these frontends and backends."""
    head = "global\n  maxconn 64\ndefaults\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
    return Helper(
        place, "haproxy", ("haproxy", "-db", "-f", "{folder}/haproxy.conf"), head + "\n".join(sections) + "\n"
    )


def pure_ftpd(address: str, *options: str, password: str = "lab-only") -> Helper:
    """Run pure-ftpd with one account at an address of the internet."""
    script = (
        "mkdir -p {folder}/ftp; chmod 777 {folder}/ftp; chmod 711 {folder};"
        f" printf '{password}\\n{password}\\n' | pure-pw useradd sma -f {{folder}}/accounts -F {{folder}}/accounts.pdb"
        " -m -u 65534 -g 65534 -d {folder}/ftp;"
        f" exec pure-ftpd -l puredb:{{folder}}/accounts.pdb -S {address},21 -A -H -u 1 -c 8 -C 8 {' '.join(options)}"
    )
    return Helper(INTERNET, "pure-ftpd", ("sh", "-c", script))


def postgres(address: str, *options: str, certificate: str = "db-01.connect.key2act.io.pem") -> Helper:
    """Run PostgreSQL itself on a fresh cluster at an address of the internet, with a database for the agent."""
    script = (
        f"chmod 711 {{folder}}; mkdir {{folder}}/pg; cp {{folder}}/{certificate} {{folder}}/pg/server.pem;"
        " chown -R postgres {folder}/pg; chmod 600 {folder}/pg/server.pem;"
        ' run() { runuser -u postgres -- "$@"; }; bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1);'
        " run $bin/initdb -D {folder}/pg/data -A trust --no-sync >/dev/null;"
        " printf 'host all all 0.0.0.0/0 scram-sha-256\\n' >> {folder}/pg/data/pg_hba.conf;"
        " printf \"create role agent login password 'lab-only';\\ncreate database samples owner agent;\\n\""
        " | run $bin/postgres --single -D {folder}/pg/data postgres >/dev/null;"
        " echo 'create table sample (value numeric); alter table sample owner to agent;'"
        " | run $bin/postgres --single -D {folder}/pg/data samples >/dev/null;"
        f" exec runuser -u postgres -- $bin/postgres -D {{folder}}/pg/data -h {address} -k {{folder}}/pg"
        f" -c fsync=off {' '.join(f'-c {option}' for option in options)}"
    )
    return Helper(INTERNET, "postgres", ("sh", "-c", script))


def turn(*rules: str) -> Event:
    """Let the firewall's address translation send connections elsewhere: nftables rules with redirect or dnat."""
    lines = "; ".join(f"add rule ip turn way {rule}" for rule in rules)
    chain = "add table ip turn; add chain ip turn way { type nat hook prerouting priority -100; }"
    return Event(-1, FIREWALL, ("nft", f"{chain}; {lines}"))


def mark_content(*texts: str, ports: str = "443", only_packets: bool = False) -> tuple[Event, ...]:
    """Let the firewall read content: a connection that carries a text gets the mark 1, for rules with ``ct mark 1``.

    Args:
        only_packets: Mark just the packets with the text (``meta mark 1``), not their connections.
    """
    match = ("iptables", "-t", "mangle", "-A", "PREROUTING", "-p", "tcp", "--dport", ports, "-m", "string")
    ends = ("-j", "MARK" if only_packets else "CONNMARK", "--set-mark", "1")
    return tuple(Event(-1, FIREWALL, (*match, "--algo", "bm", "--string", text, *ends)) for text in texts)


def help_ftp() -> Event:
    """Switch the firewall's FTP helper on, which reads PORT and PASV and opens what they announce."""
    chain = "add chain ip gateway early { type filter hook prerouting priority -150; }"
    rule = 'add rule ip gateway early tcp dport 21 ct helper set "ftp-std"'
    helper = 'add ct helper ip gateway ftp-std { type "ftp" protocol tcp; }'
    return Event(-1, FIREWALL, ("nft", f"add table ip gateway; {helper}; {chain}; {rule}"))
