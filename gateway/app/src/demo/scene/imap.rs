//! IMAP: the same user on the same mail server, whatever the program and wherever it is.

use std::net::IpAddr;

use super::super::DemoError;
use super::super::client::{Mailbox, Mailer};
use super::super::page::Page;
use super::super::sample::Kind;
use super::super::setup::Setup;
use super::super::stage::{SERVER_PEM, Stage};
use super::super::visit::{self, Visit};
use super::audience::{Audience, Visitor};
use super::{Hint, Scene};

/// The scene.
#[derive(Debug)]
pub(super) struct Imap;

const VIP: &str = "mail";
const SECURED_VIP: &str = "mails";
const METHOD: &str = "round-robin";
const SERVERS: [&str; 3] = ["mail1", "mail2", "mail3"];
const USERS: [&str; 6] = ["anna", "ben", "carla", "david", "emma", "finn"];
/// The name in the certificate.
const HOST: &str = "localhost";

impl Scene for Imap {
    fn prepare(&self, setup: &mut Setup) -> Result<(), DemoError> {
        for (name, mode) in [(VIP, "starttls"), (SECURED_VIP, "implicit")] {
            setup.vip(
                name,
                &format!(
                    "protocol = \"imap\"\npool     = \"mail\"\npersist  = [\"user\"]\n\
                     tls      = {{ certificates = [\"{SERVER_PEM}\"], mode = \"{mode}\" }}"
                ),
            );
        }
        setup.pool("mail", METHOD, Kind::Mailboxes, &SERVERS)
    }

    fn play(&self, stage: &mut Stage, page: &mut Page<'_>) -> Result<(), DemoError> {
        let (plain, secured) = (stage.address(VIP)?, stage.address(SECURED_VIP)?);
        page.title(&format!(
            "IMAP  {plain} and, by TLS from the first byte, {secured}  {METHOD}, kept by user"
        ))?;
        page.say(
            "Three mail servers. The gateway greets, starts TLS, and listens until a client says who it is; it says the \
             same to the user's server, which alone judges the password. On the first VIP nobody logs in in clear: the \
             clients see to it.",
        )?;
        let users = USERS.map(|user| User { name: user, come: 0 }).into();
        let (mut audience, visits) = Audience::arrive(users, stage)?;
        page.table(&visit::table(&visits))?;
        page.claim("each of the three servers got two of the six", visit::evenly(&visits, 3, 2))?;

        page.say(
            "Each comes four times more: from another address each time, over both VIPs, and as `USER` and \
             `user@mail.example` as well.",
        )?;
        audience.stay(4, stage, page)?;

        page.say(
            "Six strangers at six addresses each try a wrong password for one of the users. The gateway knows none, \
             right or wrong; who went on guessing at one address would wait ever longer.",
        )?;
        let homes: Vec<(&str, String)> =
            audience.visitors().map(|(user, home)| (user.name, home.to_owned())).collect();
        let mut refused = Ok(());
        for (host, (user, home)) in (60..).zip(homes) {
            let verdict = look(stage, VIP, host, user, "wrong")?.verdict;
            if !verdict.ends_with(&format!("{home} does not believe this")) {
                refused = Err(format!("{user}, at {home}: {verdict}"));
            }
        }
        page.claim("each was refused by the user's own server, in its own words", refused)?;

        let victim = SERVERS[1];
        audience.failover(victim, stage, page)?;
        audience.remain(victim, stage, page)
    }

    fn hints(&self, stage: &Stage) -> Result<Vec<Hint>, DemoError> {
        let trust = stage.certificate_file();
        let curl = format!("curl --cacert {} --user anna:anything", trust.display());
        let (plain, secured) = (stage.address(VIP)?.port(), stage.address(SECURED_VIP)?.port());
        Ok(vec![
            Hint::new(
                format!("{curl} --ssl-reqd imap://{HOST}:{plain}/"),
                "anna's mailbox, which has its server's name; TLS is started by STARTTLS",
            ),
            Hint::new(
                format!("{curl} imaps://{HOST}:{secured}/"),
                "the same server, by TLS from the first byte",
            ),
        ])
    }
}

/// Somebody with a mailbox.
#[derive(Debug)]
struct User {
    name: &'static str,
    come: u8,
}

impl Visitor for User {
    fn name(&self) -> &str {
        self.name
    }

    fn visit(&mut self, stage: &mut Stage) -> Result<Visit, DemoError> {
        let user = match self.come % 3 {
            0 => self.name.to_owned(),
            1 => self.name.to_uppercase(),
            _ => format!("{}@mail.example", self.name),
        };
        let vip = if (self.come / 2).is_multiple_of(2) { VIP } else { SECURED_VIP };
        let host = 40 + self.come % 8;
        self.come += 1;
        let mailbox = look(stage, vip, host, &user, "secret")?;
        let entry = stage.logged(mailbox.local)?;
        Ok(Visit { client: self.name.to_owned(), server: mailbox.server.unwrap_or(mailbox.verdict), entry })
    }
}

/// Looks for the mailbox of a user from 127.0.0.`host`.
fn look(
    stage: &Stage,
    vip: &'static str,
    host: u8,
    user: &str,
    password: &str,
) -> Result<Mailbox, DemoError> {
    let source = IpAddr::from([127, 0, 0, host]);
    let mailer = Mailer { source, tls: stage.tls(), starts_tls: vip == VIP };
    let looked = mailer.look(HOST, stage.address(vip)?, user, password);
    looked.map_err(|error| DemoError::Client { client: user.to_owned(), vip, error })
}
