"""What listens on port 9001 of a NEXUS: our own websocket server, a library's, or nginx with a configuration."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from websockets.sync.server import ServerConnection, serve

from tests.lab.address_book import NEXUS_NAME
from tests.lab.devices.host import Host
from tests.lab.servers import odd, programs, streams
from tests.lab.servers.certificates import TlsDoor
from tests.lab.servers.listener import listen_tcp

NEXUS_PORT = 9001
_BACKEND_PORT = 19001
_EVERYWHERE = "0.0.0.0"

BEHAVIOURS: dict[str, str] = {
    "403": "return 403;",
    "426": "add_header Upgrade websocket always; add_header Sec-WebSocket-Version 13 always; return 426;",
    "502": f"proxy_pass http://127.0.0.1:{_BACKEND_PORT + 1};",
    "stripped": f"proxy_pass http://127.0.0.1:{_BACKEND_PORT};",
    "passed": f"proxy_pass http://127.0.0.1:{_BACKEND_PORT}; {programs.PASS_UPGRADE}",
    "idle": f"proxy_pass http://127.0.0.1:{_BACKEND_PORT}; {programs.PASS_UPGRADE} proxy_read_timeout 6s;",
}
"""nginx in front of the websocket server: the inside of its ``location`` by the name of the setting ``serves``.

Each exists inside TLS as well, as ``tls-<name>``.
"""


def open_door(host: Host) -> None:
    """Open port 9001 as the box's settings say."""
    kind = host.settings.get("serves", "tls")
    door = TlsDoor(Path(host.settings["certificates"]), NEXUS_NAME)
    if kind == "nobody":
        return
    if kind == "library":
        threading.Thread(target=_serve_by_library, daemon=True).start()
    elif kind == "cut":
        listen_tcp(_EVERYWHERE, NEXUS_PORT, odd.break_websockets_after(6))
    elif kind == "plain":
        listen_tcp(_EVERYWHERE, NEXUS_PORT, streams.talk_http)
    elif kind == "tls":
        listen_tcp(_EVERYWHERE, NEXUS_PORT, streams.behind_tls(door, streams.talk_http))
    else:
        _start_nginx(host, kind)


def _start_nginx(host: Host, kind: str) -> None:
    """Put nginx before a websocket server on the loopback."""
    listen_tcp("127.0.0.1", _BACKEND_PORT, streams.talk_http)
    folder = Path(host.settings["certificates"])
    is_safe = kind.startswith("tls-")
    certificate = str(folder / f"{NEXUS_NAME}.pem") if is_safe else ""
    config = programs.nginx_config(f"{NEXUS_PORT}", BEHAVIOURS[kind.removeprefix("tls-")], certificate=certificate)
    path = folder / f"nexus-{host.settings['mac'].replace(':', '')}.conf"
    path.write_text(config.replace("{folder}", str(folder)))
    subprocess.Popen(["nginx", "-e", "stderr", "-c", str(path)])


def _serve_by_library() -> None:
    with serve(_acknowledge, _EVERYWHERE, NEXUS_PORT, ping_interval=None) as server:
        server.serve_forever()


def _acknowledge(connection: ServerConnection) -> None:
    for _ in connection:
        connection.send('{"ack":true}')
