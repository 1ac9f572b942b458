# What a browser is shown, and a browser that is led through it.
#
#   browser.py pages HOST PORT         a page that tries everything, what it fetches, and a stream of events
#   browser.py look PORT FOLDER URL    has chromedriver at PORT open the page, and prints what the page came to
import http.server
import json
import sys
import time
import urllib.error
import urllib.request

PAGE = """<!doctype html><title>waiting</title><script>
const way = name => performance.getEntriesByType(name)[0].nextHopProtocol;
const events = () => new Promise((done, failed) => {
  const got = [], source = new EventSource("events");
  source.onmessage = event => { got.push(event.data); if (got.length == 3) { source.close(); done(got.join(" ")); } };
  source.onerror = () => failed("events");
});
const socket = () => new Promise((done, failed) => {
  const chat = new WebSocket("wss://" + location.host + "/chat");
  chat.binaryType = "arraybuffer";
  const bytes = Uint8Array.from({length: 256}, (_, i) => i), long = Array.from({length: 100000}, () => Math.random().toFixed(8)).join("");
  const tell = [() => chat.send("text"), () => chat.send(bytes), () => chat.send(long), () => chat.close(4000, "done")];
  const said = [];
  chat.onmessage = ({data}) => {
    if (data === long) data = "a long text";
    if (data instanceof ArrayBuffer) data = "binary " + new Uint8Array(data).every((b, i) => b == i && data.byteLength == 256);
    said.push(data);
    tell.shift()();
  };
  chat.onclose = ({code, reason}) => done([...said, code, reason].join(", "));
  chat.onerror = () => failed("socket after " + said.join(", "));
});
(async () => {
  const result = {page: way("navigation")};
  result.fetched = (await (await fetch("data.json")).json()).answer;
  result.events = await events();
  result.socket = await socket();
  return result;
})().then(result => document.title = JSON.stringify(result), error => document.title = "failed: " + error);
</script>"""


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/events":
            return self.events()
        kind, text = ("application/json", '{"answer": 42}') if self.path == "/data.json" else ("text/html", PAGE)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        # It has no end: what arrives has been passed on as it came.
        try:
            for turn in range(600):
                event = b"data: %d\n\n" % turn
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass


def pages(host, port):
    http.server.ThreadingHTTPServer((host, int(port)), Pages).serve_forever()


def look(port, folder, url):
    def ask(method, path, what=None):
        data = None if what is None else json.dumps(what).encode()
        request = urllib.request.Request("http://127.0.0.1:%s/session%s" % (port, path), data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            sys.exit(error.read().decode())

    quiet = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update"
    more = ["--headless", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server", "--user-data-dir=" + folder]
    options = {"args": ["--" + word for word in quiet.split()] + more}
    wanted = {"alwaysMatch": {"acceptInsecureCerts": True, "goog:chromeOptions": options}}
    session = "/" + ask("POST", "", {"capabilities": wanted})["sessionId"]
    try:
        ask("POST", session + "/url", {"url": url})
        for _ in range(300):
            title = ask("GET", session + "/title")
            if title != "waiting":
                break
            time.sleep(0.1)
        print(title)
    finally:
        ask("DELETE", session)


{"pages": pages, "look": look}[sys.argv[1]](*sys.argv[2:])
