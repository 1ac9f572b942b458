// The gateway is asked, changed and followed. The token is kept for this tab alone.

const KEY = "sekisho-token";

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: text => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

/// Something that was not done, in the gateway's words.
export class Refused extends Error {
  constructor(status, error, help) {
    super(error);
    this.status = status;
    this.help = help;
  }
}

const shown = () => (token.get() ? { Authorization: `Bearer ${token.get()}` } : {});

async function refusal(answer) {
  const said = await answer.json().catch(() => ({}));
  return new Refused(answer.status, said.error ?? `the gateway answers ${answer.status}`, said.help ?? "");
}

/// What stands at a path.
export async function look(path, signal) {
  const answer = await fetch(path, { headers: shown(), signal, credentials: "same-origin" });
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

/// Changes something.
export async function change(path, body) {
  const headers = { ...shown(), "Content-Type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

/// What is told at the least every 15 seconds; whoever is silent for longer is gone.
const SILENCE = 20_000;
const PAUSES = { first: 500, most: 15_000 };

/// Follows what happens until it is told to stop, and begins anew where it was cut. `heard(name, data)` gets events,
/// `standing(word, more)` how it stands: "live", "again" with the seconds until then, "refused" with why.
export function follow(query, heard, standing) {
  const stop = new AbortController();
  run(query, heard, standing, stop.signal);
  return () => stop.abort();
}

async function run(query, heard, standing, stopped) {
  let pause = PAUSES.first;
  let last = null;
  while (!stopped.aborted) {
    const cut = new AbortController();
    const all = AbortSignal.any([stopped, cut.signal]);
    try {
      const headers = { ...shown(), ...(last ? { "Last-Event-ID": last } : {}) };
      const answer = await fetch(`/v1/events?${query}`, { headers, signal: all, cache: "no-store" });
      if (!answer.ok) throw await refusal(answer);
      standing("live");
      pause = PAUSES.first;
      for await (const event of events(answer.body, cut)) {
        last = event.id ?? last;
        heard(event.name, event.data);
      }
    } catch (error) {
      if (error instanceof Refused && error.status < 500 && !stopped.aborted) return standing("refused", error);
    }
    if (stopped.aborted) return;
    // Whoever comes back with many others does not come at the same moment.
    const wait = pause * (0.75 + Math.random() / 2);
    standing("again", Math.ceil(wait / 1000));
    await new Promise(done => setTimeout(done, wait));
    pause = Math.min(2 * pause, PAUSES.most);
  }
}

/// The events of a stream (WHATWG HTML, section 9.2, as far as the gateway speaks it).
async function* events(body, cut) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const silent = setTimeout(() => cut.abort(), SILENCE);
      const { done, value } = await reader.read().finally(() => clearTimeout(silent));
      if (done) return;
      const parts = (text + value).split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const event = {};
        for (const line of part.split("\n")) {
          if (line.startsWith("event: ")) event.name = line.slice(7);
          else if (line.startsWith("data: ")) event.data = JSON.parse(line.slice(6));
          else if (line.startsWith("id: ")) event.id = line.slice(4);
        }
        if (event.name) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
