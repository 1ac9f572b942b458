//! The commands, each with what `--help` says of it.

use clap::Subcommand;

use super::{
    CheckOptions, CompletionsOptions, ConnectionsOptions, DemoOptions, ExplainOptions, LayerOptions,
    ManOptions, MoveUserOptions, MoveUsersOptions, NetVerb, NewProtocolOptions, PeersOptions, RdpFileOptions,
    ReadyOptions, RunOptions, ServerOptions, ServersOptions, SpeakOptions, StatusOptions, TailOptions,
    TokenVerb, TopOptions, UpgradeOptions, UserOptions, UsersOptions, VrrpOptions, WeightOptions,
};
use crate::help;

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve what a configuration file describes.
    ///
    /// Binds every address of every VIP, then runs in the foreground until a signal stops it. A file with an error
    /// starts nothing: all its problems are printed, each with its place and remedy. While the gateway runs, the
    /// file can be changed and loaded again without losing a connection; a file that does not load changes nothing.
    #[command(after_long_help = help::RUN)]
    Run(RunOptions),

    /// Speak VRRP for the gateway at the other end of standard input, which starts this by itself.
    #[command(name = crate::redundancy::COMMAND, hide = true)]
    SpeakVrrp(SpeakOptions),

    /// Say whether a configuration file is right, and what it makes.
    ///
    /// Prints every problem at once, each with its place, the reason and the remedy; or, if there is none, what the
    /// gateway would serve: VIPs, pools, and certificates with the day they expire. Opens no socket.
    #[command(after_long_help = help::CHECK)]
    Check(CheckOptions),

    /// Show the gateway at work, with servers and clients of its own.
    ///
    /// Starts sample servers and a gateway in this process, on free ports of 127.0.0.1 only, and sends clients
    /// through it over Remote Desktop, HTTP, HTTPS, mail, DNS and TCP. Tables show who landed where and why; then a server is killed, its clients
    /// move and nobody else does, and it comes back. Each claim is checked while it is made. Afterwards everything
    /// stays up, to be tried with curl.
    #[command(after_long_help = help::DEMO)]
    Demo(DemoOptions),

    /// Say which server a client would get, and why.
    ///
    /// Asks the scheduler that the configuration describes, without any traffic: all servers are taken to be up,
    /// idle and never measured, and the persistence table to be empty. The answer names the server, the reason and
    /// every candidate with its score.
    #[command(after_long_help = help::EXPLAIN)]
    Explain(ExplainOptions),

    /// Make a Remote Desktop connection file that leads to a server, or to a user's desktop.
    ///
    /// The file (.rdp) carries a token that only gateways with the same secret can make. It selects a server of the
    /// VIP's pool, or says who the user is, until it expires; it logs nobody in, and what the VIP does not know is
    /// balanced as if nothing had been said.
    #[command(after_long_help = help::RDP_FILE)]
    RdpFile(RdpFileOptions),

    /// Begin a protocol of your own from the template.
    ///
    /// Writes a crate with the smallest protocol that compiles, its tests included, named as you say; then tells the
    /// one line that adds it to a gateway.
    #[command(after_long_help = help::NEW_PROTOCOL)]
    NewProtocol(NewProtocolOptions),

    /// Print what has a shell complete this command line.
    #[command(after_long_help = help::COMPLETIONS)]
    Completions(CompletionsOptions),

    /// Write the pages of the manual: one for the program, and one for each command.
    #[command(after_long_help = help::MAN)]
    Man(ManOptions),

    /// Say at one look how a running gateway is.
    ///
    /// Its VIPs, its pools with how many servers take new clients, its partners, and what somebody should look at. The
    /// exit code is the verdict.
    #[command(after_long_help = help::STATUS)]
    Status(StatusOptions),

    /// Watch a running gateway, and change its servers from there.
    ///
    /// A live view of VIPs and servers: state, connections, rates, failures, response times, and which part of the clients
    /// that persistence was asked for was known.
    #[command(after_long_help = help::TOP)]
    Top(TopOptions),

    /// Follow what happens in a running gateway: who gets where and why, health, changes.
    ///
    /// Up to 50 decisions of a second and a VIP are shown. They are kept only while somebody follows them.
    #[command(after_long_help = help::TAIL)]
    Tail(TailOptions),

    /// List the servers of a running gateway.
    ///
    /// Each with its state, its share, the connections that it has, how fast it answers, and what the last probe said.
    #[command(after_long_help = help::SERVERS)]
    Servers(ServersOptions),

    /// Show where the addresses are that move between nodes.
    ///
    /// For each table `[vrrp.NAME]`: its state on this node and why, its priority and what it lacks, and what was heard of
    /// other nodes.
    #[command(after_long_help = help::VRRP)]
    Vrrp(VrrpOptions),

    /// Show the nodes with which what clients are known is exchanged.
    ///
    /// For each node of `[peers]`: whether it is there, what was told and learned, and what differs there that must agree.
    #[command(after_long_help = help::PEERS)]
    Peers(PeersOptions),

    /// Lead servers' answers to clients back through the gateway, and find out why they do not come.
    ///
    /// For pools with `source = "client"`, whose servers see and answer clients' own addresses.
    #[command(after_long_help = help::NET, subcommand_required = true, arg_required_else_help = true)]
    Net {
        /// What about it
        #[command(subcommand)]
        verb: NetVerb,
    },

    /// Let a server keep the clients that it has, and give it no others.
    ///
    /// It keeps those that are connected, and users that persistence remembers: they come back to it. To empty it, move
    /// them with `move-users`. Holds until `ready`, or until the file says otherwise by then; over a restart where there is a state directory.
    #[command(after_long_help = help::DRAIN)]
    Drain(ServerOptions),

    /// Take a server out: it gets nobody and is not probed.
    ///
    /// Whoever is connected stays, unless --kick ends it; users come back on another server, and stay there.
    #[command(after_long_help = help::MAINTENANCE)]
    Maintenance(ServerOptions),

    /// Let a server serve again.
    #[command(after_long_help = help::READY)]
    Ready(ReadyOptions),

    /// Change a server's share of those who are new.
    #[command(after_long_help = help::WEIGHT)]
    Weight(WeightOptions),

    /// Show what was changed beside the file while the gateway ran.
    ///
    /// Servers, pools and VIPs that were added, replaced or removed through the API, each beside what the file says (`-`
    /// and `+`); and servers whose state or weight an operator has set (`!`).
    #[command(after_long_help = help::DIFF)]
    Diff(LayerOptions),

    /// Write what was changed beside the file into it.
    ///
    /// Comments and everything else stay as they are written. States and weights that an operator has set hold on beside
    /// the file.
    #[command(after_long_help = help::SAVE)]
    Save(LayerOptions),

    /// Forget what was changed beside the file.
    ///
    /// Servers, pools and VIPs are then those of the file alone. States and weights that an operator has set hold until
    /// `ready` and `weight` say otherwise.
    #[command(after_long_help = help::DISCARD)]
    Discard(LayerOptions),

    /// Have a running gateway read its file again, and say what came of it.
    #[command(after_long_help = help::RELOAD)]
    Reload(LayerOptions),

    /// Make a token for the operator's address.
    #[command(after_long_help = help::TOKEN, subcommand_required = true, arg_required_else_help = true)]
    Token {
        /// What about it
        #[command(subcommand)]
        verb: TokenVerb,
    },

    /// List the users that a running gateway remembers, and their servers.
    #[command(after_long_help = help::USERS)]
    Users(UsersOptions),

    /// Send a user to another server.
    ///
    /// From the next connection on, in every pool that has a server of the name, whatever the protocol and the spelling
    /// of the user's name. Also for a user who never came before.
    #[command(after_long_help = help::MOVE_USER)]
    MoveUser(MoveUserOptions),

    /// Send everybody who is kept on one server to another.
    #[command(after_long_help = help::MOVE_USERS)]
    MoveUsers(MoveUsersOptions),

    /// End a user's connections.
    ///
    /// Clients that come back are on the same server as before.
    #[command(after_long_help = help::KICK_USER)]
    KickUser(UserOptions),

    /// Forget on which server a user is: the next connection is balanced as if for the first time.
    #[command(after_long_help = help::FORGET_USER)]
    ForgetUser(UserOptions),

    /// List the connections of a running gateway that have a server.
    ///
    /// Of every protocol but HTTP and DNS, whose requests are over in a moment.
    #[command(after_long_help = help::CONNECTIONS)]
    Connections(ConnectionsOptions),

    /// Have the program that stands on disk take a running gateway's place.
    ///
    /// It is started with the same words, reads the same file and takes the sockets over; no connection is lost. The old
    /// process lets its connections end within gateway.drain-timeout. If the new one cannot serve, nothing changes.
    #[command(after_long_help = help::UPGRADE)]
    Upgrade(UpgradeOptions),
}
