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


class Scram:
    """SCRAM-SHA-256 (RFC 7677), a message at a time, for `authenticate`."""

    def __init__(self, user, password):
        self.first = "n=%s,r=%s" % (user, base64.b64encode(os.urandom(18)).decode())
        self.password, self.said, self.proved = password.encode(), 0, False

    def __call__(self, heard):
        self.said += 1
        if self.said == 1:
            return b"n,," + self.first.encode()
        fields = dict(part.split("=", 1) for part in heard.decode().split(","))
        if self.said == 2:
            salt, rounds = base64.b64decode(fields["s"]), int(fields["i"])
            self.salted = hashlib.pbkdf2_hmac("sha256", self.password, salt, rounds)
            last = "c=biws,r=" + fields["r"]
            self.whole = ",".join((self.first, heard.decode(), last)).encode()
            key = self.mac(self.salted, b"Client Key")
            signature = self.mac(hashlib.sha256(key).digest(), self.whole)
            proof = bytes(one ^ other for one, other in zip(key, signature))
            return (last + ",p=" + base64.b64encode(proof).decode()).encode()
        signature = self.mac(self.mac(self.salted, b"Server Key"), self.whole)
        self.proved = base64.b64decode(fields["v"]) == signature
        return b""

    @staticmethod
    def mac(key, text):
        return hmac.new(key, text, "sha256").digest()
