//! The second half of a replay: a server hears what the client has said, and then the client itself.

use bytes::Bytes;
use sekisho_api::{Blame, Connected, Fault, Step, Unavailable};
use zeroize::Zeroizing;

use super::front::whole;
use super::login::Login;
use super::pdu::{
    Answer, Ids, Malformed, Mcs, ServerIds, attach_user_request, channel_join_request, erect_domain, mcs,
    read_connect_response, read_connection_confirm,
};
use super::request::TLS;
use super::translate::Direction;
use super::words;
use crate::desk::Vip;
use crate::options::Mode;

/// One client whose login is known, and the servers that are tried for it.
pub(super) struct Replay {
    request: Bytes,
    initial: Bytes,
    /// The login, until it has left.
    packet: Zeroizing<Vec<u8>>,
    /// What the client was given.
    ours: ServerIds,
    stage: Stage,
    /// The identifiers of both sides, once the server has given its own.
    talk: Option<Talk>,
    /// A server would have the client prove its user before anything else, which cannot be said again.
    wants_nla: bool,
}

enum Stage {
    /// A server was asked for.
    Routing,
    /// It was sent the request.
    Confirming,
    /// TLS to it begins.
    Securing,
    /// It was sent what the client asks for.
    Asking,
    /// It grants these channels, and was asked for a user.
    Attaching(ServerIds),
    /// It is asked for one channel after the other.
    Joining(Joining),
    /// It has given all of them.
    Joined,
    /// From here on no other server is tried: a password is about to leave.
    Committed,
    /// Both sides speak for themselves.
    Talking,
}

struct Joining {
    user: u16,
    awaited: u16,
    /// Those that are still to be joined, the next one last.
    rest: Vec<u16>,
}

struct Talk {
    ids: Ids,
    to_server: Direction,
    to_client: Direction,
}

/// The longest confirmation: its X.224 length is one byte.
const CONFIRM: usize = 259;
/// The longest packet of a server's before the login; the longest of real ones has some 150 bytes.
const LONGEST: usize = 4096;
/// CredSSP is required (MS-RDPBCGR, section 2.2.1.2.2).
const HYBRID_REQUIRED: u32 = 5;

impl Replay {
    pub(super) fn new(request: Bytes, login: Login) -> Self {
        Self {
            request,
            initial: login.initial.into(),
            packet: login.packet,
            ours: login.ids,
            stage: Stage::Routing,
            talk: None,
            wants_nla: false,
        }
    }

    /// A server is there. What another one has said counts no more.
    pub(super) fn connected(&mut self, connected: &Connected, mode: Mode) -> Result<Step, Fault> {
        if !connected.start_tls {
            let label = match mode {
                Mode::Redirect => "client-cannot-be-redirected",
                Mode::Off | Mode::Replay => "pool-without-starttls",
            };
            return Err(Fault::gateway(label).telling(words::denied()));
        }
        (self.stage, self.talk) = (Stage::Confirming, None);
        Ok(Step::Reply(0, self.request.clone()))
    }

    /// TLS to the server is up.
    pub(super) fn secured(&mut self) -> Step {
        self.stage = Stage::Asking;
        Step::Reply(0, self.initial.clone())
    }

