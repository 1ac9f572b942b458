//! The operator's socket: made for its owner alone, taken from nobody, removed at the end.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

use crate::doors::AdminError;

/// A socket that is listened on. Its file goes with it.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    file: Place,
}

/// The file of a socket; removed when dropped, unless another stands there by then.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    identity: Identity,
    /// Whether it is this process' to remove.
    ours: bool,
}

/// What makes a file the one that was made here: device, inode, and, since inodes are used again, its birth.
type Identity = (u64, u64, Option<SystemTime>);

impl Socket {
    /// Makes the socket and listens on it. A file that was left behind by a gateway that is no more is replaced.
    pub(crate) fn bind(path: &Path) -> Result<Self, AdminError> {
        let failed = |source: io::Error| AdminError::Socket { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(failed)?;
        }
        let listener = match make(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                clear(path)?;
                make(path)
            }
            other => other,
        };
        let listener = listener.map_err(failed)?;
        let identity = identity(path).map_err(failed)?;
        Ok(Self { listener, file: Place { path: path.to_owned(), identity, ours: true } })
    }

    /// The socket of the process before this one, whose file stays that one's until it is served here.
    pub(crate) fn taken(path: &Path, listener: OwnedFd) -> Result<Self, AdminError> {
        let listener = UnixListener::from(listener);
        let failed = |source: io::Error| AdminError::Socket { path: path.to_owned(), source };
        match identity(path) {
            Ok(identity) => {
                Ok(Self { listener, file: Place { path: path.to_owned(), identity, ours: false } })
            }
            // Somebody removed it: without a name nobody finds it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::bind(path),
            Err(error) => Err(failed(error)),
        }
    }

    pub(crate) fn was_taken(&self) -> bool {
        !self.file.ours
    }

    /// The listener, and the file that goes with it.
    pub(crate) fn into_parts(self) -> (UnixListener, Place) {
        let Self { listener, mut file } = self;
        file.ours = true;
        (listener, file)
    }
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the file to the process that has taken this one's place.
    pub(crate) fn leave(&mut self) {
        self.ours = false;
    }

    /// Whether the file is still the one that was made.
    pub(crate) fn stands(&self) -> bool {
        identity(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.ours
            && self.stands()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "The admin socket is left behind");
        }
    }
}

/// A socket that nobody but its owner can open at any moment: its mode is set before it has a name, and what the
/// process's mask takes away from that is taken away too. A mask changed for the moment would hold for every thread.
fn make(path: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Removes a socket that nobody listens on any more.
fn clear(path: &Path) -> Result<(), AdminError> {
    let failed = |source: io::Error| AdminError::Socket { path: path.to_owned(), source };
    if !fs::symlink_metadata(path).map_err(failed)?.file_type().is_socket() {
        return Err(AdminError::NoSocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // Somebody answers, is too busy to, or will not let us ask.
        Ok(_) | Err(_) => return Err(AdminError::InUse { path: path.to_owned() }),
    }
    fs::remove_file(path).map_err(failed)
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino(), file.created().ok()))
}

/// Whoever comes beyond waits to be let in.
const BACKLOG: i32 = 16;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sekisho-socket-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn path(&self) -> PathBuf {
            self.0.join("below/admin.sock")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn socket_is_its_owners_alone_and_goes_with_its_listener() {
        let folder = Folder::new("owner");
        let socket = Socket::bind(&folder.path()).unwrap();
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o177, 0, "{mode:o}");
        assert_eq!(mode & 0o600, 0o600, "{mode:o}");
        drop(socket);
        assert!(!folder.path().exists());
    }

    #[test]
    fn what_was_left_behind_is_replaced() {
        let folder = Folder::new("stale");
        let (listener, file) = Socket::bind(&folder.path()).unwrap().into_parts();
        drop(listener);
        std::mem::forget(file);
        assert!(folder.path().exists());
        let (listener, _file) = Socket::bind(&folder.path()).unwrap().into_parts();
        UnixStream::connect(folder.path()).unwrap();
        listener.accept().unwrap();
    }

    #[test]
    fn socket_that_is_in_use_is_left_alone() {
        let folder = Folder::new("in-use");
        let (listener, file) = Socket::bind(&folder.path()).unwrap().into_parts();
        assert!(matches!(Socket::bind(&folder.path()), Err(AdminError::InUse { .. })));
        assert!(file.stands());
        drop(listener);
        // Another has taken the place meanwhile: it is not the first one's to remove.
        let _second = Socket::bind(&folder.path()).unwrap();
        assert!(!file.stands());
        drop(file);
        assert!(folder.path().exists());
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = Folder::new("file");
        fs::create_dir_all(folder.path().parent().unwrap()).unwrap();
        fs::write(folder.path(), "precious").unwrap();
        assert!(matches!(Socket::bind(&folder.path()), Err(AdminError::NoSocket { .. })));
        assert_eq!(fs::read_to_string(folder.path()).unwrap(), "precious");
    }

    #[test]
    fn path_that_is_too_long_is_refused() {
        let folder = Folder::new("long");
        let path = folder.0.join("a".repeat(200));
        assert!(matches!(Socket::bind(&path), Err(AdminError::Socket { .. })));
    }

    #[test]
    fn file_is_the_process_before_until_its_socket_is_served_here() {
        let folder = Folder::new("taken");
        let path = folder.0.join("admin.sock");
        let (first, mut file) = Socket::bind(&path).unwrap().into_parts();
        drop(Socket::taken(&path, first.try_clone().unwrap().into()).unwrap());
        assert!(path.exists(), "whoever fails to take its place leaves it alone");

        let (second, taken) = Socket::taken(&path, first.try_clone().unwrap().into()).unwrap().into_parts();
        file.leave();
        drop((first, file));
        assert!(UnixStream::connect(&path).is_ok() && second.accept().is_ok());
        drop(taken);
        assert!(!path.exists());
    }
}
