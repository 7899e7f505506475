"""A small FTP server that takes uploads in passive mode (RFC 959)."""

from __future__ import annotations

import socket

from tests.lab.websocket_codec import EndedError

_DATA_WAIT_S = 20


class FtpSession:
    """One control connection with the data listener that it last announced."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._address = control.getsockname()[0]
        self._data: socket.socket | None = None

    def talk(self) -> None:
        """Greet, then answer commands until QUIT."""
        self._say("220 FTP ready")
        with self._control.makefile("r", encoding="latin-1", newline="\r\n") as lines:
            for line in lines:
                verb, _, _ = line.strip().partition(" ")
                if verb.upper() == "QUIT":
                    self._say("221 Goodbye")
                    return
                self._obey(verb.upper())
        raise EndedError

    def _obey(self, verb: str) -> None:
        simple = {"USER": "331 Password please", "PASS": "230 Logged in", "TYPE": "200 Type set", "NOOP": "200 OK"}
        if verb == "PASV":
            self._announce()
        elif verb == "STOR":
            self._receive()
        else:
            self._say(simple.get(verb, "502 Not implemented"))

    def _announce(self) -> None:
        self._forget()
        self._data = socket.create_server((self._address, 0))
        self._data.settimeout(_DATA_WAIT_S)
        high, low = divmod(self._data.getsockname()[1], 256)
        self._say(f"227 Entering Passive Mode ({self._address.replace('.', ',')},{high},{low})")

    def _receive(self) -> None:
        if self._data is None:
            self._say("425 Use PASV first")
            return
        self._say("150 Send it")
        try:
            upload, _ = self._data.accept()
        except TimeoutError:
            self._say("425 No data connection")
            return
        finally:
            self._forget()
        with upload:
            while upload.recv(65536):
                pass
        self._say("226 Stored")

    def _forget(self) -> None:
        if self._data is not None:
            self._data.close()
            self._data = None

    def _say(self, line: str) -> None:
        self._control.sendall(f"{line}\r\n".encode())


def talk_ftp(control: socket.socket) -> None:
    """Serve one FTP client to its end."""
    FtpSession(control).talk()
