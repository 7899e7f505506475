"""A small FTP server that takes uploads, in passive and in active mode (RFC 959, RFC 2428)."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from tests.lab.servers.listener import Talk
from tests.lab.websocket_codec import EndedError

_DATA_WAIT_S = 20
_CALL_BACK_WAIT_S = 6
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class FtpManners:
    """How one FTP server differs from the ordinary."""

    greeting: str = "220 FTP ready"
    login: str = "230 Logged in"
    announced: str = ""
    """The address named in answer to PASV; the server's own when empty."""
    is_patient: bool = False
    """Whether it goes on calling back for longer than any client waits."""


class FtpSession:
    """One control connection with the data listener or the call-back address that holds."""

    def __init__(self, control: socket.socket, manners: FtpManners) -> None:
        self._control = control
        self._manners = manners
        self._address = control.getsockname()[0]
        self._data: socket.socket | None = None
        self._call_back: tuple[str, int] | None = None

    def talk(self) -> None:
        """Greet, then answer commands until QUIT."""
        self._say(self._manners.greeting)
        if not self._manners.greeting.startswith("220"):
            return
        try:
            self._answer()
        finally:
            self._forget()

    def _answer(self) -> None:
        with self._control.makefile("r", encoding="latin-1", newline="\r\n") as lines:
            for line in lines:
                verb, _, word = line.strip().partition(" ")
                if verb.upper() == "QUIT":
                    self._say("221 Goodbye")
                    return
                self._obey(verb.upper(), word)
        raise EndedError

    def _obey(self, verb: str, word: str) -> None:
        simple = {"USER": "331 Password please", "PASS": self._manners.login, "TYPE": "200 Type set", "NOOP": "200 OK"}
        if verb in ("PASV", "EPSV"):
            self._announce(is_extended=verb == "EPSV")
        elif verb == "PORT":
            *address, high, low = word.split(",")
            self._remember(".".join(address), int(high) * 256 + int(low))
        elif verb == "EPRT":
            _, _, address_text, port, _ = word.split(word[0])
            self._remember(address_text, int(port))
        elif verb == "STOR":
            self._receive()
        else:
            self._say(simple.get(verb, "502 Not implemented"))

    def _announce(self, *, is_extended: bool) -> None:
        self._forget()
        self._data = socket.create_server((self._address, 0))
        self._data.settimeout(_DATA_WAIT_S)
        port = self._data.getsockname()[1]
        high, low = divmod(port, 256)
        shown = (self._manners.announced or self._address).replace(".", ",")
        passive = f"227 Entering Passive Mode ({shown},{high},{low})"
        self._say(f"229 Entering Extended Passive Mode (|||{port}|)" if is_extended else passive)

    def _remember(self, address: str, port: int) -> None:
        self._forget()
        self._call_back = (address, port)
        self._say("200 PORT command successful")

    def _receive(self) -> None:
        if self._data is None and self._call_back is None:
            self._say("425 Use PASV first")
            return
        self._say("150 Send it")
        try:
            upload = self._open_data()
        except OSError:
            self._say("425 No data connection")
            return
        finally:
            self._forget()
        with upload:
            while upload.recv(65536):
                pass
        self._say("226 Stored")

    def _open_data(self) -> socket.socket:
        if self._data is not None:
            return self._data.accept()[0]
        if self._manners.is_patient:
            # Where a call gets lost there is no error either; here there is no route, which the kernel says at once.
            time.sleep(_PATIENCE_S)
        return socket.create_connection(self._call_back or ("", 0), _CALL_BACK_WAIT_S, (self._address, 20))

    def _forget(self) -> None:
        self._call_back = None
        if self._data is not None:
            self._data.close()
            self._data = None

    def _say(self, line: str) -> None:
        self._control.sendall(f"{line}\r\n".encode())


def talk_ftp_as(manners: FtpManners) -> Talk:
    """Serve FTP clients in a manner of one's own."""

    def talk(control: socket.socket) -> None:
        FtpSession(control, manners).talk()

    return talk


def talk_ftp(control: socket.socket) -> None:
    """Serve one FTP client to its end."""
    FtpSession(control, FtpManners()).talk()
