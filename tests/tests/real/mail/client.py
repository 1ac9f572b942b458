# What every script here begins with. Its arguments are the gateway's address, the authority's certificate, and what
# the script is told.
import base64, hashlib, hmac, imaplib, os, socket, ssl, sys

address, ca, *told = sys.argv[1:]
trust = ssl.create_default_context(cafile=ca)
TIMEOUT = 20


def connect(port, source="127.0.0.1"):
    return socket.create_connection((address, port), TIMEOUT, (source, 0))


class Started(imaplib.IMAP4):
    """A client that starts TLS."""

    def __init__(self, source="127.0.0.1"):
        self.source = source
        super().__init__("mail.example.org", 7143)
        self.starttls(trust)

    def _create_socket(self, timeout=None):
        return connect(7143, self.source)


class Secured(imaplib.IMAP4):
    """A client that speaks TLS from the first byte."""

    def __init__(self, source="127.0.0.1"):
        self.source = source
        super().__init__("mail.example.org", 7993)

    def _create_socket(self, timeout=None):
        return trust.wrap_socket(connect(7993, self.source), server_hostname="mail.example.org")


def mail(subject, body=b"hello\r\n"):
    return b"Subject: " + subject.encode() + b"\r\n\r\n" + body
