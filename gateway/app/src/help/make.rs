//! What `--help` says at the end of the commands that make something.

/// The end of `sekisho rdp-file --help`.
pub(crate) const RDP_FILE: &str = "\
Examples:
  sekisho rdp-file gateway.toml remote-desktop --user 'CORP\\alice' --out alice.rdp
  sekisho rdp-file gateway.toml remote-desktop --server ts1 --expires 8h --address desktop.example.org
  xfreerdp /v:desktop.example.org /load-balance-info:'Cookie: sekisho=TOKEN'

The VIP's `persist` needs \"rdp-token\", and \"user\" for a token that stands for one. The token is made with the secret that \
the configuration names (gateway.secret-file) or the gateway keeps (gateway.state-directory); gateways with the same secret \
and names understand each other's. A new secret ends all tokens that are out.

Exit status:
  0  the file is written
  1  it is not: the configuration has errors or no such VIP or server, the VIP
     would not look at the token, or no secret outlives a restart
  2  the command line is mistaken";

/// The end of `sekisho new-protocol --help`.
pub(crate) const NEW_PROTOCOL: &str = "\
Examples:
  sekisho new-protocol greet                  a plugin inside Sekisho's sources
  sekisho new-protocol greet --path ../greet  a crate of its own beside them

A crate of its own is complete: it is built against Sekisho's sources by path, and `cargo run -- run gateway.toml` in it is \
a gateway that speaks the new protocol beside all others.

Exit status:
  0  the crate is written
  1  it is not: the directory exists already, the name is taken or unusable,
     Sekisho's sources are not found
  2  the command line is mistaken";

/// The end of `sekisho token new --help`.
pub(crate) const TOKEN: &str = "\
Examples:
  sekisho token new --name grafana --scope read --file admin.tokens
  sekisho token new --name anna --scope operate --expires 90d --file admin.tokens

A token that has expired is good for nothing from that second on, and `sekisho check` warns two weeks ahead.

Exit status:
  0  the token is printed; whoever reads it may use it
  1  it is not: the name has one in the file already, or the file cannot be
     written
  2  the command line is mistaken";

/// The end of `sekisho completions --help`.
pub(crate) const COMPLETIONS: &str = "\
Examples:
  sekisho completions bash > /usr/share/bash-completion/completions/sekisho
  sekisho completions zsh > /usr/share/zsh/site-functions/_sekisho
  sekisho completions fish > /usr/share/fish/vendor_completions.d/sekisho.fish

Exit status:
  0  they are printed
  1  they are not
  2  the command line is mistaken";

/// The end of `sekisho man --help`.
pub(crate) const MAN: &str = "\
Examples:
  sekisho man /usr/local/share/man/man1
  sekisho man pages && man -l pages/sekisho-drain.1

Exit status:
  0  the pages are written
  1  they are not: the directory cannot be written
  2  the command line is mistaken";
