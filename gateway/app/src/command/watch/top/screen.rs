//! The terminal: taken for a while, and given back as it was, whatever happens.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::panic;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::failure::Failure;
use crate::signals::{self, Signal};

/// Another screen than the one with what was typed before; no cursor, no wrapping of long lines.
const BEGIN: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l";
const END: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";
/// How soon a terminal of another size is drawn anew.
const GLANCE: Duration = Duration::from_millis(250);

/// The terminal of standard input and output while it is taken.
pub(super) struct Screen {
    before: Termios,
    ended: UnixStream,
}

/// Why a wait is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Somebody typed.
    Keys(Vec<u8>),
    /// It is time to draw.
    Time,
    /// A signal asks to end, or the terminal is gone.
    Ended,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// The system's: standard input is no terminal.
    pub(super) fn take() -> Result<Self, Failure> {
        let before = tcgetattr(io::stdin()).map_err(io::Error::from)?;
        let (ended, mut end) = UnixStream::pair()?;
        // SIGHUP comes when a terminal's window is closed.
        signals::listen(move |signal| {
            !matches!(signal, Signal::Stop | Signal::Reload) || end.write_all(&[0]).is_ok()
        })
        .map_err(Failure::Signals)?;
        // A panic should be read on the screen that stays.
        let (hook, saved) = (panic::take_hook(), before.clone());
        panic::set_hook(Box::new(move |what| {
            give_back(&saved);
            hook(what);
        }));
        let screen = Self { before, ended };
        let mut raw = screen.before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(io::Error::from)?;
        write(BEGIN);
        Ok(screen)
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
            _ => (80, 24),
        }
    }

    /// Waits for keys, but not longer than this, and shorter if the terminal may have another size by then.
    pub(super) fn wait(&mut self, time: Duration) -> Result<Woken, Failure> {
        let stdin = io::stdin();
        let mut sources = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.ended, PollFlags::IN)];
        let time = Timespec::try_from(time.min(GLANCE)).unwrap_or_default();
        match poll(&mut sources, Some(&time)) {
            Ok(0) | Err(Errno::INTR) => return Ok(Woken::Time),
            Ok(_) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let [typed, ended] = sources.map(|source| !source.revents().is_empty());
        if ended {
            return Ok(Woken::Ended);
        }
        let mut bytes = [0; 256];
        match typed {
            // Past the buffer of standard input, in which nobody would look for the rest.
            true => match rustix::io::read(&stdin, &mut bytes) {
                Err(Errno::INTR) => Ok(Woken::Time),
                Ok(0) | Err(_) => Ok(Woken::Ended),
                Ok(read) => Ok(Woken::Keys(bytes.get(..read).unwrap_or_default().to_vec())),
            },
            false => Ok(Woken::Time),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back(&self.before);
    }
}

fn give_back(before: &Termios) {
    write(END);
    // A terminal that is gone needs nothing.
    _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
}

/// Writes past whoever holds standard output, which a panic may be about.
fn write(text: &str) {
    _ = rustix::io::write(rustix::stdio::stdout(), text.as_bytes());
}