    /// What stands in the log if there is no server: that those tried cannot be served in this way.
    pub(super) fn complaint(&self, why: Unavailable) -> Option<&'static str> {
        (self.wants_nla && why == Unavailable::ConnectFailed).then_some("servers-want-nla")
    }

    /// The server's unconsumed bytes.
    pub(super) fn server(&mut self, bytes: &[u8], vip: &Vip) -> Result<Step, Fault> {
        match &self.stage {
            Stage::Routing | Stage::Securing => Ok(Step::Wait),
            Stage::Confirming => match whole(bytes, CONFIRM).map_err(|_| Fault::server("not-rdp"))? {
                Some(tpkt) => self.confirmed(tpkt, vip),
                None => Ok(Step::NeedMore),
            },
            Stage::Asking | Stage::Attaching(_) | Stage::Joining(_) => {
                match whole(bytes, LONGEST).map_err(server)? {
                    Some(tpkt) => self.granted(tpkt).map_err(server),
                    None => Ok(Step::NeedMore),
                }
            }
            Stage::Joined => {
                self.stage = Stage::Committed;
                Ok(Step::Commit)
            }
            Stage::Committed => {
                self.stage = Stage::Talking;
                Ok(self.login())
            }
            Stage::Talking => match &mut self.talk {
                Some(Talk { ids, to_client, .. }) if !ids.identity() => {
                    let put = |head: &mut [u8]| ids.to_client(head);
                    to_client.translate(bytes, put).map(|done| translated(bytes, done)).map_err(server)
                }
                _ => Ok(Step::Relay),
            },
        }
    }

    /// The client's unconsumed bytes. Before it hears of its server it has nothing to say.
    pub(super) fn client(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        match (&self.stage, &mut self.talk) {
            (Stage::Talking, Some(Talk { ids, to_server, .. })) if !ids.identity() => {
                let put = |head: &mut [u8]| ids.to_server(head);
                let done = to_server.translate(bytes, put);
                done.map(|done| translated(bytes, done)).map_err(|malformed| malformed.fault(Blame::Client))
            }
            _ => Ok(Step::Wait),
        }
    }

    fn confirmed(&mut self, tpkt: &[u8], vip: &Vip) -> Result<Step, Fault> {
        let confirm = read_connection_confirm(tpkt).map_err(|_| Fault::server("not-connection-confirm"))?;
        match confirm.answer {
            Answer::Selected(TLS) => {
                vip.confirmed(confirm.flags);
                self.stage = Stage::Securing;
                Ok(Step::StartTls(tpkt.len()))
            }
            Answer::Failure(HYBRID_REQUIRED) => {
                self.wants_nla = true;
                Err(Fault::server("server-wants-nla"))
            }
            _ => Err(Fault::server("server-without-tls")),
        }
    }

    /// One packet of a server that gives what the client has had from the gateway.
    fn granted(&mut self, tpkt: &[u8]) -> Result<Step, Malformed> {
        let answer = match &mut self.stage {
            Stage::Attaching(theirs) => {
                let Mcs::AttachUserConfirm { user } = mcs(tpkt)? else { return Err(Malformed::Unexpected) };
                let ids = Ids::new(&self.ours, self.ours.our_user(), theirs, user)?;
                let channels = theirs.channels.iter().rev().copied().filter(|&channel| channel != 0);
                let rest = channels.chain([theirs.io]).collect();
                self.talk =
                    Some(Talk { ids, to_server: Direction::default(), to_client: Direction::default() });
                self.stage = Stage::Joining(Joining { user, awaited: user, rest });
                channel_join_request(user, user)
            }
            Stage::Joining(Joining { user, awaited, rest }) => {
                if (mcs(tpkt)? != Mcs::ChannelJoinConfirm { channel: *awaited }) {
                    return Err(Malformed::Unexpected);
                }
                let Some(next) = rest.pop() else {
                    self.stage = Stage::Joined;
                    return Ok(Step::Drop(tpkt.len()));
                };
                *awaited = next;
                channel_join_request(*user, next)
            }
            _ => {
                self.stage = Stage::Attaching(read_connect_response(tpkt)?);
                [erect_domain(), attach_user_request()].concat()
            }
        };
        Ok(Step::Reply(tpkt.len(), answer.into()))
    }

    /// Says the login, by the server's identifiers, and keeps nothing of it.
    fn login(&mut self) -> Step {
        let mut packet = std::mem::take(&mut self.packet);
        if let Some(talk) = &self.talk {
            // INVARIANT: it is for the channel that both sides have, since the front half takes it on no other.
            _ = talk.ids.to_server(&mut packet);
        }
        Step::Reply(0, Bytes::from_owner(packet))
    }
}

/// What becomes of the bytes that were offered, of which so many are dealt with, and these go on instead.
fn translated(offered: &[u8], (consumed, out): (usize, Vec<u8>)) -> Step {
    match (offered.len(), consumed, out.len()) {
        (0, ..) => Step::Wait,
        (_, 0, _) => Step::NeedMore,
        (.., 0) => Step::Drop(consumed),
        _ => Step::Replace(consumed, out.into()),
    }
}

const fn server(malformed: Malformed) -> Fault {
    malformed.fault(Blame::Server)
}
