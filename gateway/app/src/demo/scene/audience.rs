//! A group of clients that a scene watches: where each belongs, who moves and who does not.

use std::fmt;

use super::super::DemoError;
use super::super::page::Page;
use super::super::stage::Stage;
use super::super::visit::{self, Visit};

/// A client that comes more than once.
pub(super) trait Visitor: fmt::Debug {
    /// Who it is.
    fn name(&self) -> &str;

    /// Comes, is served and goes. What it brings (a cookie, its address) is what it kept from before.
    fn visit(&mut self, stage: &mut Stage) -> Result<Visit, DemoError>;
}

/// Clients of one VIP, each with the server where it was last.
#[derive(Debug)]
pub(super) struct Audience<V> {
    members: Vec<Member<V>>,
}

#[derive(Debug)]
struct Member<V> {
    visitor: V,
    home: String,
}

impl<V: Visitor> Audience<V> {
    /// Everybody comes for the first time, one after the other.
    pub(super) fn arrive(visitors: Vec<V>, stage: &mut Stage) -> Result<(Self, Vec<Visit>), DemoError> {
        let mut visits = Vec::with_capacity(visitors.len());
        let mut members = Vec::with_capacity(visitors.len());
        for mut visitor in visitors {
            let visit = visitor.visit(stage)?;
            members.push(Member { visitor, home: visit.server.clone() });
            visits.push(visit);
        }
        Ok((Self { members }, visits))
    }

    /// A group that came before.
    pub(super) fn at(members: impl Iterator<Item = (V, String)>) -> Self {
        Self { members: members.map(|(visitor, home)| Member { visitor, home }).collect() }
    }

    /// Everybody comes `times` more, and belongs where it was before.
    pub(super) fn stay(
        &mut self,
        times: usize,
        stage: &mut Stage,
        page: &mut Page<'_>,
    ) -> Result<(), DemoError> {
        let mut visits = Vec::new();
        let mut strayed = Ok(());
        for member in &mut self.members {
            for _ in 0..times {
                let visit = member.visitor.visit(stage)?;
                if visit.server != member.home && strayed.is_ok() {
                    strayed =
                        Err(format!("{} was on {} and got {}", visit.client, member.home, visit.server));
                }
                visits.push(visit);
            }
        }
        page.table(&visit::table(&visits))?;
        page.claim(&format!("everybody met the same server again, {times} times out of {times}"), strayed)?;
        page.claim("the gateway's access log and the servers' own words agree", visit::log_agrees(&visits))?;
        Ok(())
    }

    /// The server `victim` dies; everybody comes again, at once and once more; then it is started again.
    pub(super) fn failover(
        &mut self,
        victim: &str,
        stage: &mut Stage,
        page: &mut Page<'_>,
    ) -> Result<(), DemoError> {
        let bereaved: Vec<&str> =
            self.members.iter().filter(|m| m.home == victim).map(|m| m.visitor.name()).collect();
        page.say(&format!(
            "Now {victim} is killed: its port refuses, its connections are gone, nobody tells the gateway. All clients \
             come again at once. Those of {victim} ({}) have to move; nobody else may.",
            bereaved.join(", ")
        ))?;
        stage.kill(victim)?;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let (mut rescued, mut faithful, mut settled) = (Ok(()), Ok(()), Ok(()));
        for member in &mut self.members {
            let visit = member.visitor.visit(stage)?;
            let bereaved = member.home == victim;
            if bereaved && visit.server == victim && rescued.is_ok() {
                rescued = Err(format!("{} is still said to be on {victim}", visit.client));
            }
            if !bereaved && visit.server != member.home && faithful.is_ok() {
                faithful = Err(format!("{} was on {} and got {}", visit.client, member.home, visit.server));
            }
            member.home.clone_from(&visit.server);
            first.push(visit);
        }
        page.table(&visit::table(&first))?;
        for member in &mut self.members {
            let visit = member.visitor.visit(stage)?;
            if visit.server != member.home && settled.is_ok() {
                settled =
                    Err(format!("{} moved again, from {} to {}", visit.client, member.home, visit.server));
            }
            second.push(visit);
        }
        page.claim(
            &format!("every client of {victim} was served by another server, without an error"),
            rescued,
        )?;
        page.claim("nobody else moved", faithful)?;
        page.claim("a second visit finds everybody where the first one did", settled)?;
        let all = [first, second].concat();
        page.claim("the gateway's access log and the servers' own words agree", visit::log_agrees(&all))?;
        stage.await_health(victim, false)?;
        stage.revive(victim)?;
        let back = stage.await_health(victim, true)?;
        page.say(&format!(
            "The gateway has taken {victim} out of the pool by now. {victim} is started again; its probe takes it in \
             after {} ms.",
            back.as_millis()
        ))?;
        Ok(())
    }

    /// Nobody goes back to a server only because it is there again.
    pub(super) fn remain(
        &mut self,
        victim: &str,
        stage: &mut Stage,
        page: &mut Page<'_>,
    ) -> Result<(), DemoError> {
        let mut restless = Ok(());
        for member in &mut self.members {
            let visit = member.visitor.visit(stage)?;
            if visit.server != member.home && restless.is_ok() {
                restless = Err(format!("{} went from {} to {}", visit.client, member.home, visit.server));
            }
        }
        page.claim(&format!("nobody moves again only because {victim} is back"), restless)?;
        Ok(())
    }

    /// The members.
    pub(super) fn visitors(&mut self) -> impl Iterator<Item = (&mut V, &str)> {
        self.members.iter_mut().map(|member| (&mut member.visitor, member.home.as_str()))
    }
}
