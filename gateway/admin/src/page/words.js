// Numbers and states as they are read.

/// A state's shape and word: nobody needs to tell colours apart.
export const STATES = {
  up: { shape: "●", says: "Serves." },
  suspect: { shape: "◐", says: "Serves, and something failed lately." },
  down: { shape: "✕", says: "Gets nobody: probes or traffic failed." },
  ejected: { shape: "▲", says: "Gets nobody for a while: its traffic failed." },
  draining: { shape: "▼", says: "Keeps the clients that it has." },
  maintenance: { shape: "■", says: "Gets nobody, and is not probed." },
};

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/// A count: all its digits while they fit.
export const count = number => (number < 100_000 ? plain : short).format(number);

/// So many a second.
export function rate(number) {
  if (number == null) return "–";
  return number > 0 && number < 10 ? number.toFixed(1) : count(number);
}

/// So many bytes a second.
export function bytes(number) {
  if (number == null) return "–";
  const units = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${number < 10 && unit > 0 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

/// A time that something takes.
export function took(seconds) {
  if (seconds == null) return "–";
  if (seconds < 0.0005) return "< 1 ms";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

/// A time that has passed, in its largest unit.
export function span(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

/// A time of day, from seconds since 1970.
export const clock = at => new Date(at * 1000).toLocaleTimeString("en-GB");

/// The part of a whole.
export function share(part, whole) {
  if (!whole) return "–";
  const percent = (100 * part) / whole;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.floor(percent)} %`;
}

/// So many of something.
export const some = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;
