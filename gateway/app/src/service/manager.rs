//! What is told to a service manager (sd_notify(3)): a datagram of assignments, to the socket that it names.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The service manager that started this process; or nobody.
#[derive(Debug)]
pub(crate) struct Manager(Option<(UnixDatagram, SocketAddr)>);

impl Manager {
    /// That of the environment.
    pub(crate) fn of_this_process() -> Self {
        Self::at(std::env::var_os("NOTIFY_SOCKET"))
    }

    fn at(name: Option<OsString>) -> Self {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Self(None) };
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let reached = address.and_then(|address| {
            let socket = UnixDatagram::unbound()?;
            // What it is not told it never learns, such as who is the main process: a moment is waited for room. One that
            // does not read keeps nobody from serving.
            socket.set_write_timeout(Some(PATIENCE))?;
            Ok((socket, address))
        });
        Self(reached.inspect_err(complain).ok())
    }

    /// It serves.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// It reads its configuration again; [`ready`](Self::ready) follows.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=Reloading"));
    }

    /// It stops.
    pub(crate) fn stopping(&self, status: &str) {
        self.tell(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Another process serves instead, and is the one to watch from here on.
    pub(crate) fn replaced(&self, by: u32) {
        self.tell(&format!("MAINPID={by}\nREADY=1"));
    }

    /// It lives.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, words: &str) {
        if let Some((socket, address)) = &self.0
            && let Err(error) = socket.send_to_addr(words.as_bytes(), address)
        {
            complain(&error);
        }
    }
}

/// How long it may take to read.
const PATIENCE: Duration = Duration::from_secs(1);

fn complain(error: &io::Error) {
    tracing::warn!(%error, "The service manager cannot be told");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manager_is_told_at_a_path_and_at_a_name_without_a_file() {
        let abstract_name = format!("sekisho-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let here = UnixDatagram::bind_addr(&address).unwrap();
        Manager::at(Some(format!("@{abstract_name}").into())).ready("Serving");
        let mut text = [0; 100];
        let length = here.recv(&mut text).unwrap();
        assert_eq!(&text[..length], b"READY=1\nSTATUS=Serving");

        let path = std::env::temp_dir().join(format!("sekisho-notify-{}.sock", std::process::id()));
        let here = UnixDatagram::bind(&path).unwrap();
        Manager::at(Some(path.clone().into())).replaced(77);
        let length = here.recv(&mut text).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(&text[..length], b"MAINPID=77\nREADY=1");
    }

    #[test]
    fn manager_that_is_behind_hears_all_the_same() {
        let name = format!("sekisho-notify-full-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let here = UnixDatagram::bind_addr(&address).unwrap();
        here.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let others = UnixDatagram::unbound().unwrap();
        others.set_nonblocking(true).unwrap();
        let full = std::iter::from_fn(|| others.send_to_addr(b"x", &address).ok()).count();
        assert!(full > 0);
        let telling = std::thread::spawn(move || Manager::at(Some(format!("@{name}").into())).replaced(77));
        std::thread::sleep(Duration::from_millis(50));
        let mut text = [0; 100];
        let heard = (0..=full).map(|_| here.recv(&mut text).unwrap()).last();
        assert_eq!(heard, Some("MAINPID=77\nREADY=1".len()));
        telling.join().unwrap();
    }

    #[test]
    fn nobody_need_be_told() {
        for name in [None, Some(OsString::new()), Some("no/such/socket".into())] {
            Manager::at(name).alive();
        }
    }
}
