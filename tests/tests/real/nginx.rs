//! nginx as servers.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use sekisho_tests::program;

use super::{Folder, Running};

/// Starts an nginx that keeps everything in this folder and listens at `address`. `http` and `server` are what its
/// configuration says in the blocks of these names.
pub(super) fn nginx(folder: &Folder, address: &str, http: &str, server: &str) -> Running {
    let here = folder.path().display();
    let file = folder.write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ {http}\nkeepalive_requests 1000000; client_body_temp_path {here}/b;\n\
             proxy_temp_path {here}/p; fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u;\n\
             scgi_temp_path {here}/s; server {{ {server} }} }}\n"
        ),
    );
    let mut command = Command::new(program("nginx"));
    command.arg("-c").arg(file).arg("-p").arg(folder.path()).stderr(Stdio::null());
    Running::start(&mut command, address.parse().unwrap())
}

/// A nginx that can be killed and started again.
pub(super) struct Nginx {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) folder: Folder,
    /// What it says in `http` and, beside where it listens, in `server`.
    says: fn(&Self) -> [String; 2],
    running: Option<Running>,
}

impl Nginx {
    /// One that answers every request with its name.
    pub(super) fn start(name: &'static str, address: &str) -> Self {
        Self::saying(name, address, |nginx| {
            let answer =
                format!("location / {{ default_type text/plain; return 200 \"{}\\n\"; }}", nginx.name);
            ["access_log off;".to_owned(), answer]
        })
    }

    /// One whose configuration says this.
    pub(super) fn saying(name: &'static str, address: &str, says: fn(&Self) -> [String; 2]) -> Self {
        let folder = Folder::new(&format!("nginx-{address}"));
        let mut nginx = Self { name, address: address.parse().unwrap(), folder, says, running: None };
        nginx.restart();
        nginx
    }

    pub(super) fn restart(&mut self) {
        let (address, [http, server]) = (self.address.to_string(), (self.says)(self));
        let server = format!("listen {address} backlog=4096; {server}");
        self.running = Some(nginx(&self.folder, &address, &http, &server));
    }

    pub(super) fn kill(&mut self) {
        self.running = None;
    }
}
